"""Every format, read back by what its users read it with."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitseq.formats import FORMATS as TABLE

from .folders import pixels, records

FORMATS = list(TABLE)
SHARDED = [name for name, entry in TABLE.items() if "shard_size" in entry.options]
Rows = list[tuple[np.ndarray, str, list[list[int]]]]  # pixels, text, boxes


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        return np.asarray(image)


def read_png(folder: Path) -> Rows:
    return [(pixels(folder / r["file_name"]), r["text"], r["objects"]["bbox"]) for r in records(folder)]


def read_webdataset(folder: Path) -> Rows:
    webdataset = pytest.importorskip("webdataset")
    shards = [str(p) for p in sorted(folder.glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert [s["__key__"] for s in samples] == [f"{i:012d}" for i in range(1, len(samples) + 1)]
    for sample in samples:
        assert sample["txt"].decode() == json.loads(sample["json"])["text"]
    return [
        (decoded(s["png"]), s["txt"].decode(), json.loads(s["json"])["objects"]["bbox"])
        for s in samples
    ]  # fmt: skip


def read_lmdb(folder: Path) -> Rows:
    """The keys that the text recognition projects ask for. They hold no boxes."""
    lmdb = pytest.importorskip("lmdb")
    copy = folder.parent / f"{folder.name}-lmdb"  # a reader leaves its lock file
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(folder / "data.mdb", copy)
    with lmdb.open(str(copy), max_readers=32, readonly=True, lock=False) as environment, environment.begin() as view:
        count = int(view.get(b"num-samples"))
        assert view.stat()["entries"] == 2 * count + 1
        return [
            (decoded(view.get(b"image-%09d" % i)), view.get(b"label-%09d" % i).decode(), [])
            for i in range(1, count + 1)
        ]  # fmt: skip


def read_parquet(folder: Path) -> Rows:
    datasets = pytest.importorskip("datasets")
    files = [str(p) for p in sorted(folder.glob("*.parquet"))]
    cache = folder.parent / f"{folder.name}-{time.monotonic_ns()}"
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
    assert isinstance(table.features["image"], datasets.Image)
    rows = []
    for row in table:
        assert row["objects"]["categories"] == [c for c in row["text"] if c.isalnum()]
        rows.append((np.asarray(row["image"]), row["text"], row["objects"]["bbox"]))
    return rows


def read_npz(folder: Path) -> Rows:
    (path,) = folder.glob("*.npz")
    with np.load(path) as arrays:
        a = {name: arrays[name] for name in arrays.files}
    assert a["images"].dtype == np.uint8
    assert len({len(array) for array in a.values()}) == 1
    return [
        (image[:, :width], str(text), boxes[:length].tolist())
        for image, width, text, boxes, length in zip(
            a["images"], a["widths"], a["labels"], a["boxes"], a["lengths"]
        )
    ]  # fmt: skip


READERS = {
    "png": read_png,
    "webdataset": read_webdataset,
    "lmdb": read_lmdb,
    "parquet": read_parquet,
    "npz": read_npz,
}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` by name, but for the data base's: its pages are not what is promised."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith("data.mdb") and p.name != "lock"
    }


def dump(folder: Path) -> str:
    lmdb = pytest.importorskip("lmdb")
    digest = hashlib.sha256()
    with lmdb.open(str(folder / "data.mdb"), subdir=False, readonly=True, lock=False) as opened, opened.begin() as view:
        for key, value in view.cursor():
            digest.update(b"%b %d %b" % (key, len(value), value))
    return digest.hexdigest()


def shards(format_name: str, size: int) -> tuple[object, ...]:
    """The flag for images a shard, where the format has shards."""
    return ("--shard_size", size) if format_name in SHARDED else ()
