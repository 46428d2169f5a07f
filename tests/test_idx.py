from __future__ import annotations

import gzip

import numpy as np
import pytest
from idxfiles import TYPE_CODES, idx_bytes

from digitseq.errors import DataError
from digitseq.idx import parse_idx

SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", TYPE_CODES)
def test_every_type_comes_back(dtype, compress):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    assert np.array_equal(parse_idx(idx_bytes(array, compress), "f", 3), array)


def test_an_empty_array_is_allowed():
    assert parse_idx(idx_bytes(np.zeros((0, 28, 28), np.uint8)), "f", 3).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an idx file"),
        (b"\x89PNG\r\n", "not an idx file"),
        (b"\0\0\x07\x03", "not an idx file"),
        (idx_bytes(SMALL)[:-1], "expected 40 bytes"),
        (idx_bytes(SMALL) + b"\0", "expected 40 bytes"),
        (idx_bytes(SMALL)[:10], "cut off in its header"),
        (idx_bytes(SMALL[0]), "expected 3 dimensions, the file says 2"),
        (gzip.compress(idx_bytes(SMALL))[:-9], "damaged gzip"),
        (b"\x1f\x8b" + b"x" * 30, "damaged gzip"),
    ],
)
def test_anything_else_is_refused_by_name(data, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_idx(data, "train-images.gz", 3)
    assert str(caught.value).startswith("train-images.gz: ")
