"""The style pen: strings as hands write them, with true labels, boxes and masks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from support.folders import pixels
from support.formats import tree

from digitseq import Pipeline, SequenceGenerator, Settings, SettingsError
from digitseq.glyphs.loader import load_bank, load_strokes
from digitseq.glyphs.pen_bank import PenBank
from digitseq.glyphs.scaling import Scaling
from digitseq.glyphs.stroke_bank import VARIANTS
from digitseq.pen.pen_alphabet import PenAlphabet
from digitseq.pen.style import PenStyle, parse_style, style_text
from digitseq.random_streams import Rows

LOOKS: dict[str, dict[str, Any]] = {
    "pen": {},
    "marks": {"marks": 1.0},
    "fixed width": {"image_width": 200},
    "narrow": {"image_width": 90, "number": "123456"},
    "gray": {"style": "pen:gray=1"},
    "joined": {"style": "pen:joined=1,flag=1,bar=1,foot=1", "number": "171717"},
    "tall": {"image_height": 64},
    "low": {"image_height": 16},
    "signs": {"number": "12,50-3"},
    "gaps": {"number": "12 50", "signs": "gap"},
    "distorted": {"augment": ("rotate", "elastic", "wave", "blur"), "marks": 0.5},
    "classic": {"data_augmentation": True, "random_all": True},
}


def pipeline(bank, **values) -> Pipeline:
    settings = Settings(**{"amounts": (1, 8), "style": "pen", "image_width": 0, "split": "test", "masks": True} | (
        {"amounts": None} if "number" in values else {}) | values)  # fmt: skip
    return Pipeline(settings, PenBank(bank, load_strokes(bank), Scaling(settings.image_height)), 7)


@pytest.mark.parametrize("look", LOOKS)
def test_an_image_does_not_depend_on_those_that_are_made_with_it(look, test_split):
    maker = pipeline(test_split, **LOOKS[look])
    many = maker.batch(0, 40)
    for i in (0, 1, 17, 39):
        one = maker.batch(i, i + 1)
        used = one.width[0]
        assert used == many.width[i]
        assert np.array_equal(one.images[0, :, :used], many.images[i, :, :used])
        assert np.array_equal(one.masks[0, :, :used], many.masks[i, :, :used])
        assert np.array_equal(one.boxes[0], many.boxes[i])
        assert one.texts[0] == many.texts[i]


@pytest.mark.parametrize("look", ["pen", "fixed width", "narrow", "gray", "joined", "tall", "low", "signs", "gaps"])
def test_boxes_hold_all_ink_tightly_and_each_character_has_one(look, test_split):
    batch = pipeline(test_split, **LOOKS[look]).batch(0, 100)
    for image, used, boxes, classes in zip(batch.images, batch.width, batch.boxes, batch.classes):
        inside = np.zeros(image.shape, bool)
        for (x, y, w, h), number in zip(boxes, classes):
            assert (w > 0) == (h > 0) == (number >= 0)
            assert x >= 0 and y >= 0 and x + w <= used and y + h <= len(image)
            inside[y : y + h, x : x + w] = True
        assert not image[~inside].any()
        there = boxes[classes >= 0]
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert (rows[0], rows[-1] + 1) == (there[:, 1].min(), (there[:, 1] + there[:, 3]).max())
        assert (columns[0], columns[-1] + 1) == (there[:, 0].min(), (there[:, 0] + there[:, 2]).max())


@pytest.mark.parametrize("look", LOOKS)
def test_masks_are_the_ink_in_the_boxes(look, test_split):
    batch = pipeline(test_split, **LOOKS[look]).batch(0, 60)
    seen = 0
    for mask, boxes, classes in zip(batch.masks, batch.boxes, batch.classes):
        shown = boxes[classes >= 0]
        assert mask.max() <= len(shown)
        for k, (x, y, w, h) in enumerate(shown, 1):
            seen += (mask == k).any()
            outside = mask.copy()
            outside[y : y + h, x : x + w] = 0
            assert not (outside == k).any()
    assert seen >= 0.99 * (batch.classes >= 0).sum(), "a character may be hidden by others, but hardly ever is"


def test_marks_have_no_label_no_box_and_no_mask(test_split):
    """What is written outside the boxes is paper in the mask, and nearly every image has some of it."""
    batch, plain = (pipeline(test_split, marks=share).batch(0, 200) for share in (1.0, 0.0))
    assert batch.texts == plain.texts
    marked = 0
    for image, mask, boxes in zip(batch.images, batch.masks, batch.boxes):
        outside = np.ones(image.shape, bool)
        for x, y, w, h in boxes:
            outside[y : y + h, x : x + w] = False
        assert not mask[outside].any()
        marked += image[outside].any()
    assert marked >= 180


def test_the_share_of_strings_with_marks_is_that_asked_for(test_split):
    maker = pipeline(test_split, marks=0.4)
    unmarked = pipeline(test_split)
    ink, plain = (made.batch(0, 500) for made in (maker, unmarked))
    differ = [
        one.shape != other.shape or bool((one != other).any())
        for one, other in zip(_used(ink), _used(plain))
    ]  # fmt: skip
    assert 0.33 < np.mean(differ) < 0.47


def _used(batch):
    return [image[:, :width] for image, width in zip(batch.images, batch.width)]


def test_gaps_are_those_of_real_amounts(test_split):
    """Real amounts: gap over height p5 -0.24, median 0.08, p95 0.60; a third of the neighbours touch or overlap."""
    batch = pipeline(test_split, amounts=(3, 8), image_height=48).batch(0, 600)
    gaps, touching = [], []
    for image, boxes, classes in zip(batch.images, batch.boxes, batch.classes):
        shown = boxes[classes >= 0]
        height = np.median(shown[:, 3])
        gaps += ((shown[1:, 0] - shown[:-1, 0] - shown[:-1, 2]) / height).tolist()
        columns = image.any(axis=0)
        touching += [columns[left:right].all() for left, right in zip(shown[:-1, 0], shown[1:, 0] + 1)]
    low, middle, high = np.percentile(gaps, [5, 50, 95])
    assert -0.36 < low < -0.1
    assert 0.0 < middle < 0.16
    assert 0.4 < high < 0.75
    assert 0.2 < (np.array(gaps) <= 0).mean() < 0.5


def lean_of(batch) -> float:
    """The mean tangent of the lean to the right of all strings that are single characters."""
    found = []
    for image in _used(batch):
        y, x = np.nonzero(image > 127)
        found.append(-np.cov(x, y)[0, 1] / y.var())
    return float(np.mean(found))


UPRIGHT = "slant_jitter=0,own_slant=0,turn=0,aspect=1,flag=0,foot=0,gray=0"


def test_the_slant_that_is_pinned_is_seen(test_split):
    upright, right, left = (
        lean_of(pipeline(test_split, number="1", style=f"pen:slant={slant},{UPRIGHT}", image_height=64).batch(0, 60))
        for slant in (0, 0.4, -0.4)
    )
    assert right - upright == pytest.approx(0.4, abs=0.06)
    assert upright - left == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize("height", [28, 64])
def test_the_width_of_the_pen_is_that_asked_for(height, test_split):
    """Ink grows with the pen as strokes of one length do, and edges are a pixel wide at any height."""
    digit = height * 20 / 28
    ink = []
    for width in (0.06, 0.12):
        style = f"pen:width={width},roughness=0,darkness=1,gray=0,alike=0,size=1"
        maker = pipeline(test_split, number="0", style=style, image_height=height)
        batch = maker.batch(0, 80)
        ink.append(batch.images.sum(axis=(1, 2)) / 255)
        soft = ((batch.images > 0) & (batch.images < 255)).sum()
        assert soft / (batch.images > 0).sum() < 3 / (width * digit + 1)
    # pens of about a pixel lose some ink between the samples of a field
    assert ink[1].mean() / ink[0].mean() == pytest.approx(2, abs=0.15 if height > 28 else 0.3)


@pytest.mark.parametrize("height", [16, 48])
def test_a_thick_pen_leaves_the_paper_around_small_glyphs_blank(height, test_split):
    style = "pen:width=0.25,gray=0,roughness=0,size=0.2,size_jitter=0,turn=0,joined=0"
    boxes = pipeline(test_split, style=style, image_height=height).batch(0, 100).boxes
    digit = height * 20 / 28 * 0.2
    assert 0.5 * digit < boxes[..., 3].max() <= np.ceil(1.25 * digit) + 3


def test_a_larger_height_shows_the_same_strings_larger(test_split):
    small, large = (pipeline(test_split, image_height=height, marks=0.5).batch(0, 50) for height in (32, 96))
    assert small.texts == large.texts
    there = small.classes >= 0
    # a pixel of paper is left around the ink at any height
    assert (
        np.abs(large.boxes[there] / 3 - small.boxes[there]) < 0.06 * large.boxes[there].sum(axis=1)[:, None] / 3 + 2
    ).all()


def test_repeated_characters_are_often_the_same_glyph(test_split):
    same = []
    for alike in (0, 1):
        style = f"pen:alike={alike},size_jitter=0,turn=0,roughness=0,wander=0,slope=0,gap=0.4,touching=0,slant_jitter=0"
        batch = pipeline(test_split, number="55", style=style, image_height=48).batch(0, 60)
        wide = batch.boxes[:, :, 2]
        same.append((np.abs(wide[:, 0] - wide[:, 1]) <= 0.14 * wide.mean(axis=1)).mean())
    assert same[1] > same[0] + 0.25


def test_european_forms_add_ink_to_1_and_7_only(test_split):
    for digit, share in (("1", "flag"), ("7", "bar"), ("1", "foot"), ("3", "flag"), ("3", "bar")):
        without, with_it = (
            pipeline(test_split, number=digit, style=f"pen:flag=0,bar=0,foot=0,{share}={on}").batch(0, 40)
            for on in (0, 1)
        )
        changed = np.mean([a.shape != b.shape or (a != b).any() for a, b in zip(_used(without), _used(with_it))])
        assert changed == 0 if digit == "3" else changed > 0.8


def test_only_glyphs_of_the_share_are_written(test_split):
    """Splits of a run draw from disjoint shares of the glyphs, and so do those that write."""
    strokes = load_strokes(test_split)
    rows = []
    for low, high in ((0, 0.5), (0.5, 1)):
        bank = test_split.share(low, high)
        alphabet = PenAlphabet(bank, strokes)
        draws = np.random.default_rng(0).random((5000, 10))
        chosen = alphabet.choose(np.broadcast_to(np.arange(10), draws.shape), draws)
        assert set(strokes.start[chosen.ravel()]) <= set(bank.start)
        assert strokes.intact[chosen].all()
        of_class = {int(s): int(c) for s, c in zip(bank.start, bank.label)}
        assert [of_class[int(s)] for s in strokes.start[chosen[0]]] == list(range(10))
        rows.append(set(chosen.ravel().tolist()))
    assert not rows[0] & rows[1]


def test_signs_are_written_with_the_pen_and_labelled(test_split):
    batch = pipeline(test_split, number="1.250-", masks=True).batch(0, 40)
    assert set(batch.texts) == {"1.250-"}
    assert (batch.boxes[:, :, 2] > 0).all()
    dot, dash = batch.boxes[:, 1], batch.boxes[:, 5]
    assert (dot[:, 3] < 0.5 * batch.boxes[:, 2, 3]).mean() > 0.95
    assert (dash[:, 2] > dash[:, 3]).mean() > 0.8
    assert PenAlphabet(test_split.with_signs(), load_strokes(test_split)).counts[-1] == VARIANTS


def test_a_text_that_is_too_wide_is_written_smaller(test_split):
    wide, narrow = (
        pipeline(test_split, number="12345678", style="pen:size=1", image_width=w).batch(0, 50) for w in (0, 110)
    )
    assert narrow.images.shape[2] == 110
    assert narrow.boxes[:, :, 3].mean() < 0.95 * wide.boxes[:, :, 3].mean()
    with pytest.raises(SettingsError, match=r"image_width 40 is too narrow for 8 characters.*use at least \d+ pixels"):
        pipeline(test_split, number="12345678", image_width=40)


@pytest.mark.parametrize("figure", ["gap=3", "gap_jitter=1", "aspect=2", "slant=1"])
def test_images_are_as_wide_as_a_style_needs(figure, test_split):
    """Digits do not shrink to let long strings fit, where nothing says how wide images are."""
    style = f"pen:size=1,size_jitter=0,slope=0,wander=0,turn=0,joined=0,gray=0,alike=0,{figure}"
    one, many = (pipeline(test_split, number=text, style=style).batch(0, 200) for text in ("0", "0" * 10))
    assert many.boxes[:50, :, 3].mean() > 0.97 * one.boxes[..., 3].mean()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style": "pne"}, "style: unknown style 'pne'; did you mean pen?"),
        ({"style": "glyph:width=1"}, "style: glyph takes no parameters, got 'glyph:width=1'"),
        ({"style": "pen:widht=0.1"}, "style: pen has no parameter 'widht'; did you mean width?"),
        ({"style": "pen:width"}, "style: pen: width needs a value, such as width=1"),
        ({"style": "pen:width=9"}, "style: pen: width must be a number from 0.02 to 0.25 digit heights, or a pair"),
        ({"style": "pen:slant=0.2..0.1"}, "style: pen: slant must be a number from -1 to 1"),
        ({"style": "pen:slant=a~b"}, "style: pen: slant must be a number from -1 to 1"),
        ({"style": 3}, "style: unknown style 3"),
        ({"marks": 0.5}, "marks works with `style` pen only"),
        ({"style": "pen", "marks": 2}, "marks must be a number from 0 to 1, got 2"),
        ({"style": "pen", "min_spacing": 3}, "min_spacing is for `style` glyph, got style pen"),
        ({"style": "pen", "max_spacing": 30}, "max_spacing is for `style` glyph, got style pen"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(values, message):
    with pytest.raises(SettingsError) as error:
        Settings("1", **values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_styles_are_kept_as_texts_with_what_differs_from_the_defaults():
    assert Settings("1", style="pen:width=0.05..0.1,slant=-0.12~0.2").style == "pen:width=0.05..0.1"
    assert Settings("1", style=PenStyle(slant=0.1)).style == "pen:slant=0.1"
    assert Settings("1", style=" pen ").style == "pen"
    assert Settings("1").style == style_text("glyph") == "glyph"
    text = "pen:width=0.07~0.2,gray=0,gap=0.3,touching=0..0.1"
    assert style_text(parse_style(text)) == text


@pytest.mark.parametrize("format_name", ["png", "webdataset"])
def test_several_processes_make_the_same_bytes(format_name, run, tmp_path):
    words = ["--amounts", "--style", "pen", "--marks", "0.5", "-ih", "40", "-iw", "0", "--split", "test", "-s", "300"]
    for processes in (0, 3):
        flags = [*words, "--masks", "--seed", "5", "-m", processes, "--format", format_name, "-o", f"by{processes}"]
        done = run(*flags)
        assert done.returncode == 0, done.stderr
    first, second = (tree(tmp_path / f"by{processes}" / "amounts") for processes in (0, 3))
    for made in (first, second):
        made.pop("run.json")
    assert first == second


def test_the_record_has_the_style_and_another_one_is_a_difference(run, tmp_path):
    style = "pen:slant=0.1"
    assert run("-num", "12", "--style", style, "--split", "test", "-s", "3").returncode == 0
    recorded = json.loads((tmp_path / "output" / "12" / "run.json").read_text())["runs"][0]["settings"]
    assert recorded["style"] == style
    done = run("-num", "12", "--style", "pen", "--split", "test", "-s", "1")
    assert "style" in done.stderr


def test_python_makes_the_command_lines_images(run, tmp_path):
    assert run("-num", "350", "--style", "pen", "-s", "2", "--seed", "4", "--split", "test").returncode == 0
    generator = SequenceGenerator(Settings("350", style="pen", split="test"), seed=4)
    for index in range(2):
        assert np.array_equal(pixels(tmp_path / "output" / "350" / f"{index + 1}.png"), generator[index].image)


def test_the_style_over_rest_is_that_of_python(cache):
    pytest.importorskip("fastapi")
    client = pytest.importorskip("starlette.testclient").TestClient(
        __import__("digitseq.service", fromlist=["create_app"]).create_app()
    )
    with client:
        asked = {"style": "pen:slant=0.2", "marks": 0.5, "seed": 3, "split": "test", "image_width": 0}
        answer = client.get("/v1/sequences/1250.png", params=asked)
        assert answer.status_code == 200, answer.text
        expected = SequenceGenerator(
            Settings("1250", style="pen:slant=0.2", marks=0.5, split="test", image_width=0), seed=3
        )[0]

        found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(found, expected.image)
        assert client.get("/v1/sequences/1.png", params={"style": "pne"}).status_code == 422


def test_glyphs_of_a_bank_without_a_cache_are_written_too(test_split):
    bank = replace(test_split.share(0, 0.05), path=None)
    made = Pipeline(Settings("123", style="pen"), PenBank(bank, load_strokes(bank), Scaling(28)), 1).batch(0, 5)
    assert (made.boxes[:, :, 2] > 0).all()


def test_one_process_among_several_starts_no_threads(test_split):
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        pipeline(test_split).use_one_thread()
        assert cv2.getNumThreads() <= 1
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(("style", "most"), [("pen:gray=1", 0.06), ("pen:gray=0", 0.03), ("pen:gray=0,turn=-30", 0.1)])
def test_strings_are_not_cut_off_at_the_top_and_bottom(style, most, test_split):
    images = pipeline(test_split, style=style, image_height=48).batch(0, 300).images
    assert (images[:, [0, -1]] > 127).any(axis=(1, 2)).mean() <= most


def test_strings_with_labelled_signs_get_no_other_signs(test_split):
    maker = pipeline(test_split, number="12,50-", marks=1.0)
    rows = Rows.span(7, 0, 100)
    codes = maker.source.codes(rows)
    line = maker.renderer.lines.write(rows, codes, maker.renderer.classes(codes), False, False)
    added = line.ink.width[:, 6:] > 0
    assert line.ruled is not None
    assert (line.owner[added] >= 0).all()
    plain = pipeline(test_split, number="12500", marks=1.0).renderer.lines
    codes = np.tile([ord(c) for c in "12500"], (100, 1)).astype(np.uint32)
    line = plain.write(rows, codes, maker.renderer.classes(codes), False, False)
    assert ((line.ink.width[:, 5:] > 0) & (line.owner < 0)).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("width", [0, 2000])
def test_long_strings_keep_their_ink(width, test_split):
    """A base line that climbs by some degrees made strings of 200 digits so small that most of them had no ink."""
    batch = pipeline(test_split, number="0123456789" * 25, image_width=width, masks=False).batch(0, 40)
    assert (batch.boxes[batch.classes >= 0, 2:] > 0).all()
    assert np.median(batch.boxes[batch.classes >= 0, 3]) > 4


def test_a_character_without_a_line_is_refused(test_split, monkeypatch):
    """It was written as another character, or ended in a traceback."""
    bank = test_split.share(0, 0.01)
    strokes = load_strokes(test_split)
    some = np.isin(strokes.start, bank.start[bank.label != 7])
    without = replace(
        strokes, start=strokes.start[some], intact=strokes.intact[some], path=None,
        lines=type(strokes.lines)(*(np.concatenate([a[: len(some)][some], a[len(some) :]]) for a in strokes.lines)),
        base=np.concatenate([strokes.base[: len(some)][some], strokes.base[len(some) :]]),
    )  # fmt: skip
    pen = PenBank(bank, without, Scaling(28))
    with pytest.raises(SettingsError, match="has no glyph of '7'"):
        Pipeline(Settings(number="175", style="pen"), pen, 1)
    assert (Pipeline(Settings(number="185", style="pen"), pen, 1).batch(0, 9).boxes[..., 2] > 0).all()


@pytest.mark.parametrize("height", [16, 48])
def test_dots_and_dashes_of_ones_own_are_written(height, tmp_path):
    """Their lines run between the samples of a field, and were missed: a label without ink."""
    for character, ink in (("1", np.s_[14:15, 14:15]), ("-", np.s_[13:15, 7:21]), ("x", np.s_[12:15, 12:15])):
        picture = np.full((28, 28), 255, np.uint8)
        picture[ink] = 0
        (tmp_path / character).mkdir()
        Image.fromarray(picture).save(tmp_path / character / "0.png")
    bank = load_bank("train", str(tmp_path / "cache"), str(tmp_path))
    strokes = load_strokes(bank)
    settings = Settings(random_text=(1, 6), style="pen:gray=0", image_width=0, image_height=height)
    batch = Pipeline(settings, PenBank(bank, strokes, Scaling(height)), 1).batch(0, 200)
    assert (batch.boxes[batch.classes >= 0, 2:] > 0).all()
