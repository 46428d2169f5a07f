"""Messages are one printable line, and every error says what the program ends with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq import errors
from digitseq.errors import DigitseqError, SettingsError, closest, did_you_mean, one_line


@given(st.text(max_size=700))
def test_whatever_is_said_elsewhere_is_one_line_here(text):
    line = one_line(text)
    assert len(line) <= 300
    assert line.isprintable()
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "line"), [("", ""), ("\n\n a \nb", "a"), ("x" * 400, "x" * 299 + "…"), ("\x1b[2Jé", "\\x1b[2Jé")]
)
def test_what_is_left_of_a_text(text, line):
    assert one_line(text) == line


def test_every_error_has_an_exit_code_and_is_what_python_expects():
    found = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, DigitseqError)]
    assert {e.__name__: e.exit_code for e in found if e.exit_code != 2} == {"RunError": 1, "NarrowError": 1}
    assert issubclass(SettingsError, ValueError)
    assert issubclass(errors.MissingPackageError, ImportError)
    assert SettingsError("m", "size").setting == "size"


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("--widht", ["--image_height", "--image_width"], "--image_width"),
        ("minst", ["kmnist", "emnist-mnist", "mnist"], "mnist"),
        ("byclass", ["mnist", "emnist-byclass"], "emnist-byclass"),
        ("-num5", ["--number", "-num"], "-num"),
        ("zzz", ["--size"], None),
        ("a", [], None),
    ],
)
def test_the_name_that_was_meant(word, known, meant):
    assert closest(word, known) == meant
    assert did_you_mean(word, known) == (f"did you mean {meant}?" if meant else f"known are {', '.join(known)}")
