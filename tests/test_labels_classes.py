"""The numbers of classes in the labels of several runs, and label files that were changed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from digitseq import Pipeline, Settings
from digitseq.errors import RunError
from digitseq.formats.base import Job
from digitseq.formats.png_files import OutputFormat
from digitseq.labels import label_formats

LABELS = pytest.mark.parametrize("labels", ["yolo", "coco"])


@pytest.fixture
def letters(tmp_path):
    """A data set with the classes A, B and C."""
    for letter in ("train/A", "train/B", "train/C", "test/A", "test/B", "test/C"):
        (tmp_path / "letters" / letter).mkdir(parents=True)
        for number in range(4):
            pixels = np.zeros((28, 28), np.uint8)
            pixels[4:24, 6 + number : 20] = 255
            Image.fromarray(pixels).save(tmp_path / "letters" / letter / f"{number}.png")
    return tmp_path / "letters"


def texts(folder, labels):
    return ["".join(label.characters) for label in label_formats((labels,))[0].read(folder)]


@LABELS
@pytest.mark.parametrize("split", [(), ("--split_ratio", 0.5, 0.25, 0.25)])
def test_other_classes_are_refused_before_any_image_is_made(run, refused, letters, labels, split):
    words = ("-s", 8, "--labels", labels, "--name", "z", *split)
    assert run("-num", "ABC", "--dataset", letters, *words).returncode == 0
    assert "labels with the classes ABC, this run has 0123456789: name another" in refused("-num", "012", *words)


@LABELS
@pytest.mark.parametrize("signs_first", [True, False])
def test_the_longer_list_of_classes_holds_for_all_images(run, tmp_path, labels, signs_first):
    signs, digits = ("--pattern", "[0-9]-[0-9]"), ("-num", "12")
    for texts_of_run in (signs, digits) if signs_first else (digits, signs):
        assert run(*texts_of_run, "-s", 2, "--labels", labels, "--name", "z").returncode == 0
    found = texts(tmp_path / "output" / "z", labels)
    assert [text[1] for text in found] == (["-", "-", "2", "2"] if signs_first else ["2", "2", "-", "-"])


def test_classes_of_a_run_that_did_not_record_them_are_read_from_its_labels(run, refused, tmp_path, letters):
    words = ("-s", 2, "--labels", "yolo", "coco", "--name", "z")
    assert run("-num", "ABC", "--dataset", letters, *words).returncode == 0
    path = tmp_path / "output" / "z" / "run.json"
    record = json.loads(path.read_text())
    del record["runs"][0]["sections"][0]["details"]["classes"]
    path.write_text(json.dumps(record))
    for labels in ("yolo", "coco"):
        words = ("-s", 2, "--labels", labels, "--name", "z")
        assert "labels with the classes ABC, this" in refused("-num", "012", *words)


@pytest.mark.parametrize("line", ['{"mine": 1}', "garbage", "[]", '{"id": 1, "width": 1, "height": 1, "text": "x"}'])
def test_lines_of_somebody_else_are_refused_before_any_image_is_made(refused, tmp_path, line):
    folder = tmp_path / "output" / "z"
    folder.mkdir(parents=True)
    (folder / ".annotations.jsonl").write_text(line + "\n")
    assert ".annotations.jsonl is not as digitseq wrote it" in refused(
        "-num", "12", "-s", 2, "--labels", "coco", "--name", "z"
    )
    assert [path.name for path in folder.iterdir()] == [".annotations.jsonl"]


def test_lines_that_were_changed_during_a_run_end_it_with_one_line(train, tmp_path):
    (tmp_path / ".annotations.jsonl").write_text("garbage\n")
    job = Job(Pipeline(Settings("5"), train, 1), "5", 0, 10, ("coco",), {"begun": []})
    with pytest.raises(RunError, match="annotations.jsonl is not as digitseq wrote it"):
        OutputFormat().finish(job, tmp_path, tmp_path, 10)
    assert [path.name for path in tmp_path.iterdir()] == [".annotations.jsonl"]
