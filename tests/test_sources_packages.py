"""Phone numbers against phonenumbers, patterns against re."""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.sources import DATE, chi_square, texts

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.sources import (
    Pattern,
    Phone,
    phone_number,
)
from digitseq.sources.automaton import automaton
from digitseq.sources.syntax import measure, read_regex
from digitseq.streams import Rows


@pytest.mark.parametrize("region", ["JP", "US", "GB", "DE", "FR", "BR", "IN", "CN", "AU", "NU", "IT", "VA", "AR"])
@pytest.mark.parametrize("kind", ["any", "mobile", "fixed_line"])
def test_phone_numbers_are_valid_in_every_format(region, kind):
    package = pytest.importorskip("phonenumbers")
    types = package.PhoneNumberType
    allowed = {
        "mobile": {types.MOBILE, types.FIXED_LINE_OR_MOBILE},
        "fixed_line": {types.FIXED_LINE, types.FIXED_LINE_OR_MOBILE},
        "any": {types.MOBILE, types.FIXED_LINE, types.FIXED_LINE_OR_MOBILE},
    }[kind]
    e164, national, digits = (texts(Phone(region, kind, f), 0, 300) for f in ("e164", "national", "digits"))
    for full, grouped, plain in zip(e164, national, digits):
        number = package.parse(full)
        assert package.is_valid_number(number)
        assert package.is_valid_number_for_region(number, region)
        assert package.number_type(number) in allowed
        assert package.format_number(number, package.PhoneNumberFormat.E164) == full
        assert package.format_number(number, package.PhoneNumberFormat.NATIONAL) == grouped
        assert plain == re.sub(r"\D", "", grouped)
        assert package.parse(plain, region) == number or region in ("AR", "VA", "NU")


def test_japanese_numbers_are_written_as_in_japan():
    pytest.importorskip("phonenumbers")
    assert all(re.fullmatch(r"0[6-9]0\d{8}", t) for t in texts(Phone("JP", "mobile"), 0, 500))
    assert all(re.fullmatch(r"0[6-9]0-\d{4}-\d{4}", t) for t in texts(Phone("JP", "mobile", "national"), 0, 500))
    assert all(re.fullmatch(r"\+81[6-9]0\d{8}", t) for t in texts(Phone("jp", "mobile", "e164"), 0, 500))


def test_phone_numbers_have_all_lengths_both_kinds_and_uniform_last_digits():
    pytest.importorskip("phonenumbers")
    found = texts(Phone("JP"), 0, 20_000)
    mobile = sum(len(text) == 11 for text in found)
    assert abs(mobile - 10_000) < 400
    last = Counter(text[-1] for text in found)
    assert abs(chi_square(list(last.values()), 2000)) < 6
    assert len(set(found)) > 19_990


def test_a_phone_source_knows_how_many_numbers_there_are():
    pytest.importorskip("phonenumbers")
    assert Phone("JP", "mobile").count == 4 * 9 * 10**7


def test_phone_number_gives_the_texts_of_the_source():
    pytest.importorskip("phonenumbers")
    assert phone_number("FR", "mobile", "e164", Rows.span(3, 5, 9)) == texts(Phone("FR", "mobile", "e164"), 5, 9, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("XX",), "ISO 3166 code of a region, two letters"),
        (("GP1",), "perhaps "),
        (("Japan",), "(perhaps JP, PA), got 'Japan'"),
        (("uk",), "(perhaps GB), got 'uk'"),
        (("#",), "such as JP, US or DE), got '#'"),
        ((None,), "got None"),
        (("TA", "mobile"), "region TA has no mobile numbers"),
        (("JP", "cell"), "phone_type must be one of any, mobile, fixed_line, got 'cell'"),
        (("JP", "any", "plain"), "phone_format must be one of digits, national, e164, got 'plain'"),
    ],
)
def test_phone_refuses_bad_values(arguments, message):
    pytest.importorskip("phonenumbers")
    with pytest.raises(SettingsError, match=re.escape(message)):
        Phone(*arguments)


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
    assert automaton(syntax.root, 100_000).count() == sum(re.fullmatch(regex, text) is not None for text in tried)


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
        ("", "must be a regular expression, got ''"),
        (3, "must be a regular expression, got 3"),
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


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(MissingPackageError, match="needs the package phonenumbers: pip install phonenumbers"):
        Phone("JP")
