"""The preview is written whole, and nothing else is touched."""

from __future__ import annotations

import cv2
import numpy as np
from support.folders import pixels

from digitseq.augment import OPERATIONS
from digitseq.inspection.sheet import WIDTH
from digitseq.runs.run_settings import Output
from digitseq.shell import preview


def test_a_link_under_the_name_is_replaced_and_not_followed(run, tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "look.png").symlink_to("other")
    assert run("-num", "12", "-da", "--preview", "look.png").returncode == 0
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert not (tmp_path / "look.png").is_symlink()
    assert pixels(tmp_path / "look.png").ndim == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["look.png", "other"]


def test_a_preview_that_cannot_be_written_is_one_line_and_leaves_nothing(refused, tmp_path):
    (tmp_path / "taken.png").mkdir()
    assert "it is not a file" in refused("-num", "12", "-da", "--preview", "taken.png")
    assert "cannot write the preview" in refused("-num", "12", "-da", "--preview", "absent/look.png")
    assert "must be the name of a .png or .jpg file" in refused("-num", "12", "-da", "--preview", "look.gif")
    assert "cannot write the preview" in refused("-num", "12", "-da", "--preview", "/dev/full")


def test_the_given_settings_are_shown_with_their_labels_even_without_augmentation(monkeypatch, tmp_path, train):
    sheets = []
    monkeypatch.setattr(
        preview, "contact_sheet", lambda samples: (sheets.append(samples), np.zeros((9, 9, 3), "u1"))[1]
    )
    both = Output(preview=tmp_path / "a.png", preview_operations=tmp_path / "b.jpg")
    settings = preview.Settings(random_digits=(2, 5), angle=30, image_width=0)
    assert preview.write_previews(both, settings, train, 3) == [str(tmp_path / "a.png"), str(tmp_path / "b.jpg")]
    batch = preview.Pipeline(settings, train, 3).batch(0, preview.SAMPLES)
    assert [sample.text for sample in sheets[0]] == batch.texts
    for sample, image, width in zip(sheets[0], batch.images, batch.width):
        assert np.array_equal(sample.pixels, image[:, :width])
    assert [sample.text for sample in sheets[1]] == ["plain", *OPERATIONS]


def test_the_ending_decides_the_kind_of_file(run, tmp_path):
    assert run("-num", "12", "--preview", "a.JPG", "--preview_operations", "b.png").returncode == 0
    assert (tmp_path / "a.JPG").read_bytes()[:3] == b"\xff\xd8\xff"
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
    assert cv2.imread(str(tmp_path / "b.png")).shape[1] <= WIDTH


def test_a_jpeg_file_is_one_and_nothing_is_said(run, tmp_path):
    done = run("-num", "12", "--preview", "look.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "look.jpg").read_bytes().startswith(b"\xff\xd8")
