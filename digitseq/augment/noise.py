"""Noise of sensors, paper and dust: a random number for every pixel, in whole numbers throughout."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import GlyphOperation, ImageOperation, Images, Parameters, Picked, Pixels, opencv
from digitseq.augment.boxes import between
from digitseq.augment.draws import Range, random_integers
from digitseq.augment.ranges import parameter, probability
from digitseq.glyphs.ink_extent import ink_box
from digitseq.random_streams import Rows

NORMAL_LEVELS = 256  # normal numbers are quantised to this many values, up to 3 standard deviations
NORMAL_UNIT = 1 << 10  # one standard deviation
LEVEL_UNIT = 1 << 11  # one level of brightness: the products below just fit into 32 bits


@dataclass(frozen=True)
class Noise(GlyphOperation):
    """White specks in a glyph's ink box, each on its own: dust, and a coarse scanner.

    ratio: share of the box's pixels set to white, 0 … 1; p: probability for each glyph.
    """

    ratio: Range = parameter((0.0, 0.1), "share of the box's pixels set to white", low=0, high=1)
    p: float = probability("glyph")
    specks = True
    reach = -1  # specks stay within the ink's box

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2, n)
        # places are drawn for the specks, or for the pixels between them, whichever are fewer
        fewest = 1 - self.ratio[0] if self.ratio[0] > 0.5 else min(self.ratio[1], 0.5)
        area = cell[0] * cell[1]
        most, kind = math.ceil(_places(fewest, area)) + 1, np.uint16 if area < 1 << 13 else np.uint32
        return {
            "ratio": np.where(on, self.strengths(draws[:, 0]), self.neutral),
            "rounding": draws[:, 1],
            "places": random_integers(rows, "places", (most,), kind, n),
        }

    def grown_size(self, size: NDArray[np.int64], parameters: Parameters) -> NDArray[np.int64]:
        return size

    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        out, ratio = cells.copy(), parameters["ratio"]
        for chosen, dense in (
            (np.flatnonzero((ratio > 0) & (ratio <= 0.5)), False),
            (np.flatnonzero(ratio > 0.5), True),
        ):
            if chosen.size:
                some = cells[chosen]
                left, right, top, bottom = box = ink_box(some)
                number = _places(1 - ratio[chosen] if dense else ratio[chosen], (right - left) * (bottom - top))
                number = (number + parameters["rounding"][chosen]).astype(np.int64)
                place = _flat(Picked(parameters, chosen)["places"], number, box, some.shape)
                flat = some.reshape(-1)
                new = np.full(len(place), 255, np.uint8)
                if dense:
                    new = flat[place]
                    some |= (
                        between(left, right, some.shape[1])[:, :, None] & between(top, bottom, some.shape[2])[:, None]
                    )
                flat[place] = new
                out[chosen] = some
        return out


def _places(share: Any, area: Any) -> Any:
    """How many random places, some of them alike, are this share of the pixels of an area."""
    return -area * np.log1p(-np.asarray(share))


def _flat(
    draws: NDArray[Any], number: NDArray[np.int64], box: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Flat indices of the first `number` (N,) of places, drawn (N, most), in the boxes of turned cells of `shape`."""
    wider: Any = np.uint32 if draws.dtype == np.uint16 else np.uint64
    left, right, top, bottom = box.astype(wider)[:, :, None]
    tall = bottom - top
    place: NDArray[Any] = draws.astype(wider)
    place *= tall * (right - left)
    place >>= wider(8 * draws.itemsize)
    # a division by multiplication: half a pixel is farther from the next column than float32 rounds
    column = place.astype(np.float32)
    column += np.float32(0.5)
    column *= (1 / np.maximum(tall, 1)).astype(np.float32)
    place += column.astype(wider) * (wider(shape[2]) - tall)
    place += (np.arange(shape[0], dtype=wider)[:, None] * wider(shape[1]) + left) * wider(shape[2]) + top
    return place[np.arange(draws.shape[1]) < number[:, None]].astype(np.int64)


class _PixelNoise(ImageOperation):
    """An operation that draws a number of type `noise_type` for every pixel. `unit`: of a strength, for `noisy`."""

    noise_type: ClassVar[type[np.unsignedinteger[Any]]] = np.uint8
    unit: ClassVar[int] = LEVEL_UNIT

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        return super().draw(rows, size) | {"noise": random_integers(rows, "pixels", size, self.noise_type)}

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        noise = parameters["noise"][:, :, : images.pixels.shape[2]]
        strength = np.rint(parameters[self.strength_name] * self.unit).astype(np.int32)[:, None, None]
        return self.noisy(images.pixels, noise, strength)

    @abstractmethod
    def noisy(self, pixels: Pixels, noise: NDArray[Any], strength: NDArray[np.int32]) -> Pixels:
        """The pixels (N, H, W) with noise of this strength, (N, 1, 1), in whole numbers."""


@dataclass(frozen=True)
class GaussianNoise(_PixelNoise):
    """Grain that is the same on ink and paper: the read-out noise of a scanner or camera sensor.

    std: standard deviation, share of full scale, 0 … 1; p: probability for each image.
    """

    std: Range = parameter((0.02, 0.12), "standard deviation", low=0, high=1, unit="of full scale")
    p: float = probability("image")
    unit = 255 * LEVEL_UNIT

    def noisy(self, pixels: Pixels, noise: NDArray[Any], strength: NDArray[np.int32]) -> Pixels:
        return _added(pixels, _normal(noise) * strength)


@dataclass(frozen=True)
class Speckle(_PixelNoise):
    """Grain in proportion to brightness: black stays black. Coherent light and toner make it.

    Source: J. W. Goodman, "Some fundamental properties of speckle", JOSA 66 (1976).

    std: standard deviation, share of the pixel's own brightness, 0 … 1; p: probability for each image.
    """

    std: Range = parameter((0.05, 0.2), "standard deviation", low=0, high=1, unit="of the pixel's brightness")
    p: float = probability("image")

    def noisy(self, pixels: Pixels, noise: NDArray[Any], strength: NDArray[np.int32]) -> Pixels:
        return _added(pixels, _normal(noise) * (pixels * strength))


@dataclass(frozen=True)
class SaltPepper(_PixelNoise):
    """Pixels that are white or black, half of them each: dust, dead sensor cells, a bad threshold.

    ratio: share of all pixels, 0 … 1; p: probability for each image.
    """

    ratio: Range = parameter((0.005, 0.04), "share of all pixels that turn white or black", low=0, high=1)
    p: float = probability("image")
    noise_type, unit = np.uint16, 1 << 15

    def noisy(self, pixels: Pixels, noise: NDArray[Any], strength: NDArray[np.int32]) -> Pixels:
        each = strength.astype(np.uint16)
        salt, pepper = noise < each, ~noise < each
        # bit masks, 255 where true: several times as fast as np.where
        return (pixels | np.negative(salt.view(np.uint8))) & (pepper.view(np.uint8) - np.uint8(1))


def _normal(noise: Pixels) -> NDArray[np.int32]:
    """Random bytes turned into normal numbers, int32, in units of 1/`NORMAL_UNIT`."""
    normal: NDArray[np.int32] = opencv().LUT(noise.reshape(-1, noise.shape[2]), _normal_table())
    return normal.reshape(noise.shape)


@lru_cache(maxsize=1)
def _normal_table() -> NDArray[np.int32]:
    """int32 (256,): the means of 256 equally likely slices of the normal distribution, scaled to a variance of 1."""
    normal = NormalDist()
    density = [normal.pdf(normal.inv_cdf(k / NORMAL_LEVELS)) for k in range(1, NORMAL_LEVELS)]
    mean = -np.diff([0.0, *density, 0.0])
    table: NDArray[np.int32] = np.rint(mean / np.sqrt(np.mean(mean**2)) * NORMAL_UNIT).astype(np.int32)
    return table


def _added(pixels: Pixels, noise: NDArray[np.int32]) -> Pixels:
    """Pixels plus `noise`, clipped to 0 … 255. The noise is in units of both constants multiplied, and overwritten."""
    unit = NORMAL_UNIT * LEVEL_UNIT
    noise += unit // 2
    noise >>= unit.bit_length() - 1
    noise += pixels
    np.clip(noise, 0, 255, out=noise)
    return noise.astype(np.uint8)
