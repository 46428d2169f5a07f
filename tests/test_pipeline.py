"""What an image is: real glyphs of the right class and split, laid out by the rules, the same every time."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.glyphs import ink_of

from digitseq import Pipeline, Settings, SettingsError
from digitseq.sources.fixed import FixedSource

VARIANTS = {
    "plain": {},
    "da": {"data_augmentation": True},
    "random": {"data_augmentation": True, "random_all": True},
    "tight": {"image_width": 92},
    "tight and distorted": {"image_width": 110, "data_augmentation": True, "random_all": True},
    "free": {"image_width": 0, "max_spacing": 40},
    "overlap": {"min_spacing": -12, "max_spacing": 3},
    "inverted": {"invert": True},
    "kernel": {"dilate_kernel": (7, 5), "angle": 30, "image_width": 300},
    "noise": {"noise_ratio": 0.2},
}


@pytest.fixture(scope="module")
def known_ink(train, test_split):
    """For each split the set of (class, shape, pixels) of every glyph, trimmed."""

    def inks(bank):
        return {(int(bank.label[g]), ink_of(bank, g).shape, ink_of(bank, g).tobytes()) for g in range(len(bank))}

    return {"train": inks(train), "test": inks(test_split)}


@pytest.fixture
def bank_of(train, test_split):
    return {"train": train, "test": test_split}


@given(
    number=st.text("0123456789", min_size=1, max_size=8),
    low=st.integers(0, 12),
    more=st.integers(0, 12),
    image_width=st.sampled_from([0, 0, 160, 250, 400]),
    split=st.sampled_from(["train", "test"]),
    seed=st.integers(0, 2**64 - 1),
    start=st.integers(0, 10**9),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_box_holds_a_real_glyph_of_its_class_and_split(
    number, low, more, image_width, split, seed, start, bank_of, known_ink
):
    chosen = Settings(number, split=split, image_width=image_width, min_spacing=low, max_spacing=low + more)
    try:
        pipeline = Pipeline(chosen, bank_of[split], seed)
    except SettingsError as error:
        assert "too narrow" in str(error)
        return
    batch = pipeline.batch(start, start + 4)
    assert batch.images.shape[:2] == (4, 28)
    assert batch.texts == [number] * 4
    for image, width, boxes in zip(batch.images, batch.width, batch.boxes):
        assert not image_width or width == image_width
        rest = image.copy()
        for character, (x, y, w, h) in zip(number, boxes):
            crop = image[y : y + h, x : x + w]
            assert (int(character), crop.shape, crop.tobytes()) in known_ink[split]
            rest[y : y + h, x : x + w] = 0
        assert not rest.any()
        gaps = boxes[1:, 0] - (boxes[:-1, 0] + boxes[:-1, 2])
        assert ((gaps >= low) & (gaps <= low + more)).all()
        left, right = boxes[0, 0], width - (boxes[-1, 0] + boxes[-1, 2])
        assert right - left in (0, 1)
        assert image_width or (left, right) == (0, 0)


def test_spacing_includes_both_ends_and_is_uniform(train):
    batch = Pipeline(Settings("17", min_spacing=3, max_spacing=7), train, 5).batch(0, 20_000)
    gaps = batch.boxes[:, 1, 0] - batch.boxes[:, 0, 0] - batch.boxes[:, 0, 2]
    values, counts = np.unique(gaps, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7]
    assert counts / 20_000 == pytest.approx([0.2] * 5, abs=0.02)


def test_every_glyph_of_a_class_can_occur(test_split):
    batch = Pipeline(Settings("5", split="test", image_width=0), test_split, 5).batch(0, 20_000)
    shapes = {i[:, :w].tobytes() for i, w in zip(batch.images, batch.width)}
    assert len(shapes) == np.diff(test_split.class_start)[5]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_image_depends_on_nothing_but_settings_seed_and_number(variant, train):
    pipeline = Pipeline(Settings("90817", **VARIANTS[variant]), train, 11)
    whole = pipeline.batch(0, 300)
    for start, stop in [(0, 1), (5, 6), (17, 40), (120, 300)]:
        part = pickle.loads(pickle.dumps(pipeline)).batch(start, stop)
        for offset, i in enumerate(range(start, stop)):
            width = whole.width[i]
            assert part.width[offset] == width
            assert np.array_equal(part.images[offset, :, :width], whole.images[i, :, :width])
            assert np.array_equal(part.boxes[offset], whole.boxes[i])


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_of_a_run_differ_and_so_do_seeds(variant, train):
    images = [Pipeline(Settings("90817", **VARIANTS[variant]), train, s).batch(0, 200) for s in (1, 2)]
    seen = {i[:, :w].tobytes() for batch in images for i, w in zip(batch.images, batch.width)}
    assert len(seen) == 400


@pytest.mark.parametrize("variant", ["da", "random", "tight and distorted", "kernel", "noise"])
def test_boxes_are_tight_around_the_ink_and_hold_all_of_it(variant, train):
    chosen = Settings("90817", **VARIANTS[variant] | {"min_spacing": 1})
    batch = Pipeline(chosen, train, 3).batch(0, 200)
    for image, boxes in zip(batch.images, batch.boxes):
        rest = image.copy()
        for x, y, w, h in boxes:
            crop = image[y : y + h, x : x + w]
            assert crop.shape == (h, w)
            assert crop[0].any() and crop[-1].any() and crop[:, 0].any() and crop[:, -1].any()
            rest[y : y + h, x : x + w] = 0
        assert not rest.any()
        gaps = boxes[1:, 0] - (boxes[:-1, 0] + boxes[:-1, 2])
        assert ((gaps >= 1) & (gaps <= 10)).all()


def test_brighter_pixels_win_where_glyphs_overlap(train):
    chosen = Settings("88", min_spacing=-15, max_spacing=-15, image_width=0)
    both = Pipeline(chosen, train, 3).batch(0, 100)
    apart = Pipeline(Settings("88", min_spacing=5, max_spacing=5, image_width=0), train, 3).batch(0, 100)
    for b in range(100):
        expected = np.zeros_like(both.images[b])
        for (x, y, w, h), (ax, ay, aw, ah) in zip(both.boxes[b], apart.boxes[b]):
            assert (y, w, h) == (ay, aw, ah)
            part = expected[y : y + h, x : x + w]
            np.maximum(part, apart.images[b, ay : ay + ah, ax : ax + aw], out=part)
        assert np.array_equal(both.images[b], expected)


def test_invert_is_the_negative(train):
    white = Pipeline(Settings("42", data_augmentation=True), train, 3).batch(0, 20)
    black = Pipeline(Settings("42", data_augmentation=True, invert=True), train, 3).batch(0, 20)
    assert np.array_equal(black.images, 255 - white.images)
    assert np.array_equal(black.boxes, white.boxes)


def test_a_narrow_width_narrows_gaps_before_it_rejects_glyphs(train):
    batch = Pipeline(Settings("123456", image_width=100, max_spacing=30), train, 3).batch(0, 500)
    gaps = batch.boxes[:, 1:, 0] - (batch.boxes[:, :-1, 0] + batch.boxes[:, :-1, 2])
    assert gaps.min() >= 0
    assert gaps.max() <= 30
    assert gaps.max() > 3
    assert (batch.boxes[:, -1, 0] + batch.boxes[:, -1, 2] <= 100).all()


@pytest.mark.parametrize("variant", ["plain", "da", "random", "overlap"])
@pytest.mark.parametrize("number", ["8", "123456", "0" * 40])
def test_the_width_named_in_the_refusal_is_enough(variant, number, train):
    values = VARIANTS[variant]
    with pytest.raises(SettingsError, match=r"image_width 3 is too narrow for \d+ character.*use at least") as caught:
        Pipeline(Settings(number, **values | {"image_width": 3}), train, 1)
    assert caught.value.setting == "image_width"
    named = int(str(caught.value).partition("use at least ")[2].split()[0])
    batch = Pipeline(Settings(number, **values | {"image_width": named}), train, 1).batch(0, 50)
    assert batch.images.shape[2] == named
    with pytest.raises(SettingsError):
        Pipeline(Settings(number, **values | {"image_width": named // 4}), train, 1)


def test_a_width_that_no_drawn_text_fits_names_one_that_all_do(train):
    """The longest text is the narrow one here."""
    for source in (
        {"pattern": "1{9}|[08]{8}"},
        {"random_digits": (3, 9)},
        {"amounts": (1, 10)},
        {"phone": "JP", "signs": "gap", "gap_labels": "keep"},
    ):
        for look in ({}, {"data_augmentation": True}, {"augment": "medium"}):
            with pytest.raises(SettingsError, match="too narrow") as caught:
                Pipeline(Settings(**source, image_width=40, **look), train, 1)
            named = int(str(caught.value).partition("use at least ")[2].split()[0])
            Pipeline(Settings(**source, image_width=named, **look), train, 1).batch(0, 60)


def test_another_text_or_seed_keeps_what_was_prepared(train):
    first = Pipeline(Settings("123", augment="light"), train, 1)
    assert first.reseeded(2).renderer is first.with_source(FixedSource("4567")).renderer is first.renderer
    assert first.with_source(FixedSource("4567")).batch(0, 2).texts == ["4567"] * 2


def test_a_sequence_wider_than_any_image_is_refused(train):
    with pytest.raises(SettingsError, match="at most 65,535 are possible; lower `max_spacing`"):
        Pipeline(Settings("1" * 255, image_width=0, max_spacing=1000), train, 1)


def test_erosion_never_wipes_a_digit_out(train):
    batch = Pipeline(Settings("1111", erode_kernel=(15, 15)), train, 1).batch(0, 200)
    assert (batch.boxes[:, :, 2:] > 0).all()


def test_rotation_is_counter_clockwise_and_loses_no_ink(train):
    straight = Pipeline(Settings("4", image_width=60), train, 1).batch(0, 100)
    turned = Pipeline(Settings("4", image_width=60, angle=90), train, 1).batch(0, 100)
    for before, after, (x, y, w, h), (ax, ay, aw, ah) in zip(
        straight.images, turned.images, straight.boxes[:, 0], turned.boxes[:, 0]
    ):
        assert np.array_equal(after[ay : ay + ah, ax : ax + aw], np.rot90(before[y : y + h, x : x + w]))
    for angle in (-180, -77.5, 33, 45, 180):
        batch = Pipeline(Settings("4", image_width=60, angle=angle), train, 1).batch(0, 100)
        share = batch.images.sum((1, 2)) / straight.images.sum((1, 2))
        assert (abs(share - 1) < 0.02).all()


def test_fixed_settings_are_used_exactly(train):
    def mean(**values):
        return Pipeline(Settings("3", image_width=80, **values), train, 1).batch(0, 400).images.mean()

    assert mean(erode_kernel=(2, 2)) < mean() < mean(dilate_kernel=(2, 2))
    assert mean(angle=0) == mean(noise_ratio=0) == mean(erode_kernel=(1, 1)) == mean()
    batch = Pipeline(Settings("3", image_width=80, noise_ratio=1), train, 1).batch(0, 50)
    for image, (x, y, w, h) in zip(batch.images, batch.boxes[:, 0]):
        assert (image[y : y + h, x : x + w] == 255).all()


def test_noise_has_the_share_that_was_asked_for(train):
    plain = Pipeline(Settings("7", image_width=80), train, 1).batch(0, 2000)
    noisy = Pipeline(Settings("7", image_width=80, noise_ratio=0.3), train, 1).batch(0, 2000)
    assert np.array_equal(plain.boxes, noisy.boxes)
    changed = box_pixels = 0
    for before, after, (x, y, w, h) in zip(plain.images, noisy.images, plain.boxes[:, 0]):
        before, after = before[y : y + h, x : x + w], after[y : y + h, x : x + w]
        assert (after[after != before] == 255).all()
        changed += ((after == 255) & (before < 255)).sum()
        box_pixels += (before < 255).sum()
    assert changed / box_pixels == pytest.approx(0.3, abs=0.01)


def test_random_all_draws_each_operation_for_half_of_the_digits(train):
    values = {
        "data_augmentation": True,
        "random_all": True,
        "erode_kernel": (1, 1),
        "dilate_kernel": (1, 1),
        "angle": 0,
    }
    plain = Pipeline(Settings("3", image_width=80), train, 1).batch(0, 4000)
    noisy = Pipeline(Settings("3", image_width=80, **values, noise_ratio=0.5), train, 1).batch(0, 4000)
    changed = (plain.images != noisy.images).any((1, 2))
    assert changed.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "settings",
    [
        {"number": "123456"},
        {"number": "000000", "augment": "medium"},
        {"random_digits": (3, 8)},
        {"random_digits": (6, 6), "data_augmentation": True},
        {"pattern": "[0-9]{4}-[01]{2}"},
        {"number": "1" * 12, "min_spacing": -4},
        {"number": "1234", "min_spacing": 20},
    ],
    ids=str,
)
def test_the_width_that_an_error_names_is_the_smallest_that_will_do(train, settings):
    with pytest.raises(SettingsError, match="use at least") as caught:
        Pipeline(Settings(image_width=8, **settings), train, 1)
    width = int(re.search(r"at least (\d+)", str(caught.value))[1])
    for seed in range(3):
        made = Pipeline(Settings(image_width=width, **settings), train, seed)
        assert made.batch(0, 200).images.shape[2] == width
    with pytest.raises(SettingsError, match=f"use at least {width} pixels"):
        Pipeline(Settings(image_width=width - 1, **settings), train, 2)
