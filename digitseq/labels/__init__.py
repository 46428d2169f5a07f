"""Label formats beside PNG images: a new one is one module and one line of `LABEL_FORMATS`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from digitseq.labels.base import LabelFormat


class LabelEntry(NamedTuple):
    """What is known about a label format before it is loaded.

    module: it defines the class `Labels`; files: the names of its files, for the help
    """

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


def label_formats(names: tuple[str, ...]) -> list[LabelFormat]:
    """The label formats of the setting `labels`, whose "none" is no format."""
    modules = [LABEL_FORMATS[name].module for name in names if name in LABEL_FORMATS]
    return [importlib.import_module(f"digitseq.labels.{module}").Labels() for module in modules]
