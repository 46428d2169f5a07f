"""The table of data sets: what each holds, and where its files are published. Their sha256: published_files.txt."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from digitseq.errors import SettingsError, closest

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# 47 classes: lower-case letters that look like their capitals (c, i, j, k, ...) share the capital's class
MERGED = DIGITS + CAPITALS + "abdefghnqrt"
SIDE = 28  # height and width of every glyph in the table, in pixels
ARCHIVE_FOLDER = "gzip"  # the directory inside EMNIST's zip file
_UNKNOWN_SIZE = 1 << 26  # more than QMNIST's images have, even uncompressed (47 MB)


class File(NamedTuple):
    """A published file. size: in bytes, None where its publisher does not state it; sha256: hex."""

    name: str
    size: int | None
    sha256: str

    @property
    def max_size(self) -> int:
        """The number of bytes after which a download is aborted."""
        return self.size or _UNKNOWN_SIZE


class SplitFiles(NamedTuple):
    """The two idx files of a split, images and labels. glyphs: how many each has."""

    glyphs: int
    files: tuple[File, File]


class DataSet(NamedTuple):
    """A data set of the table.

    characters: character c has the label c + first_label; splits: "train" and "test"; folder: where its files are in
    the cache; urls: mirrors, tried in order: directories with the files or, with `archive`, with that zip file, and
    empty for files inside the package; transposed: whether rows and columns of the stored glyphs are swapped; authors:
    whom those who pass it on have to name.
    """

    name: str
    title: str
    characters: str
    splits: dict[str, SplitFiles]
    folder: str
    urls: tuple[str, ...]
    licence: str
    archive: File | None = None
    transposed: bool = False
    first_label: int = 0
    authors: str = ""

    @property
    def shipped(self) -> bool:
        """Whether the files are inside the package."""
        return not self.urls

    def selected(self, split: str) -> tuple[SplitFiles, ...]:
        """What `split` ("train", "test" or "all") consists of."""
        return tuple(self.splits.values()) if split == "all" else (self.splits[split],)

    def files(self) -> list[File]:
        """All its files."""
        return [file for split in self.splits.values() for file in split.files]


def _published() -> dict[str, File]:
    """Every published file, by its path below the directory of downloads."""
    lines = Path(__file__).with_name("published_files.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {
        path: File(path.rpartition("/")[2], None if size == "-" else int(size), sha256) for sha256, size, path in rows
    }


_FILES = _published()
_EMNIST_URLS = (
    "https://biometrics.nist.gov/cs_links/EMNIST/",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
)


def _splits(
    folder: str, stems: tuple[str, str], glyphs: tuple[int, int], labels: str = "idx1-ubyte"
) -> dict[str, SplitFiles]:
    """stems, glyphs: of the training split and of the test split."""
    kinds = "images-idx3-ubyte", f"labels-{labels}"
    images, classes = ([_FILES[f"{folder}/{stem}-{kind}.gz"] for stem in stems] for kind in kinds)
    return dict(zip(("train", "test"), map(SplitFiles, glyphs, zip(images, classes))))


def _emnist(name: str, title: str, characters: str, glyphs: tuple[int, int], first_label: int = 0) -> DataSet:
    """One of the data sets in EMNIST's zip file."""
    splits = _splits("emnist", (f"emnist-{name}-train", f"emnist-{name}-test"), glyphs)
    return DataSet(
        f"emnist-{name}", title, characters, splits, "emnist", _EMNIST_URLS,
        "none stated (NIST Special Database 19)", _FILES["emnist/gzip.zip"], True, first_label,
        "G. Cohen, S. Afshar, J. Tapson, A. van Schaik",
    )  # fmt: skip


def _like_mnist(name: str, title: str, characters: str, url: str | None, licence: str, authors: str) -> DataSet:
    """A data set whose files have the names and glyph counts of MNIST's."""
    splits = _splits(name, ("train", "t10k"), (60_000, 10_000))
    return DataSet(name, title, characters, splits, name, (url,) if url else (), licence, authors=authors)


# Classes and orientation of EMNIST: G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters",
# arXiv:1702.05373, and the mapping files beside the data.
_ROWS = (
    _like_mnist("mnist", "digits", DIGITS, None, "CC BY-SA 3.0", "Y. LeCun, C. Cortes, C. J. C. Burges"),
    _emnist(
        "byclass", "digits, capitals and small letters", DIGITS + CAPITALS + CAPITALS.lower(), (697_932, 116_323)
    ),
    _emnist("bymerge", "the same, alike letters of both cases merged", MERGED, (697_932, 116_323)),
    _emnist("balanced", "the same, equally many of each class", MERGED, (112_800, 18_800)),
    _emnist("letters", "letters, both cases merged", CAPITALS, (124_800, 20_800), first_label=1),
    _emnist("digits", "digits", DIGITS, (240_000, 40_000)),
    _emnist("mnist", "digits, prepared like MNIST's", DIGITS, (60_000, 10_000)),
    _like_mnist(
        "kmnist", "old Japanese hiragana", "おきすつなはまやれを",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/", "CC BY-SA 4.0",
        "ROIS-DS Center for Open Data in the Humanities; adapted from the Kuzushiji Dataset",
    ),
    DataSet(
        "qmnist", "MNIST's digits rebuilt, with 60,000 test glyphs", DIGITS,
        _splits("qmnist", ("qmnist-train", "qmnist-test"), (60_000, 60_000), "idx2-int"),
        "qmnist", ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",), "BSD 3-Clause",
        authors="C. Yadav, L. Bottou",
    ),
    _like_mnist(
        "fashion-mnist", "clothes, ten kinds as 0 to 9", DIGITS,
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", "MIT",
        "H. Xiao, K. Rasul, R. Vollgraf (Zalando SE)",
    ),
)  # fmt: skip
DATA_SETS = {row.name: row for row in _ROWS}


def get_data_set(name: str, setting: str = "dataset") -> DataSet:
    """The data set called `name`, the value of `setting`. Raises `SettingsError` that lists the known names."""
    if name not in DATA_SETS:
        near = closest(name, DATA_SETS)
        hint = f"; did you mean {near}?" if near else ""
        folder = ", or a folder of pictures or idx files" * (setting == "dataset")
        raise SettingsError(f"{setting} must be one of {', '.join(DATA_SETS)}{folder}, got {name!r}{hint}", setting)
    return DATA_SETS[name]


def is_folder(dataset: str) -> bool:
    """Whether this is a path rather than a name of the catalog: it has a separator, or there is such a folder."""
    # Path.is_dir would raise an error for a name that is too long
    return os.sep in dataset or "/" in dataset or (dataset not in DATA_SETS and os.path.isdir(dataset))  # noqa: PTH112


def published_digest(data_set: DataSet, split: str) -> str:
    """A sha256 (hex) that identifies the published files of `split` and what their labels mean."""
    # Runs record this digest: for a given data set it must never change.
    sums = "".join(file.sha256 for part in data_set.selected(split) for file in part.files)
    special = data_set.transposed or data_set.first_label
    meaning = f"{data_set.characters} {data_set.first_label} {data_set.transposed}" if special else ""
    return hashlib.sha256((sums + meaning).encode()).hexdigest()
