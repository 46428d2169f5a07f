"""How fast augmentation is: `python tests/benchmarks/augment.py [images]` prints ratios measured in this run.

With the path of another checkout instead, this one is compared with it. The table of single operations needs albumentations 2.0.8 (`pip install ".[benchmark]"`), which digitseq does not use.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from checkouts import compare
from measure import ROOT, best_of, emptied, program, python, scratch, table

sys.path.insert(0, str(ROOT))
import cv2
import numpy as np

from digitseq import Pipeline, Settings
from digitseq.augment import OPERATIONS, Augmentation, ImageOperation
from digitseq.glyphs.loader import load_bank
from digitseq.pipeline import Batch
from digitseq.random_streams import Rows

COMMAND = ("-num", "123456", "-min", 5, "-max", 10, "-m", 2, "--seed", 1)


def whole_command(folder: Path, count: int) -> list[tuple[str, str, str]]:
    naive = Path(__file__).with_name("naive.py")
    best = best_of(
        {
            "random": lambda: program(*COMMAND, "-s", count, "-da", "-ra", "-o", emptied(folder / "a")),
            "plain": lambda: program(*COMMAND, "-s", count, "-o", emptied(folder / "b")),
            "naive": lambda: python(naive, emptied(folder / "c"), "123456", count, "augment"),
        },
        rounds=3,
    )
    return [
        ("`-da -ra` against a plain per-image loop on two processes", f"{best['naive'] / best['random']:.1f}×", "2.5×"),
        ("`-da -ra` against plain sequences", f"{best['plain'] / best['random']:.2f}", "0.25"),
    ]


def seconds_an_image(make: Callable[[int, int], object], size: int, rounds: int = 12) -> float:
    make(0, size)
    best = float("inf")
    for k in range(rounds):
        began = time.perf_counter()
        make(k * size, k * size + size)
        best = min(best, time.perf_counter() - began)
    return best / size


def pipeline_cost(*augment: str) -> float:
    """Seconds an image, composing included, on one core."""
    pipeline = Pipeline(Settings("123456", augment=augment), load_bank(), 1)
    return seconds_an_image(pipeline.batch, pipeline.batch_size)


def nearest_transforms() -> dict[str, object]:
    import albumentations as a

    return {
        "erode": a.Morphological(scale=(1, 3), operation="erosion", p=1),
        "dilate": a.Morphological(scale=(1, 3), operation="dilation", p=1),
        "rotate": a.Rotate(limit=15, p=1),
        "noise": a.SaltAndPepper(amount=(0.0, 0.1), p=1),
        "shear": a.Affine(shear={"x": (-15, 15)}, p=1),
        "scale": a.Affine(scale=(0.8, 1.15), p=1),
        "stroke": a.Morphological(scale=(1, 3), operation="dilation", p=1),
        "shift": a.Affine(translate_px={"y": (-2, 2)}, p=1),
        "elastic": a.ElasticTransform(alpha=20, sigma=4, p=1),
        "perspective": a.Perspective(scale=(0.01, 0.06), p=1),
        "wave": a.GridDistortion(p=1),
        "slope": a.Affine(shear={"y": (-2, 2)}, p=1),
        "brightness": a.RandomBrightnessContrast(contrast_limit=0, p=1),
        "contrast": a.RandomBrightnessContrast(brightness_limit=0, p=1),
        "gamma": a.RandomGamma(p=1),
        "gaussian_noise": a.GaussNoise(p=1),
        "salt_pepper": a.SaltAndPepper(p=1),
        "speckle": a.MultiplicativeNoise(elementwise=True, p=1),
        "blur": a.GaussianBlur(p=1),
        "motion_blur": a.MotionBlur(p=1),
        "downscale": a.Downscale(
            scale_range=(0.5, 0.8), interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}, p=1
        ),
        "jpeg": a.ImageCompression(quality_range=(30, 90), p=1),
        "cutout": a.CoarseDropout(p=1),
        "lines": a.GridDropout(p=1),
        "background": a.PlasmaBrightnessContrast(p=1),
        "fade": a.PlasmaShadow(p=1),
        "paper": a.RandomToneCurve(p=1),
        "guilloche": a.GridDropout(p=1),
        "blotches": a.PlasmaBrightnessContrast(p=1),
        "fibre": a.GaussNoise(noise_scale_factor=0.25, p=1),
        "falloff": a.Illumination(mode="linear", p=1),
        "resolution": a.Downscale(
            scale_range=(0.4, 0.8), interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR}, p=1
        ),
        "sharpen": a.UnsharpMask(p=1),
    }


def operation_cost(name: str) -> float:
    """Seconds an image of one operation: on ready pixels, or from glyphs to composed image where it moves ink."""
    operation = Augmentation([name])
    if not isinstance(operation.operations[0], ImageOperation):
        return pipeline_cost(name)
    batch = Pipeline(Settings("123456"), load_bank(), 1).batch(0, 256)
    pixels, size = np.ascontiguousarray(batch.images), (28, 200)

    def paint(start: int, stop: int) -> object:
        return operation.paint(pixels, batch.width, batch.boxes, False, size, Rows.span(1, start, stop))

    return seconds_an_image(paint, 256)


def transform_cost(transform: Callable[..., object], images: list[object], calls: int) -> float:
    """Seconds an image of a transform called `calls` times for each."""
    some = images[: 100 // calls * calls]
    return calls * seconds_an_image(lambda *_: [transform(image=image) for image in some], len(some), rounds=5)


def single_operations() -> None:
    pictures = Pipeline(Settings("123456"), load_bank(), 1).batch(0, 100).images
    images = [image[:, :, None].copy() for image in pictures]
    glyphs = [image[:, 80:108].copy() for image in images]
    ratios = []
    print("\n| operation | images/s | nearest transform, images/s | ratio |\n|---|--:|--:|--:|")
    for name, transform in nearest_transforms().items():
        # an operation on glyphs gives each of the six a distortion of its own: a call for each
        alone = OPERATIONS[name].level == "glyph"
        ours = operation_cost(name)
        theirs = transform_cost(transform, glyphs, 6) if alone else transform_cost(transform, images, 1)
        ratios.append(theirs / ours)
        label = f"{type(transform).__name__}, {1 / theirs:,.0f}"
        print(f"| `{name}` | {1 / ours:,.0f} | {label} | {ratios[-1]:.1f}× |", flush=True)
    assert len(ratios) == len(OPERATIONS)
    print(f"\nmedian {statistics.median(ratios):.1f}×, least {min(ratios):.1f}×")


def erosion() -> None:
    """How much ink an erosion leaves: less with each larger kernel, but never so little that a digit is lost."""
    plain = Pipeline(Settings("0123456789", image_width=400), load_bank(), 1).batch(0, 200)
    print("\n| `-e` | ink kept | digits that lose a tenth of their ink or more |\n|---|--:|--:|")
    for kernel in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 4), (5, 5), (9, 9), (15, 15)):
        settings = Settings("0123456789", image_width=400, erode_kernel=kernel)
        batch = Pipeline(settings, load_bank(), 1).batch(0, 200)
        kept = ink_of_glyphs(batch) / ink_of_glyphs(plain)
        print(f"| `{kernel[0]} {kernel[1]}` | {kept.mean():.1%} | {(kept < 0.9).mean():.1%} |")


def ink_of_glyphs(batch: Batch) -> np.ndarray:
    """float64 (B · n,): the sum of the pixels in each box."""
    columns = np.concatenate([np.zeros((len(batch), 1)), batch.images.sum(axis=1).cumsum(axis=1)], axis=1)
    left, wide = batch.boxes[:, :, 0], batch.boxes[:, :, 2]
    return (np.take_along_axis(columns, left + wide, 1) - np.take_along_axis(columns, left, 1)).ravel()


if __name__ == "__main__":
    if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir():
        compare(Path(sys.argv[1]))
        sys.exit()
    cv2.setNumThreads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with scratch() as folder:
        rows = whole_command(folder, count)
    rows += [(f"preset `{name}`, one core", f"{1 / pipeline_cost(name):,.0f} images/s", least)
             for name, least in (("light", "5,000 images/s"), ("medium", ""), ("heavy", ""), ("scan", "5,000 images/s"))]  # fmt: skip
    table("augmentation", rows)
    erosion()
    single_operations()
