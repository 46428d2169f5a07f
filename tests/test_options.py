"""Values of settings: what is taken, as what, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digitseq.errors import SettingsError
from digitseq.options import Option, expanded, shown

NUMBER = Option("int", "", "", low=1, high=2000, unit="pixels")
CHOICE = Option("choice", "", "", choices=("a", "b"))
WORDS = Option("words", "", "", choices=("a", "b"))
RATIO = Option("ratio", "", "", low=0, high=1)
PAIR = Option("pair", "", "", low=1, high=9, pair="least and most", optional=True)
PATH = Option("path", "", "")


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
        (Option("bool", "", ""), True, True),
        (Option("float", "", "", low=0, high=1), 1, 1.0),
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
        (Option("float", "", "", low=0, high=1), float("nan"), "got nan"),
        (CHOICE, "c", "name must be one of a, b, got 'c'"),
        (WORDS, "a a", "name must be one or more of a, b, got 'a a'"),
        (WORDS, [], "got []"),
        (RATIO, [0.5, 0.6, 0], "three numbers from 0 to 1 with the sum 1"),
        (PAIR, [1], "two whole numbers, least and most, each from 1 to 9, got [1]"),
        (PAIR, 3, "got 3"),
        (PATH, "", "name must be a path, got ''"),
        (PATH, "a\0b", "name must be a path"),
        (Option("bool", "", ""), 1, "name must be True or False, got 1"),
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
