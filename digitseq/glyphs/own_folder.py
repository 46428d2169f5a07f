"""A user's own data set: a folder of pictures (see `image_folder`), or one with idx files.

With idx files there is a mapping.txt, unless the labels are 0 to 9.

`*-images-idx3-ubyte` and `*-labels-idx1-ubyte` (or `*-labels-idx2-int`) with the same stem form a pair, each raw or
gzip (.gz). A stem with "test" or "t10k" in it is the test split, any other the training split. A line of mapping.txt
is a label and the code point of its character: "10 65" means that label 10 is an A. Further code points on a line are
the same letter in the other case, as in EMNIST's files.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from digitseq.errors import DataError, SettingsError
from digitseq.files.regular import read_regular
from digitseq.glyphs.catalog import DIGITS
from digitseq.glyphs.checksums import cached_sha256
from digitseq.glyphs.glyph_files import MAX_CLASSES, GlyphFiles
from digitseq.glyphs.idx import open_idx
from digitseq.glyphs.image_folder import GlyphPictures, is_image_folder, no_glyphs, picture_files
from digitseq.options import expanded

IMAGES = "-images-idx3-ubyte"
LABELS = ("-labels-idx1-ubyte", "-labels-idx2-int")
MAPPING = "mapping.txt"
_MAX_MAPPING_BYTES = 1 << 20


def folder_files(folder: str, split: str, transposed: bool, cache: Path) -> GlyphFiles | GlyphPictures:
    """The files of `split` in `folder`. transposed: whether rows and columns of the stored glyphs are swapped.

    Raises `SettingsError` for a folder that cannot be read, and `DataError` for missing or ambiguous files and for
    an invalid mapping.
    """
    path = Path(expanded(folder, "dataset"))
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise SettingsError(
            f"dataset {folder} is not a folder that can be read ({error.strerror})", "dataset"
        ) from None
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    stem = f"folder-{place}-{split}{'-transposed' * transposed}"
    if not any(IMAGES in name for name in names) and is_image_folder(names, path):
        if transposed:
            raise SettingsError("transpose is for idx files: pictures are used as they are seen", "transpose")
        try:
            return picture_files(path, split, stem, cache)
        except OSError as error:
            raise DataError(f"cannot read {error.filename} ({error.strerror})") from None
    pairs = _pairs(path, names, split)
    # A folder with one of EMNIST's data sets has its mapping under the name that EMNIST gives it.
    mappings = [name for name in names if name == MAPPING or (MAPPING not in names and name.endswith("-" + MAPPING))]
    if len(mappings) > 1:
        raise DataError(f"{path} has several mappings: {', '.join(mappings)}; call the right one {MAPPING}")
    labels, characters = read_mapping(path / mappings[0]) if mappings else (tuple(range(len(DIGITS))), DIGITS)
    try:
        for images, glyph_labels in pairs:  # checks the headers, so that no terabytes of something else are hashed
            with open_idx(images, (3,)), open_idx(glyph_labels, (1, 2)):
                pass
        sums = cached_sha256([file for pair in pairs for file in pair], cache / f"{stem}.json")
    except OSError as error:
        raise DataError(f"cannot read {error.filename} ({error.strerror})") from None
    digest = hashlib.sha256(f"{' '.join(sums)} {labels} {characters} {transposed}".encode()).hexdigest()
    remedy = "replace them with complete files"
    if not mappings:
        remedy += f", and add a {MAPPING} if labels are not 0 to 9"
    return GlyphFiles(pairs, characters, labels, transposed, digest, f"{stem}.bank", remedy=remedy)


def _pairs(path: Path, names: list[str], split: str) -> tuple[tuple[Path, Path], ...]:
    """Images and labels of each split that is asked for."""
    found: dict[str, list[tuple[Path, Path]]] = {"train": [], "test": []}
    for name in names:
        raw = name.removesuffix(".gz")
        if not raw.endswith(IMAGES) or (raw != name and raw in names):  # a raw file takes precedence over its .gz
            continue
        stem = raw.removesuffix(IMAGES)
        labels = [stem + end + gz for end in LABELS for gz in ("", ".gz") if stem + end + gz in names]
        if not labels:
            raise DataError(f"{path / name} has no labels beside it: expected {stem}{LABELS[0]}, with or without .gz")
        found["test" if "test" in stem or "t10k" in stem else "train"].append((path / name, path / labels[0]))
    for part, pairs in found.items():
        if len(pairs) > 1:
            listed = ", ".join(images.name for images, _ in pairs)
            raise DataError(f"{path} has several data sets for {part}: {listed}; give each a folder of its own")
    wanted = [found[part][0] for part in (found if split == "all" else (split,)) if found[part]]
    if not wanted:
        files = f"*test*{IMAGES}" if split == "test" else f"*{IMAGES}"
        raise no_glyphs(path, split, f"images ({files}, with or without .gz)", [part for part in found if found[part]])
    return tuple(wanted)


def read_mapping(path: Path) -> tuple[tuple[int, ...], str]:
    """The labels in ascending order, and their characters. Raises `DataError` that names the wrong line."""
    try:
        text = read_regular(path, _MAX_MAPPING_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path} cannot be read as a mapping ({reason})") from None
    found: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            label, character = _read_line(line, f"{path} line {number}")
            if label in found or character in found.values():
                raise DataError(f"{path} line {number}: label {label} or its character {character!r} is listed twice")
            found[label] = character
    if not 1 <= len(found) <= MAX_CLASSES:
        raise DataError(f"{path} has {len(found):,} classes, 1 to {MAX_CLASSES} are possible")
    labels = tuple(sorted(found))
    return labels, "".join(found[label] for label in labels)


def _read_line(line: str, where: str) -> tuple[int, str]:
    try:
        label, *codes = (int(word) for word in line.split())
        characters = [chr(code) for code in codes]
    except (ValueError, OverflowError):
        characters = []
    if not characters or not characters[0].isprintable() or characters[0].isspace():
        raise DataError(f"{where}: expected a label and a character's code point, such as 10 65, got {line[:40]!r}")
    if any(other.lower() != characters[0].lower() for other in characters[1:]):
        raise DataError(f"{where}: a further code point must be the letter's other case, got {line[:40]!r}")
    return label, characters[0]
