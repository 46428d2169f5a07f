"""Texts out of the classes of another data set: the right glyphs, the right labels, in every way of use."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.folders import assert_consistent, contents, pixels, records
from support.idx_files import idx_bytes

from digitseq import Pipeline, Settings, generate_numbers_sequence
from digitseq.errors import SettingsError
from digitseq.glyphs import DATA_SETS
from digitseq.renderer.renderer_cache import bank_of

MERGED = DATA_SETS["emnist-balanced"].characters
SHADE = 40  # of class 0; class c is drawn as a block of shade SHADE + 4c


def made(folder: Path, characters: str = MERGED, each: int = 6, left_out: str = "") -> Path:
    """A data set in which the shade of a glyph tells its class."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.repeat(np.array([i for i, c in enumerate(characters) if c not in left_out], np.uint8), each)
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 4:24, 8:14] = (SHADE + 4 * labels)[:, None, None]
    for split in ("train", "test"):
        images[:, 25, 9] = 250 if split == "test" else 251
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    (folder / "mapping.txt").write_text("".join(f"{i} {ord(c)}\n" for i, c in enumerate(characters)))
    return folder


@pytest.fixture
def letters(tmp_path) -> Path:
    return made(tmp_path / "letters")


def shown(image: np.ndarray, boxes: np.ndarray) -> str:
    """What the image says, by the shades in the boxes."""
    return "".join(MERGED[(int(image[y + 5, x + 2]) - SHADE) // 4] for x, y, w, h in boxes if w)


def folded(text: str) -> str:
    return "".join(c if c in MERGED else c.swapcase() for c in text)


def batch_of(settings: Settings, count: int = 20):
    """Of letters as they are in the files: a layout changes their shades."""
    settings = replace(settings, letter_layout="off")
    return Pipeline(settings, bank_of(settings), 3).batch(0, count)


@pytest.mark.parametrize("case", ["as_given", "upper", "lower"])
def test_the_image_shows_the_class_and_the_label_keeps_the_text(letters, case):
    text = "Tokyo2026"
    batch = batch_of(Settings(text, dataset=str(letters), label_case=case, image_width=0))
    labelled = {"as_given": text, "upper": text.upper(), "lower": text.lower()}[case]
    assert batch.texts == [labelled] * 20
    for image, boxes in zip(batch.images, batch.boxes):
        assert shown(image, boxes) == folded(text) == "TOKYO2026"


def test_where_both_cases_are_there_each_is_its_own(letters):
    batch = batch_of(Settings("aAbBnN", dataset=str(letters), image_width=0), 5)
    assert {shown(image, boxes) for image, boxes in zip(batch.images, batch.boxes)} == {"aAbBnN"}


def test_random_texts_are_of_the_whole_alphabet(letters):
    settings = Settings(random_text=(2, 9), dataset=str(letters), image_width=0)
    batch = batch_of(settings, 600)
    counts = {c: sum(text.count(c) for text in batch.texts) for c in MERGED}
    assert set("".join(batch.texts)) == set(MERGED)
    assert min(counts.values()) > 0.5 * np.mean(list(counts.values()))
    assert {len(text) for text in batch.texts} == set(range(2, 10))
    for text, image, boxes in zip(batch.texts[:50], batch.images, batch.boxes):
        assert shown(image, boxes) == text


def test_patterns_are_of_the_whole_alphabet(letters):
    batch = batch_of(Settings(pattern=r"\w{4}[x-z]", dataset=str(letters), image_width=0), 600)
    assert {c for text in batch.texts for c in text[:4]} == set(MERGED)
    for text, image, boxes in zip(batch.texts[:50], batch.images, batch.boxes):
        assert shown(image, boxes) == folded(text)


def test_words_of_a_file(letters, tmp_path):
    (tmp_path / "words.txt").write_text("Kyoto\nosaka\nNARA\n")
    batch = batch_of(Settings(numbers_file=str(tmp_path / "words.txt"), dataset=str(letters)), 4)
    assert batch.texts == ["Kyoto", "osaka", "NARA", "Kyoto"]


# --- what is refused


@pytest.mark.parametrize(
    ("character", "names"),
    [("x", "emnist-byclass, emnist-bymerge, emnist-balanced, emnist-letters"), ("を", "kmnist"), ("あ", "")],
)
def test_a_character_that_the_set_lacks_is_named_with_the_sets_that_have_it(character, names):
    with pytest.raises(SettingsError) as caught:
        batch_of(Settings("1" + character))
    hint = f"; it is in {names} (`dataset`)" if names else ""
    assert str(caught.value).endswith(f"got {character!r} (U+{ord(character):04X}) as character 2{hint}")


def test_a_class_without_a_glyph_is_refused(tmp_path):
    folder = made(tmp_path / "set", left_out="Q")
    settings = Settings("AQ", dataset=str(folder))
    with pytest.raises(SettingsError, match="split train of .* has no glyph of 'Q'"):
        Pipeline(settings, bank_of(settings), 1)
    assert batch_of(Settings("AP", dataset=str(folder)), 1).texts == ["AP"]


def test_unique_texts_cannot_be_made_alike(letters):
    with pytest.raises(SettingsError, match="unique goes with `label_case` as_given"):
        Settings(random_text=(2, 3), unique=True, label_case="upper", dataset=str(letters))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-num", "1", "--dataset", "nope"], "dataset must be one of mnist, emnist-byclass"),
        (["-num", "1", "--dataset", "./nope"], "dataset ./nope is not a folder"),
        (["-num", "1", "--dataset", ""], "dataset must be a path"),
        (["-num", "1", "--transpose"], "transpose is for folders of your own"),
        (
            ["-num", "1", "--dataset", "emnist-letters"],
            "--download emnist-letters, or fetch",
        ),
        (["--random_text", "5", "3"], "random_text takes the smallest length first"),
        (["--random_text", "0", "3"], "random_text must be a whole number from 1 to 255 for each of min, max"),
        (["--download", "nope"], "download must be one of mnist"),
        (["-num", "a", "--label_case", "title"], "label_case must be one of as_given, upper, lower"),
    ],
)
def test_the_command_line_refuses_in_one_line(refused, arguments, message):
    assert message in refused(*arguments)


# --- ways of use


def test_a_run_and_its_labels(run, letters, tmp_path):
    common = ("-num", "Zoom9", "--dataset", letters, "--letter_layout", "off", "-s", 7, "--seed", 1)
    done = run(*common, "--labels", "jsonl", "coco", "yolo", "txt")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "output" / "Zoom9"
    assert assert_consistent(folder) == list(range(1, 8))
    coco = json.loads((folder / "annotations.json").read_text())
    names = yaml.safe_load((folder / "data.yaml").read_text())["names"]
    assert "".join(str(names[i]) for i in range(47)) == "".join(c["name"] for c in coco["categories"]) == MERGED
    for record in records(folder):
        assert record["text"] == "Zoom9" == "".join(record["objects"]["categories"])
        number = int(record["file_name"].removesuffix(".png"))
        image = pixels(folder / record["file_name"])
        assert shown(image, np.array(record["objects"]["bbox"])) == "ZOOM9"
        ids = [a["category_id"] for a in coco["annotations"] if a["image_id"] == number]
        lines = (folder / f"{number}.txt").read_text().splitlines()
        assert ids == [MERGED.index(c) + 1 for c in "ZOOM9"]
        assert [int(line.split()[0]) for line in lines] == [i - 1 for i in ids]
    recorded = json.loads((folder / "run.json").read_text())["runs"][0]
    assert recorded["dataset"]["name"] == recorded["settings"]["dataset"] == str(letters)
    assert len(recorded["dataset"]["sha256"]) == 64


def test_processes_make_the_same(run, letters, tmp_path):
    for processes in (0, 2):
        common = ("--pattern", "[A-Cko-z0-9-]{1,5}", "--name", "some", "--dataset", letters, "-s", 60, "--seed", 1)
        done = run(*common, "-m", processes, "-o", f"out{processes}", "-da")
        assert done.returncode == 0, done.stderr
    first, second = (contents(tmp_path / f"out{n}" / "some") for n in (0, 2))
    assert first == second


def test_parts_have_glyphs_of_their_own(run, letters, tmp_path):
    common = ("--random_text", 2, 4, "--dataset", letters, "--letter_layout", "off", "-s", 40)
    done = run(*common, "--split_ratio", 0.5, 0.25, 0.25)
    assert done.returncode == 0, done.stderr
    top = tmp_path / "output" / "random-text"
    for part, count, mark in (("train", 20, 251), ("val", 10, 251), ("test", 10, 250)):
        listed = records(top / part)
        assert len(listed) == count
        for record in listed:
            image = pixels(top / part / record["file_name"])
            assert shown(image, np.array(record["objects"]["bbox"])) == record["text"]
            assert image.max() == mark


def test_a_run_is_resumed_with_the_same_data_only(run, letters, tmp_path):
    common = ("-num", "Ab1", "--dataset", letters, "-s", 5, "--seed", 1)
    assert run(*common).returncode == 0
    assert "already complete" in run(*common, "--resume").stdout
    other = made(tmp_path / "other")
    refused = run(*common[:3], other, *common[4:], "--resume")
    assert (refused.returncode, "its dataset is" in refused.stderr) == (2, True)
    made(letters, each=5)
    refused = run(*common, "--resume")
    assert refused.returncode == 2
    assert "its data is" in refused.stderr


def test_python_takes_a_data_set(letters):
    image = generate_numbers_sequence("Hi2", (0, 4), 60, dataset=str(letters))
    assert image.shape == (28, 60)
    with pytest.raises(SettingsError, match="あ"):
        generate_numbers_sequence("あ", (0, 4), 60, dataset=str(letters))


def test_shards_have_the_characters_as_categories(run, letters, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run("-num", "Zoom9", "--dataset", letters, "-s", 3, "--format", "parquet", "--label_case", "upper")
    rows = parquet.read_table(next((tmp_path / "output" / "Zoom9").glob("*.parquet"))).to_pylist()
    assert [row["text"] for row in rows] == ["ZOOM9"] * 3
    assert [row["objects"]["categories"] for row in rows] == [list("ZOOM9")] * 3
