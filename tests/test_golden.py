"""The images of today are the images of yesterday, and the pictures in `example/` are what the program makes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from folders import pixels
from golden.regenerate import CASES, FOLDER, sheet


@pytest.mark.parametrize("name", CASES)
def test_golden_images(name):
    expected, found = pixels(FOLDER / f"{name}.png"), sheet(name)
    if name in ("augmented", "random"):  # OpenCV's releases differ in how they round
        difference = np.abs(expected.astype(int) - found)
        assert (difference > 3).mean() < 0.001
    else:
        assert np.array_equal(expected, found)


def test_example_pictures_are_up_to_date(tmp_path):
    subprocess.run([sys.executable, str(ROOT / "example" / "make_examples.py"), str(tmp_path)], check=True, timeout=120)
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.png"))
    shipped = sorted(p.relative_to(ROOT / "example") for p in (ROOT / "example").rglob("*.png"))
    assert made == shipped
    for name in made:
        expected, found = pixels(ROOT / "example" / name), pixels(tmp_path / name)
        assert expected.shape == found.shape
        assert (np.abs(expected.astype(int) - found) > 3).mean() < 0.001
