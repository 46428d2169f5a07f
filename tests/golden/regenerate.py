"""Writes the golden images anew, after a change that is meant to change them: `python tests/golden/regenerate.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from digitseq import Pipeline, Settings
from digitseq.formats.png_encoder import encode_png
from digitseq.renderer.renderer_cache import renderer_of

OPENCV = "5"  # the release that the augmented images were made with: releases round differently, and boxes follow
FOLDER = Path(__file__).parent
COUNT = 6
CASES = {
    "plain": Settings("0123456789", image_width=260),
    "free": Settings("0123456789", image_width=0, split="test"),
    "overlap": Settings("0123456789", min_spacing=-6, max_spacing=0, invert=True),
    "augmented": Settings("0123456789", image_width=300, data_augmentation=True),
    "random": Settings("0123456789", image_width=300, data_augmentation=True, random_all=True),
    "tall": Settings("01234-6789", image_height=64, image_width=500, split="test"),
    "tall_light": Settings("01234-6789", image_height=64, image_width=520, split="test", augment="light"),
    "written": Settings("01234-6789", image_height=48, image_width=420, split="test", style="pen", marks=0.5),
}


def sheet(name: str) -> np.ndarray:
    """uint8 (COUNT · H, W): the first images of a case, one under the other."""
    settings = CASES[name]
    images = Pipeline(settings, renderer_of(settings, keep_sizes=False).bank, 2026).batch(0, COUNT).images
    return images.reshape(-1, images.shape[2])


if __name__ == "__main__":
    for name in CASES:
        picture = sheet(name)
        (FOLDER / f"{name}.png").write_bytes(encode_png(picture[None], np.array([picture.shape[1]]))[0])
