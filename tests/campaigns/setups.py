"""The runs that are disturbed: their settings, and what their images are by those."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .judge import listing
from .reading import LABELS, READERS, Row, Rows, lmdb_items, read_png

LENGTHS, WIDTH, SPACING = (3, 5), 130, (1, 3)
SIZES = {"png": 900, "webdataset": 900, "parquet": 900, "lmdb": 2500, "npz": 1300}  # several parts in each
SHARD = 60
RECORD = "run.json"  # it says how runs went, too
ALL_LABELS = tuple(LABELS)


@dataclass(frozen=True)
class Setup:
    """The settings of a run but for its seed."""

    format: str
    labels: tuple[str, ...]
    split: bool
    cores: int

    @classmethod
    def drawn(cls, draw: random.Random) -> Setup:
        format_name = draw.choice(("png", "png", "png", *READERS))
        labels: tuple[str, ...] = ("jsonl",)
        if format_name == "png":
            labels = draw.choice((("jsonl",), *((name,) for name in ALL_LABELS), ALL_LABELS))
        return cls(format_name, labels, draw.random() < 0.25, draw.choice((0, 2, 2, 3)))

    @property
    def size(self) -> int:
        return SIZES[self.format]

    def words(self, seed: int) -> list[str]:
        """The command line, without the folder."""
        words = [
            "--random_digits",
            *LENGTHS,
            "-iw",
            WIDTH,
            "-min",
            SPACING[0],
            "-max",
            SPACING[1],
            "-s",
            self.size,
            "-m",
            self.cores,
        ]
        words += ["--format", self.format, "--seed", seed, "--quiet"]
        words += ["--labels", *self.labels] if self.format == "png" else []
        words += ["--shard_size", SHARD] if self.format in ("webdataset", "parquet") else []
        words += ["--split_ratio", 0.7, 0.2, 0.1] if self.split else []
        return [str(word) for word in words]

    def folders(self, out: Path) -> list[Path]:
        """Where its images stand."""
        return [out / "random" / part for part in ("train", "val", "test")] if self.split else [out / "random"]

    def rows(self, folder: Path) -> Rows:
        return read_png(folder, self.labels) if self.format == "png" else READERS[self.format](folder)

    def contents(self, out: Path) -> dict[str, bytes]:
        """All that is promised to be the same: the bytes of files, of LMDB what is in it, of records the names."""
        found = listing(out)
        for name in found:
            if name.endswith("data.mdb"):
                items = lmdb_items((out / name).parent)
                found[name] = b"".join(b"%b\0%b\n" % (k.encode(), items[k]) for k in sorted(items))
            elif Path(name).name == RECORD or name.startswith(".") or "/." in name:
                found[name] = b""
        return found

    def __str__(self) -> str:
        labels = f" {'+'.join(self.labels) if len(self.labels) < 3 else 'all labels'}" if self.format == "png" else ""
        return f"{self.format}{labels}{' split' if self.split else ''} -m {self.cores}"


def shape(name: str) -> str:
    """A file's name without its numbers."""
    return re.sub(r"\d+", "#", name)


@cache
def expected(seed: int, count: int) -> list[Row]:
    """The first images of the series of a seed, made here, from the public package."""
    from digitseq import SequenceGenerator, Settings

    settings = Settings(random_digits=LENGTHS, image_width=WIDTH, min_spacing=SPACING[0], max_spacing=SPACING[1])
    rows = []
    for batch in SequenceGenerator(settings, seed).batches(256, start=0, stop=count):
        for image, text, boxes, length in zip(batch.images, batch.texts, batch.boxes, batch.lengths):
            rows.append(Row(image, text, boxes[:length].tolist()))
    return rows


def same(row: Row, other: Row) -> bool:
    """Whether pixels, text and (where both have them) boxes are the same."""
    boxes = row.boxes is None or row.boxes == other.boxes
    return row.text == other.text and boxes and np.array_equal(row.pixels, other.pixels)


def fits(row: Row) -> bool:
    """Whether the boxes are exactly around the ink, as many as the text has characters."""
    inked, inside = row.pixels > 0, np.zeros(row.pixels.shape, bool)
    for x, y, w, h in row.boxes or []:
        box = inked[y : y + h, x : x + w]
        if not (box.shape == (h, w) and box[0].any() and box[-1].any() and box[:, 0].any() and box[:, -1].any()):
            return False
        inside[y : y + h, x : x + w] = True
    return row.boxes is None or (len(row.boxes) == len(row.text) and not (inked & ~inside).any())
