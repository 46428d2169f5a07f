"""The functions for use from Python."""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import SettingsError
from digitseq.glyphs.loader import SHIPPED, cache_directory
from digitseq.options import options
from digitseq.pipeline import Batch, Pipeline
from digitseq.random_streams import GroupedRows, Rows
from digitseq.renderer import Renderer
from digitseq.renderer_cache import renderer_of
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

if TYPE_CHECKING:
    from digitseq.augment.base import Operation
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
    gaps: bool = False,
    split: Literal["train", "test", "all"] = "train",
    dataset: str = "mnist",
    transpose: bool = False,
    label_case: Literal["as_given", "upper", "lower"] = "as_given",
    invert: bool = False,
    data_augmentation: bool = False,
    random_all: bool = False,
    erode_kernel: tuple[int, int] | None = None,
    dilate_kernel: tuple[int, int] | None = None,
    angle: float | None = None,
    noise_ratio: float | None = None,
    augment: str | Operation | Iterable[str | Operation] = (),
    cache: str | os.PathLike[str] | None = None,
) -> NDArray[np.float32]:
    """One image of `digits`, of randomly chosen glyphs.

    digits: a string of characters that the data set has (with `gaps` of signs such as -, too), or integers 0 … 9
    (Python's or NumPy's)
    spacing_range: (smallest, largest) gap between two digits in pixels, ink to ink, both included
    image_width: in pixels; 0: as wide as the sequence needs
    seed: 0 … 2⁶⁴-1, makes the first image that the command line makes with this seed; None: another image at
    every call
    dataset: a name out of `datasets()`, or the path of a folder with idx files
    The others are settings of the command line by their names: see `Settings`.

    Returns float32 (28, W), 0 black … 1 white; ink is white unless `invert`. Raises `SettingsError`, a
    `ValueError`, for digits that are none, an empty sequence, a range that is upside down, a width in which the
    digits do not fit, or a setting out of its range.

    >>> generate_numbers_sequence([3, 5, 0], (0, 10), 100).shape
    (28, 100)
    >>> same = [generate_numbers_sequence("350", (0, 10), 0, seed=7, split="test", augment="light") for _ in range(2)]
    >>> bool((same[0] == same[1]).all())
    True
    """
    low, high = _pair(spacing_range)
    settings = Settings(
        number=_number(digits),
        gaps=gaps,
        split=split,
        dataset=dataset,
        transpose=transpose,
        label_case=label_case,
        image_width=image_width,
        min_spacing=low,
        max_spacing=high,
        invert=invert,
        data_augmentation=data_augmentation,
        random_all=random_all,
        erode_kernel=erode_kernel,
        dilate_kernel=dilate_kernel,
        angle=angle,
        noise_ratio=noise_ratio,
        augment=augment,
    )
    return _one(settings, seed, cache)[0]


def generate_phone_number(
    spacing_range: tuple[int, int],
    image_width: int,
    *,
    region: str = "JP",
    phone_type: Literal["mobile", "fixed_line", "any"] = "any",
    phone_format: Literal["digits", "national", "e164"] = "digits",
    seed: int | None = None,
    gaps: bool = False,
    split: Literal["train", "test", "all"] = "train",
    dataset: str = "mnist",
    transpose: bool = False,
    label_case: Literal["as_given", "upper", "lower"] = "as_given",
    invert: bool = False,
    data_augmentation: bool = False,
    random_all: bool = False,
    erode_kernel: tuple[int, int] | None = None,
    dilate_kernel: tuple[int, int] | None = None,
    angle: float | None = None,
    noise_ratio: float | None = None,
    augment: str | Operation | Iterable[str | Operation] = (),
    cache: str | os.PathLike[str] | None = None,
) -> tuple[NDArray[np.float32], str]:
    """An image of a random telephone number that is valid in `region`, and the number.

    region: ISO 3166 code of two letters; phone_type: mobile numbers, fixed line numbers, or half of each
    phone_format: digits as dialled within the country (09012345678), as the country groups them
    (090-1234-5678, with gaps=True), or international (+819012345678, with gaps=True)
    All others, what is returned and what is raised: see `generate_numbers_sequence`. Raises
    `MissingPackageError` without the package phonenumbers.

    >>> image, number = generate_phone_number((0, 10), 0, region="JP", phone_type="mobile", seed=7)
    >>> image.shape[0], len(number)
    (28, 11)
    """
    low, high = _pair(spacing_range)
    settings = Settings(
        phone=region,
        phone_type=phone_type,
        phone_format=phone_format,
        gaps=gaps,
        split=split,
        dataset=dataset,
        transpose=transpose,
        label_case=label_case,
        image_width=image_width,
        min_spacing=low,
        max_spacing=high,
        invert=invert,
        data_augmentation=data_augmentation,
        random_all=random_all,
        erode_kernel=erode_kernel,
        dilate_kernel=dilate_kernel,
        angle=angle,
        noise_ratio=noise_ratio,
        augment=augment,
    )
    return _one(settings, seed, cache)


def _one(settings: Settings, seed: int | None, cache: str | os.PathLike[str] | None) -> tuple[NDArray[np.float32], str]:
    """The image that `settings` and `seed` stand for, and its text."""
    directory = None if cache is None else os.fspath(cache)
    supply = _supply(settings, directory, os.getpid())
    return supply.take() if seed is None else supply.make(SEED.clean("seed", seed))


class _RandomBits:
    """Rows of random numbers under seeds that nobody asked for, each for one image. They are drawn many at once."""

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
    """Images of one text. Under seeds that nobody asked for some are made ahead: as many as were taken before.

    One image costs nearly as much as ten, as it is Python and not the pixels that takes the time.
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
    """All data sets that have a name: classes, glyphs, size on disk, which splits are installed, licence.

    cache: the directory in which they are saved, if not the usual one.

    >>> [info.name for info in datasets()][:2]
    ['mnist', 'emnist-byclass']
    """
    from digitseq.glyphs.installed import list_data_sets

    return list_data_sets(cache_directory(cache), SHIPPED)


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
