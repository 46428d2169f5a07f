"""`--overwrite`: a folder begins anew, without what digitseq recorded in it, and with everything else."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from support.cases import first
from support.folders import assert_nothing_unfinished, runs
from support.formats import FORMATS, tree

ALL_LABELS = ("--labels", "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")
SPLIT = ("--split_ratio", 0.5, 0.25, 0.25)


def words_for(format_name, *more):
    return ("--random_digits", 3, 6, "--format", format_name, *(ALL_LABELS if format_name == "png" else ()), *more)


def results(folder):
    """All files with their bytes, but for the record, which has times of no run but does have its settings."""
    return {name: data for name, data in tree(folder).items() if ".digitseq" not in str(name)}


@pytest.mark.parametrize("split", first([SPLIT, ()], plain=1))
@pytest.mark.parametrize("format_name", first(FORMATS, plain=4))
def test_a_folder_is_as_if_it_were_new(run, tmp_path, format_name, split):
    before = words_for(format_name, "-s", 30, "-min", 2, *split)
    assert run(*before, "--seed", 1).returncode == 0
    assert run(*before, "--seed", 2, "-m", 2).returncode == 0
    again = words_for("png" if format_name == "npz" else format_name, "-s", 8, "--seed", 7)
    done = run(*again, "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*again, "-o", "once").returncode == 0
    folder = tmp_path / "output" / "random"
    assert results(folder) == results(tmp_path / "once" / "random")
    assert len(runs(folder)) == 1
    journal = (folder / ".digitseq" / "journal.jsonl").read_bytes()
    assert journal == (tmp_path / "once" / "random" / ".digitseq" / "journal.jsonl").read_bytes()


def test_the_same_seed_makes_the_same_image_again(run, tmp_path):
    made = []
    for _ in range(2):
        assert run("-num", "12", "--seed", 7, "--overwrite").stdout == "output/12/1.png (seed 7)\n"
        made.append((tmp_path / "output" / "12" / "1.png").read_bytes())
    assert made[0] == made[1]


def test_what_is_not_ours_stays(run, tmp_path):
    folder, elsewhere = tmp_path / "output" / "12", tmp_path / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    (folder / "metadata.jsonl").write_text('{"file_name": "own.png"}\n')
    assert run("-num", "12", "-s", 5, *SPLIT[:1], 1, 0, 0).returncode == 0
    assert run("-num", "12", "-s", 5, "--overwrite").returncode == 0
    mine = {"notes.txt": "mine", "77.png": "mine", "own.png": "mine"}
    for name, text in mine.items():
        (folder / name).write_text(text)
    (elsewhere / "3.png").write_text("elsewhere")
    (folder / "3.png").unlink()
    (folder / "3.png").symlink_to(elsewhere / "3.png")
    done = run("-num", "12", "-s", 2, "--overwrite")
    assert done.returncode == 0
    assert "has images that no record of digitseq lists: they stay, and this run begins with image 78" in done.stderr
    assert {name: (folder / name).read_text() for name in mine} == mine
    assert (elsewhere / "3.png").read_text() == "elsewhere"
    assert sorted(p.name for p in folder.glob("*.png")) == ["77.png", "78.png", "79.png", "own.png"]
    lines = (folder / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["file_name"] for line in lines] == ["own.png", "78.png", "79.png"]


def test_links_in_the_place_of_folders_and_label_files_are_not_followed(run, tmp_path):
    words, folder, elsewhere = (
        ("-num", "12", "-s", 8, "--seed", 1, *SPLIT),
        tmp_path / "output" / "12",
        tmp_path / "moved",
    )
    assert run(*words).returncode == 0
    (folder / "val").rename(elsewhere)
    (folder / "val").symlink_to(elsewhere)
    there = tree(tmp_path)
    done = run(*words, "--overwrite")
    assert done.returncode == 2 and "output/12/val is a link" in done.stderr and len(done.stderr.splitlines()) == 1
    assert tree(tmp_path) == there
    (folder / "val").unlink()
    (folder / "train" / "metadata.jsonl").rename(elsewhere / "labels")
    (folder / "train" / "metadata.jsonl").symlink_to(elsewhere / "labels")
    labels = (elsewhere / "labels").read_bytes()
    assert run(*words, "--overwrite").returncode == 2  # a label file that is a link is refused, as ever
    assert (elsewhere / "labels").read_bytes() == labels


def test_it_does_not_go_with_resume_or_another_run(run, start, tmp_path, gate_at):
    process = start("-num", "5", "-s", 3000, gate=(gate := gate_at(512)))
    gate.wait()
    done = run("-num", "5", "--overwrite")
    assert done.returncode == 2 and "is being written by another run" in done.stderr
    gate.open()
    assert process.wait(120) == 0
    assert len(list((tmp_path / "output" / "5").glob("*.png"))) == 3000
    done = run("-num", "5", "--overwrite", "--resume")
    assert done.returncode == 2 and "overwrite begins anew, and --resume goes on" in done.stderr


@pytest.mark.parametrize("format_name", ["png", "npz", "webdataset"])
def test_a_killed_run_can_be_overwritten(run, start, tmp_path, gate_at, format_name):
    words = words_for(format_name, "-iw", 100, "--seed", 4, *(("--shard_size", 500) * (format_name == "webdataset")))
    process = start(*words, "-s", 6000, "-m", 2, gate=(gate := gate_at(3000)))
    gate.wait()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    done = run(*words, "-s", 3, "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*words, "-s", 3, "-o", "once").returncode == 0
    assert results(tmp_path / "output" / "random") == results(tmp_path / "once" / "random")
    assert_nothing_unfinished(tmp_path / "output" / "random")


@pytest.mark.parametrize(
    ("at", "split", "next_one"),
    [
        (0, (), ()),
        (1, SPLIT, ("--overwrite",)),
        (20, (), ("--overwrite",)),
        (61, SPLIT, ()),
        (61, (), ("--overwrite",)),
        (10_000, SPLIT, ("--overwrite",)),
        (10_000, (), ()),
    ],
)
def test_a_removal_that_is_killed_is_ended_by_the_next_run(run, tmp_path, monkeypatch, at, split, next_one):
    from pathlib import Path

    from digitseq.generator import SequenceGenerator
    from digitseq.settings import Settings

    words = ("-num", "12", "-s", 30, "--seed", 1, *ALL_LABELS, *split)
    assert run(*words).returncode == 0
    assert run(*words).returncode == 0
    folder, left, unlink = tmp_path / "output" / "12", [at], Path.unlink
    monkeypatch.chdir(tmp_path)

    def killed(path, *arguments, **options):
        if path.name == "run.json" or path.parent in (folder, *(folder / p for p in ("train", "val", "test"))):
            if not left[0] or path.name == "run.json":
                raise KeyboardInterrupt
            left[0] -= 1
        unlink(path, *arguments, **options)

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        SequenceGenerator(Settings("12"), 1).write(tmp_path / "output", 1, overwrite=True)
    monkeypatch.undo()
    done = run(*words, "--resume")
    assert done.returncode == 2 and "was being removed: leave out --resume" in done.stderr
    again = ("-num", "12", "-s", 4, "--seed", 9, *ALL_LABELS)
    done = run(*again, *next_one)
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*again, "-o", "once").returncode == 0
    assert results(folder) == results(tmp_path / "once" / "12")


def test_a_journal_that_lacks_images_is_not_trusted(run, tmp_path):
    assert run("-num", "12", "-s", 5).returncode == 0
    (tmp_path / "output" / "12" / ".digitseq" / "journal.jsonl").write_text("")
    there = tree(tmp_path / "output")
    done = run("-num", "12", "--overwrite")
    assert done.returncode == 2 and "do not belong together" in done.stderr
    assert tree(tmp_path / "output") == there


def test_what_the_parts_of_a_split_have_in_common_goes_too(run, tmp_path):
    assert run("-num", "12", "-s", 8, *ALL_LABELS, *SPLIT).returncode == 0
    folder = tmp_path / "output" / "12"
    assert (folder / "data.yaml").exists()
    (folder / "annotations.json").write_text("mine")
    assert run("-num", "12", "--overwrite").returncode == 0
    there = {path.name for path in folder.iterdir()}
    assert there == {".digitseq", "run.json", "1.png", "metadata.jsonl", "annotations.json"}


def test_what_is_refused_anyway_is_refused_before_anything_is_removed(run, tmp_path):
    flags = ("-num", "123", "-s", 5)
    assert run(*flags).returncode == 0
    folder = tmp_path / "output" / "123"
    before = {path.name for path in folder.iterdir()}
    assert run(*flags, "--format", "npz", "--overwrite", "--start", 5).returncode == 2
    assert {path.name for path in folder.iterdir()} == before


def test_a_copy_made_by_hard_links_stays_as_it_is(run, tmp_path):
    assert run("-num", "12", "-s", 5).returncode == 0
    folder, copy = tmp_path / "output" / "12", tmp_path / "copy"
    copy.mkdir()
    for path in filter(Path.is_file, folder.iterdir()):
        os.link(path, copy / path.name)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert run("-num", "12", "-s", 2, "--overwrite").returncode == 0
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_files_that_are_called_like_masks_or_labels_are_not_replaced(run, tmp_path):
    folder = tmp_path / "output" / "12"
    (folder / "masks").mkdir(parents=True)
    mine = [folder / "masks" / "2.png", folder / "3.txt", folder / "4.gt.txt"]
    for path in mine:
        path.write_text("mine")
    for processes in (0, 2):
        done = run("-num", "12", "-s", 600, "-m", processes, "--masks", "--labels", "jsonl", "yolo", "tesseract")
        assert done.returncode == 0, done.stderr
    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert (folder / "5.png").exists() and not (folder / "4.png").exists()
