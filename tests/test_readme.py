"""What the README says is true: its commands and snippets run, and its table has every flag."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.folders import assert_consistent
from support.formats import READERS
from support.paths import ROOT

from digitseq import options
from digitseq.glyphs import DATA_SETS
from digitseq.options import PARTS
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if "python3 run.py" in line]


def test_the_first_two_blocks_set_up_and_run():
    first, second = blocks("sh")[:2]
    for command in (first, second):
        assert len(command.splitlines()) == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert first.rstrip().endswith("run.py -num 123456")
    assert second.rstrip().endswith("-m pytest")


def size(command: str) -> int:
    """How many images a command makes, as far as it says."""
    return int(command.partition("-s ")[2].split()[0]) if "-s " in command else 1


MARKED = [pytest.param(c, marks=[pytest.mark.slow] * (size(c) > 20_000)) for c in COMMANDS]


@pytest.mark.parametrize("command", MARKED)
def test_commands_run(command, tmp_path_factory, request):
    words = shlex.split(command)
    if "--download" in words:
        assert words[words.index("--download") + 1] in DATA_SETS
        pytest.skip("no network is used here")
    if "--dataset" in words:
        need_data_set(words[words.index("--dataset") + 1], request.getfixturevalue("cache"))
    for flag, package in (("--phone", "phonenumbers"), ("lmdb", "lmdb"), ("parquet", "pyarrow")):
        if flag in command.split():
            pytest.importorskip(package)
    memory = Path("/dev/shm")
    folder = tmp_path_factory.mktemp("readme") if not memory.is_dir() else memory / f"readme-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    try:
        program = shlex.join([sys.executable, str(ROOT / "run.py")])
        subprocess.run(["bash", "-c", command.replace("python3 run.py", program)], cwd=folder, check=True, timeout=300)
        if "--preview" in command:
            assert (folder / command.partition("--preview ")[2]).stat().st_size > 10_000
            return
        if "--list_datasets" in command:
            return
        (top,) = (folder / (words[words.index("-o") + 1] if "-o" in words else "output")).iterdir()
        if "--format" in command:
            read = READERS[words[words.index("--format") + 1]]
            folders = [top / part for part in PARTS] if "--split_ratio" in words else [top]
            assert sum(len(read(part)) for part in folders) == size(command)
        else:
            assert len(assert_consistent(top)) == size(command)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def need_data_set(name: str, cache: Path) -> None:
    """Put its test files into the cache from beside the checkout, or skip the test."""
    files = list((ROOT.parent / "shared" / "data" / "emnist").glob(f"{name}-test-*.gz"))
    if len(files) != 2:
        pytest.skip(f"{name} is not here")
    (cache / "emnist").mkdir(exist_ok=True)
    for path in files:
        if not (cache / "emnist" / path.name).exists():
            (cache / "emnist" / path.name).symlink_to(path)


@pytest.mark.parametrize("snippet", blocks("python"))
def test_snippets_run(snippet, tmp_path, monkeypatch):
    for name in ("torch", "phonenumbers"):
        if name in snippet or (name == "phonenumbers" and "generate_phone_number" in snippet):
            pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet, "README.md", "exec"), {})


def test_the_table_has_every_flag_and_no_other():
    section = TEXT.partition("## Every flag")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`-[^|]*) \|", section, re.MULTILINE)
    shown = {flag for row in rows for flag in re.findall(r"`(-[^`]*)`", row)}
    known = {"-h", "--help", "--version", "-r", "--read_from_config"}
    known |= {"--list_augmentations", "--list_datasets", "--download"}
    for name, option in (options.options(Settings) | options.options(Output)).items():
        known |= {f"--{name}", *option.flags}
    assert shown == known


def test_pictures_exist():
    for name in re.findall(r"!\[[^]]*\]\(([^)]*)\)", TEXT):
        assert (ROOT / name).is_file()


def test_requirements_and_versions_agree():
    import digitseq

    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{digitseq.__version__}"' in project
    listed = re.search(r"^dependencies = \[(.*?)\]", project, re.DOTALL | re.MULTILINE).group(1)
    assert re.findall(r'"(.*?)"', listed) == (ROOT / "requirements.txt").read_text().split()
