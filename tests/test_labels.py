from __future__ import annotations

import json

import numpy as np
import pytest

from digitseq import Pipeline, Settings
from digitseq.labels import label_formats


@pytest.fixture(scope="module")
def batch(train):
    return Pipeline(Settings("0070"), train, 3).batch(41, 45)


def test_jsonl_holds_name_text_and_a_box_and_a_category_for_each_glyph(batch):
    lines = label_formats(("jsonl",))[0].lines(batch).splitlines(keepends=True)
    assert len(lines) == 4
    for number, (line, boxes) in enumerate(zip(lines, batch.boxes), 42):
        assert line.endswith(b"}\n")
        assert json.loads(line) == {
            "file_name": f"{number}.png",
            "text": "0070",
            "objects": {"bbox": boxes.tolist(), "categories": ["0", "0", "7", "0"]},
        }
    assert all(isinstance(n, int) for n in np.ravel(json.loads(lines[0])["objects"]["bbox"]).tolist())


def test_txt_holds_path_tab_text(batch):
    assert label_formats(("txt",))[0].lines(batch).decode().splitlines() == [f"{n}.png\t0070" for n in range(42, 46)]


def test_hugging_face_reads_the_folder(run, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run("-num", "0070", "-s", 12, "-da", "--seed", 5).returncode == 0
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "output" / "0070"), cache_dir=str(tmp_path / "hf"), split="train"
    )
    assert len(loaded) == 12
    for row in loaded:
        assert row["text"] == "0070"
        image = np.asarray(row["image"])
        assert image.shape == (28, 200)
        objects = row["objects"]
        assert objects["categories"] == ["0", "0", "7", "0"]
        for x, y, w, h in objects["bbox"]:
            crop = image[int(y) : int(y + h), int(x) : int(x + w)]
            assert crop[0].any() and crop[-1].any() and crop[:, 0].any() and crop[:, -1].any()
