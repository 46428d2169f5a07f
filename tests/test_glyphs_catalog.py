"""Data sets: the catalog, folders of one's own, files put into the cache by hand, and the real EMNIST where it is."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.file_server import described, made_set
from support.glyphs import ink_of
from support.idx_files import idx_bytes, parse_idx
from support.paths import ROOT

from digitseq.errors import COMMAND, DataError, DigitseqWarning, SettingsError
from digitseq.glyphs import DATA_SETS
from digitseq.glyphs.glyph_files import fit
from digitseq.glyphs.idx import open_idx
from digitseq.glyphs.installed import installed_files
from digitseq.glyphs.loader import load_bank
from digitseq.glyphs.own_folder import read_mapping
from digitseq.renderer.renderer_cache import bank_of
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings

EMNIST = Path(__file__).parents[2] / "shared" / "data" / "emnist"
needs_emnist = pytest.mark.skipif(not EMNIST.is_dir(), reason="the real EMNIST files are not here")
GLYPHS = np.random.default_rng(1).integers(1, 256, (12, 28, 28), np.uint8)


def written(folder: Path, images: np.ndarray, labels: np.ndarray, *, packed: bool = False, stem: str = "train") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    end = ".gz" if packed else ""
    kind = "idx2-int" if labels.ndim == 2 else "idx1-ubyte"
    (folder / f"{stem}-images-idx3-ubyte{end}").write_bytes(idx_bytes(images, packed))
    (folder / f"{stem}-labels-{kind}{end}").write_bytes(idx_bytes(labels, packed))
    return folder


def opened(folder: Path, cache: Path, split: str = "train", **options):
    return load_bank(split, str(cache), str(folder), **options)


# --- the catalog


def test_every_set_has_its_splits_and_sums():
    assert list(DATA_SETS) == [
        "mnist", "emnist-byclass", "emnist-bymerge", "emnist-balanced", "emnist-letters", "emnist-digits",
        "emnist-mnist", "kmnist", "qmnist", "fashion-mnist",
    ]  # fmt: skip
    sums = [file.sha256 for row in DATA_SETS.values() for file in row.files()]
    assert len(set(sums)) == len(sums) == 40
    assert all(len(s) == 64 and int(s, 16) for s in sums)
    for row in DATA_SETS.values():
        assert len(set(row.characters)) == len(row.characters)
        assert set(row.splits) == {"train", "test"}
        assert row.shipped == (row.name == "mnist")
        assert row.transposed == row.name.startswith("emnist-")


@needs_emnist
def test_emnist_is_as_published():
    lines = [line.split("\t") for line in (EMNIST / "emnist_official_gz.tsv").read_text().splitlines()[1:]]
    published = {name: (int(size), sha256) for name, size, sha256, *_ in lines}
    files = [file for row in DATA_SETS.values() if row.archive for file in row.files()]
    assert {file.name: (file.size, file.sha256) for file in files} == published
    for row in DATA_SETS.values():
        mapping = EMNIST / f"{row.name}-mapping.txt"
        if mapping.exists():
            labels, characters = read_mapping(mapping)
            assert characters == row.characters
            assert labels == tuple(range(row.first_label, row.first_label + len(characters)))


def test_an_unknown_name_is_told_the_known_ones(tmp_path):
    with pytest.raises(SettingsError, match=r"emnist-letters, .*or a folder.*got 'emnist'"):
        load_bank("train", str(tmp_path), "emnist")
    with pytest.raises(SettingsError, match="transpose is for folders"):
        load_bank("train", str(tmp_path), "mnist", transpose=True)


@pytest.mark.parametrize("name", [name for name in DATA_SETS if name != "mnist"])
def test_one_that_is_not_installed_says_what_to_do(tmp_path, name):
    with pytest.raises(DataError) as caught:
        load_bank("test", str(tmp_path), name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{name} is not installed: {COMMAND} --download {name}, or fetch ")
    assert message.endswith(f"into {tmp_path / DATA_SETS[name].folder}")
    assert "http" in message
    assert list(tmp_path.iterdir()) == []


# --- folders


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32"])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_folder_in_every_form_gives_the_same_bank(tmp_path, packed, dtype, dimensions):
    labels = (np.arange(12) % 10).astype(dtype)
    if dimensions == 2:
        labels = np.stack([labels, np.full(12, 99, dtype)], axis=1)
    bank = opened(written(tmp_path / "set", GLYPHS, labels, packed=packed), tmp_path / "cache")
    assert np.diff(bank.class_start).tolist() == [2, 2, *[1] * 8]
    assert np.array_equal(ink_of(bank, 0), GLYPHS[0])
    assert np.array_equal(ink_of(bank, 1), GLYPHS[10])


def test_transposed_glyphs_are_turned_back(tmp_path):
    folder = written(tmp_path / "set", GLYPHS.transpose(0, 2, 1), np.arange(12, dtype=np.uint8) % 10)
    upright = opened(folder, tmp_path / "cache", transpose=True)
    lying = opened(folder, tmp_path / "cache")
    assert np.array_equal(ink_of(upright, 0), GLYPHS[0])
    assert np.array_equal(ink_of(lying, 0), GLYPHS[0].T)
    assert upright.digest != lying.digest
    assert upright.path != lying.path


def test_a_mapping_names_the_characters(tmp_path):
    labels = np.array([3, 200, 7] * 4, np.uint8)
    folder = written(tmp_path / "set", GLYPHS, labels)
    (folder / "mapping.txt").write_text("200 12354\n3 65 97\n\n7 35\n")
    bank = opened(folder, tmp_path / "cache")
    assert bank.characters == "A#あ"
    assert np.diff(bank.class_start).tolist() == [4, 4, 4]
    assert np.array_equal(ink_of(bank, 8), GLYPHS[1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 classes"),
        ("0", "line 1: expected a label"),
        ("0 48\n1 x", "line 2: expected a label"),
        ("0 48\n1 1114112", "line 2: expected a label"),
        ("0 32", "line 1: expected a label"),
        ("0 48\n0 49", "line 2: label 0 or its character '1' is listed twice"),
        ("0 48\n1 48", "line 2: label 1 or its character '0' is listed twice"),
        ("0 65 98", "line 1: a further code point must be"),
        ("0 48\n1 é", "cannot be read as a mapping"),
        ("\n".join(f"{i} {i + 200}" for i in range(257)), "has 257 classes"),
    ],
)
def test_a_wrong_mapping_is_refused_by_its_line(tmp_path, text, message):
    folder = written(tmp_path / "set", GLYPHS, np.zeros(12, np.uint8))
    (folder / "mapping.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        opened(folder, tmp_path / "cache")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (GLYPHS, np.arange(12, dtype=np.uint8), r"label 10 \(item 11\) is not one of the 10"),
        (GLYPHS, np.full(12, -1, np.int8), r"label -1 \(item 1\) is not one"),
        (GLYPHS, np.zeros(11, np.uint8), "11 labels, expected 12"),
        (GLYPHS, np.zeros(12, np.float32), "labels must be integers"),
        (GLYPHS.astype(np.int32), np.zeros(12, np.uint8), "glyphs must be bytes"),
        (np.ones((1, 0, 28), np.uint8), np.zeros(1, np.uint8), "0 high and 28 wide"),
        (np.ones((1, 1, 1025), np.uint8), np.zeros(1, np.uint8), "1 high and 1025 wide"),
        (GLYPHS[:0], np.zeros(0, np.uint8), "no glyph has any ink"),
        (GLYPHS * 0, np.zeros(12, np.uint8), "no glyph has any ink"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, images, labels, message):
    folder = written(tmp_path / "set", images, labels)
    with pytest.raises(DataError, match=message) as caught:
        opened(folder, tmp_path / "cache")
    assert str(folder) in str(caught.value)
    assert not list((tmp_path / "cache").glob("*.bank"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-5], "expected 9,424 bytes.*got 9,419"),
        (lambda data: data + b"x", "got 9,425"),
        (lambda data: b"\x01" + data[1:], "not an idx file"),
        (lambda data: data[:4] + b"\xff\xff\xff\xff" + data[8:], r"\(4294967295, 28, 28\), got 9,424"),
        (lambda data: gzip.compress(data)[:-3], "damaged gzip"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, change, message):
    folder = written(tmp_path / "set", GLYPHS, np.zeros(12, np.uint8))
    victim = folder / "train-images-idx3-ubyte"
    victim.write_bytes(change(victim.read_bytes()))
    with pytest.raises(DataError, match=message):
        opened(folder, tmp_path / "cache")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_a_file_of_a_terabyte_is_refused_without_being_read(tmp_path, name, monkeypatch):
    folder = written(tmp_path / "set", GLYPHS, np.zeros(12, np.uint8))
    os.truncate(folder / name, 1 << 40)
    monkeypatch.setattr("digitseq.glyphs.checksums.sha256_of", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(DataError, match="got 1,099,511,627,776"):
        opened(folder, tmp_path / "cache")


def test_the_split_is_in_the_names(tmp_path):
    folder = written(tmp_path / "set", GLYPHS[:3], np.zeros(3, np.uint8), stem="x-train")
    with pytest.raises(
        DataError, match="has no test images .*test.*: add some, as `split` test and `split_ratio` need them"
    ):
        opened(folder, tmp_path / "cache", "test")
    written(folder, GLYPHS[3:5], np.ones(2, np.uint8), stem="t10k", packed=True)
    assert [len(opened(folder, tmp_path / "cache", split)) for split in ("train", "test", "all")] == [3, 2, 5]
    written(folder, GLYPHS[5:], np.zeros(7, np.uint8), stem="other")
    with pytest.raises(DataError, match="several data sets for train: other-images.*, x-train-images"):
        opened(folder, tmp_path / "cache")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no labels beside it: expected t10k-labels-idx1-ubyte"):
        opened(folder, tmp_path / "cache", "test")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        opened(tmp_path / "none", tmp_path / "cache")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no train images"):
        opened(tmp_path / "empty", tmp_path / "cache")


def test_changed_files_give_a_new_bank(tmp_path):
    folder = written(tmp_path / "set", GLYPHS, np.zeros(12, np.uint8))
    first = opened(folder, tmp_path / "cache")
    assert opened(folder, tmp_path / "cache").digest == first.digest
    written(folder, GLYPHS[:5], np.zeros(5, np.uint8))
    with pytest.warns(DigitseqWarning, match="building it again"):
        second = opened(folder, tmp_path / "cache")
    assert (len(first), len(second)) == (12, 5)
    assert first.digest != second.digest


def test_sums_are_remembered_of_files_that_stay(tmp_path, monkeypatch):
    folder = written(tmp_path / "set", GLYPHS, np.zeros(12, np.uint8))
    for path in folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    first = opened(folder, tmp_path / "cache")
    monkeypatch.setattr("digitseq.glyphs.checksums.sha256_of", lambda path: pytest.fail("read again"))
    assert opened(folder, tmp_path / "cache").digest == first.digest


@pytest.mark.parametrize("name", ["a b", "ü'\"$", "../odd"])
def test_folders_of_any_name_have_banks_of_their_own(tmp_path, name):
    (tmp_path / "deep").mkdir()
    folder = written(tmp_path / "deep" / name, GLYPHS, np.zeros(12, np.uint8))
    other = written(tmp_path / "other", GLYPHS[:4], np.zeros(4, np.uint8))
    cache = tmp_path / "cache"
    assert (len(opened(folder, cache)), len(opened(other, cache)), len(opened(folder, cache))) == (12, 4, 12)
    assert len(list(cache.glob("*.bank"))) == 2


# --- sizes


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (27, 3), (28, 28)])
def test_small_glyphs_are_centred_unscaled(size):
    images = np.random.default_rng(0).integers(1, 256, (3, *size), np.uint8)
    fitted = fit(images)
    above = (28 - size[0]) // 2
    assert fitted.shape == (3, 28, size[1])
    assert np.array_equal(fitted[:, above : above + size[0]], images)
    assert fitted.sum() == images.sum()


@pytest.mark.parametrize(
    ("size", "scaled"), [((64, 64), (28, 28)), ((56, 56), (28, 28)), ((40, 20), (28, 14)), ((20, 70), (8, 28)), ((1, 1024), (1, 28))]
)  # fmt: skip
def test_large_glyphs_are_scaled_by_area(size, scaled):
    flat = fit(np.full((2, *size), 200, np.uint8))
    above = (28 - scaled[0]) // 2
    assert flat.shape == (2, 28, scaled[1])
    assert (flat[:, above : above + scaled[0]] == 200).all()
    assert flat.sum() == 2 * 200 * scaled[0] * scaled[1]
    if size == (56, 56):
        images = np.random.default_rng(0).integers(0, 256, (4, 56, 56), np.uint8)
        blocks = images.reshape(4, 28, 2, 28, 2).mean(axis=(2, 4))
        assert np.array_equal(fit(images), np.rint(blocks).astype(np.uint8))


def test_a_folder_of_large_glyphs_opens_upright(tmp_path):
    images = np.zeros((2, 64, 64), np.uint8)
    images[0, 8:56, 30:34] = 255  # a 1
    images[1, 30:34, 8:56] = 255  # a dash
    bank = opened(written(tmp_path / "set", images, np.array([1, 0], np.uint8)), tmp_path / "cache")
    (dash_height, dash_width), (height, width) = ink_of(bank, 0).shape, ink_of(bank, 1).shape
    assert bank.height == 28
    assert dash_width > 15 > 5 > dash_height
    assert height > 15 > 5 > width


# --- files put there by hand


def by_hand(tmp_path, names, place="made"):
    row, contents = made_set("made", ("http://127.0.0.1:9/",), False)
    folder = tmp_path / "cache" / place
    folder.mkdir(parents=True)
    for name in names:
        data = contents[name if name.endswith(".gz") else name + ".gz"]
        (folder / name).write_bytes(data if name.endswith(".gz") else gzip.decompress(data))
    return row


NAMES = ["made-test-images-idx3-ubyte", "made-test-labels-idx1-ubyte"]


@pytest.mark.parametrize("place", ["made", "."])
@pytest.mark.parametrize("ends", [("", ""), (".gz", ""), (".gz", ".gz")])
def test_packed_and_unpacked_files_are_taken(tmp_path, ends, place):
    row = by_hand(tmp_path, [name + end for name, end in zip(NAMES, ends)], place)
    files = installed_files(row, "test", tmp_path / "cache")
    assert len(files.build()) == 120
    assert ("raw" in files.bank) == ("" in ends)
    with pytest.raises(DataError, match="of made only the test glyphs are installed"):
        installed_files(row, "train", tmp_path / "cache")


def test_a_packed_file_with_other_bytes_is_refused(tmp_path):
    row = by_hand(tmp_path, [name + ".gz" for name in NAMES])
    victim = tmp_path / "cache" / "made" / (NAMES[1] + ".gz")
    victim.write_bytes(gzip.compress(gzip.decompress(victim.read_bytes())[:-1] + b"\x05"))
    with pytest.raises(DataError, match=r"is damaged \(sha256 .*delete it, then python -m digitseq --download made"):
        installed_files(row, "test", tmp_path / "cache").build()


def test_an_unpacked_file_must_have_the_published_count(tmp_path):
    row = by_hand(tmp_path, NAMES)
    images = parse_idx((tmp_path / "cache" / "made" / NAMES[0]).read_bytes(), "x", 3)
    written(tmp_path / "cache" / "made", images[:7], np.zeros(7, np.uint8), stem="made-test")
    with pytest.raises(DataError, match="7 images, expected 120"):
        installed_files(row, "test", tmp_path / "cache").build()


def test_a_transposed_set_whose_labels_start_at_1_opens_upright(tmp_path):
    row = by_hand(tmp_path, NAMES)._replace(transposed=True, first_label=1)
    folder = written(tmp_path / "cache" / "made", np.tile(GLYPHS, (10, 1, 1)).transpose(0, 2, 1),
                     np.repeat(np.arange(1, 11, dtype=np.uint8), 12), stem="made-test")  # fmt: skip
    bank = installed_files(row, "test", tmp_path / "cache").build()
    assert np.array_equal(ink_of(bank, 0), GLYPHS[0])
    assert np.diff(bank.class_start).tolist() == [12] * 10
    (folder / NAMES[1]).write_bytes(idx_bytes(np.zeros(120, np.uint8)))
    with pytest.raises(DataError, match=r"label 0 \(item 1\) is not one of the 10 known labels, 1 to 10"):
        installed_files(row, "test", tmp_path / "cache").build()


def test_described_files_have_the_sum_of_their_bytes():
    assert described("x", b"abc").sha256.startswith("ba7816bf8f01cfea")


# --- the real files


@pytest.fixture(scope="module")
def emnist_cache(tmp_path_factory):
    cache = tmp_path_factory.mktemp("emnist-cache")
    (cache / "emnist").mkdir()
    for path in EMNIST.glob("*.gz"):
        (cache / "emnist" / path.name).symlink_to(path)
    return cache


@needs_emnist
@pytest.mark.parametrize(("name", "glyphs"), [("emnist-byclass", 116_323), ("emnist-mnist", 10_000)])
def test_emnist_opens_with_the_counts_of_its_labels(emnist_cache, name, glyphs):
    bank = load_bank("test", str(emnist_cache), name)
    with open_idx(EMNIST / f"{name}-test-labels-idx1-ubyte.gz", (1,)) as file:
        counts = np.bincount(np.concatenate(list(file.pieces(1 << 20))), minlength=len(bank.characters))
    assert len(bank) == glyphs
    assert bank.characters == DATA_SETS[name].characters
    assert np.diff(bank.class_start).tolist() == counts.tolist()


@needs_emnist
@pytest.mark.parametrize("name", ["emnist-byclass", "emnist-mnist"])
def test_emnist_stands_upright(emnist_cache, train, name):
    emnist = class_means(load_bank("test", str(emnist_cache), name))
    mnist = class_means(train)
    upright = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(emnist, mnist)]
    lying = [np.corrcoef(a.T.ravel(), b.ravel())[0, 1] for a, b in zip(emnist, mnist)]
    assert min(upright) >= 0.8, upright
    assert np.mean(lying) < 0.5 < np.mean(upright) - 0.3, lying


def class_means(bank) -> np.ndarray:
    """float64 (10, 28, 28): the mean glyph of each digit, its ink box in the middle."""
    means = np.zeros((10, 28, 28))
    for digit in range(10):
        glyphs = range(bank.class_start[digit], bank.class_start[digit + 1])[:800]
        for glyph in glyphs:
            ink = ink_of(bank, glyph)
            y, x = (28 - ink.shape[0]) // 2, (28 - ink.shape[1]) // 2
            means[digit, y : y + ink.shape[0], x : x + ink.shape[1]] += ink / len(glyphs)
    return means


@needs_emnist
def test_a_share_of_emnist_has_no_glyph_of_the_other(emnist_cache):
    bank = load_bank("test", str(emnist_cache), "emnist-mnist")
    low, high = bank.share(0, 0.7), bank.share(0.7, 1)
    assert len(low) + len(high) == len(bank)
    assert not set(low.start.tolist()) & set(high.start.tolist())


BUILD = """
import re, sys, time
from pathlib import Path
from digitseq.glyphs.loader import load_bank

def peak():  # getrusage would count the memory of the process that has started this one
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

before, began = peak(), time.process_time()
load_bank("train", sys.argv[1])
building, after, times = time.process_time() - began, peak(), []
for _ in range(5):
    began = time.process_time()
    load_bank("train", sys.argv[1])
    times.append(time.process_time() - began)
print((after - before) // 1024, min(times) / building)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_building_takes_little_memory_and_opening_next_to_no_work(tmp_path):
    """814,255 glyphs may take 1.5 GB; these are a fourteenth of that."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    megabytes, share = done.stdout.split()
    assert int(megabytes) < 1536 / 14 * 1.25, megabytes
    assert float(share) < 1 / 20, share  # of the processor time that building takes


LOCKED = """
import os, sys
from digitseq.shell.cli import main
main(["--list_datasets", "-c", sys.argv[2]])  # loads what an unprivileged user could not read
if os.getuid() == 0:
    os.setuid(65534)
raise SystemExit(main(["--list_datasets", "-c", sys.argv[1]]))
"""


@pytest.mark.parametrize("deeper", ["", "cache"])
def test_a_cache_that_cannot_be_read_is_one_line(tmp_path, deeper):
    locked, other = tmp_path / "locked", tmp_path / "other"
    (locked / "cache").mkdir(parents=True)
    locked.chmod(0)
    command = [sys.executable, "-c", LOCKED, str(locked / deeper), str(other)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    locked.chmod(0o700)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Permission denied" in done.stderr
    assert "with --cache" in done.stderr


@pytest.mark.parametrize("make", ["setting", "function", "environment"])
def test_a_home_directory_is_filled_in_wherever_a_path_is_given(tmp_path, monkeypatch, make):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "glyphs", GLYPHS, np.arange(12, dtype=np.uint8) % 10)
    if make == "setting":
        settings = Settings("12", dataset="~/glyphs")
        assert settings.dataset == str(tmp_path / "glyphs")
        bank = bank_of(settings, Output(cache="~/cache").cache)
    elif make == "function":
        bank = load_bank("train", "~/cache", "~/glyphs")
    else:
        monkeypatch.setenv("DIGITSEQ_CACHE", "~/cache")
        bank = load_bank("train", None, "~/glyphs")
    assert bank.path.parent == tmp_path / "cache"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "glyphs"]


def test_the_record_has_the_whole_path(tmp_path, run):
    written(tmp_path / "glyphs", GLYPHS, np.arange(12, dtype=np.uint8) % 10)
    (tmp_path / "numbers.txt").write_text("12\n")
    paths = ["--dataset", "~/glyphs", "--numbers_file", "~/numbers.txt", "-o", "~/out", "-c", "~/cache"]
    assert run(*paths, env=os.environ | {"HOME": str(tmp_path)}).returncode == 0
    [record] = json.loads((tmp_path / "out" / "numbers" / "run.json").read_text())["runs"]
    assert record["settings"]["dataset"] == str(tmp_path / "glyphs")
    assert record["settings"]["numbers_file"] == str(tmp_path / "numbers.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "glyphs", "numbers.txt", "out"]
    assert run(*paths, "--preview", "~/look.png", env=os.environ | {"HOME": str(tmp_path)}).returncode == 0
    assert (tmp_path / "look.png").exists()


@pytest.mark.parametrize("flag", ["--dataset", "-c", "-o", "--numbers_file", "--preview"])
def test_a_home_that_nobody_has_is_one_line(refused, flag):
    source = [] if flag == "--numbers_file" else ["-num", "12"]
    assert "the home directory ~nobody_at_all is not known" in refused(*source, flag, "~nobody_at_all/x")
