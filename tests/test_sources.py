"""Every source against what it promises; phone numbers against phonenumbers, patterns against re."""

from __future__ import annotations

import importlib
import io
import itertools
import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitseq.errors import DataError, MissingPackageError, SettingsError
from digitseq.sources import (
    FixedSource,
    NumbersFile,
    Pattern,
    Phone,
    RandomDigits,
    balanced,
    check_characters,
    decode,
    encode,
    phone_number,
    unique,
)
from digitseq.sources.automaton import automaton
from digitseq.sources.permutation import MAX_DOMAIN, Permutation
from digitseq.sources.syntax import read_regex
from digitseq.streams import Rows

ALL = 3000
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DATE = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"


def texts(source, start, stop, seed=1):
    return decode(source.codes(Rows.span(seed, start, stop)))


def chi_square(counts, expected):
    """Pearson's statistic in standard deviations above its mean."""
    counts, expected = np.asarray(counts, float), np.broadcast_to(expected, np.shape(counts)).astype(float)
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    return (statistic - freedom) / np.sqrt(2 * freedom)


def numbers_file(tmp_path, lines=2500):
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{i * i}\n" for i in range(lines)))
    return NumbersFile(path)


SOURCES = {
    "fixed": lambda _: FixedSource("00742"),
    "random": lambda _: RandomDigits(3, 8),
    "letters": lambda _: RandomDigits(1, 40, LETTERS),
    "balanced": lambda _: balanced(RandomDigits(1, 6), ALL),
    "unique": lambda _: unique(RandomDigits(2, 25), ALL, 1),
    "unique balanced": lambda _: unique(balanced(RandomDigits(3, 5), ALL), ALL, 1),
    "file": numbers_file,
    "phone": lambda _: Phone("JP"),
    "phone national": lambda _: Phone("BR", format="national"),
    "phone e164": lambda _: Phone("DE", "fixed_line", "e164"),
    "unique phone": lambda _: unique(Phone("IS", "mobile"), ALL, 1),
    "pattern": lambda _: Pattern(DATE),
    "pattern with lookahead": lambda _: Pattern(r"(?!00)\d{2,5}(?<!13)"),
    "unique pattern": lambda _: unique(Pattern(r"\d{4}"), ALL, 1),
    "unique file": lambda path: unique(numbers_file(path, 4000), ALL, 1),
}
NEEDS = {"phone": "phonenumbers", "pattern": "rstr"}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    for word, package in NEEDS.items():
        if word in request.param:
            pytest.importorskip(package)
    return SOURCES[request.param](tmp_path)


def test_a_text_does_not_depend_on_the_rows_asked_for_together_or_on_the_attempt(source):
    rows = Rows.span(1, 0, ALL)
    everything = source.codes(rows)
    assert everything.shape == (ALL, source.max_length)
    assert everything.dtype == np.uint32
    rng = np.random.default_rng(0)
    for chosen in ([5], [0, 1], range(63, 66), sorted(rng.choice(ALL, 40, replace=False)), [ALL - 1]):
        part = replace(rows, index=np.array(chosen, np.int64))
        assert np.array_equal(source.codes(part), everything[chosen])
    again = rows.again(np.array([7, 9, 2000]))
    assert np.array_equal(source.codes(again), everything[[7, 9, 2000]])


def test_a_pickled_source_is_small_and_the_same(source):
    data = pickle.dumps(source)
    copy = pickle.loads(data)
    assert len(data) < 1000 + 8 * ALL
    assert np.array_equal(copy.codes(Rows.span(1, 10, 80)), source.codes(Rows.span(1, 10, 80)))


def test_texts_are_within_what_the_source_says_of_itself(source):
    found = texts(source, 0, ALL)
    assert all(found)
    assert set("".join(found)) <= set(source.characters)
    assert max(map(len, found)) <= source.max_length
    assert len(source.longest()) <= source.max_length
    assert max(map(len, found)) <= len(source.longest()) + 1
    assert source.count is None or len(set(found)) <= source.count
    codes = source.codes(Rows.span(1, 0, ALL))
    assert np.array_equal(codes, encode(found, source.max_length))  # nothing but zeros behind a text


def test_another_seed_gives_other_texts():
    source = RandomDigits(8, 8)
    assert not set(texts(source, 0, 100, seed=1)) & set(texts(source, 0, 100, seed=2))


def test_texts_are_the_same_in_another_process():
    pytest.importorskip("rstr")
    program = (
        "from digitseq.sources import *; from digitseq.streams import Rows\n"
        "for s in Pattern('[^3]{5}|.8'), unique(RandomDigits(1, 30), 99, 3):\n"
        "    print(decode(s.codes(Rows.span(3, 0, 99))))"
    )
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONHASHSEED": str(k)},
            capture_output=True,
            check=True,
        )
        for k in (1, 2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout) > 1000


# random digits


@pytest.mark.parametrize(("low", "high", "characters"), [(3, 8, "0123456789"), (1, 1, "01"), (2, 5, LETTERS)])
def test_random_lengths_and_characters_are_uniform(low, high, characters):
    found = texts(RandomDigits(low, high, characters), 0, 40_000)
    lengths = Counter(map(len, found))
    assert set(lengths) == set(range(low, high + 1))
    if low < high:
        assert abs(chi_square(list(lengths.values()), 40_000 / len(lengths))) < 6
    for place in range(low):
        counts = Counter(text[place] for text in found)
        assert abs(chi_square([counts[c] for c in characters], 40_000 / len(characters))) < 6
    if low > 1:
        pairs = Counter(text[:2] for text in found)
        assert (
            abs(chi_square([pairs[a + b] for a in characters for b in characters], 40_000 / len(characters) ** 2)) < 6
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "two whole numbers from 1 to 255, got 0"),
        ((1, 256), "got 256"),
        ((True, 5), "got True"),
        ((1.0, 5), "got 1.0"),
        ((float("nan"), 5), "got nan"),
        (("3", 5), "got '3'"),
        ((1, None), "got None"),
        ((5, 3), "smallest and the largest length in this order, got 5 and 3"),
        ((1, 3, ""), "characters must be"),
        ((1, 3, "00"), "characters must be"),
        ((1, 3, 7), "characters must be"),
    ],
)
def test_random_digits_refuse_bad_values(arguments, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        RandomDigits(*arguments)


def test_numpy_integers_are_whole_numbers():
    assert RandomDigits(np.int64(2), np.uint8(3)) == RandomDigits(2, 3)


# permutations, unique, balanced


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_a_permutation_hits_every_number_once(size, seed):
    shuffle = Permutation.of(Rows.span(seed, 4, 9), "x")
    everything = np.arange(size)
    assert np.array_equal(np.sort(shuffle(everything, size)), everything)
    assert shuffle(everything[-1:], size)[0] == shuffle(everything, size)[-1]


@given(st.integers(0, 2**64 - 1), st.sampled_from([MAX_DOMAIN, MAX_DOMAIN - 1, 10**18, 2**53 + 1, 99_999**2]))
def test_a_permutation_of_a_large_domain_stays_inside_and_apart(seed, size):
    values = np.unique(np.concatenate([np.arange(500), size - 1 - np.arange(500)]))
    out = Permutation.of(Rows.span(seed, 0, 1), "x")(values, size)
    assert (out >= 0).all()
    assert (out < size).all()
    assert len(np.unique(out)) == len(values)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(0, 3), st.sampled_from(["01", "0123456789", "x", LETTERS]))
def test_unique_digits_are_different_and_lengths_even(data, low, more, characters):
    digits = RandomDigits(low, low + more, characters)
    size = data.draw(st.integers(1, min(digits.count, 3000)))
    balance = data.draw(st.booleans())
    source = unique(balanced(digits, size) if balance else digits, size, 5)
    found = texts(source, 0, size, seed=5)
    assert len(set(found)) == size
    lengths = Counter(map(len, found))
    quotas = [lengths[n] for n in digits.lengths]
    orbit = len(characters) if balance else 1
    for place, (n, quota) in enumerate(zip(digits.lengths, quotas)):
        # as many as the longer ones, unless there are no more
        assert quota == len(characters) ** n or quota >= max(quotas[place:]) - 2 * orbit
    if balance:
        counts = Counter("".join(found))
        spread = max(counts[c] for c in characters) - min(counts[c] for c in characters)
        assert spread <= (0 if size % orbit == 0 else low + more)


def test_unique_digits_spread_over_all_that_there_are():
    found = texts(unique(RandomDigits(6, 6), 50_000, 3), 0, 50_000, seed=3)
    assert len(set(found)) == 50_000
    for place in range(6):
        counts = Counter(text[place] for text in found)
        assert chi_square(list(counts.values()), 5000) < 6
    assert len({text[:2] for text in found[:2000]}) == 100  # any part of a run is a sample of it


def test_unique_can_take_all_that_there_are():
    found = texts(unique(RandomDigits(1, 3), 1110, 8), 0, 1110, seed=8)
    assert sorted(found) == sorted(f"{i:0{n}}" for n in (1, 2, 3) for i in range(10**n))


def test_unique_long_texts():
    source = unique(RandomDigits(250, 255), 2000, 8)
    found = texts(source, 0, 2000, seed=8)
    assert len(set(found)) == 2000
    assert abs(chi_square([Counter("".join(found))[c] for c in "0123456789"], len("".join(found)) / 10)) < 8


def test_images_behind_the_run_repeat_it():
    for source in (unique(RandomDigits(1, 4), 700, 2), balanced(RandomDigits(1, 4), 700)):
        assert texts(source, 690, 710, 2)[10:] == texts(source, 0, 10, 2)


def test_unique_lines_of_a_file_are_its_first_ones(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n1\n3\n2\n4\n")
    assert texts(unique(NumbersFile(path), 4, 0), 0, 4) == ["1", "2", "3", "4"]
    with pytest.raises(SettingsError, match=r"5 different texts are asked for, and the source holds 4: "):
        unique(NumbersFile(path), 5, 0)


def test_unique_takes_the_whole_of_a_finite_pattern():
    pytest.importorskip("rstr")
    source = unique(Pattern(r"\d|7\d"), 20, 4)
    assert set(texts(source, 0, 20)) == {*"0123456789", *(f"7{c}" for c in "0123456789")}


def test_unique_says_how_many_there_are(tmp_path):
    cases = [(RandomDigits(1, 2), 111, 110), (balanced(RandomDigits(2, 2), 101), 101, 100), (FixedSource("12"), 2, 1)]
    for source, size, count in cases:
        message = f"unique: {size} different texts are asked for, and the source holds {count}: "
        with pytest.raises(SettingsError, match=message):
            unique(source, size, 1)


def test_unique_gives_up_on_an_exhausted_pattern():
    pytest.importorskip("rstr")
    with pytest.raises(SettingsError, match="the source holds 1,000: ask for at most 1,000"):
        unique(Pattern(r"\d{3}"), 1001, 1)
    with pytest.raises(SettingsError, match="draws from the source gave 9 different ones: ask for at most 9"):
        unique(Pattern(r"(?!0)\d"), 10, 1)


@pytest.mark.parametrize("size", [0, -1, 10**9 + 1, 1.5, True, None, "5"])
def test_unique_and_balanced_refuse_bad_sizes(size):
    for make in (lambda: unique(RandomDigits(1, 2), size, 1), lambda: balanced(RandomDigits(1, 2), size)):
        with pytest.raises(SettingsError, match=r"size must be a whole number from 1 to 1,000,000,000, got "):
            make()


def test_unique_and_balanced_must_agree_on_the_size():
    with pytest.raises(SettingsError, match="same size, got 10 and 20"):
        unique(balanced(RandomDigits(2, 2), 20), 10, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 4), st.integers(1, 1500), st.sampled_from(["7", "01", "0123456789", LETTERS]))
def test_balanced_characters_and_lengths_differ_by_one_at_most(low, more, size, characters):
    found = texts(balanced(RandomDigits(low, low + more, characters), size), 0, size)
    counts = Counter("".join(found))
    assert max(counts[c] for c in characters) - min(counts[c] for c in characters) <= 1
    lengths = Counter(map(len, found))
    assert max(lengths[n] for n in range(low, low + more + 1)) - min(lengths.values()) <= 1
    assert set(lengths) <= set(range(low, low + more + 1))


def test_balanced_characters_are_independent_of_their_neighbours():
    found = texts(balanced(RandomDigits(2, 4), 60_000), 0, 60_000)
    pairs = Counter(text[:2] for text in found)
    assert abs(chi_square([pairs[f"{i:02}"] for i in range(100)], 600)) < 6
    followed = Counter(a[0] + b[0] for a, b in itertools.pairwise(found))
    assert abs(chi_square([followed[f"{i:02}"] for i in range(100)], 600)) < 6


def test_balanced_is_for_random_digits(tmp_path):
    for source in (FixedSource("1"), numbers_file(tmp_path), unique(RandomDigits(1, 2), 10, 1)):
        with pytest.raises(SettingsError, match="balanced works with random_digits and random_text only"):
            balanced(source, 10)


# fixed


def test_a_fixed_text_is_refused_when_it_is_none():
    for text in ("", "1" * 256, 12, None):
        with pytest.raises(SettingsError, match="text of 1 to 255 characters"):
            FixedSource(text)


# phone numbers


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


# patterns


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
    pytest.importorskip("rstr")
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


@settings(max_examples=150, deadline=None)
@given(regexes())
def test_counts_agree_with_trying_all_texts(regex):
    root = read_regex(regex, "0123456789").capped(255)
    tried = ("".join(str(c) for c in np.unravel_index(i, (10,) * n)) for n in (1, 2, 3, 4) for i in range(10**n))
    machine = automaton(root, 10_000)
    assert machine.count(4) == sum(re.fullmatch(regex, text) is not None for text in tried)


def test_an_automaton_that_grows_too_large_is_given_up():
    pytest.importorskip("rstr")
    assert Pattern(r"\d{0,40}1\d{20}").count is None


def test_sets_stand_for_the_alphabet():
    pytest.importorskip("rstr")
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
    pytest.importorskip("rstr")
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        Pattern(regex)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "make"), [("rstr", lambda: Pattern("1")), ("phonenumbers", lambda: Phone("JP"))])
def test_a_missing_package_is_named_with_its_remedy(monkeypatch, name, make):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=f"needs the package {name}: pip install {name}"):
        make()


# files


@dataclass
class Standard:
    buffer: io.BytesIO


ENDS = ["\n", "\r\n"]


def plain_lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    return [line for line in lines if line.strip(" \t")]


@pytest.mark.parametrize("final", ["", "\n", "\r\n", "\n\n \n"])
def test_a_large_file_reads_as_plain_python_reads_it(tmp_path, final):
    rng = np.random.default_rng(5)
    blanks = ["", " ", "\t", ""]
    rows = [str(rng.integers(10 ** rng.integers(1, 12))) for _ in range(200_000)]
    for place in rng.choice(len(rows) - 1, 20_000):
        rows[place] = blanks[place % 4]
    data = b"\xef\xbb\xbf" + "".join(row + ENDS[i % 3 == 0] for i, row in enumerate(rows[:-1])).encode()
    data += (rows[-1] + final).encode()
    path = tmp_path / "numbers.txt"
    path.write_bytes(data)
    expected, source = plain_lines(data), NumbersFile(path)
    assert len(source) == len(expected)
    assert texts(source, 0, len(source) + 1500) == expected + expected[:1500]
    assert source.max_length == max(map(len, expected))
    assert source.longest() == max(expected, key=len)
    assert set(source.characters) == set("0123456789")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.text("01 é漢😀-.", max_size=9), st.sampled_from(ENDS)), min_size=1, max_size=30).filter(
        lambda rows: any(text.strip() for text, _ in rows)
    ),
    st.booleans(),
    st.integers(1, 7),
)
def test_any_file_reads_as_plain_python_reads_it(tmp_path_factory, rows, cut, chunk):
    data = "".join(text + end for text, end in rows).encode()
    data = data.removesuffix(b"\n") if cut else data
    path = tmp_path_factory.mktemp("lines") / "numbers.txt"
    path.write_bytes(data)
    expected = plain_lines(data.rstrip(b"\r"))
    module = importlib.import_module("digitseq.sources.line_index")
    reader = importlib.import_module("digitseq.sources.lines")
    with pytest.MonkeyPatch.context() as patch:  # small pieces, so that every line meets an edge
        patch.setattr(module, "CHUNK", chunk)
        patch.setattr(module, "BLOCK", 3)
        patch.setattr(reader, "BLOCK", 3)
        source = NumbersFile(path)
        assert texts(source, 0, len(source)) == expected
    assert set(source.characters) == set("".join(expected))
    assert len(source.longest()) == max(map(len, expected))


def test_standard_input_is_kept_in_a_file_while_the_source_lives(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "stdin", Standard(io.BytesIO(b"12\n\n345\r\n")))
    source = NumbersFile("-")
    assert texts(pickle.loads(pickle.dumps(source)), 0, 3) == ["12", "345", "12"]
    assert len(list(tmp_path.iterdir())) == 1
    del source
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen([sys.executable, "-c", f"open({str(path)!r}, 'w').write('7\\n8\\n')"]):
        source = NumbersFile(path)
    assert texts(source, 0, 3) == ["7", "8", "7"]


def test_a_file_that_changes_is_noticed(tmp_path):
    source = numbers_file(tmp_path)
    path = tmp_path / "numbers.txt"
    copy = pickle.loads(pickle.dumps(source))
    with open(path, "a") as file:
        file.write("1\n")
    for one in (source, copy):
        with pytest.raises(DataError, match="has changed while it was in use"):
            texts(one, 0, 5)
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read .* any more"):
        texts(source, 0, 5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no lines"),
        (b"\xef\xbb\xbf", "has no lines"),
        (b"\n \r\n\t\n", "has no lines"),
        (b"1\n\n" + b"2" * 256 + b"\n3\n", "line 3: more than 255 characters"),
        (b"1\n\n" + b"2" * 256, "line 3: more than 255 characters"),
        (b"1\n2\n" + b"3" * 10_000_000, "line 3: more than 255 characters"),
        (b"1\n" * 3_000_000 + b"12\xff4\n", "line 3,000,001: byte 0xFF is not UTF-8"),
        (b"1\n\xe6\xbc", "line 2: byte 0xE6 is not UTF-8"),
        ("12\n3\n".encode("utf-16"), "line 1: byte 0xFF is not UTF-8"),
        (b"1\n\n1\x002\n", "line 3: control character U+0000"),
        (b"1\n2\r3\n", "line 2: control character U+000D"),
        (b"1\n2\t3\n", "line 2: control character U+0009"),
        (b"1\r\r\n", "line 1: control character U+000D"),
    ],
)
def test_files_that_are_refused(tmp_path, data, message):
    path = tmp_path / "numbers.txt"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        NumbersFile(path)
    assert str(path) in str(caught.value)


def test_paths_that_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SettingsError, match="cannot read"):
            NumbersFile(path)
    with pytest.raises(SettingsError, match="must be a path or -, got 5"):
        NumbersFile(5)


def test_255_characters_of_any_kind_fit(tmp_path):
    path = tmp_path / "numbers.txt"
    for text in ("1" * 255, "😀" * 255):
        path.write_text(text + "\n" + text, encoding="utf-8")
        assert texts(NumbersFile(path), 0, 2) == [text, text]


# characters without glyphs


def test_characters_without_glyphs_are_refused_or_gaps(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("12\n\n3-4\n5 6\n")
    source = NumbersFile(path)
    check_characters(source, "0123456789 -", gaps=False)
    check_characters(source, "0123456789", gaps=True)
    with pytest.raises(
        SettingsError, match=r"numbers.txt, line 4: the data set has no ' ' \(U\+0020\), only 0123456789; give --gaps"
    ):
        check_characters(source, "0123456789", gaps=False)
    for text, name in (("12a", "'a'"), ("1é", "'é'"), ("1\u00a0", r"'\\xa0'")):
        for gaps in (True, False):
            with pytest.raises(SettingsError, match=f"number may hold 0123456789 only, got {name}") as caught:
                check_characters(FixedSource(text), "0123456789", gaps)
            assert "gaps" not in str(caught.value)


def test_patterns_name_characters_that_the_data_set_lacks():
    pytest.importorskip("rstr")
    with pytest.raises(SettingsError, match="no '-'"):
        check_characters(Pattern(DATE), "0123456789", gaps=False)
    check_characters(Pattern(DATE), "0123456789", gaps=True)
    with pytest.raises(SettingsError, match="no 'A'"):
        check_characters(Pattern("[A-F]{2}"), "0123456789", gaps=True)
