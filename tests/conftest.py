"""What several test files need: banks, and the program run as its user runs it."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import settings
from support.browser import launched, opened
from support.gate import Gate
from support.object_store import ObjectStore, object_store
from support.programs import SCRIPT, fork_server, run_script
from support.skipped import summary

from digitseq.glyphs.bank import GlyphBank
from digitseq.glyphs.loader import load_bank
from digitseq.shell import cli

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the programs that the tests interrupt inherit it

settings.register_profile("no clock", deadline=None)  # the machine may be busy
settings.load_profile("no clock")


def pytest_terminal_summary(terminalreporter):
    """What this run says something about, and what it leaves out."""
    terminalreporter.write_line(
        f"with NumPy {np.__version__}, OpenCV {cv2.__version__}, Python {platform.python_version()}"
    )
    if terminalreporter.config.option.markexpr == "not slow":
        terminalreporter.write_line("the slow tests are left out: -m slow runs them")
    if line := summary(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache directory for the whole test run, in the environment of everything it starts."""
    path = tmp_path_factory.mktemp("cache")
    os.environ["DIGITSEQ_CACHE"] = str(path)
    return path


@pytest.fixture(scope="session")
def train(cache) -> GlyphBank:
    return load_bank("train")


@pytest.fixture(scope="session")
def test_split(cache) -> GlyphBank:
    return load_bank("test")


@pytest.fixture(scope="session")
def forks(cache):
    return fork_server()


@pytest.fixture(scope="session")
def store() -> Iterator[ObjectStore]:
    """An S3 server with a bucket, in the environment of this process and of everything it starts."""
    for package in ("moto", "s3fs", "upath"):
        pytest.importorskip(package)
    with object_store() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield server


@pytest.fixture
def run(tmp_path, forks):
    """run(*arguments): `run.py` in an empty directory; returns the finished process.

    options: as for `subprocess.run`; with others than `cwd`, Python is started anew.
    """

    def call(*arguments, cwd=tmp_path, **options):
        words = [*map(str, arguments)]
        if not options:
            return run_script(forks, words, cwd)
        options = {"capture_output": True, "text": True, "timeout": 120} | options
        return subprocess.run([sys.executable, SCRIPT, *words], cwd=cwd, check=False, **options)

    return call


@pytest.fixture
def start(tmp_path):
    """start(*arguments): the same, still running, in a process group of its own; with a gate if one is given."""
    started = []

    def call(*arguments, gate: Gate | None = None):
        command = [sys.executable, SCRIPT, *map(str, arguments)]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=gate.environment if gate else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def gate_at(tmp_path_factory):
    """gate_at(index): a gate, closed, for `start`."""

    def make(index: int) -> Gate:
        return Gate(tmp_path_factory.mktemp("gates") / "gate", index)

    return make


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd):
    """refused(*arguments): the one line with which the command line refuses them, leaving nothing behind.

    It is called in this process: a start of the program for each of some hundred mistakes would take minutes.
    """
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        before = sorted(tmp_path.rglob("*"))
        capfd.readouterr()
        code = cli.main([*map(str, arguments)])
        said = capfd.readouterr()
        assert (code, said.out) == (2, ""), said
        lines = said.err.splitlines()
        assert len(lines) == 1, lines
        assert sorted(tmp_path.rglob("*")) == before
        return lines[0]

    return call


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    """A running service."""
    pytest.importorskip("fastapi")
    from support.service import serve

    with serve(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("playwright")
    with launched() as running:
        yield running


@pytest.fixture
def page(browser, served):
    """The web page, with its first samples."""
    with opened(browser, served.url) as loaded:
        loaded.goto(served.url)
        loaded.wait_for_selector(".sample")
        yield loaded
