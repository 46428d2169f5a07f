"""Operations that make images look photographed or scanned: what each of them does to ink and paper."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.images import images_of, picture, run

from digitseq.augment.base import Images
from digitseq.augment.blur import Sharpen
from digitseq.augment.fields import grid_shape, smooth_field
from digitseq.augment.guilloche import Guilloche
from digitseq.augment.paper import Falloff, Paper
from digitseq.augment.resolution import Resolution
from digitseq.augment.uneven import Blotches, Fade, Fibre
from digitseq.glyphs.loader import load_bank
from digitseq.pipeline import Pipeline
from digitseq.random_streams import Rows
from digitseq.settings import Settings


@pytest.fixture(scope="module")
def writing(tmp_path_factory):
    """Black ink on white paper."""
    bank = load_bank("test", str(tmp_path_factory.mktemp("cache")))
    return images_of(Pipeline(Settings("123456"), bank, 7), 0, 40, inverted=True)


def sheet(paper=200, ink=50, count=20, size=(64, 64)):
    """Paper of one level with a column of ink at its left edge, so that an image has a contrast."""
    images = replace(picture(paper, count, *size), inverted=True)
    images.pixels[:, :, 0] = ink
    return images


def lines(angle=0.0, period=4.0, amplitude=0.0, wavelength=40.0, profile="soft", strength=0.5, **more):
    operation = Guilloche(period, angle, amplitude, wavelength, profile, strength, **{"families": 1} | more)
    return run(operation, sheet(size=(64, 90))).pixels[:, :, 1:].astype(int)


def frequency(signal):
    """Cycles a pixel of the strongest wave along the last axis."""
    spectrum = np.abs(np.fft.rfft(signal - signal.mean(), 1024)).reshape(-1, 513).sum(axis=0)
    return spectrum.argmax() / 1024


@pytest.mark.parametrize("period", [2.2, 3, 4.5, 9])
def test_lines_of_a_guilloche_have_the_period_asked_for(period):
    level = lines(period=period)
    assert (level == level[:, :, :1]).all()
    assert frequency(level[:, :, 0]) == pytest.approx(1 / period, abs=0.003)
    assert level.max() >= 195 and abs(level.min() - (200 - 0.5 * 150)) <= 12


def test_lines_that_pixels_could_not_show_are_drawn_wider():
    assert frequency(lines(period=1)[:, :, 0]) == pytest.approx(1 / 2.2, abs=0.003)


def test_lines_rise_to_the_right_by_a_positive_angle():
    level = lines(45, 8)
    assert np.abs(level[:, 1:, :-1] - level[:, :-1, 1:]).max() <= 4
    assert np.abs(level[:, 1:, 1:] - level[:, :-1, :-1]).max() > 30
    upright = lines(90, 6)
    assert np.abs(upright - upright[:, :1]).max() <= 2 and frequency(upright[:, 0]) == pytest.approx(1 / 6, abs=0.003)


def test_waves_of_a_guilloche_have_their_amplitude_and_length():
    level = lines(period=60, amplitude=5, wavelength=40, profile="fine")
    inside = [k for k, one in enumerate(level.argmin(axis=1)) if one.min() > 0 and one.max() < 63]
    crest = level[inside].argmin(axis=1)
    assert len(inside) > 5
    assert np.abs(np.ptp(crest, axis=1) - 10).max() <= 1
    assert np.abs(crest[:, 40:] - crest[:, :-40]).max() <= 1 and np.abs(crest[:, 20:] - crest[:, :-20]).max() >= 8
    steep = lines(period=60, amplitude=50, wavelength=40, profile="fine").argmin(axis=1)
    assert min(np.ptp(steep, axis=1)) <= 21


def test_fine_lines_are_thinner_than_soft_ones():
    soft, fine = (200 - lines(period=8, profile=profile).mean() for profile in ("soft", "fine"))
    assert fine / soft == pytest.approx(0.625, abs=0.03)  # the means of (1 + cos)³ / 8 and (1 + cos) / 2


def test_two_families_cross():
    level = lines((-30, 30), (5, 9), families=2)
    assert level.min() < 200 - 0.5 * 150 - 20 and level.min() >= 50


def test_ink_lies_on_a_guilloche(writing):
    out = run(Guilloche(strength=1), writing).pixels
    assert (out <= writing.pixels).all()
    assert (out[writing.pixels > 250] < 60).any() and (out[writing.pixels == 0] == 0).all()


@pytest.mark.parametrize("operation", [Blotches(0.3), Fibre(0.3), Falloff(0.15), Guilloche(strength=0.3)])
def test_strengths_are_shares_of_the_contrast(operation):
    strong, faint = (run(operation, sheet(180, ink)).pixels[:, :, 1:].astype(int) - 180 for ink in (20, 100))
    assert np.abs(strong).max() > 30
    assert np.abs(strong - 2 * faint).max() <= 4


def test_blotches_are_lighter_and_darker_places_of_the_asked_size():
    off = run(Blotches(0.2, 8), sheet(size=(64, 200))).pixels[:, :, 1:].astype(int) - 200
    assert -0.2 * 150 <= off.min() < -20 and 20 < off.max() <= 0.2 * 150
    assert abs(off.mean()) < 1
    alike = [(off[:, :, k:] * off[:, :, : off.shape[2] - k]).mean() / (off**2).mean() for k in (2, 20)]
    assert alike[0] > 0.8 and abs(alike[1]) < 0.1
    assert len({one.tobytes() for one in off}) == len(off)


def test_fibres_are_long_one_way_and_thin_the_other():
    off = run(Fibre(0.2, 10), sheet(count=40)).pixels[:, :, 1:].astype(int) - 200
    along = (off[:, :, 4:] * off[:, :, :-4]).mean(axis=(1, 2)) / (off**2).mean(axis=(1, 2))
    across = (off[:, 4:] * off[:, :-4]).mean(axis=(1, 2)) / (off**2).mean(axis=(1, 2))
    flat = along > across
    assert 10 <= flat.sum() <= 30
    assert np.maximum(along, across).min() > 0.5 and np.abs(np.minimum(along, across)).max() < 0.25


def test_light_falls_off_evenly():
    images = sheet(130, 30, size=(41, 121))
    off = run(Falloff(0.3), images).pixels.astype(int) - images.pixels
    across, down = off[:, 20, 1:], off[:, :, 60]
    for line in (across, down):
        step = np.diff(line, axis=1)
        assert (np.ptp(step, axis=1) <= 1).all()  # a straight line, rounded
        ends = line[:, -1] - line[:, 0]
        assert np.abs(np.abs(ends) - 2 * 0.3 * 100).max() <= 3
        assert 3 <= (ends > 0).sum() <= 17
    assert np.abs(off[:, 20, 60]).max() <= 1
    assert np.abs(off[:, :, 1:] - across[:, None] - down[:, :, None]).max() <= 2


def test_a_narrow_image_has_the_whole_fall():
    images = sheet(130, 30, size=(41, 121))
    narrow = run(Falloff(0.3), replace(images, width=np.full(20, 50))).pixels[:, 20].astype(int)
    assert np.abs(np.abs(narrow[:, 49] - narrow[:, 1]) - 60).max() <= 4
    assert (narrow[:, 50:] == 130).all()


def test_faded_ink_is_lighter_in_places_and_paper_stays(writing):
    out = run(Fade(0.3, 6), writing).pixels.astype(int)
    before = writing.pixels.astype(int)
    assert (out[before == 255] == 255).all()
    assert (out >= before).all() and (255 - out >= (255 - before) * 0.7 - 1).all()
    full = out[before == 0]
    assert (full == 0).mean() > 0.3 and (full > 30).mean() > 0.05


@pytest.mark.parametrize("inverted", [True, False])
def test_paper_and_ink_get_their_levels(inverted, writing):
    images = writing if inverted else replace(writing, pixels=~writing.pixels, inverted=False)
    out = run(Paper(0.8, 0.5), images).pixels
    seen = out if inverted else ~out
    assert (seen[writing.pixels == 255] == 204).all() and (seen[writing.pixels == 0] == 102).all()
    grey = (writing.pixels > 0) & (writing.pixels < 255)
    assert np.abs(seen[grey] - (102 + writing.pixels[grey] * (102 / 255))).max() <= 0.51


def stripes(period, tall, digit, count=4):
    """Black and white stripes, both ways, with digits of a height."""
    wave = 127.5 + 127 * np.cos(2 * np.pi * np.arange(2 * tall) / period)
    pixels = np.rint(wave * np.ones((count, tall, 1))).astype(np.uint8)
    boxes = np.tile(np.array([0, 0, 10, digit]), (count, 1, 1))
    return Images(pixels, np.full(count, 2 * tall), boxes)


def test_a_scan_of_few_pixels_shows_no_fine_structure():
    for turned in (False, True):
        kept = []
        for period in (4, 6, 32):
            images = stripes(period, 96, 48)
            if turned:
                images = replace(images, pixels=np.ascontiguousarray(images.pixels[:, :, :96].transpose(0, 2, 1)))
                images = replace(images, width=np.full(4, 96))
            out = run(Resolution(12, pixels="smooth"), images).pixels  # four pixels become one
            kept.append(out[:, 8:-8, 8:-8].std() / images.pixels[:, 8:-8, 8:-8].std())
        assert kept[0] < 0.02 and kept[1] < 0.35 and kept[2] > 0.8


def test_pixels_can_become_blocks():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 96, 192), np.uint8)
    images = Images(pixels, np.full(4, 192), np.tile([0, 0, 10, 48], (4, 1, 1)))
    out = run(Resolution(12, pixels="blocks"), images).pixels
    blocks = out.reshape(4, 24, 4, 48, 4)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    assert np.abs(blocks[:, :, 0, :, 0] - pixels.reshape(4, 24, 4, 48, 4).mean(axis=(2, 4))).max() <= 2


def test_what_has_few_pixels_already_is_left_alone(writing):
    low = stripes(4, 96, 12)
    assert np.array_equal(run(Resolution(12), low).pixels, low.pixels)
    assert not np.array_equal(run(Resolution(10), low).pixels, low.pixels)
    unknown = replace(low, boxes=np.zeros((4, 0, 4), np.int64))  # then 20/28 of the height: 69 pixels
    assert np.array_equal(run(Resolution(12), unknown).pixels, run(Resolution(12), stripes(4, 96, 69)).pixels)
    assert np.array_equal(run(Resolution(70), unknown).pixels, unknown.pixels)
    assert np.array_equal(run(Resolution(29), writing).pixels, writing.pixels)


def test_resolutions_are_drawn_by_their_ratio():
    drawn = Resolution((12, 48)).draw(Rows.span(0, 0, 4000), (9, 9))["digit_height"]
    assert drawn.min() >= 12 and drawn.max() <= 48
    assert abs((drawn < 24).mean() - 0.5) < 0.03


def test_sharpening_is_an_unsharp_mask(writing):
    grey = run(Paper(0.7, 0.5), writing)  # no pixel is clipped
    out = run(Sharpen(0.8, 1), grey).pixels
    for image, sharp in zip(grey.pixels, out):
        blurred = cv2.GaussianBlur(image, (7, 7), 1, borderType=cv2.BORDER_REPLICATE).astype(float)
        assert np.abs(sharp - (image + 0.8 * (image - blurred))).max() <= 1
    assert out.min() < grey.pixels.min() and out.max() > grey.pixels.max()
    flat = picture(100)
    assert np.array_equal(run(Sharpen(1), flat).pixels, flat.pixels)


@pytest.mark.parametrize("cell", [(1, 4), (3, 3), (2.5, 7.25), (50, 80)])
def test_fields_are_interpolated_linearly_and_do_not_depend_on_the_width(cell):
    grid = np.random.default_rng(0).integers(0, 256, (3, *grid_shape((20, 70), cell)), np.uint8)
    field = smooth_field(grid, cell, (20, 70))
    assert field.dtype == np.int16 and field.shape == (3, 20, 70)
    y, x = (np.clip((np.arange(n) + 0.5) / c - 0.5, 0, None) for n, c in zip((20, 70), cell))
    values = np.maximum(grid.astype(float) - 128, -127)
    for one, seen in zip(values, field):
        rows = np.stack([np.interp(y, np.arange(len(one)), column) for column in one.T], axis=1)
        assert np.abs(np.stack([np.interp(x, np.arange(len(row)), row) for row in rows]) - seen).max() <= 2
    assert np.array_equal(smooth_field(grid[1:2], cell, (20, 33))[0], field[1, :, :33])
