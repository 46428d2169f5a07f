from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.idx_files import TYPE_CODES, idx_bytes, parse_idx

from digitseq.errors import DataError
from digitseq.glyphs.idx import open_idx

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
        (idx_bytes(SMALL)[:10], "truncated header"),
        (idx_bytes(SMALL[0]), "expected 3 dimensions, the file says 2"),
        (gzip.compress(idx_bytes(SMALL), mtime=0)[:-9], "damaged gzip"),
        (b"\x1f\x8b" + b"x" * 30, "damaged gzip"),
    ],
)
def test_anything_else_is_refused_by_name(data, message):
    with pytest.raises(DataError, match=message) as caught:
        parse_idx(data, "train-images.gz", 3)
    assert "/train-images.gz: " in str(caught.value)


@pytest.mark.parametrize("compress", [False, True])
def test_pieces_are_the_whole(compress, tmp_path):
    array = np.arange(7 * 6, dtype=np.int32).reshape(7, 2, 3)
    (tmp_path / "f").write_bytes(idx_bytes(array, compress))
    for count in (1, 3, 7, 100):
        with open_idx(tmp_path / "f", (2, 3)) as file:
            pieces = list(file.pieces(count))
        assert [len(piece) for piece in pieces[:-1]] == [count] * (len(pieces) - 1)
        assert np.array_equal(np.concatenate(pieces), array)


def test_one_of_several_dimensions_is_enough(tmp_path):
    path = tmp_path / "f"
    for array in (np.arange(3, dtype=np.int32), np.ones((3, 8), np.int32)):
        path.write_bytes(idx_bytes(array))
        with open_idx(path, (1, 2)) as file:
            assert file.shape == array.shape
    path.write_bytes(idx_bytes(SMALL))
    with (
        pytest.raises(DataError, match="expected 1 or 2 dimensions, the file says 3"),
        open_idx(path, (1, 2)),
    ):
        pass


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda b: b"\0\0\x08\x03" + b))
def test_any_bytes_are_an_array_or_an_error_of_data(data):
    try:
        array = parse_idx(data, "f", 3)
    except DataError as error:
        assert "/f: " in str(error)
    else:
        assert len(data) == 16 + array.size


def test_a_header_that_promises_a_lot_takes_no_memory():
    promise = b"\0\0\x08\x03" + b"\xff\xff\xff\xff" * 3
    with pytest.raises(DataError, match="got 116"):
        parse_idx(promise + bytes(100), "f", 3)
