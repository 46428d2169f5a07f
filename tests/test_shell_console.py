"""Whatever has become of the standard streams, and whatever goes wrong: a line and an exit code, and whole images."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from support.cases import product
from support.folders import numbers, pixels
from support.paths import ROOT

from digitseq.shell import cli, console
from digitseq.shell.commands import numbers_sequence

LISTS = [["--help"], ["--version"], ["--list_datasets"], ["--list_augmentations"]]
SAYS_SO = "digitseq: error: cannot print to standard output (No space left on device): "


@pytest.fixture
def shell(tmp_path):
    """shell(redirection, *arguments): `run.py` in an empty directory, with streams as the shell gives them."""

    def call(redirection, *arguments, **environment):
        command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, str(ROOT / "run.py")]
        return subprocess.run(
            [*command, *map(str, arguments)], cwd=tmp_path, env=os.environ | environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return call


@pytest.mark.parametrize(
    ("redirection", "cores"), product(["2>&-", ">&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"], [[], ["-m", 2]])
)
def test_a_run_does_not_need_its_streams(shell, tmp_path, redirection, cores):
    done = shell(redirection, "-num", 12, "-s", 300, "--seed", 1, *cores)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("300 images" in done.stdout) == (">&-" not in redirection.replace("2>&-", ""))
    folder = tmp_path / "output" / "12"
    assert numbers(folder) == list(range(1, 301))
    assert all(pixels(folder / f"{number}.png").shape == (28, 200) for number in (1, 150, 300))


@pytest.mark.parametrize("redirection", ["2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_an_error_that_nobody_can_be_told_has_its_exit_code(shell, tmp_path, redirection):
    done = shell(redirection, "-num", "12a")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("asked", "unbuffered"), product(LISTS, ["", "1"]))
def test_a_list_that_cannot_be_printed_is_one_line(shell, asked, unbuffered):
    done = shell(">/dev/full", *asked, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(SAYS_SO)
    assert len(done.stderr) < 500


@pytest.mark.parametrize(("asked", "redirection"), product(LISTS, ["2>&-", ">&-", "<&- >&- 2>&-"]))
def test_a_list_whose_streams_are_closed(shell, asked, redirection):
    done = shell(redirection, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) == (redirection == "2>&-")


@pytest.mark.parametrize("asked", [*LISTS, ["-num", "12"]], ids=lambda asked: asked[0])
def test_a_reader_that_has_gone_is_no_traceback(tmp_path, asked):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "run.py"), *asked]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=120, check=False, cwd=tmp_path)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def code_of(error: BaseException, capsys) -> tuple[int, str]:
    def program() -> int:
        raise error

    code = console.run_program("prog", program)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("prog: ") and said.err.count("\n") == 1
    return code, said.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MemoryError(), 1, "not enough memory"),
        (OSError(24, "Too many open files", "/some/where"), 1, "/some/where: Too many open files"),
        (OSError("odd"), 1, "odd"),
        (RuntimeError("can't start new thread"), 1, "no further thread"),
        (ImportError("libx.so: failed to map segment\nfrom shared object"), 2, "libx.so: failed to map segment: install"),
        (console.RunError("from a \x1b[2J server\r\n"), 1, r"from a \x1b[2J server\r\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
def test_errors_are_one_line(capsys, error, code, message):
    found, said = code_of(error, capsys)
    assert found == code
    assert message in said


def test_a_fault_of_the_program_itself_is_not_hidden(capsys):
    with pytest.raises(RuntimeError, match="else"):
        code_of(RuntimeError("something else"), capsys)


@pytest.mark.parametrize("arguments", [["-num", "12", "-s", "3", "--quiet"], ["--list_datasets"], ["-num", "x"]])
def test_the_command_line_works_in_a_thread(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    codes = []
    thread = threading.Thread(target=lambda: codes.append(cli.main(arguments)))
    thread.start()
    thread.join(60)
    assert codes == [2 if "x" in arguments else 0]
    assert (tmp_path / "output" / "12" / "3.png").exists() == ("12" in arguments)


def test_the_commands_work_in_a_thread(tmp_path):
    codes = []
    arguments = ["--sequence", "12", "--output-path", str(tmp_path)]
    thread = threading.Thread(target=lambda: codes.append(numbers_sequence(arguments)))
    thread.start()
    thread.join(60)
    assert codes == [0]


@pytest.mark.parametrize("name", ["numpy", "isal"])
@pytest.mark.parametrize(
    ("code", "reason"), [(None, "No module named"), ("raise ImportError('libx.so: no')", "libx.so: no")]
)
def test_a_package_that_is_missing_or_broken_is_one_line(run, tmp_path, name, code, reason):
    (tmp_path / name).mkdir()
    missing = f"raise ModuleNotFoundError({f'No module named {name!r}'!r}, name={name!r})"
    (tmp_path / name / "__init__.py").write_text(code or missing)
    done = run("-num", "1", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("digitseq: error: ")
    assert name in done.stderr or reason in done.stderr
    assert "pip install" in done.stderr
    assert not (tmp_path / "output").exists()


def test_a_profiler_gets_what_it_asked_for(tmp_path):
    profiled = [sys.executable, "-m", "cProfile", "-o", "profile", str(ROOT / "run.py"), "-num", "1", "--quiet"]
    subprocess.run(profiled, cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "profile").stat().st_size > 1000


@pytest.mark.parametrize("thread", [False, True], ids=["alone", "with a thread"])
def test_the_end_of_the_process_loses_nothing(tmp_path, thread):
    code = (
        "import atexit, sys, threading; from pathlib import Path; from digitseq.shell.console import end_process\n"
        "begun = threading.Event(); main = threading.main_thread()\n"
        "def last():\n    begun.set(); main.join(); Path('thread').touch()\n"
        f"if {thread}:\n    threading.Thread(target=last).start(); begun.wait()\n"
        "atexit.register(Path('atexit').touch); sys.stdout.write('out'); sys.stderr.write('err'); end_process(7)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (7, "out", "err")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["atexit"] + ["thread"] * thread
