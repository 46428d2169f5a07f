"""Operations on glyphs and on the line: neutral strengths, boxes, determinism, and what each of them does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitseq import Pipeline, Settings, SettingsError
from digitseq.augment import (
    OPERATIONS,
    Augmentation,
    Dilate,
    Elastic,
    Erode,
    Noise,
    Perspective,
    Rotate,
    Scale,
    Shear,
    Shift,
    Slope,
    Stroke,
    Wave,
)
from digitseq.augment.cell_sizes import StageCells
from digitseq.augment.line import LineMap
from digitseq.augment.maps import MapRun, moved_cells
from digitseq.random_streams import Rows

NEUTRAL = {
    "erode": "width=1,height=1", "dilate": "width=1,height=1", "rotate": "angle=0", "noise": "ratio=0",
    "shear": "angle=0", "scale": "factor=1", "stroke": "amount=0", "shift": "pixels=0", "elastic": "alpha=0",
    "perspective": "strength=0", "wave": "amplitude=0", "slope": "angle=0",
}  # fmt: skip
GEOMETRIC = ("rotate", "shear", "scale", "shift", "elastic", "perspective", "wave", "slope")
CHAINS = (
    *GEOMETRIC,
    "rotate shear scale", "scale:factor=1.6..2 rotate:angle=30..60", "elastic erode rotate dilate shear stroke noise",
    "slope:angle=12 wave:amplitude=6 perspective:strength=0.3", "rotate:angle=-40..40 slope:angle=-15..15", "elastic wave",
)  # fmt: skip


def applied(operation, cells, parameters):
    """`operation` on upright cells (N, h, w): operations take them turned."""
    return operation.apply(np.ascontiguousarray(cells.transpose(0, 2, 1)), parameters).transpose(0, 2, 1)


def pipeline(bank, augment, number="90817", **values):
    return Pipeline(
        Settings(number, augment=augment.split(), **{"image_width": 220, "min_spacing": 2} | values), bank, 5
    )


@pytest.mark.parametrize("name", NEUTRAL)
@pytest.mark.parametrize("gated", [False, True])
def test_neutral_operations_change_nothing(name, gated, train):
    plain = pipeline(train, "").batch(0, 40)
    spec = f"{name}:p=0" if gated else f"{name}:{NEUTRAL[name]}"
    same = pipeline(train, spec).batch(0, 40)
    assert np.array_equal(plain.images, same.images)
    assert np.array_equal(plain.boxes, same.boxes)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_does_something_and_p_gates_it(name, train):
    plain = pipeline(train, "", number="8").batch(0, 400)
    all_on = pipeline(train, name, number="8").batch(0, 400)
    half_on = pipeline(train, f"{name}:p=0.5", number="8").batch(0, 400)
    changed = [(b.images != plain.images).any((1, 2)).mean() for b in (all_on, half_on)]
    assert changed[0] > 0.2
    assert changed[1] == pytest.approx(changed[0] / 2, abs=0.1)
    off = pipeline(train, f"{name}:p=0", number="8").batch(0, 40)
    assert np.array_equal(off.images, plain.images[:40])


@pytest.mark.parametrize("augment", [*OPERATIONS, "light", "medium", "heavy"])
@pytest.mark.parametrize("width", [220, 0])
def test_an_image_depends_on_nothing_but_settings_seed_and_number(augment, width, train):
    maker = pipeline(train, augment, image_width=width)
    whole = maker.batch(0, 60)
    for start, stop in [(0, 1), (7, 8), (20, 53)]:
        part = maker.batch(start, stop)
        for k, i in enumerate(range(start, stop)):
            used = whole.width[i]
            assert part.width[k] == used
            assert np.array_equal(part.images[k, :, :used], whole.images[i, :, :used])
            assert np.array_equal(part.boxes[k], whole.boxes[i])


@pytest.mark.parametrize("augment", CHAINS)
@pytest.mark.parametrize("width", [220, 130, 0])
def test_boxes_hold_all_ink_tightly_and_nothing_leaves_the_image(augment, width, train):
    batch = pipeline(train, augment, image_width=width).batch(0, 100)
    for image, used, boxes in zip(batch.images, batch.width, batch.boxes):
        inside = np.zeros(image.shape, bool)
        for x, y, w, h in boxes:
            assert x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= used and y + h <= 28
            inside[y : y + h, x : x + w] = True
        assert not image[~inside].any()
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert (rows[0], rows[-1] + 1) == (boxes[:, 1].min(), (boxes[:, 1] + boxes[:, 3]).max())
        assert (columns[0], columns[-1] + 1) == (boxes[:, 0].min(), (boxes[:, 0] + boxes[:, 2]).max())


@pytest.mark.parametrize("augment", [*CHAINS, "light", "heavy", "elastic:alpha=120,sigma=3 rotate:angle=90", "noise"])
def test_cells_cut_no_ink_and_their_size_does_not_matter(augment, train, monkeypatch):
    tight = pipeline(train, augment).batch(0, 150)
    cell = StageCells.cell

    def larger(self, some):
        height, width = cell(self, some)
        return height + 24, width + 16

    monkeypatch.setattr(StageCells, "cell", larger)
    roomy = pipeline(train, augment).batch(0, 150)
    assert np.array_equal(tight.images, roomy.images)
    assert np.array_equal(tight.boxes, roomy.boxes)


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.02), (0, 0.1), (0.3, 0.3), (0.7, 0.7), (0.6, 1)])
def test_noise_whitens_its_share_of_the_box_evenly_and_nothing_else(low, high):
    cells = np.zeros((3000, 24, 32), np.uint8)
    cells[:, 2, 5] = cells[:, 21, 24] = 1
    noise = Noise(ratio=(low, high))
    white = applied(noise, cells, noise.draw(Rows.span(1, 0, 500), 6, (24, 32))) == 255
    box = white[:, 2:22, 5:25]
    assert box.sum() == white.sum()
    assert box.mean() == pytest.approx((low + high) / 2, rel=0.03)
    for axis in (1, 2):
        assert np.ptp(box.mean(axis=(0, axis))) < 0.012


@pytest.mark.parametrize("augment", CHAINS)
def test_each_box_is_that_of_its_glyph_alone_through_the_same_maps(augment, train):
    """The whole line, and the same line with all ink but one glyph's removed, put through the same maps."""
    maker = pipeline(train, augment)
    rows = Rows.span(5, 0, 30)
    codes = maker.source.codes(rows)
    line = maker.renderer.lines.write(rows, codes, maker.renderer.classes(codes), False, False)
    whole, whole_x = maker.renderer._augment.warp(line.ink, line.x, line.width, (28, 220), rows)
    from digitseq.composer import compose_images

    for j in range(5):
        columns = np.zeros_like(whole.columns)
        for b in range(30):
            start, wide = whole.start[b, j], whole.width[b, j]
            columns[start : start + wide] = whole.columns[start : start + wide]
        alone = type(whole)(columns, whole.start, whole.width, whole.top, whole.bottom)
        for image, box in zip(compose_images(alone, whole_x, 220, True), maker.batch(0, 30).boxes[:, j]):
            ys, xs = np.nonzero(image)
            assert [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()] == box.tolist()


@pytest.mark.parametrize("spec", ["slope:angle=15", "wave:amplitude=8", "perspective:strength=0.4"])
def test_a_line_is_fitted_unless_clipping_is_allowed(spec, train):
    fitted = pipeline(train, spec).batch(0, 60)
    clipped = pipeline(train, f"{spec},allow_clip=true").batch(0, 60)
    assert (fitted.boxes[:, :, 3] > 0).all()
    height = clipped.boxes[:, :, 1] + clipped.boxes[:, :, 3]
    assert (height <= 28).all() and (clipped.boxes >= 0).all()
    assert ((clipped.boxes[:, :, 1] == 0) | (height == 28)).any()
    # what is fitted is smaller than what is clipped
    assert fitted.boxes[:, :, 2].mean() < clipped.boxes[:, :, 2].mean()


def test_a_glyph_that_vanishes_has_no_box(train):
    specs = "scale:factor=0.3 perspective:strength=0.4"
    boxes = pipeline(train, specs, "123456", image_width=0, min_spacing=-4, max_spacing=3).batch(0, 280).boxes
    gone = boxes[:, :, 2] == 0
    assert gone.any() and not boxes[gone].any() and (boxes >= 0).all()


def test_slope_climbs_to_the_right_and_wave_goes_up_and_down(train):
    def middles(spec):
        boxes = pipeline(train, spec, number="0" * 8, image_width=240, min_spacing=5).batch(0, 300).boxes
        return (boxes[:, :, 1] + boxes[:, :, 3] / 2).mean(axis=0)

    climbing = middles("slope:angle=2")
    assert (np.diff(climbing) < 0).all()
    assert (np.diff(middles("slope:angle=-2")) > 0).all()
    assert np.ptp(middles("wave:amplitude=2")) < 1  # phases differ


def test_shear_leans_to_the_right(train):
    cells = np.zeros((1, 24, 32), np.uint8)
    cells[0, 4:20, 15:17] = 200
    leaning = applied(Shear(angle=20), cells, {"angle": np.array([20.0])})
    top, bottom = (np.flatnonzero(leaning[0, r]).mean() for r in (5, 18))
    assert top - bottom == pytest.approx(13 * np.tan(np.radians(20)), abs=0.5)


def test_scale_shift_and_stroke_do_what_their_names_say(train):
    plain = pipeline(train, "", number="0").batch(0, 300).boxes[:, 0]
    half = pipeline(train, "scale:factor=0.5", number="0").batch(0, 300).boxes[:, 0]
    assert half[:, 3].mean() == pytest.approx(plain[:, 3].mean() / 2, abs=1.2)
    lower = pipeline(train, "shift:pixels=2", number="0").batch(0, 300).boxes[:, 0]
    room = plain[:, 1] + plain[:, 3] <= 26
    assert (lower[room, 1] - plain[room, 1] == 2).all()
    areas = [
        pipeline(train, f"stroke:amount={a}", number="0").batch(0, 300).images.mean() for a in (-1, -0.4, 0, 0.3, 1, 2)
    ]
    assert areas == sorted(areas)


def test_whole_strokes_are_dilations_with_a_cross(train):
    import cv2

    cells = np.zeros((3, 32, 32), np.uint8)
    cells[:, 8:24, 8:24] = np.random.default_rng(0).integers(0, 256, (3, 16, 16))
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thicker = applied(Stroke(amount=1), cells, {"amount": np.array([0.0, 1.0, 2.0])})
    assert np.array_equal(thicker[0], cells[0])
    assert np.array_equal(thicker[1], cv2.dilate(cells[1], cross))
    assert np.array_equal(thicker[2], cv2.dilate(cells[2], cross, iterations=2))


def test_elastic_offsets_have_the_strength_and_smoothness_of_the_paper():
    elastic = Elastic(alpha=34, sigma=4)
    drawn = elastic.draw(Rows.span(1, 0, 300), 1, (32, 32))
    weights, values = elastic.displacement(drawn, (32, 32))
    offsets = weights @ values
    assert np.abs(offsets).max() < elastic.farthest(drawn).min()
    smaller, fewer = elastic.displacement(drawn, (20, 24))
    assert np.array_equal(smaller @ fewer, offsets[:, :, 6:26, 4:28])  # whatever the cell
    # noise in -1 … 1 smoothed by a Gaussian, made the plain way
    rng = np.random.default_rng(0)
    import cv2

    plain = [34 * cv2.GaussianBlur(rng.uniform(-1, 1, (128, 128)), (0, 0), 4)[48:80, 48:80] for _ in range(300)]
    assert offsets.std() == pytest.approx(np.std(plain), rel=0.05)
    for lag in (2, 4, 8):
        found = (offsets[..., lag:] * offsets[..., :-lag]).mean() / offsets.var()
        expected = np.mean([(p[:, lag:] * p[:, :-lag]).mean() for p in plain]) / np.var(plain)
        assert found == pytest.approx(expected, abs=0.06)


def test_maps_in_a_row_are_one_interpolation(train):
    cells = np.zeros((1, 32, 32), np.uint8)
    cells[0, 10:22, 10:22] = np.random.default_rng(0).integers(0, 256, (12, 12))
    turn, back = {"angle": np.array([30.0])}, {"angle": np.array([-30.0])}
    both = MapRun.of([(Rotate(), turn), (Rotate(), back)], 1)
    assert np.array_equal(moved_cells(cells, both), cells)
    twice = Rotate().apply(Rotate().apply(cells, turn), back)
    assert not np.array_equal(twice, cells)


def test_the_input_is_left_as_it_is(train):
    rows = Rows.span(3, 0, 4)
    rng = np.random.default_rng(0)
    for operation in (Erode(), Dilate(), Rotate(), Noise(), Shear(), Scale(), Stroke(), Shift(), Elastic()):
        cells = np.zeros((8, 48, 48), np.uint8)
        cells[:, 14:34, 14:34] = rng.integers(1, 256, (8, 20, 20))
        before = cells.copy()
        out = operation.apply(cells, operation.draw(rows, 2, (48, 48)))
        assert np.array_equal(cells, before)
        assert (out.dtype, out.shape) == (np.uint8, cells.shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rotate(angle=200), r"rotate: angle must be a number from -180 to 180 degrees, .* got 200"),
        (lambda: Rotate(angle=(5, -5)), r"got \(5, -5\)"),
        (lambda: Rotate(angle=float("nan")), "got nan"),
        (lambda: Rotate(p=1.5), "rotate: p must be a number from 0 to 1, got 1.5"),
        (lambda: Erode(width=0), "erode: width must be a whole number from 1 to 15"),
        (lambda: Erode(width=1.5), "got 1.5"),
        (lambda: Scale(factor=0), "scale: factor"),
        (lambda: Stroke(amount="thick"), "got 'thick'"),
        (lambda: Shift(pixels=True), "got True"),
        (lambda: Elastic(sigma=(2, 3)), "elastic: sigma must be a number from 2 to 20"),
        (lambda: Wave(wavelength=1), "wave: wavelength"),
        (lambda: Slope(allow_clip=1), "slope: allow_clip must be True or False, got 1"),
        (lambda: Perspective(strength=1), "perspective: strength"),
    ],
)
def test_values_out_of_range_say_so(make, message):
    with pytest.raises(SettingsError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_operations_given_as_classes_are_those_given_as_text(train):
    classes = Pipeline(Settings("42", augment=[Rotate(angle=(-5, 5)), Slope(angle=3, p=0.5), Stroke()]), train, 1)
    text = Pipeline(Settings("42", augment=["rotate:angle=-5..5", "slope:angle=3,p=0.5", "stroke"]), train, 1)
    assert classes.settings == text.settings
    assert np.array_equal(classes.batch(0, 30).images, text.batch(0, 30).images)
    assert [o.name for o in Augmentation([Slope(), "light"]).operations if isinstance(o, LineMap)] == ["slope", "slope"]


def test_flags_are_built_from_the_same_operations(train):
    flags = Pipeline(Settings("305", data_augmentation=True), train, 1).batch(0, 50)
    spelled = "erode:width=1,height=2 dilate:width=2,height=1 rotate:angle=-15..15 noise:ratio=0..0.1".split()
    assert np.array_equal(flags.images, Pipeline(Settings("305", augment=spelled), train, 1).batch(0, 50).images)


KERNELS = [(w, h) for w in range(1, 6) for h in range(1, 6)] + [(9, 2), (15, 1), (15, 15)]


def test_a_larger_kernel_never_erodes_less(train):
    """By pixel, for every pair of kernels of which one contains the other; and erosion stops before a digit is lost."""
    images = {}
    for w, h in KERNELS:
        cells = np.zeros((300, 40, 48), np.uint8)
        plain = pipeline(train, "", number="4", image_width=48).batch(0, 300).images
        cells[:, 6:34] = plain
        images[w, h] = applied(
            Erode(width=w, height=h), cells, {"width": np.full(300, w), "height": np.full(300, h)}
        )  # fmt: skip
    ink = {kernel: cells.sum((1, 2)) / plain.sum((1, 2)) for kernel, cells in images.items()}
    for small in KERNELS:
        for large in KERNELS:
            if small[0] <= large[0] and small[1] <= large[1]:
                assert (images[small] >= images[large]).all(), (small, large)
        assert (ink[small] >= 0.25).all()
    means = [ink[k, k].mean() for k in (1, 2, 3, 4, 5)]
    assert means[0] == 1 and means[1] < 0.6 and means[2] < 0.45
    assert (ink[3, 3] < 0.9).mean() > 0.98


def test_erosion_that_a_digit_bears_is_that_of_opencv(train):
    cells = np.zeros((300, 40, 48), np.uint8)
    cells[:, 6:34] = pipeline(train, "", number="8", image_width=48).batch(0, 300).images
    kernel = {"width": np.full(300, 1), "height": np.full(300, 2)}
    expected = np.stack([cv2.erode(cell, np.ones((2, 1), np.uint8)) for cell in cells])
    assert (applied(Erode(), cells, kernel) == expected).all((1, 2)).mean() > 0.98
