"""Glyphs at other heights: true to the shape that they were made of, sharp, and independent of what is made together."""

from __future__ import annotations

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.glyphs import ink_of

from digitseq.glyphs.bank import GlyphBank, build_bank, open_bank, save_bank
from digitseq.glyphs.glyph_columns import GlyphColumns
from digitseq.glyphs.scaled_bank import ScaledBank, scaled_bank, scaled_bytes
from digitseq.glyphs.scaling import Scaling, scaled, widest

FINE = 16  # shapes are drawn at this multiple of 28 pixels
HEIGHTS = [33, 64, 128, 512]


def ring(width: float, side: int = 28 * FINE) -> np.ndarray:
    """A circle around the middle, 16 of 28 pixels wide; bool (side, side)."""
    place = (np.arange(side) + 0.5) / side * 28 - 14
    return np.abs(np.hypot(place[:, None], place) - 8) < width / 2


def bar(width: float, angle: float, side: int = 28 * FINE, length: float = 18) -> np.ndarray:
    """A bar around the middle, turned by `angle` radians; bool (side, side)."""
    place = (np.arange(side) + 0.5) / side * 28 - 14
    along = place * np.cos(angle) + place[:, None] * np.sin(angle)
    across = place[:, None] * np.cos(angle) - place * np.sin(angle)
    return (np.abs(along) < length / 2) & (np.abs(across) < width / 2)


def averaged(picture: np.ndarray, height: int) -> np.ndarray:
    """uint8: the picture at another height, by averaging areas."""
    return np.rint(cv2.resize(picture * 255.0, (height, height), interpolation=cv2.INTER_AREA)).astype(np.uint8)


def bank_of(*images: np.ndarray):
    return build_bank([np.stack(images).astype(np.uint8)], np.zeros(len(images), int), "x", "digest")


def enlarged(picture: np.ndarray, height: int) -> np.ndarray:
    """The picture at 28 pixels, scaled to `height` again; cropped to its ink's columns."""
    made = resized(bank_of(averaged(picture, 28)), Scaling(height))
    return np.ascontiguousarray(made.columns[made.start[0] :][: made.width[0]].T)


def resized(bank: GlyphBank, scaling: Scaling) -> GlyphColumns:
    """All glyphs of the data set, and no signs."""
    return scaled(bank.pick(np.arange(len(bank))), scaling)


def unsigned(bank: GlyphBank) -> GlyphBank:
    """The bank without the signs that would be built with it."""
    return replace(bank, complete=None)


def parts(ink: np.ndarray) -> int:
    return cv2.connectedComponents(ink.astype(np.uint8), connectivity=4)[0] - 1


def holes(ink: np.ndarray) -> int:
    return parts(np.pad(~ink, 1, constant_values=True)) - 1


def edge_length(ink: np.ndarray) -> float:
    """In pixels, for edges in all directions or along a straight bar."""
    return np.hypot(*(np.abs(np.diff(ink.astype(int), axis=axis)).sum() for axis in (0, 1)))


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize(("width", "more", "moved"), [(1, 0.1, 0.2), (2, 0.02, 0.05), (4, 0.01, 0.01)])
def test_a_stroke_keeps_its_width_and_its_place(width, more, moved, height):
    made, true = enlarged(ring(width), height), averaged(ring(width), height)
    assert int(made.sum()) == pytest.approx(int(true.sum()), rel=more)
    if height < 64:
        return  # the left edge of a glyph is that of a pixel, which moves thin strokes
    left = (height - made.shape[1]) // 2
    placed = np.zeros((height, height))
    placed[:, left : left + made.shape[1]] = made
    assert (np.abs(placed - true) > 128).sum() <= moved * (true > 128).sum()


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("picture", [ring(3), bar(3, 0.3), bar(3, 1.2)], ids=["ring", "bar", "steep bar"])
def test_edges_are_a_pixel_wide(picture, height):
    made = enlarged(picture, height)
    grey = ((made > 8) & (made < 247)).sum()
    assert 0.8 < grey / edge_length(made > 127) < 1.35


@pytest.mark.parametrize("height", [64, 128, 512])
def test_thin_strokes_stay_whole_and_open(height):
    for width in (1, 1.5, 2):
        made = enlarged(ring(width), height) > 127
        assert (parts(made), holes(made)) == (1, 1)


@pytest.mark.parametrize("height", [64, 128, 512])
def test_narrow_gaps_stay_open(height):
    for gap in (1, 1.5, 2):
        made = enlarged(bar(gap + 5, 0.3) & ~bar(gap, 0.3, length=12), height) > 127
        assert (parts(made), holes(made)) == (1, 1)


@pytest.mark.parametrize("angle", [0.2, 0.785, 1.3])
def test_slanted_edges_have_no_stairs(angle):
    ink = enlarged(bar(4, angle), 512) > 127
    y, x = np.nonzero(ink)
    scale = 512 / 28
    x, y = x - (ink.shape[1] - 1) / 2, y - 255.5
    along = (x * np.cos(angle) + y * np.sin(angle)) / scale
    across = (y * np.cos(angle) - x * np.sin(angle)) / scale
    middle = np.abs(along) < 6
    edge = [across[middle & (np.floor(along * 8) == k)].max() for k in range(-48, 48)]
    assert np.ptp(edge) < 0.25  # of the 28 pixels; stairs would be one pixel high


def test_mnist_keeps_its_ink(train):
    glyph = np.arange(0, len(train), 100)
    chosen = train.pick(glyph)
    ink = np.array([int(ink_of(train, g).sum()) for g in glyph])
    for height in (16, 22, 40, 64, 160):
        made = scaled(chosen, Scaling(height))
        new = np.array([int(made.columns[s : s + w].sum()) for s, w in zip(made.start, made.width)])
        ratio = new / ink / (height / 28) ** 2
        assert ratio.mean() == pytest.approx(1, abs=0.01)
        assert 0.8 < ratio.min() <= ratio.max() < 1.2
        assert (made.width <= widest(train.width[glyph], Scaling(height))).all()


def test_reducing_averages_areas():
    image = np.random.default_rng(0).integers(1, 256, (28, 20))
    made = ink_of(resized(bank_of(image), Scaling(14)), 0)
    assert np.abs(made - image.reshape(14, 2, 10, 2).mean(axis=(1, 3))).max() <= 0.5


def test_the_same_size_is_the_same_glyph(train):
    share = train.share(0, 0.01)
    same = resized(share, Scaling(28, 20 / 28))
    assert all(np.array_equal(ink_of(same, g), ink_of(share, g)) for g in range(len(share)))
    assert np.array_equal(same.top, share.top)


@pytest.mark.parametrize("height", [17, 28, 41, 64, 200])  # at 28 with 0.9 some are enlarged, and some are not
@pytest.mark.parametrize("share", [None, 0.9])
def test_a_glyph_does_not_depend_on_the_others(train, height, share):
    glyph = np.random.default_rng(0).integers(0, len(train), 40)
    chosen = train.pick(glyph)
    together = scaled(chosen, Scaling(height, share))
    for i in range(len(glyph)):
        alone = scaled(GlyphColumns(train.columns, *(b[i : i + 1] for b in chosen[1:])), Scaling(height, share))
        assert np.array_equal(ink_of(alone, 0), ink_of(together, i))
        assert [b[0] for b in alone[2:]] == [b[i] for b in together[2:]]


@pytest.mark.parametrize("height", [16, 27, 29, 64, 511])
@pytest.mark.parametrize("share", [None, 0.2, 1])
def test_boxes_are_those_of_the_ink_and_all_ink_is_inside(height, share):
    rng = np.random.default_rng(2)
    images = np.zeros((40, 28, 28), np.uint8)
    for image in images:  # some up to the edges of the image
        y, x = np.sort(rng.integers(0, 28, (2, 2)), axis=1)
        image[y[0] : y[1] + 1, x[0] : x[1] + 1] = rng.integers(100, 256)
    plain = bank_of(*images)
    bank = resized(plain, Scaling(height, share))
    assert bank.columns.shape[1] == height
    for g in range(len(plain)):
        columns = bank.columns[bank.start[g] :][: bank.width[g]]
        rows = np.flatnonzero(columns.any(axis=0))
        assert (bank.top[g], bank.bottom[g]) == (rows[0], rows[-1] + 1)
        assert bank.width[g] <= widest(plain.width[g], Scaling(height, share))
        assert columns[0].any()
        assert columns[-1].any()
    # no taller than the image, however large a glyph should be
    if share == 1:
        assert (bank.bottom - bank.top.astype(int)).max() == height


@pytest.mark.parametrize("height", [16, 20, 30, 64, 512])
def test_dots_and_faint_glyphs_keep_some_ink(height):
    images = np.zeros((4, 28, 28), np.uint8)
    images[0, 14, 14] = 255
    images[1, 14, 14] = 1
    images[2, 10:18, 14] = 20
    images[3, 0, 5], images[3, 27, 20] = 3, 200
    bank = resized(bank_of(*images), Scaling(height))
    assert len(bank.start) == 4
    assert all(ink_of(bank, g).max() > 0 for g in range(4))


def test_a_scaled_bank_is_kept_in_a_file_like_any_other(train, tmp_path):
    bank = scaled_bank(unsigned(train.share(0, 0.01)), Scaling(300))
    save_bank(bank, tmp_path / "a.bank")
    opened = open_bank(tmp_path / "a.bank", bank.digest)
    assert opened.height == 300
    assert np.array_equal(ink_of(opened, 7), ink_of(bank, 7))
    assert opened.bottom.max() > 255
    assert np.array_equal(pickle.loads(pickle.dumps(opened)).width, bank.width)


def test_each_size_has_its_digest_and_its_bytes_are_known_before(train):
    share = unsigned(train.share(0, 0.02))
    sizes = [Scaling(32), Scaling(64), Scaling(64, 0.9)]
    banks = [scaled_bank(share, size) for size in sizes]
    assert len({share.digest, *(bank.digest for bank in banks)}) == 4
    for size, bank in zip(sizes, banks):
        assert bank.columns.nbytes == pytest.approx(scaled_bytes(share, size), rel=0.12)
        assert len(bank.columns) == bank.with_signs().width.sum()  # nothing between the glyphs
        assert np.array_equal(bank.label, share.label)
        assert np.array_equal(bank.class_start, share.class_start)


@pytest.mark.parametrize("height", [20, 64])
def test_a_built_bank_and_scaling_when_glyphs_are_picked_give_the_same(train, height):
    base, scaling = train.share(0, 0.02), Scaling(height)
    lazy, built = ScaledBank(base, scaling), ScaledBank(base, scaling, scaled_bank(base, scaling))
    for one, other in (
        (lazy, built),
        (lazy.share(0.3, 1), built.share(0.3, 1)),
        (lazy.with_signs(), built.with_signs()),
        (lazy.share(0.3, 1).with_signs(), built.share(0.3, 1).with_signs()),
        (lazy, pickle.loads(pickle.dumps(built))),
    ):
        assert (len(one), one.height) == (len(other), other.height)
        assert np.array_equal(one.width, other.width)
        assert one.characters == other.characters
        glyph = np.random.default_rng(4).integers(0, len(one), (5, 3))
        first, second = one.pick(glyph), other.pick(glyph)
        assert all(np.array_equal(a, b) for a, b in zip(first[2:], second[2:]))
        for a, b, w in zip(first.start.ravel(), second.start.ravel(), first.width.ravel()):
            assert np.array_equal(first.columns[a : a + w], second.columns[b : b + w])
