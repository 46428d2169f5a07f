"""Label formats beside PNG images: one module and one line of `LABEL_FORMATS` for each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from digitseq.labels.base import LabelFormat


class LabelEntry(NamedTuple):
    """What is known of a label format before it is loaded. module: it has the class `Labels`; files: for the help."""

    module: str
    files: str


LABEL_FORMATS = {
    "jsonl": LabelEntry("jsonl", "metadata.jsonl with boxes"),
    "txt": LabelEntry("tab_separated", "gt.txt"),
    "easyocr": LabelEntry("easyocr", "labels.csv"),
    "coco": LabelEntry("coco", "annotations.json"),
    "yolo": LabelEntry("yolo", "1.txt, ..., images.txt, data.yaml"),
    "tesseract": LabelEntry("tesseract", "1.gt.txt, ..."),
}


def label_format(name: str) -> LabelFormat:
    """The label format `name`, a key of `LABEL_FORMATS`."""
    made: LabelFormat = importlib.import_module(f"digitseq.labels.{LABEL_FORMATS[name].module}").Labels()
    return made
