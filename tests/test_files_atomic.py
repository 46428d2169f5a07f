"""Files that appear whole or not at all, whatever stands where they are made."""

from __future__ import annotations

import os
import re
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from digitseq.files.atomic import name_new, open_fresh, replacing


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_after_an_error_all_is_as_it_was(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), replacing(path) as file:
        file.write(b"new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_is_replaced_and_never_followed(tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "a").symlink_to("other")
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("planted", ["link", "dangling link", "file", "directory"])
def test_what_stands_under_the_new_name_is_not_touched(tmp_path, monkeypatch, planted):
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0" * 16)
    taken, other = tmp_path / f".a.{'0' * 16}", tmp_path / "other"
    if planted == "link":
        other.write_bytes(b"precious")
        taken.symlink_to("other")
    elif planted == "dangling link":
        taken.symlink_to("other")
    elif planted == "file":
        taken.write_bytes(b"precious")
    else:
        taken.mkdir()
    with pytest.raises(FileExistsError), replacing(tmp_path / "a"):
        pass
    assert os.path.lexists(taken)
    assert planted == "directory" or not taken.exists() or taken.read_bytes() == b"precious"
    assert other.exists() == (planted == "link")


def test_names_cannot_be_guessed_and_fit(tmp_path):
    longest = tmp_path / ("é" * 127)
    names = set()
    for _ in range(20):
        with open_fresh(longest) as file:
            names.add(Path(file.name).name)
    assert len(names) == 20
    assert all(re.search(r"\.[0-9a-f]{16}$", name) for name in names)


def test_permissions_are_those_of_any_file(tmp_path):
    code = "import os, sys; from pathlib import Path; from digitseq.files.atomic import replacing; os.umask(0o027)\n"
    code += "with replacing(Path(sys.argv[1])): pass"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=True, cwd=ROOT)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("links", [True, False])
def test_a_name_is_given_once(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    for data in (b"first", b"second"):
        with open_fresh(tmp_path / "a") as file:
            file.write(data)
        try:
            name_new(Path(file.name), tmp_path / "a")
        except FileExistsError:
            assert Path(file.name).read_bytes() == data == b"second"
            Path(file.name).unlink()
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"first")]


def test_a_file_under_way_can_stand_elsewhere(tmp_path):
    (tmp_path / "private").mkdir()
    with replacing(tmp_path / "it", tmp_path / "private") as file:
        assert [p.parent.name for p in tmp_path.rglob(".it.*")] == ["private"]
        file.write(b"whole")
    assert (tmp_path / "it").read_bytes() == b"whole"
    assert list((tmp_path / "private").iterdir()) == []
