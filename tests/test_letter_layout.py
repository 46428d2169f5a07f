"""Letters stand on one line in the sizes of a hand, and labels say what is drawn."""

from __future__ import annotations

import gzip
import json
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.folders import records
from support.idx_files import idx_bytes
from support.paths import ROOT

from digitseq import Pipeline, SequenceGenerator, Settings, SettingsError
from digitseq.glyphs.bank import GlyphBank, build_bank
from digitseq.glyphs.catalog import CAPITALS, DATA_SETS, DIGITS
from digitseq.glyphs.letter_cases import doubled
from digitseq.glyphs.letter_layout import ALIKE, Line, line_of
from digitseq.glyphs.loader import load_bank
from digitseq.glyphs.scaled_bank import ScaledBank, scaled_bank
from digitseq.glyphs.scaling import Scaling
from digitseq.glyphs.signs import pen_numbers
from digitseq.renderer.renderer_cache import bank_of
from digitseq.shell.cli import main

ALL = DATA_SETS["emnist-byclass"].characters
MERGED = DATA_SETS["emnist-bymerge"].characters
EMNIST = ROOT.parent / "shared" / "data" / "emnist"
ON_THE_LINE = CAPITALS + "abcdefhiklmnorstuvwxz"
SMALL, HANGING = "acemnorsuvwxz", "gpqyj"


def drawn(characters: str, each: int = 8, longest: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Ellipses as EMNIST would have them, the longer side always the same, and their classes."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(len(characters)), each)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    for image in images:
        sides = rng.permutation([longest, rng.integers(8, longest + 1)]) if rng.random() < 0.3 else (12, longest)
        cv2.ellipse(image, (14, 14), [int(side) // 2 - 1 for side in sides], 0, 0, 360, 255, 3)
    return images, labels


def emnist() -> tuple[np.ndarray, np.ndarray]:
    """The first glyphs of EMNIST's test set, upright."""
    if not EMNIST.is_dir():
        pytest.skip("needs EMNIST's files: run.py --download emnist-byclass")
    with gzip.open(EMNIST / "emnist-byclass-test-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(16 + 6000 * 784)[16:], np.uint8).reshape(-1, 28, 28).transpose(0, 2, 1)
    with gzip.open(EMNIST / "emnist-byclass-test-labels-idx1-ubyte.gz") as file:
        return images, np.frombuffer(file.read(8 + 6000)[8:], np.uint8).astype(int)


@pytest.fixture(scope="module", params=["drawn", "emnist"])
def raw(request) -> GlyphBank:
    images, labels = drawn(ALL) if request.param == "drawn" else emnist()
    return build_bank([np.ascontiguousarray(images)], labels, ALL, request.param)


def laid_out(bank: GlyphBank, height: int, share: float | None = None, signs: bool = False) -> GlyphBank:
    line = line_of(bank.characters, bank.class_start, bank.top, bank.bottom)
    made = scaled_bank(bank, Scaling(height, share, line))
    return made.with_signs() if signs else made


def rows(bank: GlyphBank, characters: str) -> tuple[np.ndarray, np.ndarray]:
    """Top and bottom of all glyphs of these characters."""
    among = np.isin(bank.label, [bank.characters.index(character) for character in characters])
    return bank.top[among].astype(int), bank.bottom[among].astype(int)


def folder(path: Path, characters: str) -> Path:
    path.mkdir()
    images, labels = drawn(characters)
    for split in ("train", "test"):
        (path / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(images if split == "train" else images[:, :, ::-1]))
        (path / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(labels.astype(np.uint8)))
    (path / "mapping.txt").write_text("".join(f"{i} {ord(c)}\n" for i, c in enumerate(characters)))
    return path


@pytest.fixture(scope="module")
def merged(tmp_path_factory) -> str:
    return str(folder(tmp_path_factory.mktemp("sets") / "merged", MERGED))


@pytest.fixture(scope="module")
def capitals(tmp_path_factory) -> str:
    return str(folder(tmp_path_factory.mktemp("sets") / "capitals", CAPITALS))


# --- where letters stand


def test_letters_have_one_base_line(raw):
    bank = laid_out(raw, 64)
    base = np.median(rows(bank, DIGITS)[1])
    for character in ON_THE_LINE:
        assert abs(np.median(rows(bank, character)[1]) - base) <= 2, character
    # ink that is too faint to be seen belongs to a glyph, and varies
    assert (np.abs(rows(bank, ON_THE_LINE)[1] - base) <= 2).mean() > 0.9


def test_small_letters_have_the_height_of_an_x(raw):
    bank = laid_out(raw, 64)
    heights = {kind: -np.subtract(*rows(bank, kind)) for kind in (CAPITALS, SMALL)}
    assert 0.5 < np.median(heights[SMALL]) / np.median(heights[CAPITALS]) < 0.7
    tallest = np.median(heights[CAPITALS])
    assert all(np.median(-np.subtract(*rows(bank, c))) > 0.9 * tallest for c in "bdhl")


@pytest.mark.parametrize("share", [None, 0.5])
def test_some_letters_hang_below_the_line(raw, share):
    bank = laid_out(raw, 64, share)
    base, capital = np.median(rows(bank, DIGITS)[1]), np.median(-np.subtract(*rows(bank, CAPITALS)))
    for character in HANGING:
        below = np.median(rows(bank, character)[1]) - base
        # EMNIST's glyphs leave little room in an image
        assert below >= min(0.2 * capital, 64 - base - 2) > 0, character
    tops = {kind: np.median(rows(bank, kind)[0]) for kind in ("gpqy", SMALL)}
    assert abs(tops["gpqy"] - tops[SMALL]) < 0.2 * capital


def test_digits_are_as_high_as_those_of_mnist_and_keep_their_distances_to_the_line(raw):
    mnist, line = load_bank("test"), line_of(ALL, raw.class_start, raw.top, raw.bottom)
    for height in (28, 64):
        bank, small = laid_out(raw, height), scaled_bank(mnist, Scaling(height))
        for edge, usual in zip(rows(bank, DIGITS), (small.top, small.bottom)):
            assert abs(np.median(edge) - np.median(usual)) <= 2 * height / 28
        for before, after in zip(rows(raw, DIGITS), rows(bank, DIGITS)):
            factor = 20 / line.height * height / 28
            apart = (after - np.median(after)) - (before - np.median(before)) * factor
            assert abs(np.median(apart)) <= 1 and np.quantile(abs(apart), 0.9) <= 1.5 * height / 28
        assert np.median(rows(bank, CAPITALS)[1]) >= np.median(rows(bank, DIGITS)[1]) - 1


@pytest.mark.parametrize("height", [28, 64])
def test_signs_get_pens_as_wide_as_the_strokes_beside_them(raw, height):
    line = line_of(ALL, raw.class_start, raw.top, raw.bottom)
    lazy, bank = ScaledBank(raw, Scaling(height, None, line)), laid_out(raw, height)
    order = np.argsort(bank.start)
    measured = np.empty(len(bank), int)
    measured[order] = pen_numbers(bank.columns, bank.start[order], bank.width[order])
    for kind in (DIGITS, CAPITALS, SMALL):
        some = np.isin(bank.label, [ALL.index(c) for c in kind])
        # reduced glyphs get more contrast, which makes strokes wider by a tenth or two: about one pen
        assert abs(np.mean(measured[some] - lazy.pen[some].astype(int))) < 1.5, kind


def test_strokes_of_small_letters_are_as_dark(raw):
    bank = laid_out(raw, 28)
    darkest = np.array([bank.columns[s : s + w].max() for s, w in zip(bank.start, bank.width)])
    small = np.isin(bank.label, [ALL.index(c) for c in SMALL])
    assert np.median(darkest[small]) >= 0.95 * np.median(darkest[~small])


@pytest.mark.parametrize("height", [16, 28, 64])
@pytest.mark.parametrize("share", [0.2, 1])
def test_all_ink_is_inside(raw, height, share):
    bank = laid_out(raw, height, share)
    assert len(bank) == len(raw)
    assert (bank.top < bank.bottom).all() and bank.bottom.max() <= height
    letter = [np.median(-np.subtract(*rows(bank, kind))) for kind in (SMALL, CAPITALS)]
    assert letter[0] < 0.8 * letter[1]
    estimated = ScaledBank(raw, Scaling(height, share, line_of(ALL, raw.class_start, raw.top, raw.bottom)))
    assert (bank.bottom.astype(int) - bank.top).max() <= estimated.tallest
    assert bank.width.max() <= estimated.widest
    if share < 1:  # otherwise some digits are made to fit the image
        assert np.abs(estimated.width - bank.width.astype(int)).max() <= 3


def test_signs_stand_on_the_same_line(raw):
    bank = laid_out(raw, 64, 0.5, signs=True)
    dot, comma, base = (np.median(rows(bank, kind)[1]) for kind in (".", ",", DIGITS))
    assert abs(dot - base) <= 4  # half a pen
    assert comma > dot


@pytest.mark.parametrize("height", [28, 40])
def test_glyphs_are_the_same_when_they_are_scaled_as_they_are_used(raw, height):
    scaling = Scaling(height, None, line_of(ALL, raw.class_start, raw.top, raw.bottom))
    built, lazy = ScaledBank(raw, scaling, scaled_bank(raw, scaling)), ScaledBank(raw, scaling)
    for one, other in ((lazy, built), (lazy.share(0.4, 1).with_signs(), built.share(0.4, 1).with_signs())):
        glyph = np.random.default_rng(4).integers(0, len(one), (9, 3))
        first, second = one.pick(glyph), other.pick(glyph)
        assert all(np.array_equal(a, b) for a, b in zip(first[2:], second[2:]))
        for a, b, w in zip(first.start.ravel(), second.start.ravel(), first.width.ravel()):
            assert np.array_equal(first.columns[a : a + w], second.columns[b : b + w])


def test_what_has_no_digits_stands_as_its_tall_letters_do():
    def line(characters: str) -> Line | None:
        number = np.arange(len(characters))
        return line_of(characters, np.arange(len(characters) + 1), 3 + number, np.full(len(number), 25))

    assert line("xA") == Line(4, 25)
    assert line("ax") == Line(4, 24)
    assert line("0a") == Line(3, 25)
    assert line_of("0a", np.array([0, 2, 2]), np.array([13, 14]), np.array([14, 15])) == Line(14, 15)
    assert line("09") is line("äを-") is None


# --- what is left alone


@pytest.mark.parametrize("size", [{}, {"image_height": 40}])
def test_a_set_of_digits_has_no_layout(size):
    banks = [
        bank_of(Settings("1", letter_layout=layout, split="test", **size), None, False) for layout in ("on", "off")
    ]
    assert type(banks[0]) is type(banks[1]) and banks[0].digest == banks[1].digest


def test_off_leaves_the_glyphs_as_they_are(merged):
    settings = Settings("Tokyo", dataset=merged, letter_layout="off", image_width=0, min_spacing=2)
    base = load_bank("train", None, merged)
    assert isinstance(bank_of(settings), GlyphBank) and bank_of(settings).digest == base.digest
    batch = SequenceGenerator(settings, 1).batch(0, 20)
    assert set(batch.texts) == {"Tokyo"}
    assert_crops(batch.images, batch.boxes, [[base.characters.index(c) for c in "TOKYO"]] * 20, base)


# --- what labels say


def assert_crops(images, boxes, classes, bank) -> None:
    """Every character in its box is a glyph of its class."""
    for image, places, numbers in zip(images, boxes, classes):
        for (x, _, w, _), number in zip(places, numbers):
            glyphs = range(bank.class_start[number], bank.class_start[number + 1])
            crop = image[:, x : x + w].T
            assert any(np.array_equal(crop, bank.columns[bank.start[g] :][: bank.width[g]]) for g in glyphs)


@pytest.mark.parametrize("height", [28, 50])
def test_a_merged_class_is_written_in_both_cases(merged, height):
    settings = Settings("TokyoCOocPp-", dataset=merged, image_width=0, min_spacing=2, image_height=height)
    generator = SequenceGenerator(settings, 1)
    batch = generator.batch(0, 30)
    assert set(batch.texts) == {"TokyoCOocPp-"}
    assert {"".join(generator.characters[c] for c in row) for row in batch.targets} == {"TokyoCOocPp-"}
    assert generator.characters.startswith(MERGED + ALIKE)
    assert_crops(batch.images, batch.boxes, batch.targets, generator._pipeline.bank.built)
    tall = np.median(batch.boxes[:, :, 3], axis=0)
    small, large = tall[[1, 4, 7, 8]], tall[[5, 6, 9]]
    assert small.max() < 0.75 * large.min()


def test_random_texts_are_of_the_classes_that_the_set_has(merged):
    generator = SequenceGenerator(Settings(random_text=(2, 8), dataset=merged, image_width=0), 1)
    assert generator.characters == MERGED
    assert set("".join(generator.batch(0, 400).texts)) == set(MERGED)


@pytest.mark.parametrize(("case", "label"), [("as_given", "CApE"), ("upper", "CAPE"), ("lower", "cape")])
def test_a_letter_of_another_shape_has_the_label_of_its_class(capitals, case, label):
    """Whether a glyph of the class A is an a, nobody knows."""
    settings = Settings("Cape", dataset=capitals, label_case=case)
    assert SequenceGenerator(settings, 1).batch(0, 3).texts == [label] * 3
    assert SequenceGenerator(replace(settings, letter_layout="off"), 1)[0].text == {"CApE": "Cape"}.get(label, label)


def test_unique_texts_are_not_labelled_alike(capitals):
    with pytest.raises(SettingsError, match="unique goes with letters that .* has: its labels have 'A' for 'a', too"):
        SequenceGenerator(Settings(pattern="[aA]{2}", unique=True, dataset=capitals), 1, size=2)
    texts = SequenceGenerator(Settings(pattern="[oO]{2}", unique=True, dataset=capitals), 1, size=4).batch(0, 4).texts
    assert len(set(texts)) == 4


def test_small_letters_stand_for_capitals_too():
    bank = doubled(build_bank([drawn("cap1")[0]], drawn("cap1")[1], "cap1", "x"))
    assert bank.characters == "cap1"
    assert bank.with_cases().characters == "cap1CP"
    assert doubled(bank) is bank


def test_a_share_has_the_same_glyphs_of_both_cases(merged):
    whole = doubled(load_bank("train", None, merged))
    one, other = (
        share.with_cases() for share in (whole.share(0, 0.5), pickle.loads(pickle.dumps(whole.share(0.5, 1))))
    )

    def glyphs(bank: GlyphBank, character: str) -> set[int]:
        number = bank.characters.index(character)
        return set(bank.start[bank.class_start[number] : bank.class_start[number + 1]].tolist())

    for letter in ALIKE:
        assert glyphs(one, letter) == glyphs(one, letter.upper())
        assert glyphs(one, letter).isdisjoint(glyphs(other, letter))
        assert glyphs(one, letter) | glyphs(other, letter) == glyphs(whole.with_cases(), letter)


def test_workers_and_the_service_make_the_same(merged):
    settings = Settings("Yoga-x", dataset=merged, image_width=0, augment="light")
    pipeline = Pipeline(settings, bank_of(settings), 3)
    lazy = Pipeline(settings, bank_of(settings, None, False), 3)
    for other in (pickle.loads(pickle.dumps(pipeline)), lazy):
        assert np.array_equal(pipeline.batch(0, 5).images, other.batch(0, 5).images)


def test_masks_have_every_letter(merged):
    batch = SequenceGenerator(Settings("jumpy", dataset=merged, image_width=0, min_spacing=1, masks=True), 1).batch(
        0, 9
    )
    assert all(set(np.unique(mask)) == set(range(6)) for mask in batch.masks)


def test_all_label_formats_agree(merged, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ["-num", "Zooky9", "--dataset", merged, "-s", "6", "--seed", "1", "--quiet"]
    assert main([*common, "--labels", "jsonl", "coco", "yolo", "--split_ratio", "0.5", "0", "0.5"]) == 0
    top = tmp_path / "output" / "Zooky9"
    for part in ("train", "test"):
        assert len(records(top / part)) == 3
        assert all("".join(r["objects"]["categories"]) == r["text"] == "Zooky9" for r in records(top / part))
        coco = json.loads((top / part / "annotations.json").read_text())
        names = {row["id"]: row["name"] for row in coco["categories"]}
        assert "".join(names.values()) == MERGED + ALIKE
        assert "".join(names[row["category_id"]] for row in coco["annotations"]) == "Zooky9" * 3
        lines = (top / part / "2.txt").read_text().splitlines()
        assert "".join(names[int(line.split()[0]) + 1] for line in lines) == "Zooky9"
        assert main(["--inspect", str(top / part), "--quiet"]) == 0
