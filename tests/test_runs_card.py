"""The data-set card: what it says is true, Hugging Face's `datasets` reads it, and files of the user's own stay."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from support.cases import first
from support.folders import assert_nothing_unfinished, numbers, records
from support.formats import FORMATS, shards
from support.idx_files import idx_bytes
from support.paths import ROOT

from digitseq import SequenceGenerator, Settings
from digitseq.glyphs.catalog import DATA_SETS
from digitseq.runs import card, card_text

yaml = pytest.importorskip("yaml")

SOURCE = ("--random_digits", 3, 8, "--seed", 5)
SPLIT = ("--split_ratio", 0.6, 0.2, 0.2)


def front_matter(folder: Path) -> dict:
    _, matter, _ = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(matter)


def commands(folder: Path) -> list[str]:
    """The lines that make the data set again."""
    block = re.search(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return block[1].splitlines()


def loaded(folder: Path, *words: str, **more: str):
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(*words, **more, cache_dir=str(folder.parent / f"cache-{len(words)}-{len(more)}"))


@pytest.fixture
def made(run, tmp_path):
    """made(*flags): makes images of random digits, and returns their folder."""

    def make(*flags: object) -> Path:
        done = run(*SOURCE, *flags)
        assert done.returncode == 0, done.stderr
        return tmp_path / "output" / "random"

    return make


def test_a_run_of_a_thousand_images_gets_a_card_and_a_smaller_one_does_not(made):
    folder = made("-s", card.LEAST - 1)
    assert not (folder / "README.md").exists() and not (folder / "samples.svg").exists()
    assert len(numbers(made("-s", card.LEAST))) == 2 * card.LEAST - 1
    assert (folder / "README.md").exists() and (folder / "samples.svg").exists()
    assert front_matter(folder)["size_categories"] == ["1K<n<10K"]
    assert_nothing_unfinished(folder)


def test_card_can_be_asked_for_and_left_out(made):
    folder = made("-s", card.LEAST, "--card", "off")
    assert not (folder / "README.md").exists()
    made("-s", 2, "--card")
    assert "| train | `./` | png | 1,002 |" in (folder / "README.md").read_text()


@pytest.mark.parametrize("more", [(), SPLIT], ids=["one", "split"])
@pytest.mark.parametrize("format", ["png", "webdataset", "parquet"])
def test_hugging_face_reads_the_folder_with_its_card(made, format, more):
    folder = made("-s", 40, "--card", "--format", format, *shards(format, 10), *more)
    data = loaded(folder, str(folder))
    splits = {"train": 24, "validation": 8, "test": 8} if more else {"train": 40}
    assert {name: part.num_rows for name, part in data.items()} == splits
    columns = ["image", "text", "objects"] if format != "webdataset" else ["png", "txt", "json"]
    assert data["train"].column_names[:3] == columns
    described = front_matter(folder).get("dataset_info", [{}])[0].get("features", [])
    assert [feature["name"] for feature in described] == (columns if format != "webdataset" else [])
    row = data["train"][0]
    assert np.asarray(row[columns[0]]).shape == (28, 200)
    assert row[columns[1]] == SequenceGenerator(Settings(random_digits=(3, 8)), 5)[0].text


@pytest.mark.parametrize("more", [(), SPLIT], ids=["one", "split"])
def test_the_picture_is_no_image_of_the_data_set(made, more):
    folder = made("-s", 40, "--card", *more)
    data = loaded(folder, "imagefolder", data_dir=str(folder))
    assert sum(part.num_rows for part in data.values()) == 40
    assert data["train"].column_names == ["image", "text", "objects"]


def test_images_without_texts_of_their_own_can_be_read_too(made):
    folder = made("-s", 40, "--card", "--labels", "txt", "tesseract")
    assert loaded(folder, str(folder))["train"].column_names == ["image"]
    assert "dataset_info" not in front_matter(folder)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("more", first([SPLIT, ()], plain=1), ids=["split", "one"])
def test_every_format_has_a_card_with_its_counts(made, format, more):
    text = (made("-s", 50, "--card", "--format", format, *more) / "README.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(\S+)` \| (\w+) \| (\d+) \|$", text, re.MULTILINE)
    parts = (
        [("train", "train/", 30), ("validation", "val/", 10), ("test", "test/", 10)] if more else [("train", "./", 50)]
    )
    assert rows == [(split, folder, format, str(count)) for split, folder, count in parts]
    assert "50 images of handwritten character sequences" in text


def test_the_command_makes_the_same_images_again(made, run, tmp_path):
    folder = made(
        "-s",
        60,
        "--card",
        "--augment",
        "noise:ratio=0.1",
        "--augment",
        "light",
        "-min",
        -3,
        "--labels",
        "jsonl",
        "coco",
        *SPLIT,
    )
    (words,) = (shlex.split(line)[2:] for line in commands(folder))
    assert words.count("--augment") == 2 and "light" in words
    assert run(*words, "-o", "again", "--card").returncode == 0
    again = tmp_path / "again" / "random"
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != "lock")
    assert len(names) > 60
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_a_command_has_no_setting_that_is_the_default(made):
    (line,) = commands(made("-s", 3, "--card", "-m", 2, "-iw", 200))
    assert line == "python3 run.py --random_digits 3 8 -s 3 --seed 5"


def test_of_files_only_the_names_are_told(run, tmp_path):
    (tmp_path / "secret" / "own").mkdir(parents=True)
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 5:20, 10:14] = 255
    for name, array in (("images-idx3", images), ("labels-idx1", np.arange(10, dtype=np.uint8))):
        (tmp_path / "secret" / "own" / f"train-{name}-ubyte").write_bytes(idx_bytes(array))
    (tmp_path / "secret" / "lines.txt").write_text("12\n345\n")
    done = run("--numbers_file", "secret/lines.txt", "--dataset", "./secret/own", "-s", 4, "--card")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "output" / "lines" / "README.md").read_text()
    assert "--numbers_file lines.txt --dataset ./own" in text
    assert "secret" not in text and str(tmp_path) not in text
    assert front_matter(tmp_path / "output" / "lines")["license"] == ["other"]
    assert "has to state it" in text


def test_each_data_set_is_named_with_its_authors_and_licence():
    for name, data_set in DATA_SETS.items():
        record = {"dataset": {"name": name}}
        assert data_set.authors and data_set.authors in card_text._attribution(record)
        assert data_set.licence in card_text._attribution(record)
    ids = [card_text._licence_id({"dataset": {"name": name}}) for name in ("mnist", "kmnist", "qmnist", "emnist-mnist")]
    assert ids == ["cc-by-sa-3.0", "cc-by-sa-4.0", "bsd-3-clause", "unknown"]


def test_several_runs_are_all_in_the_card(made):
    folder = made("-s", 1200)
    assert len(commands(made("-s", 5, "--augment", "blur"))) == 2
    text = (folder / "README.md").read_text()
    assert "| train | `./` | png | 1,205 |" in text and "--augment blur" in commands(folder)[1]
    made("-s", 7, "--format", "parquet", "--card", "off")
    assert (folder / "README.md").read_text() == text
    made("-s", 8, "--format", "parquet")
    assert "| train | `./` | parquet | 15 |" in (folder / "README.md").read_text()
    assert loaded(folder, str(folder))["train"].num_rows == 1205


def test_a_readme_of_the_user_s_own_is_left_alone(made, tmp_path):
    folder = tmp_path / "output" / "random"
    for target in ("README.md", "samples.svg"):
        folder.mkdir(parents=True)
        (folder / target).write_text("my own")
        made("-s", 1000)
        assert [p.name for p in sorted(folder.iterdir()) if p.name in ("README.md", "samples.svg")] == [target]
        assert (folder / target).read_text() == "my own"
        folder.rename(tmp_path / f"was-{target}")


def test_with_card_on_it_is_said_that_there_is_none(run, tmp_path):
    folder = tmp_path / "output" / "12"
    folder.mkdir(parents=True)
    (folder / "README.md").symlink_to("elsewhere")
    done = run("-num", "12", "--card")
    assert done.returncode == 0
    assert "README.md is not digitseq's and was left alone" in done.stderr
    assert (folder / "README.md").is_symlink() and not (folder / "elsewhere").exists()


def test_a_record_that_lacks_something_is_no_reason_to_fail(made, run):
    folder = made("-s", 3)
    record = json.loads((folder / "run.json").read_text())
    del record["runs"][0]["settings"]
    (folder / "run.json").write_text(json.dumps(record))
    done = run(*SOURCE, "-s", 4, "--card")
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert "lacks what a data-set card says" in done.stderr
    assert len(numbers(folder)) == 7 and not (folder / "README.md").exists()


def test_a_card_whose_mark_was_removed_is_the_user_s_own(made):
    folder = made("-s", 1000)
    text = (folder / "README.md").read_text().replace(card_text.MARK, "")
    (folder / "README.md").write_text(text)
    made("-s", 1000)
    assert (folder / "README.md").read_text() == text


@pytest.mark.parametrize("format", ["png", "npz"])
def test_a_killed_run_gets_its_card_when_it_is_resumed(run, start, tmp_path, gate_at, format):
    words = (*SOURCE, "-s", 5000, "--format", format)
    process = start(*words, gate=(gate := gate_at(1100)))
    gate.wait()
    process.kill()
    process.wait()
    folder = tmp_path / "output" / "random"
    assert not (folder / "README.md").exists()
    assert run(*SOURCE, "--format", format, "--resume").returncode == 0
    assert run(*words, "-o", "whole", "-m", 2).returncode == 0
    for name in ("README.md", "samples.svg"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / "random" / name).read_bytes()


def test_a_finished_run_without_a_card_gets_one_by_resume(made):
    folder = made("-s", 3)
    made("-s", 3, "--resume", "--card")
    assert "3 images of" in (folder / "README.md").read_text()


def test_an_interrupted_run_is_described_as_it_is(start, tmp_path, gate_at):
    process = start(*SOURCE, "-s", 5000, gate=(gate := gate_at(1100)))
    gate.wait()
    process.terminate()
    gate.open()
    assert process.wait(30) == 143
    folder = tmp_path / "output" / "random"
    made = len(records(folder))
    text = (folder / "README.md").read_text()
    assert f"was interrupted after {made:,} of them" in text and f"| png | {made:,} |" in text


def test_the_picture_shows_images_with_their_texts_and_boxes(made):
    folder = made("-s", 60, "--card", "-iw", 0, "--augment", "light")
    root = ElementTree.parse(folder / "samples.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{space}text")]
    rows = {record["text"]: record["objects"]["bbox"] for record in records(folder)}
    assert len(texts) == 24 and texts[0] == records(folder)[0]["text"] and texts[-1] == records(folder)[-1]["text"]
    boxes = [
        [int(r.get(name)) for name in ("x", "y", "width", "height")] for r in root.iter(f"{space}rect") if r.get("x")
    ]
    assert boxes == [box for text in texts for box in rows[text]]


def test_markup_in_a_text_is_text(run, tmp_path):
    (tmp_path / "lines.txt").write_text("(1)#\n=*:\n")
    assert run("--numbers_file", "lines.txt", "-s", 2, "--card").returncode == 0
    root = ElementTree.parse(tmp_path / "output" / "lines" / "samples.svg").getroot()
    assert [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")] == ["(1)#", "=*:"]


def test_no_opencv_is_needed(tmp_path):
    code = (
        "import sys\nsys.modules['cv2'] = None\nfrom digitseq import SequenceGenerator, Settings\n"
        "SequenceGenerator(Settings('12'), 1).write('out', 5, card='on')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0
    assert (tmp_path / "out" / "12" / "samples.svg").exists()
    assert json.loads((tmp_path / "out" / "12" / "run.json").read_text())["runs"][0]["status"] == "finished"
