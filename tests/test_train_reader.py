"""The example that trains a reader, in short: it learns, and it reads folders of other people's images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.paths import ROOT

from digitseq import SequenceGenerator, Settings

torch = pytest.importorskip("torch")
sys.path.insert(0, str(ROOT / "example"))

import train_reader  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two threads on a busy machine wait for each other more than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a short training."""
    folder = tmp_path_factory.mktemp("reader")
    flags = [
        "--steps",
        "100",
        "--batch",
        "32",
        "--count",
        "300",
        "--seed",
        "1",
        "--readers",
        "2",
        "--output",
        str(folder),
    ]
    assert train_reader.main(flags) == 0
    return folder


@pytest.fixture(scope="module")
def readers(trained) -> list[train_reader.Reader]:
    return [train_reader.load_reader(weights) for weights in torch.load(trained / "reader.pt", weights_only=True)]


def test_the_loss_falls(trained):
    curve = json.loads((trained / "curve.json").read_text())
    assert [step for step, _ in curve] == [20, 40, 60, 80, 100]
    assert curve[-1][1] < curve[0][1] / 5


def test_it_reads_what_it_has_not_seen_far_better_than_chance(readers):
    sequences, digits = train_reader.accuracy(train_reader.read_test_glyphs(readers, 300, seed=2))
    assert digits > 0.7  # chance: 0.1
    assert sequences > 0.25  # chance: 0.001 at best


def test_it_leaves_pictures_that_show_something(trained):
    for name in ("curve.png", "mistakes.png"):
        assert cv2.imread(str(trained / name)).std() > 10


def test_training_again_gives_the_same(tmp_path):
    one, other = (train_reader.train(6, 8, seed=3) for _ in range(2))
    assert one[1] == other[1]
    assert all(torch.equal(a, b) for a, b in zip(one[0].parameters(), other[0].parameters()))


def test_together_they_read_no_worse_than_the_worse_of_them(readers):
    each = [train_reader.read_test_glyphs([reader], 300, seed=2) for reader in readers]
    one, other = ([reading.text for reading in found] for found in each)
    assert one != other  # they learnt apart
    together = train_reader.read_test_glyphs(readers, 300, seed=2)
    assert train_reader.accuracy(together)[1] >= min(train_reader.accuracy(found)[1] for found in each)


def test_an_empty_image_is_read_as_nothing():
    reader = train_reader.Reader().eval()
    with torch.no_grad():
        reader.classify.bias[0] = 50  # blank everywhere
    assert train_reader.read([reader, reader], torch.zeros(2, 1, 28, 160)) == ["", ""]


@pytest.mark.parametrize("flags", [["--steps", "5"], ["--readers", "0"], ["--count", "x"], ["--images", "."]])
def test_bad_input_gets_one_line(flags, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        train_reader.main([*flags, "--output", str(tmp_path)])
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_it_without_a_traceback(tmp_path):
    words = [sys.executable, str(ROOT / "example" / "train_reader.py"), "--steps", "10000", "--output", str(tmp_path)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True) as process:
        said = process.stderr.read(1)  # of the bar: training has begun
        os.killpg(process.pid, signal.SIGINT)
        said += process.stderr.read()
    assert process.returncode == 130, said
    assert b"stopped" in said
    assert b"Traceback" not in said
    assert not (tmp_path / "reader.pt").exists()


def scans(folder: Path, scale: float, inverted: bool, labels: str) -> Path:
    """20 test sequences as one might scan them: of another size, grey ink on grey paper, noisy."""
    folder.mkdir()
    lines = []
    settings = Settings(random_digits=(3, 6), image_width=0, split="test", min_spacing=2)
    rng = np.random.default_rng(1)
    for i, sample in enumerate(next(SequenceGenerator(settings, 5).batches(20)).images):
        height, width = sample.shape
        image = cv2.resize(np.pad(sample, 9), (round((width + 18) * scale), round((height + 18) * scale)))
        image = 60 + image * 0.5 + rng.normal(0, 2, image.shape)
        cv2.imwrite(str(folder / f"{i}.png"), 255 - image if inverted else image)
    texts = next(SequenceGenerator(settings, 5).batches(20)).texts
    if labels == "gt.txt":
        lines = [f"{i}.png\t{text}" for i, text in enumerate(texts)]
    else:
        lines = [json.dumps({"file_name": f"{i}.png", "text": text}) for i, text in enumerate(texts)]
    (folder / labels).write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize(
    ("scale", "inverted", "labels"), [(1, False, "gt.txt"), (4.3, True, "metadata.jsonl"), (0.8, True, "gt.txt")]
)
def test_it_reads_a_folder_of_scans(scale, inverted, labels, readers, trained, tmp_path, capsys):
    folder = scans(tmp_path / "scans", scale, inverted, labels)
    found = train_reader.read_folder(readers, folder)
    assert all(image.shape[0] == 28 for image, _, _ in found)
    assert train_reader.accuracy(found)[1] > 0.5
    flags = [
        "--images",
        str(folder),
        "--checkpoint",
        str(trained / "reader.pt"),
        "--output",
        str(tmp_path),
    ]
    assert train_reader.main(flags) == 0
    assert capsys.readouterr().out.startswith("20 sequences: ")


def test_our_own_images_are_read_as_they_are(readers, tmp_path):
    generator = SequenceGenerator(train_reader.TEST, 5)
    folder = generator.write(tmp_path, 40).folder
    images = np.stack([image for image, _, _ in train_reader.read_folder(readers, folder)])
    assert np.array_equal(images, next(generator.batches(40)).images)


def test_a_folder_without_labels_is_refused(readers, tmp_path):
    with pytest.raises(SystemExit, match=r"has neither gt\.txt nor metadata\.jsonl"):
        train_reader.read_folder(readers, tmp_path)


@pytest.mark.parametrize(
    ("a", "b", "wrong"), [("123", "123", 0), ("123", "13", 1), ("123", "1243", 1), ("", "12", 2), ("12", "34", 2)]
)
def test_digits_are_counted_by_edit_distance(a, b, wrong):
    assert train_reader.edit_distance(a, b) == train_reader.edit_distance(b, a) == wrong


def test_written_numbers_are_learnt_from_flattened_paper(monkeypatch):
    """The reader for real images sees ink at 1 and paper at 0, whatever their tones were; and the loss falls."""
    written = replace(train_reader.WRITTEN, split="test")
    monkeypatch.setattr(train_reader, "WRITTEN", written)
    images = torch.from_numpy(SequenceGenerator(written, 3).batch(0, 64).images)[:, None] / 255
    flat = train_reader.flattened(images)
    tones = images.flatten(1).quantile(0.5, dim=1)
    assert tones.std() > 0.02
    assert (flat.flatten(1).quantile(0.5, dim=1) == 0).all()
    assert (flat.flatten(1).max(dim=1).values == 1).all()
    _, curve = train_reader.train(60, 32, 1, written)
    assert curve[-1][1] < curve[0][1] / 1.5
