"""Renderers are kept by appearance and data set."""

from __future__ import annotations

import pytest

from digitseq import Settings
from digitseq.glyphs import stroke_bank
from digitseq.renderer import renderer_cache
from digitseq.renderer.renderer_cache import BANKS, RENDERERS, load_lines, renderer_of


@pytest.mark.parametrize("other", [{"image_width": 150}, {"invert": True}, {"augment": "light"}, {"split": "test"}])
def test_the_same_look_is_prepared_once_and_another_anew(cache, other):
    first = renderer_of(Settings("12"))
    assert renderer_of(Settings(random_digits=(3, 8))) is first
    assert renderer_of(Settings("12", **other)) is not first


def test_only_so_many_are_kept(cache):
    first = renderer_of(Settings("12", image_width=1000))
    for width in range(RENDERERS):
        renderer_of(Settings("12", image_width=1001 + width))
    assert renderer_of(Settings("12", image_width=1000)) is not first
    assert renderer_of(Settings("12", image_width=1000)).bank is first.bank
    assert BANKS >= 2


def test_images_of_all_heights_share_their_centre_lines(tmp_path, monkeypatch):
    """Where no cache can be written, finding them anew for each height would take a minute each time."""
    calls = []
    real = renderer_cache.load_strokes
    monkeypatch.setattr(renderer_cache, "load_strokes", lambda *given: calls.append(1) or real(*given))
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 100 * 52 * 52)
    settings = [Settings("12", style="pen", split="test", image_height=height) for height in (28, 40)]
    load_lines(settings[0], str(tmp_path))
    low, tall = (renderer_of(one, str(tmp_path)).bank for one in settings)
    assert low.height < tall.height and low.strokes is tall.strokes
    assert len(calls) == 1
