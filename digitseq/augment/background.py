"""Paper that is not plain: it lies under the ink, and ink stays readable on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.base import (
    Images,
    Parameters,
    Pixels,
    draw_integer,
    draw_uniform,
    in_parts,
    opencv,
    repainted,
)
from digitseq.augment.blur import between, means
from digitseq.augment.ranges import check, parameter, probability
from digitseq.errors import SettingsError
from digitseq.random_streams import Rows

KINDS = ("texture", "gradient", "folder")
SCALES = 3
COARSER = 4  # each scale of the texture is so much coarser than the one before
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp")
PICTURE = (256, 512)  # height and width to which pictures of a folder are scaled and cut
MOST_PICTURES = 1000  # the first by name: 128 kB of memory each


@dataclass(frozen=True)
class Background:
    """Paper with a grain, in a light that falls off, or out of the user's own pictures.

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

    kind: str = parameter("any", "what the paper is made of", choices=("any", *KINDS))
    strength: tuple[float, float] = parameter(
        (0.1, 0.5), "how dark the darkest paper can be", low=0, high=1, unit="of full scale"
    )
    floor: float = parameter(
        0.4, "smallest contrast of ink and paper", low=0, high=1, unit="of full scale", single=True
    )
    folder: str = parameter("", "directory of pictures to use as paper")
    p: float = probability("image")
    name: ClassVar[str] = "background"
    level: ClassVar[Literal["glyph", "image"]] = "image"

    def __post_init__(self) -> None:
        check(self)
        if self.kind == "folder" and not self.folder:
            raise SettingsError("background: kind folder needs folder, a directory of pictures", "folder")
        if self.folder and self.kind not in ("folder", "any"):
            raise SettingsError(f"background: folder works with kind folder or any, got kind {self.kind}", "kind")
        if self.folder:
            _ = self._pictures  # read now, so that a folder that cannot be used is refused at once

    def __reduce__(self) -> tuple[Any, ...]:
        return Background, tuple(getattr(self, f.name) for f in fields(self))

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        draws = rows.uniforms("parameters", 5)
        kinds = KINDS[: 3 if self.folder else 2] if self.kind == "any" else (self.kind,)
        codes = np.array([KINDS.index(kind) for kind in kinds])
        parameters = {
            "on": draws[:, 0] < self.p,
            "kind": codes[draw_integer(draws[:, 1], (0, len(kinds) - 1))],
            "strength": draw_uniform(draws[:, 2], self.strength),
            "place": draws[:, 3:],
        }
        if "texture" in kinds:
            parameters |= _grain(rows, size)
        if "folder" in kinds:
            parameters["picture"] = draw_integer(rows.uniforms("picture", 1)[:, 0], (0, len(self._pictures) - 1))
        return parameters

    def apply(self, images: Images, parameters: Parameters) -> Images:
        chosen = np.flatnonzero(parameters["on"] & (parameters["strength"] > 0))
        groups = [part for code in range(len(KINDS)) for part in in_parts(chosen[parameters["kind"][chosen] == code])]

        def paint(some: NDArray[np.int64]) -> Pixels:
            pixels = images.pixels[some]
            ink = ~pixels if images.inverted else pixels
            darkest = np.rint(255 * parameters["strength"][some]).astype(np.int64)
            darkest = np.minimum(darkest, _darkest_readable(ink, images, some, self.floor))
            paper = self._paper(images, some, parameters)
            paper *= darkest.astype(np.uint16)[:, None, None]
            paper >>= 8
            seen = _over(ink, paper)
            return ~seen if images.inverted else seen

        return repainted(images, groups, paint)

    def _paper(self, images: Images, some: NDArray[np.int64], parameters: Parameters) -> NDArray[np.uint16]:
        """uint16 (N, H, W), 0 … 255: darkness of the paper of images `some`, which are of one kind."""
        size = images.pixels.shape[1:]
        kind = KINDS[parameters["kind"][some[0]]]
        if kind == "texture":
            return _texture([parameters[f"grain{scale}"][some] for scale in range(SCALES)], size)
        if kind == "gradient":
            return _gradient(parameters["place"][some], images.width[some], size)
        return self._cut(parameters["picture"][some], parameters["place"][some], images.width[some], size)

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
        return np.stack([_read_picture(path) for path in _picture_files(Path(self.folder))])


def _darkest_readable(ink: Pixels, images: Images, some: NDArray[np.int64], floor: float) -> NDArray[np.int64]:
    """int64 (N,): how dark the paper can be, 0 … 255, if the faintest digit is to keep a contrast of `floor`."""
    count, _, full = ink.shape
    width = images.width[some]
    # the row with the least ink shows the paper, which may have been darkened before
    used = np.negative((np.arange(full) < width[:, None]).view(np.uint8))
    cv = opencv()
    row = cv.reduce((ink & used[:, None, :]).reshape(-1, full), 1, cv.REDUCE_SUM, dtype=cv.CV_32S)
    paper = row.reshape(count, -1).min(axis=1) // width + 1
    boxes = images.boxes[some]
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


def _grain(rows: Rows, size: tuple[int, int]) -> Parameters:
    """Random bytes for every pixel and for the nodes of two coarser scales: uint8 (B, …), as `_texture` needs them."""
    grains: Parameters = {}
    for scale, (height, width) in enumerate(_scales(size)):
        words = -(-height * width // 32) * 4
        random_bits = np.ascontiguousarray(rows.words(f"grain{scale}", words)).view(np.uint8)
        grains[f"grain{scale}"] = random_bits[:, : height * width].reshape(-1, height, width)
    return grains


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
    middle = (middle >> 1) + (_enlarged(coarse, middle.shape[1:]) >> 1)
    smooth: NDArray[np.uint16] = _enlarged(middle, size).astype(np.uint16)
    smooth *= 3
    smooth += fine[:, :, : size[1]]
    smooth >>= 2
    return smooth


def _enlarged(grid: Pixels, size: tuple[int, ...]) -> Pixels:
    wide = means(np.ascontiguousarray(grid.transpose(0, 2, 1)), between(size[1], COARSER))
    return means(np.ascontiguousarray(wide.transpose(0, 2, 1)), between(size[0], COARSER))


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


def _picture_files(folder: Path) -> list[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise SettingsError(f"background: folder {folder} cannot be read ({error.strerror})", "folder") from None
    if not files:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise SettingsError(f"background: folder {folder} has no pictures ({kinds})", "folder")
    return files[:MOST_PICTURES]


def _read_picture(path: Path) -> Pixels:
    """uint8 (256, 512): darkness of the picture, scaled to cover that size and cut around its middle."""
    cv = opencv()
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        picture = cv.imdecode(data, cv.IMREAD_GRAYSCALE) if data.size else None
    except OSError as error:
        raise SettingsError(f"background: picture {path} cannot be read ({error.strerror})", "folder") from None
    except cv.error:
        picture = None
    if picture is None:
        raise SettingsError(f"background: {path} is not a picture that OpenCV can read", "folder")
    factor = max(wanted / given for wanted, given in zip(PICTURE, picture.shape))
    height, width = (max(round(given * factor), wanted) for wanted, given in zip(PICTURE, picture.shape))
    scaled: Pixels = cv.resize(picture, (width, height), interpolation=cv.INTER_AREA if factor < 1 else cv.INTER_LINEAR)
    top, left = (height - PICTURE[0]) // 2, (width - PICTURE[1]) // 2
    return ~scaled[top : top + PICTURE[0], left : left + PICTURE[1]]
