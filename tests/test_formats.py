"""Every format, read back by what its users read it with, and compared with the pipeline's own arrays."""

from __future__ import annotations

import os
import pickle
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.cases import first, product
from support.folders import assert_nothing_unfinished
from support.formats import FORMATS, READERS, Rows, dump, shards, tree

from digitseq import Pipeline, Settings
from digitseq.formats import FORMATS as TABLE
from digitseq.formats import format_of
from digitseq.formats.base import Format, FormatPlan, Job, RunRequest
from digitseq.formats.npz import total_memory
from digitseq.formats.parts import Part, PartFiles
from digitseq.pipeline import Batch
from digitseq.runs.workers import Abandoned


def assert_equal(rows: Rows, batch: Batch, boxes: bool = True) -> None:
    assert len(rows) == len(batch)
    for i, (image, text, found) in enumerate(rows):
        assert np.array_equal(image, batch.images[i, :, : batch.width[i]])
        assert text == batch.texts[i]
        if boxes:
            assert found == batch.boxes[i, : batch.text_length[i]].tolist()


@pytest.mark.parametrize(("format_name", "cores", "extra"), product(FORMATS, [2, 0], [(), ("-iw", 0, "--invert")]))
def test_as_many_as_asked_and_all_equal_to_the_pipelines(run, tmp_path, train, format_name, cores, extra):
    done = run(
        "-num", "0070", "-s", 1237, "-m", cores, "--seed", 9, "--format", format_name, *shards(format_name, 500), *extra
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = Settings("0070", image_width=0, invert=True) if extra else Settings("0070")
    folder = tmp_path / "output" / "0070"
    assert_equal(READERS[format_name](folder), Pipeline(made, train, 9).batch(0, 1237), format_name != "lmdb")
    if format_name in ("webdataset", "parquet"):
        assert len(list(folder.glob("0070-*"))) == 3
    assert_nothing_unfinished(folder)


@pytest.mark.parametrize(("images", "batches"), [(1, 1), (50_000, 1), (100_000, 2), (10**9, 4)])
def test_parts_of_large_runs_of_png_files_are_larger(train, tmp_path, images, batches):
    pipeline = Pipeline(Settings("5"), train, 1)
    plan = format_of("png").begin(pipeline, RunRequest(tmp_path, "5", images, ("jsonl",), 1, []))
    assert plan.part_size == batches * pipeline.batch_size


def test_the_batches_of_a_part_are_one_group_of_files(train, tmp_path):
    pipeline = Pipeline(Settings("5", masks=True), train, 1)
    size = pipeline.batch_size + 7
    files = PartFiles(tmp_path)
    format_of("png").make(Job(pipeline, "5", 3, 3 + size, ("jsonl",), {"begun": []}), 3, 3 + size, files)
    groups = files.receipt(Part(0, 0, 3, 3 + size)).files
    assert [(group.name, group.first, group.files) for group in groups] == [
        (name, 4, size) for name in ("%d.png", "masks/%d.png")
    ]
    for group in groups:
        data = b"".join((tmp_path / name).read_bytes() for name in group.names())
        assert (group.size, group.crc32) == (len(data), zlib.crc32(data))


@pytest.mark.parametrize("format_name", first(FORMATS, plain=2))
def test_a_second_run_goes_on(run, tmp_path, train, format_name):
    for size in (30, 1, 700):
        assert (
            run("-num", "42", "-s", size, "--seed", 3, "--format", format_name, *shards(format_name, 20)).returncode
            == 0
        )
    rows = READERS[format_name](tmp_path / "output" / "42")
    assert_equal(rows, Pipeline(Settings("42"), train, 3).batch(0, 731), format_name != "lmdb")


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_bytes_from_any_number_of_processes(run, tmp_path, format_name):
    for cores in (1, 4):
        arguments = ("-num", "305", "-s", 3000, "--seed", 7, "--format", format_name, *shards(format_name, 400))
        assert run(*arguments, "-m", cores, "-o", tmp_path / f"m{cores}").returncode == 0
    one, four = (tree(tmp_path / name / "305") for name in ("m1", "m4"))
    assert one == four
    if format_name == "lmdb":
        assert dump(tmp_path / "m1" / "305") == dump(tmp_path / "m4" / "305")


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


class Concatenated(Format):
    """The least that a format has to do whose result is one file."""

    def begin(self, pipeline, request):
        return FormatPlan(0, 3, {})

    def make(self, job, start, stop, files):
        for batch in files.batches(job.pipeline, start, stop):
            files.add("all.txt", "".join(f"{text}\n" for text in batch.texts).encode())
        with files.open(f"{start}.kept", "kept") as file:
            file.write(b"x" * (stop - start))

    def finish(self, job, folder, kept, stop):
        assert sum(path.stat().st_size for path in kept.iterdir()) == stop
        return {}


def test_a_format_that_makes_one_file_can_be_sent_without_more(train):
    pipeline = Pipeline(Settings(random_digits=(3, 5), image_width=0), train, 1)
    pieces = list(Concatenated().stream(pipeline, 10))
    assert pieces[:4] == [b""] * 4
    assert b"".join(pieces).decode().split() == pipeline.batch(0, 10).texts


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_stream_that_is_closed_leaves_nothing(train, format_name, tmp_path, monkeypatch):
    if package := TABLE[format_name].package:
        pytest.importorskip(package)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stream = format_of(format_name).stream(Pipeline(Settings("12"), train, 1), 9000, ("jsonl", "coco"))
    next(stream)
    stream.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_stream_ends_when_it_is_no_longer_wanted(train, format_name, tmp_path, monkeypatch):
    """Wherever that is: making the images, or assembling the file."""
    if package := TABLE[format_name].package:
        pytest.importorskip(package)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pipeline, calls = Pipeline(Settings("12"), train, 1), []
    for _ in format_of(format_name).stream(pipeline, 3000, (), lambda: calls.append(1)):
        pass

    remaining = iter(calls[1:])

    def check():
        if next(remaining, None) is None:  # the last call of all
            raise Abandoned

    assert len(calls) >= 3000 // pipeline.batch_size
    with pytest.raises(Abandoned):
        for _ in format_of(format_name).stream(pipeline, 3000, (), check):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="paths are text on Windows")
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_folder_may_have_any_name(run, tmp_path, format_name):
    if package := TABLE[format_name].package:
        pytest.importorskip(package)
    for _ in range(2):
        done = run("-num", "12", "-s", 4, "--format", format_name, "-o", os.fsdecode(b"caf\xe9"))
        assert (done.returncode, done.stderr) == (0, "")


def test_an_npz_beyond_memory_is_refused_with_its_size(refused):
    line = refused("-num", "123456", "-s", 1_000_000_000, "--format", "npz")
    assert "would need 5,8" in line and "MB of memory" in line


@pytest.mark.parametrize(("format_name", "package"), [("lmdb", "lmdb"), ("parquet", "pyarrow")])
def test_a_missing_package_is_named_before_anything_is_written(run, tmp_path, format_name, package):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    done = run("-num", "1", "--format", format_name, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == f"digitseq: error: format {format_name} needs the package {package}: pip install {package}\n"
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "zip"], "format must be one of png, webdataset, lmdb, parquet, npz, got 'zip'"),
        (["--format", "lmdb", "--labels", "coco"], "labels goes with --format png, got lmdb: leave it out"),
        (["--labels", "none", "jsonl"], "labels none cannot be combined with others"),
        (["--labels", "jsonl", "jsonl"], "one or more of jsonl"),
        (["--shard_size", "0"], "shard_size must be a whole number from 1"),
        (["--shard_size", "7"], "shard_size goes with --format webdataset or parquet, got png: leave it out"),
        (["--shard_size", "7", "--format", "npz"], "shard_size goes with --format webdataset or parquet, got npz"),
        (["--split_ratio", "0.5", "0.5", "0.5"], "a number from 0 to 1 for each of train, val, test, with the sum 1"),
        (["--split_ratio", "1.5", "-0.5", "0"], "a number from 0 to 1 for each of train, val, test, with the sum 1"),
        (["--split_ratio", "nan", "0", "1"], "a number from 0 to 1 for each of train, val, test, with the sum 1"),
        (["--split_ratio", "0.5", "0.5"], "expected 3 arguments"),
        (["--split_ratio", "1", "0", "0", "--split", "test"], "split_ratio chooses the glyphs itself"),
        (["--resume"], "has no run to resume"),
        (["--resume", "--split_ratio", "1", "0", "0"], "has no run to resume"),
    ],
)
def test_what_cannot_be_is_refused(refused, arguments, message):
    assert message in refused("-num", "1", *arguments)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_makes_parts_pickles_small(train, format_name):
    bank = train.share(0, 0.5)
    job = Job(Pipeline(Settings("1"), bank, 1), "1", 0, 10, ("jsonl",), {})
    assert len(pickle.dumps((format_of(format_name), [job]))) < 2000


def test_the_limit_of_a_container_counts(tmp_path):
    machine = total_memory(tmp_path)
    assert machine > 300_000_000
    (tmp_path / "memory.max").write_text("300000000\n")
    assert total_memory(tmp_path) == 300_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert total_memory(tmp_path) == machine
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("1000")
    assert total_memory(tmp_path) == 1000


def test_a_file_that_was_renamed_does_not_count(run, tmp_path):
    flags = ("-num", "12", "-s", 5, "--format", "npz", "--seed", 3)
    assert run(*flags).returncode == 0
    folder = tmp_path / "output" / "12"
    (folder / "12.npz").rename(folder / "old.npz")
    assert run(*flags).returncode == 0
    assert (folder / "12.npz").read_bytes() == (folder / "old.npz").read_bytes()
