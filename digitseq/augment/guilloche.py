"""Security printing: the fine wavy lines under the writing on cheques and forms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import Images, Parameters, Pixels, opencv
from digitseq.augment.draws import Range, draw_integer, draw_uniform, draw_word
from digitseq.augment.paper import PaperOperation, Tones
from digitseq.augment.ranges import parameter, probability
from digitseq.options import Choice, setting
from digitseq.random_streams import Rows

PROFILES = ("soft", "fine")
MOST = 2  # families
SHORTEST = 2.2  # pixels of a period: shorter ones would show as other patterns
TURN = 1 << 16  # phases are counted in 1/65,536 of a turn
SINE_BITS = 10  # of the index into a table of the sine
SINE_UNIT = 1 << 14


@dataclass(frozen=True)
class Guilloche(PaperOperation):
    """Security printing: one or two families of fine, parallel, wavy lines that darken the paper. Ink lies on top.

    period: from line to line, pixels, 1 … 100, never less than 2.2; angle: of the lines, degrees counter-clockwise
    from the horizontal, -90 … 90; amplitude: of their waves, pixels, 0 … 100, at most a quarter of the wavelength;
    wavelength: pixels, 2 … 1,000; profile: soft, as the cosine, fine, as its cube, or any; strength: how much a line
    darkens the paper, share of the image's contrast, 0 … 1; families: one or two; p: probability for each image.
    Each family has lines of its own.
    """

    period: Range = parameter((2.2, 5.6), "from line to line", low=1, high=100, unit="pixels")
    angle: Range = parameter(
        (-35, 35), "of the lines, counter-clockwise from the horizontal", low=-90, high=90, unit="degrees"
    )
    amplitude: Range = parameter((0, 5), "of the waves", low=0, high=100, unit="pixels")
    wavelength: Range = parameter((10, 60), "of the waves", low=2, high=1000, unit="pixels")
    profile: str = setting("any", Choice(("any", *PROFILES)), "of a line")
    strength: Range = parameter((0.03, 0.22), "how dark a line is", low=0, high=1, unit="of the contrast")
    families: tuple[int, int] = parameter((1, 2), "how many families of lines", low=1, high=MOST, integer=True)
    p: float = probability("image")

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 2 + 7 * MOST)
        each = draws[:, 2:].reshape(len(rows), 7, MOST)
        turns = 1 / np.maximum(draw_uniform(each[:, 0], self.period), SHORTEST)  # for each pixel
        angle = np.radians(draw_uniform(each[:, 1], self.angle))
        wavelength = draw_uniform(each[:, 3], self.wavelength)
        amplitude = np.minimum(draw_uniform(each[:, 2], self.amplitude), wavelength / 4)  # steeper waves would close up
        return {
            "on": on,
            "families": draw_integer(draws[:, 0], self.families),
            "profile": draw_word(draws[:, 1], self.profile, PROFILES),
            "down": _turns(turns * np.cos(angle)),
            "right": _turns(turns * np.sin(angle)),
            "sway": _turns(turns * amplitude),
            "wave": _turns(1 / wavelength),
            "start": _turns(each[:, 4]),
            "wave_start": _turns(each[:, 5]),
            "strength": draw_uniform(each[:, 6], self.strength),
        }

    def grouped_by(self) -> tuple[str, ...]:
        return "families", "profile"

    def on_paper(self, images: Images, darkest: Tones, lightest: Tones, parameters: Parameters) -> Pixels:
        lines = _profile(PROFILES[parameters["profile"][0]])
        dark = np.rint(255 * parameters["strength"]).astype(np.uint16)
        covers = images.pixels - darkest  # what can be darkened: ink that is as dark as any covers the lines
        for k in range(parameters["families"][0]):
            phase = _phases({name: values[:, k] for name, values in parameters.items() if values.ndim > 1}, covers)
            darker = opencv().LUT(phase.reshape(-1, phase.shape[2]), lines).reshape(phase.shape)
            darker *= dark[:, k, None, None]
            darker >>= 8
            darker *= covers
            darker >>= 8
            covers -= darker.astype(np.uint8)
        covers += darkest
        return covers


def _phases(family: Parameters, images: Pixels) -> Pixels:
    """uint8 (N, H, W): how far each pixel of N images is from the line before it, in 1/256 of the period."""
    height, width = images.shape[1:]
    wave, start, sway, right, down = (family[k][:, None] for k in ("wave", "wave_start", "sway", "right", "down"))
    x = np.arange(width)
    sine = _sine()[(x * wave + start) % TURN // (TURN >> SINE_BITS)]
    column = x * right + sway * sine // SINE_UNIT + family["start"][:, None]
    row = np.arange(height) * down
    return (row // 256).astype(np.uint8)[:, :, None] + (column // 256).astype(np.uint8)[:, None]


def _turns(turns: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(turns * TURN).astype(np.int64)


@lru_cache(maxsize=1)
def _sine() -> NDArray[np.int64]:
    """int64 (1024,): one turn of the sine, in units of 1/`SINE_UNIT`."""
    angle = np.arange(1 << SINE_BITS) * 2 * np.pi / (1 << SINE_BITS)
    sine: NDArray[np.int64] = np.rint(np.sin(angle) * SINE_UNIT).astype(np.int64)
    return sine


@lru_cache(maxsize=len(PROFILES))
def _profile(name: str) -> NDArray[np.uint16]:
    """uint16 (256,): how dark a line is over its period, 0 … 255."""
    dark = 0.5 + 0.5 * np.cos(np.arange(256) * 2 * np.pi / 256)
    return np.rint(255 * dark ** (3 if name == "fine" else 1)).astype(np.uint16)
