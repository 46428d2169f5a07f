"""Noise of sensors, paper and dust: a random number for every pixel, in whole numbers throughout."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Images, Parameters, Pixels, draw_uniform, in_parts, opencv, repainted
from digitseq.augment.ranges import check, parameter, probability
from digitseq.random_streams import Rows

NORMAL_LEVELS = 256  # a normal number is one of so many, which reach to 3 standard deviations
NORMAL_UNIT = 1 << 10  # stands for one standard deviation
LEVEL_UNIT = 1 << 11  # stands for one level of brightness: the products below just stay within 32 bits


@dataclass(frozen=True)
class GaussianNoise:
    """Grain that is the same on ink and paper: the read-out noise of a scanner or camera sensor.

    std: standard deviation, share of full scale, 0 … 1; p: probability for each image.
    """

    std: tuple[float, float] = parameter((0.02, 0.12), "standard deviation", low=0, high=1, unit="of full scale")
    p: float = probability("image")
    name: ClassVar[str] = "gaussian_noise"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        std = draw_uniform(draws[:, 1], self.std)
        return {"on": draws[:, 0] < self.p, "std": std, "random_bits": _random_bits(rows, size, np.uint8)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        random_bits = parameters["random_bits"][:, :, : images.pixels.shape[2]]
        strength = np.rint(parameters["std"] * 255 * LEVEL_UNIT).astype(np.int32)[:, None, None]

        def paint(some: NDArray[np.int64]) -> Pixels:
            return _added(images.pixels[some], _normal(random_bits[some]) * strength[some])

        return repainted(images, in_parts(np.flatnonzero(parameters["on"] & (parameters["std"] > 0))), paint)


@dataclass(frozen=True)
class Speckle:
    """Grain in proportion to brightness: black stays black. Coherent light and toner make it.

    Source: J. W. Goodman, "Some fundamental properties of speckle", JOSA 66 (1976).

    std: standard deviation, share of the pixel's own brightness, 0 … 1; p: probability for each image.
    """

    std: tuple[float, float] = parameter(
        (0.05, 0.2), "standard deviation", low=0, high=1, unit="of the pixel's brightness"
    )
    p: float = probability("image")
    name: ClassVar[str] = "speckle"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        std = draw_uniform(draws[:, 1], self.std)
        return {"on": draws[:, 0] < self.p, "std": std, "random_bits": _random_bits(rows, size, np.uint8)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        random_bits = parameters["random_bits"][:, :, : images.pixels.shape[2]]
        strength = np.rint(parameters["std"] * LEVEL_UNIT).astype(np.int32)[:, None, None]

        def paint(some: NDArray[np.int64]) -> Pixels:
            pixels = images.pixels[some]
            return _added(pixels, _normal(random_bits[some]) * (pixels * strength[some]))

        return repainted(images, in_parts(np.flatnonzero(parameters["on"] & (parameters["std"] > 0))), paint)


@dataclass(frozen=True)
class SaltPepper:
    """Pixels that are white or black, half of them each: dust, dead sensor cells, a bad threshold.

    ratio: share of all pixels, 0 … 1; p: probability for each image.
    """

    ratio: tuple[float, float] = parameter((0.005, 0.04), "share of all pixels that turn white or black", low=0, high=1)
    p: float = probability("image")
    name: ClassVar[str] = "salt_pepper"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        ratio = draw_uniform(draws[:, 1], self.ratio)
        return {"on": draws[:, 0] < self.p, "ratio": ratio, "random_bits": _random_bits(rows, size, np.uint16)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        random_bits = parameters["random_bits"][:, :, : images.pixels.shape[2]]
        each = np.rint(parameters["ratio"] * (1 << 15)).astype(np.uint16)[:, None, None]

        def paint(some: NDArray[np.int64]) -> Pixels:
            salt, pepper = random_bits[some] < each[some], ~random_bits[some] < each[some]
            # bit masks, 255 where true: several times as fast as np.where
            white = np.negative(salt.view(np.uint8))
            pixels: Pixels = (images.pixels[some] | white) & (pepper.view(np.uint8) - np.uint8(1))
            return pixels

        return repainted(images, in_parts(np.flatnonzero(parameters["on"] & (parameters["ratio"] > 0))), paint)


def _random_bits(rows: Rows, size: tuple[int, int], dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """Random bits for every pixel: (B, H, W), whole numbers evenly spread over the range of `dtype`."""
    pixels = size[0] * size[1]
    blocks = -(-pixels * np.dtype(dtype).itemsize // 32)  # of four words, as rows of words are made
    random_bits = np.ascontiguousarray(rows.words("pixels", 4 * blocks)).view(dtype)
    return random_bits[:, :pixels].reshape(-1, *size)


def _normal(random_bits: Pixels) -> NDArray[np.int32]:
    """Random bytes turned into normal numbers, int32, in parts of `NORMAL_UNIT`."""
    normal: NDArray[np.int32] = opencv().LUT(random_bits.reshape(-1, random_bits.shape[2]), _normal_table())
    return normal.reshape(random_bits.shape)


@lru_cache(maxsize=1)
def _normal_table() -> NDArray[np.int32]:
    """int32 (256,): the means of 256 equally likely slices of the normal distribution, scaled to a variance of 1."""
    normal = NormalDist()
    density = [normal.pdf(normal.inv_cdf(k / NORMAL_LEVELS)) for k in range(1, NORMAL_LEVELS)]
    mean = -np.diff([0.0, *density, 0.0])
    table: NDArray[np.int32] = np.rint(mean / np.sqrt(np.mean(mean**2)) * NORMAL_UNIT).astype(np.int32)
    return table


def _added(pixels: Pixels, noise: NDArray[np.int32]) -> Pixels:
    """Pixels with `noise` added, saturated; it is worked on in place and comes in products of the two units."""
    unit = NORMAL_UNIT * LEVEL_UNIT
    noise += unit // 2
    noise >>= unit.bit_length() - 1
    noise += pixels
    np.clip(noise, 0, 255, out=noise)
    return noise.astype(np.uint8)
