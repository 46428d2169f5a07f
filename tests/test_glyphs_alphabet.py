"""Which characters the classes of a data set can write, and the case that labels have."""

from __future__ import annotations

from digitseq.glyphs.alphabet import class_table, classes, label_table


def test_a_letter_of_one_case_stands_for_both():
    assert classes("0aBcC") == {"0": 0, "a": 1, "B": 2, "c": 3, "C": 4, "A": 1, "b": 2}
    table = class_table("0aBcC")
    assert [int(table[min(ord(c), len(table) - 1)]) for c in "0AabBcC9z"] == [0, 1, 1, 2, 2, 3, 4, -1, -1]
    assert classes("ßあ1") == {"ß": 0, "あ": 1, "1": 2}


def test_cases_of_labels():
    assert label_table("aB", "as_given") is label_table("aA1", "as_given", drawn=True) is None
    drawn = label_table("aB1", "as_given", drawn=True)
    assert "".join(chr(drawn[ord(c)]) for c in "aAbB1") == "aaBB1"
    upper, lower = label_table("aB1ß", "upper"), label_table("aB1ß", "lower")
    assert "".join(chr(upper[ord(c)]) for c in "aAbB1ß") == "AABB1ß"
    assert "".join(chr(lower[ord(c)]) for c in "aAbB1ß") == "aabb1ß"
