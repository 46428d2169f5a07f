"""The script of `--print_completion` completes flags, words and paths in the shell that it is for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from digitseq.errors import MissingPackageError
from digitseq.shell import cli
from digitseq.shell.parser import parse

SHELLS = ("bash", "zsh", "tcsh")
with_shtab = pytest.mark.skipif(not find_spec("shtab"), reason="needs shtab: pip install shtab")


def script_for(shell: str, capsys) -> str:
    assert cli.main(["--print_completion", shell]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


@with_shtab
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_that_is_there_accepts_the_script(shell, capsys, tmp_path):
    script = script_for(shell, capsys)
    assert "image_width" in script
    assert "emnist-byclass" in script and "motion_blur" in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True, timeout=60)


@with_shtab
@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_flags_words_and_paths(capsys, tmp_path):
    (tmp_path / "script").write_text(script_for("bash", capsys))
    (tmp_path / "glyphs").mkdir()
    (tmp_path / "lines.txt").touch()
    cases = {
        ("--image_wid",): ["--image_width"],
        ("-num", "12", "--print_"): ["--print_completion"],
        ("--amo",): ["--amounts"],
        ("--amounts", "--uni"): ["--unique"],
        ("--amounts", "3", "5", "--uni"): ["--unique"],
        ("--dataset", "emnist-b"): ["emnist-balanced", "emnist-byclass", "emnist-bymerge"],
        ("--dataset", "gl"): ["glyphs"],
        ("--download", "k"): ["kmnist"],
        ("--format", "p"): ["parquet", "png"],
        ("--labels", "jsonl", "co"): ["coco"],
        ("--augment", "motion"): ["motion_blur"],
        ("--signs", ""): ["draw", "gap", "refuse"],
        ("--numbers_file", "li"): ["lines.txt"],
        ("-o", ""): ["glyphs"],
    }
    lines = [". ./script"]
    for words in cases:
        shown = " ".join(f"'{word}'" for word in words)
        lines.append(f"COMP_WORDS=(digitseq {shown}); COMP_CWORD={len(words)}; _shtab_digitseq")
        lines.append('printf "%s " "${COMPREPLY[@]}"; echo')
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert [sorted(line.split()) for line in done.stdout.splitlines()] == [*cases.values()]


def test_without_shtab_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(MissingPackageError, match="`print_completion` needs the package shtab: pip install shtab$"):
        parse(["--print_completion", "bash"], tmp_path)


def test_other_shells_are_refused(refused):
    assert "invalid choice: 'ksh' (choose from" in refused("--print_completion", "ksh")
