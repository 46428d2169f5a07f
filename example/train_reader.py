"""Trains a reader of digit strings on nothing but our images, and reads with it digits of writers it has not seen.

    python example/train_reader.py                      train, then read 2,000 sequences of MNIST's test glyphs
    python example/train_reader.py --images DIR         read the images of a folder with gt.txt or metadata.jsonl

A small CRNN (Shi et al., "An end-to-end trainable neural network for image-based sequence recognition", 2015) with
CTC, of which two are trained side by side, a processor core each, and read together: two that learnt apart err apart.
Training leaves reader.pt, curve.json, curve.png and mistakes.png in --output.
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

from reader_pictures import WIDTH, Found, draw_curve, draw_mistakes, fitted, labels  # noqa: E402

from digitseq import SequenceGenerator, Settings  # noqa: E402  # the checkout beside this file, installed or not
from digitseq.files.atomic import replacing  # noqa: E402
from digitseq.torch_data import SequenceStream  # noqa: E402

DIGITS = "0123456789"
TRAIN = Settings(random_digits=(3, 8), image_width=WIDTH, augment="light")
TEST = Settings(random_digits=(3, 8), image_width=WIDTH, split="test")
LEARNING_RATE = 6e-3
PLAIN = 0.3  # share of the steps, the last ones, without augmentation: what is read in the end is plain
# processors with instructions for bfloat16 do the convolutions in half the time with it
HALF = bool(getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16"))
CLIP = 5.0
EVERY = 20  # steps between two points of the learning curve
AT_ONCE = 8  # batches made in one go, which takes half the time of one after the other


class Reader(nn.Module):
    """float (B, 1, 28, W) in, 0 paper … 1 ink; log probabilities (B, W / 4, 11) out, class 0 being CTC's blank."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            *_layer(1, 24, 5, 1, 2, pool=2), *_layer(24, 48, 3, 1, 1, pool=2), *_layer(48, 128, 3, 1, 1, pool=(2, 1)),
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


def train_apart(seeds: Sequence[int], steps: int, size: int) -> tuple[list[Reader], list[tuple[int, float]]]:
    """A trained reader for each of `seeds`, all at once with a process each, and the first one's learning curve."""
    with ProcessPoolExecutor(len(seeds), multiprocessing.get_context("spawn"), _alone) as pool:
        # Ctrl-C goes to all processes of a terminal. Only this one shall notice: the others inherit that it is ignored.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        results = pool.map(partial(_train_one, shown=seeds[0], steps=steps, size=size), seeds)
        signal.signal(signal.SIGINT, previous)
        try:
            taught = list(results)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return [restored(weights) for weights, _ in taught], taught[0][1]


def _alone() -> None:
    torch.set_num_threads(1)  # a second one would make a reader a fifth faster; a second reader is worth more


def _train_one(seed: int, shown: int, steps: int, size: int) -> tuple[dict[str, np.ndarray], list[tuple[int, float]]]:
    reader, curve = train(steps, size, seed, bar=seed == shown)
    return {name: value.numpy() for name, value in reader.state_dict().items()}, curve


def restored(weights: dict[str, Any]) -> Reader:
    """The reader of a `state_dict` of arrays or tensors."""
    reader = Reader().eval()
    reader.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    return reader


def train(
    steps: int, size: int, seed: int, settings: Settings = TRAIN, bar: bool = False
) -> tuple[Reader, list[tuple[int, float]]]:
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
    with tqdm(batches, total=steps, unit="step", disable=not bar) as progress:
        for step, (images, targets, lengths) in enumerate(progress, 1):
            loss = unlikeliness(reader(images), targets, lengths)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), CLIP)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if step % EVERY == 0:
                curve.append((step, float(np.mean(losses[-EVERY:]))))
                progress.set_postfix(loss=f"{curve[-1][1]:.4f}")
    return reader.eval(), curve


def _batches(settings: Settings, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images, targets and their lengths, `size` of each at a time, without end."""
    for batch in DataLoader(SequenceStream(settings, AT_ONCE * size, seed, dtype=torch.float32), batch_size=None):
        yield from zip(batch.images.split(size), batch.targets.split(size), batch.lengths.split(size))


def unlikeliness(scores: Tensor, targets: Tensor, lengths: Tensor, reduction: str = "mean") -> Tensor:
    """CTC's loss: minus the logarithm of the targets' probability, of each text or a digit's mean."""
    columns = torch.full((len(scores),), scores.shape[1])
    return nn.functional.ctc_loss(scores.transpose(0, 1), targets, columns, lengths, reduction=reduction)


@torch.inference_mode()
def read(readers: Sequence[Reader], images: Tensor) -> list[str]:
    """What stands in the images, float (B, 1, 28, W).

    Each reader proposes a text: the likeliest class of every column, repeats and blanks left out. Of these, the one
    is taken that all readers together find likeliest.
    """
    scores = [reader(images) for reader in readers]
    proposed = [_likeliest(score) for score in scores]
    together = [sum(_of_texts(score, texts) for score in scores) for texts in proposed]
    return [texts[k] for texts, k in zip(zip(*proposed), torch.stack(together).argmin(0).tolist())]


def _likeliest(scores: Tensor) -> list[str]:
    best = scores.argmax(2).tolist()
    return ["".join(DIGITS[b - 1] for a, b in pairwise([0, *row]) if b and b != a) for row in best]


def _of_texts(scores: Tensor, texts: list[str]) -> Tensor:
    targets = torch.tensor([1 + DIGITS.index(digit) for text in texts for digit in text], dtype=torch.long)
    return unlikeliness(scores, targets, torch.tensor([len(text) for text in texts]), "none")


def read_unseen(readers: Sequence[Reader], count: int, seed: int = 0) -> Found:
    """(image, true text, read text) of `count` sequences of MNIST's test glyphs."""
    found: Found = []
    for batch in SequenceGenerator(TEST, seed).batches(100, stop=count):
        texts = read(readers, torch.from_numpy(batch.images)[:, None] / 255)
        found += zip(batch.images, batch.texts, texts)
    return found


def read_folder(readers: Sequence[Reader], folder: Path) -> Found:
    """The same of the images that gt.txt or metadata.jsonl in `folder` lists."""
    found: Found = []
    for name, true in tqdm(labels(folder), unit="image"):
        picture = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise SystemExit(f"cannot read the image {folder / name}")
        image = fitted(picture)
        found.append((image, true, read(readers, torch.from_numpy(image)[None, None] / 255)[0]))
    return found


def accuracy(found: Found) -> tuple[float, float]:
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


def _at_least(lowest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"a whole number from {lowest} up is needed, got {text!r}")
        return int(text)

    return number


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train readers of digit strings, or read a folder with them.")
    parser.add_argument(
        "--steps", type=_at_least(EVERY), default=3700, help="batches to train on (default: %(default)s)"
    )
    parser.add_argument("--batch", type=_at_least(1), default=32, help="images a batch (default: %(default)s)")
    parser.add_argument(
        "--seed", type=_at_least(0), default=1, help="of weights and training images (default: %(default)s)"
    )
    parser.add_argument(
        "--count", type=_at_least(1), default=2000, help="test sequences to read (default: %(default)s)"
    )
    parser.add_argument(
        "--readers", type=_at_least(1), default=2, help="how many to train, on a core each (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("output/reader"), help="where to save (default: %(default)s)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="read this folder instead, with --checkpoint")
    parser.add_argument("--checkpoint", type=Path, help="trained readers (default: reader.pt in --output)")
    given = parser.parse_args(argv)
    checkpoint = given.checkpoint or given.output / "reader.pt"
    if given.images and not checkpoint.is_file():
        parser.error(f"no trained readers in {checkpoint}: train some first, or name them with --checkpoint")
    given.output.mkdir(parents=True, exist_ok=True)
    if given.images:
        readers = [restored(weights) for weights in torch.load(checkpoint, weights_only=True)]
        found = read_folder(readers, given.images)
    else:
        readers, curve = train_apart(range(given.seed, given.seed + given.readers), given.steps, given.batch)
        with replacing(given.output / "reader.pt") as file:
            torch.save([reader.state_dict() for reader in readers], file)
        with replacing(given.output / "curve.json") as file:
            file.write(json.dumps(curve).encode())
        draw_curve(curve, given.output / "curve.png")
        found = read_unseen(readers, given.count)
    draw_mistakes([case for case in found if case[1] != case[2]], given.output / "mistakes.png")
    sequences, digits = accuracy(found)
    print(f"{len(found):,} sequences: {sequences:.2%} read right as a whole, {digits:.2%} of the digits")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("stopped; readers are saved when their training is over (--steps says how long it is)", file=sys.stderr)
        sys.exit(130)
    except BrokenProcessPool:
        sys.exit("a training process was killed, perhaps for lack of memory: try again with --readers 1")
