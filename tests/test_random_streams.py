from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.random_streams import KEPT_WORDS, GroupedRows, Rows, table_key

ALL = 200


@given(st.sets(st.integers(0, ALL - 1), min_size=1), st.integers(1, 13), st.integers(0, 2**64 - 1))
def test_a_row_does_not_depend_on_which_rows_are_asked_for(chosen, columns, seed):
    index = np.array(sorted(chosen))
    for table in ("uniforms", "words"):
        everything = getattr(Rows.span(seed, 0, ALL), table)("x", columns)
        assert np.array_equal(getattr(Rows(seed, index), table)("x", columns), everything[index])


@given(st.integers(1, 40), st.integers(0, 2**64 - 1), st.data())
def test_rows_of_a_group_are_the_rows_there_are(count, seed, data):
    """However large the table is: a large one is not kept."""
    for i, one in enumerate(GroupedRows.group(seed, count)):
        columns = data.draw(st.sampled_from([1, 6, 7, 900, 5000]))
        assert one.index.tolist() == [i]
        rows = Rows.span(seed, i, i + 1)
        for ours, expected in (
            (one, rows),
            (one.scoped("s").again(np.array([0])), rows.scoped("s").again(np.array([0]))),
        ):
            assert np.array_equal(ours.uniforms("x", columns), expected.uniforms("x", columns))
            assert np.array_equal(ours.words("x", columns), expected.words("x", columns))
    assert all(table.size <= KEPT_WORDS for table in one.tables.values())


def test_tables_differ_by_seed_purpose_scope_and_attempt():
    rows = Rows.span(7, 0, 50)
    tables = [
        rows.uniforms("a", 4),
        rows.uniforms("b", 4),
        rows.scoped("s").uniforms("a", 4),
        rows.again(np.arange(50)).uniforms("a", 4),
        Rows.span(8, 0, 50).uniforms("a", 4),
    ]
    values = np.concatenate([t.ravel() for t in tables])
    assert len(np.unique(values)) == len(values)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6), st.text(max_size=9), st.integers(0, 2**32 - 1))
def test_keys_of_an_array_of_seeds_are_those_of_each_seed(seeds, name, attempt):
    keys = np.transpose(table_key(np.array(seeds, np.uint64), name, attempt))
    assert [tuple(key) for key in keys.tolist()] == [table_key(seed, name, attempt) for seed in seeds]


def bits_of(keys: np.ndarray) -> np.ndarray:
    """float64 (…, 128): the bits of keys, uint64 (…, 2)."""
    return np.unpackbits(keys.view(np.uint8), axis=-1).astype(float)


def keys_of(seeds, names, attempts) -> np.ndarray:
    """uint64 (seeds, names · attempts, 2)."""
    tables = [table_key(np.array(seeds, np.uint64), name, attempt) for name in names for attempt in attempts]
    return np.ascontiguousarray(np.transpose(tables, (2, 0, 1)))


SEED_SETS = {
    "consecutive": range(2000),
    "high bits only": [seed << 53 for seed in range(2000)],
    "at the upper end": range(2**64 - 2000, 2**64),
}


@pytest.mark.parametrize("seeds", SEED_SETS.values(), ids=SEED_SETS)
def test_keys_of_neighbouring_seeds_names_and_attempts_are_unrelated(seeds):
    keys = keys_of(seeds, ["glyph", "spacing", "0:noise/mask", "1:noise/mask"], range(3))
    words = keys.ravel()
    assert len(np.unique(words)) == len(words)
    bits = bits_of(keys)
    assert np.abs(bits.mean(axis=(0, 1)) - 0.5).max() < 0.02  # every bit is set in half of the keys
    for axis in (0, 1):  # half of the bits change from one seed, or table, to the next
        changed = np.abs(np.diff(bits, axis=axis)).mean(axis=(0, 1))
        assert np.abs(changed - 0.5).max() < 0.02
    correlation = np.corrcoef(bits.reshape(-1, 128).T) - np.eye(128)
    assert np.abs(correlation).max() < 0.04


@pytest.mark.parametrize("flipped", [0, 1, 31, 32, 63])
def test_one_bit_of_a_seed_changes_half_of_the_bits_of_its_keys(flipped):
    seeds = np.random.default_rng(flipped).integers(0, 2**64, 5000, np.uint64)
    keys = [bits_of(keys_of(chosen, ["glyph"], [0])) for chosen in (seeds, seeds ^ np.uint64(1 << flipped))]
    assert np.abs(np.abs(keys[0] - keys[1]).mean(axis=(0, 1)) - 0.5).max() < 0.05


def test_first_draws_of_many_seeds_are_uniform_and_independent_between_tables():
    draws = np.array(
        [
            [
                rows.uniforms("glyph", 1)[0, 0],
                rows.uniforms("spacing", 1)[0, 0],
                rows.again(np.array([0])).uniforms("glyph", 1)[0, 0],
                rows.scoped("0:noise").uniforms("glyph", 1)[0, 0],
            ]
            for rows in (Rows.span(seed, 0, 1) for seed in range(5000))
        ]
    )
    counts = np.apply_along_axis(lambda column: np.histogram(column, 20, (0, 1))[0], 0, draws)
    assert np.abs(counts - 250).max() < 80  # five standard deviations
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.07
    assert np.abs(np.corrcoef(draws[:-1].T, draws[1:].T)[:4, 4:]).max() < 0.07  # from one seed to the next


def test_uniforms_are_uniform_and_independent_between_columns():
    draws = Rows.span(1, 0, 50_000).uniforms("x", 3)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean(axis=0) == pytest.approx([0.5] * 3, abs=0.01)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.02


def test_again_keeps_the_images_and_moves_the_attempt():
    rows = Rows.span(3, 10, 20).again(np.array([2, 5]))
    assert rows.index.tolist() == [12, 15]
    assert rows.attempt == 1
