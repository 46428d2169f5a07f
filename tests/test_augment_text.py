"""Operations as text: `--augment`, config.py, presets, the list, the preview."""

from __future__ import annotations

import numpy as np
import pytest
from support.cases import first
from support.folders import contents, pixels
from support.paths import ROOT

from digitseq import Settings, augment
from digitseq.augment import OPERATIONS, PRESETS, Blur, Elastic, describe, list_augmentations, parse_augment
from digitseq.augment.registry import CLASSES, with_presets


def test_text_becomes_operations_and_back():
    assert parse_augment("elastic:alpha=6,sigma=4.5") == (Elastic(alpha=6, sigma=4.5),)
    assert parse_augment(" blur : p = 0.3 , sigma=0.5..1 ".replace(" : ", ":")) == (Blur(p=0.3, sigma=(0.5, 1)),)
    assert parse_augment(["blur", Elastic(alpha=3)]) == (Blur(), Elastic(alpha=3))
    for name, operation in OPERATIONS.items():
        assert parse_augment(name) == (operation(),)
        assert describe(operation()) == name
    for preset in PRESETS:
        for operation in parse_augment(preset):
            assert parse_augment(describe(operation)) == (operation,)


def test_the_table_of_classes_is_all_that_names_operations():
    for name in CLASSES:
        assert name in augment.__all__
        assert OPERATIONS[getattr(augment, name).name] is getattr(augment, name)
    assert len(OPERATIONS) == len(CLASSES)
    assert {"gaussian_noise", "salt_pepper", "motion_blur", "jpeg"} <= set(OPERATIONS)
    with pytest.raises(AttributeError, match="module 'digitseq.augment' has no attribute 'Nothing'"):
        _ = augment.Nothing


@pytest.mark.parametrize("given", [[*PRESETS], ["light", "blur:p=0.3", "light"], ["blur", "heavy"], ["blur", "wave"]])
def test_the_names_of_presets_can_be_found_again(given):
    assert with_presets(list(Settings("1", augment=given).augment)) == given
    changed = [*Settings("1", augment="light").augment[:-1], "wave"]
    assert with_presets(changed) == changed


def test_settings_keep_augment_as_text_that_makes_the_same_settings():
    settings = Settings("1", augment=["light", Elastic(alpha=(3, 4))])
    assert settings.augment == (*(describe(o) for o in parse_augment("light")), "elastic:alpha=3..4")
    assert Settings("1", augment=list(settings.augment)) == settings
    assert Settings("1", augment="blur").augment == ("blur",)
    assert Settings("1", augment=[]).augment == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("elastik", "unknown operation 'elastik'; did you mean elastic?"),
        ("light:p=0.5", "the preset light takes no parameters, got 'light:p=0.5'"),
        ("BLUR", "did you mean blur?"),
        ("lihgt", "did you mean light?"),
        ("qqq", "known are erode, dilate"),
        ("", "unknown operation ''"),
        ("blur:sgima=1", "blur has no parameter 'sgima'; did you mean sigma?"),
        ("blur:sigma", "blur: sigma needs a value, such as sigma=1"),
        ("blur:sigma=-1", "blur: sigma must be a number from 0 to"),
        ("blur:sigma=nan", "got 'nan'"),
        ("blur:sigma=2..1", "got (2.0, 1.0)"),
        ("blur:sigma=1..2..3", "got (1.0, 2.0, 3.0)"),
        ("blur:sigma=wide", "got 'wide'"),
        ("erode:width=0", "from 1 to 15 pixels, or a pair (low, high), got 0"),
        ("erode:width=1.5", "got '1.5'"),
        ("rotate:p=2", "rotate: p must be a number from 0 to 1"),
        ("slope:allow_clip=perhaps", "slope: allow_clip must be True or False"),
        ("background:kind=folder,folder=/nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_mistakes_are_one_line_on_the_command_line(refused, text, message):
    line = refused("-num", "1", "--augment", text)
    assert line.startswith("digitseq: error: --augment: ")
    assert message in line


def test_config_and_flag_are_the_same_and_the_flag_wins(run, tmp_path):
    import shutil

    shutil.copy(ROOT / "run.py", tmp_path)
    (tmp_path / "digitseq").symlink_to(ROOT / "digitseq")
    (tmp_path / "config.py").write_text('augment = ["elastic:alpha=16", "blur:p=0.3"]\nseed = 4\nsize = 20\n')
    import subprocess
    import sys

    def call(*arguments):
        subprocess.run([sys.executable, "run.py", "-num", "12", *arguments], cwd=tmp_path, check=True)

    call("-r", "-o", "a")
    call("--augment", "elastic:alpha=16", "--augment", "blur:p=0.3", "--seed", "4", "-s", "20", "-o", "b", "-m", "2")
    call("-r", "--augment", "light", "-o", "c")
    a, b, c = (contents(tmp_path / name / "12") for name in "abc")
    assert a == b
    assert a != c
    (tmp_path / "config.py").write_text('size = 2\naugment = ["blurr"]\n')
    done = subprocess.run([sys.executable, "run.py", "-num", "1", "-r"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("digitseq: error: config.py line 2: augment: unknown operation 'blurr'")


def test_the_list_has_every_operation_with_parameters_ranges_and_defaults(run):
    done = run("--list_augmentations")
    assert done.returncode == 0
    assert done.stdout.strip() == list_augmentations()
    for name in OPERATIONS:
        assert f"\n{name} (" in "\n" + done.stdout
    assert "    alpha: strength; a number from 0 to 200 pixels, or a pair (low, high) (default: 10..34)" in done.stdout
    assert "    light: shear:angle=-15..15" in done.stdout


@pytest.mark.parametrize("augment", first(["light", "", "heavy"]))
def test_the_same_files_from_one_and_two_processes(run, tmp_path, augment):
    flags = ["--augment", augment] if augment else ["-da"]
    for cores in (1, 2):
        assert run("-num", "305", "-s", 700, "-m", cores, "--seed", 7, "-o", f"m{cores}", *flags).returncode == 0
    assert contents(tmp_path / "m1" / "305") == contents(tmp_path / "m2" / "305")


def test_preview_is_one_sheet_and_nothing_else(run, tmp_path):
    done = run("-num", "123456", "--preview_operations", "sheet.png", "--seed", 3)
    assert done.stdout == "sheet.png (seed 3)\n"
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]
    run("-num", "123456", "--preview", "mine.png", "--seed", 3, "--augment", "light", "-iw", 0)
    assert pixels(tmp_path / "mine.png").shape[0] > 100
    run("-num", "123456", "--preview_operations", "again.png", "--seed", 3)
    assert np.array_equal(pixels(tmp_path / "sheet.png"), pixels(tmp_path / "again.png"))


def test_a_preview_that_cannot_be_written_is_refused(refused):
    assert "cannot write the preview no/where/sheet.png" in refused("-num", "1", "--preview", "no/where/sheet.png")
    assert "it is not a file" in refused("-num", "1", "--preview", ".")
    assert "it is not a file" in refused("-num", "1", "--preview", "/dev")
