"""Texts that are all different, or balanced: permutations and what is built on them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import LETTERS, chi_square, numbers_file, texts

from digitseq.errors import SettingsError
from digitseq.sources import (
    FixedSource,
    NumbersFile,
    Pattern,
    RandomDigits,
    balanced,
    unique,
)
from digitseq.sources.permutation import MAX_DOMAIN, Permutation
from digitseq.streams import Rows


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
