"""Texts that are all different within a run, or balanced over it."""

from __future__ import annotations

import itertools
import pickle
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import LETTERS, chi_square, numbers_file, texts

from digitseq.errors import SettingsError
from digitseq.random_streams import Rows
from digitseq.sources.choose import for_run
from digitseq.sources.fixed import FixedSource
from digitseq.sources.lines import NumbersFile
from digitseq.sources.pattern import Pattern
from digitseq.sources.phone import Phone
from digitseq.sources.random_digits import RandomDigits

ALPHABETS = ["7", "01", "012", "0123456789", LETTERS, "".join(map(chr, range(0x4E00, 0x4E00 + 300)))]


def counted(found: list[str], characters: str) -> list[int]:
    counts = Counter("".join(found))
    return [counts[c] for c in characters]


@settings(max_examples=200)
@given(st.data(), st.integers(1, 6), st.integers(0, 4), st.sampled_from(ALPHABETS), st.booleans(), st.booleans())
def test_all_sequences_are_different_or_balanced_to_within_one(data, low, more, characters, unique, balanced):
    digits = RandomDigits(low, low + more, characters)
    most = min(digits.count, 1500) if unique else 1500
    size = data.draw(st.integers(1, most) | st.just(most))
    found = texts(for_run(digits, size, 5, unique, balanced), 0, size)
    assert set("".join(found)) <= set(characters)
    if unique:
        assert len(set(found)) == size
    if balanced:
        counts = counted(found, characters)
        assert max(counts) - min(counts) <= 1
    if unique or balanced:
        lengths = Counter(map(len, found))
        assert set(lengths) <= set(digits.lengths)
        quotas = [lengths[n] for n in digits.lengths]
        for place, (n, quota) in enumerate(zip(digits.lengths, quotas)):
            # as many as the longer ones, unless there are no more
            assert (unique and quota == len(characters) ** n) or quota >= max(quotas[place:]) - 1


@pytest.mark.parametrize("balanced", [False, True])
def test_unique_digits_spread_over_all_that_there_are(balanced):
    found = texts(for_run(RandomDigits(6, 6), 50_000, 3, True, balanced), 0, 50_000)
    assert len(set(found)) == 50_000
    for place in range(6):
        counts = Counter(text[place] for text in found)
        assert chi_square(list(counts.values()), 5000) < 6
    assert len({text[:2] for text in found[:2000]}) == 100  # any part of a run is a sample of it


@pytest.mark.parametrize("balanced", [False, True])
def test_unique_can_take_all_that_there_are(balanced):
    found = texts(for_run(RandomDigits(1, 3), 1110, 8, True, balanced), 0, 1110)
    assert sorted(found) == sorted(f"{i:0{n}}" for n in (1, 2, 3) for i in range(10**n))
    assert found != sorted(found)


@pytest.mark.parametrize("balanced", [False, True])
def test_unique_long_texts(balanced):
    found = texts(for_run(RandomDigits(250, 255), 2000, 8, True, balanced), 0, 2000)
    assert len(set(found)) == 2000
    for place in (0, 100, 249):
        counts = Counter(text[place] for text in found)
        assert abs(chi_square(list(counts.values()), 200)) < 6


def test_another_seed_gives_other_tables():
    for unique, balanced in ((True, False), (False, True), (True, True)):
        one, other = (texts(for_run(RandomDigits(8, 8), 99, seed, unique, balanced), 0, 99) for seed in (1, 2))
        assert len(set(one) & set(other)) < 5


def several(tmp_path):
    pytest.importorskip("phonenumbers")
    return {
        "unique digits": for_run(RandomDigits(1, 4), 700, 2, True),
        "balanced digits": for_run(RandomDigits(1, 4), 700, 2, False, True),
        "pattern": for_run(Pattern(r"\d{4}"), 700, 2, True),
        "phone": for_run(Phone("JP"), 700, 2, True),
        "file": for_run(numbers_file(tmp_path), 700, 2, True),
    }


def test_images_behind_the_run_repeat_it(tmp_path):
    for source in several(tmp_path).values():
        assert texts(source, 690, 710, 2)[10:] == texts(source, 0, 10, 2)


def test_a_batch_across_the_end_of_the_run_takes_no_more_memory_than_another():
    size = 100_000
    for source in (for_run(Pattern(r"\d{12}"), size, 1, True), for_run(RandomDigits(9, 9), size, 1, True)):
        tracemalloc.start()
        source.codes(Rows.span(1, size - 300, size + 212))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2_000_000


def test_other_processes_get_a_run_in_little_space(tmp_path):
    for name, source in several(tmp_path).items():
        data = pickle.dumps(source)
        assert len(data) < (12_000 if name == "file" else 1000)
        assert texts(pickle.loads(data), 100, 300) == texts(source, 100, 300)


def test_unique_lines_of_a_file_are_its_first_ones(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n1\n3\n2\n4\n")
    assert texts(for_run(NumbersFile(path), 4, 0, True), 0, 4) == ["1", "2", "3", "4"]
    with pytest.raises(SettingsError, match=r"5 different texts are asked for, and the source gives 4: "):
        for_run(NumbersFile(path), 5, 0, True)


def test_unique_takes_the_whole_of_a_finite_pattern():
    found = texts(for_run(Pattern(r"\d|7\d"), 20, 4, True), 0, 20)
    assert set(found) == {*"0123456789", *(f"7{c}" for c in "0123456789")}
    assert len(set(texts(for_run(Pattern("[0-9]{4}0{250}"), 10_000, 4, True), 0, 10_000))) == 10_000


def test_unique_says_how_many_there_are():
    cases = [(RandomDigits(1, 2), 111, 110), (RandomDigits(2, 2), 101, 100), (FixedSource("12"), 2, 1)]
    for source, size, count in cases:
        message = f"unique: {size} different texts are asked for, and the source gives {count}: ask for at most {count}"
        with pytest.raises(SettingsError, match=message):
            for_run(source, size, 1, True)
    with pytest.raises(SettingsError, match="the source gives 100: "):
        for_run(RandomDigits(2, 2), 101, 1, True, True)


def test_unique_gives_up_on_an_exhausted_pattern():
    with pytest.raises(SettingsError, match="the source gives 1,000: ask for at most 1,000"):
        for_run(Pattern(r"\d{3}"), 1001, 1, True)
    with pytest.raises(SettingsError, match="the source gives 9: ask for at most 9"):
        for_run(Pattern(r"(?!0)\d"), 10, 1, True)


class Stopped(Exception):
    """What the check of a test raises."""


@pytest.mark.parametrize("source", [Pattern(r"\d{9}"), RandomDigits(3, 90)])
def test_the_choice_of_unique_texts_can_be_ended(source):
    calls = itertools.count()

    def check():
        if next(calls) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        for_run(source, 20_000, 1, True, False, check)
    assert next(calls) == 4


@pytest.mark.parametrize("size", [0, -1, 10**9 + 1, 1.5, True, None, "5"])
def test_unique_and_balanced_refuse_bad_sizes(size):
    for unique in (True, False):
        with pytest.raises(SettingsError, match=r"size must be a whole number from 1 to 1,000,000,000, got "):
            for_run(RandomDigits(1, 2), size, 1, unique, True)


def test_a_table_that_would_not_fit_into_memory_is_refused_with_what_would():
    for source, unique, most in (
        (RandomDigits(12, 12), True, "24,403,223"),
        (RandomDigits(200, 200), False, "2,556,528"),
        (Pattern(r"\d{12}"), True, "53,687,091"),
    ):
        with pytest.raises(SettingsError, match=rf"at most 2.1 GB are used: ask for at most {most} images a run$"):
            for_run(source, 10**9, 1, unique, not unique)


def test_balanced_characters_are_independent_of_their_neighbours():
    found = texts(for_run(RandomDigits(2, 4), 60_000, 1, False, True), 0, 60_000)
    pairs = Counter(text[:2] for text in found)
    assert abs(chi_square([pairs[f"{i:02}"] for i in range(100)], 600)) < 6
    followed = Counter(a[0] + b[0] for a, b in itertools.pairwise(found))
    assert abs(chi_square([followed[f"{i:02}"] for i in range(100)], 600)) < 6
    assert len(np.unique([len(text) for text in found[:100]])) == 3


def test_balanced_is_for_random_digits(tmp_path):
    for source in (FixedSource("1"), numbers_file(tmp_path), for_run(RandomDigits(1, 2), 10, 1, True)):
        with pytest.raises(SettingsError, match="balanced works with `random_digits` and `random_text` only"):
            for_run(source, 10, 1, False, True)
