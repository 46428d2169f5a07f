"""The endless series of images of settings and a seed: one by one, in batches, or written to files."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import OutputError, SettingsError
from digitseq.formats.parts import spans
from digitseq.formats.png_encoder import encode_png
from digitseq.options import Number, Option, options
from digitseq.pipeline import Batch, Pipeline
from digitseq.random_streams import Rows, draw_seed
from digitseq.renderer.renderer_cache import renderer_of
from digitseq.runs import Report, Stop, run_images, write_images
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.sources import Source
from digitseq.sources.choose import source_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

END = 1 << 62  # image numbers are int64, and so are places in tables of several columns


@dataclass(frozen=True, eq=False)
class Sample:
    """One image with its label.

    image: uint8 (H, W), 0 black … 255 white; text: the label
    boxes: int64 (n, 4), [x, y, w, h] of each glyph's ink in pixels; characters that are gaps have none
    mask: with `Settings.masks` uint8 (H, W), 0 where there is paper, k on the ink in box k - 1; else None

    A notebook shows the image.
    """

    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.int64]
    mask: NDArray[np.uint8] | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image as a PNG file. Raises `SettingsError` for a name of another kind, and `OutputError`."""
        file = Path(path)
        if file.suffix.lower() != ".png":
            raise SettingsError(f"path must be the name of a .png file, got {os.fspath(path)!r:.60}", "path")
        try:
            file.write_bytes(self._repr_png_())
        except OSError as error:
            raise OutputError(f"cannot write {file} ({error.strerror or error})") from None

    def _repr_png_(self) -> bytes:
        return encode_png(self.image[None], np.array([self.image.shape[1]]))[0]


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
    masks: with `Settings.masks` uint8 (B, H, W), 0 where there is paper, k on the ink in box k - 1; else None
    """

    indices: NDArray[np.int64]
    images: NDArray[np.uint8]
    widths: NDArray[np.int64]
    texts: list[str]
    lengths: NDArray[np.int64]
    boxes: NDArray[np.int64]
    targets: NDArray[np.int64]
    masks: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)


class SequenceGenerator:
    """An endless, random-access series of images that is determined by `settings` and `seed`.

    settings: what images show and look like; seed: 0 … 2⁶⁴-1; None: a random one, see the attribute `seed`
    cache: directory in which data sets are saved; None: $DIGITSEQ_CACHE, or the user's cache directory
    size: number of images of the run, needed by `unique` and `balanced`; later images repeat its texts
    The attribute `characters` has the characters of the data set, in the order of their classes.

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
        self.seed: int = draw_seed() if seed is None else options(Output)["seed"].clean("seed", seed)
        self.settings, self._size = settings, size
        self._cache = None if cache is None else str(Path(cache).absolute())
        self._pipeline = self._open()
        self.characters = self._pipeline.bank.characters

    def _open(self, source: Source | None = None) -> Pipeline:
        renderer = renderer_of(self.settings, self._cache)
        source = source or source_of(self.settings, renderer.bank.characters, self._size, self.seed)
        return Pipeline(self.settings, renderer.bank, self.seed, source, renderer)

    def __getstate__(self) -> dict[str, Any]:
        # without glyphs, which another process maps from the cache; with the source, whose table may be costly to make
        return self.__dict__ | {"_pipeline": self._pipeline.source}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pipeline = self._open(state["_pipeline"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings!r}, seed={self.seed})"

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
        return self._batch(np.arange(start, stop))

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> SequenceBatch:
        """The images at these indices, in this order, as one batch. Fastest for consecutive indices.

        Raises `IndexError` for none, or one below 0.
        """
        # rows of random tables ascend: what was made is put back into the order given, and repeated
        index, order = np.unique(np.asarray(indices, np.int64), return_inverse=True)
        if not len(index) or index[0] < 0 or index[-1] >= END:
            raise IndexError(f"a batch needs at least one index, and images are numbered 0 to {END - 1:,}")
        return self._batch(index, order)

    def _batch(self, index: NDArray[np.int64], order: Any = slice(None)) -> SequenceBatch:
        """The images of `index`, ascending, in this order."""
        made = self._pipeline.batch_of(Rows(self.seed, index))
        targets, boxes, texts = made.classes[order], made.boxes[order], np.array(made.texts, object)[order].tolist()
        drawn = targets >= 0
        # A loss such as CTC wants targets without holes: glyphs after a gap move up. Most batches have no gaps.
        if (drawn[:, 1:] > drawn[:, :-1]).any():
            first = np.argsort(~drawn, axis=1, kind="stable")
            targets, boxes = np.take_along_axis(targets, first, 1), np.take_along_axis(boxes, first[:, :, None], 1)
        images, lengths = np.ascontiguousarray(made.images[order]), drawn.sum(axis=1)
        masks = None if made.masks is None else np.ascontiguousarray(made.masks[order])
        return SequenceBatch(index[order], images, made.width[order], texts, lengths, boxes, targets, masks)

    def reseeded(self, seed: int) -> SequenceGenerator:
        """The series of the same settings with another seed."""
        return type(self)(self.settings, seed, self._cache, self._size)

    def write(
        self,
        output_path: str | os.PathLike[str],
        size: int | None = None,
        format: str = "png",
        processes: int = 0,
        progress: bool | Callable[[int], object] = False,
        executor: Executor | None = None,
        **settings: Any,
    ) -> Report:
        """Write the first `size` images below `output_path`, as the command line does, and say what was done.

        size: None: one image for each text of `numbers_file` or `numbers`, or the size of the generator, or 1
        processes: 0 or 1: in this process; -1: one per core
        progress: True for a progress bar, or a function that is called with the number of images finished since its
        last call; settings: fields of `Output` by their names, such as `labels="coco"` or `split_ratio`
        executor: makes the images, instead of `processes`: any object with the `submit` of `concurrent.futures`, such
        as those of joblib, mpi4py, Ray or Dask. Its workers need the same release of digitseq, and see `output_path`.

        A folder that has images is continued. Its image k, counted from 1, is `generator[k-1]`, but with
        `split_ratio` each part is a series of its own.

        >>> from concurrent.futures import ProcessPoolExecutor
        >>> with ProcessPoolExecutor(2) as pool:  # doctest: +SKIP
        ...     generator.write("data", 100_000, "webdataset", executor=pool)

        Raises `SettingsError`, `OutputError` and `MissingPackageError` before anything is written, `RunError`
        when the run fails midway; finished images are complete and labelled.
        """
        if executor is not None and (processes or settings.get("dask")):
            name = "processes" if processes else "dask"
            raise SettingsError(f"{name} goes without `executor`, which has workers of its own: leave out one", name)
        natural = self._size or self._pipeline.source.origin.images
        output = Output(
            cache=self._cache,
            output_path=os.fspath(output_path),
            format=format,
            multi_core=processes,
            size=(natural or (None if settings.get("shards") else 1)) if size is None else size,
            seed=self.seed,
            **settings,
        )
        if (self.settings.unique or self.settings.balanced) and output.size != natural:
            raise SettingsError(f"the texts were chosen for a run of {natural:,} images, got `size` {size:,}", "size")
        from tqdm import tqdm

        with tqdm(total=run_images(output), unit="image", unit_scale=True, disable=progress is not True) as bar:
            done = progress if callable(progress) else bar.update
            return write_images(self._pipeline, output, Stop(), done, executor)


def _sample(batch: Batch, b: int) -> Sample:
    image, *mask = (
        np.ascontiguousarray(pixels[b, :, : batch.width[b]])
        for pixels in (batch.images, batch.masks)
        if pixels is not None
    )
    return Sample(image, batch.texts[b], batch.boxes[b, batch.classes[b] >= 0], *mask)


def whole_number(name: str, value: Any, low: int) -> int:
    """`value` as an int from `low` to `END`, or `SettingsError` that names it."""
    number: int = Option(Number(low, END), "").clean(name, value)
    return number
