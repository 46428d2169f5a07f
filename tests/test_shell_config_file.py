"""`config.py`: used with -r, beaten by flags, and wrong in one line that names the line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from support.folders import numbers, pixels, records
from support.paths import ROOT

from digitseq.errors import SettingsError
from digitseq.shell import cli, parser
from digitseq.shell.config_file import read_config
from digitseq.shell.setting_names import with_names


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
    assert all(0 <= gap <= 10 for gap in gaps)


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
        ("colour = 3\n", "config.py line 1: unknown setting colour; known are amounts, angle, "),
        ("preview = 'a.png'\n", "config.py line 1: unknown setting preview"),
        ("\n\nimage_width = -4\n", "config.py line 3: image_width must be a whole number from 0 to 65,535 pixels, got -4"),
        ("image_width = '200'\n", "config.py line 1: image_width must be a whole number"),
        ("size = 1\nnoise_ratio = float('nan')\n", "config.py line 2: noise_ratio must be a plain value"),
        ("invert = 1\n", "config.py line 1: invert must be True or False, got 1"),
        ("erode_kernel = 3\n", "config.py line 1: erode_kernel must be a whole number"),
        ("min_spacing = 11\nmax_spacing = 10\n", "config.py line 1: min_spacing must not exceed"),
        ("output_path = None\n", "config.py line 1: output_path must be a path, got None"),
        ("image_width = (200\n", "config.py line 1: '(' was never closed"),
        ("import os\n", "config.py line 1: write NAME = VALUE, got import os"),
        ("a = b = 3\n", "config.py line 1: write NAME = VALUE"),
        ("size = 2\nif True:\n    size = 3\n", "config.py line 2: write NAME = VALUE, got if True:"),
        (b"size = 2 # \xff\n", "config.py"),
        (b"size = 2\0", "config.py"),
        ("image_width = 10\n", "config.py line 1: image_width 10 is too narrow"),
        ("cache = 'config.py'\n", "config.py line 1: cache must be a directory"),
        (f"size = 0x{'f' * 5000}\n", "config.py line 1: size must be a whole number from 1 to 1,000,000,000, got a value"),
        (f"erode_kernel = (0x{'f' * 5000}, 1)\n", "config.py line 1: erode_kernel must be a whole number"),
        (f"augment = -0x{'f' * 5000}\n", "config.py line 1: augment"),
        (f"size = f(0x{'f' * 5000})\n", "config.py line 1: size must be a plain value"),
        (f"size = {'9' * 5000}\n", "config.py line 1: Exceeds the limit"),
        ("size = {[]: 1}\n", "config.py line 1: size must be a plain value"),
        ("size = {[1]}\n", "config.py line 1: size must be a plain value"),
        ("\nsize = {1: 2}\n", "config.py line 2: size must be a whole number"),
        ("labels = [[1]]\n", "config.py line 1: labels must be one or more of"),
        ("labels = 3\n", "config.py line 1: labels must be one or more of"),
        ("split_ratio = {1, 2, 3j}\n", "config.py line 1: split_ratio must be a number"),
        ("augment = [3, {}]\n", "config.py line 1: augment"),
        (f"size = {'(' * 5000}1{')' * 5000}\n", "config.py line 1: too many nested parentheses"),
        (f"size = {'[' * 90}{']' * 90}\n", "config.py line 1: size must be a whole number"),
        (f"size = {'-' * 90_000}1\n", "config.py has a value that is nested too deeply"),
        (f"size = {'1+' * 40_000}1\n", "config.py"),
        (f"size = a{'.a' * 40_000}\n", "config.py"),
        ("output_path = '\\ud800'\n", "config.py line 1: output_path must be a path"),
        ("output_path = 'a\\0b'\n", "config.py line 1: output_path must be a path"),
        ("x\x1b[2J = 3\n", "config.py line 1: invalid "),
        ("import a; '\x1b[2J'\n", "config.py line 1: write NAME = VALUE"),
        (b"#" * 100_001, "cannot read "),
        ("dataset = '~nobody_at_all/x'\n", "config.py line 1: dataset '~nobody_at_all/x': the home directory ~nobody_at_all"),
    ],
)  # fmt: skip
def test_mistakes_name_the_line(refused, tmp_path, config, message):
    (tmp_path / "config.py").write_bytes(config if isinstance(config, bytes) else config.encode())
    line = refused("-num", "12", "-r")
    assert line.startswith(f"digitseq: error: {message}")
    assert line.isprintable()


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
    assert read_config(path, parser.IN_CONFIG) == {"size": (3, 1), "seed": (4, 2)}


@pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
def test_what_is_no_file_is_refused_at_once(program, tmp_path, kind):
    if kind == "pipe":
        os.mkfifo(tmp_path / "config.py")
    elif kind == "device":
        (tmp_path / "config.py").symlink_to("/dev/zero")
    else:
        (tmp_path / "config.py").mkdir()
    done = program(None)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "config.py (it is not a regular file)" in done.stderr


def test_a_home_directory_is_filled_in(program, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert program("output_path = '~/here'\ncache = '~/cache'\n").returncode == 0
    assert numbers(tmp_path / "home" / "here" / "12") == [1]
    assert list((tmp_path / "home" / "cache").glob("*.bank"))
    assert not (tmp_path / "~").exists()


def test_the_number_may_stand_in_the_file_and_a_source_given_wins(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("number = '123'\n")
    assert parser.parse(["-r"], config).settings.number == "123"
    assert parser.parse(["-r", "--phone"], config).settings.number is None


def test_the_shipped_file_is_what_write_config_writes(run, tmp_path):
    """To write it anew after a change of the settings: rm config.py && python3 run.py --write_config"""
    assert run("--write_config").returncode == 0
    text = (tmp_path / "config.py").read_text()
    assert text == (ROOT / "config.py").read_text()
    assert all(
        with_names(option.help.split(";")[0])[:40] in " ".join(text.replace("\n# ", " ").split())
        for option in map(parser.OPTIONS.get, parser.IN_CONFIG)
    )


@pytest.mark.parametrize("words", [["-r", "mine.py"], ["-r=mine.py"], ["--read_from_config", "mine.py", "--quiet"]])
def test_another_file_can_be_named(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--write_config", "mine.py"]) == 0
    assert capsys.readouterr().out == "mine.py: edit it; -r mine.py reads it\n"
    edited = (tmp_path / "mine.py").read_text().replace("image_width = 200", "image_width = 77")
    (tmp_path / "mine.py").write_text(edited)
    assert parser.parse([*words, "-num", "5"], tmp_path / "config.py").settings.image_width == 77
    with pytest.raises(SettingsError, match=r"cannot read nothing.py \(No such file"):
        parser.parse(["-num", "5", "-r", "nothing.py"], tmp_path / "config.py")
    with pytest.raises(SettingsError, match="cannot read . "):
        parser.parse(["-num", "5", "-r", ""], tmp_path / "config.py")


def test_write_config_leaves_a_file_that_is_there(refused, tmp_path):
    (tmp_path / "mine.py").write_text("size = 3\n")
    assert "mine.py is there already" in refused("--write_config", "mine.py")
    assert "cannot write absent/mine.py" in refused("--write_config", "absent/mine.py")
    assert (tmp_path / "mine.py").read_text() == "size = 3\n"
