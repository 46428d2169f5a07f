"""`config.py`: used with -r, beaten by flags, and wrong in one line that names the line."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from support.folders import numbers, pixels, records
from support.paths import ROOT

from digitseq import parser
from digitseq.configfile import read_config
from digitseq.errors import SettingsError


@pytest.fixture
def program(tmp_path):
    """A copy of run.py and the package beside a config.py of the test's own."""
    shutil.copy(ROOT / "run.py", tmp_path)
    (tmp_path / "digitseq").symlink_to(ROOT / "digitseq")

    def call(config: str | bytes | None, *arguments):
        if config is not None:
            (tmp_path / "config.py").write_bytes(config if isinstance(config, bytes) else config.encode())
        command = [sys.executable, "run.py", "-num", "12", "-r", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return call


def test_the_shipped_file_works_as_it_is(run, tmp_path):
    assert run("-num", "123456", "-r").returncode == 0
    assert pixels(tmp_path / "output" / "123456" / "1.png").shape == (28, 200)
    gaps = [b[0] - a[0] - a[2] for r in records(tmp_path / "output" / "123456") for a, b in zip(*pairs(r))]
    assert all(5 <= gap <= 10 for gap in gaps)


def pairs(record):
    boxes = record["objects"]["bbox"]
    return boxes[:-1], boxes[1:]


def test_settings_are_used_and_flags_win(program, tmp_path):
    config = (
        '"""Mine."""\nimage_width = 120\nsize = 3  # three\noutput_path = "here"\nerode_kernel = (2, 2)\nangle = -5\n'
    )
    assert program(config, "-s", "2", "-iw", "90").returncode == 0
    assert numbers(tmp_path / "here" / "12") == [1, 2]
    assert pixels(tmp_path / "here" / "12" / "1.png").shape == (28, 90)


def test_the_number_is_needed_with_a_config_too(run):
    done = run("-r")
    assert done.returncode == 2
    assert "exactly one source must be given (--number, --random_digits" in done.stderr


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("image_width = 120\nimage_widht = 3\n", "config.py line 2: unknown setting image_widht; did you mean image_width?"),
        ("colour = 3\n", "config.py line 1: unknown setting colour; known are angle, "),
        ("number = '12'\n", "config.py line 1: unknown setting number"),
        ("\n\nimage_width = -4\n", "config.py line 3: image_width must be a whole number from 0 to 65,535 pixels, got -4"),
        ("image_width = '200'\n", "config.py line 1: image_width must be a whole number"),
        ("size = 1\nnoise_ratio = float('nan')\n", "config.py line 2: noise_ratio must be a plain value"),
        ("invert = 1\n", "config.py line 1: invert must be True or False, got 1"),
        ("erode_kernel = 3\n", "config.py line 1: erode_kernel must be two whole numbers"),
        ("min_spacing = 11\n", "config.py line 1: min_spacing must not exceed"),
        ("output_path = None\n", "config.py line 1: output_path must be a path, got None"),
        ("image_width = (200\n", "config.py line 1: '(' was never closed"),
        ("import os\n", "config.py line 1: write NAME = VALUE, got import os"),
        ("a = b = 3\n", "config.py line 1: write NAME = VALUE"),
        ("size = 2\nif True:\n    size = 3\n", "config.py line 2: write NAME = VALUE, got if True:"),
        (b"size = 2 # \xff\n", "config.py"),
        (b"size = 2\0", "config.py"),
        ("image_width = 10\n", "config.py line 1: image_width 10 is too narrow"),
        ("cache = 'config.py'\n", "config.py line 1: cache must be a directory"),
    ],
)  # fmt: skip
def test_mistakes_name_the_line(program, tmp_path, config, message):
    done = program(config)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"digitseq: error: {message}")
    assert not (tmp_path / "output").exists()


def test_a_missing_file_is_said(program):
    done = program(None)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "No such file" in done.stderr
    assert "config.py" in done.stderr


def test_nothing_in_it_is_executed(tmp_path):
    path = tmp_path / "config.py"
    path.write_text("size = print('executed')\n")
    with pytest.raises(SettingsError, match="plain value"):
        read_config(path, parser.IN_CONFIG)


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path):
    path = tmp_path / "config.py"
    path.write_bytes(b"\xef\xbb\xbfsize = 3\r\nseed = 4\r\n")
    assert {k: (v.value, v.line) for k, v in read_config(path, parser.IN_CONFIG).items()} == {
        "size": (3, 1),
        "seed": (4, 2),
    }
