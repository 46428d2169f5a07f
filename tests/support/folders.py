"""Reads what a run left in a folder, the way a user of the data would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image


def numbers(folder: Path) -> list[int]:
    return sorted(int(p.stem) for p in folder.glob("*.png"))


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image)


def contents(folder: Path) -> dict[str, bytes]:
    """Every image of the folder by name, undecoded."""
    return {p.name: p.read_bytes() for p in folder.glob("*.png")}


def assert_consistent(folder: Path) -> list[int]:
    """Every image is whole and listed, every line has its image, in order, and nothing half-made is left."""
    listed = [int(r["file_name"].removesuffix(".png")) for r in records(folder)]
    assert listed == numbers(folder)
    for number in listed:
        with Image.open(folder / f"{number}.png") as image:
            image.load()
    assert_nothing_unfinished(folder)
    return listed


def assert_nothing_unfinished(folder: Path) -> None:
    """Beside the results there is nothing but the lock and the journal."""
    assert sorted(p.name for p in (folder / ".digitseq").iterdir()) == ["journal.jsonl", "lock"]
    assert not [
        p for p in folder.iterdir() if p.name.startswith(".") and p.name not in (".digitseq", ".annotations.jsonl")
    ]


def runs(folder: Path) -> list[dict]:
    """The records in run.json, oldest first."""
    return json.loads((folder / "run.json").read_text())["runs"]


def sections(folder: Path) -> list[tuple]:
    """(first, last, images, status) of every section of every run."""
    return [(s["first"], s["last"], s["images"], run["status"]) for run in runs(folder) for s in run["sections"]]
