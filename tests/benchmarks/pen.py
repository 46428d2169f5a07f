"""How fast strings are written with a pen: `python tests/benchmarks/pen.py` prints images per second of one core."""

from __future__ import annotations

import sys
import time

from measure import ROOT, table

sys.path.insert(0, str(ROOT))
from digitseq import Pipeline, Settings
from digitseq.glyphs.loader import load_bank
from digitseq.glyphs.stroke_bank import build_strokes
from digitseq.renderer.renderer_cache import renderer_of

HEIGHT, DIGITS, IMAGES, ROUNDS = 32, (6, 6), 8_000, 5
LOOKS = {
    "plain": {},
    "`--style pen`": {"style": "pen"},
    "`--style pen --marks 0.4`": {"style": "pen", "marks": 0.4},
    "`--style pen --augment scan`": {"style": "pen", "augment": ("scan",)},
    "`--style pen --marks 0.4 --augment scan`": {"style": "pen", "marks": 0.4, "augment": ("scan",)},
}
REQUIRED = {"`--style pen`": "6,000", "`--style pen --augment scan`": "2,500"}


def seconds(pipeline: Pipeline, images: int) -> float:
    """Processor time of so many images in arrays."""
    began = time.process_time()
    for start in range(0, images, pipeline.batch_size):
        pipeline.batch(start, min(start + pipeline.batch_size, images))
    return time.process_time() - began


def main() -> None:
    import cv2

    cv2.setNumThreads(0)
    pipelines = {}
    for name, look in LOOKS.items():
        settings = Settings(random_digits=DIGITS, image_height=HEIGHT, image_width=0, **look)
        pipelines[name] = Pipeline(settings, renderer_of(settings).bank, 1)
        pipelines[name].batch(0, 2)
    best = dict.fromkeys(pipelines, float("inf"))
    for _ in range(ROUNDS):
        for name, pipeline in pipelines.items():
            best[name] = min(best[name], seconds(pipeline, IMAGES))
    rows = [(name, f"{IMAGES / taken:,.0f}", REQUIRED.get(name, "")) for name, taken in best.items()]
    table("images/s of one core, six digits, height 32", rows)

    bank = load_bank()
    began = time.perf_counter()
    strokes = build_strokes(bank)
    taken = time.perf_counter() - began
    left_out = (~strokes.intact).mean()
    size = strokes.lines.field.nbytes / 1e6
    table("centre lines", [
        ("of MNIST's 60,000 training glyphs, all cores", f"{taken:.0f} s, {size:.0f} MB", "20 s"),
        ("glyphs left out, as their lines would not write them again", f"{left_out:.1%}", ""),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
