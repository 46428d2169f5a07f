"""The functions for use from Python."""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs.loader import cache_directory
from digitseq.options import options
from digitseq.pipeline import Batch, Pipeline
from digitseq.random_streams import GroupedRows, Rows
from digitseq.renderer import Renderer
from digitseq.renderer_cache import renderer_of
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

if TYPE_CHECKING:
    from digitseq.glyphs.installed import DataSetInfo

SEED_BYTES = 6  # exact in JSON readers that hold numbers as doubles
MOST_AHEAD = 32
SEED = options(Output)["seed"]


def draw_seed() -> int:
    """A seed from the operating system's randomness."""
    return int.from_bytes(os.urandom(SEED_BYTES), "big")


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
    `gaps=True` (a gap for signs that have no glyph)

    Returns float32 (28, W), 0 black … 1 white; ink is white unless `invert`. Raises `SettingsError`, a
    `ValueError`, for an empty sequence or characters without glyphs, a reversed range, a width that is too small
    for the digits, or an invalid setting; `TypeError` for a keyword that is not a setting.

    >>> generate_numbers_sequence([3, 5, 0], (0, 10), 100).shape
    (28, 100)
    >>> same = [generate_numbers_sequence("350", (0, 10), 0, seed=7, split="test", augment="light") for _ in range(2)]
    >>> bool((same[0] == same[1]).all())
    True
    """
    return _one({"number": _number(digits)}, spacing_range, image_width, settings, seed, cache)[0]


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
    settings: fields of `Settings` by their names, such as `phone_type="mobile"` or, with `gaps=True`,
    `phone_format="national"`

    The other arguments, what is returned and what is raised: see `generate_numbers_sequence`. Raises
    `MissingPackageError` without the package phonenumbers.

    >>> image, number = generate_phone_number((0, 10), 0, region="JP", phone_type="mobile", seed=7)
    >>> image.shape[0], len(number)
    (28, 11)
    """
    return _one({"phone": region}, spacing_range, image_width, settings, seed, cache)


def _one(
    source: dict[str, Any],
    spacing_range: Any,
    image_width: int,
    others: dict[str, Any],
    seed: int | None,
    cache: str | os.PathLike[str] | None,
) -> tuple[NDArray[np.float32], str]:
    """The first image of these settings and `seed`, and its text."""
    low, high = _pair(spacing_range)
    settings = Settings(**source, min_spacing=low, max_spacing=high, image_width=image_width, **others)
    supply = _supply(settings, None if cache is None else os.fspath(cache), os.getpid())
    return supply.take() if seed is None else supply.make(SEED.clean("seed", seed))


class _RandomBits:
    """Rows of random numbers for calls without a seed, each for one image. Many are drawn at once."""

    def __init__(self) -> None:
        self._ready: deque[Rows] = deque()

    def take(self) -> Rows:
        """A row that no other call gets."""
        try:
            return self._ready.popleft()
        except IndexError:
            first, *others = GroupedRows.group(draw_seed(), MOST_AHEAD)
        self._ready.extend(others)
        return first


class _Supply:
    """Images of one text. For calls without a seed some are made ahead, as many as were taken before.

    One image takes nearly as long as ten: the time goes into Python calls, not into pixels.
    """

    def __init__(self, pipeline: Pipeline, random_bits: _RandomBits) -> None:
        self._pipeline, self._random_bits = pipeline, random_bits
        self._ready: deque[tuple[NDArray[np.float32], str]] = deque()
        self._ahead = 1
        self._most = min(MOST_AHEAD, pipeline.batch_size)

    def take(self) -> tuple[NDArray[np.float32], str]:
        """An image that no other call gets, and its text."""
        try:
            return self._ready.popleft()
        except IndexError:
            rows = self._random_bits.take() if self._ahead == 1 else Rows.span(draw_seed(), 0, self._ahead)
            first, *others = self._made(rows)
        self._ready.extend(others)
        self._ahead = min(2 * self._ahead, self._most)
        return first

    def make(self, seed: int) -> tuple[NDArray[np.float32], str]:
        """The first image under `seed`, and its text."""
        return self._made(Rows.span(seed, 0, 1))[0]

    def _made(self, rows: Rows) -> list[tuple[NDArray[np.float32], str]]:
        batch = self._pipeline.batch_of(0, rows, self._pipeline.source.codes(rows))
        return [(_scaled(batch, b), text) for b, text in enumerate(batch.texts)]


def _scaled(batch: Batch, b: int) -> NDArray[np.float32]:
    image = batch.images[b, :, : batch.width[b]]
    scaled: NDArray[np.float32] = np.divide(image, np.float32(255), dtype=np.float32)
    return scaled


@lru_cache(maxsize=16)
def _supply(settings: Settings, cache: str | None, process: int) -> _Supply:
    # `process` keeps what was made ahead from being used twice, here and in a forked worker
    renderer = renderer_of(settings, cache)
    return _Supply(Pipeline(settings, renderer.bank, 0, None, renderer), _random_bits(renderer, process))


@lru_cache(maxsize=16)
def _random_bits(renderer: Renderer, process: int) -> _RandomBits:
    return _RandomBits()


def datasets(cache: str | None = None) -> list[DataSetInfo]:
    """All named data sets: classes, glyphs, size on disk, installed splits, licence.

    cache: the directory in which they are saved; None: the default one.

    >>> [info.name for info in datasets()][:2]
    ['mnist', 'emnist-byclass']
    """
    from digitseq.glyphs.installed import list_data_sets

    return list_data_sets(cache_directory(cache))


def _pair(spacing_range: Any) -> tuple[Any, Any]:
    try:
        low, high = spacing_range
    except (TypeError, ValueError):
        message = f"spacing_range must be two whole numbers, smallest and largest gap, got {spacing_range!r}"
        raise SettingsError(message, "spacing_range") from None
    return low, high


def _number(digits: str | Iterable[Any]) -> str:
    if isinstance(digits, str):
        return digits
    if not isinstance(digits, Iterable):
        raise SettingsError(f"digits must be a string or a sequence of integers, got {digits!r}", "number")
    return "".join(_digit(value) for value in digits)


def _digit(value: Any) -> str:
    if isinstance(value, str) and len(value) == 1:
        return value
    try:
        digit = operator.index(value)
    except TypeError:
        digit = -1
    if isinstance(value, bool) or not 0 <= digit <= 9:
        raise SettingsError(f"digits must be integers from 0 to 9, got {value!r}", "number")
    return str(digit)
