"""Layout by its rules, rendering against a plain loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digitseq.composer import GlyphSpans, compose_images, layout_glyphs


@st.composite
def rows(draw):
    count, n = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    width = draw(st.lists(st.lists(st.integers(1, 20), min_size=n, max_size=n), min_size=count, max_size=count))
    draws = draw(
        st.lists(
            st.lists(st.floats(0, 1, exclude_max=True), min_size=n - 1, max_size=n - 1), min_size=count, max_size=count
        )
    )
    low = draw(st.integers(-28, 20))
    high = low + draw(st.integers(0, 20))
    return np.array(width), np.array(draws).reshape(count, n - 1), low, high


@given(rows(), st.integers(1, 300))
def test_gaps_stay_in_range_and_rows_within_the_limit_where_low_fits(case, limit):
    width, draws, low, high = case
    layout = layout_glyphs(width, draws, low, high, limit)
    gaps = layout.x[:, 1:] - (layout.x + width)[:, :-1]
    assert ((gaps >= low) & (gaps <= high)).all()
    assert (layout.x.min(axis=1) == 0).all()
    assert (layout.extent == (layout.x + width).max(axis=1)).all()
    closest = layout_glyphs(width, np.zeros_like(draws), low, low, limit)
    if low >= 0:
        assert ((layout.extent <= limit) == (closest.extent <= limit)).all()


@given(rows())
def test_without_a_tight_limit_every_gap_is_the_one_drawn(case):
    width, draws, low, high = case
    layout = layout_glyphs(width, draws, low, high, 10**6)
    gaps = layout.x[:, 1:] - (layout.x + width)[:, :-1]
    assert (gaps == low + np.floor(draws * (high - low + 1))).all()


def test_both_ends_of_the_range_occur():
    draws = np.array([[0.0, np.nextafter(1, 0)]])
    assert layout_glyphs(np.array([[5, 5, 5]]), draws, 2, 9, 1000).x.tolist() == [[0, 7, 21]]


def test_missing_glyphs_take_no_room():
    layout = layout_glyphs(np.array([[4, 6, 0, 0]]), np.full((1, 3), 0.99), 0, 9, 100)
    assert layout.x[0, :2].tolist() == [0, 13]
    assert layout.extent.tolist() == [19]


@given(rows(), st.booleans(), st.integers(0, 2**32 - 1))
def test_rendering_equals_pasting_glyph_by_glyph(case, always_overlapping, seed):
    width, draws, low, high = case
    layout = layout_glyphs(width, draws, low, high, 10**6)
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 256, (int(width.sum()) + 3, 7), dtype=np.uint8)
    end = np.cumsum(width).reshape(width.shape)
    zeros = np.zeros_like(width)
    ink = GlyphSpans(columns, end - width, width, zeros, zeros)
    image_width = int(layout.extent.max()) + 3
    images = compose_images(ink, layout.x, image_width, overlapping=always_overlapping or low < 0)
    expected = np.zeros_like(images)
    for b, j in np.ndindex(*width.shape):
        x, start = layout.x[b, j], ink.start[b, j]
        part = expected[b, :, x : x + width[b, j]]
        np.maximum(part, columns[start : start + width[b, j]].T, out=part)
    assert np.array_equal(images, expected)


def test_rows_drawn_again_replace_the_old_ones():
    rng = np.random.default_rng(0)

    def ink(total):
        columns = rng.integers(0, 256, (total, 3), dtype=np.uint8)
        start = rng.integers(0, total - 4, (4, 2))
        return GlyphSpans(columns, start, rng.integers(1, 4, (4, 2)), *rng.integers(0, 9, (2, 4, 2)))

    def columns(ink, row, j):
        start = ink.start[row, j]
        return ink.columns[start : start + ink.width[row, j]].tolist()

    old, new = ink(50), ink(20)
    rows = np.array([1, 3])
    for other in (
        new.at(rows),
        GlyphSpans(old.columns, *(getattr(new.at(rows), n) % 40 for n in ("start", "width", "top", "bottom"))),
    ):
        mixed = old.replaced(rows, other)
        for j in range(2):
            for row in range(4):
                source, k = (other, int(row == 3)) if row in (1, 3) else (old, row)
                assert columns(mixed, row, j) == columns(source, k, j)
                assert (mixed.top[row, j], mixed.bottom[row, j]) == (source.top[k, j], source.bottom[k, j])
    assert new.replaced(np.arange(4), old) is old
