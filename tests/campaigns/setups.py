"""The runs that are killed: their settings, and what they leave when nothing disturbs them."""

from __future__ import annotations

import os
import random
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from .children import Ended
from .judge import REFUSED, judge_end, listing
from .reading import LABELS, READERS, Row, Rows, lmdb_items, read_png
from .started import Started, run

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


@dataclass
class Reference:
    """An undisturbed run. places: how many places each role has; named: what it touched, below the output folder."""

    contents: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    named: frozenset[str] = frozenset()


def finish(setup: Setup, seed: int, out: Path, log: Path) -> Ended:
    """Finish a run that broke off as its message says: with --resume or, where nothing was begun, once more."""
    words = setup.words(seed)
    ended = run([*words, "--resume"], out, log)
    if ended.code == REFUSED and "no run to resume" in ended.err:
        ended = run(words, out, log.with_name(f"{log.name}-begun"))
    judge_end(ended, {0}, "resumed")
    return ended


def unlike(setup: Setup, out: Path, reference: Reference) -> list[str]:
    """The files that are not as an undisturbed run leaves them."""
    found, expected_files = setup.contents(out), reference.contents
    return sorted(n for n in found.keys() | expected_files.keys() if found.get(n) != expected_files.get(n))


def shape(name: str) -> str:
    """A file's name without its numbers."""
    return re.sub(r"\d+", "#", name)


class References:
    """Undisturbed runs with a seed, each made once. Can be asked by several threads."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self._scratch, self._seed = scratch, seed
        self._lock = threading.Lock()
        self._found: dict[Setup, Reference] = {}

    def of(self, setup: Setup) -> Reference:
        with self._lock:
            if setup not in self._found:
                self._found[setup] = self._make(setup)
            return self._found[setup]

    def _make(self, setup: Setup) -> Reference:
        folder = Path(tempfile.mkdtemp(dir=self._scratch, prefix="reference-"))
        out = folder / "out"
        started = Started(setup.words(self._seed), out, folder / "log", {})
        ended = started.ended()
        assert (ended.code, ended.err) == (0, ""), f"undisturbed {setup}: {ended}"
        try:
            rows = [row for part in setup.folders(out) for row in setup.rows(part).values()]
        except AssertionError as fault:
            raise AssertionError(f"undisturbed {setup}: {fault}") from None
        assert len(rows) == setup.size, f"undisturbed {setup}: {len(rows)} images"
        assert all(fits(row) for row in rows), (
            f"undisturbed {setup}: images whose ink is elsewhere than their labels say"
        )
        places = {role: started.places(role) for role in ("parent", "worker")}
        return Reference(setup.contents(out), places, frozenset(_below(out, started.named())))


def _below(out: Path, paths: set[str]) -> Iterator[str]:
    """The paths that are in a run's folder, as seen from `out`; those that are relative are taken as seen from there."""
    for path in paths:
        inside = os.path.relpath(path, out) if path.startswith("/") else f"random/{path}"
        if inside.startswith("random/") and ".." not in inside.split("/"):
            yield inside


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
