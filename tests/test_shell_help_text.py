"""What the command alone and `--help` show."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.paths import ROOT

STARTS = {
    "python3 run.py": [str(ROOT / "run.py")],
    "python3 -m digitseq": ["-m", "digitseq"],
    "digitseq": ["-c", "import sys; sys.argv[0] = 'digitseq'; from digitseq.__main__ import run; run()"],
}


def started(start: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *STARTS[start], *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("start", STARTS)
def test_the_command_alone_shows_the_usual_commands_and_fails(start):
    done = started(start)
    assert (done.returncode, done.stderr) == (2, "")
    for flags in ("-num 123456 ", "--random_digits 3 8 -m 4 -s 100000 ", "-num 123456 -r ", "--help"):
        assert f"{start} {flags}" in f"{done.stdout} "
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize("start", STARTS)
def test_help_fits_80_columns_and_names_the_program_the_page_and_the_systems(start):
    lines = started(start, "--help").stdout.splitlines()
    assert lines[0].startswith(f"usage: {start} SOURCE")
    assert [line for line in lines if len(line) > 80] == []
    assert all(
        any(word in line for line in lines)
        for word in (" --web", "-m digitseq.service", "Windows", "macOS", "127.0.0.1")
    )
