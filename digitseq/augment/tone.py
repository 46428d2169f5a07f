"""Operations on brightness: what a lamp, a scanner's settings or a camera's exposure do to a whole picture.

They work on the picture as it is seen: more brightness lights up black paper as well as white.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels, opencv
from digitseq.augment.draws import Range
from digitseq.augment.ranges import parameter, probability

LEVELS = np.arange(256.0)


class _Tone(ImageOperation):
    """Gives each level of grey another one: a table of all levels for each of 32 strengths."""

    steps = 32

    @abstractmethod
    def curve(self, strength: float) -> NDArray[np.float64]:
        """The new values of `LEVELS`, before they are rounded and clipped to 0 … 255."""

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        table = np.clip(np.rint(self.curve(parameters[self.strength_name][0])), 0, 255).astype(np.uint8)
        mapped: Pixels = opencv().LUT(images.pixels.reshape(-1, images.pixels.shape[2]), table)
        return mapped.reshape(images.pixels.shape)


@dataclass(frozen=True)
class Brightness(_Tone):
    """Lighter or darker by the same amount everywhere, as under another lamp or scanner setting.

    shift: what is added to every pixel, share of full scale, -1 … 1; p: probability for each image.
    """

    shift: Range = parameter((-0.2, 0.2), "added to every pixel", low=-1, high=1, unit="of full scale")
    p: float = probability("image")

    def curve(self, strength: float) -> NDArray[np.float64]:
        return LEVELS + 255 * strength


@dataclass(frozen=True)
class Contrast(_Tone):
    """Levels spread from mid-grey, or drawn towards it: worn ink, a copy of a copy, a hard or soft scan.

    factor: new distance from mid-grey over the old one, 0.05 … 10; p: probability for each image.
    """

    factor: Range = parameter((0.5, 1.5), "distances from mid-grey are multiplied by it", low=0.05, high=10)
    p: float = probability("image")
    neutral = 1

    def curve(self, strength: float) -> NDArray[np.float64]:
        return 127.5 + (LEVELS - 127.5) * strength


@dataclass(frozen=True)
class Gamma(_Tone):
    """Half-tones lighter or darker while black and white stay: the transfer curve of displays and sensors.

    exponent: of a pixel's share of full scale, 0.1 … 10, above 1 darkens; p: probability for each image.
    Source: ITU-R BT.1886 (2011), the reference curve of a display.
    """

    exponent: Range = parameter((0.5, 2.0), "exponent of the normalised intensity", low=0.1, high=10)
    p: float = probability("image")
    neutral = 1

    def curve(self, strength: float) -> NDArray[np.float64]:
        return 255 * (LEVELS / 255) ** strength
