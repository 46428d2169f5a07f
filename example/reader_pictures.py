"""Images for `train_reader.py`: normalising scans before they are read, and drawing the results."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

HEIGHT, WIDTH = 28, 160  # of training images
INK_HEIGHT = 20  # pixels, of a digit in MNIST


class Reading(NamedTuple):
    """What was read. image: uint8 (28, W), white ink on black; true: its label; text: the prediction."""

    image: np.ndarray
    true: str
    text: str


def read_labels(folder: Path) -> list[tuple[str, str]]:
    """(file name, text) of each image in the folder."""
    if (folder / "metadata.jsonl").is_file():
        lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        return [(record["file_name"], record["text"]) for record in map(json.loads, lines)]
    if (folder / "gt.txt").is_file():
        lines = (folder / "gt.txt").read_text(encoding="utf-8").splitlines()
        return [tuple(line.split("\t", 1)) for line in lines if line.strip()]
    raise SystemExit(f"{folder} has neither gt.txt nor metadata.jsonl")


def normalised(picture: np.ndarray) -> np.ndarray:
    """`picture`, of any size and polarity, as the training images are: uint8 (28, W), white ink 20 pixels high."""
    image = cv2.bitwise_not(picture) if _is_dark_on_light(picture) else picture
    if image.shape[0] != HEIGHT or image.min() > 0:
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
        level, _ = cv2.threshold(cv2.medianBlur(image, 3), 0, 255, cv2.THRESH_OTSU)
        image = np.where(image > level / 2, image, 0).astype(np.uint8)
        x, y, w, h = cv2.boundingRect((cv2.medianBlur(image, 3) > level).astype(np.uint8))
        scale = INK_HEIGHT / max(h, 1)
        size = (max(round(w * scale), 1), INK_HEIGHT)
        image = cv2.resize(image[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
        image = np.pad(cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX), ((0, 0), (4, 4)))
    down, right = HEIGHT - image.shape[0], max(WIDTH - image.shape[1], 0)
    return np.pad(image, ((down // 2, down - down // 2), (right // 2, right - right // 2)))


def _is_dark_on_light(picture: np.ndarray) -> bool:
    """Whether the paper, which covers more pixels than the ink, is lighter than the ink."""
    level, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)
    return bool(np.median(picture) > level)


def draw_curve(curve: list[tuple[int, float]], path: Path) -> None:
    """The loss over the steps, on a logarithmic scale."""
    picture = np.full((320, 560, 3), 255, np.uint8)
    top, bottom = math.ceil(math.log10(max(v for _, v in curve))), math.floor(math.log10(min(v for _, v in curve)))
    left, right, up, down = 60, 540, 20, 280

    def at(step: int, loss: float) -> tuple[int, int]:
        height = (math.log10(loss) - bottom) / (top - bottom)
        return round(left + (right - left) * step / curve[-1][0]), round(down - (down - up) * height)

    for power in range(bottom, top + 1):
        cv2.line(picture, at(0, 10.0**power), at(curve[-1][0], 10.0**power), (220, 220, 220))
        draw_text(picture, f"{10.0**power:g}", (6, at(0, 10.0**power)[1] + 4))
    cv2.polylines(picture, [np.array([at(*point) for point in curve])], False, (160, 80, 0), 2, cv2.LINE_AA)
    draw_text(picture, f"CTC loss over {curve[-1][0]:,} steps", (200, 308))
    save(path, picture)


def draw_mistakes(mistakes: list[Reading], path: Path, most: int = 60) -> None:
    """The first `most` misread images, four in a row, with the true and the predicted text."""
    shown = mistakes[:most]
    width = max((image.shape[1] for image, _, _ in shown), default=WIDTH) + 12
    sheet = np.full((64 * max(math.ceil(len(shown) / 4), 1), 4 * width), 255, np.uint8)
    for k, (image, true, text) in enumerate(shown):
        y, x = k // 4 * 64 + 4, k % 4 * width + 6
        sheet[y : y + HEIGHT, x : x + image.shape[1]] = image
        draw_text(sheet, f"true {true}", (x, y + 41))
        draw_text(sheet, f"read {text}", (x, y + 55))
    save(path, sheet)


def draw_text(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1, cv2.LINE_AA)


def save(path: Path, picture: np.ndarray) -> None:
    if not cv2.imwrite(str(path), picture):
        raise SystemExit(f"cannot write {path}")
