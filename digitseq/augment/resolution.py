"""Scans of few pixels: images scaled down by averaging areas, then back up, interpolated or as blocks.

As in `blur.py`, images with equal strength are worked on together, in whole numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels
from digitseq.augment.draws import Range, draw_word
from digitseq.augment.means import area_weights, enlarged, weighted_means
from digitseq.augment.ranges import parameter, probability
from digitseq.options import Choice, setting
from digitseq.random_streams import Rows

DIGIT = 20 / 28  # height of MNIST's digits over that of an image
OCTAVE = 8  # factors of `Resolution` from one to twice that
FACTORS = 2.0 ** (np.arange(7 * OCTAVE + 1) / OCTAVE)  # from 1 to 128
PIXELS = ("smooth", "blocks")
THRESHOLDS = FACTORS * 2 ** (0.5 / OCTAVE)  # halfway to the next one


@dataclass(frozen=True)
class Downscale(ImageOperation):
    """A low-resolution scan: scaled down by averaging areas, then back up with bilinear interpolation.

    factor: pixels that become one, along each axis, 1 … 8, one of 16 values; p: probability for each image.
    """

    factor: Range = parameter((1.2, 2), "pixels that become one, along each axis", low=1, high=8)
    p: float = probability("image")
    neutral, steps = 1, 16

    def _lengths(self, factor: float) -> dict[str, Any]:
        # the variance of the blur, which is that of f² - 1, is that of larger images; 1 stays sharp
        return {"factor": tuple(math.sqrt(1 + (f * f - 1) * factor**2) for f in self.factor)}

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        return _coarser(images.continued(), parameters["factor"][0].item(), "smooth")


@dataclass(frozen=True)
class Resolution(ImageOperation):
    """A scan of few pixels: digits are scaled down to a height as `downscale` does, and up again.

    digit_height: of the tallest digit when scaled down, pixels, 4 … 1,000, whatever the images' height; small heights
    are as likely as large ones by their ratio. What is not taller already is left alone. Within 5 %, as there are
    eight factors an octave. pixels: smooth, interpolated when they are enlarged again, blocks, as viewers show them, or
    any; p: probability for each image.
    """

    digit_height: Range = parameter((8, 16), "of digits that are scaled down", low=4, high=1000, unit="pixels")
    pixels: str = setting("any", Choice(("any", *PIXELS)), "pixels are interpolated, or become blocks")
    p: float = probability("image")

    def _lengths(self, factor: float) -> dict[str, Any]:
        return {}  # of the scan, not of the image

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2)
        low, high = self.digit_height
        return {
            "on": on,
            "digit_height": np.minimum(low * (high / low) ** draws[:, 0], high),
            "blocks": draw_word(draws[:, 1], self.pixels, PIXELS),
        }

    def grouped_by(self) -> tuple[str, ...]:
        return "factor", "blocks"

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        return parameters["factor"] > 1

    def apply(self, images: Images, parameters: Parameters) -> Images:
        tallest = images.boxes[:, :, 3].max(axis=1, initial=0)
        tallest = np.where(tallest > 0, tallest, images.pixels.shape[1] * DIGIT)
        step = np.searchsorted(THRESHOLDS, tallest / parameters["digit_height"])
        return super().apply(images, parameters | {"factor": FACTORS[np.minimum(step, len(FACTORS) - 1)]})

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        return _coarser(images.continued(), parameters["factor"][0].item(), PIXELS[parameters["blocks"][0]])


def _coarser(pixels: Pixels, factor: float, kind: str) -> Pixels:
    """Images (N, H, W) scaled down by a factor and up again; kind: one of `PIXELS`."""
    height, width = pixels.shape[1:]
    small = weighted_means(pixels, area_weights(height, factor))
    # columns are scaled as rows of the transposed images
    turned = weighted_means(np.ascontiguousarray(small.transpose(0, 2, 1)), area_weights(width, factor))
    if kind == "blocks":
        column, row = (np.floor((np.arange(size) + 0.5) / factor).astype(np.int64) for size in (width, height))
        blocks: Pixels = turned.take(column, axis=1).transpose(0, 2, 1).take(row, axis=1)
        return blocks
    return enlarged(turned.transpose(0, 2, 1), (factor, factor), (height, width))
