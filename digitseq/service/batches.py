"""Images of different seeds that are made together.

An image alone costs five times as much as one among others. Different seeds, and texts of the same length, share a
batch; each image is the one that its own pipeline makes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.formats.parts import spans
from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline
from digitseq.random_streams import WORDS_PER_BLOCK, Rows, table_key
from digitseq.sources import encode

Files = list[bytes | Exception]


@dataclass(frozen=True)
class Wanted:
    """Image `index`, from 0, of `text` under `seed`."""

    text: str
    seed: int
    index: int


def batch_key(pipeline: Pipeline, text: str) -> Hashable:
    """What all images of a batch share: the look, gaps, and the length of the text."""
    return pipeline.renderer, pipeline.gaps, len(text)


def files_of(pipeline: Pipeline, wanted: Sequence[Wanted]) -> Files:
    """The PNG files of images with the same batch key, that of `pipeline`, in order, or why one cannot be made."""
    try:
        return [*images_of(pipeline, wanted)]
    except Exception as error:
        if len(wanted) == 1:
            return [error]
        # one by one: nobody gets the error of another client's image
        return [file for one in wanted for file in files_of(pipeline, [one])]


def images_of(pipeline: Pipeline, wanted: Sequence[Wanted]) -> list[bytes]:
    """The PNG files of images with the same batch key, that of `pipeline`, in order."""
    parts = [wanted[first:last] for first, last in spans(0, len(wanted), pipeline.batch_size)]
    return [file for part in parts for file in _batch(pipeline, part)]


def _batch(pipeline: Pipeline, wanted: Sequence[Wanted]) -> list[bytes]:
    rows = Rows(wanted[0].seed, np.array([wanted[0].index], np.int64))
    if len(wanted) > 1:
        # Each row takes its random numbers from the tables of its own seed: an image does not depend on the others.
        indices = np.array([one.index for one in wanted], np.int64)
        rows = SeededRows(indices, np.array([one.seed for one in wanted], np.uint64))
    batch = pipeline.batch_of(rows, encode([one.text for one in wanted], len(wanted[0].text)))
    return encode_png(batch.images, batch.width)


def one_image(pipeline: Pipeline, index: int) -> tuple[str, bytes]:
    """Text and PNG file of image `index`, from 0."""
    batch = pipeline.batch(index, index + 1)
    return batch.texts[0], encode_png(batch.images, batch.width)[0]


class SeededRows(Rows):
    """Row b is row index[b] of the tables of seeds[b], uint64 (B,); `seed` is not used."""

    def __init__(self, index: NDArray[np.int64], seeds: NDArray[np.uint64], attempt: int = 0, scope: str = "") -> None:
        super().__init__(0, index, attempt, scope)
        self.seeds = seeds

    def again(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at `positions` of this selection, for one more attempt."""
        return self.replace(index=self.index[positions], seeds=self.seeds[positions], attempt=self.attempt + 1)

    def uniforms(self, purpose: str, columns: int) -> NDArray[np.float64]:
        """float64 (B, columns), uniform in [0, 1)."""
        # what `Generator.random` makes of the same words; one generator for each row would take as long as the rest
        return (self.words(purpose, columns) >> 11) * np.float64(2.0**-53)

    def words(self, purpose: str, columns: int) -> NDArray[np.uint64]:
        """uint64 (B, columns), 64 random bits each."""
        found = np.empty((len(self), columns), np.uint64)
        bits = np.random.Philox(key=0)  # whose state is set for each row, as creating one takes five times as long
        state: Any = bits.state | {"buffer": (0, 0, 0, 0)}  # a tuple is read in a third of an array's time
        blocks = -(-columns // WORDS_PER_BLOCK)
        first, second = table_key(self.seeds, self.scope + purpose, self.attempt)
        for row, key, index in zip(found, zip(first.tolist(), second.tolist()), self.index.tolist()):
            state["state"] = {"key": key, "counter": (index * blocks, 0, 0, 0)}
            bits.state = state
            row[:] = bits.random_raw(columns)
        return found
