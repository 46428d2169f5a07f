"""Masks: which character each pixel belongs to, whatever has moved the ink, in every format and in Python."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.folders import assert_nothing_unfinished, pixels, records
from support.formats import decoded, tree

from digitseq import Output, OutputError, Pipeline, SequenceGenerator, Settings, SettingsError
from digitseq.options import MAX_TEXT
from digitseq.runs import Stop, write_images

LOOKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one": {"number": "7"},
    "free width": {"image_width": 0, "random_digits": (1, 6), "number": None},
    "overlapping": {"min_spacing": -9, "max_spacing": -4},
    "inverted": {"invert": True, "augment": ("blur", "background")},
    "turned": {"angle": 25.0, "augment": ("elastic",)},
    "line": {"augment": ("perspective:strength=0.3", "wave:amplitude=5")},
    "specks": {"noise_ratio": 0.3, "augment": ("shear", "slope:angle=9")},
    "signs": {"number": "09-8.1"},
    "medium": {"augment": ("medium",)},
}


def pipeline(bank, **values) -> Pipeline:
    return Pipeline(Settings(**{"number": "90817", "image_width": 220, "masks": True} | values), bank, 5)


def alone(maker: Pipeline, j: int, batch) -> np.ndarray:
    """bool (B, H, W): where character j is at least half as dark as at its darkest, from its own ink."""
    found = []
    for image, (x, y, w, h) in zip(batch.images, batch.boxes[:, j]):
        own = np.zeros(image.shape, bool)
        part = image[y : y + h, x : x + w]
        own[y : y + h, x : x + w] = part >= (int(part.max()) + 1) // 2
        found.append(own)
    return np.stack(found)


@pytest.mark.parametrize("look", LOOKS)
def test_images_are_the_same_and_masks_lie_in_the_boxes(look, train):
    maker = pipeline(train, **LOOKS[look])
    batch, plain = maker.batch(0, 60), pipeline(train, **LOOKS[look] | {"masks": False}).batch(0, 60)
    assert plain.masks is None
    assert np.array_equal(batch.images, plain.images)
    assert np.array_equal(batch.boxes, plain.boxes)
    assert batch.masks.shape == batch.images.shape
    assert batch.masks.dtype == np.uint8
    for mask, boxes, used in zip(batch.masks, batch.boxes, batch.width):
        drawn = boxes[boxes[:, 2] > 0]
        assert not mask[:, used:].any()
        assert set(np.unique(mask)) - {0} <= set(range(1, len(drawn) + 1))
        for k, (x, y, w, h) in enumerate(drawn, 1):
            ys, xs = np.nonzero(mask == k)
            assert len(ys) or look == "overlapping"
            assert ((xs >= x) & (xs < x + w) & (ys >= y) & (ys < y + h)).all()


def test_a_pixel_belongs_to_the_character_whose_ink_is_half_dark(train):
    maker = pipeline(train)
    batch = maker.batch(0, 60)
    for j in range(5):
        assert np.array_equal(batch.masks == j + 1, alone(maker, j, batch))


@pytest.mark.parametrize("look", ["turned", "line"])
def test_masks_go_with_the_ink(look, train):
    """Where boxes do not meet, the mask of a distorted character is what its own ink says."""
    maker = pipeline(train, **LOOKS[look], min_spacing=4, image_width=260)
    batch = maker.batch(0, 60)
    x, w = batch.boxes[:, :, 0], batch.boxes[:, :, 2]
    apart = (x[:, 1:] >= x[:, :-1] + w[:, :-1]).all(axis=1)
    assert apart.sum() > 10
    for j in range(5):
        assert np.array_equal((batch.masks == j + 1)[apart], alone(maker, j, batch)[apart])


def test_of_two_characters_the_darker_one_has_the_pixel(train):
    """Each character is drawn with the others left out, by the same places and glyphs."""
    maker = pipeline(train, **LOOKS["overlapping"])
    batch = maker.batch(0, 60)
    from digitseq.random_streams import Rows

    rows = Rows.span(5, 0, 60)
    codes = maker.source.codes(rows)
    ink = maker.renderer.lines.write(rows, codes, maker.renderer.classes(codes), False, False).ink
    keys = np.zeros((5, *batch.images.shape), np.int64)
    for j in range(5):
        for b in range(60):
            start, wide, x = ink.start[b, j], ink.width[b, j], batch.boxes[b, j, 0]
            glyph = ink.columns[start : start + wide].T.astype(np.int64)
            keys[j, b, :, x : x + wide] = np.where(glyph >= (glyph.max() + 1) // 2, glyph, 0)
    assert np.array_equal(batch.masks, np.where(keys.any(axis=0), keys.argmax(axis=0) + 1, 0))


def test_specks_belong_to_no_character(train):
    """Noise changes no mask, wherever in the order of the operations it comes."""
    for before, after in (((), ()), (("rotate",), ()), ((), ("rotate",)), ((), ("elastic", "erode", "wave"))):
        noisy = pipeline(train, augment=(*before, "noise:ratio=0", *after)).batch(0, 40)
        same = pipeline(train, augment=(*before, "noise:ratio=0.4", *after)).batch(0, 40)
        if not after:
            assert np.array_equal(noisy.masks, same.masks)
        # distortions after noise work on specks, too, and may make the box wider
        assert abs((noisy.masks > 0).sum() / (same.masks > 0).sum() - 1) < 0.05


@pytest.mark.parametrize("look", LOOKS)
def test_a_mask_depends_on_nothing_but_settings_seed_and_number(look, train):
    maker = pipeline(train, **LOOKS[look])
    whole = maker.batch(0, 40)
    for start, stop in ((0, 1), (7, 9), (20, 33)):
        part = maker.batch(start, stop)
        wide = part.masks.shape[2]
        assert np.array_equal(part.masks, whole.masks[start:stop, :, :wide])


def test_gaps_are_not_counted(train):
    for labels in ({}, {"gap_labels": "keep"}):
        batch = pipeline(train, number="1-2 3", signs="gap", **labels).batch(0, 20)
        assert all(set(np.unique(mask)) == {0, 1, 2, 3} for mask in batch.masks)
    sample = SequenceGenerator(Settings("1 2", masks=True), 3)[0]
    for k, (x, y, w, h) in enumerate(sample.boxes, 1):
        assert (sample.mask[y : y + h, x : x + w] == k).any()


def test_the_longest_text_has_numbers_that_fit(train):
    assert MAX_TEXT <= 255
    mask = pipeline(train, number="1" * MAX_TEXT, image_width=0).batch(0, 1).masks[0]
    assert set(np.unique(mask)) == set(range(MAX_TEXT + 1))


# In files


def masks_png(folder: Path) -> list[np.ndarray]:
    assert [r["mask_file_name"] for r in records(folder)] == [f"masks/{r['file_name']}" for r in records(folder)]
    return [pixels(folder / r["mask_file_name"]) for r in records(folder)]


def masks_webdataset(folder: Path) -> list[np.ndarray]:
    webdataset = pytest.importorskip("webdataset")
    shards = [str(p) for p in sorted(folder.glob("*.tar"))]
    samples = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("l8")
    return [sample["mask.png"] for sample in samples]


def masks_parquet(folder: Path) -> list[np.ndarray]:
    datasets = pytest.importorskip("datasets")
    files = [str(p) for p in sorted(folder.glob("*.parquet"))]
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(folder.parent / "hf"))
    assert isinstance(table.features["mask"], datasets.Image)
    return [np.asarray(row["mask"]) for row in table]


def masks_npz(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "0070.npz") as arrays:
        return [mask[:, :width] for mask, width in zip(arrays["masks"], arrays["widths"])]


READERS = {"png": masks_png, "webdataset": masks_webdataset, "parquet": masks_parquet, "npz": masks_npz}


@pytest.mark.parametrize("format_name", READERS)
def test_files_hold_the_masks(run, tmp_path, train, format_name):
    given = ("-num", "0070", "--masks", "--seed", 9, "--format", format_name, "-iw", 0)
    assert run(*given, "-s", 700, "-m", 2).stderr == ""
    assert run(*given, "-s", 20).stderr == ""
    folder = tmp_path / "output" / "0070"
    batch = Pipeline(Settings("0070", image_width=0, masks=True), train, 9).batch(0, 720)
    found = READERS[format_name](folder)
    assert len(found) == 720
    assert all(np.array_equal(a, b[:, :w]) for a, b, w in zip(found, batch.masks, batch.width))
    assert_nothing_unfinished(folder)
    assert run("--inspect", folder).returncode == 0


def test_imagefolder_reads_them_as_a_second_image(run, tmp_path):
    datasets = pytest.importorskip("datasets")
    run("-num", "350", "-s", 12, "--masks", "--split_ratio", 0.5, 0.25, 0.25)
    folder = tmp_path / "output" / "350"
    found = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "hf"))
    assert {name: len(part) for name, part in found.items()} == {"train": 6, "validation": 3, "test": 3}
    for part, name in (("train", "train"), ("validation", "val")):
        assert isinstance(found[part].features["mask"], datasets.Image)
        for row, path in zip(found[part], records(folder / name)):
            assert np.array_equal(np.asarray(row["mask"]), pixels(folder / name / path["mask_file_name"]))
            assert np.array_equal(np.asarray(row["image"].convert("L")), pixels(folder / name / path["file_name"]))


@pytest.mark.parametrize("cores", [0, 2])
def test_an_interrupted_run_is_resumed_with_its_masks(tmp_path, train, cores):
    maker = pipeline(train, number="5", image_width=30)
    once = write_images(maker, Output(output_path=str(tmp_path / "once"), size=2000, seed=5)).folder
    broken, stop = Output(output_path=str(tmp_path / "broken"), size=2000, seed=5, multi_core=cores), Stop()

    def interrupt(_):
        stop.signal = 2

    report = write_images(maker, broken, stop, interrupt)
    assert 0 < report.count < 2000
    assert len(list((report.folder / "masks").iterdir())) == report.count
    (report.folder / "masks" / "1.png").unlink()  # a part that has lost a file is made again
    resumed = Output(output_path=str(tmp_path / "broken"), size=2000, seed=5, multi_core=cores, resume=True)
    write_images(maker, resumed)
    before, after = tree(once), tree(report.folder)
    assert before.keys() == after.keys()
    assert {k: v for k, v in before.items() if k.endswith(("png", "jsonl"))} == {
        k: v for k, v in after.items() if k.endswith(("png", "jsonl"))
    }
    with pytest.raises(OutputError, match="masks is true, not false"):
        write_images(pipeline(train, number="5", image_width=30, masks=False), resumed)


def test_a_link_in_the_place_of_the_masks_is_refused(tmp_path, train):
    (tmp_path / "5").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "5" / "masks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="masks is a link"):
        write_images(pipeline(train, number="5"), Output(output_path=str(tmp_path), size=2))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_lmdb_refuses_them(run, tmp_path):
    done = run("-num", "1", "--masks", "--format", "lmdb")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("masks go with all formats but lmdb: leave them out, or name another format")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("first", [True, False])
def test_an_npz_file_has_masks_for_all_images_or_none(run, first):
    given, flag = ("-num", "1", "--format", "npz", "-s", 2), ("--masks",)
    assert run(*given, *flag * first).returncode == 0
    done = run(*given, *flag * (not first))
    assert done.returncode == 2
    assert ("add --masks" if first else "leave out --masks") in done.stderr


def test_downloads_have_them(train):
    from digitseq.formats import format_of

    maker = pipeline(train, number="12")
    with zipfile.ZipFile(io.BytesIO(b"".join(format_of("png").stream(maker, 3, ("jsonl",))))) as opened:
        assert {"1.png", "masks/1.png", "masks/3.png"} <= set(opened.namelist())
        assert np.array_equal(decoded(opened.read("masks/2.png")), maker.batch(0, 3).masks[1])
        assert json.loads(opened.read("metadata.jsonl").splitlines()[0])["mask_file_name"] == "masks/1.png"
    with tarfile.open(fileobj=io.BytesIO(b"".join(format_of("webdataset").stream(maker, 3)))) as opened:
        assert opened.getnames()[:4] == [f"{1:012d}.{suffix}" for suffix in ("png", "txt", "json", "mask.png")]
    with pytest.raises(SettingsError, match="all formats but lmdb"):
        b"".join(format_of("lmdb").stream(maker, 3))


def test_batches_and_samples_have_them():
    settings = Settings(random_digits=(1, 5), image_width=0, masks=True)
    generator = SequenceGenerator(settings, seed=4)
    batch = generator.take([5, 2, 2])
    for row, index in enumerate((5, 2, 2)):
        sample = generator[index]
        assert sample.mask.shape == sample.image.shape
        assert np.array_equal(batch.masks[row, :, : batch.widths[row]], sample.mask)
    without = SequenceGenerator(Settings("1"), seed=4)
    assert without.batch(0, 2).masks is None
    assert without[0].mask is None
    assert Image.fromarray(generator[0].mask).mode == "L"
