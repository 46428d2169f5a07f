"""Whole runs: how many, which numbers, the same bytes from any number of processes, and every way to break off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from support.folders import assert_consistent, contents, numbers, pixels, records
from support.processes import children, wait_for_end, wait_for_images

from digitseq import Pipeline, Settings
from digitseq.version import __version__


def test_images_and_boxes_are_the_pipelines(run, tmp_path, train):
    assert run("-num", "0070", "-s", 30, "--seed", 9, "-min", 2).returncode == 0
    folder = tmp_path / "output" / "0070"
    batch = Pipeline(Settings("0070", min_spacing=2), train, 9).batch(0, 30)
    assert assert_consistent(folder) == list(range(1, 31))
    for number, record in enumerate(records(folder), 1):
        assert np.array_equal(pixels(folder / f"{number}.png"), batch.images[number - 1])
        assert record["objects"]["bbox"] == batch.boxes[number - 1].tolist()


@pytest.mark.parametrize("extra", [(), ("-da", "-ra"), ("-iw", 0, "-max", 60)], ids=["plain", "augmented", "free"])
def test_the_same_files_from_any_number_of_processes(run, tmp_path, extra):
    made = []
    for cores in (0, 1, 2, 4, -1):
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
    runs = json.loads((folder / "run.json").read_text())["runs"]
    assert [(r["first"], r["last"], r["images"], r["status"]) for r in runs] == [
        (1, 5, 5, "finished"), (6, 6, 1, "finished"), (7, 10, 4, "finished"),
    ]  # fmt: skip


def test_numbering_goes_on_after_the_highest_number(run, tmp_path):
    folder = tmp_path / "output" / "7"
    folder.mkdir(parents=True)
    for name in ("0041.png", "x9.png", "50.txt", "²3.png"):
        (folder / name).write_bytes(b"mine")
    run("-num", "7", "-s", 2)
    assert [r["file_name"] for r in records(folder)] == ["42.png", "43.png"]
    assert (folder / "0041.png").read_bytes() == b"mine"


def test_the_record_tells_how_to_repeat_the_run(run, tmp_path, train):
    first = run("-num", "64", "-s", 3, "-da", "-min", "1")
    record = json.loads((tmp_path / "output" / "64" / "run.json").read_text())["runs"][0]
    assert f"seed {record['seed']}" in first.stdout
    assert record["version"] == __version__
    assert record["dataset"] == {"name": "mnist", "split": "train", "sha256": train.digest}
    settings = Settings(**record["settings"])
    assert settings == Settings("64", data_augmentation=True, min_spacing=1)
    batch = Pipeline(settings, train, record["seed"]).batch(record["first"] - 1, record["last"])
    for number, image in enumerate(batch.images, 1):
        assert np.array_equal(pixels(tmp_path / "output" / "64" / f"{number}.png"), image)


def test_runs_without_a_seed_differ(run, tmp_path):
    run("-num", "64", "-o", "a")
    run("-num", "64", "-o", "b")
    assert contents(tmp_path / "a" / "64") != contents(tmp_path / "b" / "64")


def test_a_second_run_at_the_same_time_is_refused(run, start, tmp_path):
    first = start("-num", "5", "-s", 200_000, "-m", 2)
    wait_for_images(tmp_path / "output" / "5", 300)
    second = run("-num", "5")
    assert second.returncode == 2
    assert "is being written by another run" in second.stderr
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert_consistent(tmp_path / "output" / "5")


@pytest.mark.parametrize("cores", [0, 2])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_within_a_second_and_loses_nothing(start, run, tmp_path, cores, sent):
    process = start("-num", "5", "-s", 500_000, "-m", cores, "--seed", 3)
    folder = tmp_path / "output" / "5"
    wait_for_images(folder, 1000)
    began = time.monotonic()
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # a terminal sends Ctrl-C to the whole group
    else:
        process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 3  # a second, and what a loaded machine adds
    assert process.returncode == 130
    assert "Traceback" not in err
    listed = assert_consistent(folder)
    assert f"{len(listed):,} of 500,000 images are finished" in err
    assert f"--seed 3 -s {500_000 - len(listed)}" in err
    assert listed == list(range(1, len(listed) + 1))
    record = json.loads((folder / "run.json").read_text())["runs"][-1]
    assert (record["status"], record["images"]) == ("interrupted", len(listed))
    assert run("-num", "5", "-s", 10, "--seed", 3).returncode == 0
    once = tmp_path / "once"
    run("-num", "5", "-s", len(listed) + 10, "--seed", 3, "-o", once, "-m", 2)
    assert contents(folder) == contents(once / "5")


def test_a_killed_worker_is_an_error_and_loses_nothing(start, tmp_path):
    process = start("-num", "5", "-s", 500_000, "-m", 2)
    folder = tmp_path / "output" / "5"
    wait_for_images(folder, 2000)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "a worker process was killed" in err
    assert "Traceback" not in err
    listed = assert_consistent(folder)
    assert f"{len(listed):,} of 500,000 images are finished" in err


def test_a_killed_program_leaves_whole_images_and_the_next_run_lists_them(start, run, tmp_path):
    process = start("-num", "5", "-s", 500_000, "-m", 2, "--seed", 3)
    folder = tmp_path / "output" / "5"
    wait_for_images(folder, 2000)
    workers = children(process.pid)
    process.kill()
    process.communicate(timeout=30)
    wait_for_end(workers)
    with open(folder / "metadata.jsonl", "ab") as file:
        file.write(b'{"file_name": "12')  # and a line that was being written
    assert run("-num", "5", "-s", 3, "--seed", 3).returncode == 0
    listed = assert_consistent(folder)
    assert len(listed) >= 2003
    runs = json.loads((folder / "run.json").read_text())["runs"]
    assert [(r["status"], r["images"]) for r in runs] == [("interrupted", len(listed) - 3), ("finished", 3)]


@pytest.mark.parametrize("cores", [0, 2])
def test_everything_killed_at_once_is_mended_by_the_next_run(start, run, tmp_path, cores):
    process = start("-num", "5", "-s", 500_000, "-m", cores, "--seed", 3)
    folder = tmp_path / "output" / "5"
    wait_for_images(folder, 1500)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    highest = max(numbers(folder))
    (folder / f"{highest}.png").write_bytes(b"")  # a file that its process had no time to fill
    assert run("-num", "5", "-s", 3, "--seed", 3).returncode == 0
    listed = assert_consistent(folder)
    assert run("-num", "5", "-s", max(listed), "--seed", 3, "-o", tmp_path / "once").returncode == 0
    once = contents(tmp_path / "once" / "5")
    assert all(once[name] == data for name, data in contents(folder).items())


@pytest.mark.parametrize("cores", [0, 2])
def test_a_killed_program_leaves_no_torn_file_under_a_final_name(start, tmp_path, cores):
    for attempt in range(5):
        process = start("-num", "5", "-s", 500_000, "-m", cores, "-o", tmp_path / f"{attempt}")
        folder = tmp_path / f"{attempt}" / "5"
        wait_for_images(folder, 300 * attempt + 1)
        workers = children(process.pid)
        process.kill()
        process.communicate(timeout=30)
        wait_for_end(workers)
        for number in numbers(folder):
            assert pixels(folder / f"{number}.png").shape == (28, 200)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, where the machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
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
    listed = assert_consistent(small_disk / "12")
    assert len(listed) > 300
    assert f"{len(listed):,} of 5,000 images are finished" in done.stderr


def test_a_full_disk_is_refused_before_anything_is_written(run, small_disk):
    (small_disk / "filler").write_bytes(b"x" * (2 * 2**20 - 4096 * 2))
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
    done = run("-num", "12", "-c", small_disk / "cache", "--split", "test")
    assert done.returncode == 0
    assert "No space left on device" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(numbers(tmp_path / "output" / "12")) == 1


def test_memory_fallback_works_with_several_processes(run, small_disk, tmp_path):
    done = run("-num", "12", "-c", small_disk / "cache", "-m", 2, "-s", 3000)
    assert done.returncode == 0
    assert len(assert_consistent(tmp_path / "output" / "12")) == 3000


def test_a_foreign_record_is_refused(refused, tmp_path):
    folder = tmp_path / "output" / "3"
    folder.mkdir(parents=True)
    for text in ("{", "[]", '{"runs": 3}', '{"runs": [3]}'):
        (folder / "run.json").write_text(text)
        (folder / ".digitseq.lock").touch()
        assert "is not a record that digitseq wrote" in refused("-num", "3")
