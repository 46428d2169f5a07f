"""A bank holds what the images show, gives shares of it, and comes back from its file as it was."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from support.glyphs import ink_of

from digitseq.errors import DataError
from digitseq.glyphs.bank import build_bank, open_bank, save_bank


def test_glyphs_without_ink_are_left_out():
    images = np.zeros((3, 5, 4), np.uint8)
    images[0, 1:3, 2] = 9
    images[2, 4, 0:3] = 7
    bank = build_bank([images], np.array([1, 0, 0]), "ab", "x")
    assert bank.label.tolist() == [0, 1]
    assert bank.class_start.tolist() == [0, 1, 2]
    assert ink_of(bank, 0).tolist() == [[7, 7, 7]]
    assert ink_of(bank, 1).tolist() == [[9], [9]]


@pytest.fixture
def bank():
    images = np.random.default_rng(1).integers(0, 256, (60, 9, 7), np.uint8)
    return build_bank([images], np.arange(60) % 3, "abc", "digest")


def test_pieces_make_the_same_bank(bank):
    images = np.random.default_rng(1).integers(0, 256, (60, 9, 7), np.uint8)
    pieces = build_bank(iter((images[:7], images[7:59], images[59:])), np.arange(60) % 3, "abc", "digest")
    assert np.array_equal(pieces.columns, bank.columns)
    assert np.array_equal(pieces.start, bank.start)


def test_a_saved_bank_is_the_same_when_it_is_opened(bank, tmp_path):
    save_bank(bank, tmp_path / "a.bank")
    opened = open_bank(tmp_path / "a.bank", "digest")
    assert [ink_of(opened, g).tolist() for g in range(60)] == [ink_of(bank, g).tolist() for g in range(60)]
    assert (opened.characters, opened.height, len(opened)) == ("abc", 9, 60)
    assert len(pickle.dumps(opened)) < 1000  # its path, not its pixels
    with pytest.raises(DataError, match="made from other source files"):
        open_bank(tmp_path / "a.bank", "another")


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.5, 0.99])
def test_shares_have_no_glyph_in_common_and_miss_none(bank, fraction):
    low, high = bank.share(0, fraction), bank.share(fraction, 1)
    assert sorted(low.start.tolist() + high.start.tolist()) == sorted(bank.start.tolist())
    assert np.diff(low.class_start).min() > 0 and np.diff(high.class_start).min() > 0
    assert pickle.loads(pickle.dumps(low)).start.tolist() == low.start.tolist()
    assert len({bank.digest, low.digest, high.digest}) == 3
