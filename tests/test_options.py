"""Values of settings: what is taken, as what, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digitseq.augment import OPERATIONS
from digitseq.errors import SettingsError
from digitseq.options import (
    Choice,
    Choices,
    FilePath,
    Flag,
    Number,
    NumberPair,
    NumberRange,
    Option,
    Shares,
    Text,
    expanded,
    options,
    shown,
)
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

NUMBER = Option(Number(1, 2000, "pixels"), "")
SHARE = Option(Number(0, 1, whole=False), "")
CHOICE = Option(Choice(("a", "b")), "")
WORDS = Option(Choices(("a", "b")), "")
RATIO = Option(Shares(0, 1, whole=False, parts=("train", "val", "test")), "")
PAIR = Option(NumberPair(1, 9, parts=("least", "most")), "", default=None)
RANGE = Option(NumberRange(0, 5, whole=False), "")
PATH = Option(FilePath(), "")
FLAG = Option(Flag(), "")


@pytest.mark.parametrize(
    ("option", "value", "taken"),
    [
        (NUMBER, np.int64(7), 7),
        (CHOICE, "a", "a"),
        (WORDS, "a, b", ("a", "b")),
        (WORDS, ["b"], ("b",)),
        (RATIO, [1, 0, 0], (1.0, 0.0, 0.0)),
        (PAIR, [np.int8(3), 4], (3, 4)),
        (PAIR, None, None),
        (PATH, Path("x/y"), "x/y"),
        (FLAG, True, True),
        (RANGE, 2, (2.0, 2.0)),
        (RANGE, [1, 2.5], (1.0, 2.5)),
        (SHARE, 1, 1.0),
    ],
)
def test_values_become_plain_python(option, value, taken):
    found = option.clean("name", value)
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (NUMBER, 0, "name must be a whole number from 1 to 2,000 pixels, got 0"),
        (NUMBER, 1.5, "got 1.5"),
        (NUMBER, True, "got True"),
        (NUMBER, "7", "got '7'"),
        (NUMBER, None, "got None"),
        pytest.param(NUMBER, 10**5000, "got a value of the type int that is too long to show", id="long"),
        (SHARE, float("nan"), "got nan"),
        (CHOICE, "c", "name must be one of a, b, got 'c'"),
        (WORDS, "a a", "name must be one or more of a, b, got 'a a'"),
        (WORDS, [], "got []"),
        (RATIO, [0.5, 0.6, 0], "a number from 0 to 1 for each of train, val, test, with the sum 1"),
        (PAIR, [1], "a whole number from 1 to 9 for each of least, most, got 1"),
        (PAIR, 3, "got 3"),
        (PAIR, [0, "x"], "got 0, 'x'"),
        (PAIR, [], "got []"),
        (PAIR, [1] * 99, "got [1, 1, 1, "),
        (PAIR, {3, 8}, "got {8, 3}"),
        (WORDS, {"a": 1}, "got {'a': 1}"),
        (RATIO, {1: 0, 0: 1, 2: 0}, "got {1: 0, 0: 1, 2: 0}"),
        (RANGE, (2, 1), "name must be a number from 0 to 5, or a pair (low, high), got (2, 1)"),
        (PATH, "", "name must be a path, got ''"),
        (PATH, "a\0b", "name must be a path"),
        (FLAG, 1, "name must be True or False, got 1"),
    ],
)
def test_everything_else_is_refused_with_what_is_allowed(option, value, message):
    with pytest.raises(SettingsError) as caught:
        option.clean("name", value)
    assert message in str(caught.value)
    assert caught.value.setting == "name"


def test_home_directories(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded("~/a", "cache") == "/home/me/a"
    assert expanded("a/~", "cache") == "a/~"
    with pytest.raises(SettingsError, match="the home directory ~nobody-of-this-name is not known"):
        expanded("~nobody-of-this-name/a", "cache")


def test_what_is_shown_has_an_end():
    assert shown("x" * 100) == "'" + "x" * 56 + "..."


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (NUMBER, "7", 7),
        (NUMBER, "1_000", "1_000"),  # Python's int() would take it
        (NUMBER, "٧", "٧"),
        (SHARE, ".5", 0.5),
        (SHARE, "nan", "nan"),
        (PAIR, "1, 2", [1, 2]),
        (RATIO, "1,0,0", [1.0, 0.0, 0.0]),
        (RANGE, "1..2", (1.0, 2.0)),
        (RANGE, "1..x", "1..x"),
        (FLAG, "true", True),
        (FLAG, "perhaps", "perhaps"),
        (Option(Text(), ""), "1,2", "1,2"),
    ],
)
def test_texts_of_queries_become_values(option, text, value):
    assert option.kind.parse(text) == value


@pytest.mark.parametrize("cls", [Settings, Output, *OPERATIONS.values()], ids=lambda cls: cls.__name__)
def test_defaults_are_values_as_they_are_kept(cls):
    for name, option in options(cls).items():
        assert option.clean(name, option.default) == option.default, name
