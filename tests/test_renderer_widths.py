"""Whether a text fits a width is known without rendering it, and never wrongly refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.looks import LOOKS

from digitseq import Pipeline, Settings, SettingsError
from digitseq.augment import OPERATIONS
from digitseq.glyphs.bank import build_bank
from digitseq.renderer.widths import GlyphWidths

TEXTS = st.text("0123456789", min_size=1, max_size=12)
SPACINGS = st.tuples(st.integers(-9, 20), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1]))


def named_width(error: SettingsError) -> int:
    assert error.setting == "image_width"
    return int(str(error).partition("use at least ")[2].split()[0].replace(",", ""))


@given(st.sampled_from(list(LOOKS)), TEXTS, SPACINGS, st.integers(1, 400), st.integers(0, 2**32))
@settings(max_examples=80)
def test_a_width_is_refused_at_once_or_does(train, look, text, spacing, width, seed):
    """And the width that a refusal names does."""
    values = {"min_spacing": spacing[0], "max_spacing": spacing[1], **LOOKS[look]}
    try:
        pipeline = Pipeline(Settings(text, image_width=width, **values), train, seed)
    except SettingsError as error:
        named = named_width(error)
        assert named > width
        pipeline = Pipeline(Settings(text, image_width=named, **values), train, seed)
    batch = pipeline.batch(0, 6)
    right = batch.boxes[:, :, 0] + batch.boxes[:, :, 2]
    assert (right <= batch.images.shape[2]).all()
    assert batch.texts == [text] * 6


@given(st.sampled_from(list(LOOKS)), TEXTS, st.integers(-9, 20), st.integers(0, 2**32))
@settings(max_examples=50)
def test_a_width_that_all_images_fit_is_never_refused(train, look, text, spacing, seed):
    values = {"min_spacing": spacing, "max_spacing": spacing, **LOOKS[look]}
    free = Pipeline(Settings(text, image_width=0, **values), train, seed)
    widest = int(free.batch(0, 40).width.max())
    Pipeline(Settings(text, image_width=widest, **values), train, seed)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if OPERATIONS[name].level == "glyph"])
@pytest.mark.parametrize("strength", ["usual", "least", "most"])
def test_the_widths_of_distorted_glyphs_are_known_without_making_them(operation, strength, train):
    """A little less than they are, so that no text is refused that fits."""
    strengths = {
        "erode": ("width=2", "width=3,height=3"), "dilate": ("width=2", "width=9,height=9"),
        "rotate": ("angle=3", "angle=45"), "noise": ("ratio=0.01", "ratio=1"), "shear": ("angle=3", "angle=45"),
        "scale": ("factor=0.5", "factor=1.4"), "stroke": ("amount=-1", "amount=3"), "shift": ("pixels=1", "pixels=9"),
        "elastic": ("alpha=4", "alpha=34"),
    }  # fmt: skip
    chosen = {"usual": operation, "least": f"{operation}:{strengths[operation][0]}"}
    text = chosen.get(strength, f"{operation}:{strengths[operation][1]}")
    pipeline = Pipeline(Settings("0123456789", image_width=0, augment=text), train, 1)
    made = pipeline.batch(0, 150).boxes[:, :, 2].mean(axis=0)
    known = pipeline.renderer.glyph_widths.of_class[:10].mean(axis=1)
    assert (known <= made + 0.8).all(), known - made
    assert (known >= made - 3.5).all(), known - made


def test_a_stroke_that_is_turned_upright_is_narrow():
    """The box of a turned glyph depends on its shape, not on its box alone."""
    stroke = np.zeros((1, 28, 28), np.uint8)
    for k in range(20):
        stroke[0, 4 + k, 23 - k] = 255
    bank = build_bank([stroke], np.array([0]), "1", "stroke")
    free = Pipeline(Settings("1111", image_width=0, max_spacing=0, angle=45), bank, 1).batch(0, 4)
    assert free.width.max() < 20
    Pipeline(Settings("1111", image_width=int(free.width.max()), max_spacing=0, angle=45), bank, 1).batch(0, 4)
    with pytest.raises(SettingsError, match="too narrow"):
        Pipeline(Settings("1111", image_width=60, max_spacing=0, angle=-10), bank, 1)


def test_no_text_is_wider_than_the_widest_trials(train):
    widths = GlyphWidths(train, None, 20)
    draw = np.random.default_rng(3)
    bound = widths.widest_trials(np.arange(10), 6, 2)
    for _ in range(50):
        assert (widths.trials(draw.integers(0, 10, (1, 6)), 2) <= bound).all()
    assert (widths.trials(np.full((1, 6), widths.of_class[:10].mean(axis=1).argmax()), 2) >= 0.9 * bound).all()
