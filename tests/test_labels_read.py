"""Label files beside the images, each read by what it is meant for."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from support.folders import numbers, pixels
from support.processes import wait_until

from digitseq import Output, Pipeline, Settings
from digitseq.labels import LABEL_FORMATS, label_formats

ALL = tuple(LABEL_FORMATS)


@pytest.fixture
def folder(run, tmp_path):
    for size in (40, 23):  # the second run appends
        words = ("-num", "0070", "-s", size, "--seed", 5, "-iw", 0, "--labels", *ALL)
        assert run(*words, "-m", 2).returncode == 0
    return tmp_path / "output" / "0070"


@pytest.fixture
def batch(train):
    return Pipeline(Settings("0070", image_width=0), train, 5).batch(0, 63)


def read_coco(folder):
    coco = pytest.importorskip("pycocotools.coco")
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(folder / "annotations.json"))


def read_yolo(folder, part="train"):
    """As YOLO's loaders do: labels stand beside the images of a list, or under /labels/ where these are in /images/."""
    yaml = pytest.importorskip("yaml")
    data = yaml.safe_load((folder / "data.yaml").read_text())
    root = Path(data.get("path", folder))  # a relative one would be looked for below the trainer's own directory
    listed = (root / data[part]).resolve()
    found = {}
    for line in listed.read_text().split():
        assert line.startswith("./")  # any other is relative to where the trainer was started
        image = f"{listed.parent}/{line[2:]}"
        label = "/labels/".join(image.rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt"
        with open(label) as file:
            rows = np.array([row.split() for row in file.read().splitlines()], np.float32)
        assert rows.shape[1] == 5 and (rows >= 0).all() and (rows[:, 1:] <= 1).all()
        assert len(np.unique(rows, axis=0)) == len(rows)
        assert rows[:, 0].max() < len(data["names"])
        found[image] = ([data["names"][int(c)] for c in rows[:, 0]], rows[:, 1:])
    return found


def test_easyocr(folder):
    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"filename": f"{n}.png", "words": "0070"} for n in range(1, 64)]


def test_easyocr_quotes_what_csv_must_quote(train):
    from dataclasses import replace

    made = Pipeline(Settings("1234"), train, 1).batch(0, 4)
    texts = ["1,23", 'a"bc', "1\n34", "0 07"]
    rows = list(
        csv.reader(io.StringIO(label_formats(("easyocr",))[0].lines(replace(made, texts=texts)).decode(), newline=""))
    )
    assert rows == [[f"{i}.png", text] for i, text in enumerate(texts, 1)]


def test_coco(folder, batch):
    coco = read_coco(folder)
    assert sorted(coco.getImgIds()) == list(range(1, 64))
    assert sorted(coco.getAnnIds()) == list(range(1, 4 * 63 + 1))
    for i, image in coco.imgs.items():
        assert pixels(folder / image["file_name"]).shape == (image["height"], image["width"])
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=i))
        assert [a["bbox"] for a in annotations] == batch.boxes[i - 1].tolist()
        assert [coco.cats[a["category_id"]]["name"] for a in annotations] == list("0070")
        assert all(a["area"] == a["bbox"][2] * a["bbox"][3] for a in annotations)


def test_yolo(folder, batch):
    found = read_yolo(folder)
    assert len(found) == 63
    for i, (image, (names, shares)) in enumerate(found.items()):
        height, width = pixels(image).shape
        centre, size = shares[:, :2] * (width, height), shares[:, 2:] * (width, height)
        assert np.allclose(np.hstack([centre - size / 2, size]), batch.boxes[i], atol=1e-2)
        assert names == list("0070")


def test_yolo_validates_on_all_images_where_there_is_no_split(folder):
    assert list(read_yolo(folder, "val")) == list(read_yolo(folder))
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize(
    ("ratio", "counts"),
    [((0.5, 0.25, 0.25), (20, 10, 10)), ((0.75, 0.25, 0), (30, 10, None)), ((0.5, 0, 0.5), (20, 20, 20))],
)
def test_yolo_has_one_summary_of_a_split_with_its_real_parts(run, tmp_path, ratio, counts):
    words = ("-num", "0070", "-s", 20, "--labels", "yolo", "jsonl", "-o", "there", "--split_ratio", *ratio)
    assert run(*words).returncode == 0
    assert run(*words, "-m", 2).returncode == 0
    folder = tmp_path / "anywhere"
    (tmp_path / "there" / "0070").rename(folder)
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("data.yaml")] == ["data.yaml"]
    for part, count in zip(("train", "val", "test"), counts):
        if count is None:
            assert f"{part}:" not in (folder / "data.yaml").read_text()
            continue
        found = read_yolo(folder, part)
        assert len(found) == count
        assert all(names == list("0070") for names, _ in found.values())
        # a part without images is not made up of those that are for another test
        own = part if (folder / part).exists() else "train"
        assert {Path(image).parent for image in found} == {folder.resolve() / own}
    assert run("--inspect", folder).returncode == 0


def test_yolo_is_refused_where_its_readers_would_look_elsewhere(run, tmp_path):
    done = run("-num", "12", "--labels", "yolo", "-o", "images")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "readers look for labels of images below images/ in labels/" in done.stderr
    assert not (tmp_path / "images").exists()


def test_a_directory_in_the_place_of_the_summary_of_a_split_is_refused(run, tmp_path):
    (tmp_path / "output" / "12" / "data.yaml").mkdir(parents=True)
    done = run("-num", "12", "--labels", "yolo", "-s", 8, "--split_ratio", 0.5, 0.25, 0.25)
    assert done.returncode == 2 and "output/12/data.yaml is not a regular file" in done.stderr


def test_tesseract_and_txt(folder):
    for number in range(1, 64):
        assert (folder / f"{number}.gt.txt").read_text() == "0070\n"
    lines = (folder / "gt.txt").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [[f"{n}.png", "0070"] for n in range(1, 64)]


def test_hugging_face_still_reads_the_folder(folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    table = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "hf"), split="train")
    assert len(table) == 63
    assert set(table["text"]) == {"0070"}


@pytest.mark.parametrize("given", ["jsonl coco", "jsonl, coco", ["jsonl", "coco"], ("jsonl", "coco")])
def test_several_words_in_a_list_or_a_text(given):
    assert Output(labels=given).labels == ("jsonl", "coco")


@pytest.mark.parametrize("cores", [0, 2])
def test_after_a_kill_the_next_run_labels_exactly_the_whole_images(start, run, tmp_path, gate_at, cores):
    words = ("-num", "5", "-iw", 40, "-m", cores, "--seed", 3, "--labels", *ALL)
    process = start(*words, "-s", 50_000, gate=(gate := gate_at(1536)))
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_until((folder / "metadata.jsonl").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    (folder / "1537.png").write_bytes(b"")  # torn, and with labels of its own
    (folder / "1537.gt.txt").write_text("5\n")
    (folder / "1537.txt").write_text("")
    assert run(*words, "-s", 3).returncode == 0
    there = numbers(folder)
    names = [f"{n}.png" for n in there]
    assert [json.loads(line)["file_name"] for line in (folder / "metadata.jsonl").read_text().splitlines()] == names
    assert [line.split("\t")[0] for line in (folder / "gt.txt").read_text().splitlines()] == names
    assert [line.split(",")[0] for line in (folder / "labels.csv").read_text().splitlines()] == ["filename", *names]
    assert [image["file_name"] for image in read_coco(folder).imgs.values()] == names
    assert [image.rpartition("/")[2] for image in read_yolo(folder)] == names
    assert sorted(int(p.name.split(".")[0]) for p in folder.glob("*.gt.txt")) == there
    assert sorted(int(p.stem) for p in folder.glob("*.txt") if p.stem.isdigit()) == there
