"""Loss of sharpness, and what mends it: lenses, moving paper, lossy files, sharpening.

Images with equal strength are worked on together, so strengths are drawn from a fixed set. All sums are of whole
numbers, as the images of a batch must not depend on each other by so much as a rounding. Beyond its borders an
image continues with its outermost pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels, opencv
from digitseq.augment.draws import Range, draw_integer, draw_uniform
from digitseq.augment.means import WEIGHTS, integer_weights
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

GOLDEN = (math.sqrt(5) - 1) / 2
BLOCK = 8  # JPEG works on blocks of 8 × 8
JPEG_SIDE = 32_768  # a multiple of BLOCK below 65,500, libjpeg's longest side


@dataclass(frozen=True)
class Blur(ImageOperation):
    """Out of focus, or ink that bleeds: a Gaussian.

    sigma: standard deviation of the Gaussian, pixels, 0 … 20, one of 32 values; p: probability for each image.
    """

    sigma: Range = parameter((0.3, 1.0), "standard deviation", low=0, high=20, unit="pixels")
    p: float = probability("image")
    steps = 32

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        return _blurred(images.continued(), parameters["sigma"][0].item())


@dataclass(frozen=True)
class Sharpen(ImageOperation):
    """Unsharp masking, as cameras and scanners do: edges get steeper, with a light and a dark fringe.

    amount: share of the difference from the blurred image that is added, 0 … 5; radius: standard deviation of that
    blur, pixels, 0.3 … 20; p: probability for each image.
    """

    amount: Range = parameter((0.3, 1.2), "difference from the blurred image that is added", low=0, high=5)
    radius: float = parameter(1.0, "standard deviation of that blur", low=0.3, high=20, unit="pixels", single=True)
    p: float = probability("image")

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        pixels = images.continued()
        edges = pixels.astype(np.int32)
        edges -= _blurred(pixels, self.radius)
        edges *= np.rint(WEIGHTS * parameters["amount"]).astype(np.int32)[:, None, None]
        edges //= WEIGHTS
        edges += pixels
        return np.clip(edges, 0, 255, out=edges).astype(np.uint8)


@dataclass(frozen=True)
class MotionBlur(ImageOperation):
    """A page or camera that moved during the exposure: averages along a line.

    length: of the line, pixels, 0 … 31, up to 1 is no blur; angle: of the line, degrees counter-clockwise from
    the horizontal, -180 … 180; p: probability for each image. Ranges of both give 32 lines in all.
    """

    length: Range = parameter((1.5, 4), "length of the motion", low=0, high=31, unit="pixels")
    angle: Range = parameter(
        (0, 180), "direction, counter-clockwise from the horizontal", low=-180, high=180, unit="degrees"
    )
    p: float = probability("image")
    steps = 32

    def _lengths(self, factor: float) -> dict[str, Any]:
        # a line of one pixel is no motion, at any size
        return {"length": tuple(1 + (length - 1) * factor for length in self.length)}

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 1)
        line = draw_integer(draws[:, 0], (0, self.steps - 1)).astype(np.float64)
        # multiples of the golden section, modulo one, spread the angles evenly however many lengths there are
        return {
            "on": on,
            "length": self.strengths(draws[:, 0]),
            "angle": draw_uniform(line * GOLDEN % 1, self.angle),
        }

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        return parameters["length"] > 1

    def grouped_by(self) -> tuple[str, ...]:
        return "length", "angle"

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        y, x, weight = _line(parameters["length"][0].item(), parameters["angle"][0].item())
        height, width = images.pixels.shape[1:]
        above, beside = int(np.abs(y).max()), int(np.abs(x).max())
        source = _padded(images.continued(), (above, above), (beside, beside), np.uint16)
        total = np.full(images.pixels.shape, WEIGHTS // 2, np.uint16)
        term = np.empty_like(total)
        for top, left, share in zip((y + above).tolist(), (x + beside).tolist(), weight):
            total += np.multiply(source[:, top : top + height, left : left + width], share, out=term)
        return (total // WEIGHTS).astype(np.uint8)


@dataclass(frozen=True)
class Jpeg(ImageOperation):
    """JPEG artefacts: ringing around strokes, and blocks of 8 × 8 pixels.

    Source: ITU-T T.81 (1992); quality as the Independent JPEG Group's library counts it.

    quality: 1 … 100, whole numbers, worst to best; p: probability for each image.
    """

    quality: tuple[int, int] = parameter((30, 90), "quality of the file, 100 the best", low=1, high=100, integer=True)
    p: float = probability("image")
    steps = 100

    def strengths(self, draws: NDArray[np.float64]) -> NDArray[Any]:
        return draw_integer(draws, self.quality)

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        count, height, width = images.pixels.shape
        # whole blocks, so that no block belongs to two images: each block is coded on its own
        blocks = _padded(images.continued(), (0, -height % BLOCK), (0, -width % BLOCK))
        sheet = blocks.reshape(-1, blocks.shape[2])
        cv, out = opencv(), np.empty_like(sheet)
        for top in range(0, sheet.shape[0], JPEG_SIDE):
            for left in range(0, sheet.shape[1], JPEG_SIDE):
                part = np.s_[top : top + JPEG_SIDE, left : left + JPEG_SIDE]
                _, file = cv.imencode(".jpg", sheet[part], [cv.IMWRITE_JPEG_QUALITY, int(parameters["quality"][0])])
                out[part] = cv.imdecode(file, cv.IMREAD_GRAYSCALE)
        return out.reshape(count, -1, blocks.shape[2])[:, :height, :width]


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    """Images (N, H, W) under a Gaussian of this standard deviation, in pixels."""
    reach, cv = math.ceil(3 * sigma), opencv()
    sheet = _padded(pixels, (reach, reach))
    side = (2 * reach + 1, 2 * reach + 1)
    flat = sheet.reshape(-1, sheet.shape[2])
    blurred: Pixels = cv.GaussianBlur(flat, side, sigma, sigmaY=sigma, borderType=cv.BORDER_REPLICATE)
    return blurred.reshape(sheet.shape)[:, reach : sheet.shape[1] - reach]


def _padded(
    pixels: Pixels, rows: tuple[int, int], columns: tuple[int, int] = (0, 0), dtype: DTypeLike = np.uint8
) -> NDArray[Any]:
    """A copy of (N, H, W) with more rows above and below and more columns left and right, equal to the outermost."""
    count, height, width = pixels.shape
    (top, bottom), (left, right) = rows, columns
    out = np.empty((count, top + height + bottom, left + width + right), dtype)  # np.pad takes several times as long
    middle = out[:, top : top + height]
    middle[:, :, left : left + width] = pixels
    middle[:, :, :left] = pixels[:, :, :1]
    middle[:, :, left + width :] = pixels[:, :, -1:]
    out[:, :top] = middle[:, :1]
    out[:, top + height :] = middle[:, -1:]
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
    weight = integer_weights(((rows @ columns.T) / len(along)).ravel()).reshape(len(grid), -1)
    row, column = np.nonzero(weight)
    return grid[row], grid[column], weight[row, column]
