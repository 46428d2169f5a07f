"""A digit stays the digit it is: a plain reader of untouched MNIST reads what comes out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.glyphs import ink_of

from digitseq import Pipeline, Settings
from digitseq.glyphs.loader import load_strokes
from digitseq.glyphs.pen_bank import PenBank
from digitseq.glyphs.scaling import Scaling

SIDE = 28
NUMBERS = ("0123456789", "9876543210")


def normalised(crop: np.ndarray, paper: float = 0.0) -> np.ndarray:
    """A glyph as the reader wants it, and as MNIST's are made: its stronger ink scaled to 20 pixels, centred by mass."""
    ink = np.clip((crop - np.float32(paper)) / max(np.percentile(crop, 98) - paper, 1), 0, 1)
    rows, columns = np.flatnonzero((ink > 0.25).any(axis=1)), np.flatnonzero((ink > 0.25).any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(ink.shape)
    size = max(round(ink.shape[1] * scale), 1), max(round(ink.shape[0] * scale), 1)
    ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    h, w = ink.shape
    y, x = (ink.sum(axis=1) @ np.arange(h), ink.sum(axis=0) @ np.arange(w)) / ink.sum()
    top, left = np.clip(np.rint([13.5 - y, 13.5 - x]).astype(int), 0, [SIDE - h, SIDE - w])
    out = np.zeros((SIDE, SIDE), np.float32)
    out[top : top + h, left : left + w] = ink
    return out.ravel()


class Nearest:
    """Reads a glyph as most of the three nearest untouched glyphs, in the 50 directions in which those differ most."""

    def __init__(self, inputs: np.ndarray, labels: np.ndarray) -> None:
        self._mean, self._labels = inputs.mean(axis=0), labels
        self._directions = np.linalg.eigh(np.cov(inputs.T))[1][:, -50:].astype(np.float32)
        self._known = self._project(inputs)

    def _project(self, inputs: np.ndarray) -> np.ndarray:
        return (inputs - self._mean) @ self._directions

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        distances = (self._known**2).sum(axis=1) - 2 * self._project(inputs) @ self._known.T
        nearest = self._labels[np.argpartition(distances, 3, axis=1)[:, :3]]
        return np.array([np.bincount(labels).argmax() for labels in nearest])


@pytest.fixture(scope="module")
def reader(train):
    glyphs = range(0, len(train), 3)
    return Nearest(np.stack([normalised(ink_of(train, g)) for g in glyphs]), train.label[::3])


def share_read(reader, bank, augment, **values) -> float:
    found = []
    for number in NUMBERS:
        chosen = Settings(number, split="test", image_width=320, min_spacing=2, augment=augment, **values)
        batch = Pipeline(chosen, bank, 1).batch(0, 100)
        crops = [
            normalised(image[y : y + h, x : x + w], np.median(image))
            for image, boxes in zip(batch.images, batch.boxes)
            for x, y, w, h in boxes
        ]
        truth = np.tile([int(c) for c in number], 100)
        found.append((reader.predict(np.stack(crops)) == truth).mean())
    return float(np.mean(found))


LEAST = {"": 0.96, "light": 0.95, "medium": 0.9, "heavy": 0.7, "scan": 0.9}


@pytest.mark.slow
@pytest.mark.parametrize("augment", LEAST)
def test_a_plain_reader_reads_what_comes_out(reader, test_split, augment, record_property):
    share = share_read(reader, test_split, augment)
    record_property("share_read", share)
    print(f"{augment or 'plain'}: {share:.3f} of the glyphs are read")
    assert share >= LEAST[augment]


def upright(crop: np.ndarray) -> np.ndarray:
    """A glyph sheared so that it does not lean, on paper wide enough."""
    wide = np.pad(crop.astype(np.float32), ((0, 0), (crop.shape[0] // 2,) * 2))
    y, x = np.mgrid[: wide.shape[0], : wide.shape[1]]
    y, x = ((place - (wide * place).sum() / wide.sum()) for place in (y, x))
    lean = (wide * x * y).sum() / max((wide * y * y).sum(), 1)
    middle = (wide.shape[0] - 1) / 2
    shear = np.array([[1, lean, -lean * middle], [0, 1, 0]], np.float32)
    return cv2.warpAffine(wide, shear, wide.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def pen_normalised(crop: np.ndarray) -> np.ndarray:
    """As `normalised`, upright, and blurred: pens of any width look alike, thin ones and the thick one of MNIST."""
    soft = cv2.GaussianBlur(normalised(upright(crop)).reshape(SIDE, SIDE), (0, 0), 0.8)
    return (soft / np.sqrt((soft**2).sum())).ravel()


@pytest.mark.slow
def test_a_plain_reader_reads_what_a_pen_writes(train, test_split, record_property):
    """At default strengths, European forms, which MNIST hardly has, included."""
    known = range(0, len(train), 2)
    reader = Nearest(np.stack([pen_normalised(ink_of(train, g)) for g in known]), train.label[::2])
    bank, found = PenBank(test_split, load_strokes(test_split), Scaling(48)), []
    for digit in range(10):
        settings = Settings(str(digit), split="test", image_width=0, image_height=48, style="pen")
        batch = Pipeline(settings, bank, 1).batch(0, 200)
        crops = [image[y : y + h, x : x + w] for image, [(x, y, w, h)] in zip(batch.images, batch.boxes)]
        found.append((reader.predict(np.stack([pen_normalised(crop) for crop in crops])) == digit).mean())
    record_property("share_read", float(np.mean(found)))
    print(f"written: {np.mean(found):.4f} of the digits are read; of each", np.round(found, 3))
    assert np.mean(found) >= 0.95
