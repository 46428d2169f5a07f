"""A contact sheet of samples, to look at before a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitseq.augment import OPERATIONS
from digitseq.augment.base import opencv
from digitseq.errors import OutputError
from digitseq.files.atomic import replacing
from digitseq.formats.png_encoder import encode_png
from digitseq.glyphs.scaled_bank import Bank
from digitseq.pipeline import Pipeline
from digitseq.settings import Settings

Picture = NDArray[np.uint8]
SAMPLES = 3  # in each row
ROWS = 8  # rows of samples where the settings ask for augmentation
LABEL_WIDTH = 130
MARGIN = 3
BACKGROUND = 96  # grey level around the samples


def write_preview(path: Path, settings: Settings, bank: Bank, seed: int) -> None:
    """Write a contact sheet of `settings` to `path`, a PNG file.

    With any distortion in `settings`: rows of samples. Without: a row for each operation at its defaults, with
    its name. Raises `OutputError` when the file cannot be written.
    """
    settings = replace(settings, unique=False, balanced=False)  # these need a whole run
    pipeline = Pipeline(settings, bank, seed)
    if settings.operations():
        sheet = _row(pipeline, ROWS)
    else:
        looks = {"plain": settings} | {name: replace(settings, augment=(name,)) for name in OPERATIONS}
        rows = [_labelled(n, _row(Pipeline(look, bank, seed, pipeline.source))) for n, look in looks.items()]
        widest = max(row.shape[1] for row in rows)
        beyond = [((0, 0), (0, widest - row.shape[1])) for row in rows]
        sheet = np.vstack([np.pad(row, pad, constant_values=BACKGROUND) for row, pad in zip(rows, beyond)])
    data = encode_png(sheet[None], np.array([sheet.shape[1]]))[0]
    if not path.name or (path.exists() and not path.is_file()):
        raise OutputError(f"cannot write the preview {path}: it is not a file; name another")
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"cannot write the preview {path} ({error.strerror}): name another file") from None


def _row(pipeline: Pipeline, rows: int = 1) -> Picture:
    """`rows` rows of `SAMPLES` images each."""
    batch = pipeline.batch(0, SAMPLES * rows)
    framed = np.pad(batch.images, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)), constant_values=BACKGROUND)
    lines = [np.hstack(list(framed[k : k + SAMPLES])) for k in range(0, len(framed), SAMPLES)]
    return np.vstack(lines)


def _labelled(name: str, row: Picture) -> Picture:
    cv2 = opencv()
    label = np.full((row.shape[0], LABEL_WIDTH), BACKGROUND, np.uint8)
    cv2.putText(label, name, (6, row.shape[0] // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 255, 1, cv2.LINE_AA)
    return np.hstack([label, row])
