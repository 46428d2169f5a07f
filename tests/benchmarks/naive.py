"""The level to beat: a plain per-image loop, as one writes it in an afternoon."""

from __future__ import annotations

import gzip
import sys
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

DATA = Path(__file__).parents[2] / "digitseq" / "data" / "mnist"
images = np.frombuffer(gzip.decompress((DATA / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
labels = np.frombuffer(gzip.decompress((DATA / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
images, by_class = images.reshape(-1, 28, 28), [np.flatnonzero(labels == digit) for digit in range(10)]


def make(job: tuple[str, str, int, bool]) -> None:
    folder, number, i, augment = job
    rng, parts = np.random.default_rng(i), []
    for character in number:
        glyph = images[rng.choice(by_class[int(character)])]
        inked = np.flatnonzero(glyph.any(axis=0))
        glyph = glyph[:, inked[0] : inked[-1] + 1]
        if augment:
            glyph = distort(glyph, rng)
        parts += [glyph, np.zeros((28, rng.integers(5, 11)), np.uint8)]
    line = np.hstack(parts[:-1])[:, :200]
    left = (200 - line.shape[1]) // 2
    cv2.imwrite(f"{folder}/{i + 1}.png", np.pad(line, ((0, 0), (left, 200 - line.shape[1] - left))))


def distort(glyph, rng):
    chosen = rng.random(4) < 0.5
    if chosen[0]:
        glyph = cv2.erode(glyph, np.ones(rng.integers(1, 4, 2), np.uint8))
    if chosen[1]:
        glyph = cv2.dilate(glyph, np.ones(rng.integers(1, 4, 2), np.uint8))
    if chosen[2]:
        h, w = glyph.shape
        turn = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), rng.uniform(-15, 15), 1)
        glyph = cv2.warpAffine(glyph, turn, (w, h))
    if chosen[3]:
        glyph = np.where(rng.random(glyph.shape) < rng.random() / 10, np.uint8(255), glyph)
    return glyph


if __name__ == "__main__":
    folder, number, count, augment = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:] == ["augment"]
    Path(folder).mkdir(parents=True)
    with Pool(2) as pool:
        pool.map(make, [(folder, number, i, augment) for i in range(count)], chunksize=500)
