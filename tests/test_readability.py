"""A digit stays the digit it is: a plain reader of untouched MNIST reads what comes out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from digitseq import Pipeline, Settings

SIDE = 28
NUMBERS = ("0123456789", "9876543210")


def normalised(crop: np.ndarray, paper: float = 0.0) -> np.ndarray:
    """A glyph as the reader wants it, and as MNIST's are made: its stronger ink scaled to 20 pixels, centred by mass."""
    import cv2

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


@pytest.fixture(scope="module")
def reader(train):
    neural_network = pytest.importorskip("sklearn.neural_network")
    inputs = np.stack([normalised(train.ink(g)) for g in range(len(train))])
    model = neural_network.MLPClassifier((256,), max_iter=14, random_state=0, tol=0, n_iter_no_change=14)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dozen rounds are enough for this
        return model.fit(inputs, train.label)


def share_read(reader, bank, augment, **values) -> float:
    found = []
    for number in NUMBERS:
        chosen = Settings(number, split="test", image_width=320, min_spacing=2, augment=augment, **values)
        batch = Pipeline(chosen, bank, 1).batch(0, 150)
        crops = [
            normalised(image[y : y + h, x : x + w], np.median(image))
            for image, boxes in zip(batch.images, batch.boxes)
            for x, y, w, h in boxes
        ]
        truth = np.tile([int(c) for c in number], 150)
        found.append((reader.predict(np.stack(crops)) == truth).mean())
    return float(np.mean(found))


@pytest.mark.parametrize(("augment", "least"), [((), 0.97), ("light", 0.95), ("medium", 0.85), ("heavy", 0.6)])
def test_a_plain_reader_reads_what_comes_out(reader, test_split, augment, least, record_property):
    share = share_read(reader, test_split, augment)
    record_property("share_read", share)
    print(f"{augment or 'plain'}: {share:.3f} of the glyphs are read")
    assert share >= least
