"""Files of numbers against plain Python."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import re
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.sources import numbers_file, texts

from digitseq.errors import DataError, SettingsError
from digitseq.settings import Settings
from digitseq.sources.lines import NumbersFile


@dataclass
class Standard:
    buffer: io.BytesIO


ENDS = ["\n", "\r\n"]
AROUND = st.text(" \t\r", max_size=2)


def plain_lines(data: bytes) -> list[str]:
    lines = (line.strip(" \t\r") for line in data.decode("utf-8-sig").split("\n"))
    return [line for line in lines if line]


@pytest.mark.parametrize("final", ["", "\n", "\r\n", "\n\n \n"])
def test_a_large_file_reads_as_plain_python_reads_it(tmp_path, final):
    rng = np.random.default_rng(5)
    blanks = ["", " ", "\t", "7 \t"]
    rows = [str(rng.integers(10 ** rng.integers(1, 12))) for _ in range(60_000)]
    for place in rng.choice(len(rows) - 1, 6_000):
        rows[place] = blanks[place % 4]
    data = b"\xef\xbb\xbf" + "".join(row + ENDS[i % 3 == 0] for i, row in enumerate(rows[:-1])).encode()
    data += (rows[-1] + final).encode()
    path = tmp_path / "numbers.txt"
    path.write_bytes(data)
    expected, source = plain_lines(data), NumbersFile(path)
    assert source.period == len(expected)
    assert texts(source, 0, source.period + 1500) == expected + expected[:1500]
    assert source.max_length == max(map(len, expected))
    assert source.longest() == max(expected, key=len)
    assert set(source.characters) == set("0123456789")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.tuples(AROUND, st.text("01 é漢😀-.", max_size=9), AROUND).map("".join), st.sampled_from(ENDS)),
        min_size=1,
        max_size=30,
    ).filter(lambda rows: any(text.strip() for text, _ in rows)),
    st.booleans(),
    st.integers(1, 7),
)
def test_any_file_reads_as_plain_python_reads_it(tmp_path_factory, rows, cut, chunk):
    data = "".join(text + end for text, end in rows).encode()
    data = data.removesuffix(b"\n") if cut else data
    path = tmp_path_factory.mktemp("lines") / "numbers.txt"
    path.write_bytes(data)
    expected = plain_lines(data)
    module = importlib.import_module("digitseq.sources.line_index")
    reader = importlib.import_module("digitseq.sources.lines")
    with pytest.MonkeyPatch.context() as patch:  # small pieces, so that every line meets an edge
        patch.setattr(module, "CHUNK", chunk)
        patch.setattr(module, "BLOCK", 3)
        patch.setattr(reader, "BLOCK", 3)
        source = NumbersFile(path)
        assert texts(source, 0, source.period) == expected
    assert set(source.characters) == set("".join(expected))
    assert len(source.longest()) == max(map(len, expected))


def test_standard_input_is_kept_in_a_file_while_the_source_lives(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sys, "stdin", Standard(io.BytesIO(b"12\n\n345\r\n")))
    source = NumbersFile("-")
    assert texts(pickle.loads(pickle.dumps(source)), 0, 3) == ["12", "345", "12"]
    assert len(list(tmp_path.iterdir())) == (sys.platform != "linux")  # where it needs no name, it has none
    path = source._path
    assert path.exists()
    del source
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen([sys.executable, "-c", f"open({str(path)!r}, 'w').write('7\\n8\\n')"]):
        source = NumbersFile(path)
    assert texts(source, 0, 3) == ["7", "8", "7"]


def test_a_file_of_fewer_lines_that_looks_the_same_is_noticed(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\n3\n4\n5\n6\n")
    source, before = NumbersFile(path), path.stat()
    path.write_text("12345\n12345\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="has changed while it was in use"):
        texts(source, 5, 6)


def test_a_file_that_changes_is_noticed(tmp_path):
    source = numbers_file(tmp_path)
    path = tmp_path / "numbers.txt"
    copy = pickle.loads(pickle.dumps(source))
    with open(path, "a") as file:
        file.write("1\n")
    for one in (source, copy):
        with pytest.raises(DataError, match="has changed while it was in use"):
            texts(one, 0, 5)
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read .* any more"):
        texts(source, 0, 5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no lines"),
        (b"\xef\xbb\xbf", "has no lines"),
        (b"\n \r\n\t\n", "has no lines"),
        (b"1\n\n" + b"2" * 256 + b"\n3\n", "line 3: more than 255 characters"),
        (b"1\n\n" + b"2" * 256, "line 3: more than 255 characters"),
        (b"1\n2\n" + b"3" + b" " * 10_000_000 + b"4", "line 3: more than 255 characters"),
        (b"1\n2\n" + b"3" * 10_000_000, "line 3: more than 255 characters"),
        (b"1\n" * 3_000_000 + b"12\xff4\n", "line 3,000,001: byte 0xFF is not UTF-8"),
        (b"1\n\xe6\xbc", "line 2: byte 0xE6 is not UTF-8"),
        ("12\n3\n".encode("utf-16"), "line 1: byte 0xFF is not UTF-8"),
        (b"1\n\n1\x002\n", "line 3: control character U+0000"),
        (b"1\n2\r3\n", "line 2: control character U+000D"),
        (b"1\n2\t3\n", "line 2: control character U+0009"),
        (b"1\n \x00\n", "line 2: control character U+0000"),
    ],
)
def test_files_that_are_refused(tmp_path, data, message):
    path = tmp_path / "numbers.txt"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=re.escape(message)) as caught:
        NumbersFile(path)
    assert str(path) in str(caught.value)


def test_paths_that_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SettingsError, match="cannot read"):
            NumbersFile(path)
    with pytest.raises(SettingsError, match="numbers_file must be a path, got 5"):
        Settings(numbers_file=5)


def test_255_characters_of_any_kind_fit(tmp_path):
    path = tmp_path / "numbers.txt"
    for text in ("1" * 255, "😀" * 255):
        path.write_text(text + "\n" + text, encoding="utf-8")
        assert texts(NumbersFile(path), 0, 2) == [text, text]
