"""Runs beyond one machine: what they make, where to, and who makes it."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .judge import listing
from .reading import lmdb_items

SEED = 7
SIZES = {"png": 1500, "webdataset": 900, "parquet": 900, "lmdb": 8000}  # several parts in each
STORE_SIZES = {"png": 90, "webdataset": 600, "parquet": 600}
SHARD = 60
PIECES = 3
MAKERS = ("inline", "pool", "dask", "local")
OWN = ".digitseq/"
# files that each piece of a run has
OF_EACH = frozenset(("run.json", "README.md", "samples.svg", "metadata.jsonl"))


@dataclass(frozen=True)
class Spread:
    """A run. store: whether it is written to one; maker: one of `MAKERS`; in_pieces: whether it is made by --shards."""

    format: str
    store: bool
    maker: str
    in_pieces: bool

    @classmethod
    def drawn(cls, draw: random.Random) -> Spread:
        store = draw.random() < 0.35
        format_name = draw.choice(("webdataset", "webdataset", "parquet", "png", *([] if store else ["lmdb"])))
        return cls(format_name, store, "", draw.random() < (0.1 if store else 0.2)).by_another(draw)

    def by_another(self, draw: random.Random) -> Spread:
        """The same, made by whom it may be."""
        weights = (1, 2, 5, 0.5 if not self.in_pieces else 0)
        return replace(self, maker=draw.choices(MAKERS, weights)[0])

    @property
    def size(self) -> int:
        return (STORE_SIZES if self.store else SIZES)[self.format]

    def what(self) -> list[list[str]]:
        """For each run that it takes the command line, without who makes it, and without the folder."""
        words: list[Any] = ["--random_digits", 3, 5, "-iw", 130, "-s", self.size, "--seed", SEED, "--quiet"]
        words += [
            "--format",
            self.format,
            *(["--shard_size", SHARD] if self.format in ("webdataset", "parquet") else []),
        ]
        pieces = [["--shards", f"{i}/{PIECES}"] for i in range(1, PIECES + 1)] if self.in_pieces else [[]]
        return [[str(word) for word in (*words, *piece)] for piece in pieces]

    def how(self, address: str) -> list[str]:
        """The words that say who makes it. address: of a scheduler"""
        dask = {"dask": ["--dask", address], "local": ["--dask", "local", "-m", "2"]}
        return dask.get(self.maker) or ["-m", "2" if self.maker == "pool" else "1"]

    def __str__(self) -> str:
        where, pieces = "a store" if self.store else "a disk", " in pieces" if self.in_pieces else ""
        return f"{self.format} to {where}{pieces} by {self.maker}"


def by_values(folder: Path) -> dict[str, bytes]:
    """The files below `folder`; of a data base, what is in it."""
    found = {}
    for name, data in listing(folder).items():
        path = folder / name
        if path.is_dir():
            continue
        if path.name == "data.mdb":
            items = lmdb_items(path.parent)
            data = b"".join(b"%b\0%b\n" % (k.encode(), items[k]) for k in sorted(items))
        found[name] = data
    return found


def data_set(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without digitseq's own."""
    return {name: data for name, data in files.items() if OWN not in name}


def joined(files: dict[str, bytes]) -> dict[str, bytes]:
    """The images or shards of all pieces of a run, or of a whole one, by their own names."""
    names = [Path(name).name for name in files if Path(name).name not in OF_EACH]
    assert len(names) == len(set(names)), "two pieces have files of one name"
    return {Path(name).name: data for name, data in files.items() if Path(name).name not in OF_EACH}
