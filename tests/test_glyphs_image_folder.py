"""Glyphs from a folder of pictures: every picture is its glyph, however it was stored."""

from __future__ import annotations

import json
import shutil
import warnings

import cv2
import numpy as np
import pytest
from support.folders import pixels, records

from digitseq.errors import DataError, DigitseqWarning, SettingsError
from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.image_folder import INK_SIDE, character_of
from digitseq.glyphs.loader import load_bank


def drawn(height: int = 60, width: int = 40) -> np.ndarray:
    """A white stroke with a bend on black, which is neither symmetric nor square."""
    picture = np.zeros((600, 400), np.uint8)
    points = np.array([[80, 60], [300, 120], [120, 500]], np.int32)
    cv2.polylines(picture, [points], False, 255, 50, cv2.LINE_AA)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def save(path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def ink(bank: GlyphBank, glyph: int = 0) -> np.ndarray:
    first = bank.start[glyph]
    return bank.columns[first : first + bank.width[glyph], bank.top[glyph] : bank.bottom[glyph]].T.astype(int)


@pytest.fixture
def load(tmp_path):
    """load(): the bank of the folder `glyphs`."""

    def call(split: str = "train", **options) -> GlyphBank:
        return load_bank(split, str(tmp_path / "cache"), str(tmp_path / "glyphs"), **options)

    return call


def alpha_of(gray: np.ndarray, ink_colour: int) -> np.ndarray:
    return np.dstack([np.full_like(gray, ink_colour)] * 3 + [gray])


STORED = {
    "gray": lambda gray: gray,
    "colour": lambda gray: np.dstack([gray, gray // 2, gray]),
    "16 bits": lambda gray: gray.astype(np.uint16) * 257,
    "dark on light": lambda gray: 255 - gray,
    "gray on gray": lambda gray: 90 + gray // 3,
    "white ink on transparent paper": lambda gray: alpha_of(gray, 255),
    "black ink on transparent paper": lambda gray: alpha_of(gray, 0),
}


@pytest.mark.filterwarnings("ignore::digitseq.errors.DigitseqWarning")
@pytest.mark.parametrize("stored", STORED)
def test_a_picture_gives_the_same_glyph_however_it_is_stored(load, tmp_path, stored):
    save(tmp_path / "glyphs" / "7" / "a.png", STORED[stored](drawn()))
    found = ink(load())
    shutil.rmtree(tmp_path / "glyphs")
    save(tmp_path / "glyphs" / "7" / "a.png", drawn())
    assert found.shape == ink(load()).shape
    assert abs(found - ink(load())).max() <= 8


@pytest.mark.parametrize("suffix", ["png", "jpg", "JPEG", "bmp"])
@pytest.mark.parametrize("size", [(600, 400), (60, 40), (30, 20), (18, 12)])
def test_every_size_and_file_type_gives_ink_as_high_as_mnists(load, tmp_path, suffix, size):
    save(tmp_path / "glyphs" / "7" / f"a.{suffix}", drawn(*size))
    found = ink(load())
    assert found.shape[0] == INK_SIDE and 8 <= found.shape[1] <= 14
    assert found.max() > 200
    reference = drawn()
    rows, columns = np.flatnonzero(reference.any(axis=1)), np.flatnonzero(reference.any(axis=0))
    reference = reference[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    reference = cv2.resize(reference, found.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("name, character", [("7", "7"), ("U+0041", "A"), ("0x41", "A"), ("u+3042", "あ"), ("é", "é"),
                                            ("10", None), ("U+0020", None), ("U+110000", None), ("", None)])  # fmt: skip
def test_a_folder_is_called_by_its_character_or_code_point(name, character):
    assert character_of(name) == character


def test_sequences_are_made_of_the_pictures_and_labelled_with_the_folders(run, tmp_path):
    for place, name in enumerate("2b"):
        save(tmp_path / "glyphs" / name / "1.png", np.rot90(drawn(), place))
    save(tmp_path / "glyphs" / "U+002D" / "1.png", np.pad(np.full((6, 30), 255, np.uint8), 20))
    done = run("-num", "2-b", "--dataset", "./glyphs")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "output" / "2-b"
    (record,) = records(folder)
    assert record["objects"]["categories"] == ["2", "-", "b"]
    x, y, w, h = record["objects"]["bbox"][1]
    assert json.loads((folder / "run.json").read_text())["runs"][0]["settings"]["dataset"] == str(tmp_path / "glyphs")
    assert run("-num", "2-b", "--dataset", "glyphs", "--seed", 1).stderr == ""
    assert w == INK_SIDE and h == 4 and pixels(folder / "1.png")[y : y + h, x : x + w].min() > 200


def test_a_folder_with_the_name_of_a_data_set_is_not_taken_for_it(refused, tmp_path):
    save(tmp_path / "mnist" / "x" / "1.png", drawn())
    assert "the text may have 0123456789" in refused("-num", "x", "--dataset", "mnist")
    assert "--dataset must be one of mnist, " in refused("-num", "x", "--dataset", "m" * 300)
    assert "or a folder of pictures or idx files, got 'letters.d'" in refused("-num", "x", "--dataset", "letters.d")


def test_train_and_test_folders_are_splits(load, tmp_path):
    for part, characters in (("train", "12"), ("test", "1")):
        for character in characters:
            save(tmp_path / "glyphs" / part / character / "a.png", drawn() // (1 + (part == "test")))
    assert [load(split).characters for split in ("train", "test", "all")] == ["12", "1", "12"]
    assert [len(load(split)) for split in ("train", "test", "all")] == [2, 1, 3]
    shutil.rmtree(tmp_path / "glyphs" / "test")
    with pytest.raises(
        DataError, match="no test pictures .*test/7/.*: add some, as `split` test and `split_ratio` need them"
    ):
        load("test")
    (tmp_path / "glyphs" / "train").rename(tmp_path / "glyphs" / "test")
    with pytest.raises(DataError, match="no train pictures .*; it has those of test: give `split` test"):
        load("train")


def test_without_them_all_pictures_are_training_glyphs(load, tmp_path):
    save(tmp_path / "glyphs" / "1" / "a.png", drawn())
    assert len(load("train")) == len(load("all")) == 1
    with pytest.raises(DataError, match="has no test pictures .*test/7/any-name.png.: add some"):
        load("test")


def test_a_changed_folder_is_noticed_and_an_unchanged_one_keeps_its_digest(load, tmp_path):
    folder = tmp_path / "glyphs" / "1"
    save(folder / "a.png", drawn())
    before = load()
    assert load().digest == before.digest
    (folder / "a.png").rename(folder / "b.png")
    assert load().digest == before.digest
    save(folder / "b.png", drawn() // 2 + 20)
    assert load().digest != before.digest
    save(folder / "c.png", drawn())
    assert len(load()) == 2


def test_the_order_of_the_bank_does_not_depend_on_the_names_of_files(load, tmp_path):
    save(tmp_path / "glyphs" / "1" / "a.png", drawn())
    save(tmp_path / "glyphs" / "1" / "b.png", np.rot90(drawn()))
    before = load().columns.copy()
    (tmp_path / "glyphs" / "1" / "a.png").rename(tmp_path / "glyphs" / "1" / "c.png")
    assert np.array_equal(load().columns, before)


def test_dark_on_light_is_said_once(load, tmp_path):
    save(tmp_path / "glyphs" / "1" / "a.png", 255 - drawn())
    save(tmp_path / "glyphs" / "1" / "b.png", drawn())
    with pytest.warns(DigitseqWarning, match="1 of 2 pictures in .* are dark on light") as caught:
        load()
    assert len(caught) == 1
    load()  # from the cache: pytest makes an error of a warning


def fault(tmp_path, name: str) -> None:
    path = tmp_path / "glyphs" / "1" / "a.png"
    save(path, drawn())
    if name == "blank":
        save(path, np.full((30, 30), 7, np.uint8))
    elif name == "cut off":
        path.write_bytes(path.read_bytes()[:40])
    elif name == "empty":
        path.write_bytes(b"")
    elif name == "text":
        path.write_text("no picture")
    elif name == "no character":
        save(tmp_path / "glyphs" / "ten" / "a.png", drawn())
    elif name == "unreadable":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    "name, message",
    [
        ("blank", "1/a.png is blank"),
        ("cut off", "1/a.png is not a picture that can be read"),
        ("empty", "1/a.png is not a picture that can be read"),
        ("text", "1/a.png is not a picture that can be read"),
        ("no character", "ten is no character: call a folder by one character, or by its code point, such as U+0041"),
        ("unreadable", "a.png"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_it(tmp_path, refused, name, message):
    fault(tmp_path, name)
    assert message in refused("-num", "1", "--dataset", "./glyphs")


def test_pictures_are_never_transposed(load, tmp_path):
    save(tmp_path / "glyphs" / "1" / "a.png", drawn())
    with pytest.raises(SettingsError, match="transpose is for idx files"):
        load(transpose=True)


def test_folders_without_pictures_are_refused(load, tmp_path):
    (tmp_path / "glyphs" / "1").mkdir(parents=True)
    with pytest.raises(DataError, match="has no pictures"):
        load()


def test_a_glyph_that_fills_its_picture_is_stored_as_most_others_are(load, tmp_path):
    full = np.zeros((40, 20), np.uint8)
    full[:, 4:18] = 255  # half of the border is ink
    save(tmp_path / "glyphs" / "1" / "full.png", full)
    for place in range(3):
        save(tmp_path / "glyphs" / "7" / f"{place}.png", np.rot90(drawn(), place))
    assert ink(load()).shape == (20, 7)
    with pytest.warns(DigitseqWarning, match="4 of 4"):
        for path in (tmp_path / "glyphs").glob("*/*.png"):
            save(path, 255 - cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        assert ink(load()).shape == (20, 7)


def test_noise_and_dust_on_the_paper_are_no_ink(tmp_path):
    """Photographs have both; the glyph is as large as that of a clean picture."""
    rng, clean = np.random.default_rng(3), np.full((200, 200), 225, np.uint8)
    cv2.putText(clean, "3", (60, 150), cv2.FONT_HERSHEY_SIMPLEX, 5, 30, 12, cv2.LINE_AA)
    shade = np.linspace(-15, 15, 200)
    noisy = clean + rng.normal(0, 6, clean.shape) + shade
    noisy[5:8, 190:193] = 40
    boxes = []
    for name, picture in (("clean", clean), ("noisy", noisy)):
        folder = tmp_path / name
        (folder / "3").mkdir(parents=True)
        cv2.imwrite(str(folder / "3" / "a.jpg"), picture.clip(0, 255).astype(np.uint8))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bank = load_bank("train", str(tmp_path / "cache"), str(folder))
        boxes.append([int(bank.width[0]), int(bank.top[0]), int(bank.bottom[0])])
    assert np.abs(np.subtract(*boxes)).max() <= 1
