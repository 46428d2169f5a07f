"""Ink and paper as they are photographed: operations that know what is ink, what is paper, and how far they differ.

They work on dark ink on light paper; light ink on dark paper is the negative of that. Strengths are shares of an
image's own contrast: its lightest pixel less its darkest one. What would be lighter than white is white.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels
from digitseq.augment.draws import Range, draw_uniform
from digitseq.augment.ranges import parameter, probability
from digitseq.random_streams import Rows

Tones = NDArray[np.uint8]  # (N, 1, 1): one level of each image


class PaperOperation(ImageOperation):
    """An operation on dark ink on light paper; see the module."""

    strength_name = "strength"

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        strength = parameters["strength"]  # of an image one number or several
        return np.asarray(strength.reshape(len(strength), -1).any(axis=1))

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        seen = images if images.inverted else replace(images, pixels=~images.pixels)
        out = self.on_paper(seen, *_tones(seen), parameters)
        return out if images.inverted else ~out

    @abstractmethod
    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        """The new pixels of images of dark ink on light paper, with their darkest and lightest levels."""


@dataclass(frozen=True)
class Paper(PaperOperation):
    """How light the paper is and how much darker the ink on it: from a fresh pen to a faint pencil.

    For clean images: white becomes the paper's level, black that of the ink, and greys lie in between.

    lightness: of the paper, share of full scale, 0 … 1; contrast: how much darker full ink is, share of the paper's
    lightness, 0 … 1; p: probability for each image. Light ink on dark paper is the negative.
    """

    lightness: Range = parameter((0.57, 0.93), "of the paper", low=0, high=1, unit="of full scale")
    contrast: Range = parameter((0.25, 0.9), "how much darker ink is", low=0, high=1, unit="of the paper's lightness")
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2)
        light = 255 * draw_uniform(draws[:, 0], self.lightness)
        darker = light * draw_uniform(draws[:, 1], self.contrast)
        return {"on": on, "lightness": np.rint(light).astype(np.uint16), "darker": np.rint(darker).astype(np.uint16)}

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        return (parameters["lightness"] < 255) | (parameters["darker"] < 255)

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        darker = (~images.pixels).astype(np.uint16)
        darker *= parameters["darker"][:, None, None]
        # divided by 255, rounded
        darker += 128
        darker += darker >> 8
        darker >>= 8
        return np.subtract(parameters["lightness"][:, None, None], darker, out=darker).astype(np.uint8)


@dataclass(frozen=True)
class Falloff(PaperOperation):
    """Light from one side: an image gets evenly lighter or darker from left to right and from top to bottom.

    strength: what a side is lighter or darker than the middle, drawn for either direction, share of the image's
    contrast, 0 … 1; p: probability for each image.
    """

    strength: Range = parameter((0, 0.2), "of a side against the middle", low=0, high=1, unit="of the contrast")
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 4)
        strength = draw_uniform(draws[:, :2], self.strength)
        return {"on": on, "strength": np.where(draws[:, 2:] < 0.5, strength, -strength)}

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        height, width = images.pixels.shape[1:]
        across, down = (parameters["strength"] * (lightest - darkest)[:, 0]).T[:, :, None]
        used = images.width[:, None]
        column = np.minimum((2 * np.arange(width) + 1) / used - 1, 1)
        row = (2 * np.arange(height) + 1) / height - 1
        rows, columns = np.rint(down * row).astype(np.int16), np.rint(across * column).astype(np.int16)
        light: NDArray[np.int16] = rows[:, :, None] + columns[:, None]
        light += images.pixels
        return np.clip(light, 0, 255, out=light).astype(np.uint8)


def _tones(images: Images) -> tuple[Tones, Tones]:
    """Darkest and lightest level of each image, as far as it is in use."""
    unused = images.unused()[:, 0]
    darkest, lightest = images.pixels.min(axis=1), images.pixels.max(axis=1)
    darkest, lightest = np.where(unused, 255, darkest), np.where(unused, 0, lightest)
    return darkest.min(axis=1)[:, None, None].astype(np.uint8), lightest.max(axis=1)[:, None, None].astype(np.uint8)
