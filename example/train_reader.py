"""Trains a reader of digit strings on nothing but our images, and reads with it digits of writers it has not seen.

    python example/train_reader.py                      train, then read 2,000 sequences of MNIST's test glyphs
    python example/train_reader.py --images DIR         read the images of a folder with gt.txt or metadata.jsonl

A small CRNN (Shi et al., "An end-to-end trainable neural network for image-based sequence recognition", 2015) with
CTC. Training leaves reader.pt, curve.json, curve.png and mistakes.png in --output.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace
from itertools import chain, islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from digitseq import SequenceGenerator, Settings  # noqa: E402  # the checkout beside this file, installed or not
from digitseq.torch_data import SequenceStream  # noqa: E402

DIGITS = "0123456789"
HEIGHT, WIDTH = 28, 160
INK = 20  # pixels that a digit of MNIST is high
TRAIN = Settings(random_digits=(3, 8), image_width=WIDTH, augment=("light", "elastic:alpha=12..28,p=0.6"))
TEST = Settings(random_digits=(3, 8), image_width=WIDTH, split="test")
LEARNING_RATE = 4e-3
PLAIN = 0.15  # share of the steps, the last ones, without augmentation: what is read in the end is plain
# processors with instructions for bfloat16 do the convolutions in half the time with it
HALF = bool(getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16"))
CLIP = 5.0
EVERY = 20  # steps between two points of the learning curve


class Reader(nn.Module):
    """float (B, 1, 28, W) in, 0 paper … 1 ink; log probabilities (B, W / 4, 11) out, class 0 being CTC's blank."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_layer(1, 32, 5, 2, 2), *_layer(32, 48, 3, 1, 1, pool=2), *_layer(48, 128, 3, 1, 1, pool=(2, 1)),
            *_layer(128, 160, 3, 1, (0, 1)), *_layer(160, 160, (1, 3), 1, (0, 1)), nn.Dropout(0.1),
        )  # fmt: skip
        self.context = nn.LSTM(160, 64, batch_first=True)
        self.name = nn.Linear(160 + 64, 1 + len(DIGITS))

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            seen = self.look(images.contiguous(memory_format=torch.channels_last))
        seen = seen.float().squeeze(2).transpose(1, 2)
        return self.name(torch.cat([seen, self.context(seen)[0]], 2)).log_softmax(2)


def _layer(
    before: int, after: int, kernel: int | tuple[int, int], stride: int, padding: object, pool: object = None
) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
    pooled = [nn.MaxPool2d(pool)] if pool else []  # before the rest, which then has less to do
    return [convolution, *pooled, nn.BatchNorm2d(after), nn.ReLU()]


def train(steps: int, size: int, seed: int, settings: Settings = TRAIN) -> tuple[Reader, list[tuple[int, float]]]:
    """A reader after `steps` batches of `size` images, and the points (step, loss) of its learning curve.

    The last `PLAIN` of the steps show images without augmentation, whatever `settings` say.
    """
    torch.manual_seed(seed)
    reader = Reader().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(reader.parameters(), betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    plain = round(PLAIN * steps)
    batches = chain(
        islice(_batches(settings, size, seed), steps - plain),
        islice(_batches(replace(settings, augment=()), size, seed + 1), plain),
    )
    losses, curve = [], []
    with tqdm(batches, total=steps, unit="step") as bar:
        for step, batch in enumerate(bar, 1):
            scores = reader(batch.images)
            columns = torch.full((size,), scores.shape[1])
            loss = nn.functional.ctc_loss(scores.transpose(0, 1), batch.targets, columns, batch.lengths)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), CLIP)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if step % EVERY == 0:
                curve.append((step, float(np.mean(losses[-EVERY:]))))
                bar.set_postfix(loss=f"{curve[-1][1]:.4f}")
    return reader.eval(), curve


def _batches(settings: Settings, size: int, seed: int) -> DataLoader:
    return DataLoader(SequenceStream(settings, size, seed, dtype=torch.float32), batch_size=None)


@torch.inference_mode()
def read(reader: Reader, images: Tensor) -> list[str]:
    """What stands in the images, float (B, 1, 28, W): the likeliest class of every column, repeats and blanks out."""
    best = reader(images).argmax(2).tolist()
    return ["".join(DIGITS[b - 1] for a, b in pairwise([0, *row]) if b and b != a) for row in best]


def read_unseen(reader: Reader, count: int, seed: int) -> list[tuple[np.ndarray, str, str]]:
    """(image, true text, read text) of `count` sequences of MNIST's test glyphs."""
    found = []
    for batch in SequenceGenerator(TEST, seed).batches(100, stop=count):
        texts = read(reader, torch.from_numpy(batch.images)[:, None] / 255)
        found += zip(batch.images, batch.texts, texts)
    return found


def read_folder(reader: Reader, folder: Path) -> list[tuple[np.ndarray, str, str]]:
    """The same of the images that gt.txt or metadata.jsonl in `folder` lists."""
    found = []
    for name, true in tqdm(labels(folder), unit="image"):
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise SystemExit(f"cannot read the image {folder / name}")
        image = fitted(picture)
        found.append((image, true, read(reader, torch.from_numpy(image)[None, None] / 255)[0]))
    return found


def labels(folder: Path) -> list[tuple[str, str]]:
    """(file name, text) of every image of the folder."""
    if (folder / "metadata.jsonl").is_file():
        lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        return [(record["file_name"], record["text"]) for record in map(json.loads, lines)]
    if (folder / "gt.txt").is_file():
        lines = (folder / "gt.txt").read_text(encoding="utf-8").splitlines()
        return [tuple(line.split("\t", 1)) for line in lines if line.strip()]
    raise SystemExit(f"{folder} has neither gt.txt nor metadata.jsonl")


def fitted(picture: np.ndarray) -> np.ndarray:
    """uint8 (28, W): `picture`, of any size and either polarity, as the reader was taught: white ink 20 pixels high."""
    image = cv2.bitwise_not(picture) if _is_dark_on_light(picture) else picture
    if image.shape[0] != HEIGHT or image.min() > 0:
        image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
        level, _ = cv2.threshold(cv2.medianBlur(image, 3), 0, 255, cv2.THRESH_OTSU)
        image = np.where(image > level / 2, image, 0).astype(np.uint8)
        x, y, w, h = cv2.boundingRect((cv2.medianBlur(image, 3) > level).astype(np.uint8))
        scale = INK / max(h, 1)
        size = (max(round(w * scale), 1), INK)
        image = cv2.resize(image[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
        image = np.pad(cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX), ((0, 0), (4, 4)))
    down, right = HEIGHT - image.shape[0], max(WIDTH - image.shape[1], 0)
    return np.pad(image, ((down // 2, down - down // 2), (right // 2, right - right // 2)))


def _is_dark_on_light(picture: np.ndarray) -> bool:
    """Whether the paper, which takes more room than the ink, is the lighter of the two."""
    level, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)
    return bool(np.median(picture) > level)


def accuracy(found: list[tuple[np.ndarray, str, str]]) -> tuple[float, float]:
    """Shares of sequences and of digits that were read right; a digit too many counts as a wrong one."""
    whole = np.mean([true == text for _, true, text in found])
    wrong = sum(distance(true, text) for _, true, text in found)
    return float(whole), 1 - wrong / sum(len(true) for _, true, _ in found)


def distance(a: str, b: str) -> int:
    """How many digits must be replaced, added or taken out to make `b` of `a` (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, c in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, d in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (c != d))
    return row[-1]


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
        write(picture, f"{10.0**power:g}", (6, at(0, 10.0**power)[1] + 4))
    cv2.polylines(picture, [np.array([at(*point) for point in curve])], False, (160, 80, 0), 2, cv2.LINE_AA)
    write(picture, f"CTC loss over {curve[-1][0]:,} steps", (200, 308))
    save(path, picture)


def draw_mistakes(mistakes: list[tuple[np.ndarray, str, str]], path: Path, most: int = 60) -> None:
    """The images that were misread, four in a row, with the true and the read text."""
    shown = mistakes[:most]
    width = max((image.shape[1] for image, _, _ in shown), default=WIDTH) + 12
    sheet = np.full((64 * max(math.ceil(len(shown) / 4), 1), 4 * width), 255, np.uint8)
    for k, (image, true, text) in enumerate(shown):
        y, x = k // 4 * 64 + 4, k % 4 * width + 6
        sheet[y : y + HEIGHT, x : x + image.shape[1]] = image
        write(sheet, f"true {true}", (x, y + 41))
        write(sheet, f"read {text}", (x, y + 55))
    save(path, sheet)


def write(picture: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1, cv2.LINE_AA)


def save(path: Path, picture: np.ndarray) -> None:
    if not cv2.imwrite(str(path), picture):
        raise SystemExit(f"cannot write {path}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train a reader of digit strings, or read a folder with it.")
    parser.add_argument("--steps", type=int, default=5000, help="batches to train on (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="images a batch (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of weights and images (default: %(default)s)")
    parser.add_argument("--count", type=int, default=2000, help="test sequences to read (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="processor cores to use (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("output/reader"), help="where to save (%(default)s)")
    parser.add_argument("--images", type=Path, metavar="DIR", help="read this folder instead, with --checkpoint")
    parser.add_argument("--checkpoint", type=Path, help="a trained reader (default: reader.pt in --output)")
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    given.output.mkdir(parents=True, exist_ok=True)
    if given.images:
        reader = Reader().eval()
        reader.load_state_dict(torch.load(given.checkpoint or given.output / "reader.pt", weights_only=True))
        found = read_folder(reader, given.images)
    else:
        reader, curve = train(given.steps, given.batch, given.seed)
        torch.save(reader.state_dict(), given.output / "reader.pt")
        (given.output / "curve.json").write_text(json.dumps(curve))
        draw_curve(curve, given.output / "curve.png")
        found = read_unseen(reader, given.count, given.seed)
    draw_mistakes([case for case in found if case[1] != case[2]], given.output / "mistakes.png")
    sequences, digits = accuracy(found)
    print(f"{len(found):,} sequences: {sequences:.2%} read right as a whole, {digits:.2%} of the digits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
