"""Worker processes that are killed: what they had in hand is made again, and the run ends as if nothing had been."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest
from support.cases import first
from support.folders import assert_consistent, assert_nothing_unfinished
from support.formats import dump, shards, tree
from support.processes import children, wait_until

PART = 512  # images of the default width that are published together, in runs of up to 98,303
LIMIT = 120  # seconds: only there for a test that would wait for ever
LABELS = ("--labels", "jsonl", "tesseract", "--masks")
CASES = [("png", LABELS), ("png", ("--split_ratio", "0.5", "0.3", "0.2")), ("lmdb", ()), ("webdataset", ())]


@pytest.mark.parametrize(
    ("format_name", "more"), [pytest.param(*case.values[0], marks=case.marks) for case in first(CASES)]
)
def test_a_run_whose_workers_are_killed_ends_as_any_other(start, run, tmp_path, gate_at, format_name, more):
    gate = gate_at(2000)
    words = ("-num", "5", "-s", 6000, "--seed", 7, "--format", format_name, *shards(format_name, 300), *more)
    process = start(*words, "-m", 2, gate=gate)
    gate.wait()
    killed = children(process.pid)
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len({*children(process.pid)} - {*killed}) == 2)
    gate.open()
    out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")
    assert "6,000 images" in out
    assert run(*words, "-o", "once").returncode == 0
    folder, once = tmp_path / "output" / "5", tmp_path / "once" / "5"
    assert tree(folder) == tree(once)
    if format_name == "lmdb":
        assert dump(folder) == dump(once)
    assert_nothing_unfinished(folder)


def test_images_that_a_killed_worker_had_written_are_made_again(start, tmp_path, gate_at):
    """They have their final names already, and nothing is ever written over an image."""
    gate = gate_at(3 * PART)
    process = start("-num", "5", "-s", 5 * PART, "-m", 2, "--seed", 3, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    left = folder / f"{4 * PART}.png"
    left.write_bytes(b"half an ima")  # of the part that waits at the gate, as if it were being written
    for worker in children(process.pid):
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not left.exists())
    gate.open()
    _, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")
    assert len(assert_consistent(folder)) == 5 * PART


def test_a_run_whose_workers_die_again_and_again_breaks_off(start, run, tmp_path, gate_at):
    gate = gate_at(4 * PART)
    words = ("-num", "5", "-s", 8 * PART, "--seed", 3)
    process = start(*words, "-m", 2, gate=gate)
    folder = tmp_path / "output" / "5"
    gate.wait()
    wait_until((folder / "metadata.jsonl").exists)  # the row of deaths begins after a part

    def kill_all() -> bool:
        for pid in children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return process.poll() is not None

    wait_until(kill_all)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "a worker process was killed or ran out of memory, 3 times in a row" in err
    assert "Traceback" not in err
    listed = assert_consistent(folder)
    assert f"{len(listed):,} of {8 * PART:,} images are finished" in err
    assert run(*words, "--resume").returncode == 0
    assert len(assert_consistent(folder)) == 8 * PART
