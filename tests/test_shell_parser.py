"""What stands on the command line becomes settings, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from digitseq.errors import SettingsError
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.shell.parser import OPTIONS, build_parser, parse


def test_flags_reach_the_settings():
    parsed = parse(
        [
            "-num",
            "12",
            "-min",
            "-5",
            "-max",
            "-1",
            "--split",
            "test",
            "--invert",
            "-e",
            "3",
            "2",
            "-a",
            "-90",
            "--quiet",
            "--labels",
            "txt",
        ],
        Path(),
    )
    assert parsed.settings == Settings(
        "12", min_spacing=-5, max_spacing=-1, split="test", invert=True, erode_kernel=(3, 2), angle=-90.0
    )
    assert parsed.output == Output(quiet=True, labels="txt")


def test_what_is_not_given_is_as_by_default():
    request = parse(["-num", "7"], Path())
    assert (request.settings, request.output) == (Settings("7"), Output())


def test_every_setting_has_a_flag_and_help():
    shown = build_parser().format_help()
    for name, option in OPTIONS.items():
        assert f"--{name}" in shown
        assert option.help.split()[0] in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-num", "1", "--size", "x"], "size must be a whole number from 1 to 1,000,000,000, got 'x'"),
        (["-num", "1", "--siz", "3"], "did you mean --size?"),  # no abbreviations
        (["--pattern", "-?[0-9]"], "one that begins with - is written after ="),
        (["-num", "1", "-e", "3"], "expected 2 arguments"),
    ],
)
def test_mistakes_are_settings_errors_of_one_line(words, message):
    with pytest.raises(SettingsError) as caught:
        parse(words, Path())
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_line_of_the_file_is_named_and_a_flag_wins(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("# mine\nimage_width = 'wide'\n")
    with pytest.raises(SettingsError, match=r"config\.py line 2: image_width must be a whole number"):
        parse(["-num", "1", "-r"], config)
    assert parse(["-num", "1", "-r", "-iw", "50"], config).settings.image_width == 50


@pytest.mark.parametrize(("words", "seed"), [(["--seed", "5"], 5), ([], None)])
def test_a_seed_that_is_not_given_is_drawn(words, seed):
    drawn = [parse(["-num", "1", *words], Path()).complete()[1] for _ in range(2)]
    assert drawn == [seed, seed] if seed else drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-num5"], "unknown flag '-num5': did you mean -num?"),
        (["-num", "5", "-max3"], "did you mean -max?"),
        (["-number", "5"], "unknown flag '-number': did you mean --number?"),
        (["-num", "5", "-rother.py"], "unknown flag '-rother.py'"),
        (["-num", "5", "--quiet=yes"], "--quiet takes no value"),
        (["--nubmer", "5"], "did you mean --number?"),
        (["-num", "5", "--image-width", "90"], "did you mean --image_width?"),
        (["-num", "5", "--zzz"], "unknown flag '--zzz' (see --help)"),
    ],
)
def test_a_flag_that_is_none_is_never_taken_for_others(words, message, tmp_path):
    with pytest.raises(SettingsError) as caught:
        parse(words, tmp_path / "config.py")
    assert message in str(caught.value)


def test_values_may_stand_behind_a_short_flag(tmp_path):
    request = parse(["-num=5", "-n.02", "-s3", "-min=-3", "-a", "-7.5"], tmp_path / "config.py")
    assert (request.settings.noise_ratio, request.output.size) == (0.02, 3)
    assert (request.settings.min_spacing, request.settings.angle) == (-3, -7.5)
