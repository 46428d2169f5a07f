"""Every format, read back by what its users read it with, and compared with the pipeline's own arrays."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from folders import pixels, records
from PIL import Image

from digitseq import Pipeline, Settings, output
from digitseq.pipeline import Batch
from digitseq.writers import MODULES, writer_class

FORMATS = list(MODULES)
Rows = list[tuple[np.ndarray, str, list[list[int]]]]  # pixels, text, boxes


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        return np.asarray(image)


def read_png(folder: Path) -> Rows:
    return [(pixels(folder / r["file_name"]), r["text"], r["objects"]["bbox"]) for r in records(folder)]


def read_webdataset(folder: Path) -> Rows:
    webdataset = pytest.importorskip("webdataset")
    shards = [str(p) for p in sorted(folder.glob("*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert [s["__key__"] for s in samples] == [f"{i:012d}" for i in range(1, len(samples) + 1)]
    for sample in samples:
        assert sample["txt"].decode() == json.loads(sample["json"])["text"]
    return [
        (decoded(s["png"]), s["txt"].decode(), json.loads(s["json"])["objects"]["bbox"])
        for s in samples
    ]  # fmt: skip


def read_lmdb(folder: Path) -> Rows:
    """The keys that the text recognition projects ask for. They hold no boxes."""
    lmdb = pytest.importorskip("lmdb")
    copy = folder.parent / f"{folder.name}-lmdb"  # a reader leaves its lock file
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(folder / "data.mdb", copy)
    with lmdb.open(str(copy), max_readers=32, readonly=True, lock=False) as environment, environment.begin() as view:
        count = int(view.get(b"num-samples"))
        assert view.stat()["entries"] == 2 * count + 1
        return [
            (decoded(view.get(b"image-%09d" % i)), view.get(b"label-%09d" % i).decode(), [])
            for i in range(1, count + 1)
        ]  # fmt: skip


def read_parquet(folder: Path) -> Rows:
    datasets = pytest.importorskip("datasets")
    files = [str(p) for p in sorted(folder.glob("*.parquet"))]
    cache = folder.parent / f"{folder.name}-{time.monotonic_ns()}"
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
    assert isinstance(table.features["image"], datasets.Image)
    rows = []
    for row in table:
        assert row["objects"]["categories"] == [c for c in row["text"] if c.isalnum()]
        rows.append((np.asarray(row["image"]), row["text"], row["objects"]["bbox"]))
    return rows


def read_npz(folder: Path) -> Rows:
    (path,) = folder.glob("*.npz")
    with np.load(path) as arrays:
        a = {name: arrays[name] for name in arrays.files}
    assert a["images"].dtype == np.uint8
    assert len({len(array) for array in a.values()}) == 1
    return [
        (image[:, :width], str(text), boxes[:length].tolist())
        for image, width, text, boxes, length in zip(
            a["images"], a["widths"], a["labels"], a["boxes"], a["lengths"]
        )
    ]  # fmt: skip


READERS = {
    "png": read_png,
    "webdataset": read_webdataset,
    "lmdb": read_lmdb,
    "parquet": read_parquet,
    "npz": read_npz,
}


def assert_equal(rows: Rows, batch: Batch, boxes: bool = True) -> None:
    assert len(rows) == len(batch)
    for i, (image, text, found) in enumerate(rows):
        assert np.array_equal(image, batch.images[i, :, : batch.width[i]])
        assert text == batch.texts[i]
        if boxes:
            assert found == batch.boxes[i, : batch.length[i]].tolist()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` by name, but for the data base's: its pages are not what is promised."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith("data.mdb")
    }


def test_the_formats_are_those_of_the_settings():
    assert tuple(FORMATS) == output.FORMATS


@pytest.mark.parametrize("cores", [0, 2])
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("extra", [(), ("-iw", 0, "--invert")], ids=["plain", "free"])
def test_as_many_as_asked_and_all_equal_to_the_pipelines(run, tmp_path, train, format_name, cores, extra):
    done = run(
        "-num", "0070", "-s", 1237, "-m", cores, "--seed", 9, "--format", format_name, "--shard_size", 500, *extra
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = Settings("0070", image_width=0, invert=True) if extra else Settings("0070")
    folder = tmp_path / "output" / "0070"
    assert_equal(READERS[format_name](folder), Pipeline(made, train, 9).batch(0, 1237), format_name != "lmdb")
    if format_name in ("webdataset", "parquet"):
        assert len(list(folder.glob("0070-*"))) == 3
    assert not (folder / ".digitseq-part").exists()


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_second_run_goes_on(run, tmp_path, train, format_name):
    for size in (30, 1, 700):
        assert run("-num", "42", "-s", size, "--seed", 3, "--format", format_name, "--shard_size", 20).returncode == 0
    rows = READERS[format_name](tmp_path / "output" / "42")
    assert_equal(rows, Pipeline(Settings("42"), train, 3).batch(0, 731), format_name != "lmdb")


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_from_any_number_of_processes(run, tmp_path, format_name):
    for cores in (1, 4):
        arguments = ("-num", "305", "-s", 3000, "--seed", 7, "--format", format_name, "--shard_size", 400)
        assert run(*arguments, "-m", cores, "-o", tmp_path / f"m{cores}").returncode == 0
        time.sleep(2 if cores == 1 and format_name == "webdataset" else 0)  # for clocks in headers to be seen
    one, four = (tree(tmp_path / name / "305") for name in ("m1", "m4"))
    assert one == four
    if format_name == "lmdb":
        assert dump(tmp_path / "m1" / "305") == dump(tmp_path / "m4" / "305")


def dump(folder: Path) -> str:
    lmdb = pytest.importorskip("lmdb")
    digest = hashlib.sha256()
    with lmdb.open(str(folder / "data.mdb"), subdir=False, readonly=True, lock=False) as opened, opened.begin() as view:
        for key, value in view.cursor():
            digest.update(b"%b %d %b" % (key, len(value), value))
    return digest.hexdigest()


def test_tar_shards_are_what_tarfile_reads_and_nobody_owns_them(run, tmp_path):
    run("-num", "8", "-s", 25, "--format", "webdataset", "--shard_size", 10)
    for shard, count in (("8-000000.tar", 10), ("8-000001.tar", 10), ("8-000002.tar", 5)):
        with tarfile.open(tmp_path / "output" / "8" / shard) as archive:
            members = archive.getmembers()
        assert len(members) == 3 * count
        assert [Path(m.name).suffix for m in members[:3]] == [".png", ".txt", ".json"]
        assert {(m.mtime, m.uid, m.gid, m.mode, m.uname, m.gname, m.type) for m in members} == {
            (0, 0, 0, 0o644, "", "", tarfile.REGTYPE)
        }


def test_a_torch_loader_gets_every_sample_once(run, tmp_path):
    torch_data = pytest.importorskip("torch.utils.data")
    webdataset = pytest.importorskip("webdataset")
    run("-num", "64", "-s", 500, "--format", "webdataset", "--shard_size", 100)
    shards = [str(p) for p in sorted((tmp_path / "output" / "64").glob("*.tar"))]
    data = webdataset.WebDataset(shards, shardshuffle=False).decode("l").to_tuple("__key__", "png", "txt")
    keys = []
    for key, images, texts in torch_data.DataLoader(data, batch_size=50, num_workers=2):
        assert images.shape[1:] == (28, 200)
        assert set(texts) == {"64"}
        keys += key
    assert sorted(keys) == [f"{i:012d}" for i in range(1, 501)]


def test_parquet_has_row_groups(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run("-num", "8", "-s", 5000, "--format", "parquet")
    file = parquet.ParquetFile(tmp_path / "output" / "8" / "8-00000.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [2048, 2048, 904]


def test_an_npz_beyond_memory_is_refused_with_its_size(refused):
    line = refused("-num", "123456", "-s", 1_000_000_000, "--format", "npz")
    assert "would need 5,8" in line and "MB of memory" in line


@pytest.mark.parametrize(("format_name", "package"), [("lmdb", "lmdb"), ("parquet", "pyarrow")])
def test_a_missing_package_is_named_before_anything_is_written(run, tmp_path, format_name, package):
    (tmp_path / f"{package}.py").write_text("raise ImportError")
    done = run("-num", "1", "--format", format_name, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == f"digitseq: error: format {format_name} needs the package {package}: pip install {package}\n"
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "zip"], "format must be one of png, webdataset, lmdb, parquet, npz, got 'zip'"),
        (["--format", "lmdb", "--labels", "coco"], "labels coco stand beside PNG files"),
        (["--labels", "none", "jsonl"], "labels none goes with no other"),
        (["--labels", "jsonl", "jsonl"], "one or more of jsonl"),
        (["--shard_size", "0"], "shard_size must be a whole number from 1"),
        (["--split_ratio", "0.5", "0.5", "0.5"], "three numbers from 0 to 1 with the sum 1"),
        (["--split_ratio", "1.5", "-0.5", "0"], "three numbers from 0 to 1 with the sum 1"),
        (["--split_ratio", "nan", "0", "1"], "three numbers from 0 to 1 with the sum 1"),
        (["--split_ratio", "0.5", "0.5"], "expected 3 arguments"),
        (["--split_ratio", "1", "0", "0", "--split", "test"], "split_ratio chooses the glyphs itself"),
        (["--resume"], "has no run to resume"),
        (["--resume", "--split_ratio", "1", "0", "0"], "has no run to resume"),
    ],
)
def test_what_cannot_be_is_refused(refused, arguments, message):
    assert message in refused("-num", "1", *arguments)


@pytest.mark.parametrize("format_name", FORMATS)
def test_makers_pickle_small(train, tmp_path, format_name):
    from digitseq.folder import Folder
    from digitseq.output import Output
    from digitseq.writers import Job

    with Folder(str(tmp_path), "1") as folder:
        kind = writer_class(format_name)
        plan = kind.plan(folder, "1", Output())
        bank = train.share(0, 0.5)
        maker = kind(Job(Pipeline(Settings("1"), bank, 1), folder, "1", (0, 10), plan)).maker
    assert len(pickle.dumps(maker)) < 2000
    assert pickle.loads(pickle.dumps(maker)).pipeline.bank.digest == bank.digest
