"""Locks on files: who gets them, and when they end."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest
from support.paths import ROOT

from digitseq.files.file_lock import FileLock

HOLD = """
import sys, time
from pathlib import Path
from digitseq.files.file_lock import FileLock
with FileLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, tmp_path / "lock"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_another_process_does_not_get_a_lock_that_is_held(tmp_path, holder):
    lock = FileLock(tmp_path / "lock")
    assert not lock.acquire() and lock.file is None


def test_a_lock_ends_with_its_process_however_that_dies(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert FileLock(tmp_path / "lock").acquire()


def test_whoever_waits_gets_the_lock_when_it_is_given_back(tmp_path, holder, monkeypatch):
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        holder.communicate()  # ends its input, and waits for its end

    monkeypatch.setattr("time.sleep", pause)
    with FileLock(tmp_path / "lock") as lock:
        assert lock.file is not None
    assert len(pauses) == 1 and lock.file is None


def test_a_lock_can_be_taken_again_and_its_file_stays(tmp_path):
    lock = FileLock(tmp_path / "lock")
    for _ in range(2):
        assert lock.acquire()
        lock.release()
    assert (tmp_path / "lock").read_bytes() == b""


def test_an_error_of_the_file_system_is_not_taken_for_a_lock_that_is_held(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refused)
    with pytest.raises(OSError, match="No locks"):
        FileLock(tmp_path / "lock").acquire()
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "missing" / "lock").acquire()
