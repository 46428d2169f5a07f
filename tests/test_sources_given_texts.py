"""The setting `numbers`: a list of texts, in every place where settings are given."""

from __future__ import annotations

import json
import shlex

import pytest
from support.sources import texts

from digitseq.errors import SettingsError
from digitseq.generator import SequenceGenerator
from digitseq.options import MAX_TEXT, MAX_TEXTS, flag_words, options
from digitseq.settings import Settings
from digitseq.shell.parser import parse
from digitseq.sources.choose import source_folder, source_of
from digitseq.sources.given_texts import GivenTexts

GIVEN = ["2026", "-12", "007", "-1-2", "1 2", "-", "7", "--8"]


def labels(folder):
    return [json.loads(line)["text"] for line in (folder / "metadata.jsonl").read_text().splitlines()]


def test_texts_come_in_order_and_again_from_the_top():
    source = source_of(Settings(numbers=GIVEN), "0123456789")
    assert texts(source, 0, 20) == (GIVEN * 3)[:20]
    assert (source.images, source.period, source.max_length, source.longest()) == (8, 8, 4, "2026")
    assert source_folder(Settings(numbers=GIVEN)) == "numbers"


def test_spaces_around_texts_are_left_out():
    assert Settings(numbers=[" 12\t", "3 4\r\n"]).numbers == ("12", "3 4")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("12", "a list of 1 to 10,000 texts of 1 to 255 characters, got '12'"),
        ({"1": "2"}, "a list of"),
        (5, "a list of"),
        ([], "1 to 10,000 texts, got 0"),
        (["1"] * (MAX_TEXTS + 1), "1 to 10,000 texts, got 10,001"),
        (["1", 7], 'such as "007": a number has no leading zeros, got 7 as text 2'),
        (["1", " "], "1 to 255 characters, got 0 in text 2"),
        (["1" * (MAX_TEXT + 1)], "1 to 255 characters, got 256 in text 1"),
        (["1", "2\x07"], "no glyph shows, in text 2"),
    ],
)
def test_refused(value, said):
    with pytest.raises(SettingsError, match="^numbers ") as caught:
        Settings(numbers=value)
    assert said in str(caught.value) and caught.value.setting == "numbers"


def test_characters_without_a_glyph_name_their_place():
    with pytest.raises(SettingsError) as caught:
        source_of(Settings(numbers=["12", "4x"]), "0123456789")
    assert str(caught.value).startswith("text 2 of `numbers` may have 0123456789-+.,:/()=#* only, got 'x' (U+0078)")
    assert caught.value.setting == "numbers"
    assert texts(source_of(Settings(numbers=["1_2"], signs="gap"), "0123456789"), 0, 1) == ["1_2"]


def test_a_width_that_the_longest_text_does_not_fit_into_is_refused():
    Settings(numbers=["1", "2"], image_width=40)
    with pytest.raises(SettingsError, match="image_width"):
        SequenceGenerator(Settings(numbers=["1", "23456789"], image_width=60), 1)


def test_unique_and_balanced():
    source = source_of(Settings(numbers=["1", "2", "1", "3"], unique=True), "0123456789", 3)
    assert texts(source, 0, 3) == ["1", "2", "3"]
    with pytest.raises(SettingsError, match="4 different texts are asked for, and the source gives 3"):
        source_of(Settings(numbers=["1", "2", "1", "3"], unique=True), "0123456789")
    with pytest.raises(SettingsError, match="balanced works with"):
        Settings(numbers=["1", "2"], balanced=True)
    assert len(GivenTexts(["1"] * 5).texts) == 5


def test_the_words_of_the_command_line_give_the_same_texts(tmp_path):
    words = flag_words("numbers", options(Settings)["numbers"], GIVEN)
    assert parse([*words, "--seed", "1"], tmp_path / "config.py").settings.numbers == tuple(GIVEN)
    assert words == [
        "--numbers", "2026", "--numbers=-12", "--numbers", "007", "--numbers=-1-2", "--numbers", "1 2", "--numbers=-",
        "--numbers", "7", "--numbers=--8",
    ]  # fmt: skip
    plain = parse(["--numbers", "12", "-12", "5", "-iw", "90"], tmp_path / "config.py").settings
    assert plain == Settings(numbers=["12", "-12", "5"], image_width=90)


def test_a_text_that_argparse_takes_for_a_flag_is_refused_with_what_to_write(refused):
    assert "one that begins with - is written after =" in refused("--numbers", "-1-2")


def test_the_command_line_makes_an_image_of_each(run, tmp_path):
    words = flag_words("numbers", options(Settings)["numbers"], GIVEN)
    done = run(*words, "--seed", 3)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "output/numbers"
    assert labels(folder) == GIVEN
    assert json.loads((folder / "run.json").read_text())["runs"][0]["settings"]["numbers"] == GIVEN
    again = run(*words, "--seed", 3, "--resume")
    assert again.returncode == 0 and "already complete" in again.stdout, again.stderr
    generator = SequenceGenerator(Settings(numbers=GIVEN), 3)
    assert [generator[i].text for i in range(9)] == [*GIVEN, GIVEN[0]]
    generator.write(tmp_path / "python")
    assert {p.name: p.read_bytes() for p in (tmp_path / "python/numbers").glob("*.png")} == {
        p.name: p.read_bytes() for p in folder.glob("*.png")
    }


def test_the_configuration_file_and_the_card(run, tmp_path):
    (tmp_path / "config.py").write_text('numbers = ["12", "-3"]\nsize = 5\ncard = "on"\nseed = 1\n')
    done = run("-r", "config.py")
    assert done.returncode == 0, done.stderr
    assert labels(tmp_path / "output/numbers") == ["12", "-3", "12", "-3", "12"]
    (line,) = [s for s in (tmp_path / "output/numbers/README.md").read_text().splitlines() if "run.py" in s]
    assert run(*shlex.split(line)[2:], "-o", "again").returncode == 0
    assert labels(tmp_path / "again/numbers") == ["12", "-3", "12", "-3", "12"]
