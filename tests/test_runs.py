"""Whole runs: how many, which numbers, the same bytes from any number of processes, and every way to break off."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pytest
from support.cases import first, product
from support.folders import assert_consistent, assert_nothing_unfinished, contents, numbers, pixels, records, sections
from support.folders import runs as recorded
from support.formats import tree
from support.processes import children, wait_for_end, wait_for_images, wait_until

from digitseq import Output, OutputError, Pipeline, Settings, __version__
from digitseq.runs import write_images

LIMIT = 120  # seconds: only there for a test that would wait for ever
PART = 512  # images of the default width that are published together, in runs of up to 98,303


def test_images_and_boxes_are_the_pipelines(run, tmp_path, train):
    assert run("-num", "0070", "-s", 30, "--seed", 9, "-min", 2).returncode == 0
    folder = tmp_path / "output" / "0070"
    batch = Pipeline(Settings("0070", min_spacing=2), train, 9).batch(0, 30)
    assert assert_consistent(folder) == list(range(1, 31))
    for number, record in enumerate(records(folder), 1):
        assert np.array_equal(pixels(folder / f"{number}.png"), batch.images[number - 1])
        assert record["objects"]["bbox"] == batch.boxes[number - 1].tolist()


@pytest.mark.parametrize("extra", first([(), ("-da", "-ra"), ("-iw", 0, "-max", 60)]))
def test_the_same_files_from_any_number_of_processes(run, tmp_path, extra):
    made = []
    for cores in (0, 1, 3, -1):
        out = tmp_path / f"m{cores}"
        assert run("-num", "305", "-s", 2500, "-m", cores, "--seed", 7, "-o", out, *extra).returncode == 0
        made.append((contents(out / "305"), (out / "305" / "metadata.jsonl").read_bytes()))
        assert len(made[-1][0]) == 2500
        assert len(set(made[-1][0].values())) == 2500
    assert all(m == made[0] for m in made)


def test_defaults_of_size(run, tmp_path):
    run("-num", "1")
    run("-num", "2", "-m", 0)
    run("-num", "3", "-m", 64, "-s", 7)
    assert [len(numbers(tmp_path / "output" / n)) for n in "123"] == [1, 100, 7]


def test_a_second_run_appends_and_continues_the_series(run, tmp_path):
    for size in (5, 1, 4):
        assert run("-num", "42", "-s", size, "--seed", 3).returncode == 0
    assert run("-num", "42", "-s", 10, "--seed", 3, "-o", tmp_path / "once").returncode == 0
    folder, once = tmp_path / "output" / "42", tmp_path / "once" / "42"
    assert contents(folder) == contents(once)
    assert (folder / "metadata.jsonl").read_bytes() == (once / "metadata.jsonl").read_bytes()
    assert sections(folder) == [(1, 5, 5, "finished"), (6, 6, 1, "finished"), (7, 10, 4, "finished")]


def test_numbering_goes_on_after_the_highest_number(run, tmp_path):
    folder = tmp_path / "output" / "7"
    folder.mkdir(parents=True)
    for name in ("0041.png", "x9.png", "50.txt", "²3.png"):
        (folder / name).write_bytes(b"mine")
    run("-num", "7", "-s", 2)
    assert [r["file_name"] for r in records(folder)] == ["42.png", "43.png"]
    assert (folder / "0041.png").read_bytes() == b"mine"


@pytest.mark.parametrize(("deleted", "labels"), product([[3], [1, 2, 3], [2]], ["jsonl", "easyocr"]))
def test_the_number_of_a_deleted_image_is_not_given_again(run, tmp_path, labels, deleted):
    """Its line stays where it is: another image of that number would have two, one of them with a wrong text."""
    words = ("--random_digits", 3, 8, "--labels", labels, "-m", 0)
    folder = tmp_path / "output" / "random"
    run(*words, "-s", 3)
    for number in deleted:
        (folder / f"{number}.png").unlink()
    run(*words, "-s", 2)
    assert numbers(folder) == sorted({1, 2, 3, 4, 5} - {*deleted})
    lines = (folder / {"jsonl": "metadata.jsonl", "easyocr": "labels.csv"}[labels]).read_text().splitlines()
    assert [re.search(r"(\d+)\.png", line)[1] for line in lines if ".png" in line] == ["1", "2", "3", "4", "5"]


def test_the_record_tells_how_to_repeat_the_run(run, tmp_path, train):
    first = run("-num", "64", "-s", 3, "-da", "-min", "1")
    record = recorded(tmp_path / "output" / "64")[0]
    assert f"seed {record['seed']}" in first.stdout
    assert record["version"] == __version__
    assert record["dataset"] == {"name": "mnist", "split": "train", "sha256": train.digest}
    settings = Settings(**record["settings"])
    assert settings == Settings("64", data_augmentation=True, min_spacing=1)
    batch = Pipeline(settings, train, record["seed"]).batch(0, record["sections"][0]["last"])
    for number, image in enumerate(batch.images, 1):
        assert np.array_equal(pixels(tmp_path / "output" / "64" / f"{number}.png"), image)


def test_runs_without_a_seed_differ(run, tmp_path):
    run("-num", "64", "-o", "a")
    run("-num", "64", "-o", "b")
    assert contents(tmp_path / "a" / "64") != contents(tmp_path / "b" / "64")


def test_a_second_run_at_the_same_time_is_refused(run, start, tmp_path, gate_at):
    gate = gate_at(PART)
    first = start("-num", "5", "-s", 5000, "-m", 2, gate=gate)
    gate.wait()
    second = run("-num", "5")
    assert second.returncode == 2
    assert "is being written by another run" in second.stderr
    gate.open()
    first.communicate(timeout=LIMIT)
    assert assert_consistent(tmp_path / "output" / "5") == list(range(1, 5001))


def test_a_second_run_in_another_thread_is_refused(tmp_path, train):
    """Locks of files do not keep the threads of one process apart."""
    pipeline, output = Pipeline(Settings("5"), train, 1), Output(output_path=str(tmp_path), size=600)
    refused = []

    def second(_: int) -> None:
        if not refused:
            with pytest.raises(OutputError, match="is being written by another run") as caught:
                write_images(pipeline, output)
            refused.append(caught)

    def both() -> None:
        write_images(pipeline, output, progress=second)

    thread = threading.Thread(target=both)
    thread.start()
    thread.join()
    assert len(refused) == 1
    assert len(assert_consistent(tmp_path / "5")) == 600
    write_images(pipeline, output)
    assert len(assert_consistent(tmp_path / "5")) == 1200


@pytest.mark.parametrize("cores", [0, 2])
def test_a_progress_function_that_fails_leaves_finished_parts_only(tmp_path, train, cores):
    """The workers are dead before what they have made beyond the journal is removed."""

    def fail(_: int) -> None:
        if len(numbers(tmp_path / "5")) >= 3 * PART:
            raise ZeroDivisionError

    pipeline, output = (
        Pipeline(Settings("5"), train, 1),
        Output(output_path=str(tmp_path), size=10_000, multi_core=cores),
    )
    with pytest.raises(ZeroDivisionError):
        write_images(pipeline, output, progress=fail)
    assert multiprocessing.active_children() == []
    listed = assert_consistent(tmp_path / "5")
    assert listed and len(listed) % PART == 0
    report = write_images(pipeline, replace(output, size=None, resume=True, multi_core=2))
    assert (report.count, len(assert_consistent(tmp_path / "5"))) == (10_000, 10_000)


@pytest.mark.parametrize(("sent", "cores"), product([signal.SIGINT, signal.SIGTERM], [0, 2]))
def test_a_signal_stops_and_loses_nothing_that_was_finished(start, run, tmp_path, gate_at, cores, sent):
    gate = gate_at(3 * PART)
    process = start("-num", "5", "-s", 90_000, "-m", cores, "--seed", 3, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_for_images(folder, 3 * PART)
    os.killpg(process.pid, sent)  # as a terminal sends Ctrl-C, and timeout(1) SIGTERM
    if cores == 0:
        gate.open()  # the batch that is being made is the last one
    out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 128 + sent
    assert "Traceback" not in err
    listed = assert_consistent(folder)
    assert listed == list(range(1, len(listed) + 1))
    assert len(listed) % PART == 0
    assert f"{len(listed):,} of 90,000 images are finished" in err
    assert "--resume" in err
    assert sections(folder) == [(1, 90_000, len(listed), "interrupted")]
    assert run("-num", "5", "-s", 10, "--seed", 3).returncode == 0
    once = tmp_path / "once"
    run("-num", "5", "-s", len(listed) + 10, "--seed", 3, "-o", once, "-m", 2)
    assert contents(folder) == contents(once / "5")


def test_sigterm_that_comes_twice_is_one_request(start, tmp_path, gate_at):
    """timeout(1) sends it to the program, and to its process group."""
    gate = gate_at(3 * PART)
    process = start("-num", "5", "-s", 90_000, "-m", 2, gate=gate)
    gate.wait()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    assert "to make the rest, give the same settings and --resume" in err
    assert sections(tmp_path / "output" / "5")[0][3] == "interrupted"


@pytest.mark.parametrize("cores", [0, 2])
def test_a_second_signal_ends_at_once(start, tmp_path, gate_at, cores):
    gate = gate_at(PART)
    process = start("-num", "5", "-s", 5000, "-m", cores, gate=gate)
    gate.wait()
    process.send_signal(signal.SIGTERM)
    if cores == 0:  # it waits at the gate, for ever
        process.send_signal(signal.SIGINT)  # another one, as two of a kind may be delivered as one
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode in (143, 130)
    assert "Traceback" not in err
    assert cores or err == (
        "digitseq: interrupted: stopped at once; finished images are kept: to make the rest, give the same settings and "
        "--resume\n"
    )
    assert_nothing_unfinished(tmp_path / "output" / "5")
    assert numbers(tmp_path / "output" / "5") in ([], list(range(1, PART + 1)))


@pytest.mark.parametrize(("everything", "cores"), product([False, True], [0, 2]))
def test_a_killed_program_is_mended_by_the_next_run(start, run, tmp_path, gate_at, cores, everything):
    gate = gate_at(3 * PART)
    process = start("-num", "5", "-s", 90_000, "-m", cores, "--seed", 3, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_until((folder / "metadata.jsonl").exists)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGKILL) if everything else process.kill()
    process.communicate(timeout=LIMIT)
    wait_for_end(workers)
    with open(folder / "metadata.jsonl", "ab") as file:
        file.write(b'{"file_name": "12')  # and a line that was being written
    (folder / f"{3 * PART + 1}.png").write_bytes(b"")  # a file that its process had no time to fill
    assert run("-num", "5", "-s", 3, "--seed", 3).returncode == 0
    listed = assert_consistent(folder)
    assert [(last, images) for _, last, images, _ in sections(folder)] == [
        (90_000, len(listed) - 3), (len(listed), 3)
    ]  # fmt: skip
    assert run("-num", "5", "-s", max(listed), "--seed", 3, "-o", tmp_path / "once").returncode == 0
    assert contents(folder) == contents(tmp_path / "once" / "5")


@pytest.mark.parametrize("again", [("-s", 2 * PART, "--seed", 8), ("--resume", "--seed", 3)], ids=["new", "resumed"])
def test_workers_that_wake_up_after_their_owner_was_killed_change_nothing(start, run, tmp_path, gate_at, again):
    """A slow disk or SIGSTOP holds them; meanwhile the same folder belongs to another run."""
    gate = gate_at(2 * PART)
    words = ("-num", "5", "-iw", 200, "-m", 2)
    process = start(*words, "-s", 8 * PART, "--seed", 3, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    workers = children(process.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    process.kill()
    process.wait()  # for itself alone: the workers hold its standard streams open
    done = run(*words, *again)
    assert done.returncode == 0
    warned = ["can no longer be resumed" in line for line in done.stderr.splitlines()]
    assert warned == [True] * ("--resume" not in again)
    before = {p.name: (p.stat().st_ino, p.read_bytes()) for p in folder.iterdir() if p.is_file()}
    gate.open()
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    wait_for_end(workers)
    assert {p.name: (p.stat().st_ino, p.read_bytes()) for p in folder.iterdir() if p.is_file()} == before
    listed = assert_consistent(folder)
    for number, record in zip(listed, records(folder), strict=True):
        assert record["file_name"] == f"{number}.png"


def test_a_late_worker_writes_through_a_link_that_is_gone(tmp_path, train):
    """The place at which it matters: between two files of a part."""
    from digitseq.formats import format_of
    from digitseq.formats.base import Job
    from digitseq.formats.parts import PartFiles
    from digitseq.runs.local_folder import remove_directory

    stage, folder = tmp_path / "stage", tmp_path / "folder"
    (stage / "0").mkdir(parents=True)
    folder.mkdir()
    (stage / "folder0").symlink_to("../folder")
    job = Job(Pipeline(Settings("5"), train, 1), "5", 0, 10, ("jsonl",), {"begun": []})
    files = PartFiles(stage / "0", lambda: None, stage / "folder0")
    format_of("png").make(job, 0, 5, files)
    assert numbers(folder) == [1, 2, 3, 4, 5]
    with pytest.raises(FileExistsError):
        format_of("png").make(job, 4, 6, files)  # never over a file that is there
    remove_directory(stage)
    with pytest.raises(FileNotFoundError):
        format_of("png").make(job, 6, 8, files)
    assert numbers(folder) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cores", [0, 2])
def test_a_folder_that_is_moved_during_a_run_ends_it_in_one_line(start, tmp_path, gate_at, cores):
    gate = gate_at(PART)
    process = start("-num", "5", "-s", 5000, "-m", cores, gate=gate)
    gate.wait()
    (tmp_path / "output" / "5").rename(tmp_path / "moved")
    gate.open()
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert len(err.splitlines()) == 1
    assert "cannot write to output/5 (No such file or directory)" in err or "output/5 was moved or removed" in err


@pytest.mark.parametrize(
    ("format_name", "cores", "removed"), product(["png", "webdataset", "npz"], [0, 2], [False, True])
)
def test_a_run_whose_folder_was_replaced_leaves_the_next_run_alone(
    start, run, tmp_path, gate_at, format_name, cores, removed
):
    """The folder is moved or removed while a run waits, and another run makes its own of the same name."""
    gate = gate_at(3 * PART)
    process = start("-num", "5", "-s", 9 * PART, "-m", cores, "--format", format_name, "--seed", 1, gate=gate)
    gate.wait()
    folder = tmp_path / "output" / "5"
    if removed:
        os.killpg(process.pid, signal.SIGSTOP)  # or it would make files while they are removed
        shutil.rmtree(folder)
        os.killpg(process.pid, signal.SIGCONT)
    else:
        folder.rename(tmp_path / "moved")
    assert run("-num", "5", "-s", 9 * PART, "--format", format_name, "--seed", 2).returncode == 0
    others = tree(folder)
    gate.open()
    _, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, len(err.splitlines())) == (1, 1), err
    assert tree(folder) == others


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("cores", [0, 2])
def test_a_disk_that_fills_up_keeps_what_was_finished(run, small_disk, cores):
    done = run("-num", "12", "-s", 5000, "-m", cores, "-o", small_disk, "--seed", 1)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    # a process that the machine keeps waiting may not have finished the first images when others have filled the disk
    listed = assert_consistent(small_disk / "12") if cores == 0 or (small_disk / "12/metadata.jsonl").exists() else []
    assert len(listed) > 300 or cores
    assert f"{len(listed):,} of 5,000 images are finished" in done.stderr


def test_a_full_disk_is_refused_before_anything_is_written(run, small_disk):
    with open(small_disk / "more", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    before = sorted(small_disk.rglob("*"))
    done = run("-num", "12", "-o", small_disk)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert sorted(small_disk.rglob("*")) == before


def test_a_cache_on_a_full_disk_is_done_without(run, small_disk, tmp_path):
    done = run("-num", "12", "-c", small_disk / "cache")
    assert done.returncode == 0
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(numbers(tmp_path / "output" / "12")) == 1


def test_memory_fallback_works_with_several_processes(run, small_disk, tmp_path):
    done = run("-num", "12", "-c", small_disk / "cache", "-m", 2, "-s", 3000)
    assert done.returncode == 0
    assert len(assert_consistent(tmp_path / "output" / "12")) == 3000


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"runs": 3}', '{"runs": [3]}', '{"runs": ' * 2000, "[" * 100_000,
     '{"runs": [{"sections": [{"folder": "", "first": "x", "last": 2, "images": 1, "part_size": 1, "details": {}}], '
     '"format": "png", "journal": 0, "seed": 1}]}',
     '{"runs": [{"sections": [{"folder": "../..", "first": 1, "last": 2, "images": 1, "part_size": 1, "details": {}}], '
     '"format": "png", "journal": 0, "seed": 1}]}',
     '{"runs": [{"sections": 5}]}', '{"runs": [{"sections": [], "journal": "a", "seed": 1, "format": "png"}]}',
     '{"runs": [{"sections": [], "journal": 0, "seed": 1, "format": []}]}'],
)  # fmt: skip
def test_a_foreign_record_is_refused(refused, tmp_path, text):
    folder = tmp_path / "output" / "3"
    (folder / ".digitseq").mkdir(parents=True)
    (folder / "run.json").write_text(text)
    for name in ("lock", "journal.jsonl"):
        (folder / ".digitseq" / name).touch()
    assert "is not a record that digitseq wrote" in refused("-num", "3")


def test_a_foreign_journal_is_refused(run, tmp_path, refused):
    assert run("-num", "3", "-s", 5).returncode == 0
    record = json.loads((tmp_path / "output" / "3" / "run.json").read_text())
    record["runs"][0]["status"] = "running"
    (tmp_path / "output" / "3" / "run.json").write_text(json.dumps(record))
    for line in (b"{\n", b'{"part": 5}\n', b"\xff\n", b"[" * 100_000 + b"\n"):
        (tmp_path / "output" / "3" / ".digitseq" / "journal.jsonl").write_bytes(line)
        assert "is not a journal that digitseq wrote" in refused("-num", "3")
