"""Glyph banks and renderers by the names of their data sets. Renderers are cached: a new text costs only its pixels."""

from __future__ import annotations

import os
from collections.abc import Hashable
from functools import lru_cache

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.loader import load_bank
from digitseq.glyphs.own_folder import is_folder
from digitseq.renderer.rendering import Appearance, Renderer
from digitseq.settings import Settings

RENDERERS = 16
BANKS = 4


def bank_of(settings: Settings, cache: str | None = None) -> GlyphBank:
    """The glyph bank that `settings` name; see `load_bank`."""
    return load_bank(settings.split, cache, settings.dataset, settings.transpose)


def renderer_of(settings: Settings, cache: str | None = None) -> Renderer:
    """The renderer for the appearance and the data set of `settings`; their source does not matter.

    The last 16 are kept. cache: as in `load_bank`, and raises as that does.
    """
    directory = cache or os.environ.get("DIGITSEQ_CACHE")
    # in the key, so that a folder whose files have changed is read again
    state = _state(settings.dataset) if is_folder(settings.dataset) else None
    return _renderer(Appearance.of(settings), settings.split, directory, settings.dataset, settings.transpose, state)


@lru_cache(maxsize=RENDERERS)
def _renderer(appearance: Appearance, *bank: Hashable) -> Renderer:
    return Renderer(appearance, _bank(*bank))


@lru_cache(maxsize=BANKS)
def _bank(split: str, cache: str | None, dataset: str, transpose: bool, state: Hashable) -> GlyphBank:
    return load_bank(split, cache, dataset, transpose)


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
