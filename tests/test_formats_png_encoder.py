"""Our PNG container, read by the libraries that will read it."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitseq.formats.png_encoder import encode_png


@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 90), st.booleans(), st.integers(0, 2**32 - 1))
def test_readers_see_the_same_pixels(count, height, width, noisy, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, height, width), dtype=np.uint8)
    if not noisy:
        images[images < 200] = 0
    used = rng.integers(1, width + 1, count)
    for image, columns, data in zip(images, used, encode_png(images, used)):
        expected = image[:, :columns]
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.mode == "L"
            assert np.array_equal(np.asarray(opened), expected)
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(decoded, expected)


def test_damage_is_noticed_by_readers():
    data = bytearray(encode_png(np.zeros((1, 28, 200), np.uint8), np.array([200]))[0])
    data[50] ^= 1
    with pytest.raises((OSError, SyntaxError)), Image.open(io.BytesIO(bytes(data))) as image:
        image.load()


def test_very_wide_images_are_read():
    image = np.arange(28 * 65_535, dtype=np.uint32).astype(np.uint8).reshape(1, 28, 65_535)
    data = encode_png(image, np.array([65_535]))[0]
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), image[0])
