"""The command line: every flag does what it says, and bad input gets one line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.folders import contents, numbers, pixels, records

from digitseq import options
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.shell import cli, parser


def test_the_usual_command(run, tmp_path):
    done = run("-num", "123456")
    assert done.returncode == 0
    assert done.stdout.startswith("output/123456/1.png (seed ")
    assert pixels(tmp_path / "output" / "123456" / "1.png").shape == (28, 200)
    assert sorted(p.name for p in (tmp_path / "output" / "123456").iterdir()) == [
        ".digitseq", "1.png", "metadata.jsonl", "run.json",
    ]  # fmt: skip


def test_long_and_short_flags_are_the_same(run, tmp_path):
    short = [
        "-num",
        "12",
        "-iw",
        "150",
        "-min",
        "1",
        "-max",
        "4",
        "-da",
        "-ra",
        "-e",
        "2",
        "1",
        "-d",
        "1",
        "3",
        "-a",
        "-7.5",
        "-n",
        ".02",
        "-m",
        "0",
        "-s",
        "3",
        "--seed",
        "1",
        "-o",
        "a",
    ]
    long = [
        "--number",
        "12",
        "--image_width",
        "150",
        "--min_spacing",
        "1",
        "--max_spacing",
        "4",
        "--data_augmentation",
        "--random_all",
        "--erode_kernel",
        "2",
        "1",
        "--dilate_kernel",
        "1",
        "3",
        "--angle",
        "-7.5",
        "--noise_ratio",
        "0.02",
        "--multi_core",
        "0",
        "--size",
        "3",
        "--seed",
        "1",
        "--output_path",
        "b",
    ]
    assert run(*short).returncode == run(*long).returncode == 0
    assert contents(tmp_path / "a" / "12") == contents(tmp_path / "b" / "12")


def test_zeros_are_kept(run, tmp_path):
    for number in ("0000", "007", "0"):
        assert run("-num", number).returncode == 0
        assert records(tmp_path / "output" / number)[0]["text"] == number


def test_labels_none_and_txt(run, tmp_path):
    run("-num", "12", "-s", 2, "--labels", "none", "-o", "a")
    run("-num", "12", "-s", 2, "--labels", "txt", "-o", "b")
    assert not list((tmp_path / "a" / "12").glob("*.jsonl"))
    assert (tmp_path / "b" / "12" / "gt.txt").read_text() == "1.png\t12\n2.png\t12\n"


def test_quiet_prints_nothing(run):
    done = run("-num", "12", "-s", 300, "--quiet")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_version_and_help(run):
    assert run("--version").stdout == "digitseq 0.2.0\n"
    text = run("--help").stdout
    for name, option in (options.options(Settings) | options.options(Output)).items():
        assert f"--{name}" in text
        assert all(f"{flag} " in text or f"{flag}," in text for flag in option.flags)
    order = [
        text.index(f"\n{group}")
        for group in (
            "what is written",
            "how many",
            "layout",
            "distortions",
            "the three usual commands",
            "the web page",
        )
    ]
    assert order == sorted(order)
    for default in (
        "200",
        "./output",
        "1 2 with --data_augmentation",
        "from -15 to 15 at random",
        "1; 100 with --multi_core",
    ):
        assert default in " ".join(text.split())


def test_help_of_every_setting_is_in_the_config_file():
    from digitseq.shell.config_file import read_config

    known = read_config(Path(cli.__file__).parents[2] / "config.py", parser.IN_CONFIG)
    assert list(known) == sorted(known, key=list(known).index)
    assert set(known) == set(parser.IN_CONFIG)


BAD = {
    "no source": (["--quiet"], "exactly one source must be given (--number, --random_digits"),
    "two sources": (["-num", "1", "--random_digits", "1", "2"], "got --number and --random_digits"),
    "lengths upside down": (["--random_digits", "8", "3"], "got 8 and 3"),
    "length 0": (["--random_digits", "0", "3"], "from 1 to 255 for each of min, max, got 0, 3"),
    "no such region": (["--phone", "XX"], "--phone must be the ISO 3166 code of a region"),
    "signs refused": (["--phone", "JP", "--phone_format", "national", "--signs", "refuse"], "--signs draw allows it"),
    "no regular expression": (["--pattern", "[0-9"], "'[0-9' is not a regular expression"),
    "letters in a pattern": (["--pattern", "[A-F]{3}"], "the data set has no 'A'"),
    "no such file": (["--numbers_file", "missing.txt"], "cannot read missing.txt"),
    "not enough": (["--random_digits", "1", "1", "--unique", "-s", "11"], "the source gives 10: ask for at most 10"),
    "balanced number": (
        ["-num", "12", "--balanced", "-s", "11"],
        "--balanced works with --random_digits and --random_text only",
    ),
    "nothing but gaps": (["-num", "...", "--signs", "gap", "--gap_labels", "keep"], "nothing but gaps"),
    "no digits": (["-num", ""], "number must have 1 to 255 characters, got 0"),
    "letter": (["-num", "12a4"], "'a' (U+0061) as character 3"),
    "full-width": (["-num", "1２"], "'２' (U+FF12) as character 2"),
    "arabic-indic": (["-num", "٣"], "(U+0663) as character 1"),
    "superscript": (["-num", "²"], "(U+00B2)"),
    "space": (["-num", "1 2", "--signs", "refuse"], "' ' (U+0020) as character 2"),
    "negative": (["-num", "-5", "--signs", "refuse"], "'-' (U+002D)"),
    "path": (["-num", "../../x"], "'x' (U+0078) as character 7"),
    "10,000 digits": (["-num", "1" * 10_000], "1 to 255 characters, got 10,000"),
    "40 digits": (["-num", "8" * 40], "too narrow for 40 characters"),
    "absurd width": (["-num", "1", "-iw", "1000000000"], "from 0 to 65,535 pixels, got 1000000000"),
    "width is no number": (["-num", "1", "-iw", "10**9"], "--image_width must be a whole number"),
    "width is a fraction": (["-num", "1", "-iw", "99.5"], "got '99.5'"),
    "negative width": (["-num", "1", "-iw", "-1"], "from 0 to 65,535 pixels, got -1"),
    "narrow": (["-num", "123456", "-iw", "40"], "use at least"),
    "min over max": (
        ["-num", "1", "-min", "5", "-max", "3"],
        "--min_spacing must not exceed --max_spacing, got 5 and 3",
    ),
    "absurd spacing": (["-num", "1", "-max", "99999"], "from -28 to 1,000 pixels"),
    "kernel 0": (["-num", "1", "-e", "0", "1"], "from 1 to 15 pixels for each of width, height, got 0, 1"),
    "kernel 16": (["-num", "1", "-d", "1", "16"], "from 1 to 15 pixels for each of width, height, got 1, 16"),
    "one kernel size": (["-num", "1", "-d", "1"], "expected 2 arguments"),
    "noise over 1": (["-num", "1", "-n", "1.5"], "from 0 to 1, got 1.5"),
    "noise nan": (["-num", "1", "-n", "nan"], "got 'nan'"),
    "angle inf": (["-num", "1", "-a", "inf"], "from -180 to 180 degrees, got 'inf'"),
    "random without da": (["-num", "1", "-ra"], "add --data_augmentation, or leave out --random_all"),
    "size 0": (["-num", "1", "-s", "0"], "size must be a whole number from 1 to 1,000,000,000"),
    "size negative": (["-num", "1", "-s", "-3"], "got -3"),
    "cores": (["-num", "1", "-m", "-2"], "from -1 to 256"),
    "seed": (["-num", "1", "--seed", "-1"], "seed must be a whole number"),
    "split": (["-num", "1", "--split", "validation"], "one of train, test, all, got 'validation'"),
    "labels": (["-num", "1", "--labels", "xml"], "one or more of jsonl, txt, easyocr"),
    "unknown flag": (["-num", "1", "--sied", "3"], "--sied"),
    "stray word": (["-num", "1", "2"], "unrecognized arguments: 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(refused, case):
    arguments, message = BAD[case]
    line = refused(*arguments)
    assert line.startswith("digitseq: error: ")
    assert message in line


def test_an_output_path_that_is_a_file_is_refused(refused, tmp_path):
    (tmp_path / "f").touch()
    assert "cannot write to f/1 (Not a directory)" in refused("-num", "1", "-o", "f")
    assert "cannot write to f/deeper/down/1 (Not a directory)" in refused("-num", "1", "-o", "f/deeper/down")


def test_a_number_folder_that_is_a_file_is_refused(refused, tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "1").touch()
    assert "output/1" in refused("-num", "1")


def test_an_unwritable_output_path_is_refused(refused, tmp_path):
    if os.geteuid() == 0:
        line = refused("-num", "1", "-o", "/proc/digitseq")
        assert "cannot write to /proc/digitseq" in line
        return
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "cannot write to locked/x/1 (Permission denied)" in refused("-num", "1", "-o", "locked/x")


def test_a_cache_that_is_a_file_is_refused(refused, tmp_path):
    (tmp_path / "f").touch()
    assert "cache must be a directory" in refused("-num", "1", "-c", "f")


def test_the_cache_flag_and_variable(run, tmp_path):
    run("-num", "1", "--split", "test", "-c", "here")
    assert (tmp_path / "here" / "mnist-test.bank").exists()
    run("-num", "1", "--split", "test", env=os.environ | {"DIGITSEQ_CACHE": str(tmp_path / "there")})
    assert (tmp_path / "there" / "mnist-test.bank").exists()
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}
    environment.pop("DIGITSEQ_CACHE")
    run("-num", "1", "--split", "test", env=environment)
    assert list(tmp_path.glob("**/digitseq/mnist-test.bank"))


def test_more_processes_than_cores_are_fine(run, tmp_path):
    assert run("-num", "1", "-m", 20, "-s", 10_300, "-iw", 60).returncode == 0
    assert len(numbers(tmp_path / "output" / "1")) == 10_300


def test_as_wide_as_needed(run, tmp_path):
    run("-num", "123", "-iw", 0, "-s", 50)
    folder = tmp_path / "output" / "123"
    for number, record in enumerate(records(folder), 1):
        last = record["objects"]["bbox"][-1]
        image = pixels(folder / f"{number}.png")
        assert image.shape == (28, last[0] + last[2])
        assert image[:, 0].any() and image[:, -1].any()


def test_without_opencv_plain_works_and_augmentation_says_what_to_install(run, tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    assert run("-num", "1", env=environment).returncode == 0
    done = run("-num", "1", "-da", "-o", "other", env=environment)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "libGL.so.1" in done.stderr
    assert "pip install --force-reinstall opencv-python-headless" in done.stderr
    assert not (tmp_path / "other").exists()


def test_a_closed_pipe_is_no_traceback(run, tmp_path):
    done = run("--help", stdout=os.open(os.devnull, os.O_RDONLY), capture_output=False)
    assert done.returncode in (0, 1, 120)


def test_a_plain_sequence_loads_no_heavy_package(tmp_path, run):
    code = (
        "import sys, digitseq.shell.cli as c; c.main(['-num', '1', '--quiet', '-o', sys.argv[1]]); "
        "heavy = {*sys.argv[2:]} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    heavy = ["cv2", "tqdm", "multiprocessing", "concurrent.futures", "asyncio", "numpy.ma", "statistics"]
    heavy += [f"digitseq.{name}" for name in ("api", "augment", "pen.style", "glyphs.scaling", "inspection")]
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *heavy], env=environment, check=True)


def test_the_program_does_not_search_its_modules_for_garbage():
    code = (
        "import gc, digitseq.__main__ as program, digitseq.shell.cli as cli\n"
        "cli.main = lambda **_: 7 if gc.isenabled() and gc.get_freeze_count() > 1000 else 8\n"
        "assert program.main() == 7 and gc.isenabled()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_invert_is_seen_in_the_file(run, tmp_path):
    run("-num", "5", "--seed", 1, "-o", "a")
    run("-num", "5", "--seed", 1, "-o", "b", "--invert")
    a, b = (pixels(tmp_path / name / "5" / "1.png") for name in "ab")
    assert np.array_equal(a, 255 - b)


def test_a_full_standard_output_is_one_line(run):
    with open("/dev/full", "w") as full:
        done = run("-num", "1", stdout=full, stderr=-1, capture_output=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot print to standard output" in done.stderr


def test_other_labels_in_the_same_folder_are_warned_of(run):
    assert run("-num", "1", "-s", 3).stderr == ""
    assert run("-num", "1", "-s", 3, "--labels", "jsonl").stderr == ""
    done = run("-num", "1", "-s", 3, "--labels", "jsonl", "coco")
    assert done.returncode == 0
    assert done.stderr.startswith("digitseq: warning: output/1 has images of earlier runs with the labels jsonl: ")
    assert run("-num", "1", "-s", 3, "--quiet").stderr == ""
