"""Renderers are kept by appearance and data set."""

from __future__ import annotations

import pytest

from digitseq import Settings
from digitseq.renderer.renderer_cache import BANKS, RENDERERS, renderer_of


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
