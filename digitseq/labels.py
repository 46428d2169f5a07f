"""Labels beside PNG files: a line an image, or a file an image, in the format that `labels` names."""

from __future__ import annotations

import json
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from digitseq.alphabet import classes
from digitseq.pipeline import Batch

FILE_NAMES = {
    "jsonl": "metadata.jsonl",
    "txt": "gt.txt",
    "easyocr": "labels.csv",
    "coco": ".annotations.jsonl",  # annotations.json is made of it
    "yolo": "images.txt",
}
FIRST_LINES = {"easyocr": b"filename,words\n"}
SIDECARS = {"yolo": "%d.txt", "tesseract": "%d.gt.txt"}


def label_lines(batch: Batch, labels: str) -> bytes:
    """A line for every image of `batch`, newline included; `labels` is a key of `FILE_NAMES`, or "none".

    jsonl follows Hugging Face's ImageFolder: `file_name`, `text`, and `objects` with a `bbox`
    [x, y, w, h] in pixels and a category for each glyph. txt is `path<TAB>text`, easyocr `filename,words`.
    """
    numbers = range(batch.start + 1, batch.start + 1 + len(batch))
    if labels == "jsonl":
        return _objects(batch, '"file_name": "%d.png", ', np.array(numbers)[:, None])
    if labels == "coco":
        head = f'"id": %d, "width": %d, "height": {batch.images.shape[1]}, '
        return _objects(batch, head, np.column_stack([numbers, batch.width]))
    if labels == "txt":
        return b"".join(b"%d.png\t%b\n" % (i, t.encode()) for i, t in zip(numbers, batch.texts))
    if labels == "easyocr":
        return b"".join(b"%d.png,%b\n" % (i, _csv(t).encode()) for i, t in zip(numbers, batch.texts))
    if labels == "yolo":
        return b"".join(b"./%d.png\n" % i for i in numbers)
    return b""


def object_lines(batch: Batch) -> list[bytes]:
    """A JSON object with `text` and `objects`, and a newline, for every image."""
    return _objects(batch, "", np.zeros((len(batch), 0), np.int64)).splitlines(keepends=True)


def _objects(batch: Batch, head: str, values: NDArray[np.int64]) -> bytes:
    """The same in one piece; each begins with `head`, with its values, (B, k), in their places."""
    drawn = batch.classes >= 0
    rows = {text: row for row, text in enumerate(batch.texts)}
    templates = {text: _template(text, drawn[row], head) for text, row in rows.items()}
    table = np.concatenate([values, batch.boxes.reshape(len(batch), -1)], axis=1)
    if not drawn.all():
        table = table[np.concatenate([np.ones(values.shape, bool), np.repeat(drawn, 4, axis=1)], axis=1)]
    # all lines by one formatting: a third of the time of one a line
    return b"".join([templates[text] for text in batch.texts]) % tuple(table.ravel().tolist())


def _template(text: str, drawn: NDArray[np.bool_], head: str) -> bytes:
    """The line for `text` with places for the numbers of `head` and of the boxes of the characters `drawn`."""
    if text.isascii() and text.isalnum():  # nothing to escape, no gaps
        shown, quoted, categories = text, f'"{text}"', '["' + '", "'.join(text) + '"]'
    else:
        shown = "".join(compress(text, drawn))
        quoted, categories = (json.dumps(value).replace("%", "%%") for value in (text, list(shown)))
    box = ", ".join(["[%d, %d, %d, %d]"] * len(shown))
    return f'{{{head}"text": {quoted}, "objects": {{"bbox": [{box}], "categories": {categories}}}}}\n'.encode()


def _csv(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


def sidecar_files(batch: Batch, labels: str, characters: str) -> list[bytes]:
    """What stands in each image's own file; `labels` is a key of `SIDECARS`.

    tesseract: the text. yolo: a line `class x y w h` for each glyph, the centre and size of its box as shares of
    the image's width and height, the class an index into `characters`.
    """
    if labels == "tesseract":
        return [text.encode() + b"\n" for text in batch.texts]
    x, y, w, h = np.moveaxis(batch.boxes.astype(np.float64), 2, 0)
    width, height = batch.width[:, None], batch.images.shape[1]
    shares = np.stack([(x + w / 2) / width, (y + h / 2) / height, w / width, h / height], axis=2).tolist()
    class_of, files = classes(characters), []
    for text, boxes in zip(batch.texts, shares):
        lines = (b"%d %.6f %.6f %.6f %.6f\n" % (class_of[c], *b) for c, b in zip(text, boxes) if b[2])
        files.append(b"".join(lines))
    return files
