"""Uneven ink and paper: operations with a smooth random field for each image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Images, Parameters, Pixels
from digitseq.augment.draws import Range, draw_step, draw_uniform, random_integers
from digitseq.augment.fields import PEAK, grid_shape, smooth_field
from digitseq.augment.paper import PaperOperation, Tones
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

SIZES = 4  # how many different sizes of patches there are: images with the same are worked on together


class _Patches(PaperOperation):
    """An operation whose strength differs from place to place."""

    strength: Range
    size: Range

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2)
        least = self.size[0]
        return {
            "on": on,
            "strength": draw_uniform(draws[:, 0], self.strength),
            "size": draw_step(draws[:, 1], self.size, SIZES),
            "grid": random_integers(rows, "grid", grid_shape(size, (least, least)), np.uint8),
        }

    def grouped_by(self) -> tuple[str, ...]:
        return ("size",)


@dataclass(frozen=True)
class Fade(_Patches):
    """Ink that fades in places: a dry pen, worn or rubbed writing. The paper stays.

    strength: share of its darkness that ink loses at most, 0 … 1; size: of the places, pixels, 2 … 100, one of 4
    values; p: probability for each image.
    """

    strength: Range = parameter((0.1, 0.35), "what ink loses at most", low=0, high=1, unit="of its darkness")
    size: Range = parameter((4, 10), "of the places", low=2, high=100, unit="pixels")
    p: float = probability("image")

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        field = _field(parameters, images)
        np.maximum(field, 0, out=field)
        lost = field.astype(np.uint16)
        lost *= np.rint(2 * PEAK * parameters["strength"]).astype(np.uint16)[:, None, None]
        lost >>= 7
        lost *= lightest - images.pixels  # the darkness of the ink
        lost >>= 8
        lost += images.pixels
        return lost.astype(np.uint8)


@dataclass(frozen=True)
class Blotches(_Patches):
    """Uneven paper: lighter and darker places, as of thin, stained or creased paper.

    strength: how much lighter or darker a place can be, share of the image's contrast, 0 … 1; size: of the places,
    pixels, 2 … 100, one of 4 values; p: probability for each image.
    """

    strength: Range = parameter((0.04, 0.2), "of the lightest and darkest", low=0, high=1, unit="of the contrast")
    size: Range = parameter((3, 9), "of the places", low=2, high=100, unit="pixels")
    p: float = probability("image")

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        return _shaded(images.pixels, _field(parameters, images), lightest - darkest, parameters["strength"])


@dataclass(frozen=True)
class Fibre(PaperOperation):
    """The grain of paper: short thin streaks, all along or all across the line of writing.

    strength: how much lighter or darker a fibre can be, share of the image's contrast, 0 … 1; length: of the fibres,
    pixels, 2 … 100, one of 4 values; they are one pixel thick at a height of 28. p: probability for each image.
    """

    strength: Range = parameter((0.03, 0.12), "of the lightest and darkest", low=0, high=1, unit="of the contrast")
    length: Range = parameter((4, 10), "of the fibres", low=2, high=100, unit="pixels")
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 3)
        thick, least = max(self.enlargement, 1), self.length[0]
        return {
            "on": on,
            "strength": draw_uniform(draws[:, 0], self.strength),
            "length": draw_step(draws[:, 1], self.length, SIZES),
            "upright": draws[:, 2] < 0.5,
            "along": random_integers(rows, "along", grid_shape(size, (thick, least)), np.uint8),
            "across": random_integers(rows, "across", grid_shape(size, (least, thick)), np.uint8),
        }

    def grouped_by(self) -> tuple[str, ...]:
        return "length", "upright"

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        cell = max(self.enlargement, 1), parameters["length"][0].item()
        upright = parameters["upright"][0]
        grid = parameters["across" if upright else "along"]
        field = smooth_field(grid, cell[::-1] if upright else cell, images.pixels.shape[1:])
        return _shaded(images.pixels, field, lightest - darkest, parameters["strength"])


def _field(parameters: Parameters, images: Images) -> NDArray[np.int16]:
    side = parameters["size"][0].item()
    return smooth_field(parameters["grid"], (side, side), images.pixels.shape[1:])


def _shaded(pixels: Pixels, field: NDArray[np.int16], contrast: Tones, strength: NDArray[np.float64]) -> Pixels:
    """Pixels plus a field, which is overwritten, scaled so that its peaks are `strength` of the contrast."""
    field *= np.rint(strength[:, None, None] * contrast).astype(np.int16)
    field += 64
    field >>= 7  # 127 counts as one
    field += pixels
    return np.clip(field, 0, 255, out=field).astype(np.uint8)
