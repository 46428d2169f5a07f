"""The two commands of the classic task."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from support.folders import pixels
from support.paths import ROOT

from digitseq import SequenceGenerator, Settings
from digitseq.shell.commands import numbers_sequence, phone_numbers


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def call(command, *arguments: object) -> int:
    return command([str(argument) for argument in arguments])


def test_one_image_named_after_its_digits(tmp_path, capsys):
    flags = ("--min-spacing", 2, "--max-spacing", 4, "--image-width", 120, "--output-path", "some/where")
    assert call(numbers_sequence, "--sequence", "0123", *flags, "--seed", 5) == 0
    assert capsys.readouterr().out == "some/where/0123.png (seed 5)\n"
    settings = Settings("0123", min_spacing=2, max_spacing=4, image_width=120)
    assert np.array_equal(pixels(tmp_path / "some/where/0123.png"), SequenceGenerator(settings, 5)[0].image)


def test_digits_may_stand_apart():
    assert call(numbers_sequence, "--sequence", 0, 1, 2, 3) == 0
    assert pixels("0123.png").shape == (28, 200)


def test_nothing_is_overwritten():
    for seed in (1, 2, 3):
        assert call(numbers_sequence, "--sequence", "07", "--seed", seed) == 0
    found = [pixels(name).tobytes() for name in ("07.png", "07-2.png", "07-3.png")]
    assert found == [SequenceGenerator(Settings("07"), seed)[0].image.tobytes() for seed in (1, 2, 3)]


def test_phone_numbers_are_named_after_themselves(tmp_path):
    pytest.importorskip("phonenumbers")
    assert call(phone_numbers, "--num-images", 5, "--region", "US", "--seed", 5, "--output-path", "out") == 0
    generator = SequenceGenerator(Settings(phone="US"), 5)
    for i in range(5):
        assert np.array_equal(pixels(tmp_path / "out" / f"{generator[i].text}.png"), generator[i].image)
    assert len(list((tmp_path / "out").iterdir())) == 5


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (numbers_sequence, (), "the following arguments are required: --sequence"),
        (numbers_sequence, ("--sequence", "12a"), "got 'a'"),
        (numbers_sequence, ("--sequence", "12", "--min-spacing", "x"), "--min-spacing: invalid int value: 'x'"),
        (
            numbers_sequence,
            ("--sequence", "12", "--min-spacing", 20, "--max-spacing", 5),
            "--min-spacing must not exceed --max-spacing",
        ),
        (numbers_sequence, ("--sequence", "123456", "--image-width", 20), "too narrow for 6"),
        (numbers_sequence, ("--sequence", "12", "--seed", -1), "seed must be a whole number"),
        (numbers_sequence, ("--sequence", "12", "--output-path", "/dev/null/x"), "cannot write to /dev/null/x"),
        (phone_numbers, ("--num-images", 0), "--num-images must be a whole number from 1"),
        (phone_numbers, ("--region", "UK"), "perhaps GB"),
    ],
)
def test_mistakes_are_one_line(command, arguments, message, capsys, tmp_path):
    assert call(command, *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert said.err.startswith("generate-")
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_help(capsys):
    assert call(numbers_sequence, "--help") == 0
    assert "--sequence" in capsys.readouterr().out


def test_a_home_directory_is_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert call(numbers_sequence, "--sequence", "12", "--output-path", "~/here") == 0
    assert (tmp_path / "home" / "here" / "12.png").exists()


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_a_full_disk_leaves_no_torn_file(tmp_path, limit):
    code = "import resource, signal, sys; from digitseq.shell.commands import numbers_sequence\n"
    code += "import digitseq.glyphs.loader; digitseq.glyphs.loader.load_bank()\n"
    code += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # so that writing fails, as on a full disk
    code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    code += "sys.exit(numbers_sequence(['--sequence', '12']))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot write to . (File too large)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_overwrite_nothing(tmp_path):
    code = "import sys; from digitseq.shell.commands import numbers_sequence\n"
    code += "sys.exit(any(numbers_sequence(['--sequence', '0123456']) for _ in range(10)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-3) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["0123456.png", *(f"0123456-{k}.png" for k in range(2, 41))]
    )
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 40
