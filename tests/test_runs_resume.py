"""`--resume`: whatever killed a run, its end is that of a run that nothing killed, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.cases import first, product, slow_unless
from support.folders import assert_nothing_unfinished, numbers, records, runs, sections
from support.formats import FORMATS, SHARDED, dump, shards, tree
from support.paths import ROOT
from support.processes import children, wait_for_end, wait_for_images, wait_until

from digitseq import DigitseqWarning, Output, Pipeline, Settings
from digitseq.runs import write_images

LABELS = ("--labels", "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")
LIMIT = 120  # seconds: only there for a test that would wait for ever
WHOLE = {"webdataset": "5-000002.tar", "parquet": "5-00002.parquet", "png": "1536.png"}


def arguments(format_name: str, cores: int = 2) -> tuple[object, ...]:
    return (
        "-num",
        "5",
        "-s",
        6000,
        "-m",
        cores,
        "--seed",
        7,
        "--format",
        format_name,
        *shards(format_name, 300),
        "-iw",
        30,
    )


def assert_the_same(folder, once, format_name) -> None:
    assert tree(folder) == tree(once)
    if format_name == "lmdb":
        assert dump(folder) == dump(once)
    assert_nothing_unfinished(folder)


@pytest.mark.parametrize("who", first(["parent", "all", "interrupt"]))
@pytest.mark.parametrize(
    ("format_name", "cores", "labels"),
    [
        slow_unless(cores and name in ("png", "webdataset"), name, cores, labels)
        for name, cores, labels in (("png", 0, ()), ("png", 2, LABELS), *((name, 2, ()) for name in FORMATS[1:]))
    ],
)
def test_killed_at_a_gate_and_resumed_is_the_same_as_never_killed(
    start, run, tmp_path, gate_at, format_name, cores, labels, who
):
    gate, words = gate_at(3000), (*arguments(format_name, cores), *labels)
    process = start(*words, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    workers = children(process.pid)
    if who == "parent":
        process.kill()
    elif who == "all":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
        if cores == 0:
            gate.open()
    process.communicate(timeout=LIMIT)
    wait_for_end(workers)
    # with other processes, and without a size: those of the run are recorded
    done = run(*[word for word in words if word not in ("-s", 6000)], "-m", 1, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*words, "-o", "once").returncode == 0
    assert_the_same(folder, tmp_path / "once" / "5", format_name)
    again = run(*words, "--resume")
    assert (again.returncode, again.stdout) == (0, "output/5: the last run is already complete\n")


@pytest.mark.parametrize("format_name", first(FORMATS, plain=2))
def test_what_is_finished_is_not_made_again(start, run, tmp_path, gate_at, format_name):
    """A resumed run does not ask for the images before the gate: a second, closed gate would hold it."""
    process = start(*arguments(format_name, 0), gate=(gate := gate_at(3000)))
    gate.wait()
    process.send_signal(signal.SIGTERM)
    gate.open()
    process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    made = sections(tmp_path / "output" / "5")[0][2]
    assert made > 0
    made_before = run(*arguments(format_name, 0), "--resume", env=gate_at(0).environment | {"GATE_BELOW": str(made)})
    assert made_before.returncode == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--seed", "8"], "its seed is 7, not 8"),
        (["-s", "31"], "its size is 30, not 31"),
        (["-max", "9"], "its max_spacing is 10, not 9"),
        (["-da"], "its data_augmentation is false, not true"),
        (["--format", "webdataset"], 'its format is "png", not "webdataset"'),
        (["--labels", "txt"], 'its labels is ["jsonl"], not ["txt"]'),
        (["--split", "test"], 'its split is "train", not "test"'),
        (["--split_ratio", "1", "0", "0"], "its split_ratio is null"),
    ],
)
def test_another_run_is_not_resumed(run, tmp_path, changed, message):
    assert run("-num", "5", "-s", 30, "--seed", 7).returncode == 0
    before = tree(tmp_path / "output")
    done = run("-num", "5", "--resume", *changed)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree(tmp_path / "output") == before


@pytest.mark.parametrize("missing", ["3.png", "700.png", "metadata.jsonl", "gt.txt"])
def test_what_has_gone_since_is_made_again(run, tmp_path, missing):
    words = ("-num", "5", "-s", 900, "--seed", 7, "-iw", 200, "--labels", "jsonl", "txt")
    run(*words)
    folder = tmp_path / "output" / "5"
    record, expected = json.loads((folder / "run.json").read_text()), tree(folder)
    record["runs"][0]["status"] = "running"
    (folder / "run.json").write_text(json.dumps(record))
    (folder / missing).unlink()
    (folder / "4.png").write_bytes(expected["4.png"][:50])
    done = run(*words, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(folder) == expected


def test_an_image_that_is_gone_does_not_hide_what_workers_left_far_behind_it(start, run, tmp_path, gate_at):
    """The first part has to be made again; images that workers made ahead of the journal begin after the last one."""
    part = 512
    words = ("-num", "5", "-s", 16 * part, "-m", 2, "--seed", 7)
    process = start(*words, gate=(gate := gate_at(12 * part)))
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_for_images(folder, 12 * part)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    wait_for_end(workers)
    (folder / f"{12 * part + 1}.png").write_bytes(b"")  # a file that its process had no time to fill
    (folder / "1.png").unlink()
    done = run(*words, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert run(*words, "-o", "once").returncode == 0
    assert_the_same(folder, tmp_path / "once" / "5", "png")


class Killed(BaseException):
    """Stands for a kill at a place."""


@pytest.mark.parametrize("removed", [0, 300, 512, 700, 1024])
def test_a_resume_that_is_killed_while_it_takes_parts_back_is_mended_by_a_new_run(
    tmp_path, train, monkeypatch, removed
):
    pipeline, output, part = Pipeline(Settings("5"), train, 7), Output(output_path=str(tmp_path), size=3 * 512), 512
    write_images(pipeline, output)
    folder, left = tmp_path / "5", iter(range(removed))
    record = json.loads((folder / "run.json").read_text())
    record["runs"][0]["status"] = "running"
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "1.png").unlink()
    unlink = Path.unlink

    def unlink_or_die(path, **options):
        if path.suffix == ".png" and next(left, None) is None:
            raise Killed
        unlink(path, **options)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Path, "unlink", unlink_or_die)
        write_images(pipeline, replace(output, resume=True))
    with pytest.warns(DigitseqWarning, match="can no longer be resumed"):
        write_images(pipeline, replace(output, size=5))
    finished = (2 - removed // 512) * part
    assert numbers(folder) == list(range(2 if finished else 1, finished + 6))
    assert [r["file_name"] for r in records(folder)] == [f"{n}.png" for n in range(1, finished + 6)]


@pytest.mark.parametrize("format_name", first(FORMATS, plain=2))
def test_the_next_run_without_resume_goes_on_after_what_is_there(start, run, tmp_path, gate_at, format_name):
    process = start(*arguments(format_name), gate=(gate := gate_at(3000)))
    folder = tmp_path / "output" / "5"
    gate.wait()
    if format_name in WHOLE:
        wait_until((folder / WHOLE[format_name]).exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    assert run("-num", "5", "-s", 10, "--seed", 7, "-iw", 30, "--format", format_name).returncode == 0
    first, second = sections(folder)
    assert (first[3], second[3]) == ("interrupted", "finished")
    assert second[:3] == (first[2] + 1, first[2] + 10, 10)
    assert (first[2] > 0) == (format_name in ("png", *SHARDED))
    assert_nothing_unfinished(folder)


@pytest.mark.parametrize(
    ("sent", "format_name"), product([signal.SIGINT, signal.SIGKILL], ["png", "webdataset", "npz"])
)
def test_a_new_run_warns_that_the_interrupted_one_can_no_longer_be_resumed(
    start, run, tmp_path, gate_at, format_name, sent
):
    process = start(*arguments(format_name), gate=(gate := gate_at(3000)))
    gate.wait()
    process.send_signal(sent)
    process.communicate(timeout=LIMIT)
    words = ("-num", "5", "-s", 10, "-iw", 30, "--format", format_name)
    warning = (
        "digitseq: warning: the interrupted run of 6,000 images in output/5 can no longer be resumed: this run follows "
        "it. To finish a run, give its settings again and --resume first\n"
    )
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, warning)
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")  # the last run is now one that has finished


def test_a_refused_new_run_leaves_the_interrupted_one_to_be_resumed(start, run, tmp_path, gate_at):
    words = arguments("npz")
    process = start(*words, gate=(gate := gate_at(3000)))
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_until(lambda: list((folder / ".digitseq").glob("kept/0/*.arrays")))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    (folder / "5.npz").write_bytes(b"no npz file")
    done = run(*words)
    assert done.returncode == 2
    assert "5.npz is not a file that digitseq wrote" in done.stderr and len(done.stderr.splitlines()) == 1
    (folder / "5.npz").unlink()
    assert list((folder / ".digitseq").glob("kept/0/*.arrays"))
    assert run(*words, "--resume").returncode == 0
    assert run(*words, "-o", "once").returncode == 0
    assert_the_same(folder, tmp_path / "once" / "5", "npz")


@pytest.mark.parametrize("format_name", FORMATS)
def test_resuming_a_finished_run_changes_nothing(run, tmp_path, format_name):
    words = ("-num", "5", "-s", 40, "--seed", 7, "--format", format_name)
    assert run(*words).returncode == 0
    before = tree(tmp_path / "output")
    done = run(*words, "--resume")
    assert (done.returncode, done.stdout) == (0, "output/5: the last run is already complete\n")
    assert tree(tmp_path / "output") == before
    assert_nothing_unfinished(tmp_path / "output" / "5")


def test_a_full_disk_leaves_whole_shards_only(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        for format_name in FORMATS[1:]:
            words = ("-num", "12", "-s", 9000, "-m", 2, "-o", disk, "--seed", 1, *shards(format_name, 100))
            done = run(*words, "--format", format_name)
            assert done.returncode == 1, (format_name, done)
            assert "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr
            there = [p for p in (disk / "12").iterdir() if p.suffix in (".tar", ".parquet", ".npz", ".mdb")]
            assert (len(there) > 0) == (format_name in SHARDED)
            last = runs(disk / "12")[-1]
            # where whole shards fill the disk to its last block, the next run finds out from the journal
            assert last["status"] in ("interrupted", "running")
            if format_name in SHARDED:
                assert f"{100 * len(there):,} of 9,000 images are finished" in done.stderr
            shutil.rmtree(disk / "12")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_importing_the_command_line_loads_no_format():
    code = "import sys, digitseq.shell.cli; sys.exit(any(m in sys.modules for m in ('lmdb', 'pyarrow', 'tarfile', 'zipfile')))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_whole_command_begins_what_it_would_resume(run, tmp_path):
    """A job that is queued again gives the same command, also if it was ended before it had written anything."""
    words = ("-num", 5, "-s", 30, "--resume")
    for incomplete in (words, ("-num", 5, "--seed", 7, "--resume")):
        assert "has no run to resume" in run(*incomplete).stderr
    for _ in range(2):
        assert run(*words, "--seed", 7).returncode == 0
    assert sections(tmp_path / "output" / "5") == [(1, 30, 30, "finished")]
