"""A user's own data set as pictures, one folder per character, as torchvision's ImageFolder reads it.

`FOLDER/7/any-name.png`, or `FOLDER/train/7/…` and `FOLDER/test/7/…`. A folder is called by its character, or by the
code point: `U+0041` and `0x41` are an A. Pictures may have any size, be gray, in colour or transparent, and dark on
light or light on dark. Their ink is scaled to the height that MNIST's has.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import DataError, DigitseqWarning
from digitseq.files.regular import read_regular
from digitseq.glyphs.bank import GlyphBank, build_bank
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.checksums import cached_sha256
from digitseq.glyphs.glyph_files import MAX_CLASSES, MAX_GLYPHS, area_scaled
from digitseq.lazy_imports import import_package

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
SPLITS = ("train", "test")
INK_SIDE = 20  # pixels of the longer side of a glyph's ink, as in MNIST
MAX_BYTES = 1 << 26  # of one picture
MAX_SIDE = 4096  # pixels of one picture
MIN_CONTRAST = 32  # gray levels between ink and paper; less is a blank sheet
NOISE, MOST_NOISE = 0.1, 0.5  # shares of the contrast that still count as paper: JPEG files have shades around the ink
SPREAD = 4 * 1.4826  # median deviations of the border's shades up to which they are paper: 4 standard deviations
SPECK = 0.02  # share of the largest piece of ink that a piece must have, or it is dust
UNCERTAIN = 0.25  # between this share of light border pixels and 1 minus it, either could be the paper
_ENDS = {b"\x89PNG": b"IEND", b"\xff\xd8": b"\xff\xd9"}  # what a PNG and a JPEG file begin with, and must contain
_CODE_POINT = re.compile(r"(?:U\+|0x)([0-9A-Fa-f]{1,6})", re.IGNORECASE)

Glyph = NDArray[np.uint8]


@dataclass(frozen=True)
class GlyphPictures:
    """The pictures of a split and what they show.

    folder: the user's; files: pictures in order, with the class of each; digest: identifies their contents and
    classes; bank: file name of the bank in the cache
    """

    folder: Path
    files: tuple[tuple[Path, int], ...]
    characters: str
    digest: str
    bank: str

    def build(self) -> GlyphBank:
        """The bank, in memory. Raises `DataError` that names the picture that cannot be used."""
        read = [_read_glyph(path) for path, _ in self.files]
        shares = np.array([share for share, _, _ in read])
        # a glyph that reaches the border on many sides does not tell: it is stored as most others are
        certain, dark = (shares < UNCERTAIN) | (shares > 1 - UNCERTAIN), shares > 0.5
        dark[~certain] = 2 * np.count_nonzero(dark[certain]) > np.count_nonzero(certain)
        if dark.any():
            warnings.warn(
                f"{dark.sum():,} of {len(read):,} pictures in {self.folder} are dark on light: they are inverted",
                DigitseqWarning,
                stacklevel=2,
            )
        images = np.stack([dark_ink if is_dark else light_ink for is_dark, (_, light_ink, dark_ink) in zip(dark, read)])
        return build_bank([images], np.array([number for _, number in self.files]), self.characters, self.digest)


def is_image_folder(names: list[str], folder: Path) -> bool:
    """Whether `folder`, which has entries called `names`, has one folder per character or train/ and test/."""
    return any(_is_class(folder / name) or (name in SPLITS and (folder / name).is_dir()) for name in names)


def picture_files(folder: Path, split: str, stem: str, cache: Path) -> GlyphPictures:
    """The pictures of `split` ("train", "test" or "all") in `folder`. stem: of the bank's name in `cache`.

    Without train/ and test/ all pictures are the training glyphs. Raises `DataError` for a folder that is no
    character, and where there are no pictures; `OSError`.
    """
    found = [(path, character) for place in _places(folder, split) for path, character in _pictures(place)]
    characters = "".join(sorted({character for _, character in found}))
    if not found:
        raise DataError(f"{folder} has no pictures ({', '.join(SUFFIXES)}) in folders called by their characters")
    if len(characters) > MAX_CLASSES or len(found) > MAX_GLYPHS:
        raise DataError(
            f"{folder} has {len(characters):,} characters and {len(found):,} pictures: at most {MAX_CLASSES} and "
            f"{MAX_GLYPHS:,} are possible"
        )
    files = tuple((path, characters.index(character)) for path, character in found)
    sums = cached_sha256([path for path, _ in files], cache / f"{stem}.json")
    # sorted, so that the names of the files do not matter, only what is in them
    listed = sorted(f"{characters[number]} {digest}" for (_, number), digest in zip(files, sums))
    digest = hashlib.sha256("\n".join(["pictures 1", *listed]).encode()).hexdigest()
    in_order = sorted(zip(files, sums), key=lambda one: (one[0][1], one[1]))
    return GlyphPictures(folder, tuple(file for file, _ in in_order), characters, digest, f"{stem}.bank")


def _places(folder: Path, split: str) -> list[Path]:
    """The folders that have a folder per character, for `split`."""
    parts = {name: folder / name for name in SPLITS if (folder / name).is_dir()}
    if not parts and split != "test":
        return [folder]
    if split == "all":
        return list(parts.values())
    if split not in parts:
        raise no_glyphs(folder, split, f"pictures ({folder / split}/7/any-name.png)", parts)
    return [parts[split]]


def no_glyphs(folder: Path, split: str, what: str, parts: Collection[str]) -> DataError:
    """The error for a folder without the glyphs of `split`, which `what` describes; it has those of `parts`."""
    message = f"{folder} has no {split} {what}"
    if split == "test":
        return DataError(f"{message}: add some, as `split` test and `split_ratio` need them, or leave these out")
    return DataError(message + "".join(f"; it has those of {part}: give `split` {part}" for part in parts))


def _pictures(place: Path) -> list[tuple[Path, str]]:
    found = []
    for folder in sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))):
        character = character_of(folder.name)
        if character is None:
            raise DataError(
                f"{folder} is no character: call a folder by one character, or by its code point, such as U+0041"
            )
        found += [(path, character) for path in sorted(folder.iterdir()) if path.name.lower().endswith(SUFFIXES)]
    return found


def _is_class(path: Path) -> bool:
    return path.is_dir() and character_of(path.name) is not None


def character_of(name: str) -> str | None:
    """The character that a folder is called by; None for something else, or a character that cannot be printed."""
    if code := _CODE_POINT.fullmatch(name):
        number = int(code[1], 16)
        name = chr(number) if number < 0x110000 else ""
    return name if len(name) == 1 and name.isprintable() and not name.isspace() else None


def _read_glyph(path: Path) -> tuple[float, Glyph, Glyph]:
    """Share of the border that is light, 0 to 1; the glyph in `path` if its ink is light, and if it is dark.

    A glyph is uint8 (28, 28), white on black and as large as MNIST's.
    """
    cv2 = import_package("cv2", "a data set of pictures", "opencv-python-headless")
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    # OpenCV fills up what a file that was cut off lacks
    whole = all(end in data for begin, end in _ENDS.items() if data.startswith(begin))
    try:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data and whole else None
    except cv2.error:
        stored = None
    if stored is None:
        raise DataError(f"{path} is not a picture that can be read: replace or remove it")
    if stored.dtype.kind != "u":
        raise DataError(f"{path} has pixels that are no whole numbers: save it with 8 or 16 bits")
    if max(stored.shape[:2]) > MAX_SIDE:
        raise DataError(f"{path} is {stored.shape[1]} x {stored.shape[0]} pixels: at most {MAX_SIDE:,} are possible")
    gray = _gray(stored)
    low, high = gray.min(), gray.max()
    if high - low < MIN_CONTRAST:
        raise DataError(f"{path} is blank: replace or remove it")
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    inks = [_glyph(ink, border_ink, cv2) for ink, border_ink in ((gray, border), (255 - gray, 255 - border))]
    return float((border > (low + high) / 2).mean()), inks[0], inks[1]


def _gray(stored: NDArray[Any]) -> NDArray[np.float64]:
    """float64 (H, W), 0 to 255: the luminance, with transparent pixels as paper."""
    values = stored.astype(np.float64) * (255 / np.iinfo(stored.dtype).max)
    if values.ndim == 2:
        return values
    channels = values.shape[2]
    gray: NDArray[np.float64] = values[..., :1].mean(axis=2)
    if channels >= 3:
        gray = values[..., :3] @ np.array([0.114, 0.587, 0.299])  # ITU-R BT.601, in OpenCV's order of colours
    if channels in (2, 4) and (alpha := values[..., -1] / 255).min() < 1:
        # ink that is dark where it is opaque was meant for light paper
        opaque = (gray * alpha).sum() / max(alpha.sum(), 1e-9)
        gray = gray * alpha + (255 if opaque < 128 else 0) * (1 - alpha)
    return gray


def _glyph(gray: NDArray[np.float64], border: NDArray[np.float64], cv2: Any) -> Glyph:
    """uint8 (28, 28): the light ink of `gray`; its paper is what is most frequent on the dark part of `border`."""
    middle = (gray.min() + gray.max()) / 2
    dark = border[border <= middle]
    paper = float(np.median(dark)) if dark.size else float(gray.min())
    contrast = gray.max() - paper
    spread = float(np.median(np.abs(dark - paper))) if dark.size else 0
    noise = min(max(NOISE, SPREAD * spread / contrast), MOST_NOISE)
    strength = (gray - paper) / contrast
    ink = np.rint(((strength - noise) / (1 - noise)).clip(0, 1) * 255).astype(np.uint8)
    _, pieces, sizes, _ = cv2.connectedComponentsWithStats((ink > 0).astype(np.uint8))
    areas = sizes[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # the paper
    ink *= areas[pieces] >= SPECK * areas.max()
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return _placed(_scaled(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], cv2))


def _scaled(ink: Glyph, cv2: Any) -> Glyph:
    """`ink` with a longer side of 20 pixels."""
    height, width = ink.shape
    factor = INK_SIDE / max(height, width)
    new_height, new_width = (max(round(side * factor), 1) for side in (height, width))
    if factor > 1:
        scaled = cv2.resize(ink, (new_width, new_height), interpolation=cv2.INTER_CUBIC)
    else:
        scaled = area_scaled(ink[None], new_height, new_width)[0]
    return np.asarray(scaled, np.uint8)


def _placed(ink: Glyph) -> Glyph:
    """uint8 (28, 28) with `ink` in the middle."""
    glyph = np.zeros((SIDE, SIDE), np.uint8)
    top, left = ((SIDE - side) // 2 for side in ink.shape)
    glyph[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return glyph
