"""Patterns compared with `re`, and hostile patterns."""

from __future__ import annotations

import itertools
import random
import re
import sys
import tracemalloc
from collections import Counter
from contextlib import contextmanager

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.patterns import ALPHABET, random_pattern
from support.sources import DATE, texts

from digitseq.errors import SettingsError
from digitseq.sources.automaton import automaton
from digitseq.sources.pattern import Pattern
from digitseq.sources.regex_parser import PARSER, effort
from digitseq.sources.sampler import graph_of
from digitseq.sources.syntax import read_regex
from digitseq.sources.tree import measure

CALLS = 1_000_000  # of Python and C functions, about a tenth of a second
BYTES = 50_000_000


class TooMuchWork(Exception):
    """Bounds that are counted do not depend on the machine."""


@contextmanager
def bounded_work():
    """A block that may make so many calls, and hold so much memory, and no more."""
    left = CALLS

    def count(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            sys.setprofile(None)
            raise TooMuchWork

    tracemalloc.start()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < BYTES


def answer(regex: str) -> list[str] | str:
    """Forty texts, or the one line that says why there are none, within bounded work."""
    with bounded_work():
        try:
            source = Pattern(regex, ALPHABET)
            source.count  # noqa: B018  # also bounded
            found = texts(source, 0, 40)
        except SettingsError as error:
            message = str(error)
            assert "\n" not in message and len(message) < 400 and error.setting in ("pattern", None)
            return message
    assert max(map(len, found)) <= source.max_length <= 255
    assert set("".join(found)) <= source.characters
    return found


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, 10))])
def test_any_pattern_answers_within_bounded_work(part):
    rng, drawn = random.Random(part), 0
    for _ in range(50):
        regex = random_pattern(rng)
        found = answer(regex)
        if isinstance(found, list):
            drawn += 1
            if effort(PARSER.parse(regex), 255)[1] < 1e6:  # `re` could take for ever otherwise
                assert all(re.fullmatch(regex, text) for text in found), regex
    assert drawn > 10


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("5(?:0{0}){0,1000000}", {"5"}),
        ("5(?:){0,1000000}", {"5"}),
        ("5(?:(?:(?:(?:){100}){100}){100}){100}", {"5"}),
        ("5(?:(?:(?:(?:0{0}|){100}){100}){100}){100}", {"5"}),
        ("(?:(?:a{0}){1000}b{0}){1000}7", {"7"}),
        ("(?:(?:){0,1000000}|(?:0{0})*)1", {"1"}),
        ("(?:" * 80 + "7" + "){1}" * 80, {"7"}),
        ("(?:[0-9]{0}a){3}", {"aaa"}),
    ],
)
def test_what_is_empty_is_never_repeated(regex, expected):
    assert set(answer(regex)) == expected


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        ("5(?:(?:(?:(?:0){100}){100}){100}){100}", "has texts of 100,000,001 characters, at most 255"),
        ("(?:a{255}|b){255}", "has texts of 65,025 characters, at most 255"),
        ("(?:" * 40 + "0" + "){4000000000}" * 40, "has texts of more than 10¹² characters"),
        (
            f"(?:{'|'.join(f'w{i}' for i in range(1000))}){{60}}",
            "has 233,461 options in all choices, when written out, at most 100,000",
        ),
        (f"(?:{'|'.join(f'{i:03}' for i in range(1000))}){{20}}", None),
        (
            f"(?:{'|'.join(f'{i:03}' for i in range(1500))}){{60}}",
            "has 390,001 options in all choices, when written out, at most 100,000",
        ),
        (r"[\u4e00-\u9fa5]{9}", "has 188,119 options"),
        ("[\\x20-\\U0010ffff]", "has more than 100,000 characters in its sets"),
        (r"[\u4e00-\u9fa5]" * 9 + "1", "has more than 100,000 characters in its sets"),
        ("(?:" * 3 + "(?:0?)?" * 40 + ")?" * 3, None),
        ("(?:" * 70 + "(?:0?)?" * 40 + ")?" * 70, "hardly ever or never matches"),
        ("(?:" * 200 + "0" + ")?" * 200, "nested too deep"),
        ("(?:" * 50 + "0?" + ")?" * 50 + "1", None),
        ("(?:" + "(?:" * 20 + "0?" + ")?" * 20 + "){255}", "has 5,610 choices on the way to one text, at most 2,000"),
        ("(?:1{255,65535})*", "has texts of 65,535 characters, at most 255"),
        ("0" * 10_001, "may have at most 10,000 characters, got 10,001"),
        ("(?!(a+)+b)a{30}", "beside repetitions that take too long to match"),
        (r"(\d\d|\w)*(?<!x)", "beside repetitions that take too long to match"),
    ],
)
def test_the_size_of_a_pattern_is_bounded_before_it_is_expanded(regex, message):
    found = answer(regex)
    assert isinstance(found, list) if message is None else message in found


@pytest.mark.parametrize(
    "regex",
    [
        "(?:1*){,256}1",
        "(?:(?:|1|[.]|[135])*?){,256}[135]",
        "-|7{0,3}|(?:-*?){0,256}",
        "[135]|(?:[0-9]|7|0(?:0){2,}-*){0,50}?",
        "(?:(?:(?:1{255,65535})*){,10})+|(?:[.]|1|[^0-4]|){,255}[0-9]*(?:[^0-4]*?)",
        "(?:-0[0-9]0|[0-9]|0[0-9])??[.]?(?:[135]{,65535}?)*",
        "[135]?(?:(?:42){,4294967294})*-(?:0|-|42){10,}[^0-4]*",
        "(?:[135]{,65535})*",
        "(?:0*){,1000}",
        "(?:0+){2,1000}",
        "(?:0{1,1000}){3,}",
        "(?:1{300})*5",
    ],
)
def test_repetitions_without_bound_that_hold_long_texts(regex):
    found = answer(regex)
    assert isinstance(found, list), found
    # some of these take `re` for ever to decide on a long text, not the program
    assert all(len(text) <= 255 and (len(text) > 25 or re.fullmatch(regex, text)) for text in found)


def test_lookarounds_are_kept():
    for regex in (r"(?!00)\d{2,5}(?<!13)", r"(?=.*1)(?=.*2)(?=.*3)\d{6,9}", r"(?!.*--)[0-9-]{5,20}", r"\d\b-\b\d"):
        assert all(re.fullmatch(regex, text) for text in answer(regex))


def test_branches_numbers_of_repetitions_and_characters_are_as_likely_as_the_others():
    found = Counter(texts(Pattern("yes|no|[0-9]{3}"), 0, 30_000))
    assert abs(found["yes"] - 10_000) < 400 and abs(found["no"] - 10_000) < 400
    lengths = Counter(map(len, texts(Pattern("(?:ab){0,3}(?:0|123456789)"), 0, 32_000)))
    assert set(lengths) == {1, 3, 5, 7, 9, 11, 13, 15}
    assert all(abs(n - 4000) < 350 for n in lengths.values())
    first = Counter(text[0] for text in texts(Pattern("[0-4]{1,3}"), 0, 30_000))
    assert all(abs(n - 6000) < 400 for n in first.values())


@pytest.mark.parametrize(
    ("regex", "count"),
    [
        (r"\d{3}", 1000),
        (DATE, 200 * 12 * 31),
        (r"(1|1|2)", 2),
        (r"\d?\d?", 110),  # without the empty text
        (r"[^5]{2}", 81),
        (r"^\d{3}$|^\d{4}$", 11_000),
        (r"a{150,200}", 51),
        (r"[\^\-\]\\]{2}", 16),
        (r"[0-9A-F]{2}(:[0-9A-F]{2}){5}", 256**6),
        (r"(1|22|333){0,3}", 39),
        (r"\d+", None),
        (r"(\d+ )+", None),
        (r"(?!00)\d\d", None),
        (r"\b\d{1,2}\b", None),
        (r"[0-4]\d*?[.]\d{2}", None),
    ],
)
def test_patterns_match_and_are_counted(regex, count):
    source = Pattern(regex, "0123456789")
    assert source.count == count
    assert source.max_length <= 255
    found = texts(source, 0, 700)
    assert all(re.fullmatch(regex, text) for text in found)
    assert len(set(found)) > min(count or 100, 100) // 2


def regexes():
    leaves = st.sampled_from(["1", "[12]", "[2-4]", "3?", "[^1-7]", "(?:12|13)"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
            st.tuples(inner, st.integers(0, 2), st.integers(0, 2)).map(lambda t: f"({t[0]}){{{t[1]},{t[1] + t[2]}}}"),
        ),
        max_leaves=5,
    )


@settings(max_examples=100)
@given(regexes())
def test_counts_agree_with_trying_all_texts(regex):
    syntax = read_regex(regex, "12348")
    longest = measure(syntax.root).longest
    assume(longest <= 5)
    tried = ("".join(text) for n in range(1, longest + 1) for text in itertools.product("12348", repeat=n))
    assert automaton(graph_of(syntax.root), 100_000).count() == sum(
        re.fullmatch(regex, text) is not None for text in tried
    )


def test_an_automaton_that_grows_too_large_is_given_up():
    assert Pattern(r"\d{0,40}1\d{20}").count is None


def test_sets_stand_for_the_alphabet():
    assert Pattern(r"\w\W?", "ab-").characters == {"a", "b", "-"}
    assert Pattern(r"\D", "ab1").characters == {"a", "b"}
    assert Pattern(r".").characters == set("0123456789")
    assert Pattern(r"[^a\d]", "ab1").characters == {"b"}


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        ("", "matches nothing but the empty text"),
        ("(", "is not a regular expression: "),
        ("[5-1]", "is not a regular expression: bad character range"),
        ("()", "matches nothing but the empty text"),
        ("^$", "matches nothing but the empty text"),
        ("(1{0})?", "matches nothing but the empty text"),
        (r"(\d)\1", "has a back reference"),
        ("(?i)a", "has inline flags"),
        ("(?i:a)", "has inline flags"),
        (r"\d{300}", "has texts of 300 characters, at most 255"),
        (r"1\n", "has '\\n' (U+000A), which cannot be written"),
        ("[^0-9]", "has a set that none of the characters '0123456789' is in"),
        (r"(?!\d)\d", "hardly ever or never matches"),
        ("(?=2)1", "hardly ever or never matches"),
    ],
)
def test_patterns_that_are_refused(regex, message):
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        Pattern(regex)
    assert "\n" not in str(caught.value)
