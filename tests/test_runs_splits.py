"""`--split_ratio`: three parts with the asked shares, and no glyph in two of them."""

from __future__ import annotations

import json
import os
import pickle
import signal

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import first, product
from support.folders import sections
from support.formats import FORMATS, READERS, shards, tree
from support.glyphs import ink_of

from digitseq.glyphs.bank import build_bank
from digitseq.options import PARTS
from digitseq.runs.splits import share_out, shares

LIMIT = 120  # seconds: only there for a test that would wait for ever
RATIO = ("--split_ratio", 0.8, 0.1, 0.1)


def glyph_keys(bank) -> set[tuple[int, int]]:
    """Where in the columns each glyph of the bank lies: no two glyphs lie at the same place."""
    return set(zip(bank.start.tolist(), bank.width.tolist()))


@given(st.floats(0, 1))
def test_two_shares_are_everything_and_have_nothing_in_common(fraction):
    images = np.full((47, 5, 4), 9, np.uint8)
    bank = build_bank([images], np.arange(47) % 4, "0123", "x")
    low, high = bank.share(0, fraction), bank.share(fraction, 1)
    assert not glyph_keys(low) & glyph_keys(high)
    assert glyph_keys(low) | glyph_keys(high) == glyph_keys(bank)
    for part in (low, high):
        assert np.array_equal(part.label, np.repeat(np.arange(4), np.diff(part.class_start)))
    if 0 < fraction < 1:
        assert np.diff(low.class_start).min() > 0 and np.diff(high.class_start).min() > 0


def test_a_share_has_its_part_of_every_class_shares_columns_and_pickles_small(train):
    part = train.share(0, 0.9)
    assert np.allclose(np.diff(part.class_start), 0.9 * np.diff(train.class_start), atol=0.51)
    assert part.columns is train.columns
    assert part.digest != train.digest
    data = pickle.dumps(part)
    assert len(data) < 1000
    again = pickle.loads(data)
    assert np.array_equal(again.start, part.start) and again.digest == part.digest
    # spread over the whole data set, not its first writers
    assert abs(np.corrcoef(np.arange(len(part)), part.label)[0, 1]) > 0.9
    kept = np.isin(train.start, part.start)
    assert abs(kept[:3000].mean() - 0.9) < 0.05


@given(st.integers(1, 10**9), st.integers(0, 100), st.integers(0, 100))
def test_shares_of_images_are_the_nearest_numbers_and_add_up(count, a, b):
    ratio = (a * 0.005, b * 0.005, 1 - a * 0.005 - b * 0.005)
    counts = share_out(count, ratio)
    assert sum(counts.values()) == count
    assert all(abs(counts[part] - count * share) < 1 for part, share in zip(PARTS, ratio))


@pytest.mark.parametrize("format_name", first(FORMATS, plain=2))
def test_every_part_is_drawn_from_its_own_glyphs(run, tmp_path, train, test_split, format_name):
    words = ("-num", "0123456789", "-iw", 300, "-s", 500, "-m", 2, "--seed", 4, "--format", format_name, *RATIO)
    assert run(*words).returncode == 0
    top = tmp_path / "output" / "0123456789"
    record = json.loads((top / "run.json").read_text())["runs"][0]
    assert record["split_ratio"] == [0.8, 0.1, 0.1]
    assert "without a common one" in record["glyphs"]
    glyphs = {"train": train, "test": test_split}
    banks = {part: glyphs[split].share(*bounds) for part, (split, *bounds) in shares((0.8, 0.1, 0.1)).items()}
    assert sections(top) == [(1, 400, 400, "finished"), (1, 50, 50, "finished"), (1, 50, 50, "finished")]
    for part, count in (("train", 400), ("val", 50), ("test", 50)):
        rows = READERS[format_name](top / part)
        assert len(rows) == count
        if format_name == "lmdb":
            continue
        known = {ink_of(banks[part], g).tobytes() for g in range(len(banks[part]))}
        for image, _, boxes in rows:
            for x, y, w, h in boxes:
                assert np.ascontiguousarray(image[int(y) : int(y + h), int(x) : int(x + w)]).tobytes() in known
    assert not glyph_keys(banks["train"]) & glyph_keys(banks["val"])


def test_another_ratio_in_the_same_folder_is_refused(run):
    assert run("-num", "5", "-s", 10, *RATIO).returncode == 0
    assert run("-num", "5", "-s", 10, *RATIO).returncode == 0
    done = run("-num", "5", "-s", 10, "--split_ratio", 0.5, 0.5, 0)
    assert done.returncode == 2
    assert "split_ratio 0.8 0.1 0.1, this one has --split_ratio 0.5 0.5 0.0" in done.stderr
    done = run("-num", "5", "-s", 10, "--resume")
    assert done.returncode == 2
    assert "its split_ratio is [0.8, 0.1, 0.1], not null" in done.stderr


@pytest.mark.parametrize("ratio", [(0.8, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.8000005, 0.1, 0.1)])
def test_shares_add_up_whatever_rounding_is_accepted(ratio):
    assert sum(share_out(10_000_000, ratio).values()) == 10_000_000


@pytest.mark.parametrize(("index", "format_name"), product([1500, 200], ["png", "webdataset", "npz"]))
def test_a_killed_run_is_resumed_to_the_same_bytes(start, run, tmp_path, gate_at, format_name, index):
    words = ("-num", "5", "-iw", 30, "-s", 5000, "-m", 2, "--seed", 4, "--format", format_name)
    words = (*words, *shards(format_name, 200), "--split_ratio", 0.4, 0.3, 0.3)
    process = start(*words, gate=(gate := gate_at(index)))
    gate.wait()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    done = run(*words, "--resume")
    assert done.returncode == 0, done.stderr
    assert run(*words, "-o", "once").returncode == 0
    assert tree(tmp_path / "output" / "5") == tree(tmp_path / "once" / "5")


def test_a_stopped_run_says_to_resume(start, run, tmp_path, gate_at):
    words = ("-num", "5", "-iw", 30, "-s", 5000, "--seed", 4, "--format", "webdataset", "--shard_size", 200, *RATIO)
    process = start(*words, gate=(gate := gate_at(1000)))
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert err.endswith(" of 5,000 images are finished in output/5; to make the rest, give the same "
                        "settings and --resume\n")  # fmt: skip
    assert run(*words, "--resume").returncode == 0
    assert [section[2] for section in sections(tmp_path / "output" / "5")] == [4000, 500, 500]


@pytest.mark.parametrize("labels", ["jsonl", "txt"])
def test_test_glyphs_that_lack_a_character_are_refused(run, tmp_path, labels):
    for part, characters in (("train", "01A"), ("test", "01")):
        for character in characters:
            for place in range(4):
                picture = np.zeros((30, 20), np.uint8)
                picture[5:25, 5 + place : 12] = 255
                (tmp_path / "own" / part / character).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(tmp_path / "own" / part / character / f"{place}.png"), picture)
    done = run(
        "--random_text", 3, 5, "--dataset", "./own", "-s", 60, "--split_ratio", 0.5, 0.25, 0.25, "--labels", labels
    )
    assert (done.returncode, done.stdout) == (2, "") and "'A'" in done.stderr
    for path in (tmp_path / "own").glob("*/*/[1-3].png"):
        path.unlink()
    done = run("--random_digits", 3, 5, "--dataset", "./own", "-s", 60, "--split_ratio", 0.5, 0.25, 0.25)
    assert done.returncode == 2 and "Traceback" not in done.stderr
