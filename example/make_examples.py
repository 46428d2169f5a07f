"""Makes the pictures of this folder anew: `python example/make_examples.py [folder]`. The tests run it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from digitseq import Pipeline, Settings  # noqa: E402  # the checkout beside this file, installed or not
from digitseq.augment import OPERATIONS, PRESETS  # noqa: E402
from digitseq.cli import main  # noqa: E402
from digitseq.files.atomic import replacing  # noqa: E402
from digitseq.formats.png_encoder import encode_png  # noqa: E402
from digitseq.glyphs.loader import load_bank  # noqa: E402

# The four commands of the README, one image each.
COMMANDS = (
    "-num 123456 --seed 1",
    "-num 123456 -r --seed 2",
    "-num 123456 -da --seed 3",
    "-num 123456 -da -ra --seed 4",
)
ENLARGED = 2
MARGIN = 3


def make_four(folder: Path) -> None:
    """`123456/1.png` … `4.png`."""
    for old in (folder / "123456").glob("*.png"):
        old.unlink()
    for command in COMMANDS:
        code = main([*command.split(), "-o", str(folder), "--labels", "none", "--quiet"], ROOT / "config.py")
        if code:
            raise SystemExit(code)
    (folder / "123456" / "run.json").unlink()
    shutil.rmtree(folder / "123456" / ".digitseq")


def make_header(folder: Path) -> None:
    """`header.png`: what the program makes, at one look."""
    numbers = ("3141592", "2718281", "1414213", "0577215", "1618033")
    looks = ({}, {"augment": ("medium",)}, {"invert": True, "min_spacing": -2, "max_spacing": 4})
    bank = load_bank("train")
    columns = []
    for look in looks:
        lines = [
            Pipeline(Settings(number, image_width=220, **look), bank, seed).batch(0, 1).images[0]
            for seed, number in enumerate(numbers)
        ]
        columns.append(np.vstack([np.pad(line, MARGIN, constant_values=96) for line in lines]))
    save(folder / "header.png", np.hstack(columns))


def make_sources(folder: Path) -> None:
    """`sources.png`: random digits, and texts with gaps: a telephone number, a date, an amount."""
    bank = load_bank("train")
    chosen = [Settings(random_digits=(3, 8), image_width=260)]
    chosen += [Settings(text, gaps=True, image_width=260) for text in ("090-1234-5678", "2026-11-21", "1,234.50")]
    lines = [Pipeline(settings, bank, 6).batch(0, 2).images for settings in chosen]
    rows = [np.hstack([np.pad(line, MARGIN, constant_values=96) for line in images]) for images in lines]
    save(folder / "sources.png", np.vstack(rows))


def make_augmentations(folder: Path) -> None:
    """`augment/NAME.png`: the same three numbers before and after each operation; `sheet.png`: all of them."""
    (folder / "augment").mkdir(exist_ok=True)
    bank = load_bank("train")
    plain = Settings("31415", image_width=160)
    for name in (*OPERATIONS, *PRESETS):
        before = Pipeline(plain, bank, 3).batch(0, 3).images
        after = Pipeline(replace(plain, augment=(name,)), bank, 3).batch(0, 3).images
        rows = [np.hstack([np.pad(i, MARGIN, constant_values=96) for i in images]) for images in (before, after)]
        save(folder / "augment" / f"{name}.png", np.vstack(rows))
    code = main(["-num", "123456", "--preview", str(folder / "augment" / "sheet.png"), "--seed", "3", "--quiet"])
    if code:
        raise SystemExit(code)


def save(path: Path, picture: np.ndarray) -> None:
    """Write `picture`, enlarged, as a PNG file."""
    large = picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    with replacing(path) as file:
        file.write(encode_png(large[None], np.array([large.shape[1]]))[0])


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    make_four(target)
    make_header(target)
    make_sources(target)
    make_augmentations(target)
