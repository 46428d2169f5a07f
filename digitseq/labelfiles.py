"""The label files of a folder: they grow by whole lines, can be cut back, and are finished at the end of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from digitseq.alphabet import classes
from digitseq.folder import SCRATCH
from digitseq.labels import FILE_NAMES, FIRST_LINES, SIDECARS, label_lines, sidecar_files
from digitseq.pipeline import Batch

Lines = dict[str, bytes]  # lines of each label file by its format


class LabelFile:
    """One label file, which grows by whole lines only."""

    def __init__(self, folder: Path, labels: str) -> None:
        self.path = folder / FILE_NAMES[labels]
        self._first_line = FIRST_LINES.get(labels, b"")

    def size(self) -> int:
        """Length in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Shorten the file to `size` bytes."""
        if self.size() > size:
            os.truncate(self.path, size)

    def append(self, lines: bytes) -> None:
        """Add lines, all of them or none. Raises `OSError`."""
        with open(self.path, "ab", buffering=0) as file:
            size = file.tell()
            try:
                rest = memoryview(lines if size else self._first_line + lines)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(size)
                raise


class LabelSet:
    """All label files of a folder, in the formats `labels`. `characters`: the classes of YOLO."""

    def __init__(self, folder: Path, labels: tuple[str, ...], characters: str) -> None:
        self.folder, self.labels, self.characters = folder, labels, characters
        self._files = {name: LabelFile(folder, name) for name in labels if name in FILE_NAMES}
        self._sidecars = [name for name in labels if name in SIDECARS]

    def sizes(self) -> dict[str, int]:
        """Length of every label file in bytes, by format."""
        return {name: file.size() for name, file in self._files.items()}

    def open(self) -> None:
        """Write what does not depend on the images. Raises `OSError`."""
        if "yolo" in self.labels:
            (self.folder / "labels").mkdir(exist_ok=True)
            # YOLO readers look for labels/1.txt when, and only when, the image is named images/1.png
            if not os.path.lexists(self.folder / "images"):
                (self.folder / "images").symlink_to(".", target_is_directory=True)
            names = "".join(f"  {i}: {json.dumps(c)}\n" for i, c in enumerate(self.characters))
            yaml = f"train: images.txt\nval: images.txt\nnames:\n{names}"
            (self.folder / "data.yaml").write_text(yaml, encoding="utf-8")

    def lines(self, batch: Batch) -> Lines:
        """The lines for `batch`, by format."""
        return {name: label_lines(batch, name) for name in self._files}

    def append(self, lines: Lines) -> None:
        """Add lines. Raises `OSError`; `cut` then mends what was added already."""
        for name, added in lines.items():
            self._files[name].append(added)

    def cut(self, sizes: dict[str, int]) -> None:
        """Shorten every label file to its size in `sizes`."""
        for name, size in sizes.items():
            self._files[name].cut(size)

    def write_sidecars(self, batch: Batch, numbers: list[int]) -> None:
        """Write the files that belong to single images of `batch`, those of `numbers` only. Raises `OSError`."""
        for name in self._sidecars:
            files = sidecar_files(batch, name, self.characters)
            for number in numbers:
                (self.folder / (SIDECARS[name] % number)).write_bytes(files[number - 1 - batch.start])

    def remove_sidecars(self, number: int) -> None:
        """Remove the files that belong to the image of this number."""
        for name in self._sidecars:
            (self.folder / (SIDECARS[name] % number)).unlink(missing_ok=True)

    def sidecar_numbers(self) -> Iterator[int]:
        """The numbers that files of single images stand there for."""
        for name in self._sidecars:
            suffix = SIDECARS[name].rpartition("%d")[2]
            for path in (self.folder / SIDECARS[name]).parent.glob(f"*{suffix}"):
                with suppress(ValueError):
                    yield int(path.name.removesuffix(suffix))

    def close(self) -> None:
        """Write what depends on all images. Raises `OSError`."""
        if "coco" not in self.labels or not self._files["coco"].path.exists():
            return
        part = self.folder / SCRATCH / "annotations.json"
        part.parent.mkdir(exist_ok=True)
        with open(part, "w", encoding="utf-8") as file:
            file.writelines(_coco(self._files["coco"].path, self.characters))
        os.replace(part, self.folder / "annotations.json")


def _coco(path: Path, characters: str) -> Iterator[str]:
    """COCO's object detection file, piece by piece, out of the lines in `path`."""
    category = {c: i + 1 for c, i in classes(characters).items()}
    listed = [{"id": category[c], "name": c, "supercategory": "character"} for c in characters]
    yield '{"categories": ' + json.dumps(listed) + ',\n"images": ['
    for place, row in enumerate(_rows(path)):
        yield ",\n" * bool(place) + json.dumps(
            {"id": row["id"], "file_name": f"{row['id']}.png"} | {k: row[k] for k in ("width", "height", "text")}
        )
    yield '],\n"annotations": ['
    number = 0
    for row in _rows(path):
        for character, box in zip(row["objects"]["categories"], row["objects"]["bbox"]):
            if box[2]:
                number += 1
                annotation = {"id": number, "image_id": row["id"], "category_id": category[character]}
                annotation |= {"bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                yield ",\n" * (number > 1) + json.dumps(annotation)
    yield "]}\n"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with open(path, "rb") as file:
        yield from map(json.loads, file)
