"""Paper that is not plain: it lies under the ink, and ink stays readable on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import ImageOperation, Images, Parameters, Pixels, opencv
from digitseq.augment.draws import Range, draw_integer, draw_uniform, draw_word, random_integers
from digitseq.augment.means import enlarged
from digitseq.augment.pictures import PICTURE, read_pictures
from digitseq.augment.ranges import parameter, probability
from digitseq.errors import SettingsError
from digitseq.options import Choice, FilePath, setting
from digitseq.random_streams import Rows

KINDS = ("texture", "gradient", "folder")
SCALES = 3
COARSER = 4  # how much coarser each scale of the texture is than the one before


@dataclass(frozen=True)
class Background(ImageOperation):
    """Paper texture, uneven lighting, or your own background images.

    Paper is taken to be white and ink black, as scanned; for white ink on black all of it is the negative.
    The texture is noise at three scales, the finest of a pixel (K. Perlin, "An Image Synthesizer", SIGGRAPH 1985).

    kind: texture, gradient, folder, or any of them (folder only where one is given)
    strength: how dark the darkest paper can be, and what is black in a picture is, share of full scale, 0 … 1
    floor: smallest contrast between the strongest pixel of any digit and the darkest paper, share of full scale,
        0 … 1. A background that would leave less is made weaker, down to none.
    folder: directory of pictures (bmp, jpg, pgm, png, tif, webp), of which the first 1,000 by name are used
    p: probability for each image

    Raises `SettingsError` when the folder cannot be read, has no pictures or has one that is damaged.
    """

    kind: str = setting("any", Choice(("any", *KINDS)), "what the paper is made of")
    strength: Range = parameter((0.1, 0.5), "how dark the darkest paper can be", low=0, high=1, unit="of full scale")
    floor: float = parameter(
        0.4, "smallest contrast of ink and paper", low=0, high=1, unit="of full scale", single=True
    )
    folder: str = setting("", FilePath(empty=True), "directory of pictures to use as paper")
    p: float = probability("image")
    strength_name = "strength"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "folder" and not self.folder:
            raise SettingsError("background: kind folder needs folder, a directory of pictures", "folder")
        if self.folder and self.kind not in ("folder", "any"):
            raise SettingsError(f"background: folder works with kind folder or any, got kind {self.kind}", "kind")
        if self.folder:
            _ = self._pictures  # read now, so that a folder that cannot be used is refused at once

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        on, draws = self.select(rows, 4)
        parameters = {
            "on": on,
            "kind": draw_word(draws[:, 0], self.kind, KINDS if self.folder else KINDS[:-1]),
            "strength": draw_uniform(draws[:, 1], self.strength),
            "place": draws[:, 2:],
        }
        if self.kind in ("any", "texture"):
            for scale, shape in enumerate(_scales(size)):
                parameters[f"grain{scale}"] = random_integers(rows, f"grain{scale}", shape, np.uint8)
        if self.folder:
            parameters["picture"] = draw_integer(rows.uniforms("picture", 1)[:, 0], (0, len(self._pictures) - 1))
        return parameters

    def grouped_by(self) -> tuple[str, ...]:
        return ("kind",)

    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        ink = ~images.pixels if images.inverted else images.pixels
        darkest = np.rint(255 * parameters["strength"]).astype(np.int64)
        darkest = np.minimum(darkest, _darkest_readable(ink, images, self.floor))
        paper = self._paper(images, parameters)
        paper *= darkest.astype(np.uint16)[:, None, None]
        paper >>= 8
        seen = _over(ink, paper)
        return ~seen if images.inverted else seen

    def _paper(self, images: Images, parameters: Parameters) -> NDArray[np.uint16]:
        """uint16 (N, H, W), 0 … 255: darkness of the paper of images of one kind."""
        size = images.pixels.shape[1:]
        kind = KINDS[parameters["kind"][0]]
        if kind == "texture":
            return _texture([parameters[f"grain{scale}"] for scale in range(SCALES)], size)
        if kind == "gradient":
            return _gradient(parameters["place"], images.width, size)
        return self._cut(parameters["picture"], parameters["place"], images.width, size)

    def _cut(
        self, picture: NDArray[np.int64], place: NDArray[np.float64], width: NDArray[np.int64], size: tuple[int, ...]
    ) -> NDArray[np.uint16]:
        """Pieces of the pictures, mirrored where an image is larger than a picture."""
        rows = _window(place[:, 0], np.full(len(place), size[0]), size[0], PICTURE[0])
        columns = _window(place[:, 1], width, size[1], PICTURE[1])
        start = (picture[:, None] * PICTURE[0] + rows) * PICTURE[1]
        return self._pictures.ravel().take(start[:, :, None] + columns[:, None, :]).astype(np.uint16)

    @cached_property
    def _pictures(self) -> Pixels:
        """uint8 (N, 256, 512): darkness of every picture of the folder."""
        return read_pictures(Path(self.folder))


def _darkest_readable(ink: Pixels, images: Images, floor: float) -> NDArray[np.int64]:
    """int64 (N,): how dark the paper can be, 0 … 255, if the faintest digit is to keep a contrast of `floor`."""
    count, _, full = ink.shape
    # the row with the least ink shows the paper, which an earlier operation may have darkened
    used = np.negative((np.arange(full) < images.width[:, None]).view(np.uint8))
    cv = opencv()
    row = cv.reduce((ink & used[:, None, :]).reshape(-1, full), 1, cv.REDUCE_SUM, dtype=cv.CV_32S)
    paper = row.reshape(count, -1).min(axis=1) // images.width + 1
    boxes = images.boxes
    there = boxes[:, :, 2] > 0
    first = (boxes[:, :, 0] + np.arange(count)[:, None] * full)[there]
    strongest = np.append(ink.max(axis=1).ravel(), 0)
    peak = np.full(there.shape, 255)
    ends = np.stack([first, first + boxes[:, :, 2][there]], axis=1).ravel()
    if ends.size:
        peak[there] = np.maximum.reduceat(strongest, ends)[::2]
    # a level more than asked, for the rounding of ink over paper
    left = peak.min(axis=1, initial=255) - paper - math.ceil(floor * 255 + 1)
    darkest: NDArray[np.int64] = np.clip(left * 255 // np.maximum(255 - paper, 1), 0, 255)
    return darkest


def _over(ink: Pixels, paper: NDArray[np.uint16]) -> Pixels:
    """paper + ink · (255 - paper) / 255, rounded: ink over paper."""
    cover = (255 - paper) * ink
    cover += 128
    cover += cover >> 8
    cover >>= 8
    cover += paper
    return cover.astype(np.uint8)


def _scales(size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Heights and widths of the texture's grids, from the finest on."""
    scales = [(size[0], size[1])]
    while len(scales) < SCALES:
        height, width = scales[-1]
        scales.append((-(-height // COARSER) + 1, -(-width // COARSER) + 1))
    return scales


def _texture(grains: list[Pixels], size: tuple[int, ...]) -> NDArray[np.uint16]:
    """uint16 (N, *size), 0 … 255: the mean of three scales, the finest with a quarter of the weight."""
    fine, middle, coarse = grains
    cell = (COARSER, COARSER)
    middle = (middle >> 1) + (enlarged(coarse, cell, middle.shape[1:]) >> 1)
    smooth: NDArray[np.uint16] = enlarged(middle, cell, size).astype(np.uint16)
    smooth *= 3
    smooth += fine[:, :, : size[1]]
    smooth >>= 2
    return smooth


def _gradient(place: NDArray[np.float64], width: NDArray[np.int64], size: tuple[int, ...]) -> NDArray[np.uint16]:
    """uint16 (N, *size), 0 … 255: from one side or corner of each image, in use `width` wide, to the other."""
    toward = 2 * place - 1
    toward = 127 * toward / np.maximum(np.abs(toward).sum(axis=1, keepdims=True), 1e-9)
    down = np.rint(toward[:, :1] * np.linspace(-1, 1, size[0])).astype(np.int16)
    across = np.minimum(2 * np.arange(size[1]) / np.maximum(width[:, None] - 1, 1) - 1, 1)
    right = np.rint(toward[:, 1:] * across).astype(np.int16)
    darkness: NDArray[np.int16] = down[:, :, None] + right[:, None, :] + np.int16(128)
    return darkness.astype(np.uint16)


def _window(place: NDArray[np.float64], length: NDArray[np.int64], full: int, limit: int) -> NDArray[np.int64]:
    """int64 (N, full): `length` neighbouring places out of `limit`, there and back where `limit` is less."""
    first = np.floor(place * (np.maximum(limit - length, 0) + 1)).astype(np.int64)
    along = (first[:, None] + np.arange(full)) % (2 * limit)
    back_and_forth: NDArray[np.int64] = np.minimum(along, 2 * limit - 1 - along)
    return back_and_forth
