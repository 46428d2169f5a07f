"""A renderer is prepared for an appearance, whatever is written: whether a text fits is known without rendering any."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from support.looks import LOOKS

from digitseq import Pipeline, Settings, SettingsError
from digitseq.augment import GlyphChain
from digitseq.random_streams import Rows
from digitseq.renderer import Appearance, Renderer, rendering


@pytest.fixture
def rendered(monkeypatch) -> Counter:
    """How often anything was rendered or distorted, by what did it."""
    seen: Counter = Counter()

    def counted(name, call):
        def count(*arguments, **options):
            seen[name] += 1
            return call(*arguments, **options)

        return count

    monkeypatch.setattr(Renderer, "render", counted("render", Renderer.render))
    monkeypatch.setattr(rendering, "compose_images", counted("compose_images", rendering.compose_images))
    monkeypatch.setattr(GlyphChain, "ink", counted("ink", GlyphChain.ink))
    return seen


@pytest.mark.parametrize("look", LOOKS)
def test_preparing_a_text_renders_nothing(look, rendered, train):
    kept = Renderer(Appearance.of(Settings("1", image_width=150, **LOOKS[look])), train)
    for text in ("8", "123456", "9" * 40, "100000000000"):
        for source in ({"number": text}, {"random_digits": (1, len(text))}):
            for prepared in (None, kept):
                try:
                    Pipeline(Settings(**source, image_width=150, **LOOKS[look]), train, 3, None, prepared)
                except SettingsError as error:
                    assert "too narrow" in str(error)
    assert not rendered
    Pipeline(Settings("12", **LOOKS[look]), train, 3).batch(0, 1)
    assert rendered["render"] == rendered["compose_images"] == 1


@pytest.mark.parametrize("look", [{}, {"image_width": 0}, {"image_width": 92}, {"augment": "medium"}, {"invert": True}])
def test_a_kept_renderer_makes_the_same_images(look, train):
    kept = Renderer(Appearance.of(Settings("1", **look)), train)
    for text in ("4", "123456", "0099"):
        ours = Pipeline(Settings(text, **look), train, 5, None, kept).batch(3, 9)
        fresh = Pipeline(Settings(text, **look), train, 5).batch(3, 9)
        np.testing.assert_array_equal(ours.images, fresh.images)
        np.testing.assert_array_equal(ours.boxes, fresh.boxes)


def test_the_appearance_is_all_that_is_not_the_text():
    """A renderer is kept by it: what it leaves out must not change how a text looks."""
    given = {
        "image_width": 90, "min_spacing": 1, "max_spacing": 3, "invert": True, "data_augmentation": True,
        "erode_kernel": (2, 2), "dilate_kernel": (2, 2), "angle": 3.0, "noise_ratio": 0.1, "augment": "blur",
    }  # fmt: skip
    plain = Appearance.of(Settings("1"))
    given_to_a_pen = {"style": "pen:slant=0", "marks": 0.5}
    written = Appearance.of(Settings("1", style="pen"))
    for name, value in given_to_a_pen.items():
        assert Appearance.of(Settings("1", **{"style": "pen", name: value})) != written != plain, name
    for name, value in given.items():
        assert Appearance.of(Settings("1", **{name: value})) != plain, name
    about_texts_and_glyphs = {
        "number", "random_digits", "amounts", "random_text", "phone", "pattern", "numbers_file", "numbers", "phone_type",
        "phone_format", "unique", "balanced", "signs", "gap_labels", "label_case", "dataset", "transpose", "split", "random_all",
        "image_height", "glyph_height", "letter_layout",  # the bank is in this size
    }  # fmt: skip
    made_beside_images = {"masks"}
    assert set(Settings.__dataclass_fields__) == {*given, *given_to_a_pen, *about_texts_and_glyphs, *made_beside_images}
    on = {"data_augmentation": True}
    assert Appearance.of(Settings("1", random_all=True, **on)) != Appearance.of(Settings("1", **on))


def test_one_image_is_made_as_many_are(train):
    """Few glyphs are dealt with one by one, many together."""
    for look in ({"augment": "heavy"}, {"min_spacing": -8, "augment": ("rotate", "wave")}, {"min_spacing": -8}):
        kept = Renderer(Appearance.of(Settings("1", **look)), train)
        codes = np.array([[ord(c) for c in "250"]] * 40, np.uint32)
        whole = kept.render(Rows.span(7, 0, 40), codes, False)
        for i in (0, 17, 39):
            one = kept.render(Rows.span(7, i, i + 1), codes[:1], False)
            np.testing.assert_array_equal(one.images[0], whole.images[i])
            np.testing.assert_array_equal(one.boxes[0], whole.boxes[i])
