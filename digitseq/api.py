"""The functions for use from Python."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs.installed import DataSetInfo, list_data_sets
from digitseq.glyphs.loader import cache_directory
from digitseq.options import Number, NumberPair, Option, options
from digitseq.pipeline import Pipeline
from digitseq.random_streams import GroupedRows, Rows, draw_seed
from digitseq.renderer import Renderer
from digitseq.renderer.renderer_cache import renderer_of
from digitseq.runs.run_settings import Output
from digitseq.settings import DEFAULTS, Settings, spacing

MOST_AHEAD = 32
SEED = options(Output)["seed"]
DIGIT = Option(Number(0, 9), "")
T = TypeVar("T")
Labelled = tuple[NDArray[np.float32], str]


def generate_numbers_sequence(
    digits: str | Iterable[Any],
    spacing_range: tuple[int, int],
    image_width: int,
    *,
    seed: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> NDArray[np.float32]:
    """One image of `digits`, of randomly chosen glyphs.

    digits: a string of characters that the data set has, or integers 0 … 9 (Python's or NumPy's)
    spacing_range: (smallest, largest) gap between two digits in pixels, ink to ink, both included
    image_width: in pixels; 0: as wide as the sequence needs
    seed: 0 … 2⁶⁴-1, gives the first image that the command line makes with this seed; None: a new image in
    every call
    cache: directory in which data sets are saved; None: $DIGITSEQ_CACHE, or the user's cache directory
    settings: fields of `Settings` by their names, such as `augment="light"`, `dataset="emnist-byclass"` or
    `signs="gap"` (a gap for - + . and so on, instead of drawing them)

    Returns float32 (H, W), 0 black … 1 white, H the `image_height`, by default 28; ink is white unless `invert`.
    Raises `SettingsError`, a `ValueError`, for an empty sequence or characters without glyphs, a reversed range, a
    width that is too small for the digits, or a keyword that is no setting or has an invalid value.

    >>> generate_numbers_sequence([3, 5, 0], (0, 10), 100).shape
    (28, 100)
    >>> same = [generate_numbers_sequence("350", (0, 10), 0, seed=7, split="test", augment="light") for _ in range(2)]
    >>> bool((same[0] == same[1]).all())
    True
    """
    return _one(dict(number=_number(digits), **settings), spacing_range, image_width, seed, cache)[0]


def generate_phone_number(
    spacing_range: tuple[int, int],
    image_width: int,
    *,
    region: str = "JP",
    seed: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> tuple[NDArray[np.float32], str]:
    """An image of a random telephone number that is valid in `region`, and the number.

    region: ISO 3166 code of two letters
    settings: fields of `Settings` by their names, such as `phone_type="mobile"` or `phone_format="national"`

    The other arguments, what is returned and what is raised: see `generate_numbers_sequence`. Raises
    `MissingPackageError` without the package phonenumbers.

    >>> image, number = generate_phone_number((0, 10), 0, region="JP", phone_type="mobile", seed=7)
    >>> image.shape[0], len(number)
    (28, 11)
    """
    return _one(dict(phone=region, **settings), spacing_range, image_width, seed, cache)


def _one(values: dict[str, Any], spacing_range: Any, image_width: int, seed: int | None, cache: Any) -> Labelled:
    """The first image of these settings and `seed`, and its text."""
    gap = spacing(values.get("image_height", DEFAULTS["image_height"]))
    pair = NumberPair(gap.low, gap.high, gap.unit, parts=("smallest", "largest"))
    low, high = Option(pair, "").clean("spacing_range", spacing_range)
    settings = Settings(**values, min_spacing=low, max_spacing=high, image_width=image_width)
    pipeline, ahead = _prepared(settings, None if cache is None else os.fspath(cache), os.getpid())
    if seed is None:
        return ahead.take()
    return _images(pipeline, Rows.span(SEED.clean("seed", seed), 0, 1))[0]


class _Ahead(Generic[T]):
    """What `make` makes, each item for one call only. Many are made at once, as many as were taken before."""

    def __init__(self, make: Callable[[int], Iterable[T]], most: int) -> None:
        self._make, self._most = make, most
        self._ready: deque[T] = deque()  # no lock: a deque hands each item to one thread only
        self._count = 1

    def take(self) -> T:
        """An item that no other call gets."""
        try:
            return self._ready.popleft()
        except IndexError:
            first, *others = self._make(self._count)
        self._ready.extend(others)
        self._count = min(2 * self._count, self._most)
        return first


def _images(pipeline: Pipeline, rows: Rows) -> list[Labelled]:
    batch = pipeline.batch_of(rows)
    images = [image[:, :width] for image, width in zip(batch.images, batch.width)]
    return [(np.divide(i, np.float32(255), dtype=np.float32), text) for i, text in zip(images, batch.texts)]


# `process` is in the keys so that what was made ahead is not used twice, here and in a forked worker
@lru_cache(maxsize=16)
def _prepared(settings: Settings, cache: str | None, process: int) -> tuple[Pipeline, _Ahead[Labelled]]:
    renderer = renderer_of(settings, cache)
    pipeline, rows = Pipeline(settings, renderer.bank, 0, None, renderer), _rows(renderer, process)

    def make(count: int) -> list[Labelled]:
        return _images(pipeline, rows.take() if count == 1 else Rows.span(draw_seed(), 0, count))

    # one image takes nearly as long as ten: the time goes into Python calls, not into pixels
    return pipeline, _Ahead(make, min(MOST_AHEAD, pipeline.batch_size))


@lru_cache(maxsize=16)
def _rows(renderer: Renderer, process: int) -> _Ahead[GroupedRows]:
    """Random numbers for images of new texts: opening a table for each image would take a sixth of its time."""
    return _Ahead(lambda count: GroupedRows.group(draw_seed(), count), MOST_AHEAD)


def datasets(cache: str | None = None) -> list[DataSetInfo]:
    """All named data sets: classes, glyphs, size on disk, installed splits, licence.

    cache: the directory in which they are saved; None: the default one.

    >>> [info.name for info in datasets()][:2]
    ['mnist', 'emnist-byclass']
    """
    return list_data_sets(cache_directory(cache))


def _number(digits: str | Iterable[Any]) -> str:
    if isinstance(digits, str):
        return digits
    if not isinstance(digits, Iterable):
        raise SettingsError(f"digits must be a string or a sequence of integers, got {digits!r}", "number")
    return "".join(d if isinstance(d, str) and len(d) == 1 else str(DIGIT.clean("digits", d)) for d in digits)
