"""How fast images of other heights are made: `python tests/benchmarks/height.py` prints ratios measured in this run."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from measure import ROOT, best_of, emptied, program, scratch, table

sys.path.insert(0, str(ROOT))
from digitseq import Pipeline, Settings
from digitseq.glyphs.loader import load_bank
from digitseq.glyphs.scaled_bank import Bank, ScaledBank, scaled_bank
from digitseq.glyphs.scaling import Scaling

HEIGHTS = (28, 64, 128)
COMMAND_HEIGHTS = (28, 64, 96, 128, 256)  # from 96 on, MNIST's training glyphs are scaled when they are used
LOOKS = {"plain": (), "light": ("light",)}


def series(bank: Bank, look: str, images: int) -> tuple[float, int]:
    """Seconds and pixels of so many images in arrays."""
    high = bank.height
    spacing = {"min_spacing": 5 * high // 28, "max_spacing": 10 * high // 28}
    settings = Settings("123456", image_height=high, image_width=200 * high // 28, augment=LOOKS[look], **spacing)
    pipeline = Pipeline(settings, bank, 1)
    pipeline.batch(0, 2)
    began = time.process_time()
    for start in range(0, images, pipeline.batch_size):
        pipeline.batch(start, min(start + pipeline.batch_size, images))
    return time.process_time() - began, images * high * settings.image_width


def rates(banks: dict[str, Bank], look: str, images: int) -> dict[str, float]:
    """Pixels per second of each bank, the best of several rounds that take turns."""
    found = dict.fromkeys(banks, 0.0)
    for _ in range(5):
        for name, bank in banks.items():
            taken, pixels = series(bank, look, images * 28**2 // bank.height**2)
            found[name] = max(found[name], pixels / taken)
    return found


def commands(folder: Path, form: str, processes: int, images: int) -> dict[int, float]:
    """Pixels per second of `run.py` at each height, start and end included; as many pixels at each, nearly."""

    def made(high: int) -> float:
        size = ("-ih", high, "-iw", 200 * high // 28, "-min", 5 * high // 28, "-max", 10 * high // 28)
        run = ("-m", processes, "-s", images * 28**2 // high**2, "--seed", 1, "--format", form, "--quiet")
        return program("-num", "123456", *size, *run, "-c", folder / "cache", "-o", emptied(folder / "made"))

    best = best_of({str(high): lambda high=high: made(high) for high in COMMAND_HEIGHTS}, 4)
    counts = {high: images * 28**2 // high**2 * high * (200 * high // 28) for high in COMMAND_HEIGHTS}
    return {high: counts[high] / best[str(high)] for high in COMMAND_HEIGHTS}


def command_rows(images: int = 100_000) -> list[tuple[str, str, str]]:
    rows = []
    with scratch() as folder:
        for form in ("png", "webdataset"):
            for processes in (1, 2):
                found = commands(folder, form, processes, images)
                ratios = ", ".join(f"{found[high] / found[28]:.2f}" for high in COMMAND_HEIGHTS[1:])
                rows.append((f"`run.py --format {form} -m {processes}` at {COMMAND_HEIGHTS[1:]}", ratios, "0.75"))
    return rows


def main() -> None:
    base = load_bank()
    built = {high: scaled_bank(base, Scaling(high)) for high in HEIGHTS[1:]}
    banks: dict[str, Bank] = {"28": base} | {
        f"{high}, {way}": ScaledBank(base, Scaling(high), kept)
        for high, bank in built.items()
        for way, kept in (("built", bank), ("scaled when used", None))
    }
    rows = []
    for look, images in (("plain", 20_000), ("light", 3_000)):
        found = rates(banks, look, images)
        print(f"{look}, 28: {found['28'] / 1e6:.0f} million pixels/s")
        for name in list(banks)[1:]:
            wanted = "0.75" if name == "64, built" else "-"
            rows.append(
                (f"pixels per second at {name}, against 28, {look}", f"{found[name] / found['28']:.2f}", wanted)
            )
    began = time.process_time()
    scaled_bank(base, Scaling(64))
    seconds = time.process_time() - began
    rows.append(("bank of MNIST's training glyphs at 64, processor time", f"{seconds:.1f} s", "< 5 s"))
    rows += command_rows()
    table("images of other heights, ratios within one run", rows)


if __name__ == "__main__":
    main()
