"""Operations on brightness: what a lamp, a scanner's settings or a camera's exposure do to a whole picture.

Each makes a table of all levels for every strength; a range is 32 strengths. They work on the picture as it is
seen: more brightness lights up black paper as well as white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Images, Parameters, Pixels, draw_stepped, of_one_strength, opencv, repainted
from digitseq.augment.ranges import check, parameter, probability
from digitseq.random_streams import Rows

LEVELS = np.arange(256.0)
Curve = Callable[[np.float64], NDArray[np.float64]]  # a strength in, the new values of `LEVELS` out


@dataclass(frozen=True)
class Brightness:
    """Lighter or darker by the same amount everywhere, as under another lamp or scanner setting.

    shift: what is added to every pixel, share of full scale, -1 … 1; p: probability for each image.
    """

    shift: tuple[float, float] = parameter((-0.2, 0.2), "added to every pixel", low=-1, high=1, unit="of full scale")
    p: float = probability("image")
    name: ClassVar[str] = "brightness"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "shift": draw_stepped(draws[:, 1], self.shift)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        shift = parameters["shift"]
        chosen = np.flatnonzero(parameters["on"] & (shift != 0))
        return _looked_up(images, chosen, shift, lambda s: LEVELS + 255 * s)


@dataclass(frozen=True)
class Contrast:
    """Levels spread from mid-grey, or drawn towards it: worn ink, a copy of a copy, a hard or soft scan.

    factor: new distance from mid-grey over the old one, 0.05 … 10; p: probability for each image.
    """

    factor: tuple[float, float] = parameter(
        (0.5, 1.5), "distances from mid-grey are multiplied by it", low=0.05, high=10
    )
    p: float = probability("image")
    name: ClassVar[str] = "contrast"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "factor": draw_stepped(draws[:, 1], self.factor)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        factor = parameters["factor"]
        chosen = np.flatnonzero(parameters["on"] & (factor != 1))
        return _looked_up(images, chosen, factor, lambda s: 127.5 + (LEVELS - 127.5) * s)


@dataclass(frozen=True)
class Gamma:
    """Half-tones lighter or darker while black and white stay: the transfer curve of displays and sensors.

    exponent: of a pixel's share of full scale, 0.1 … 10, above 1 darkens; p: probability for each image.
    Source: ITU-R BT.1886 (2011), the reference curve of a display.
    """

    exponent: tuple[float, float] = parameter(
        (0.5, 2.0), "power to which a pixel's share of full scale is raised", low=0.1, high=10
    )
    p: float = probability("image")
    name: ClassVar[str] = "gamma"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 2)
        return {"on": draws[:, 0] < self.p, "exponent": draw_stepped(draws[:, 1], self.exponent)}

    def apply(self, images: Images, parameters: Parameters) -> Images:
        exponent = parameters["exponent"]
        chosen = np.flatnonzero(parameters["on"] & (exponent != 1))
        return _looked_up(images, chosen, exponent, lambda s: 255 * (LEVELS / 255) ** s)


def _looked_up(images: Images, chosen: NDArray[np.int64], strength: NDArray[np.float64], curve: Curve) -> Images:
    """Images in which pixel v of image i becomes level v of the curve for strength[i], rounded and saturated."""

    def paint(some: NDArray[np.int64]) -> Pixels:
        table = np.clip(np.rint(curve(strength[some[0]])), 0, 255).astype(np.uint8)
        pixels = images.pixels[some]
        seen: Pixels = opencv().LUT(pixels.reshape(-1, pixels.shape[2]), table)
        return seen.reshape(pixels.shape)

    return repainted(images, of_one_strength(chosen, strength), paint)
