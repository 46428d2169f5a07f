from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitseq.random_streams import KEPT_WORDS, GroupedRows, Rows

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
