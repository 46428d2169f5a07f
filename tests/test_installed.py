"""The package out of its wheel, in an environment of its own, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.folders import numbers, pixels, records
from support.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(folder), str(ROOT)]
    for more in ([], ["--no-build-isolation"]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return next(folder.glob("*.whl"))
    pytest.skip(f"no wheel can be built here: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """Where the commands of an environment are that has the wheel, and of its dependencies what the tests use."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "-q", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("".join(f"{path}\n" for path in others))
    return folder / "bin"


@pytest.fixture
def call(programs, tmp_path):
    """call(program, *arguments): the program's output; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["DIGITSEQ_CACHE"] = str(tmp_path / "cache")  # the bank is built of the files in the wheel

    def run(program: str, *arguments: object) -> str:
        done = subprocess.run(
            [programs / program, *map(str, arguments)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_wheel_has_what_it_needs_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "digitseq/py.typed" in names
    assert sum(name.endswith("ubyte.gz") for name in names) == 4
    assert "digitseq/data/NOTICE.md" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"digitseq"}
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_is_the_installed_package_that_is_tested(call, programs):
    found = Path(call("python", "-c", "import digitseq; print(digitseq.__file__)").strip())
    assert programs.parent in found.parents


def test_the_command_line(call, tmp_path):
    call("digitseq", "-num", "42", "--seed", 1)
    call("python", "-m", "digitseq", "-num", "43", "-s", 3, "-m", 2, "--augment", "light")
    assert numbers(tmp_path / "output" / "42") == [1]
    assert numbers(tmp_path / "output" / "43") == [1, 2, 3]


def test_config_py_of_the_working_directory(call, tmp_path):
    (tmp_path / "config.py").write_text("image_width = 123\nsize = 2\noutput_path = './here'\n")
    call("digitseq", "-num", "42", "-r")
    call("python", "-m", "digitseq", "-num", "43", "-r")
    for number in ("42", "43"):
        assert [r["text"] for r in records(tmp_path / "here" / number)] == [number] * 2
        assert pixels(tmp_path / "here" / number / "2.png").shape == (28, 123)


def test_the_two_commands(call, tmp_path):
    call("generate-numbers-sequence", "--sequence", "0123", "--output-path", "out")
    call("generate-phone-numbers", "--num-images", 2, "--output-path", "out")
    assert (tmp_path / "out" / "0123.png").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_from_python(call):
    code = """
from digitseq import SequenceGenerator, Settings, generate_numbers_sequence
print(generate_numbers_sequence([3, 5, 0], (0, 10), 100).shape)
print(SequenceGenerator(Settings(random_digits=(3, 8), image_width=160, split="test"), seed=0)[12].image.shape)
"""
    assert call("python", "-c", code) == "(28, 100)\n(28, 160)\n"
