"""Trains a recogniser of digit strings on generated images only, and tests it on glyphs that it has never seen.

    python example/train_reader.py                      train, then read 2,000 sequences of MNIST's test glyphs
    python example/train_reader.py --images DIR         read the images of a folder with gt.txt or metadata.jsonl
    python example/train_reader.py --handwriting        train for real images, on numbers that look written and scanned

The model is a small CRNN (Shi et al., "An end-to-end trainable neural network for image-based sequence recognition",
2015) with CTC loss. Two are trained side by side, one on each processor core, and their predictions are combined.
Training writes reader.pt, curve.json, curve.png and mistakes.png to --output. The images of --images may have any size,
dark ink on light paper or light on dark.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

try:
    import torch
    from torch import Tensor, nn
    from torch.utils.data import DataLoader
except ModuleNotFoundError as error:
    raise SystemExit(f"this needs the package {error.name}: pip install torch") from None
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reader_pictures import WIDTH, Reading, draw_curve, draw_mistakes, normalised, read_labels  # noqa: E402

from digitseq import SequenceGenerator, Settings  # noqa: E402  # the checkout beside this file, installed or not
from digitseq.files.atomic import replacing  # noqa: E402
from digitseq.torch_data import SequenceStream  # noqa: E402

DIGITS = "0123456789"
TRAIN = Settings(random_digits=(3, 8), image_width=WIDTH, augment="light")
# For real images, which have ink of any darkness on paper of any tone.
WRITTEN = Settings(random_digits=(1, 8), image_width=WIDTH, style="pen", marks=0.4, augment="scan")
TEST = Settings(random_digits=(3, 8), image_width=WIDTH, split="test")
LEARNING_RATE = 6e-3
PLAIN_SHARE = 0.3  # of the steps, the last ones, are without augmentation, as the test images are
# Convolutions take half the time in bfloat16 on processors that have instructions for it.
BFLOAT16 = bool(getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16"))
MAX_GRADIENT_NORM = 5.0
CURVE_INTERVAL = 20  # steps between two points of the learning curve
BATCHES_AT_ONCE = 8  # generating several batches in one call takes half the time


class Reader(nn.Module):
    """From images, float (B, 1, 28, W), 0 paper … 1 ink, to log probabilities (B, W / 4, 11); class 0: CTC's blank."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_layer(1, 24, 5, 1, 2, pool=2), *_layer(24, 48, 3, 1, 1, pool=2), *_layer(48, 128, 3, 1, 1, pool=(2, 1)),
            *_layer(128, 160, 3, 1, (0, 1)), *_layer(160, 160, (1, 3), 1, (0, 1)), nn.Dropout(0.1),
        )  # fmt: skip
        self.context = nn.LSTM(160, 64, batch_first=True)
        self.classify = nn.Linear(160 + 64, 1 + len(DIGITS))

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
            features = self.features(images.contiguous(memory_format=torch.channels_last))
        features = features.float().squeeze(2).transpose(1, 2)
        return self.classify(torch.cat([features, self.context(features)[0]], 2)).log_softmax(2)


def _layer(
    before: int, after: int, kernel: int | tuple[int, int], stride: int, padding: object, pool: object = None
) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
    pooling = [nn.MaxPool2d(pool)] if pool else []  # first, so that the other layers have less to compute
    return [convolution, *pooling, nn.BatchNorm2d(after), nn.ReLU()]


def train_in_parallel(
    seeds: Sequence[int], steps: int, size: int, settings: Settings = TRAIN
) -> tuple[list[Reader], list[tuple[int, float]]]:
    """A trained reader for each of `seeds`, each in its own process, and the learning curve of the first one."""
    with ProcessPoolExecutor(len(seeds), multiprocessing.get_context("spawn"), _use_one_thread) as pool:
        # Ctrl-C reaches all processes of a terminal. Workers inherit that it is ignored, so only this one handles it.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        results = pool.map(partial(_train_one, first_seed=seeds[0], steps=steps, size=size, settings=settings), seeds)
        signal.signal(signal.SIGINT, previous)
        try:
            trained = list(results)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return [load_reader(weights) for weights, _ in trained], trained[0][1]


def _use_one_thread() -> None:
    torch.set_num_threads(1)  # a second thread speeds one reader up by a fifth; a second reader gains more


def _train_one(
    seed: int, first_seed: int, steps: int, size: int, settings: Settings
) -> tuple[dict[str, np.ndarray], list[tuple[int, float]]]:
    reader, curve = train(steps, size, seed, settings, bar=seed == first_seed)
    return {name: value.numpy() for name, value in reader.state_dict().items()}, curve


def load_reader(weights: dict[str, Any]) -> Reader:
    """The reader of a `state_dict` of arrays or tensors."""
    reader = Reader().eval()
    reader.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    return reader


def train(
    steps: int, size: int, seed: int, settings: Settings = TRAIN, bar: bool = False
) -> tuple[Reader, list[tuple[int, float]]]:
    """A reader trained on `steps` batches of `size` images, and its learning curve as (step, loss).

    Unless `settings` are `WRITTEN`, the last `PLAIN_SHARE` of the steps are without augmentation, as test images are.
    """
    torch.manual_seed(seed)
    reader = Reader().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(reader.parameters(), betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    plain = 0 if settings == WRITTEN else round(PLAIN_SHARE * steps)
    batches = chain(
        islice(_batches(settings, size, seed), steps - plain),
        islice(_batches(replace(settings, augment=()), size, seed + 1), plain),
    )
    losses, curve = [], []
    with tqdm(batches, total=steps, unit="step", disable=not bar) as progress:
        for step, (images, targets, lengths) in enumerate(progress, 1):
            loss = ctc_loss(reader(images), targets, lengths)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), MAX_GRADIENT_NORM)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if step % CURVE_INTERVAL == 0:
                curve.append((step, float(np.mean(losses[-CURVE_INTERVAL:]))))
                progress.set_postfix(loss=f"{curve[-1][1]:.4f}")
    return reader.eval(), curve


def _batches(settings: Settings, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """An endless stream of (images, targets, lengths), `size` of each."""
    for batch in DataLoader(
        SequenceStream(settings, BATCHES_AT_ONCE * size, seed, dtype=torch.float32), batch_size=None
    ):
        images = flattened(batch.images) if settings == WRITTEN else batch.images
        yield from zip(images.split(size), batch.targets.split(size), batch.lengths.split(size))


def flattened(images: Tensor) -> Tensor:
    """Images (B, 1, H, W) of light ink on dark paper, with paper at 0 and ink at 1 whatever their tones are."""
    levels = images.flatten(1).quantile(torch.tensor([0.5, 0.995]), dim=1)[:, :, None, None, None]
    paper, ink = levels
    return ((images - paper) / (ink - paper).clamp(min=0.05)).clamp(0, 1)


def ctc_loss(scores: Tensor, targets: Tensor, lengths: Tensor, reduction: str = "mean") -> Tensor:
    """CTC loss: the negative log likelihood of each text (reduction "none"), or its mean per digit."""
    columns = torch.full((len(scores),), scores.shape[1])
    return nn.functional.ctc_loss(scores.transpose(0, 1), targets, columns, lengths, reduction=reduction)


@torch.inference_mode()
def read(readers: Sequence[Reader], images: Tensor) -> list[str]:
    """The texts of the images, float (B, 1, 28, W).

    Each reader proposes a text by greedy decoding; the proposal that all readers together find likeliest is used.
    """
    scores = [reader(images) for reader in readers]
    proposals = [_decode(score) for score in scores]
    losses = [sum(_losses(score, texts) for score in scores) for texts in proposals]
    return [texts[k] for texts, k in zip(zip(*proposals), torch.stack(losses).argmin(0).tolist())]


def _decode(scores: Tensor) -> list[str]:
    """The likeliest class of every column, without repeats and blanks."""
    best = scores.argmax(2).tolist()
    return ["".join(DIGITS[b - 1] for a, b in pairwise([0, *row]) if b and b != a) for row in best]


def _losses(scores: Tensor, texts: list[str]) -> Tensor:
    targets = torch.tensor([1 + DIGITS.index(digit) for text in texts for digit in text], dtype=torch.long)
    return ctc_loss(scores, targets, torch.tensor([len(text) for text in texts]), "none")


def read_test_glyphs(readers: Sequence[Reader], count: int, seed: int = 0) -> list[Reading]:
    """What is read in `count` sequences of MNIST's test glyphs."""
    found: list[Reading] = []
    for batch in SequenceGenerator(TEST, seed).batches(100, stop=count):
        texts = read(readers, torch.from_numpy(batch.images)[:, None] / 255)
        found += map(Reading, batch.images, batch.texts, texts)
    return found


def read_folder(readers: Sequence[Reader], folder: Path) -> list[Reading]:
    """What is read in the images that gt.txt or metadata.jsonl in `folder` lists."""
    found: list[Reading] = []
    for name, true in tqdm(read_labels(folder), unit="image"):
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise SystemExit(f"cannot read the image {folder / name}")
        image = normalised(picture)
        found.append(Reading(image, true, read(readers, torch.from_numpy(image)[None, None] / 255)[0]))
    return found


def accuracy(found: list[Reading]) -> tuple[float, float]:
    """The shares of sequences and of digits that were read correctly; an additional digit counts as an error."""
    sequences = np.mean([reading.true == reading.text for reading in found])
    errors = sum(edit_distance(reading.true, reading.text) for reading in found)
    return float(sequences), 1 - errors / sum(len(reading.true) for reading in found)


def edit_distance(a: str, b: str) -> int:
    """How many digits must be replaced, inserted or deleted to turn `a` into `b` (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, c in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, d in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (c != d))
    return row[-1]


def _at_least(lowest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} up, got {text!r}")
        return int(text)

    return number


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Train readers of digit strings, or read a folder with them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--steps", type=_at_least(CURVE_INTERVAL), default=3700, help="batches to train on")
    parser.add_argument("--batch", type=_at_least(1), default=32, help="images per batch")
    parser.add_argument("--seed", type=_at_least(0), default=1, help="of weights and training images")
    parser.add_argument("--count", type=_at_least(1), default=2000, help="test sequences to read")
    parser.add_argument("--readers", type=_at_least(1), default=2, help="how many to train, one per core")
    parser.add_argument("--handwriting", action="store_true", help="train for real images, with style pen and scan")
    parser.add_argument("--output", type=Path, default=Path("output/reader"), help="where to write")
    parser.add_argument("--images", type=Path, metavar="DIR", help="read this folder instead of training")
    parser.add_argument("--checkpoint", type=Path, help="trained readers to use instead of reader.pt in --output")
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    given = parser.parse_args(argv)
    checkpoint = given.checkpoint or given.output / "reader.pt"
    if given.images and not checkpoint.is_file():
        parser.error(f"no trained readers in {checkpoint}: train them first, or name another file with --checkpoint")
    given.output.mkdir(parents=True, exist_ok=True)
    if given.images:
        readers = [load_reader(weights) for weights in torch.load(checkpoint, weights_only=True)]
        found = read_folder(readers, given.images)
    else:
        seeds, settings = range(given.seed, given.seed + given.readers), WRITTEN if given.handwriting else TRAIN
        readers, curve = train_in_parallel(seeds, given.steps, given.batch, settings)
        with replacing(given.output / "reader.pt") as file:
            torch.save([reader.state_dict() for reader in readers], file)
        with replacing(given.output / "curve.json") as file:
            file.write(json.dumps(curve).encode())
        draw_curve(curve, given.output / "curve.png")
        found = read_test_glyphs(readers, given.count)
    draw_mistakes([reading for reading in found if reading.true != reading.text], given.output / "mistakes.png")
    sequences, digits = accuracy(found)
    print(f"{len(found):,} sequences: {sequences:.2%} read correctly, {digits:.2%} of the digits")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped; readers are saved when training ends (a smaller --steps makes it shorter)", file=sys.stderr)
        sys.exit(130)
    except BrokenProcessPool:
        sys.exit("a training process was killed, perhaps because memory ran out: try --readers 1")
