"""Distortions of the whole line of writing; `warp.py` carries the glyphs and their boxes along.

Positions count from the middle of the image, x to the right and y down, in pixels; they are float32 arrays
whose first axis is the parameters' one.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Operation, Parameters
from digitseq.augment.draws import Range, draw_uniform
from digitseq.augment.ranges import parameter, probability
from digitseq.augment.sheets import Positions
from digitseq.options import Flag, setting
from digitseq.random_streams import Rows

Place = tuple[Positions, Positions]
CLIP_HELP = "let ink leave the image; otherwise the line is moved and scaled until it fits"


class LineMap(Operation):
    """An operation on images that moves ink."""

    level = "image"
    allow_clip: bool

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        """Parameters for the images of `rows`, as arrays (B, …); `size` is (H, W) of the largest image."""
        return {self.strength_name: self.draw_strengths(rows)}

    def prepared(self, half: NDArray[np.float64], parameters: Parameters) -> Parameters:
        """The parameters of images with half the width `half` (B,), and what `source` and `target` need."""
        return parameters

    @abstractmethod
    def source(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        """Where the pixels x, y of the result come from."""

    @abstractmethod
    def target(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        """Where the pixels x, y of the source go: the inverse."""


class Lift(LineMap):
    """A map that moves each column up or down as a whole, so that digits stay upright."""

    @abstractmethod
    def lift(self, x: Positions, parameters: Parameters) -> Positions:
        """How far up the columns at x go."""

    def source(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        return x, y + self.lift(x, parameters)

    def target(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        return x, y - self.lift(x, parameters)


@dataclass(frozen=True)
class Slope(Lift):
    """The line climbs or falls, its digits staying upright: writing without a ruled line.

    angle: degrees, above 0 climbs to the right, -30 … 30; p: probability for each image.
    """

    angle: Range = parameter((-2.0, 2.0), "climb to the right", low=-30, high=30, unit="degrees")
    allow_clip: bool = setting(False, Flag(), CLIP_HELP)
    p: float = probability("image")

    def lift(self, x: Positions, parameters: Parameters) -> Positions:
        return _column(np.tan(np.radians(parameters["angle"]))) * x


@dataclass(frozen=True)
class Wave(Lift):
    """The line goes up and down like a sine: an unsteady hand, paper that does not lie flat.

    amplitude: pixels, 0 … 10; wavelength: pixels, 40 … 2000; p: probability for each image. The phase is drawn.
    """

    amplitude: Range = parameter((0.5, 2.5), "farthest move up and down", low=0, high=10, unit="pixels")
    wavelength: Range = parameter((60.0, 200.0), "length of a wave", low=40, high=2000, unit="pixels")
    allow_clip: bool = setting(False, Flag(), CLIP_HELP)
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("shape", 2)
        return super().draw(rows, size) | {
            "frequency": 2 * np.pi / draw_uniform(draws[:, 0], self.wavelength),
            "phase": 2 * np.pi * draws[:, 1],
        }

    def lift(self, x: Positions, parameters: Parameters) -> Positions:
        angle = _column(parameters["frequency"]) * x + _column(parameters["phase"])
        lift: Positions = -_column(parameters["amplitude"]) * np.sin(angle)
        return lift


@dataclass(frozen=True)
class Perspective(LineMap):
    """The page is seen at an angle, as a hand-held camera sees it: each corner of the image moves on its own.

    strength: farthest move of a corner, up, down and sideways, as a share of the image's height, 0 … 0.4;
    p: probability for each image.
    """

    strength: Range = parameter((0.0, 0.12), "farthest move of a corner", low=0, high=0.4, unit="of the height")
    allow_clip: bool = setting(False, Flag(), CLIP_HELP)
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        strength = self.draw_strengths(rows) * size[0]
        corners = rows.uniforms("corners", 8) * 2 - 1
        height = np.full(len(strength), size[0], np.float64)
        return {"strength": strength, "height": height, "corners": corners.reshape(-1, 4, 2)}

    def prepared(self, half: NDArray[np.float64], parameters: Parameters) -> Parameters:
        # each corner of the image, before and after its move, gives two equations of the homography
        upright = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        size = np.stack([half, parameters["height"] / 2], axis=1)[:, None]
        before = upright * size
        after = before + parameters["corners"] * parameters["strength"][:, None, None]
        targets = after.transpose(0, 2, 1)
        equations = np.zeros((len(half), 2, 4, 8))  # for x and for y of each corner
        equations[:, 0, :, :2] = equations[:, 1, :, 3:5] = before
        equations[:, 0, :, 2] = equations[:, 1, :, 5] = 1
        equations[:, :, :, 6:] = -targets[..., None] * before[:, None]
        solved = np.ones((len(half), 9))
        solved[:, :8] = np.linalg.solve(equations.reshape(-1, 8, 8), targets.reshape(-1, 8, 1))[:, :, 0]
        forth = solved.reshape(-1, 3, 3)
        return parameters | {"forth": forth, "back": np.linalg.inv(forth)}

    def source(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        return _seen(parameters["back"], x, y)

    def target(self, x: Positions, y: Positions, parameters: Parameters) -> Place:
        return _seen(parameters["forth"], x, y)


def _seen(matrix: NDArray[np.float64], x: Positions, y: Positions) -> Place:
    m = matrix.astype(np.float32)[:, :, :, None, None]
    across, down, depth = (m[:, k, 0] * x + (m[:, k, 1] * y + m[:, k, 2]) for k in range(3))
    nearness: Positions = np.reciprocal(depth)
    across *= nearness
    down *= nearness
    return across, down


def _column(values: NDArray[np.float64]) -> Positions:
    """float32 (B, 1, 1): one value an image, to go with positions."""
    return values.astype(np.float32)[:, None, None]
