"""Drawn signs: where a hand puts them, as heavy as their neighbours, with a box, a class and a label."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from support.folders import pixels, records

from digitseq import Pipeline, Settings, SettingsError
from digitseq.generator import SequenceGenerator
from digitseq.glyphs.bank import build_bank
from digitseq.glyphs.signs import PENS, SIZE, VARIANTS, pen_numbers, sign_glyphs
from digitseq.glyphs.strokes import SIGNS, inked, sign_distances


def extent(sign: str, height: int = 28) -> tuple[float, float]:
    """The mean first and last inked row of a sign, drawn with a pen of middle width."""
    rows = inked(sign_distances(sign, VARIANTS, height), 2.5 * height / 28).any(axis=2)
    return rows.argmax(axis=1).mean(), height - 1 - rows[:, ::-1].argmax(axis=1).mean()


def test_signs_stand_where_a_hand_puts_them():
    # digits reach from row 4 to row 23
    for sign in "()/":
        assert extent(sign)[0] <= 5 and extent(sign)[1] >= 23
    for sign in ".,":
        assert extent(sign)[0] >= 19
    assert extent(",")[1] > extent(".")[1]
    for sign in "-+=":
        assert abs(sum(extent(sign)) / 2 - 14.5) < 1.5
    assert extent("*")[1] < 18


@pytest.mark.parametrize("sign", SIGNS)
def test_all_variants_have_ink_within_the_image_and_differ(sign):
    glyphs = sign_glyphs(sign, 28)
    assert glyphs.shape[:2] == (SIZE, 28)
    assert glyphs.any(axis=(1, 2)).all()
    assert not glyphs[:, :, 0].any() and not glyphs[:, :, -1].any()  # nothing is cut off at the sides
    assert len(np.unique(glyphs[:VARIANTS].reshape(VARIANTS, -1), axis=0)) == VARIANTS


@pytest.mark.parametrize("sign", SIGNS)
def test_a_wider_pen_leaves_more_ink(sign):
    ink = sign_glyphs(sign, 28).reshape(len(PENS), VARIANTS, -1).sum(axis=2, dtype=np.int64)
    assert (np.diff(ink, axis=0) > 0).all()


@pytest.mark.parametrize("height", [16, 56, 112])
def test_signs_look_alike_at_every_height(height):
    for sign in SIGNS:
        for small, large in zip(extent(sign), extent(sign, height)):
            assert abs((small + 0.5) / 28 - (large + 0.5) / height) < 0.05


def test_the_pen_of_a_line_is_its_width():
    images = np.zeros((5, 28, 28), np.uint8)
    for place, width in enumerate((1, 2, 3, 4, 6)):
        images[place, 4:24, 10 : 10 + width] = 255
    bank = build_bank([images], np.zeros(5, np.int64), "1", "")
    assert np.abs(PENS[bank.pen] / [1.2, 2, 3, 4, 6] - 1.05).max() < 0.15
    assert (np.diff(bank.pen) > 0).all()


def test_the_bank_has_the_signs_as_further_classes_and_the_same_glyphs(train):
    signed = train.with_signs()
    assert signed.characters == train.characters + "".join(SIGNS)
    assert np.array_equal(signed.start[: len(train)], train.start)
    assert (np.diff(signed.class_start)[10:] == SIZE).all()
    assert signed.bare().characters == train.characters
    assert signed.columns is train.columns or np.shares_memory(signed.columns, train.columns)


def test_a_share_of_a_bank_with_signs_is_that_of_the_bank_without(train):
    one, other = train.with_signs().share(0.2, 0.5).with_signs(), train.share(0.2, 0.5).with_signs()
    assert (one.digest, one.signs) == (other.digest, other.signs)
    assert np.array_equal(one.class_start, other.class_start) and np.array_equal(one.start, other.start)
    assert (np.diff(one.class_start)[10:] == SIZE).all()


def test_a_bank_with_signs_pickles_as_its_path(train):
    data = pickle.dumps(train.with_signs())
    assert len(data) < 1000
    assert pickle.loads(data).characters == train.with_signs().characters
    share = pickle.loads(pickle.dumps(train.share(0.2, 0.5).with_signs()))
    assert (np.diff(share.class_start)[10:] == SIZE).all()


def test_a_sign_of_the_data_set_itself_is_not_drawn():
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 10:14, 5:20] = 255
    bank = build_bank([images], np.array([0, 1]), "1-", "")
    assert bank.with_signs().characters == "1-" + "".join(SIGNS).replace("-", "")


def test_a_drawn_sign_has_a_box_around_its_ink_a_class_and_its_place_in_the_label(run, tmp_path):
    assert run("-num", "10-20", "-s", 20, "-min", 2, "--labels", "jsonl", "coco", "yolo", "txt").returncode == 0
    folder = tmp_path / "output" / "10-20"
    for row in records(folder):
        assert row["text"] == "10-20" and row["objects"]["categories"] == list("10-20")
        x, y, w, h = row["objects"]["bbox"][2]
        image = pixels(folder / row["file_name"])
        column = np.flatnonzero(image[:, x : x + w].any(axis=1))
        assert (column[0], column[-1]) == (y, y + h - 1)
        assert not image[:, x - 1].any() and not image[:, x + w].any()
        assert 8 < y < 18 and h <= 9
    coco = json.loads((folder / "annotations.json").read_text())
    assert [c["name"] for c in coco["categories"]][:11] == [*"0123456789-"]


@pytest.mark.parametrize("text", ["-1", "1 - 1", "1-", "(1)", "#*1"])
def test_signs_may_stand_anywhere(train, text):
    batch = Pipeline(Settings(text, image_width=0), train, 3).batch(0, 8)
    shown = [c != " " for c in text]
    assert ((batch.boxes[:, :, 2] > 0) == shown).all()
    assert batch.texts == [text] * 8


def test_the_pen_is_that_of_the_neighbour(train):
    """Ink of a dash per column is about the pen's width: the same order as that of the digit before it."""
    batch = Pipeline(Settings("1-1", min_spacing=3, max_spacing=3), train, 1).batch(0, 400)
    pens, dashes = [], []
    for image, (digit, dash, _) in zip(batch.images, batch.boxes):
        ink = [image[y : y + h, x : x + w] for x, y, w, h in (digit, dash)]
        columns = np.ascontiguousarray(np.pad(ink[0], ((2, 2), (0, 0))).T)
        pens.append(pen_numbers(columns, np.array([0]), np.array([len(columns)], np.uint8))[0])
        dashes.append(ink[1].max(axis=0).astype(float).size and ink[1].sum() / 255 / ink[1].shape[1])
    assert np.corrcoef(pens, dashes)[0, 1] > 0.9


def test_signs_are_different_each_time_and_the_same_for_one_seed(train):
    def dashes(seed: int) -> list[bytes]:
        batch = Pipeline(Settings("1-1"), train, seed).batch(0, 60)
        return [image[:, x : x + w].tobytes() for image, (x, _, w, _) in zip(batch.images, batch.boxes[:, 1])]

    assert len(set(dashes(1))) > 50
    assert dashes(1) == dashes(1) != dashes(2)


def test_images_without_signs_do_not_change_and_have_no_classes_of_signs():
    plain = SequenceGenerator(Settings("12"), seed=1)
    assert plain.characters == "0123456789"
    assert SequenceGenerator(Settings("1-2"), seed=1).characters == "0123456789" + "".join(SIGNS)


@pytest.mark.parametrize("augment", ["light", "heavy", ("rotate:angle=40", "wave")])
def test_every_distortion_applies_to_signs(train, augment):
    batch = Pipeline(Settings("10+20=30", image_width=0, augment=augment), train, 1).batch(0, 40)
    assert (batch.boxes[:, :, 2] > 0).all()


def test_gaps_are_left_and_dropped_from_labels_unless_they_are_kept(run, tmp_path):
    for keep, text in (("drop", "1020"), ("keep", "10-20")):
        done = run("-num", "10-20", "--signs", "gap", "--gap_labels", keep, "-o", keep,
                   "--labels", "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")  # fmt: skip
        assert done.returncode == 0, done.stderr
        folder = tmp_path / keep / "10-20"
        (row,) = records(folder)
        assert row["text"] == text and row["objects"]["categories"] == list("1020")
        assert (folder / "gt.txt").read_text() == f"1.png\t{text}\n"
        assert (folder / "1.gt.txt").read_text() == f"{text}\n"
        assert run("--inspect", folder, "--quiet").returncode == 0


@pytest.mark.parametrize("format", ["webdataset", "parquet", "npz", "lmdb"])
def test_dropped_signs_are_in_no_format(run, tmp_path, format):
    pytest.importorskip({"parquet": "pyarrow", "lmdb": "lmdb"}.get(format, "numpy"))
    from digitseq.inspection.data_set import inspect

    assert run("-num", "10-20", "--signs", "gap", "--format", format, "-s", 3).returncode == 0
    (section,) = inspect(tmp_path / "output" / "10-20").sections
    assert section.findings.lengths == {4: 3} and section.findings.problems == {}


def test_targets_have_no_dropped_signs():
    made = SequenceGenerator(Settings("10-2", signs="gap"), seed=1).batch(0, 2)
    assert made.texts == ["102"] * 2 and made.lengths.tolist() == [3, 3]
    assert made.targets[0, :3].tolist() == [1, 0, 2]


def test_signs_in_other_settings(refused):
    assert "--signs draw allows it" in refused("-num", "1-2", "--signs", "refuse")
    assert "--signs gap leaves a gap for it" in refused("-num", "1@2")
    assert "--gap_labels keep works with --signs gap only" in refused("-num", "1", "--gap_labels", "keep")
    with pytest.raises(SettingsError, match="`unique` goes with `gap_labels` keep"):
        Settings(pattern="[0-9]-[0-9]", unique=True, signs="gap")


def test_glyphs_without_ink_have_no_pen():
    images = np.zeros((4, 28, 28), np.uint8)
    images[1, 4:24, 10:13] = 255
    bank = build_bank([images], np.array([0, 0, 1, 1]), "12", "")
    assert len(bank) == len(bank.pen) == 1
    assert bank.with_signs().characters == "12" + "".join(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
def test_no_sign_is_cut_off_at_the_edge_of_the_image(sign):
    glyphs = sign_glyphs(sign, 28).reshape(len(PENS), VARIANTS, 28, -1)
    everywhere = sign_distances(sign, VARIANTS, 28, margin=28)
    for pen, made in zip(PENS, glyphs):
        rows = inked(everywhere, pen).any(axis=2).sum(axis=1)
        assert (made.any(axis=2).sum(axis=1) == np.minimum(rows, 28)).all()
