"""Places in object stores: what is there, and what goes wrong with a store, in one line."""

from __future__ import annotations

import errno
import uuid
from pathlib import Path

import pytest

from digitseq.errors import OutputError
from digitseq.files.locations import StoreError, is_file, is_folder, is_there, location, store_errors

pytest.importorskip("upath")


@pytest.fixture
def in_memory():
    return location(f"memory://{uuid.uuid4().hex}")


def test_what_is_there_is_told_apart_as_on_disks(in_memory, tmp_path, store):
    for folder in (in_memory, tmp_path / "x", location(store.new_url())):
        assert not (is_there(folder) or is_file(folder) or is_folder(folder))
        (folder / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "deep" / "a").write_bytes(b"1")
        assert [is_there(folder), is_file(folder), is_folder(folder)] == [True, False, True]
        assert [kind(folder / "deep" / "a") for kind in (is_there, is_file, is_folder)] == [True, True, False]


@pytest.mark.parametrize("text", ["s3:///x", "s3://", "zip://x", "s3://a//b", "s3://a/../b", "simplecache::s3://a/b"])
def test_what_names_no_place_in_a_store_is_refused(text):
    with pytest.raises(OutputError, match="give a "):
        location(text)


def test_schemes_have_no_case():
    assert str(location("MEMORY://a/b%20[c]?d#e/")).rstrip("/") == "memory://a/b%20[c]?d#e"


def test_errors_that_are_answers_stay_what_they_are(in_memory):
    for path in (in_memory, in_memory / "a name"):
        with pytest.raises(FileNotFoundError) as caught, store_errors(path):
            path.open("rb")
        assert caught.value.strerror == "No such file or directory" and caught.value.filename == str(path)


def test_other_errors_pass(in_memory, tmp_path):
    for error in (OutputError("1"), ValueError("2"), OSError(errno.ENOSPC, "full"), MemoryError()):
        for path in (in_memory, tmp_path):
            with pytest.raises(type(error)) as caught, store_errors(path):
                raise error
            assert caught.value is error
    with pytest.raises(FileNotFoundError, match="a/b") as found, store_errors(tmp_path):
        Path("a/b").read_bytes()
    assert found.value.__cause__ is None


@pytest.fixture
def impatient(store, monkeypatch):
    """impatient(): a new place in the store, as a client sees it that asks once and begins now."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(pytest.importorskip("s3fs").S3FileSystem, "retries", 1)
    kind = type(location(store.new_url()))
    return lambda: kind(store.new_url(), skip_instance_cache=True)


def test_a_store_that_does_not_answer_is_no_store_where_nothing_is(store, impatient):
    path = impatient()
    (path / "a").write_bytes(b"1")
    for status, reason in ((403, "Permission denied"), (503, "Service Unavailable")):
        for ask in (is_there, is_file, is_folder):
            with store.answering(status), pytest.raises(StoreError) as caught:
                ask(path / "a")
            assert reason in caught.value.strerror and "\n" not in str(caught.value)
            assert caught.value.filename == f"{path}/a"
    assert is_file(path / "a")


def test_no_credentials_and_no_server_are_said_in_one_line(impatient, monkeypatch):
    def reason() -> str:
        with pytest.raises(StoreError) as caught:
            is_there(impatient())
        return caught.value.strerror

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert reason().startswith("Could not connect to the endpoint URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    assert reason() == "ValueError: Invalid endpoint: nonsense"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert reason() == "Unable to locate credentials"


def test_no_bucket_is_nothing_there_and_cannot_be_written_to(store):
    path = location("s3://no-such-bucket/a")
    assert not is_there(path)
    with pytest.raises(FileNotFoundError) as caught, store_errors(path):
        path.write_bytes(b"1")
    assert caught.value.strerror == "The specified bucket does not exist"
