"""The endless series of images of settings and a seed: one by one, in batches, or written to files."""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.api import draw_seed
from digitseq.errors import SettingsError
from digitseq.formats.parts import spans
from digitseq.options import options
from digitseq.pipeline import Batch, Pipeline
from digitseq.renderer_cache import renderer_of
from digitseq.runs import Report, Stop, write_images
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.sources import Source
from digitseq.sources.choose import source_of

END = 1 << 62  # image numbers are int64, and so are places in tables of several columns


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its label.

    image: uint8 (H, W), 0 black … 255 white; text: the label
    boxes: int64 (n, 4), [x, y, w, h] of each glyph's ink in pixels; characters that are gaps have none
    """

    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SequenceBatch:
    """Images of a series as one array.

    indices: int64 (B,), their numbers, from 0
    images: uint8 (B, H, W), contiguous; widths: int64 (B,): image b is images[b, :, : widths[b]], the rest is
    background (all widths are W unless `image_width` is 0)
    texts: B strings; lengths: int64 (B,), number of glyphs: characters except gaps
    boxes: int64 (B, n, 4), [x, y, w, h] of each glyph's ink in pixels; beyond `lengths` zeros
    targets: int64 (B, n), the class of each glyph, its place in `SequenceGenerator.characters`; beyond
    `lengths` -1. The n of all batches of a generator is the same: the length of its longest text.
    """

    indices: NDArray[np.int64]
    images: NDArray[np.uint8]
    widths: NDArray[np.int64]
    texts: list[str]
    lengths: NDArray[np.int64]
    boxes: NDArray[np.int64]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


class SequenceGenerator:
    """An endless, random-access series of images that is determined by `settings` and `seed`.

    settings: what images show and look like; seed: 0 … 2⁶⁴-1; None: a random one, see the attribute `seed`
    cache: directory in which data sets are saved; None: $DIGITSEQ_CACHE, or the user's cache directory
    size: number of images of the run, needed by `unique` and `balanced`; later images repeat its texts

    `generator[i]` is the command line's image i+1 with the same settings and seed. It does not depend on earlier
    calls, the thread or the process. Thread-safe. Pickles to
    less than 10 kB (with `unique`, plus about one bit per text); other processes open the glyphs themselves.

    Raises `SettingsError` for a seed out of range, or a width that is too small for the text.

    >>> generator = SequenceGenerator(Settings(random_digits=(3, 8), image_width=160), seed=7)
    >>> generator[12].image.shape, generator[12].text, len(generator[12].boxes)
    ((28, 160), '695303', 6)
    >>> [len(batch) for batch in generator.batches(4, stop=10)]
    [4, 4, 2]
    """

    def __init__(
        self,
        settings: Settings,
        seed: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        size: int | None = None,
    ) -> None:
        if not isinstance(settings, Settings):
            raise SettingsError(f"settings must be Settings(...), got {settings!r:.60}")
        seed = draw_seed() if seed is None else options(Output)["seed"].clean("seed", seed)
        self._open(settings, seed, None if cache is None else str(Path(cache).absolute()), size)

    def _open(
        self, settings: Settings, seed: int, cache: str | None, size: int | None, source: Source | None = None
    ) -> None:
        self.settings, self.seed, self._cache, self._size = settings, seed, cache, size
        renderer = renderer_of(settings, cache)
        source = source or source_of(settings, renderer.bank.characters, size, seed)
        self._pipeline = Pipeline(settings, renderer.bank, seed, source, renderer)

    def __getstate__(self) -> tuple[Any, ...]:
        # without glyphs, which another process maps from the cache; with the source, whose table may be costly to make
        return self.settings, self.seed, self._cache, self._size, self._pipeline.source

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._open(*state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r}, seed={self.seed})"

    @property
    def characters(self) -> str:
        """The characters of the data set, in the order of their classes."""
        return self._pipeline.bank.characters

    def use_one_thread(self) -> None:
        """Disable OpenCV's threads in this process; call it in each of several worker processes."""
        self._pipeline.use_one_thread()

    def __getitem__(self, index: int) -> Sample:
        """Image `index`, from 0. Raises `IndexError` below 0: the series has no end to count from."""
        if isinstance(index, slice):
            raise TypeError("a series of images has no slices: use batches(size, start, stop)")
        i = operator.index(index)
        if not 0 <= i < END:
            raise IndexError(f"images are numbered 0 to {END - 1:,}, got {i:,}")
        return _sample(self._pipeline.batch(i, i + 1), 0)

    def __iter__(self) -> Iterator[Sample]:
        """All images, one by one, without end."""
        for start, stop in spans(0, END, self._pipeline.batch_size):
            batch = self._pipeline.batch(start, stop)
            yield from (_sample(batch, b) for b in range(len(batch)))

    def batches(self, size: int, start: int = 0, stop: int | None = None) -> Iterator[SequenceBatch]:
        """Images start … stop-1 in batches of `size`; the last batch may be smaller. Without end if stop is None.

        Raises `SettingsError` for a size below 1, or a start or stop below 0.
        """
        size, start = whole_number("size", size, 1), whole_number("start", start, 0)
        end = END if stop is None else whole_number("stop", stop, 0)
        return (self.batch(*span) for span in spans(start, end, size))

    def batch(self, start: int, stop: int) -> SequenceBatch:
        """Images start … stop-1 in one batch. Raises `IndexError` unless 0 <= start < stop."""
        if not 0 <= start < stop <= END:
            raise IndexError(f"a batch goes from 0 or more to a larger number, got {start:,} to {stop:,}")
        made = self._pipeline.batch(start, stop)
        drawn = made.classes >= 0
        targets, boxes = made.classes, made.boxes
        # A loss such as CTC wants targets without holes: glyphs after a gap move up. Most batches have no gaps.
        if (drawn[:, 1:] > drawn[:, :-1]).any():
            order = np.argsort(~drawn, axis=1, kind="stable")
            targets, boxes = np.take_along_axis(targets, order, 1), np.take_along_axis(boxes, order[:, :, None], 1)
        images, lengths = np.ascontiguousarray(made.images), drawn.sum(axis=1)
        return SequenceBatch(np.arange(start, stop), images, made.width, made.texts, lengths, boxes, targets)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> SequenceBatch:
        """The images at these indices, in this order, as one batch. Fastest for consecutive indices.

        Raises `IndexError` for none, or one below 0.
        """
        # Made in runs of numbers that follow each other, each of which is one batch, and put back into the order given.
        wanted = np.asarray(indices, np.int64)
        if not wanted.size:
            raise IndexError("a batch needs at least one index")
        order = np.argsort(wanted, kind="stable")
        ascending = wanted[order]
        runs = np.split(ascending, np.flatnonzero(np.diff(ascending) != 1) + 1)
        parts = [self.batch(int(run[0]), int(run[-1]) + 1) for run in runs]
        return _joined(parts, np.argsort(order), 255 if self.settings.invert else 0)

    def reseeded(self, seed: int) -> SequenceGenerator:
        """The series of the same settings with another seed."""
        return type(self)(self.settings, seed, self._cache, self._size)

    def write(
        self,
        output_path: str | os.PathLike[str],
        size: int,
        format: str = "png",
        processes: int = 0,
        progress: bool | Callable[[int], object] = False,
        **settings: Any,
    ) -> Report:
        """Write the first `size` images below `output_path`, as the command line does, and say what was done.

        processes: 0 or 1: in this process; -1: one per core
        progress: True for a progress bar, or a function that is called with the number of images finished since its
        last call; settings: fields of `Output` by their names, such as `labels="coco"` or `split_ratio`

        A folder that has images is continued. Its image k, counted from 1, is `generator[k-1]`, but with
        `split_ratio` each part is a series of its own.

        Raises `SettingsError`, `OutputError` and `MissingPackageError` before anything is written, `RunError`
        when the run fails midway; finished images are complete and labelled.
        """
        output = Output(
            cache=self._cache,
            output_path=os.fspath(output_path),
            format=format,
            multi_core=processes,
            size=size,
            seed=self.seed,
            **settings,
        )
        if (self.settings.unique or self.settings.balanced) and size != self._size:
            raise SettingsError(f"the texts were chosen for a run of {self._size:,} images, got size {size:,}", "size")
        with _bar(size) if progress is True else contextlib.nullcontext(progress or None) as advance:
            return write_images(self._pipeline, output, Stop(), advance)


@contextlib.contextmanager
def _bar(size: int) -> Iterator[Callable[[int], object]]:
    from tqdm import tqdm

    with tqdm(total=size, unit="image", unit_scale=True) as bar:
        yield bar.update


def _sample(batch: Batch, b: int) -> Sample:
    image = np.ascontiguousarray(batch.images[b, :, : batch.width[b]])
    return Sample(image, batch.texts[b], batch.boxes[b, batch.classes[b] >= 0])


def _joined(parts: list[SequenceBatch], order: NDArray[np.int64], paper: int) -> SequenceBatch:
    """The images of all parts in this order, padded with `paper` to the widest."""
    if len(parts) == 1 and (order[:-1] < order[1:]).all():
        return parts[0]
    widest = max(part.images.shape[2] for part in parts)
    texts = [text for part in parts for text in part.texts]
    beyond = [((0, 0), (0, 0), (0, widest - part.images.shape[2])) for part in parts]
    images = [np.pad(p.images, b, constant_values=paper) if b[2][1] else p.images for p, b in zip(parts, beyond)]
    return SequenceBatch(
        np.concatenate([part.indices for part in parts])[order],
        np.concatenate(images)[order],
        np.concatenate([part.widths for part in parts])[order],
        [texts[i] for i in order],
        np.concatenate([part.lengths for part in parts])[order],
        np.concatenate([part.boxes for part in parts])[order],
        np.concatenate([part.targets for part in parts])[order],
    )


def whole_number(name: str, value: Any, low: int) -> int:
    """`value` as an int from `low` to `END`, or `SettingsError` that names it."""
    try:
        number = -1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = -1
    if not low <= number <= END:
        raise SettingsError(f"{name} must be a whole number from {low} to {END:,}, got {value!r:.60}", name)
    return number
