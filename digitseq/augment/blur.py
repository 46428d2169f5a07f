"""Loss of sharpness: lenses, moving paper, coarse scans and lossy files.

Images with equal strength are worked on together, so strengths are drawn from a fixed set. All sums are of whole
numbers, as the images of a batch must not depend on each other by so much as a rounding. Beyond its borders an
image is taken to go on as its outermost pixels are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import (
    Images,
    Parameters,
    Pixels,
    draw_integer,
    draw_stepped,
    draw_uniform,
    of_one_strength,
    opencv,
    repainted,
)
from digitseq.augment.ranges import check, parameter, probability
from digitseq.random_streams import Rows

STROKES = 32  # pairs of a motion's length and angle
GOLDEN = (math.sqrt(5) - 1) / 2
WEIGHTS = 256  # what the weights of a mean add up to: with 8-bit pixels, sums stay within 16 bits
BLOCK = 8  # JPEG works on blocks of 8 × 8
JPEG_SIDE = 32_768  # a multiple of BLOCK below 65,500, libjpeg's longest side


@dataclass(frozen=True)
class Blur:
    """Out of focus, or ink that bleeds: a Gaussian.

    sigma: standard deviation of the Gaussian, pixels, 0 … 20, one of 32 values; p: probability for each image.
    """

    sigma: tuple[float, float] = parameter((0.3, 1.0), "standard deviation", low=0, high=20, unit="pixels")
    p: float = probability("image")
    name: ClassVar[str] = "blur"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "sigma": draw_stepped(draws[:, 1], self.sigma)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        sigma = parameters["sigma"]
        pixels = _extended(images)

        def paint(some: NDArray[np.int64]) -> Pixels:
            width = float(sigma[some[0]])
            reach = math.ceil(3 * width)
            sheet = _padded(pixels[some], reach)
            flat = sheet.reshape(-1, sheet.shape[2])
            cv = opencv()
            side = (2 * reach + 1, 2 * reach + 1)
            blurred: Pixels = cv.GaussianBlur(flat, side, width, sigmaY=width, borderType=cv.BORDER_REPLICATE)
            return blurred.reshape(sheet.shape)[:, reach : sheet.shape[1] - reach]

        return repainted(images, of_one_strength(np.flatnonzero(parameters["on"] & (sigma > 0)), sigma), paint)


@dataclass(frozen=True)
class MotionBlur:
    """A page or camera that moved while the picture was taken: the mean along a line.

    length: of the line, pixels, 0 … 31, up to 1 is no blur; angle: of the line, degrees counter-clockwise from
    the horizontal, -180 … 180; p: probability for each image. Ranges of both give 32 lines in all.
    """

    length: tuple[float, float] = parameter((1.5, 4), "length of the motion", low=0, high=31, unit="pixels")
    angle: tuple[float, float] = parameter(
        (0, 180), "direction, counter-clockwise from the horizontal", low=-180, high=180, unit="degrees"
    )
    p: float = probability("image")
    name: ClassVar[str] = "motion_blur"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        stroke = draw_integer(draws[:, 1], (0, STROKES - 1)).astype(np.float64)
        # multiples of the golden section, modulo one, spread the angles evenly however many lengths there are
        return {
            "on": draws[:, 0] < self.p,
            "length": draw_stepped(draws[:, 1], self.length, STROKES),
            "angle": draw_uniform(stroke * GOLDEN % 1, self.angle),
        }

    def apply(self, images: Images, parameters: Parameters) -> Images:
        length, angle = parameters["length"], parameters["angle"]
        pixels = _extended(images)

        def paint(some: NDArray[np.int64]) -> Pixels:
            y, x, weight = _line(float(length[some[0]]), float(angle[some[0]]))
            return _mean_of_shifts(pixels[some], y, x, weight)

        chosen = np.flatnonzero(parameters["on"] & (length > 1))
        return repainted(images, of_one_strength(chosen, length, angle), paint)


@dataclass(frozen=True)
class Downscale:
    """A scan of low resolution, brought back to size: down by the mean over areas, up by lines in between.

    factor: pixels that become one, along each axis, 1 … 8, one of 16 values; p: probability for each image.
    """

    factor: tuple[float, float] = parameter((1.2, 2), "pixels that become one, along each axis", low=1, high=8)
    p: float = probability("image")
    name: ClassVar[str] = "downscale"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "factor": draw_stepped(draws[:, 1], self.factor, steps=16)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        factor = parameters["factor"]
        pixels = _extended(images)
        height, width = pixels.shape[1:]

        def paint(some: NDArray[np.int64]) -> Pixels:
            by = float(factor[some[0]])
            small = means(pixels[some], _areas(height, by))
            # columns are as good as rows once they are rows
            turned = means(np.ascontiguousarray(small.transpose(0, 2, 1)), _areas(width, by))
            turned = means(turned, between(width, by))
            return means(np.ascontiguousarray(turned.transpose(0, 2, 1)), between(height, by))

        return repainted(images, of_one_strength(np.flatnonzero(parameters["on"] & (factor > 1)), factor), paint)


@dataclass(frozen=True)
class Jpeg:
    """A picture that was kept as a lossy file: rings around strokes, and blocks of 8 × 8 pixels.

    Source: ITU-T T.81 (1992); quality as the Independent JPEG Group's library counts it.

    quality: 1 … 100, whole numbers, worst to best; p: probability for each image.
    """

    quality: tuple[int, int] = parameter((30, 90), "quality of the file, 100 the best", low=1, high=100, integer=True)
    p: float = probability("image")
    name: ClassVar[str] = "jpeg"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "quality": draw_integer(draws[:, 1], self.quality)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        quality = parameters["quality"]
        pixels = _extended(images)
        height, width = pixels.shape[1:]
        # whole blocks, so that no block belongs to two images: each block is coded on its own
        edges = ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK))
        blocks = np.pad(pixels, edges, mode="edge")

        def paint(some: NDArray[np.int64]) -> Pixels:
            sheet = blocks[some].reshape(-1, blocks.shape[2])
            coded = _through_jpeg(sheet, int(quality[some[0]]))
            return coded.reshape(-1, *blocks.shape[1:])[:, :height, :width]

        return repainted(images, of_one_strength(np.flatnonzero(parameters["on"]), quality), paint)


def _extended(images: Images) -> Pixels:
    """The pixels, with the last column in use repeated over those that are not."""
    full = images.pixels.shape[2]
    if images.width.min() == full:
        return images.pixels
    last = np.take_along_axis(images.pixels, images.width[:, None, None] - 1, axis=2)
    unused = np.arange(full) >= images.width[:, None]
    return np.where(unused[:, None, :], last, images.pixels)


def _padded(pixels: Pixels, above: int) -> Pixels:
    """A copy with `above` rows more above and below, equal to the outermost ones."""
    count, height, width = pixels.shape
    out = np.empty((count, height + 2 * above, width), np.uint8)  # np.pad takes several times as long
    out[:, above : above + height] = pixels
    out[:, :above] = pixels[:, :1]
    out[:, above + height :] = pixels[:, -1:]
    return out


@lru_cache(maxsize=256)
def _line(length: float, angle: float) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]:
    """y, x and weight of the pixels of a line through (0, 0); the weights add up to `WEIGHTS`."""
    reach = math.ceil((length - 1) / 2) + 1
    along = np.linspace(-(length - 1) / 2, (length - 1) / 2, math.ceil(length))
    y, x = -along * math.sin(math.radians(angle)), along * math.cos(math.radians(angle))
    grid = np.arange(-reach, reach + 1)
    # every point shares its weight among the four pixels around it
    rows = np.clip(1 - np.abs(grid[:, None] - y), 0, None)
    columns = np.clip(1 - np.abs(grid[:, None] - x), 0, None)
    weight = _whole(((rows @ columns.T) / len(along)).ravel()).reshape(len(grid), -1)
    row, column = np.nonzero(weight)
    return grid[row], grid[column], weight[row, column]


def _whole(share: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Shares of one along the first axis turned into whole weights that add up to `WEIGHTS`."""
    up_to = np.rint(np.cumsum(share, axis=0) * WEIGHTS).astype(np.uint16)
    return np.diff(up_to, axis=0, prepend=np.zeros_like(up_to[:1]))


def _mean_of_shifts(pixels: Pixels, y: NDArray[np.int64], x: NDArray[np.int64], weight: NDArray[np.uint16]) -> Pixels:
    """Weighted mean of each pixel's neighbours at y, x."""
    height, width = pixels.shape[1:]
    above, beside = int(np.abs(y).max()), int(np.abs(x).max())
    source = np.empty((len(pixels), height + 2 * above, width + 2 * beside), np.uint16)
    source[:, :, beside : beside + width] = _padded(pixels, above)
    source[:, :, :beside] = source[:, :, beside : beside + 1]
    source[:, :, beside + width :] = source[:, :, beside + width - 1 : beside + width]
    total = np.full(pixels.shape, WEIGHTS // 2, np.uint16)
    term = np.empty_like(total)
    for top, left, share in zip((y + above).tolist(), (x + beside).tolist(), weight):
        total += np.multiply(source[:, top : top + height, left : left + width], share, out=term)
    return (total // WEIGHTS).astype(np.uint8)


Taps = tuple[NDArray[np.int64], NDArray[np.uint16]]  # index and weight (K, m): a mean of K rows for each of m rows


@lru_cache(maxsize=256)
def _areas(size: int, factor: float) -> Taps:
    """Means over areas `factor` long, one more than cover `size` pixels."""
    edge = np.arange(math.ceil(size / factor) + 2) * factor
    pixel = np.floor(edge[:-1]).astype(np.int64) + np.arange(math.ceil(factor) + 1)[:, None]
    covered = np.clip(np.minimum(pixel + 1, edge[1:]) - np.maximum(pixel, edge[:-1]), 0, None)
    weight = _whole(covered / factor)
    needed = weight.any(axis=1)
    return np.minimum(pixel, size - 1)[needed], weight[needed]


@lru_cache(maxsize=256)
def between(size: int, factor: float) -> Taps:
    """Linear interpolation of `size` pixels between the middles of areas `factor` long."""
    place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, None)
    first = np.floor(place).astype(np.int64)
    return np.stack([first, first + 1]), _whole(np.stack([1 - (place - first), place - first]))


def means(pixels: Pixels, taps: Taps) -> Pixels:
    """Weighted means of rows: uint8 (N, h, w) in, (N, m, w) out."""
    index, weight = taps
    count, _, width = pixels.shape
    total = np.full((count, index.shape[1] * width), WEIGHTS // 2, np.uint16)
    for rows, shares in zip(index, weight):
        total += pixels.take(rows, axis=1).reshape(total.shape) * shares.repeat(width)
    return (total // WEIGHTS).astype(np.uint8).reshape(count, -1, width)


def _through_jpeg(sheet: Pixels, quality: int) -> Pixels:
    """A sheet of whole blocks, coded and decoded."""
    cv, out = opencv(), np.empty_like(sheet)
    for top in range(0, sheet.shape[0], JPEG_SIDE):
        for left in range(0, sheet.shape[1], JPEG_SIDE):
            part = np.s_[top : top + JPEG_SIDE, left : left + JPEG_SIDE]
            _, file = cv.imencode(".jpg", sheet[part], [cv.IMWRITE_JPEG_QUALITY, quality])
            out[part] = cv.imdecode(file, cv.IMREAD_GRAYSCALE)
    return out
