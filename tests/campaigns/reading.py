"""What stands in a folder, read as users of each format read it: pixels, text and boxes of every image by number."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Row:
    """pixels: uint8 (H, W); boxes: [x, y, w, h] of each digit, None where the format has none."""

    pixels: np.ndarray
    text: str
    boxes: list[list[int]] | None = None


Rows = dict[int, Row]


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.mode == "L", f"an image in mode {image.mode}"
        return np.asarray(image)


def read_webdataset(folder: Path) -> Rows:
    members: dict[int, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                assert suffix not in members.setdefault(int(key), {}), f"{member.name} is there twice"
                members[int(key)][suffix] = tar.extractfile(member).read()
    rows = {}
    for number, sample in members.items():
        label = json.loads(sample["json"])
        assert label["text"] == sample["txt"].decode()
        rows[number] = Row(decoded(sample["png"]), label["text"], label["objects"]["bbox"])
    return rows


def lmdb_items(folder: Path) -> dict[str, bytes]:
    """All keys and values; empty where there is no data base."""
    import lmdb

    if not (folder / "data.mdb").exists():
        return {}
    with lmdb.open(str(folder / "data.mdb"), subdir=False, readonly=True, lock=False) as base, base.begin() as view:
        return {bytes(key).decode(): bytes(value) for key, value in view.cursor()}


def read_lmdb(folder: Path) -> Rows:
    items = lmdb_items(folder)
    count = int(items.pop("num-samples", b"0"))
    assert len(items) == 2 * count, f"{len(items)} entries for {count} samples"
    return {i: Row(decoded(items[f"image-{i:09d}"]), items[f"label-{i:09d}"].decode()) for i in range(1, count + 1)}


def read_parquet(folder: Path) -> Rows:
    import pyarrow.parquet

    rows: Rows = {}
    for path in sorted(folder.glob("*.parquet")):
        for row in pyarrow.parquet.read_table(path, use_threads=False).to_pylist():
            rows[len(rows) + 1] = Row(decoded(row["image"]["bytes"]), row["text"], row["objects"]["bbox"])
    return rows


def read_npz(folder: Path) -> Rows:
    rows: Rows = {}
    for path in folder.glob("*.npz"):
        with np.load(path) as a:
            columns = zip(a["images"], a["widths"], a["labels"], a["boxes"], a["lengths"])
            for image, width, text, boxes, length in columns:
                rows[len(rows) + 1] = Row(image[:, :width], str(text), boxes[:length].tolist())
    return rows


def _jsonl(folder: Path) -> Iterable[tuple[str, str]]:
    for line in (folder / "metadata.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield row["file_name"], row["text"]


def _txt(folder: Path) -> Iterable[tuple[str, str]]:
    return (tuple(line.split("\t")) for line in (folder / "gt.txt").read_text().splitlines())  # type: ignore[misc]


def _easyocr(folder: Path) -> Iterable[tuple[str, str]]:
    with open(folder / "labels.csv", newline="") as file:
        return [(row["filename"], row["words"]) for row in csv.DictReader(file)]


def _coco(folder: Path) -> Iterable[tuple[str, str]]:
    found = json.loads((folder / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in found["categories"]}
    digits: dict[int, list[str]] = {image["id"]: [] for image in found["images"]}
    for annotation in sorted(found["annotations"], key=lambda annotation: annotation["bbox"][0]):
        digits[annotation["image_id"]].append(names[annotation["category_id"]])
    for image in found["images"]:
        assert "".join(digits[image["id"]]) == image["text"], f"{image['file_name']}: its boxes are of other digits"
        yield image["file_name"], image["text"]


def _yolo(folder: Path) -> Iterable[tuple[str, str]]:
    listed = [Path(line).name for line in (folder / "images.txt").read_text().splitlines()]
    beside = {f"{p.stem}.png" for p in folder.glob("*.txt") if p.stem.isdigit()}
    assert set(listed) == beside, (
        f"images.txt and the files beside the images differ: {sorted(set(listed) ^ beside)[:3]}"
    )
    for name in listed:
        lines = (folder / name).with_suffix(".txt").read_text().splitlines()
        yield name, "".join(line.split()[0] for line in lines)


def _tesseract(folder: Path) -> Iterable[tuple[str, str]]:
    return ((p.name.replace(".gt.txt", ".png"), p.read_text().strip()) for p in folder.glob("*.gt.txt"))


LABELS: dict[str, Callable[[Path], Iterable[tuple[str, str]]]] = {
    "jsonl": _jsonl, "txt": _txt, "easyocr": _easyocr, "coco": _coco, "yolo": _yolo, "tesseract": _tesseract,
}  # fmt: skip


def read_png(folder: Path, labels: Iterable[str]) -> Rows:
    """Images and labels; every label file must have each image once, and say the same of it."""
    images = {p.name: decoded(p.read_bytes()) for p in folder.glob("*.png")}
    texts: dict[str, str] = {}
    for label in labels:
        listed = list(LABELS[label](folder)) if images else []
        names = [name for name, _ in listed]
        assert len(set(names)) == len(names), f"{label} lists an image twice"
        unlisted, without = sorted(images.keys() - set(names)), sorted(set(names) - images.keys())
        assert not unlisted, f"{label}: {len(unlisted)} images are not listed: {unlisted[:3]}"
        assert not without, f"{label}: {len(without)} labels have no image: {without[:3]}"
        contradicted = [name for name, text in listed if texts.setdefault(name, text) != text]
        assert not contradicted, f"{label}: says another text of {contradicted[:3]} than the other labels"
    boxes = {}
    if "jsonl" in labels and images:
        listed_rows = map(json.loads, (folder / "metadata.jsonl").read_text().splitlines())
        boxes = {row["file_name"]: row["objects"]["bbox"] for row in listed_rows}
    return {int(Path(name).stem): Row(pixels, texts[name], boxes.get(name)) for name, pixels in images.items()}


READERS: dict[str, Callable[[Path], Rows]] = {
    "webdataset": read_webdataset, "lmdb": read_lmdb, "parquet": read_parquet, "npz": read_npz,
}  # fmt: skip
