"""Which strokes teach a reader more at another height: digitseq's, or those of enlarged images.

    python tests/benchmarks/reader.py [--steps 800]

Trains two readers that differ in their images only: those that digitseq makes at height 64, and the same ones made at
height 28 and enlarged (bicubic). Prints how many digits each reads of test glyphs made in both ways.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "example")]

from reader_pictures import WIDTH as LOW_WIDTH  # noqa: E402
from train_reader import DIGITS, Reader, _layer, ctc_loss, edit_distance, read  # noqa: E402

from digitseq import SequenceGenerator, Settings  # noqa: E402  # the checkout beside this file, installed or not

LOW, HEIGHT = 28, 64
WIDTH = LOW_WIDTH * HEIGHT // LOW
SOURCE = Settings(random_digits=(3, 8), image_width=LOW_WIDTH, augment="light")
LEARNING_RATE = 4e-3
Make = Callable[[Settings, int, int, int], tuple[np.ndarray, list[str]]]


class TallReader(Reader):
    """As `Reader`, for images (B, 1, 64, W)."""

    def __init__(self) -> None:
        super().__init__()
        first = _layer(1, 16, 4, 2, 1)  # half as high and wide
        self.features = nn.Sequential(
            *first, *_layer(16, 24, 5, 1, 2, pool=2), *_layer(24, 48, 3, 1, 1, pool=2),
            *_layer(48, 128, 3, 1, 1, pool=(2, 1)), *_layer(128, 160, (4, 3), 1, (0, 1)), nn.Dropout(0.1),
        )  # fmt: skip


def sharp(settings: Settings, seed: int, start: int, stop: int) -> tuple[np.ndarray, list[str]]:
    """Images uint8 (B, 64, W) and their texts, as digitseq makes them at that height."""
    factor = HEIGHT / LOW
    tall = replace(settings, image_height=HEIGHT, image_width=WIDTH, max_spacing=round(settings.max_spacing * factor))
    batch = SequenceGenerator(tall, seed).batch(start, stop)
    return batch.images, batch.texts


def enlarged(settings: Settings, seed: int, start: int, stop: int) -> tuple[np.ndarray, list[str]]:
    """The same, made at height 28 and enlarged."""
    batch = SequenceGenerator(settings, seed).batch(start, stop)
    images = [cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for image in batch.images]
    return np.stack(images), batch.texts


def batches(make: Make, steps: int, size: int) -> Iterator[tuple[np.ndarray, list[str]]]:
    for step in range(steps):
        settings = SOURCE if step < 0.7 * steps else replace(SOURCE, augment=())
        yield make(settings, 1, step * size, (step + 1) * size)


def as_input(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images)[:, None] / 255


def train(make: Make, steps: int, size: int) -> Reader:
    torch.manual_seed(1)
    reader = TallReader().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(reader.parameters(), betas=(0.9, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    for images, texts in tqdm(batches(make, steps, size), total=steps, desc=make.__name__):
        targets = torch.tensor([1 + DIGITS.index(digit) for text in texts for digit in text])
        loss = ctc_loss(reader(as_input(images)), targets, torch.tensor([len(text) for text in texts]))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 5)
        optimiser.step()
        schedule.step()
    return reader.eval()


def digits_read(reader: Reader, images: Iterator[tuple[np.ndarray, list[str]]]) -> float:
    """The share of digits that were read correctly."""
    wrong = total = 0
    for some, texts in images:
        wrong += sum(map(edit_distance, texts, read([reader], as_input(some))))
        total += sum(map(len, texts))
    return 1 - wrong / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=800, help="batches to train on")
    parser.add_argument("--batch", type=int, default=32, help="images per batch")
    given = parser.parse_args()
    torch.set_num_threads(1)
    test = replace(SOURCE, split="test", augment=())
    for make in (sharp, enlarged):
        reader, found = train(make, given.steps, given.batch), []
        for look in (sharp, enlarged):
            shown = (look(test, 2, start, start + 100) for start in range(0, 1000, 100))
            found.append(f"{look.__name__} test glyphs {digits_read(reader, shown):.2%}")
        print(f"trained on {make.__name__} images, digits read: {', '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
