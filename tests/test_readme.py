"""What the README says is true: its commands and snippets run in order, and its tables, trees and pictures are real."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.folders import assert_nothing_unfinished
from support.paths import ROOT
from support.service import serve

from digitseq.augment import OPERATIONS
from digitseq.formats import FORMATS
from digitseq.labels import LABEL_FORMATS
from digitseq.runs.card import LEAST
from digitseq.settings import SOURCES

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)  # (language, content), in order
SHELL = [content for language, content in BLOCKS if language == "sh"]
SET_UP = "python3 -m venv .venv && .venv/bin/pip install "
SERVICE = "http://127.0.0.1:8000"  # where the README's service listens
FEW = 200  # images of a command in the quick form of the test


def table(title: str) -> list[list[str]]:
    """The cells of each row of the first table with this text in its head."""
    rows = TEXT[TEXT.index(title) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in rows]


def help_of(*program: str) -> str:
    done = subprocess.run(
        [sys.executable, *program, "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "1000"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()


def test_it_is_short():
    assert len(TEXT.encode()) <= 13_900


def test_the_first_two_blocks_set_up_and_run():
    for command in SHELL[:2]:
        assert len(command.splitlines()) == 1
        assert command.startswith(SET_UP)
    assert SHELL[0].rstrip().endswith("run.py -num 123456")
    assert SHELL[1].rstrip().endswith("-m pytest")


@pytest.mark.parametrize("most", [FEW, pytest.param(None, marks=pytest.mark.slow)])
def test_commands_and_snippets_run_in_order(most, tmp_path, cache):
    """All of them in one directory, from top to bottom; `most`: the most images that a command makes."""
    for name in ("run.py", "config.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (tmp_path / "bin" / "python3").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
    }  # fmt: skip

    def run(*words: str) -> None:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert "warning" not in done.stderr, (words, done.stderr)

    for language, content in BLOCKS:
        if language == "python":
            if "torch" not in content or find_spec("torch"):
                (tmp_path / "snippet.py").write_text(content, encoding="utf-8")
                run(sys.executable, "snippet.py")
        elif language == "text":
            check_tree(tmp_path, content, most)
        elif language == "json":
            lines = (tmp_path / "output" / "random" / "metadata.jsonl").read_text().splitlines()
            assert content.strip() in lines, f"show one of these instead: {lines[:5]}"
        else:
            for line in content.splitlines():
                if command := runnable(line, most, cache):
                    with_service(command, run, tmp_path)
    for folder in (tmp_path / "output").rglob(".digitseq"):
        assert_nothing_unfinished(folder.parent)


def runnable(line: str, most: int | None, cache: Path) -> str | None:
    """What a test executes of a line of a shell block; None: nothing, as it needs a network or what is missing here."""
    if line.startswith(SET_UP):  # the packages are installed already; the tests are running
        line = line.rpartition(" && ")[2].replace(".venv/bin/python", "python3")
        return None if "pytest" in line else line
    if line.startswith("pip install") or "--download" in line or line.endswith(("digitseq.service", "--web")):
        return None
    if "--dask" in line and not find_spec("distributed"):
        return None
    if "--phone" in line and not find_spec("phonenumbers"):
        return None
    if "--dataset emnist-byclass" in line and not have_emnist(cache):
        return None
    size = re.search(r"(?<= -s )\d+", line)
    if size and most and int(size[0]) > most:
        line = line[: size.start()] + str(most) + line[size.end() :] + " --card" * (int(size[0]) >= LEAST)
    return line


def have_emnist(cache: Path) -> bool:
    """Put EMNIST's test files into the cache, if they are stored beside the checkout."""
    files = list((ROOT.parent / "shared" / "data" / "emnist").glob("emnist-byclass-test-*.gz"))
    (cache / "emnist").mkdir(exist_ok=True)
    for path in files:
        if not (cache / "emnist" / path.name).exists():
            (cache / "emnist" / path.name).symlink_to(path)
    return len(files) == 2


def with_service(command: str, run, folder: Path) -> None:
    """Run `command`, with the service beside it where it asks for one."""
    if SERVICE not in command:
        run("bash", "-euo", "pipefail", "-c", command)
    elif find_spec("fastapi"):
        with serve(folder) as served:
            run("bash", "-euo", "pipefail", "-c", command.replace(SERVICE, served.url).replace("curl ", "curl -sf "))
        assert (folder / command.split()[2]).read_bytes().startswith(b"\x89PNG")


def check_tree(folder: Path, shown: str, most: int | None) -> None:
    """`shown` is how `tree` draws the directory that it names, with the numbered images in one line."""
    top = folder / shown.splitlines()[0]
    if most:
        shown = re.sub(r"1\.png … \d+\.png", f"1.png … {most}.png", shown)
    assert shown.splitlines() == [f"{top.relative_to(folder)}/", *tree_lines(top)]


def tree_lines(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".png")
    numbers = sorted(int(path.stem) for path in folder.glob("*.png"))
    if numbers:
        assert numbers == list(range(1, len(numbers) + 1))
        names = sorted([*names, f"1.png … {len(numbers)}.png"])
    lines = []
    for name in names:
        last = name == names[-1]
        directory = (folder / name).is_dir()
        lines.append(("└── " if last else "├── ") + name + "/" * directory)
        if directory:
            lines += [("    " if last else "│   ") + line for line in tree_lines(folder / name)]
    return lines


def test_flags_exist():
    flags = set(re.findall(r"(?<![\w-])--?[a-z]\w*", help_of("run.py") + help_of("-m", "digitseq.service")))
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    named = {word for span in re.findall(r"`(-[^`]*)`", prose) for word in span.split() if re.match(r"--?[a-z]", word)}
    commands = [line for line in "".join(SHELL).splitlines() if "run.py" in line and not line.startswith(SET_UP)]
    used = {word for line in commands for word in shlex.split(line) if re.match(r"--?[a-z]", word)}
    assert len(named) > 20
    assert (named | used) - {"-"} <= flags


@pytest.mark.parametrize("row", table("| flag | meaning |"), ids=lambda row: row[0].split(", ")[-1].strip("`"))
def test_defaults_and_ranges_are_true(row, refused):
    flags, meaning, default, bounds = row
    names = re.findall(r"`(-[^`]+)`", flags)
    (line,) = re.findall(rf"^  (?=-)(?:\S+, )*{names[-1]}\b.*\n(?:    +.*\n)*", help_of("run.py"), re.MULTILINE)
    assert all(re.search(rf"{name}\b", line) for name in names)
    stated = re.search(r"\(default: (.*)\)$", " ".join(line.split()))
    assert default == (stated[1] if stated else "")
    if bounds:
        low, high = (int(bound.replace(",", "")) for bound in bounds.split(" to "))
        for beyond in (low - 1, high + 1):
            assert f"from {low:,} to {high:,}" in refused("-num", "1", names[-1], beyond)


def test_tables_are_complete():
    flags = [" ".join(re.findall(r"`([^`]*)`", row[0])) for row in table("| flag | files |")]
    assert flags == [f"--format {name}" for name in FORMATS] + [f"--labels {name}" for name in LABEL_FORMATS]
    sources = [row[0].strip("`").split()[0].lstrip("-") for row in table("| source |")]
    assert sources == ["num", *SOURCES[1:]]
    assert f"{len(OPERATIONS)} operations" in TEXT


def test_linked_files_exist():
    folders = ("", "example/cluster/", "tests/benchmarks/", "tests/campaigns/")
    for document in (f"{folder}README.md" for folder in folders):
        path = ROOT / document
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (path.parent / target).is_file(), (document, target)


def test_benchmarks_are_described():
    text = (ROOT / "tests" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = {path.name for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert scripts <= set(re.findall(r"\w+\.py", text))


def test_the_speed_chart_is_up_to_date(tmp_path):
    subprocess.run([sys.executable, str(ROOT / "example" / "make_speed_chart.py"), str(tmp_path)], check=True)
    assert (tmp_path / "speed.svg").read_text() == (ROOT / "example" / "speed.svg").read_text()


def test_requirements_and_versions_agree():
    import digitseq

    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{digitseq.__version__}"' in project
    listed = re.search(r"^dependencies = \[(.*?)\]", project, re.DOTALL | re.MULTILINE).group(1)
    assert re.findall(r'"(.*?)"', listed) == (ROOT / "requirements.txt").read_text().split()
