"""What an operation is: draw parameters for N glyphs, then apply them to N glyphs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from digitseq.lazy_imports import import_package
from digitseq.random_streams import Rows

Pixels = NDArray[np.uint8]
Parameters = dict[str, NDArray[Any]]
Outline = NDArray[np.float64]  # (N, 2, P): x and y of P pixels of each of N glyphs, from the middle of its cell
Range = tuple[float, float]  # (low, high): uniform in between; equal ends: exactly this
CACHED_IMAGES = 32


class GlyphOperation(Protocol):
    """A distortion of single glyphs, each in a cell of its own with empty paper around it."""

    name: ClassVar[str]
    level: ClassVar[Literal["glyph", "image"]]

    @property
    def reach(self) -> int:
        """Pixels of empty paper that must surround the ink, so that glyphs do not touch each other."""

    def grown(self, height: int, width: int) -> tuple[int, int]:
        """The largest ink box that can come out when ink of at most this size goes in."""

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        """Parameters for n glyphs of every row, as arrays (B·n, …); `cell` is a cell's (height, width)."""

    def outline(self, points: Outline, rows: Rows) -> Outline:
        """Where the outermost ink of glyphs comes to lie, which is at `points`, under parameters out of `rows`.

        One row's parameters for as many glyphs as there are. Never farther out than `apply` puts ink, but for a
        pixel: what an operation adds by chance is left out.
        """

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        """uint8 (N, h, w) in, the same out; the input is left as it is."""


@dataclass(frozen=True)
class Images:
    """A batch of composed images and what is known of them.

    pixels: uint8 (B, H, W); width: int64 (B,), columns of each image that are in use
    boxes: int64 (B, n, 4), [x, y, w, h] of each glyph's ink, zeros where there is none
    inverted: black ink on white paper instead of white on black
    """

    pixels: Pixels
    width: NDArray[np.int64]
    boxes: NDArray[np.int64]
    inverted: bool = False


def repainted(
    images: Images, groups: Iterable[NDArray[np.int64]], paint: Callable[[NDArray[np.int64]], Pixels]
) -> Images:
    """`images` with the pictures of each group, their places in the batch, replaced by `paint(group)`.

    Columns that are not in use stay as they are. Without any group the images are the ones given.
    """
    groups = list(groups)
    if not groups:
        return images
    out = images.pixels.copy()
    for group in groups:
        out[group] = paint(group)
    full = out.shape[2]
    if images.width.min() < full:
        unused = np.arange(full) >= images.width[:, None]
        np.copyto(out, images.pixels, where=unused[:, None, :])
    return replace(images, pixels=out)


def in_parts(chosen: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """`chosen` in groups so small that work on one stays in the processor's cache."""
    return [chosen[first : first + CACHED_IMAGES] for first in range(0, len(chosen), CACHED_IMAGES)]


def of_one_strength(chosen: NDArray[np.int64], *strengths: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """`chosen` in such groups, in each of which every one of `strengths`, arrays (B,), has one value only."""
    if len(chosen) <= 1:
        yield from in_parts(chosen)
        return
    order = chosen[np.lexsort([strength[chosen] for strength in strengths])]
    changes = np.any([strength[order[1:]] != strength[order[:-1]] for strength in strengths], axis=0)
    for group in np.split(order, np.flatnonzero(changes) + 1):
        yield from in_parts(group)


class ImageOperation(Protocol):
    """A distortion of whole images."""

    name: ClassVar[str]
    level: ClassVar[Literal["glyph", "image"]]

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        """Parameters for the images of `rows`, as arrays (B, …).

        `size` is (H, W) of the largest image there can be: tables with a number for every pixel have that
        size, so that they do not depend on which images are made together.
        """

    def apply(self, images: Images, parameters: Parameters) -> Images:
        """The same images, distorted; the input is left as it is. images.pixels may be narrower than `size`."""


def draw_uniform(draws: NDArray[np.float64], bounds: Range) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) stretched to `bounds`."""
    low, high = bounds
    return low + draws * (high - low)


def draw_stepped(draws: NDArray[np.float64], bounds: Range, steps: int = 32) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) turned into one of `steps` numbers from low to high, evenly spaced.

    So there are images of one strength, which can be worked on together.
    """
    step = draw_integer(draws, (0, steps - 1)).astype(np.float64)
    return np.minimum(draw_uniform(step / (steps - 1), bounds), bounds[1])


def draw_integer(draws: NDArray[np.float64], bounds: Range) -> NDArray[np.int64]:
    """Uniform numbers in [0, 1) turned into whole numbers within `bounds`, both included."""
    low, high = bounds
    return (low + np.floor(draws * (high - low + 1))).astype(np.int64)


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The cv2 module, or `MissingPackageError` with the command that installs what lacks."""
    return import_package("cv2", "augmentation", "opencv-python-headless")
