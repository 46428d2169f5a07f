"""The pipelines behind the requests: banks are opened once, renderers kept by the appearance of their images."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import replace
from functools import lru_cache

from digitseq.api import draw_seed
from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.loader import load_bank
from digitseq.pipeline import Pipeline
from digitseq.renderer import Appearance, Renderer
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.requests import RequestValues, check_texts, too_wide
from digitseq.settings import DEFAULTS, Settings
from digitseq.sources.base import Check, never_cancelled
from digitseq.sources.choose import source_of

KEPT = 256  # pipelines of settings that are asked for again
RENDERERS = 64


class PipelineCache:
    """Makes pipelines, from any thread. `cache` is the directory of the glyph banks."""

    def __init__(self, limits: Limits, sets: GlyphSets, cache: str | None = None) -> None:
        self._limits, self._sets, self._cache = limits, sets, cache
        self._banks: dict[tuple[str, str], GlyphBank] = {}
        self._opening = threading.Lock()  # two threads must not build one bank at the same time
        # Two levels: by settings, for any thread; and by the text of a query, for the event loop, which must not wait.
        self._kept = lru_cache(KEPT)(self._build)
        self._renderer = lru_cache(RENDERERS)(self._prepare)
        self._quick: dict[Hashable, Pipeline] = {}

    @property
    def ready(self) -> bool:
        """Whether a bank is open."""
        return bool(self._banks)

    def open(self) -> None:
        """Open the bank of the default settings. Raises `DataError`."""
        self.bank(DEFAULTS["dataset"], DEFAULTS["split"])

    def bank(self, dataset: str, split: str) -> GlyphBank:
        """The glyphs of the `split` of a data set that is installed."""
        found = self._banks.get((dataset, split))
        if found is not None:  # without the lock: building another for the first time takes seconds
            return found
        with self._opening:
            if (dataset, split) not in self._banks:
                self._banks[dataset, split] = load_bank(split, self._cache, dataset)
            return self._banks[dataset, split]

    def pipeline(self, asked: RequestValues, size: int | None = None, check: Check = never_cancelled) -> Pipeline:
        """The pipeline of a request, with its seed or a random one, for a run of `size` images.

        check: called every few milliseconds meanwhile; what it raises ends that, and is passed on.
        Raises as `RequestValues.settings` and `Pipeline` do.
        """
        settings, seed = asked.settings(self._limits, self._sets), asked.others.get("seed")
        seed = draw_seed() if seed is None else seed
        if not (settings.unique or settings.balanced):
            return self._kept(settings).reseeded(seed)  # what is cached does not depend on the seed
        if size is not None and size > self._limits.max_images:
            raise Problem(422, f"unique and balanced are for at most {self._limits.max_images:,} images here", "size")
        return self._make(settings, self._renderer_of(settings), seed, size, check)

    def with_number(self, pipeline: Pipeline, number: str) -> Pipeline | None:
        """The same look with another fixed text, or None where that may take longer than a millisecond.

        For the event loop: it measures no glyphs, and prepares no renderer. Raises as `pipeline` does.
        """
        if number == pipeline.settings.number:
            return pipeline
        check_texts({"number": number}, self._limits)
        settings, renderer = replace(pipeline.settings, number=number), pipeline.renderer
        # the check of the width would measure distorted glyphs first, unless the crude bound is enough
        if settings.image_width and not (renderer.measured or renderer.all_fit(len(number), True, renderer.most)):
            return None
        return self._make(settings, renderer, 0)

    def known(self, key: Hashable) -> Pipeline | None:
        """The cached pipeline for `key`, which identifies the settings of a request."""
        return self._quick.get(key)

    def keep(self, key: Hashable, pipeline: Pipeline) -> None:
        """Keep `pipeline`; the oldest one goes when there are too many."""
        if len(self._quick) >= KEPT:
            # a dict keeps the order of insertion; another thread may have removed the same one
            self._quick.pop(next(iter(self._quick)), None)
        self._quick[key] = pipeline

    def _build(self, settings: Settings) -> Pipeline:
        return self._make(settings, self._renderer_of(settings), 0)

    def _renderer_of(self, settings: Settings) -> Renderer:
        return self._renderer(Appearance.of(settings), settings.dataset, settings.split)

    def _prepare(self, appearance: Appearance, dataset: str, split: str) -> Renderer:
        return Renderer(appearance, self.bank(dataset, split))

    def _make(
        self, settings: Settings, renderer: Renderer, seed: int, size: int | None = None, check: Check = never_cancelled
    ) -> Pipeline:
        source = source_of(settings, renderer.bank.characters, size, seed, check)
        # before the pipeline: its check of the width may already distort glyphs
        self._check_cells(renderer, source.max_length)
        pipeline = Pipeline(settings, renderer.bank, seed, source, renderer)
        if pipeline.widest > self._limits.max_width:
            raise too_wide(self._limits)
        return pipeline

    def _check_cells(self, renderer: Renderer, length: int) -> None:
        """Refuse what would take gigabytes: long texts whose distortions need large cells around every glyph."""
        if length * renderer.cell_pixels > self._limits.max_cells:
            raise Problem(
                422, "these distortions need too much memory for a text of this length: use fewer, or a shorter text",
                "augment",
            )  # fmt: skip
