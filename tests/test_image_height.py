"""Images of other heights: the same writing, larger or smaller, whoever asks for them."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.cases import product

from digitseq import Pipeline, SequenceGenerator, Settings, SettingsError, generate_numbers_sequence
from digitseq.augment import OPERATIONS, PRESETS
from digitseq.augment.registry import parse_augment
from digitseq.augment.sheets import sharpened
from digitseq.errors import DigitseqWarning
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.loader import load_bank, load_scaled
from digitseq.glyphs.scaled_bank import ScaledBank, scaled_bank
from digitseq.glyphs.scaling import Scaling
from digitseq.inspection.sheet import CAPTION, MARGIN
from digitseq.renderer.renderer_cache import bank_of, renderer_of

TALL = Settings("0123456789", image_height=64, image_width=0, max_spacing=20, split="test")
LOOKS = {
    "plain": TALL,
    "low": replace(TALL, image_height=20),
    "signs": replace(TALL, number="2035-10-05"),
    "overlap": replace(TALL, min_spacing=-64, invert=True),
    "light": replace(TALL, augment=("light",)),
    "heavy": replace(TALL, augment=("heavy",)),
    "narrow": replace(TALL, number="8888", image_width=152, augment=("light",)),
    "small glyphs": replace(TALL, glyph_height=0.4, augment=("elastic",)),
}


def series(settings: Settings, count: int = 16):
    renderer = renderer_of(settings, keep_sizes=False)
    return Pipeline(settings, renderer.bank, 7, None, renderer).batch(0, count)


@pytest.fixture(scope="module")
def built(test_split) -> dict[Scaling, ScaledBank]:
    sizes = {Scaling(s.image_height, s.glyph_height) for s in LOOKS.values()}
    return {size: ScaledBank(test_split, size, scaled_bank(test_split, size)) for size in sizes}


@pytest.mark.parametrize("look", LOOKS)
def test_a_built_bank_and_one_that_is_not_built_give_the_same_images(look, built):
    s = LOOKS[look]
    bank = built[Scaling(s.image_height, s.glyph_height)]
    for one in (bank, pickle.loads(pickle.dumps(bank)).share(0.2, 1)):
        lazy = replace(one, built=None)
        first, second = (Pipeline(s, which, 7).batch(0, 16) for which in (one, lazy))
        assert np.array_equal(first.images, second.images)
        assert np.array_equal(first.boxes, second.boxes)
        assert first.images.shape[1] == s.image_height


@pytest.mark.parametrize("look", ["plain", "light", "heavy"])
def test_an_image_does_not_depend_on_its_batch(look):
    renderer = renderer_of(LOOKS[look], keep_sizes=False)
    pipeline = Pipeline(LOOKS[look], renderer.bank, 7, None, renderer)
    whole = pipeline.batch(0, 6)
    for i in (0, 5):
        alone = pipeline.batch(i, i + 1)
        assert np.array_equal(alone.images[0], whole.images[i, :, : whole.width[i]])
        assert np.array_equal(alone.boxes[0], whole.boxes[i])


@pytest.mark.parametrize("height", [16, 20, 32, 64, 300])
def test_boxes_are_those_of_the_ink(height):
    batch = series(replace(TALL, image_height=height, min_spacing=2), 8)
    for image, boxes in zip(batch.images, batch.boxes):
        for x, y, w, h in boxes:
            ink = image[:, x : x + w] > 0
            rows = np.flatnonzero(ink.any(axis=1))
            assert (rows[0], rows[-1] + 1) == (y, y + h)
            assert ink[:, 0].any() and ink[:, -1].any()


@pytest.mark.parametrize(("preset", "height"), product([(), *PRESETS], [20, 48, 64, 128]))
def test_a_preset_looks_the_same_at_every_height(preset, height):
    if preset == "heavy":
        preset = tuple(text for text in PRESETS["heavy"] if not text.startswith(("salt", "jpeg", "gaussian")))
    low = Settings("0123456789", image_width=0, split="test", augment=preset)
    high, factor = replace(low, image_height=height), height / SIDE
    first, second = series(low, 40), series(high, 40)
    # the grey fringe of a glyph of 28 pixels, which its box contains, is up to a pixel wide on each side
    fringe = np.subtract(*(b.boxes[:, :, 2:].mean(axis=(0, 1)) / f for b, f in ((first, 1), (second, factor))))
    assert (fringe > -1.6).all() and (fringe < 2.7).all()
    images = [[i[:, :w].astype(float) for i, w in zip(b.images, b.width)] for b in (first, second)]
    if preset == "scan":  # all of its paper has a tone, and gaps between digits do not grow with the height
        images = [[np.clip(i - np.median(i), 0, None) for i in some] for some in images]
    ink = [np.mean([i.sum() for i in some]) for some in images]
    assert ink[1] / ink[0] / factor**2 == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("height", [16, 40, 512])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_works_at_every_height(name, height):
    batch = series(replace(TALL, number="350", image_height=height, augment=(name,)), 2)
    assert batch.images.shape[1] == height
    assert (batch.boxes[:, :, 2:] > 0).all()
    assert (batch.boxes[:, :, 1] + batch.boxes[:, :, 3] <= height).all()


def test_lengths_grow_with_the_height_and_nothing_else_does():
    for operation in parse_augment([*OPERATIONS]):
        assert operation.enlarged(1) is operation
        larger = operation.enlarged(2)
        same = {k for k, v in vars(operation).items() if k in vars(larger) and vars(larger)[k] == v}
        changed = set(vars(operation)) - same - {"strength_name"}
        lengths = {
            "stroke": {"amount"}, "elastic": {"alpha", "sigma"}, "wave": {"amplitude", "wavelength"}, "blur": {"sigma"},
            "motion_blur": {"length"}, "lines": {"thickness"}, "downscale": {"factor"}, "fade": {"size"},
            "guilloche": {"period", "amplitude", "wavelength"}, "blotches": {"size"}, "fibre": {"length"},
            "sharpen": {"radius"},
        }  # fmt: skip
        assert changed == lengths.get(operation.name, set())
        assert larger.enlargement == 2


@pytest.mark.parametrize(
    "text", ["motion_blur:length=1", "downscale:factor=1", "blur:sigma=0", "dilate:width=1,height=1"]
)
def test_what_changes_nothing_does_so_at_every_height(text):
    plain, other = series(TALL, 3), series(replace(TALL, augment=(text,)), 3)
    assert np.array_equal(plain.images, other.images)


def test_edges_stay_a_pixel_wide_when_glyphs_are_moved():
    def grey(settings: Settings) -> float:
        images = series(settings, 20).images
        ink = (images > 127).astype(int)
        edges = sum(np.abs(np.diff(ink, axis=axis)).sum() for axis in (1, 2))
        return ((images > 12) & (images < 243)).sum() / edges

    moved = replace(TALL, augment=("rotate:angle=5..20", "slope:angle=2"))
    assert grey(moved) < 1.35 * grey(TALL)


def test_renderers_are_kept_by_their_sizes():
    sizes = [{}, {"image_height": 64}, {"glyph_height": 0.5}, {"image_height": 64, "glyph_height": 0.5}]
    kept = [renderer_of(Settings("1", split="test", **size), keep_sizes=False) for size in sizes]
    assert len({id(renderer) for renderer in kept}) == 4
    assert [renderer.bank.factor for renderer in kept] == pytest.approx([1, 64 / 28, 0.7, 1.6])
    again = [renderer_of(Settings("2", split="test", **size), keep_sizes=False) for size in sizes]
    assert all(one is other for one, other in zip(kept, again))


def test_sharp_edges_leave_half_of_full_ink_and_steepen_the_rest():
    cells = np.stack([np.full((4, 8), level, np.uint8) for level in (100, 127, 160, 100)])
    sharp = sharpened(cells, np.array([True, True, True, False]))
    assert [np.unique(cell).tolist() for cell in sharp] == [[89], [127], [173], [100]]


@pytest.mark.parametrize(("share", "expected"), [(None, 20 / 28), (0.3, 0.3), (0.9, 0.9)])
def test_the_height_of_digits_is_a_share_of_the_image(share, expected):
    batch = series(Settings("0123456789", image_height=100, image_width=0, glyph_height=share, split="test"), 20)
    assert np.median(batch.boxes[:, :, 3].max(axis=1)) == pytest.approx(100 * expected, abs=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_height": 15}, r"image_height must be a whole number from 16 to 512 pixels, got 15"),
        ({"image_height": 64.5}, "image_height must be"),
        ({"glyph_height": 1.1}, r"glyph_height must be a number from 0.2 to 1, got 1.1"),
        ({"min_spacing": -29}, "min_spacing must be a whole number from -28 to 1,000 pixels, got -29"),
        ({"image_height": 64, "min_spacing": -65}, "min_spacing must be a whole number from -64 to 1,000 pixels"),
        ({"image_height": 16, "min_spacing": -17}, "from -16 to 1,000"),
        ({"image_height": 64, "number": "88888888"}, "image_width 200 is too narrow for 8 characters"),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(SettingsError, match=message):
        series(Settings(**{"number": "8"} | values))


def test_everybody_makes_the_same_image(run, tmp_path):
    flags = ("-num", "350-1", "-ih", 64, "-iw", 250, "-max", 12, "--augment", "light", "--split", "test", "--seed", 9)
    made = run(*flags, "-o", tmp_path / "a", "-s", 2)
    assert made.returncode == 0, made.stderr
    files = [cv2.imread(str(tmp_path / "a" / "350-1" / f"{k}.png"), cv2.IMREAD_GRAYSCALE) for k in (1, 2)]
    settings = Settings("350-1", image_height=64, image_width=250, max_spacing=12, augment="light", split="test")
    generator = SequenceGenerator(settings, seed=9)
    assert files[0].shape == (64, 250)
    assert all(np.array_equal(generator[i].image, files[i]) for i in range(2))
    assert np.array_equal(pickle.loads(pickle.dumps(generator))[1].image, files[1])
    one = generate_numbers_sequence("350-1", (0, 12), 250, seed=9, image_height=64, augment="light", split="test")
    assert np.array_equal(np.rint(one * 255), files[0])

    (tmp_path / "config.py").write_text(
        "image_height = 64\nimage_width = 250\nmax_spacing = 12\naugment = ['light']\nsplit = 'test'\nseed = 9\n"
    )
    (tmp_path / "run.py").write_text("from digitseq.shell.cli import main\nraise SystemExit(main())\n")
    from digitseq.shell.parser import parse

    request = parse(["-r", "-num", "350-1"], tmp_path / "config.py")
    assert request.settings == settings

    torch_data = pytest.importorskip("digitseq.torch_data", exc_type=Exception)
    sample = torch_data.SequenceDataset(settings, 2, seed=9)[1]
    assert np.array_equal(sample.image[0].numpy(), files[1])


def test_the_service_makes_the_same_image_and_keeps_no_bank(tmp_path, monkeypatch):
    pytest.importorskip("fastapi")
    from digitseq.service.limits import Limits
    from digitseq.service.pipeline_cache import PipelineCache
    from digitseq.service.requests import ABOUT_IMAGES, from_query

    cache = tmp_path / "cache"
    asked = from_query([("number", "350"), ("image_height", "64"), ("split", "test"), ("seed", "4")], ABOUT_IMAGES)
    pipeline = PipelineCache(Limits(), str(cache)).pipeline(asked)
    expected = SequenceGenerator(Settings("350", image_height=64, split="test"), seed=4)[0].image
    assert np.array_equal(pipeline.batch(0, 1).images[0], expected)
    assert [path.name for path in cache.glob("*.bank")] == ["mnist-test.bank"]
    # one digit in the largest images is within the limits
    large = [("number", "3"), ("image_height", "512"), ("image_width", "0"), ("augment", "light"), ("split", "test")]
    pipeline = PipelineCache(Limits(), str(cache)).pipeline(from_query(large, ABOUT_IMAGES))
    assert pipeline.batch(0, 1).images.shape[1] == 512


def test_a_size_is_built_once_and_opened_from_then_on(tmp_path, monkeypatch):
    cache = str(tmp_path)
    bank = bank_of(Settings("1", split="test", image_height=32), cache)
    assert isinstance(bank, ScaledBank) and bank.built is not None
    assert sorted(p.name for p in tmp_path.glob("*.bank")) == ["mnist-test-h32.bank", "mnist-test.bank"]
    monkeypatch.setattr("digitseq.glyphs.scaled_bank.scaled_bank", None)  # cannot be built again
    again = bank_of(Settings("1", split="test", image_height=32), cache)
    assert again.built.path == tmp_path / "mnist-test-h32.bank"
    assert again.digest == bank.digest != load_bank("test", cache).digest
    assert isinstance(bank_of(Settings("1", split="test"), cache), type(bank.base))  # nothing is scaled at 28


def test_large_sizes_are_not_built(tmp_path, monkeypatch):
    monkeypatch.setattr("digitseq.glyphs.scaled_bank.MOST_BYTES", 1 << 20)
    assert load_scaled(load_bank("test", str(tmp_path)), Scaling(32, 0.5), str(tmp_path)).built is None
    assert [p.name for p in tmp_path.glob("*.bank")] == ["mnist-test.bank"]


def test_a_damaged_size_is_noticed_and_built_again(tmp_path):
    base = load_bank("test", str(tmp_path))
    path = load_scaled(base, Scaling(16), str(tmp_path)).built.path
    with open(path, "r+b") as file:
        file.seek(-1000, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1000, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.warns(DigitseqWarning, match="damaged .*building it again"):
        mended = load_scaled(base, Scaling(16), str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_scaled(base, Scaling(16), str(tmp_path)).built.digest == mended.built.digest


@pytest.mark.parametrize("name", ["npz", "lmdb", "webdataset", "parquet"])
def test_other_formats_take_other_heights(name, run, tmp_path):
    made = run(
        "-num", "350", "-ih", 40, "--split", "test", "-s", 3, "--format", name, "-o", tmp_path / "a", "--seed", 1
    )
    assert made.returncode == 0, made.stderr
    if name == "npz":
        with np.load(next((tmp_path / "a").rglob("*.npz"))) as arrays:
            assert any(array.shape[:2] == (3, 40) for array in arrays.values())


def test_the_preview_has_the_height(run, tmp_path):
    made = run("-num", "350", "-ih", 64, "--split", "test", "--augment", "light", "--preview", tmp_path / "p.png")
    assert made.returncode == 0, made.stderr
    data = io.BytesIO((tmp_path / "p.png").read_bytes()).getvalue()
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).shape[0] == 8 * (2 * 64 + CAPTION + MARGIN)
