"""`--overwrite`: a folder begins anew, without what digitseq recorded in it, and with everything else."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from support.cases import first, product
from support.folders import assert_nothing_unfinished, runs
from support.formats import FORMATS, dump, tree

from digitseq.runs.folder import RunFolder
from digitseq.shell import cli

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
    folder = tmp_path / "output" / "12"
    folder.mkdir(parents=True)
    (folder / "metadata.jsonl").write_text('{"file_name": "own.png"}\n')
    assert run("-num", "12", "-s", 5, *SPLIT[:1], 1, 0, 0).returncode == 0
    assert run("-num", "12", "-s", 5, "--overwrite").returncode == 0
    mine = {"notes.txt": "mine", "77.png": "mine", "own.png": "mine"}
    for name, text in mine.items():
        (folder / name).write_text(text)
    done = run("-num", "12", "-s", 2, "--overwrite")
    assert done.returncode == 0
    assert "has images that no record of digitseq lists: they stay, and this run begins with image 78" in done.stderr
    assert {name: (folder / name).read_text() for name in mine} == mine
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
    if at == 20:
        assert "with --seed 5 the run" in (said := run("-num", "12", "--seed", 5, "--dry_run").stdout)
        assert re.search(r"images +1\n", said)
    done = run(*words, "--resume")
    assert done.returncode == 2 and "was being removed: leave out --resume" in done.stderr
    again = ("-num", "12", "-s", 4, "--seed", 9, *ALL_LABELS)
    done = run(*again, *next_one)
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*again, "-o", "once").returncode == 0
    assert results(folder) == results(tmp_path / "once" / "12")


def replaced(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))  # of the same size


def shifted(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


CHANGES = {
    "replaced": replaced,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"mine\n"),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link": shifted,
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """made(*words): makes images in this process, and returns their folder."""
    monkeypatch.chdir(tmp_path)

    def make(*words: object) -> Path:
        assert cli.main(["-num", "12", "--seed", "1", "--quiet", *map(str, words)]) == 0
        return tmp_path / "output" / "12"

    return make


RESULTS = [
    (("--labels", *ALL_LABELS[1:]), "3.png"),
    (("--labels", *ALL_LABELS[1:]), "metadata.jsonl"),
    (("--labels", *ALL_LABELS[1:]), "data.yaml"),
    (("--labels", *ALL_LABELS[1:], *SPLIT), "data.yaml"),
    (("--masks",), "masks/4.png"),
    (("--format", "webdataset"), "12-000000.tar"),
    (("--format", "npz"), "12.npz"),
    (("--labels", *ALL_LABELS[1:]), "3.txt"),
    (("--labels", *ALL_LABELS[1:]), "labels.csv"),
    (("--labels", *ALL_LABELS[1:], *SPLIT), "val/annotations.json"),
    (("--format", "npz", *SPLIT), "test/12.npz"),
]


@pytest.mark.parametrize(("result", "change"), product(RESULTS, list(CHANGES)))
def test_what_was_changed_since_is_refused_before_anything_is_removed(made, refused, result, change):
    words, name = result
    folder = made("-s", 12, *words)
    made("-s", 12, *words)
    CHANGES[change](folder / name)
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    said = refused("-num", "12", "--overwrite", "--format", "webdataset")
    assert Path(name).name in said and "output/12" in said and "move " in said and "-o" in said
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before
    (folder / name).rename(folder / "mine")
    made("-s", 1, "--overwrite", "--format", "webdataset")
    assert {path.name for path in folder.iterdir()} == {".digitseq", "run.json", "12-000000.tar", "mine"}


def test_changed_samples_of_a_database_are_noticed(made, refused):
    lmdb = pytest.importorskip("lmdb")
    folder = made("-s", 12, "--format", "lmdb")
    with lmdb.open(str(folder / "data.mdb"), subdir=False, lock=False) as opened, opened.begin(write=True) as view:
        view.put(b"label-%09d" % 3, b"13")
    for more in ((), ("--overwrite",)):
        assert "output/12/data.mdb is not a file that digitseq wrote" in refused(
            "-num", "12", "--format", "lmdb", *more
        )


@pytest.mark.parametrize("name", ["annotations.json", "data.yaml"])
def test_a_plain_run_replaces_no_label_file_that_was_changed_since(made, refused, name):
    words = ("--labels", "coco", "yolo")
    folder = made("-s", 3, *words)
    made("-s", 3, *words)
    (folder / name).write_text("mine")
    for more in ((), ("--dry_run",), ("--overwrite",)):
        said = refused("-num", "12", *words, *more)
        assert f"output/12/{name} is not a file that digitseq wrote (it was changed): move it away" in said
    made("-s", 3, *words, "--resume")  # nothing is left to do
    assert (folder / name).read_text() == "mine"
    made("-s", 3, "--labels", "jsonl")  # it writes no such file


def test_lines_are_not_joined_to_a_line_that_somebody_has_not_ended(tmp_path, refused):
    path = tmp_path / "output" / "12" / "gt.txt"
    path.parent.mkdir(parents=True)
    path.write_text("own.png\t7")
    assert "output/12/gt.txt ends within a line: add a newline" in refused("-num", "12", "--labels", "txt")


def test_lines_that_somebody_added_between_two_runs_are_not_removed(made, refused):
    folder = made("-s", 3)
    with open(folder / "metadata.jsonl", "a") as lines:
        lines.write('{"file_name": "own.png", "text": "1"}\n')
    made("-s", 3)
    assert "output/12/metadata.jsonl is not as digitseq wrote it" in refused("-num", "12", "--overwrite")


def test_what_somebody_deleted_is_no_reason_to_refuse(made):
    folder = made("-s", 12, "--labels", "jsonl", "coco", "txt")
    for name in ("3.png", "annotations.json", "gt.txt"):
        (folder / name).unlink()
    made("-s", 1, "--overwrite")
    assert {path.name for path in folder.iterdir()} == {".digitseq", "run.json", "1.png", "metadata.jsonl"}


class Killed(BaseException):
    """Stands for a kill at a place."""


WITH_RESULTS = [
    ("--format", "npz"),
    ("--format", "npz", *SPLIT),
    ("--format", "lmdb"),
    ("--labels", "coco", "yolo"),
    ("--labels", "coco", "yolo", *SPLIT),
]


@pytest.mark.parametrize(
    ("words", "at", "then", "earlier"),
    product(WITH_RESULTS, ["after the name", "before the name"], ["overwrite", "go on", "resume"], [0, 5]),
)
def test_a_kill_while_results_get_their_names(made, monkeypatch, tmp_path, words, at, then, earlier):
    if "lmdb" in words:
        pytest.importorskip("lmdb")
    if earlier:
        made(*words, "-s", earlier)
    replace = os.replace

    def killed(source, target):
        name = Path(target).name
        if name in ("12.npz", "data.mdb", "annotations.json") and ".digitseq" not in Path(target).parts:
            if at == "after the name":
                replace(source, target)
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "replace", killed)
        made(*words, "-s", 40)
    if then == "overwrite":
        folder, wanted = made(*words, "-s", 8, "--overwrite"), [("-s", 8)]
    elif then == "resume":
        folder, wanted = made(*words, "--resume"), [("-s", earlier)] * bool(earlier) + [("-s", 40)]
    else:
        folder = made(*words, "-s", 8)
        made(*words, "-s", 8, "--overwrite")
        wanted = [("-s", 8)]
    for size in wanted:
        made(*words, *size, "-o", "once")
    assert results(folder) == results(tmp_path / "once" / "12")
    if "lmdb" in words:
        assert dump(folder) == dump(tmp_path / "once" / "12")
    assert_nothing_unfinished(folder)


def test_a_killed_run_whose_file_has_its_name_is_followed_not_repeated(made, monkeypatch):
    write_runs = RunFolder.write_runs

    def killed(self, runs):
        if runs[-1]["status"] == "finished":
            raise Killed
        write_runs(self, runs)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(RunFolder, "write_runs", killed)
        made("--format", "npz", "-s", 40)
    folder = made("--format", "npz", "-s", 8)
    assert [(run["status"], run["sections"][0]["first"], run["sections"][0]["images"]) for run in runs(folder)] == [
        ("finished", 1, 40),
        ("finished", 41, 8),
    ]
    with np.load(folder / "12.npz") as arrays:
        assert len(arrays["labels"]) == 48


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
