"""`--inspect` of data sets in object stores: it finds what it finds on a disk."""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path

import pytest
from support.formats import FORMATS

from digitseq import SequenceGenerator, Settings
from digitseq.errors import SettingsError
from digitseq.files import retries
from digitseq.files.locations import is_object, location
from digitseq.files.regular import open_regular
from digitseq.formats import format_of
from digitseq.formats.base import RunRequest
from digitseq.inspection.data_set import inspect
from digitseq.inspection.report import text_report
from digitseq.pipeline import Pipeline
from digitseq.runs.verification import CHANGED
from digitseq.shell import cli

pytest.importorskip("upath")
ALL_LABELS = ("jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")


def copied(folder: Path, target: Path) -> Path:
    """`target`, with everything that is in `folder`, and the journal as it is in stores."""
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            place = target / (name.replace("journal.jsonl", "journal/000000.jsonl") if is_object(target) else name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    return target


@pytest.fixture
def made(tmp_path):
    """Makes a data set, and returns its folder."""

    def make(name: str = "set", images: int = 40, **options: object) -> Path:
        generator = SequenceGenerator(Settings(random_digits=(3, 8)), seed=3)
        generator.write(tmp_path / "local", images, name=name, **options)
        return tmp_path / "local" / name

    return make


@pytest.fixture
def in_memory():
    return location(f"memory://{uuid.uuid4().hex}")


def report(path: Path) -> str:
    """What an inspection says, without where."""
    return text_report(inspect(path)).replace(str(path), "PATH")


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_found_is_what_is_found_on_a_disk(made, in_memory, format):
    options = {"png": {"labels": ALL_LABELS}, "webdataset": {"shard_size": 15}, "parquet": {"shard_size": 15}}
    folder = made(format=format, **options.get(format, {}))
    stored = copied(folder, in_memory)
    assert report(stored) == report(folder)
    assert "nothing is wrong" in report(stored) and "40 images" in report(stored)


def test_splits_masks_and_folders_of_data_sets(made, in_memory, tmp_path):
    made("a", split_ratio=(0.5, 0.25, 0.25), labels=("yolo",))
    made("b", format="webdataset", split_ratio=(0.5, 0.25, 0.25))
    stored = copied(tmp_path / "local", in_memory)
    (stored / "b" / "val" / "b-000000.tar").write_bytes((stored / "b" / "test" / "b-000000.tar").read_bytes())
    copied(stored_local := tmp_path / "local", tmp_path / "again")
    (tmp_path / "again" / "b" / "val" / "b-000000.tar").write_bytes(
        (stored_local / "b" / "test" / "b-000000.tar").read_bytes()
    )
    assert report(stored) == report(tmp_path / "again")
    assert "images that are in b/test/ and in b/val/" in report(stored) and CHANGED in report(stored)


def test_files_that_are_open_twice_are_read_independently(in_memory):
    (in_memory / "a").write_bytes(b"1234567890" * 100_000)
    with open_regular(in_memory / "a") as one, open_regular(in_memory / "a") as other:
        assert one.read(3) == b"123" and other.read(4) == b"1234" and one.read(600_000)[:3] == b"456"
        assert other.seek(-2, os.SEEK_END) == 999_998 and other.read() == b"90"
        assert one.seek(7, os.SEEK_CUR) == 600_010 and one.tell() == 600_010 and one.read(1) == b"1"


@pytest.mark.parametrize(
    "format, ending", [("webdataset", ".tar"), ("parquet", ".parquet"), ("npz", ".npz"), ("lmdb", ".mdb")]
)
def test_a_single_file_and_a_damaged_one(made, in_memory, format, ending):
    stored = copied(made(format=format), in_memory)
    (path,) = (path for path in stored.iterdir() if path.name.endswith(ending))
    assert inspect(path).images == 40
    path.write_bytes(path.read_bytes()[:3000])
    found = {what: (count, examples) for what, count, examples in inspect(stored).all_problems()}
    assert found["files that cannot be read to their end"][0] == 1 and found[CHANGED][0] == 1
    assert not list(Path(tempfile.gettempdir()).glob("digitseq-*/data.mdb"))


@pytest.mark.parametrize("format", ["lmdb", "npz"])
def test_no_room_for_the_copy_of_a_file_is_no_damage(made, in_memory, monkeypatch, tmp_path, format):
    stored = copied(made(format=format), in_memory)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=f"no copy of it can be made in {tmp_path / 'none'}: No such file"):
        inspect(stored)


def test_the_beginning_of_a_shards_url_selects_shards(made, in_memory):
    stored = copied(made(format="webdataset", shard_size=10), in_memory)
    assert inspect(stored / "set-00000").images == 40
    assert inspect(stored / "set-000001").images == 10
    with pytest.raises(SettingsError, match="there is no such file or folder, and no shard whose name begins so"):
        inspect(stored / "other")


def test_what_labels_name_in_another_place_is_not_read(made, in_memory):
    stored = copied(made(labels=("txt",)), in_memory / "a")
    (in_memory / "1.png").write_bytes((stored / "1.png").read_bytes())
    for name in ("../1.png", f"{in_memory}/1.png", "/1.png", "s3://x/1.png"):
        (stored / "gt.txt").write_text(f"{name}\t1\n")
        assert "labels without an image" in report(stored) or "cannot be read" in report(stored)


@pytest.fixture
def uploaded(made, store):
    """Makes a data set, and returns where it is in the S3 server."""
    return lambda **options: copied(made(**options), location(store.new_url()))


def test_the_command_inspects_an_object_store(uploaded, run, tmp_path, capsys):
    stored = uploaded(format="webdataset", shard_size=10)
    done = run("--inspect", stored, "-o", "report")
    assert (done.returncode, done.stderr) == (0, "") and f"{stored}: 40 images as webdataset" in done.stdout
    (page,) = (tmp_path / "report").glob("*.html")
    assert page.name == f"{stored.name}-inspection.html" and "Nothing is wrong" in page.read_text()
    damaged = stored / "set-000002.tar"
    damaged.write_bytes(damaged.read_bytes()[:3000])
    assert cli.main(["--inspect", str(stored), "-o", str(tmp_path / "report"), "--quiet"]) == 1
    assert f"{CHANGED} (1): {stored.name}/set-000002.tar (3,000 bytes instead of " in capsys.readouterr().out
    assert list((tmp_path / "report").glob("*.html")) == [page] and "Nothing is wrong" not in page.read_text()


def test_what_is_not_there_is_refused(store, refused):
    nothing = "there is no such file or folder, and no shard whose name begins so"
    for url in (f"{store.new_url()}/a/b", "s3://no-such-bucket/a", "memory://nothing"):
        assert f"inspect {url}" in (said := refused("--inspect", url)) and nothing in said
    assert "(The specified bucket does not exist)" in refused("--inspect", "s3://no-such-bucket/a")
    assert "inspect s3://no-such-bucket" in refused("--inspect", "s3://no-such-bucket")
    assert "names no bucket" in refused("--inspect", "s3://")
    assert "nonsense://a" in refused("--inspect", "nonsense://a")


@pytest.fixture
def impatient(monkeypatch):
    """Programs of this test ask a store once."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs = pytest.importorskip("s3fs")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setattr(retries, "READ_WAITS", ())
    monkeypatch.setattr(retries, "WAITS", ())
    yield
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_store_that_fails_is_no_damaged_data_set(uploaded, store, impatient, refused, monkeypatch):
    stored = str(uploaded(images=1))
    with store.answering(503):
        assert f"inspect {stored}: {stored} cannot be read (Service Unavailable)" in refused("--inspect", stored)
    with store.answering(403):
        assert f"inspect {stored}: {stored} cannot be read (Permission denied)" in refused("--inspect", stored)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    assert "cannot be read (Could not connect to the endpoint URL" in refused("--inspect", stored)


@pytest.mark.parametrize("format", FORMATS)
def test_a_store_that_fails_on_the_way_is_no_damaged_data_set(uploaded, store, impatient, format):
    stored = uploaded(format=format, images=6)
    before = store.requests()
    assert inspect(stored).all_problems() == []
    needed = store.requests() - before
    for answered in (1, needed // 3, needed // 2, needed - 2):
        with (
            store.answering(503, answered),
            pytest.raises(SettingsError, match="cannot be read .(Service Unav|a test wants)"),
        ):
            inspect(stored)


def test_a_shard_is_fetched_in_few_requests(uploaded, store):
    stored = uploaded(format="webdataset")
    (shard,) = (path for path in stored.iterdir() if path.name.endswith(".tar"))
    before = store.requests()
    assert sum(1 for _ in format_of("webdataset").read([shard])) == 40
    assert store.requests() - before <= 3


@pytest.mark.parametrize("format", ["png", "webdataset"])
def test_a_run_would_go_on_after_the_images_in_a_store(made, in_memory, train, format):
    options = {"png": {"labels": ALL_LABELS}, "webdataset": {"shard_size": 15}}[format]
    folder = made(format=format, **options)
    stored = copied(folder, in_memory)
    pipeline = Pipeline(Settings(random_digits=(3, 8), masks=format == "png"), train, 3)
    requests = [RunRequest(place, "set", 5, options.get("labels", ()), 15, []) for place in (folder, stored)]
    plans = [format_of(format).begin(pipeline, request) for request in requests]
    assert plans[0] == plans[1]
    assert plans[1].start == 40 if format == "png" else plans[1].details["first_shard"] == 3
    assert format_of(format).begin(pipeline, requests[1]._replace(folder=in_memory / "none")).start == 0
