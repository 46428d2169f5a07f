"""The series as arrays: the command line's images, the same from any thread, process and batch."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from support.folders import contents, pixels, records
from support.paths import ROOT

import digitseq
from digitseq import OutputError, SequenceGenerator, Settings, SettingsError

LIGHT = Settings("350", image_width=120, augment="light")
FREE = Settings("350", image_width=0, invert=True)


@pytest.fixture(scope="module", params=[LIGHT, FREE], ids=["light", "free width"])
def generator(request, cache):
    return SequenceGenerator(request.param, seed=7)


def same(one, other) -> bool:
    return np.array_equal(one.image, other.image) and one.text == other.text and np.array_equal(one.boxes, other.boxes)


def test_samples_are_the_images_of_the_command_line(generator, run, tmp_path):
    flags = ("-iw", 120, "--augment", "light") if generator.settings == LIGHT else ("-iw", 0, "--invert")
    assert run("-num", "350", "-s", 13, "--seed", 7, *flags).returncode == 0
    folder = tmp_path / "output" / "350"
    for i, record in enumerate(records(folder)):
        sample = generator[i]
        assert np.array_equal(sample.image, pixels(folder / f"{i + 1}.png"))
        assert (sample.text, sample.boxes.tolist()) == (record["text"], record["objects"]["bbox"])


def test_a_sample_is_what_it_says(generator):
    sample = generator[5]
    assert (sample.image.dtype, sample.boxes.dtype, sample.boxes.shape) == (np.uint8, np.int64, (3, 4))
    assert sample.image.flags.c_contiguous


def test_a_sample_is_saved_and_shown_as_png(generator, tmp_path):
    sample = generator[5]
    sample.save(tmp_path / "five.png")
    assert np.array_equal(pixels(tmp_path / "five.png"), sample.image)
    assert sample._repr_png_() == (tmp_path / "five.png").read_bytes()
    sample.save(str(tmp_path / "FIVE.PNG"))
    with pytest.raises(SettingsError, match="path must be the name of a .png file, got 'five.jpg'"):
        sample.save("five.jpg")
    with pytest.raises(OutputError, match="cannot write .*none/five.png"):
        sample.save(tmp_path / "none" / "five.png")


VARIED = Settings(random_digits=(1, 9), image_width=0, invert=True)
GAPS = Settings(phone="JP", phone_format="national", signs="gap", gap_labels="keep", image_width=260)


@pytest.mark.parametrize("settings", [VARIED, GAPS], ids=["lengths", "gaps"])
@effort(max_examples=25, deadline=None)
@given(start=st.integers(0, 5000), count=st.integers(1, 40), size=st.integers(1, 17))
def test_batches_are_the_samples(settings, start, count, size):
    generator = SequenceGenerator(settings, seed=1)
    found = list(generator.batches(size, start, start + count))
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    assert [i for batch in found for i in batch.indices.tolist()] == list(range(start, start + count))
    for batch in found:
        assert batch.images.flags.c_contiguous
        for b, i in enumerate(batch.indices.tolist()):
            sample, width, n = generator[i], batch.widths[b], batch.lengths[b]
            assert np.array_equal(batch.images[b, :, :width], sample.image)
            assert (batch.images[b, :, width:] == 255).all()
            assert len(sample.boxes) == n
            assert (sample.boxes[:, 2:] > 0).all()
            assert np.array_equal(batch.boxes[b, :n], sample.boxes)
            assert not batch.boxes[b, n:].any()
            assert batch.texts[b] == sample.text
            assert "".join(generator.characters[k] for k in batch.targets[b, :n]) == re.sub("[^0-9]", "", sample.text)
            assert (batch.targets[b, n:] == -1).all()


def test_the_series_has_no_end():
    generator = SequenceGenerator(FREE, seed=1)
    assert [len(batch) for batch in islice(generator.batches(7, start=3), 3)] == [7, 7, 7]
    for i, sample in enumerate(islice(generator, 700)):  # more than are made at once
        if i % 100 == 99:
            assert same(sample, generator[i])
    assert generator[10**15].image.any()
    assert not same(generator[2**61], generator[2**61 + 1])


@effort(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_any_images_in_any_order(indices):
    generator = SequenceGenerator(VARIED, seed=1)
    batch = generator.take(indices)
    assert batch.indices.tolist() == indices
    for b, i in enumerate(indices):
        assert np.array_equal(batch.images[b, :, : batch.widths[b]], generator[i].image)
        assert (batch.images[b, :, batch.widths[b] :] == 255).all()
        assert np.array_equal(batch.boxes[b], generator.batch(i, i + 1).boxes[0])


@pytest.mark.parametrize(
    "settings",
    [
        Settings(random_digits=(2, 2), unique=True, balanced=True),
        Settings(phone="US", unique=True),
        Settings(pattern="2[0-9]{2}", unique=True),
    ],
    ids=["random", "phone", "pattern"],
)
def test_texts_of_a_run_without_repetition(settings, tmp_path):
    generator = SequenceGenerator(settings, seed=3, size=60)
    texts = [text for batch in generator.batches(16, stop=60) for text in batch.texts]
    assert len(set(texts)) == 60
    assert pickle.loads(pickle.dumps(generator))[7].text == texts[7]
    assert len(set(next(generator.reseeded(4).batches(60)).texts)) == 60
    folder = generator.write(tmp_path, size=60).folder
    assert [record["text"] for record in records(folder)] == texts
    with pytest.raises(SettingsError, match="chosen for a run of 60 images, got `size` 61"):
        generator.write(tmp_path, size=61)
    with pytest.raises(SettingsError, match="give `size`"):
        SequenceGenerator(settings, seed=3)


def test_lines_of_a_file(tmp_path):
    (tmp_path / "lines.txt").write_text("12\n345\n6\n")
    generator = SequenceGenerator(Settings(numbers_file=str(tmp_path / "lines.txt")), seed=3)
    assert next(generator.batches(4)).texts == ["12", "345", "6", "12"]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: generator[i].text, range(300)))
    assert found == ["12", "345", "6"] * 100
    assert len(pickle.dumps(generator)) < 10_000


@pytest.mark.parametrize("index", [-1, -(10**9), 2**62, 2**70])
def test_an_index_outside_is_an_error(generator, index):
    with pytest.raises(IndexError, match="numbered 0 to"):
        generator[index]


@pytest.mark.parametrize("index", [slice(0, 3), 1.0, "1", None])
def test_what_is_no_index_is_an_error(generator, index):
    with pytest.raises(TypeError):
        generator[index]


def test_numpy_integers_are_indices(generator):
    assert same(generator[np.int32(3)], generator[3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "size must be a whole number from 1"),
        ((2.0,), "size must be"),
        ((True,), "size must be"),
        ((4, -1), "start must be a whole number from 0"),
        ((4, 0, -2), "stop must be a whole number from 0"),
        ((4, 0, 1.5), "stop must be"),
    ],
)
def test_bad_batches_are_refused_at_once(generator, arguments, message):
    with pytest.raises(SettingsError, match=message):
        generator.batches(*arguments)


def test_empty_batches_are_errors(generator):
    for call in (lambda: generator.batch(5, 5), lambda: generator.batch(-1, 3)):
        with pytest.raises(IndexError, match="from 0 or more to a larger number"):
            call()
    with pytest.raises(IndexError, match="numbered 0 to"):
        generator.take([2, -1])
    with pytest.raises(IndexError, match="at least one index"):
        generator.take([])


def test_bad_seeds_are_refused():
    for seed in (-1, 2**64, 1.5, True, "7"):
        with pytest.raises(SettingsError, match="seed must be a whole number from 0"):
            SequenceGenerator(FREE, seed)  # type: ignore[arg-type]


def test_a_seed_is_drawn_and_told():
    one, other = SequenceGenerator(FREE), SequenceGenerator(FREE)
    assert one.seed != other.seed
    assert same(SequenceGenerator(FREE, one.seed)[3], one[3])
    assert f"seed={one.seed}" in repr(one)


def test_threads_get_what_one_gets(generator):
    wanted = [i * 7 % 40 for i in range(200)]
    alone = {i: generator[i] for i in set(wanted)}
    with ThreadPoolExecutor(8) as pool:
        assert all(same(sample, alone[i]) for i, sample in zip(wanted, pool.map(generator.__getitem__, wanted)))


def ask(generator: SequenceGenerator, i: int) -> digitseq.Sample:
    return generator[i]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_get_what_one_gets(generator, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    with multiprocessing.get_context(method).Pool(2) as pool:
        for i, sample in enumerate(pool.starmap(ask, [(generator, i) for i in range(6)])):
            assert same(sample, generator[i])


def test_it_pickles_small(generator):
    pickled = pickle.dumps(generator)
    assert len(pickled) < 10_000
    again = pickle.loads(pickled)
    assert same(again[9], generator[9])
    assert again.seed == generator.seed


@pytest.mark.skipif(os.name != "posix", reason="needs a path that is no directory")
def test_it_pickles_small_where_no_cache_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(digitseq.DigitseqWarning, match="cannot write the cache"):
        generator = SequenceGenerator(FREE, 1, cache=tmp_path / "file" / "below")
    assert len(pickle.dumps(generator)) < 10_000


@pytest.mark.parametrize("processes", [0, 2])
def test_write_does_what_the_command_line_does(generator, processes, run, tmp_path):
    flags = ("-iw", 120, "--augment", "light") if generator.settings == LIGHT else ("-iw", 0, "--invert")
    run("-num", "350", "-s", 9, "--seed", 7, *flags)
    told: list[int] = []
    report = generator.write(tmp_path / "out", 9, processes=processes, progress=told.append)
    assert (report.folder, report.first, report.count, report.seed) == (tmp_path / "out" / "350", 1, 9, 7)
    assert sum(told) == 9
    assert contents(report.folder) == contents(tmp_path / "output" / "350")
    assert records(report.folder) == records(tmp_path / "output" / "350")
    assert generator.write(tmp_path / "out", size=3).first == 10
    assert np.array_equal(pixels(report.folder / "12.png"), generator[11].image)


def test_write_takes_the_settings_of_a_run(generator, tmp_path):
    generator.write(tmp_path, 8, "webdataset", shard_size=4)
    assert sorted(p.name for p in (tmp_path / "350").glob("*.tar")) == ["350-000000.tar", "350-000001.tar"]
    generator.write(tmp_path / "split", 10, labels="txt", split_ratio=(0.8, 0.1, 0.1))
    assert (tmp_path / "split" / "350" / "val" / "gt.txt").read_text() == "1.png\t350\n"


def test_write_draws_a_bar(generator, tmp_path, capsys):
    generator.write(tmp_path, size=5, progress=True)
    assert "5.00/5.00" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number from 1"),
        ({"size": 5, "format": "tiff"}, "format must be one of"),
        ({"size": 5, "processes": 1.5}, "multi_core must be a whole number"),
        ({"size": 5, "labels": "xml"}, "labels must be one or more of"),
    ],
)
def test_bad_requests_write_nothing(generator, options, message, tmp_path):
    with pytest.raises(SettingsError, match=message):
        generator.write(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_every_public_name_is_there():
    for name in digitseq.__all__:
        assert getattr(digitseq, name) is not None
    assert set(digitseq.__all__) <= set(dir(digitseq))
    with pytest.raises(AttributeError, match="no attribute 'sequences'"):
        digitseq.sequences  # noqa: B018


def test_importing_it_loads_nothing_that_is_not_needed():
    code = """
import sys, digitseq
heavy = {"torch", "cv2", "fastapi", "pyarrow", "lmdb", "tqdm", "phonenumbers", "pandas", "PIL"}
digitseq.generate_numbers_sequence("12", (0, 5), 80)
digitseq.SequenceGenerator(digitseq.Settings("12"), seed=1)[0]
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_importing_it_is_quick():
    resource = pytest.importorskip("resource")

    def seconds(module: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    best = {"digitseq": 9.0, "numpy": 9.0}
    for _ in range(5):
        best = {module: min(best[module], seconds(module)) for module in best}
    assert best["digitseq"] <= 1.3 * best["numpy"]


def test_what_is_no_settings_is_refused_in_one_line():
    with pytest.raises(SettingsError, match=r"settings must be Settings\(\.\.\.\), got '123'"):
        SequenceGenerator("123")
