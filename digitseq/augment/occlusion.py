"""Occlusion and clutter: missing pieces of ink, and the lines of forms and notebooks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels
from digitseq.augment.boxes import between
from digitseq.augment.draws import Range, draw_integer, draw_uniform, draw_word
from digitseq.augment.ranges import parameter, probability
from digitseq.options import Choice, setting
from digitseq.random_streams import Rows

KINDS = ("ruled", "box", "strike")
UNIT_BITS = 4
UNIT = 1 << UNIT_BITS  # distances are counted in 1/16 pixel
FAR = 1 << 13  # distances are clipped here, in units, so that sums fit into 16 bits


@dataclass(frozen=True)
class Cutout(ImageOperation):
    """Rectangles of bare paper: scratches, glue, holes, ink that did not take.

    Source: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    arXiv:1708.04552 (2017).

    count: rectangles, 0 … 16; size: of either side, drawn on its own, share of the image's height, 0 … 1;
    p: probability for each image. Every place in the image is as likely as any other.
    """

    count: tuple[int, int] = parameter((2, 8), "how many rectangles", low=0, high=16, integer=True)
    size: Range = parameter((0.05, 0.2), "length of a rectangle's sides", low=0, high=1, unit="of the image's height")
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        most = self.count[1]
        on, draws = self.select(rows, 1 + 4 * most)
        each = draws[:, 1:].reshape(len(rows), most, 4)
        sides = np.rint(draw_uniform(each[:, :, :2], self.size) * size[0]).astype(np.int64)
        sides[np.arange(most) >= draw_integer(draws[:, 0], self.count)[:, None]] = 0
        return {"on": on, "sides": sides, "place": each[:, :, 2:]}

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        changes: NDArray[np.bool_] = np.any(np.all(parameters["sides"], axis=2), axis=1)
        return changes

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        height, width = images.pixels.shape[1:]
        room = np.stack(np.broadcast_arrays(height, images.width), axis=1)[:, None, :]
        sides = np.minimum(parameters["sides"], room)
        first = np.floor(parameters["place"] * (room - sides + 1)).astype(np.int64)
        end = first + sides
        rows = between(first[:, :, 0], end[:, :, 0], height)
        columns = between(first[:, :, 1], end[:, :, 1], width)
        # bit masks, 255 inside a rectangle: several times as fast as np.where
        holes = np.zeros_like(images.pixels)
        for k in range(sides.shape[1]):
            holes |= rows[:, k, :, None] & columns[:, k, None, :]
        return images.pixels | holes if images.inverted else images.pixels & ~holes


@dataclass(frozen=True)
class Lines(ImageOperation):
    """One drawn line: the ruled line that digits stand on, the box of a form around them, or a strike through them.

    Where digits are known from the boxes, lines keep to them, otherwise to the whole image.

    kind: ruled, box, strike, or any of them; thickness: pixels, 0 … 5; intensity: share of full ink, 0 … 1;
    p: probability for each image.
    """

    kind: str = setting("any", Choice(("any", *KINDS)), "what is drawn")
    thickness: Range = parameter((0.6, 1.5), "of the line", low=0, high=5, unit="pixels")
    intensity: Range = parameter((0.3, 0.9), "ink of the line", low=0, high=1, unit="of full ink")
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 5)
        return {
            "on": on,
            "kind": draw_word(draws[:, 0], self.kind, KINDS),
            "thickness": draw_uniform(draws[:, 1], self.thickness),
            "intensity": draw_uniform(draws[:, 2], self.intensity),
            "place": draws[:, 3],
            "slope": draw_uniform(draws[:, 4], (-1, 1)),
        }

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        return (parameters["thickness"] > 0) & (parameters["intensity"] > 0)

    def apply(self, images: Images, parameters: Parameters) -> Images:
        # outlines of all images at once: they cost more calls than each small group of `paint` could bear
        return super().apply(images, parameters | {"outline": _outlines(images, parameters, self.enlargement).T})

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        thickness, intensity = parameters["thickness"], np.rint(255 * parameters["intensity"]).astype(np.int16)
        reach = np.rint((thickness + 1) / 2 * UNIT).astype(np.int16)[:, None, None]
        full = np.rint(np.minimum(thickness, 1) * UNIT).astype(np.int16)[:, None, None]
        covered = reach - _distance(parameters["outline"].T, *images.pixels.shape[1:])
        covered = np.clip(covered, 0, full, out=covered)
        covered *= intensity[:, None, None]
        covered >>= UNIT_BITS
        line = covered.astype(np.uint8)
        return np.minimum(images.pixels, ~line) if images.inverted else np.maximum(images.pixels, line)


def _distance(outlines: NDArray[np.float64], height: int, width: int) -> NDArray[np.int16]:
    """int16 (N, height, width): distance of every pixel from the outline (5, N) of its image, in units."""
    middle_x, middle_y, wide, tall, slope = outlines[:, :, None]
    x, y = np.arange(width) - middle_x, np.arange(float(height))
    middle = _units(middle_y + slope * x)
    away = np.abs(_units(y)[None, :, None] - middle[:, None, :])
    away -= _units(tall)[:, :, None]
    np.maximum(away, _units(np.abs(x) - wide)[:, None, :], out=away)
    distance: NDArray[np.int16] = np.abs(away)
    return distance


def _outlines(images: Images, parameters: Parameters, enlargement: float) -> NDArray[np.float64]:
    """float64 (5, B): a rectangle's outline for each image; a line is a rectangle without height.

    x and y of its middle, the distances from there to its sides and to its top, in pixels, and the rows that it
    falls by a column. It goes beneath, around or through the digits.
    """
    left, top, right, bottom = _extent(images)
    kind, place, slope = parameters["kind"], parameters["place"], parameters["slope"]
    ruled, box, strike = (kind == k for k in range(len(KINDS)))
    last_row, last_column = images.pixels.shape[1] - 1.0, images.width - 1.0
    below, margin = 3 * place * enlargement, (1 + 3 * place) * enlargement
    upper = np.where(box, np.maximum(top - margin, 0), top + (0.35 + 0.3 * place) * (bottom - top))
    upper = np.where(ruled, np.minimum(bottom - 1 + below, last_row), upper)
    lower = np.where(box, np.minimum(bottom + margin, last_row), upper)
    before = np.where(ruled, -last_column, np.maximum(left - margin, 0))
    after = np.where(ruled, 2 * last_column, np.minimum(right + margin, last_column))
    falls = slope * np.where(strike, 0.06, np.where(ruled, 0.01, 0))
    return np.stack([(before + after) / 2, (upper + lower) / 2, (after - before) / 2, (lower - upper) / 2, falls])


def _extent(images: Images) -> tuple[NDArray[np.float64], ...]:
    """First and last column and row of each image's digits: left, top, right, bottom, float (B,)."""
    there = (images.boxes[:, :, 2] > 0)[:, :, None]
    whole = np.stack(np.broadcast_arrays(images.width, images.pixels.shape[1]), axis=1)
    low = np.where(there, images.boxes[:, :, :2], whole[:, None]).min(axis=1, initial=np.iinfo(np.int64).max)
    high = np.where(there, images.boxes[:, :, :2] + images.boxes[:, :, 2:], 0).max(axis=1, initial=0)
    known = there.sum(axis=1) > 0
    low, high = np.where(known, low, 0), np.where(known, high, whole) - 1
    return low[:, 0] * 1.0, low[:, 1] * 1.0, high[:, 0] * 1.0, high[:, 1] * 1.0


def _units(pixels: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(pixels * UNIT), -FAR, FAR).astype(np.int16)
