"""The images of today are the images of yesterday, and the pictures in `example/` are what the program makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from golden.regenerate import CASES, FOLDER, OPENCV, sheet
from support.folders import pixels
from support.paths import ROOT

WITH_OPENCV = [name for name, case in CASES.items() if case.operations() or case.style != "glyph"]
same_opencv = pytest.mark.skipif(
    not cv2.__version__.startswith(OPENCV), reason=f"augmented pictures are compared under OpenCV {OPENCV} only"
)


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITH_OPENCV])
def test_golden_images(name):
    assert np.array_equal(pixels(FOLDER / f"{name}.png"), sheet(name))


@same_opencv
@pytest.mark.parametrize("name", WITH_OPENCV)
def test_golden_augmented_images(name):
    expected, found = pixels(FOLDER / f"{name}.png"), sheet(name)
    assert (np.abs(expected.astype(int) - found) > 3).mean() < 0.001


@same_opencv
def test_example_pictures_are_up_to_date(tmp_path):
    subprocess.run([sys.executable, str(ROOT / "example" / "make_examples.py"), str(tmp_path)], check=True, timeout=120)
    # Made by scripts of their own or, letters.png, from a data set that must be downloaded.
    others = {Path(name) for name in ("page.png", "letters.png", "reader/curve.png", "reader/mistakes.png")}
    made = {p.relative_to(tmp_path) for p in tmp_path.rglob("*.png")} - others
    assert made == {p.relative_to(ROOT / "example") for p in (ROOT / "example").rglob("*.png")} - others
    for name in made:
        expected, found = pixels(ROOT / "example" / name), pixels(tmp_path / name)
        assert expected.shape == found.shape
        assert (np.abs(expected.astype(int) - found) > 3).mean() < 0.001
