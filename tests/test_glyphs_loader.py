"""Glyph banks: what is in them, and how the cache behaves when it is damaged, shared or not writable."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.glyphs import ink_of
from support.idx_files import parse_idx
from support.paths import ROOT

from digitseq.errors import DataError, DigitseqWarning, SettingsError
from digitseq.glyphs import bank, get_data_set, installed, loader
from digitseq.glyphs.bank import build_bank, open_bank, save_bank
from digitseq.glyphs.loader import load_bank

DATA = installed.SHIPPED / "mnist"


def raw(split: str) -> tuple[np.ndarray, np.ndarray]:
    stem = "t10k" if split == "test" else "train"
    images = parse_idx((DATA / f"{stem}-images-idx3-ubyte.gz").read_bytes(), stem, 3)
    return images, parse_idx((DATA / f"{stem}-labels-idx1-ubyte.gz").read_bytes(), stem, 1)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_bank_holds_every_glyph_of_the_split_once(split):
    bank = load_bank(split)
    images, labels = raw(split)
    assert len(bank) == len(images)
    assert np.array_equal(np.diff(bank.class_start), np.bincount(labels))
    expected = sorted((int(c), trim(i).shape, trim(i).tobytes()) for i, c in zip(images, labels))
    found = sorted((int(bank.label[g]), ink_of(bank, g).shape, ink_of(bank, g).tobytes()) for g in range(len(bank)))
    assert found == expected


def trim(image: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_all_is_train_and_test(train, test_split):
    bank = load_bank("all")
    assert len(bank) == 70_000
    assert np.array_equal(np.diff(bank.class_start), np.diff(train.class_start) + np.diff(test_split.class_start))


def test_no_glyph_is_in_both_splits(train, test_split):
    def sums(bank):
        return {(ink_of(bank, g).shape, ink_of(bank, g).tobytes()) for g in range(len(bank))}

    assert not sums(train) & sums(test_split)


def test_shipped_files_are_the_published_ones():
    published = Path(__file__).parents[2] / "shared" / "data" / "mnist" / "SHA256SUMS"
    known = {file.name: file.sha256 for file in get_data_set("mnist").files()}
    for name, expected in known.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == expected
    if published.exists():
        lines = dict(reversed(line.split()) for line in published.read_text().splitlines())
        assert known == {name: lines[name] for name in known}


def test_the_second_opening_reads_the_file(tmp_path):
    first = load_bank("test", str(tmp_path))
    stamp = (tmp_path / "mnist-test.bank").stat().st_ino
    second = load_bank("test", str(tmp_path))
    assert (tmp_path / "mnist-test.bank").stat().st_ino == stamp
    assert np.array_equal(first.columns, second.columns)
    assert len(pickle.dumps(second)) < 1000
    assert np.array_equal(pickle.loads(pickle.dumps(second)).columns, first.columns)


PLACES = ["magic", "length", "header", "columns", "start", "width", "top", "bottom", "label", "class_start", "sum"]


def place_in(data: bytes, name: str) -> tuple[int, int]:
    """Where the bytes of a part of a bank file begin and end."""
    magic, body = len(bank.MAGIC), len(bank.MAGIC) + 8 + int.from_bytes(data[len(bank.MAGIC) :][:8], "little")
    fixed = {
        "magic": (0, magic),
        "length": (magic, magic + 8),
        "header": (magic + 8, body),
        "sum": (len(data) - 4, len(data)),
    }
    if name in fixed:
        return fixed[name]
    dtype, shape, offset = json.loads(data[magic + 8 : body])["arrays"][name]
    return body + offset, body + offset + int(np.prod(shape)) * np.dtype(dtype).itemsize


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("share", [0, 0.37, 1])
def test_a_flipped_bit_is_noticed_and_mended_whatever_the_time_stamp_says(tmp_path, test_split, place, share):
    path = copied_bank(tmp_path, test_split)
    data, stamp = bytearray(path.read_bytes()), path.stat()
    first, end = place_in(data, place)
    data[first + round(share * (end - 1 - first))] ^= 1 << len(place) % 8
    with open(path, "r+b") as file:
        file.write(data)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_mtime_ns == stamp.st_mtime_ns
    assert_rebuilt(path, test_split)


@pytest.mark.parametrize("keep", [0, 10, 100, 4096, -1])
def test_a_shortened_file_is_noticed_and_mended(tmp_path, test_split, keep):
    path = copied_bank(tmp_path, test_split)
    path.write_bytes(path.read_bytes()[:keep])
    assert_rebuilt(path, test_split)


def test_a_file_from_other_sources_is_noticed_and_mended(tmp_path, test_split):
    path = tmp_path / "mnist-test.bank"
    save_bank(build_bank([np.ones((1, 28, 28), np.uint8)], np.zeros(1, np.uint8), "0123456789", "other"), path)
    assert_rebuilt(path, test_split)


def copied_bank(folder: Path, bank) -> Path:
    return Path(shutil.copy2(bank.path, folder / "mnist-test.bank"))


def assert_rebuilt(path: Path, expected) -> None:
    with pytest.warns(DigitseqWarning, match="building it again"):
        mended = load_bank("test", str(path.parent))
    assert np.array_equal(mended.columns, expected.columns)
    assert open_bank(path, expected.digest).path == path
    assert [p.name for p in path.parent.glob("*.bank*")] + [p.name for p in path.parent.glob(".*.bank*")] == [path.name]


def test_ten_processes_at_once_build_one_bank(tmp_path):
    code = "from digitseq.glyphs.loader import load_bank; b = load_bank('test'); print(len(b), b.path is not None)"
    environment = os.environ | {"DIGITSEQ_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(10)
    ]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (out.split(), err) == ([b"10000", b"True"], b"")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mnist-test.bank", "mnist-test.lock"]


def test_a_cache_that_cannot_be_written_means_a_bank_in_memory(tmp_path, test_split, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loader.GLYPHS, "save", full)
    with pytest.warns(DigitseqWarning, match="No space left on device.*into memory"):
        bank = load_bank("test", str(tmp_path))
    assert bank.path is None
    assert np.array_equal(bank.columns, test_split.columns)
    assert np.array_equal(pickle.loads(pickle.dumps(bank)).columns, bank.columns)


def test_a_full_disk_while_saving_leaves_nothing(tmp_path, test_split, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        save_bank(test_split, tmp_path / "x.bank")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_path_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "f").touch()
    with pytest.raises(SettingsError, match="cache must be a directory"):
        load_bank("test", str(tmp_path / "f"))


def test_damaged_shipped_data_is_an_error(tmp_path, monkeypatch):
    shutil.copytree(DATA.parent, tmp_path / "data")
    victim = tmp_path / "data" / "mnist" / "t10k-labels-idx1-ubyte.gz"
    victim.write_bytes(victim.read_bytes()[:-1])
    monkeypatch.setattr(installed, "SHIPPED", tmp_path / "data")
    with pytest.raises(DataError, match="t10k-labels.*damaged"):
        load_bank("test", str(tmp_path / "cache"))
