"""Pipelines by the look that a query describes: what was asked for before is found without being parsed again."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from digitseq.options import Option
from digitseq.pen import GLYPH
from digitseq.pipeline import Pipeline
from digitseq.service.batches import batch_key
from digitseq.service.pipeline_cache import PipelineCache, always_fits
from digitseq.service.requests import ABOUT_IMAGES, from_query
from digitseq.sources.base import Check, never_cancelled

KEPT = 256  # looks
QUICK = 256  # images at once, if a pipeline makes as many: none of them has many pixels
Look = tuple[tuple[str, str], ...]  # settings as they are written, but for the text


@dataclass(frozen=True)
class Prepared:
    """A pipeline, and how its images are made.

    key: which of them can be made together; None where each is made on its own
    quick: a batch of them takes so little time that it is made in the event loop
    """

    pipeline: Pipeline
    key: Hashable | None
    quick: bool

    @classmethod
    def of(cls, pipeline: Pipeline) -> Prepared:
        """Finds that out: once for a look, as it takes as long as an image."""
        settings, renderer, text = pipeline.settings, pipeline.renderer, pipeline.settings.number
        # Only fixed texts share batches: other sources draw their texts from the tables of their own seed.
        if text is None or not pipeline.keeps_texts:
            return cls(pipeline, None, False)
        plain = not (settings.operations() or settings.masks) and settings.style == GLYPH
        fits = not settings.image_width or always_fits(renderer, len(text))  # else images are drawn again and again
        quick = plain and fits and pipeline.batch_size >= QUICK
        return cls(pipeline, batch_key(pipeline, text), quick)


class Looks:
    """The last looks that were asked for, from any thread. settings: as of `settings_within`."""

    def __init__(self, pipeline_cache: PipelineCache, settings: Mapping[str, Option]) -> None:
        self._pipeline_cache, self._settings = pipeline_cache, settings
        self._kept: dict[Look, dict[int, Prepared]] = {}  # by length those for any digits; the last one at 0
        self._lock = threading.Lock()

    def known(self, look: Look, number: str | None) -> Prepared | None:
        """What writes any digits as long as `number`, if some were asked for before with the same look."""
        found = self._kept.get(look)
        return found.get(len(number)) if found is not None and number is not None and is_digits(number) else None

    def with_number(self, look: Look, number: str) -> Prepared | None:
        """The pipeline for `number`; None where that may take longer than a millisecond. Raises as `prepare`."""
        if (kept := self._kept.get(look)) is None:
            return None
        pipeline = self._pipeline_cache.with_number(kept[0].pipeline, number)
        return None if pipeline is None else self._keep(look, pipeline)

    def prepare(self, look: Look, number: str | None, check: Check = never_cancelled) -> Prepared:
        """The pipeline of a query. Raises as `PipelineCache.pipeline` and `from_query`."""
        if number is not None and (prepared := self.known(look, number) or self.with_number(look, number)):
            return prepared
        asked = from_query(of_text(look, number), ABOUT_IMAGES, self._settings)
        return self._keep(look, self._pipeline_cache.pipeline(asked, None, check))

    def _keep(self, look: Look, pipeline: Pipeline) -> Prepared:
        made, number = Prepared.of(pipeline), pipeline.settings.number
        with self._lock:
            if look not in self._kept and len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]  # the oldest: a dict keeps the order of insertion
            kept = self._kept.setdefault(look, {0: made})
            if number is not None and is_digits(number) and self._pipeline_cache.serves_digits(pipeline):
                kept[len(number)] = made
        return made


def of_text(look: Look, number: str | None) -> Look:
    """The settings of `look` with that of its text, unless it has its source within."""
    return look if number is None else (("number", number), *look)


def is_digits(text: str) -> bool:
    """Whether `text` is 0 to 9 only, at least one of them."""
    return text.isascii() and text.isdecimal()
