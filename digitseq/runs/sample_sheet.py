"""A picture of some images of a run with their texts and boxes.

It is SVG around PNG images: trainers that read every image of a folder do not take it for one, letters of all scripts
can be written below the images, and it needs no OpenCV.
"""

from __future__ import annotations

import base64
import html

import numpy as np

from digitseq.errors import printable
from digitseq.formats.base import Job
from digitseq.formats.png_encoder import encode_png
from digitseq.random_streams import Rows
from digitseq.runs.folder import MARK
from digitseq.runs.manifest import sections_of
from digitseq.runs.owned_run import OwnedRun

SHOWN = 24
WIDTH = 1344  # of the picture, unless one image is wider
TALL = 40  # images of up to this height are shown at twice their size
MARGIN, CAPTION = 8, 20
LETTER = 8  # pixels that a letter of a caption takes
COLOURS = ("#2060d6", "#288c28", "#dc3c28", "#a028aa")

Tile = tuple[str, int, int]  # SVG of one sample at the origin, its width and height


def sample_sheet(run: OwnedRun) -> str:
    """The picture, of images spread over the run."""
    sections = sections_of(run.record)
    total, tiles = sum(section.images for section in sections), list[Tile]()
    for section, job in zip(sections, run.jobs):
        count = min(section.images, -(-SHOWN * section.images // total), job.pipeline.batch_size)
        first = section.first - 1
        # all different, as there are as many images at least
        places = np.linspace(first, first + section.images - 1, count).astype(np.int64)
        tiles += _tiles(job, places) if count else []
    x = y = row = widest = 0
    placed = []
    for tile, width, height in tiles:
        if x and x + width > WIDTH:
            x, y, row = 0, y + row, 0
        placed.append(f'<g transform="translate({x} {y})">{tile}</g>\n')
        x, row, widest = x + width, max(row, height), max(widest, x + width)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{widest}" height="{y + row}" '
        f'font-family="monospace" font-size="13">{MARK}\n<rect width="100%" height="100%" fill="#fff"/>\n'
        f"{''.join(placed)}</svg>\n"
    )


def _tiles(job: Job, index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[Tile]:
    batch = job.pipeline.batch_of(Rows(job.pipeline.seed, index))
    files, height = encode_png(batch.images, batch.width), batch.images.shape[1]
    scale = 2 if height <= TALL else 1
    tiles = []
    for data, width, text, boxes, classes in zip(
        files, batch.width.tolist(), batch.texts, batch.boxes, batch.classes >= 0
    ):
        frames = "".join(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" stroke="{COLOURS[place % len(COLOURS)]}"/>'
            for place, (x, y, w, h) in enumerate(boxes[classes].tolist())
        )
        picture = (
            f'<g transform="translate({MARGIN} {MARGIN}) scale({scale})" fill="none" stroke-width="{1 / scale}">'
            f'<image width="{width}" height="{height}" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{base64.b64encode(data).decode()}"/>{frames}</g>'
        )
        said, below = printable(text), MARGIN + scale * height + 14
        caption = f'<text x="{MARGIN}" y="{below}" fill="#333">{html.escape(said)}</text>'
        wide = max(scale * width, LETTER * len(said)) + 2 * MARGIN
        tiles.append((picture + caption, wide, scale * height + MARGIN + CAPTION))
    return tiles
