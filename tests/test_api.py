from __future__ import annotations

import multiprocessing
import os
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.folders import pixels, records
from support.idx_files import idx_bytes

from digitseq import (
    Pipeline,
    SequenceGenerator,
    Settings,
    SettingsError,
    api,
    generate_numbers_sequence,
    generate_phone_number,
)
from digitseq.renderer import Renderer, renderer_cache
from digitseq.settings import DEFAULTS, SOURCES


def test_a_sequence_is_a_float_image(train):
    image = generate_numbers_sequence([3, 5, 0], (0, 10), 100)
    assert (image.dtype, image.shape) == (np.float32, (28, 100))
    assert image.min() == 0
    assert 0.9 < image.max() <= 1


@pytest.mark.parametrize(
    "digits", ["350", [3, 5, 0], (3, 5, 0), np.array([3, 5, 0]), (np.int64(d) for d in (3, 5, 0)), ["3", "5", "0"]]
)
def test_digits_may_be_given_in_many_ways(digits):
    image = generate_numbers_sequence(digits, (1, 1), 0, seed=5)
    assert np.array_equal(image, generate_numbers_sequence("350", (1, 1), 0, seed=5))


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ((), {}),
        (("--split", "test", "--invert"), {"split": "test", "invert": True}),
        (("-da", "-ra", "-e", 2, 3), {"data_augmentation": True, "random_all": True, "erode_kernel": (2, 3)}),
        (("-d", 1, 3, "-a", 9, "-n", 0.1), {"dilate_kernel": (1, 3), "angle": 9, "noise_ratio": 0.1}),
        (("--augment", "light"), {"augment": "light"}),
    ],
)
def test_it_is_the_image_of_the_command_line(flags, options, run, tmp_path):
    done = run("-num", "350", "-min", 2, "-max", 7, "-iw", 120, "--seed", 5, *flags)
    assert done.returncode == 0, done.stderr
    image = generate_numbers_sequence("350", (2, 7), 120, seed=5, **options)
    assert np.array_equal(np.rint(image * 255), pixels(tmp_path / "output" / "350" / "1.png"))


ELSEWHERE = {*SOURCES, "unique", "balanced", "min_spacing", "max_spacing", "image_width"}


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name not in ELSEWHERE])
def test_every_setting_of_the_image_is_a_keyword(name):
    given = {name: DEFAULTS[name]}
    assert generate_phone_number((0, 10), 0, seed=1, **given)[0].shape[0] == 28
    assert generate_numbers_sequence("12", (0, 10), 0, seed=1, **given).shape[0] == 28


def test_other_keywords_are_refused():
    with pytest.raises(SettingsError, match="unknown setting anglee; did you mean angle"):
        generate_numbers_sequence("12", (0, 10), 0, anglee=3)


def test_a_phone_number_is_the_one_of_the_command_line(run, tmp_path):
    flags = (
        "--phone",
        "DE",
        "--phone_type",
        "mobile",
        "--phone_format",
        "e164",
        "--signs",
        "gap",
        "--gap_labels",
        "keep",
        "-iw",
        300,
    )
    assert run(*flags, "--seed", 5).returncode == 0
    folder = tmp_path / "output" / "phone-DE"
    image, number = generate_phone_number(
        (0, 10), 300, region="DE", phone_type="mobile", phone_format="e164", signs="gap", gap_labels="keep", seed=5
    )
    assert number == records(folder)[0]["text"]
    assert number.startswith("+49")
    assert np.array_equal(np.rint(image * 255), pixels(folder / "1.png"))


def test_phone_numbers_differ():
    assert len({generate_phone_number((0, 10), 0)[1] for _ in range(50)}) > 45


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"region": "XX"}, "phone must be the ISO 3166 code of a region"),
        ({"phone_type": "fax"}, "phone_type must be one of"),
        ({"phone_format": "national", "signs": "refuse"}, "`signs` draw allows it"),
        ({"image_width": 40}, "image_width 40 is too narrow"),
    ],
)
def test_bad_phone_options_say_which_and_why(options, message):
    with pytest.raises(SettingsError, match=message):
        generate_phone_number((0, 10), **({"image_width": 300} | options))


def test_signs_may_be_gaps():
    image = generate_numbers_sequence("3-50", (0, 10), 120, signs="gap", gap_labels="keep", seed=5)
    assert image.shape == (28, 120)
    with pytest.raises(SettingsError, match="`signs` draw allows it"):
        generate_numbers_sequence("3-50", (0, 10), 120, signs="refuse")


@pytest.mark.parametrize("augment", [(), "light"])
def test_a_new_text_prepares_nothing_anew(augment, monkeypatch):
    made: list[Renderer] = []
    begin = Renderer.__init__

    def counted(self, *arguments):
        made.append(self)
        begin(self, *arguments)

    monkeypatch.setattr(Renderer, "__init__", counted)
    spacing = (1, 7)  # as in no other test
    for k in range(30):
        generate_numbers_sequence(f"{k:05d}", spacing, 160, augment=augment, seed=k if k % 2 else None)
        generate_phone_number(spacing, 330, augment=augment, seed=k)
        SequenceGenerator(Settings(f"{k:04d}", min_spacing=1, max_spacing=7, image_width=160, augment=augment), k)[k]
    assert len(made) <= 2  # one for each width


@given(st.text("0123456789", min_size=1, max_size=9), st.integers(0, 2**64 - 1))
@settings(max_examples=30)
def test_a_new_text_is_the_image_of_its_pipeline(train, text, seed):
    made = generate_numbers_sequence(text, (2, 9), 280, seed=seed, augment="light")
    look = Settings(text, min_spacing=2, max_spacing=9, image_width=280, augment="light")
    assert np.array_equal(np.rint(made * 255), Pipeline(look, train, seed).batch(0, 1).images[0])


def test_many_texts_and_looks_are_not_all_kept():
    for k in range(60):
        generate_numbers_sequence(f"{k:06d}", (0, k), 0)
        generate_numbers_sequence(f"{k:06d}", (0, 10), 200)
    for kept in (api._prepared, api._rows, renderer_cache._renderer, renderer_cache._bank):
        assert kept.cache_info().currsize <= kept.cache_info().maxsize <= 16
    tracemalloc.start()
    for k in range(100):
        generate_numbers_sequence(f"{k:06d}", (0, 10), 200)
    before = tracemalloc.get_traced_memory()[0]
    for k in range(1000):
        generate_numbers_sequence(f"{k + 1000:06d}", (0, 10), 200)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 1_000_000  # of 22 MB that were returned


def test_glyphs_that_change_in_a_folder_are_seen(tmp_path):
    write_idx(tmp_path, np.full((20, 28, 28), 9, np.uint8))
    first = generate_numbers_sequence("3", (0, 0), 0, dataset=str(tmp_path))
    write_idx(tmp_path, np.full((20, 28, 28), 200, np.uint8))
    second = generate_numbers_sequence("5", (0, 0), 0, dataset=str(tmp_path))
    assert (first == np.float32(9 / 255)).all()
    assert (second == np.float32(200 / 255)).all()


def write_idx(folder, images: np.ndarray) -> None:
    labels = (np.arange(len(images)) % 10).astype(np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    later = time.time() + images[0, 0, 0]  # whatever the clock of the file system counts in
    os.utime(folder / "train-images-idx3-ubyte", (later, later))


def test_no_two_calls_without_a_seed_are_the_same():
    made = [generate_numbers_sequence("350", (0, 10), 100).tobytes() for _ in range(200)]
    assert len(set(made)) == 200


def test_calls_in_threads_share_nothing():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: generate_numbers_sequence("77", (0, 3), 80).tobytes(), range(400)))
    assert len(set(made)) == 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_makes_others():
    for _ in range(20):  # so that some are ready
        generate_numbers_sequence("88", (0, 10), 100)
    context = multiprocessing.get_context("fork")
    here = {generate_numbers_sequence("88", (0, 10), 100).tobytes() for _ in range(20)}
    with context.Pool(2) as pool:
        there = pool.map(one_image, range(40))
    assert len(here | set(there)) == 60


def one_image(_: int) -> bytes:
    return generate_numbers_sequence("88", (0, 10), 100).tobytes()


def test_the_image_is_the_callers_own():
    first = generate_numbers_sequence("350", (0, 10), 100, seed=3)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(generate_numbers_sequence("350", (0, 10), 100, seed=3), kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([3, 10], (0, 10), 100), "digits must be a whole number from 0 to 9, got 10"),
        (([3, -1], (0, 10), 100), "got -1"),
        (([3, 1.0], (0, 10), 100), r"got 1\.0"),
        (([True], (0, 10), 100), "got True"),
        ((["33"], (0, 10), 100), "got '33'"),
        (([3, None], (0, 10), 100), "got None"),
        ((35, (0, 10), 100), "a string or a sequence of integers, got 35"),
        (("3x", (0, 10), 100), "got 'x'"),
        (([], (0, 10), 100), "number must have 1 to 255 characters, got 0"),
        (("35", (10, 0), 100), "got 10 and 0"),
        (
            ("35", (0.5, 1), 100),
            r"spacing_range must be a whole number from -28 to 1,000 pixels for each of smallest, largest, got 0\.5, 1",
        ),
        (("35", 3, 100), "spacing_range must be a whole number"),
        (("35", (1, 2, 3), 100), "spacing_range must be a whole number"),
        (("35", (0, 10), -1), "image_width"),
        (("123456", (0, 10), 20), "too narrow for 6 characters"),
        (("35", (0, 10), True), "image_width must be a whole number"),
        (("35", (0, 10), float("nan")), "image_width must be a whole number"),
    ],
)
def test_bad_arguments_say_which_and_why(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        generate_numbers_sequence(*arguments)
    assert isinstance(caught.value, SettingsError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": 2**64}, "seed must be a whole number"),
        ({"split": "val"}, "split must be one of train, test, all, got 'val'"),
        ({"invert": 1}, "invert must be True or False, got 1"),
        ({"augment": "lihgt"}, "light"),
        ({"angle": float("inf")}, "angle must be a number from -180 to 180 degrees, got inf"),
        ({"random_all": True}, "data_augmentation"),
    ],
)
def test_bad_options_say_which_and_why(options, message):
    with pytest.raises(SettingsError, match=message):
        generate_numbers_sequence("35", (0, 10), 100, **options)


def test_one_is_not_taken_for_true():
    """Settings that are equal as keys of a dictionary must not hide each other's mistakes."""
    generate_numbers_sequence("35", (1, 1), 100, invert=True)
    with pytest.raises(SettingsError):
        generate_numbers_sequence("35", (True, True), 100, invert=True)
