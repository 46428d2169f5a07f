"""Makes the pictures of this folder: `python example/make_examples.py [folder]`. The tests compare the result.

Two scripts make the others: make_screenshot.py (page.png) and make_speed_chart.py (speed.svg).
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "config.py"
sys.path.insert(0, str(ROOT))

from digitseq import SequenceGenerator, Settings  # noqa: E402  # the checkout beside this file, installed or not
from digitseq.errors import DataError  # noqa: E402
from digitseq.shell.cli import main  # noqa: E402
from digitseq.shell.parser import parse  # noqa: E402

# The four commands of the README, one image each.
COMMANDS = (
    "-num 123456 --seed 1",
    "-num 123456 -r --seed 2",
    "-num 123456 -da --seed 3",
    "-num 123456 -da -ra --seed 4",
)
# Sheets of samples: the flags that all rows share, then those of each row, which are its caption.
SHEETS = {
    "sources.png": (
        "",
        (
            "--random_digits 3 8",
            "--amounts",
            "--pattern '(19|20)[0-9]{2}'",
            "--phone JP --phone_format national -iw 260",
            "-num 2026-11-21",
            "-num '3.5*(12+7)=66.5' -iw 230",
            "-num 2026-11-21 --signs gap",
        ),
    ),
    "layout.png": (
        "-num 123456",
        ("-min 0 -max 10", "-min 15 -max 15 -iw 230", "-min -5 -max -2", "-iw 120", "--invert"),
    ),
    "augmentation.png": (
        "-num 123456",
        (
            "-da",
            "-da -ra",
            "-e 2 1",
            "-d 2 2",
            "-a 20",
            "-n 0.1",
            "--augment light",
            "--augment medium",
            "--augment heavy",
            "--augment scan",
            "--augment elastic:alpha=30",
        ),
    ),
    "letters.png": (  # made where these glyphs have been downloaded
        "--dataset emnist-byclass --split test",
        (
            "-num Tokyo2026",
            "-num 'Cape jump'",
            "--random_text 4 8",
            "-num Tokyo2026 --style pen",
            "-num Tokyo2026 --letter_layout off",
        ),
    ),
}
WRITTEN = "--style pen --marks 0.4 --augment scan"
CELL_WIDTH = 260  # pixels, of an image of `handwriting.png`
SAMPLES = 2  # in each row of a sheet
SEED = 6
ENLARGED = 2
MARGIN = 3
GREY = 96  # around the images
CAPTION_WIDTH = 390  # pixels, of a sheet that is enlarged already


def make_commands(folder: Path) -> None:
    """`123456/1.png` … `4.png`."""
    for old in (folder / "123456").glob("*.png"):
        old.unlink()
    for command in COMMANDS:
        run(*command.split(), "-o", str(folder), "--labels", "none")
    (folder / "123456" / "run.json").unlink()
    shutil.rmtree(folder / "123456" / ".digitseq")


def make_header(folder: Path) -> None:
    """`header.png`: plain, augmented and inverted sequences."""
    numbers = ("3141592", "2718281", "1414213", "0577215", "1618033")
    looks = ({}, {"augment": ("medium",)}, {"invert": True, "min_spacing": -2, "max_spacing": 4})
    columns = []
    for look in looks:
        settings = [Settings(number, image_width=220, **look) for number in numbers]
        images = [SequenceGenerator(row, seed)[0].image for seed, row in enumerate(settings)]
        columns.append(np.vstack([framed(image) for image in images]))
    save(folder / "header.png", enlarged(np.hstack(columns)))


def make_sheet(path: Path, common: str, rows: tuple[str, ...]) -> None:
    """A row of samples for each of `rows`; see `SHEETS`. Raises `DataError` where glyphs are missing."""
    lines = []
    for row in rows:
        settings = parse(shlex.split(f"{common} {row}"), CONFIG).settings
        images = SequenceGenerator(settings, SEED).batch(0, SAMPLES).images
        lines.append(enlarged(np.hstack([framed(image) for image in images])))
    width = max(line.shape[1] for line in lines)
    save(path, np.vstack([captioned(row, line, width) for row, line in zip(rows, lines)]))


def make_handwriting(folder: Path) -> None:
    """`handwriting.png`: a column of plain amounts, and five of written and scanned ones. Test glyphs: few lines."""
    common = "--amounts --split test -ih 48 -iw 0 --invert"
    columns = []
    for number, look in enumerate(("", *[WRITTEN] * 5)):
        settings = parse(shlex.split(f"{common} {look}"), CONFIG).settings
        batch = SequenceGenerator(settings, number).batch(0, 8)
        images = [fitted(image[:, :wide], CELL_WIDTH) for image, wide in zip(batch.images, batch.widths)]
        columns.append(np.pad(np.vstack([framed(image) for image in images]), ((0, 0), (0, 0 if number else 16)),
                              constant_values=GREY))  # fmt: skip
    save(folder / "handwriting.png", np.hstack(columns))


def fitted(image: np.ndarray, width: int) -> np.ndarray:
    """`image`, padded to `width`, or reduced and padded to its height."""
    height = image.shape[0]
    if image.shape[1] > width:
        image = cv2.resize(image, (width, height * width // image.shape[1]), interpolation=cv2.INTER_AREA)
    below, right = height - image.shape[0], width - image.shape[1]
    return np.pad(image, ((below // 2, below - below // 2), (0, right)), constant_values=GREY)


def run(*words: str) -> None:
    """`run.py` with these arguments, which must succeed."""
    if code := main([*words, "--quiet"], CONFIG):
        raise SystemExit(code)


def framed(image: np.ndarray) -> np.ndarray:
    return np.pad(image, MARGIN, constant_values=GREY)


def enlarged(picture: np.ndarray) -> np.ndarray:
    return picture.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def captioned(text: str, line: np.ndarray, width: int) -> np.ndarray:
    """`line`, padded to `width`, to the right of its caption."""
    caption = np.full((line.shape[0], CAPTION_WIDTH), GREY, np.uint8)
    cv2.putText(caption, text, (10, line.shape[0] // 2 + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.64, 255, 1, cv2.LINE_AA)
    return np.hstack([caption, np.pad(line, ((0, 0), (0, width - line.shape[1])), constant_values=GREY)])


def save(path: Path, picture: np.ndarray) -> None:
    if not cv2.imwrite(str(path), picture):
        raise SystemExit(f"cannot write {path}")


def make_all(folder: Path) -> None:
    make_commands(folder)
    make_header(folder)
    for name, (common, rows) in SHEETS.items():
        try:
            make_sheet(folder / name, common, rows)
        except DataError as error:
            print(f"{name} was not made: {error}", file=sys.stderr)
    make_handwriting(folder)
    run("-num", "123456", "--preview_operations", str(folder / "operations.png"), "--seed", "3")


if __name__ == "__main__":
    make_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
