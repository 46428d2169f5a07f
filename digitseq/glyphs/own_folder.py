"""A data set of the user's own: a folder with idx files and, where its labels are not 0 to 9, a mapping.txt.

`*-images-idx3-ubyte` and the `*-labels-idx1-ubyte` (or `*-labels-idx2-int`) of the same beginning belong together,
each as it is or with .gz. A name with "test" or "t10k" in it is of the test split, any other of the training split.
A line of mapping.txt is a label and the code point of its character: "10 65" says that label 10 is an A. A second
code point on a line is the same letter in the other case, as in EMNIST's files.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from digitseq.errors import DataError, SettingsError
from digitseq.files.regular import read_regular
from digitseq.glyphs.catalog import DIGITS
from digitseq.glyphs.checksums import known_sums
from digitseq.glyphs.glyph_files import GlyphFiles
from digitseq.glyphs.idx import open_idx
from digitseq.options import expanded

IMAGES = "-images-idx3-ubyte"
LABELS = ("-labels-idx1-ubyte", "-labels-idx2-int")
MAPPING = "mapping.txt"
MAX_CLASSES = 256
_MAX_MAPPING_BYTES = 1 << 20


def is_folder(dataset: str) -> bool:
    """Whether this is a path, not a name of the catalog: it has a separator, or is `.` or `..`; `./NAME` always is."""
    return os.sep in dataset or "/" in dataset or dataset in (".", "..")


def folder_files(folder: str, split: str, transposed: bool, cache: Path) -> GlyphFiles:
    """The files of `split` in `folder`. transposed: whether the glyphs are stored with rows for columns.

    Raises `SettingsError` where that is no directory, and `DataError` for files that are missing, ambiguous, or
    a mapping that is none.
    """
    path = Path(expanded(folder, "dataset"))
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        raise SettingsError(
            f"dataset {folder} is not a folder that can be read ({error.strerror})", "dataset"
        ) from None
    pairs = _pairs(path, names, split)
    mapping = _mapping_file(path, names)
    labels, characters = read_mapping(mapping) if mapping else (tuple(range(len(DIGITS))), DIGITS)
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    stem = f"folder-{place}-{split}{'-transposed' * transposed}"
    try:
        for images, glyph_labels in pairs:  # or terabytes of something else would be read for their sums
            with open_idx(images, str(images), (3,)), open_idx(glyph_labels, str(glyph_labels), (1, 2)):
                pass
        sums = known_sums([file for pair in pairs for file in pair], cache / f"{stem}.json")
    except OSError as error:
        raise DataError(f"cannot read {error.filename} ({error.strerror})") from None
    meaning = f"{' '.join(sums)} {labels} {characters} {transposed}"
    remedy = "put the whole files there"
    if not mapping:
        remedy += f", and a {MAPPING} where labels are not 0 to 9"
    digest = hashlib.sha256(meaning.encode()).hexdigest()
    return GlyphFiles(pairs, characters, labels, transposed, digest, f"{stem}.bank", remedy=remedy)


def _pairs(path: Path, names: list[str], split: str) -> tuple[tuple[Path, Path], ...]:
    """The images and labels of every part that `split` asks for."""
    found: dict[str, list[tuple[Path, Path]]] = {"train": [], "test": []}
    for name in names:
        stem = name.removesuffix(".gz").removesuffix(IMAGES)
        if stem == name.removesuffix(".gz") or (name.endswith(".gz") and name.removesuffix(".gz") in names):
            continue  # no images, or packed beside the same unpacked
        labels = [stem + end + packed for end in LABELS for packed in ("", ".gz") if stem + end + packed in names]
        if not labels:
            raise DataError(f"{path / name} has no labels beside it: expected {stem}{LABELS[0]}, with or without .gz")
        part = "test" if "test" in stem or "t10k" in stem else "train"
        found[part].append((path / name, path / labels[0]))
    for part, pairs in found.items():
        if len(pairs) > 1:
            listed = ", ".join(images.name for images, _ in pairs)
            raise DataError(f"{path} has several data sets for {part}: {listed}; give each a folder of its own")
    wanted = [found[part] for part in (found if split == "all" else (split,)) if found[part]]
    if not wanted:
        there = " or ".join(part for part, pairs in found.items() if pairs) or "any split"
        raise DataError(
            f"{path} has no {split} images (*{IMAGES}, with or without .gz"
            + (f"); it has those of {there}: --split {there}" if there != "any split" else ")")
        )
    return tuple(pairs[0] for pairs in wanted)


def _mapping_file(path: Path, names: list[str]) -> Path | None:
    """mapping.txt or, where only one file ends so, that."""
    if MAPPING in names:
        return path / MAPPING
    others = [name for name in names if name.endswith("-" + MAPPING)]
    if len(others) > 1:
        raise DataError(f"{path} has several mappings: {', '.join(others)}; call the right one {MAPPING}")
    return path / others[0] if others else None


def read_mapping(path: Path) -> tuple[tuple[int, ...], str]:
    """The labels and their characters, in the order of the labels. Raises `DataError` with the line at fault."""
    try:
        text = read_regular(path, _MAX_MAPPING_BYTES).decode("ascii")
    except OSError as error:
        raise DataError(f"{path} cannot be read as a mapping ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read as a mapping ({error})") from None
    found: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            label, character = _mapped(line, f"{path} line {number}")
            if label in found or character in found.values():
                raise DataError(f"{path} line {number}: label {label} or its character {character!r} is there twice")
            found[label] = character
    if not 1 <= len(found) <= MAX_CLASSES:
        raise DataError(f"{path} has {len(found):,} classes, 1 to {MAX_CLASSES} are possible")
    labels = tuple(sorted(found))
    return labels, "".join(found[label] for label in labels)


def _mapped(line: str, where: str) -> tuple[int, str]:
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
