"""The pipelines behind the requests. What is costly, banks and renderers, is kept by `renderer_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from digitseq.options import Text
from digitseq.pipeline import Pipeline
from digitseq.random_streams import draw_seed
from digitseq.renderer import Renderer
from digitseq.renderer.renderer_cache import renderer_of
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.requests import SETTINGS, RequestValues, longest_text
from digitseq.settings import DEFAULTS, Settings
from digitseq.sources.base import Check, never_cancelled
from digitseq.sources.choose import source_of
from digitseq.sources.syntax import read_regex

DIGITS = "0123456789"


class PipelineCache:
    """Makes pipelines, from any thread. `cache` is the directory of the glyph banks.

    The centre lines that a pen needs were found before, see `PenLines`.
    """

    def __init__(self, limits: Limits, cache: str | None = None) -> None:
        self._limits, self._cache = limits, cache
        self.sets = GlyphSets(cache)

    def open(self) -> None:
        """Open the bank of the default settings. Raises `DataError`."""
        renderer_of(Settings("0"), self._cache, keep_sizes=False)

    def settings(self, asked: RequestValues) -> Settings:
        """The settings of a request.

        Raises `SettingsError` for a bad value, `Problem` for one beyond a limit, and for a data set that is not here.
        """
        values, limits = asked.values, self._limits
        # the data set comes first: which characters a text may have depends on it
        known = self.sets.check(values.get("dataset", DEFAULTS["dataset"]), values.get("split", DEFAULTS["split"]))
        _check_texts(values, limits)
        settings = Settings(**values)
        # other patterns are matched with `re`, which can take forever and cannot be interrupted
        if settings.pattern and not read_regex(settings.pattern, known.characters).exact:
            raise Problem(422, "pattern must not have lookaheads, lookbehinds or inner anchors here", "pattern")
        if len(settings.operations()) > limits.max_operations:
            raise Problem(422, f"augment may have at most {limits.max_operations} operations", "augment")
        if settings.image_width > limits.max_width:
            raise Problem(422, f"image_width may be at most {limits.max_width:,} pixels here", "image_width")
        return settings

    def pipeline(self, asked: RequestValues, size: int | None = None, check: Check = never_cancelled) -> Pipeline:
        """The pipeline of a request, with its seed or a random one, for a run of `size` images.

        check: called every few milliseconds meanwhile; what it raises ends that, and is passed on.
        Raises as `settings` and `Pipeline` do.
        """
        settings, seed = self.settings(asked), asked.others.get("seed")
        if (settings.unique or settings.balanced) and size is not None and size > self._limits.max_images:
            raise Problem(
                422, f"`unique` and `balanced` are for at most {self._limits.max_images:,} images here", "size"
            )
        # requests for all heights there are would fill the disk
        renderer = renderer_of(settings, self._cache, keep_sizes=False)
        return self._make(settings, renderer, draw_seed() if seed is None else seed, size, check)

    def with_number(self, pipeline: Pipeline, number: str) -> Pipeline | None:
        """The same look with another fixed text, or None where that may take longer than a millisecond.

        For the event loop: it measures no glyphs, and prepares no renderer. Raises as `pipeline` does.
        """
        if number == pipeline.settings.number:
            return pipeline
        _check_texts({"number": number}, self._limits)
        settings, renderer = replace(pipeline.settings, number=number), pipeline.renderer
        if renderer.pen is not None and not renderer.characters >= set(number):
            return None  # one that has signs, too, would look at all glyphs
        # the check of the width would measure distorted glyphs first, unless the crude bound is enough
        if settings.image_width and not renderer.fit_is_known(len(number), True):
            return None
        return self._make(settings, renderer, 0)

    def serves_digits(self, pipeline: Pipeline) -> bool:
        """Whether `pipeline`, whose text is digits, writes any other digits of that length as one of their own would.

        Whatever `with_number` looks at then depends on the length only.
        """
        renderer, length = pipeline.renderer, pipeline.source.max_length
        if pipeline.gaps or not pipeline.keeps_texts or not set(DIGITS) <= renderer.characters - renderer.missing:
            return False
        return renderer.fit_is_known(length, True) and pipeline.takes_any(DIGITS)

    def _make(
        self, settings: Settings, renderer: Renderer, seed: int, size: int | None = None, check: Check = never_cancelled
    ) -> Pipeline:
        source = source_of(settings, renderer.bank.characters, size, seed, check)
        # Long texts whose distortions need large cells around every glyph would take gigabytes. Before the pipeline:
        # its check of the width may already distort glyphs.
        if source.max_length * renderer.cell_pixels > self._limits.max_cells:
            raise Problem(
                422, "these distortions need too much memory for a text of this length: use fewer, or a "
                "shorter text, or a lower `image_height`",
                "augment",
            )  # fmt: skip
        pipeline = Pipeline(settings, renderer.bank, seed, source, renderer)
        if pipeline.widest > self._limits.max_width:
            raise Problem(
                422, f"images as wide as their texts need could have {pipeline.widest:,} pixels here, at most "
                f"{self._limits.max_width:,} are made: give an `image_width`, or shorter texts",
                "image_width",
            )  # fmt: skip
        return pipeline


def always_fits(renderer: Renderer, length: int) -> bool:
    """Whether texts of `length` characters, none of them a gap, fit the width of plain lines, whatever their glyphs."""
    plain = renderer.plain
    return plain is not None and plain.all_fit(length, False, plain.most)


def _check_texts(values: Mapping[str, Any], limits: Limits) -> None:
    """Refuse texts that are too long."""
    for name, value in values.items():
        texts = [value] if isinstance(value, str) else value
        kind = SETTINGS[name].kind
        longest = longest_text(name, limits)
        if (isinstance(kind, Text) or kind.repeats) and texts and (most := max(map(len, texts))) > longest:
            raise Problem(422, f"{name} may have at most {longest} characters, got {most:,}", name)
