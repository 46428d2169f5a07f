"""Contact sheets to look at before a run: of the given settings, and of all operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from digitseq.augment import OPERATIONS
from digitseq.augment.base import opencv
from digitseq.errors import OutputError
from digitseq.files.atomic import replacing
from digitseq.glyphs.pen_bank import AnyBank
from digitseq.inspection.findings import Shown
from digitseq.inspection.sheet import contact_sheet
from digitseq.pipeline import Pipeline
from digitseq.runs.run_settings import Output
from digitseq.settings import DEFAULTS, DIGIT_OPERATIONS, Settings

SAMPLES = 24
EACH = 3  # samples of each operation
BETWEEN = 128  # grey level between them
DISTORTIONS = ("data_augmentation", "random_all", "augment", *DIGIT_OPERATIONS)


def write_previews(output: Output, settings: Settings, bank: AnyBank, seed: int) -> list[str]:
    """Write the sheets that `output` asks for, JPEG or PNG files by their endings, and return their paths.

    `preview` shows samples of `settings` with their labels, `preview_operations` each operation at its defaults with
    its name. Raises `OutputError` when a file cannot be written.
    """
    settings = replace(settings, unique=False, balanced=False)  # these need a whole run
    pipeline = Pipeline(settings, bank, seed)
    written = []
    if output.preview is not None:
        _write(output.preview, _samples(pipeline, SAMPLES))
        written.append(output.preview)
    if output.preview_operations is not None:
        _write(output.preview_operations, list(_operations(pipeline)))
        written.append(output.preview_operations)
    return written


def _samples(pipeline: Pipeline, count: int) -> list[Shown]:
    batch = pipeline.batch(0, count)
    images = [image[:, :width] for image, width in zip(batch.images, batch.width)]
    return [Shown(text, image, text, []) for text, image in zip(batch.texts, images)]


def _operations(pipeline: Pipeline) -> Iterator[Shown]:
    """One wide sample for the plain images and each operation."""
    plain = replace(pipeline.settings, **{name: DEFAULTS[name] for name in DISTORTIONS})
    looks = {"plain": plain} | {name: replace(plain, augment=(name,)) for name in OPERATIONS}
    for name, look in looks.items():
        shown = _samples(Pipeline(look, pipeline.bank, pipeline.seed, pipeline.source), EACH)
        framed = [np.pad(sample.pixels, ((0, 0), (1, 1)), constant_values=BETWEEN) for sample in shown]
        yield Shown(name, np.concatenate(framed, axis=1), name, [])


def _write(name: str, samples: list[Shown]) -> None:
    path = Path(name)
    if not path.name or (path.exists() and not path.is_file()):
        raise OutputError(f"cannot write the preview {path}: it is not a file; name another")
    ending = ".jpg" if path.suffix.lower() in (".jpg", ".jpeg") else ".png"
    cv2 = opencv()
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9] if ending == ".png" else []
    # without boxes the sheet is gray
    _, data = cv2.imencode(ending, contact_sheet(samples)[..., 0], smallest)
    try:
        with replacing(path) as file:
            file.write(data.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write the preview {path} ({error.strerror}): name another file") from None
