"""Glyph banks and renderers by the names of their data sets. Renderers are cached: a new text costs only its pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.catalog import DIGITS, SIDE, is_folder
from digitseq.glyphs.loader import load_bank, load_scaled, load_strokes
from digitseq.pen import GLYPH
from digitseq.renderer.appearance import Appearance
from digitseq.renderer.rendering import Renderer
from digitseq.settings import Settings

if TYPE_CHECKING:
    from digitseq.glyphs.pen_bank import AnyBank
    from digitseq.glyphs.stroke_bank import StrokeBank

RENDERERS = 16
BANKS = 4


def bank_of(settings: Settings, cache: str | None = None, keep_sizes: bool = True) -> AnyBank:
    """The glyph bank that `settings` name, in their size; see `load_bank` and `load_scaled`.

    keep_sizes: as in `renderer_of`
    """
    base = load_bank(settings.split, cache, settings.dataset, settings.transpose)
    return _sized(base, _size(settings), keep_sizes, cache, partial(load_strokes, base))


def renderer_of(settings: Settings, cache: str | None = None, keep_sizes: bool = True) -> Renderer:
    """The renderer for the appearance and the data set of `settings`; their source does not matter.

    The last 16 are kept. cache: as in `load_bank`, and raises as that does. keep_sizes: whether glyphs in another
    size are built into the cache; the images are the same.
    """
    return _renderer(Appearance.of(settings), _size(settings), keep_sizes, *_source(settings, cache))


def load_lines(settings: Settings, cache: str | None = None) -> None:
    """Find the centre lines that a pen needs of the data set of `settings`; see `load_strokes`, and `renderer_of`."""
    _lines(*_source(settings, cache))


def _source(settings: Settings, cache: str | None) -> tuple[Hashable, ...]:
    """What the glyphs depend on, beside their size: the arguments of `_base`."""
    directory = cache or os.environ.get("DIGITSEQ_CACHE")
    # so that a folder whose files have changed is read again
    state = _state(settings.dataset) if is_folder(settings.dataset) else None
    return state, settings.split, directory, settings.dataset, settings.transpose


@lru_cache(maxsize=RENDERERS)
def _renderer(appearance: Appearance, *bank: Hashable) -> Renderer:
    return Renderer(appearance, _bank(*bank))


@lru_cache(maxsize=BANKS)
def _bank(size: _Size, keep: bool, state: Hashable, *names: Any) -> AnyBank:
    return _sized(_base(state, *names), size, keep, names[1], partial(_lines, state, *names))


@lru_cache(maxsize=BANKS)
def _lines(state: Hashable, *names: Any) -> StrokeBank:
    # one for all sizes, as `_base`
    return load_strokes(_base(state, *names))


@lru_cache(maxsize=BANKS)
def _base(state: Hashable, *names: Any) -> GlyphBank:
    # one for all sizes: where no cache can be written, each is a copy of all glyphs in memory
    split, cache, dataset, transpose = names
    return load_bank(split, cache, dataset, transpose)


def _sized(base: GlyphBank, size: _Size, keep: bool, cache: str | None, lines: Callable[[], StrokeBank]) -> AnyBank:
    laid_out = size.letter_layout and base.characters != DIGITS
    if not (size.pen or laid_out) and (size.height, size.glyph_height) == (SIDE, None):
        return base  # runs of the usual size start sooner without what makes others
    from digitseq.glyphs.letter_cases import doubled
    from digitseq.glyphs.letter_layout import line_of
    from digitseq.glyphs.pen_bank import PenBank
    from digitseq.glyphs.scaled_bank import ScaledBank
    from digitseq.glyphs.scaling import Scaling

    scaling = Scaling(size.height, size.glyph_height)
    if size.pen:
        return PenBank(doubled(base) if size.letter_layout else base, lines(), scaling, size.letter_layout)
    if laid_out and (line := line_of(base.characters, base.class_start, base.top, base.bottom)):
        base, scaling = doubled(base), replace(scaling, line=line)
    if scaling == Scaling(SIDE):
        return base
    return load_scaled(base, scaling, cache) if keep else ScaledBank(base, scaling)


class _Size(NamedTuple):
    """The size of the glyphs as in `Scaling`, whether letters are put on a line, and whether a pen writes them."""

    height: int
    glyph_height: float | None
    letter_layout: bool
    pen: bool


def _size(settings: Settings) -> _Size:
    s = settings
    return _Size(s.image_height, s.glyph_height, s.letter_layout == "on", s.style != GLYPH)


def _state(folder: str) -> Hashable:
    """What changes when a file is added to a user's folder, or replaced in it or in a folder below."""
    try:
        found = []
        for place, _, files in os.walk(folder):
            # a folder of pictures can have very many: its own time changes when one is added, replaced or removed
            names = files if place == folder else []
            about = [os.stat(os.path.join(place, name)) for name in (*names, ".")]
            found.append((place, *((each.st_mtime_ns, each.st_size) for each in about)))
        return tuple(found)
    except OSError:
        return None  # `load_bank` says what is wrong
