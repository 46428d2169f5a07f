"""Downloads, against a server on this machine: what arrives under a final name is what was published, or nothing."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest
from support.file_server import Site, described, made_set, serving, zip_bytes
from support.paths import ROOT
from support.processes import wait_until

from digitseq.errors import DataError
from digitseq.glyphs.downloads.archive import DAMAGED, extract
from digitseq.glyphs.downloads.download_limits import DownloadLimits
from digitseq.glyphs.downloads.install import install
from digitseq.glyphs.installed import installed_files

LONG = DownloadLimits(
    connect=60, read=60, attempts=3, backoff=0.01
)  # for a server that answers, on a machine that may be busy
SHORT = replace(LONG, read=0.2)  # for one that does not


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


class Fetch:
    """One server, and installing from it into a cache."""

    def __init__(self, url, site, row, contents, cache):
        self.url, self.site, self.row, self.contents, self.cache = url, site, row, contents, cache
        self.said: list[str] = []
        self.limits = LONG

    def install(self, row=None):
        self.said.clear()
        install(row or self.row, self.cache, self.said.append, limits=self.limits)

    def files(self):
        return {p.name: p.read_bytes() for p in (self.cache / self.row.folder).iterdir() if p.name != ".lock"}

    def asks(self, path):
        return [ranges for name, ranges in self.site.asked if name == path]


@pytest.fixture(params=[False, True], ids=["files", "zip"])
def fetch(request, tmp_path):
    yield from offered(tmp_path, request.param)


@pytest.fixture
def plain(tmp_path):
    yield from offered(tmp_path, zipped=False)


@pytest.fixture
def zipped(tmp_path):
    yield from offered(tmp_path, zipped=True)


def offered(tmp_path, zipped):
    row, contents = made_set("made", (), zipped)
    site = Site({f"/{name}": data for name, data in contents.items()})
    with serving(site) as url:
        yield Fetch(url, site, row._replace(urls=(url,)), contents, tmp_path / "cache")


def wanted(fetch):
    return {name: data for name, data in fetch.contents.items() if name != "gzip.zip"}


def failure(fetch, row=None) -> str:
    with pytest.raises(DataError) as caught:
        fetch.install(row)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("manner", ["ranges", "whole", "cut", "busy", "moved"])
def test_every_file_arrives_as_published(fetch, manner):
    fetch.site.manner = dict.fromkeys(fetch.site.files, manner)
    fetch.install()
    found = fetch.files()
    assert {name: found.pop(name) for name in wanted(fetch)} == wanted(fetch)
    assert found.keys() <= {"gzip.zip"}
    bank = installed_files(fetch.row, "train", fetch.cache).build()
    assert len(bank) == 120


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("wrong", "sha256|Bad CRC"),
        ("missing", "the server answers 404"),
        ("stalled", "the server sends nothing|broke off"),
    ],
)
def test_anything_else_leaves_no_file_and_one_line(fetch, manner, reason):
    fetch.site.manner = dict.fromkeys(fetch.site.files, manner)
    if manner == "wrong" and fetch.row.archive:
        broken = {f"gzip/{n}": d[:-1] + b"?" for n, d in wanted(fetch).items()}
        fetch.site.files["/gzip.zip"] = zip_bytes(broken)
        fetch.site.manner = {}
    fetch.limits = SHORT if manner == "stalled" else LONG
    message = failure(fetch)
    assert message.startswith(f"cannot download made ({fetch.url}: ")
    assert re.search(reason, message)
    assert f"fetch {fetch.url}gzip.zip" in message or f"from {fetch.url}" in message
    assert message.endswith(f"into {fetch.cache / 'made'}")
    assert not fetch.files().keys() & fetch.contents.keys()


def test_no_server_at_all_is_one_line(fetch):
    message = failure(fetch, fetch.row._replace(urls=("http://127.0.0.1:9/",)))
    assert "no connection to the server" in message


def test_of_a_zip_file_only_the_members_are_fetched(zipped):
    zipped.install()
    assert zipped.files() == wanted(zipped)
    members = sum(len(data) for data in wanted(zipped).values())
    assert zipped.site.sent < members + 5 * 70_000 < len(zipped.contents["gzip.zip"]) + 5 * 70_000
    zipped.site.asked.clear()
    zipped.install()
    assert zipped.said == [f"made is in {zipped.cache / 'made'} already"]
    assert not zipped.site.asked


@pytest.mark.parametrize("manner", ["whole", "no_suffix", "no_suffix_whole"])
def test_a_server_without_ranges_gives_the_whole_zip_file(zipped, manner):
    zipped.site.manner = {"/gzip.zip": manner}
    zipped.install()
    assert zipped.files() == zipped.contents
    assert any("all of gzip.zip" in line for line in zipped.said)


def test_a_download_that_broke_off_is_resumed(plain):
    name, data = next(iter(plain.contents.items()))
    folder = plain.cache / "made"
    folder.mkdir(parents=True)
    (folder / f"{name}.part").write_bytes(data[:1000])
    plain.install()
    assert plain.asks(f"/{name}") == ["bytes=1000-"]
    assert plain.files() == plain.contents


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * 10_000_000], ids=["short", "long"])
@pytest.mark.parametrize("manner", ["ranges", "whole"])
def test_what_is_left_of_something_else_does_no_harm(plain, left, manner):
    name = next(iter(plain.contents))
    plain.site.manner = {f"/{name}": manner}
    (plain.cache / "made").mkdir(parents=True)
    (plain.cache / "made" / f"{name}.part").write_bytes(left)
    plain.install()
    assert plain.files() == plain.contents


def test_more_than_was_published_is_not_taken(plain):
    name, data = next(iter(plain.contents.items()))
    plain.site.manner = {f"/{name}": "endless"}
    assert "not the published file" in failure(plain)
    assert plain.files() == {}
    assert plain.site.sent < 50 * len(data)


def test_a_file_that_the_server_marks_as_packed_stays_packed(plain):
    plain.site.manner = dict.fromkeys(plain.site.files, "packed")
    plain.install()
    assert plain.files() == plain.contents


def test_addresses_are_tried_in_their_order(plain):
    plain.site.files |= {f"/second/{name}": data for name, data in plain.contents.items()}
    plain.site.manner = {f"/{name}": "missing" for name in plain.contents}
    plain.install(plain.row._replace(urls=(plain.url, plain.url + "second/")))
    assert plain.files() == plain.contents
    assert [path for path, _ in plain.site.asked][:2] == [f"/{(name := next(iter(plain.contents)))}", f"/second/{name}"]


def test_a_damaged_file_is_fetched_again_and_the_others_are_not(fetch):
    fetch.install()
    victim = fetch.cache / "made" / next(iter(wanted(fetch)))
    (fetch.cache / "made" / "gzip.zip").unlink(missing_ok=True)
    before = victim.read_bytes()
    victim.write_bytes(before[:-1])
    fetch.site.asked.clear()
    fetch.install()
    assert victim.read_bytes() == before
    assert {path for path, _ in fetch.site.asked} == {"/gzip.zip" if fetch.row.archive else f"/{victim.name}"}


def test_a_zip_file_put_there_by_hand_needs_no_server(zipped):
    for place in (zipped.cache, zipped.cache / "made"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "gzip.zip").write_bytes(zipped.contents["gzip.zip"])
        zipped.install()
        files = installed_files(zipped.row, "all", zipped.cache)
        assert len(files.build()) == 240
        for file in (zipped.cache / "made").iterdir():
            file.unlink()
        (place / "gzip.zip").unlink(missing_ok=True)
    assert not zipped.site.asked


@pytest.mark.parametrize("name", ["../evil.gz", "/etc/evil.gz", "gzip/../../evil.gz", "..\\evil.gz", "C:/evil.gz"])
def test_of_an_archive_whose_names_lead_out_of_it_nothing_else_is_unpacked(zipped, name):
    members = {f"gzip/{n}": d for n, d in wanted(zipped).items()}
    zipped.site.files["/gzip.zip"] = zip_bytes(members | {name: b"evil"})
    zipped.install()
    assert zipped.files() == wanted(zipped)
    assert list(zipped.cache.parent.rglob("*evil*")) == []


def test_a_zip_bomb_is_stopped_by_the_published_size(zipped, tmp_path):
    name = next(iter(wanted(zipped)))
    bomb = zip_bytes({f"gzip/{name}": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    zipped.site.files["/gzip.zip"] = bomb
    assert "50,000,000 bytes in the archive" in failure(zipped)
    lying = bomb.replace((50_000_000).to_bytes(4, "little"), (900).to_bytes(4, "little"))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(lying)) as archive, pytest.raises((DataError, *DAMAGED)):
        extract(archive, described(name, b"")._replace(size=900), out)
    assert out.tell() <= 900


def test_members_that_are_missing_or_cut_are_told_apart(zipped, tmp_path):
    name, data = next(iter(wanted(zipped).items()))
    other = io.BytesIO(zip_bytes({"gzip/else": b""}))
    with zipfile.ZipFile(other) as archive, pytest.raises(DataError, match="has no member"):
        extract(archive, described(name, data), io.BytesIO())
    whole = zip_bytes({f"gzip/{name}": data})
    with zipfile.ZipFile(_Ending(whole, 5000)) as archive, pytest.raises(EOFError):
        extract(archive, described(name, data), io.BytesIO())


class _Ending(io.BytesIO):
    """Bytes of which those from `end` on to the directory cannot be read."""

    def __init__(self, data, end):
        super().__init__(data)
        self.end, self.directory = end, data.rindex(b"PK\x01\x02")

    def read(self, size=-1):
        at = self.tell()
        if at < self.directory:
            size = min(size, max(self.end - at, 0))
        return super().read(size)


def test_of_two_processes_one_downloads_and_the_other_waits(fetch, tmp_path):
    fetch.site.manner = dict.fromkeys(fetch.site.files, "cut")
    code = (
        "import sys; from support.file_server import made_set; from pathlib import Path;"
        "from digitseq.glyphs.downloads.install import install;"
        f"row, _ = made_set('made', ({fetch.url!r},), {fetch.row.archive is not None});"
        f"install(row, Path({str(fetch.cache)!r}), print)"
    )
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": ""}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert fetch.files() == wanted(fetch)
    texts = sorted((out for out, _ in said), key=len)
    assert sum("already" in text for text in texts) == 1
    if not fetch.row.archive:
        assert all(len(fetch.asks(f"/{name}")) == 2 for name in fetch.contents)  # once cut off, once resumed


def test_a_damaged_zip_file_put_there_by_hand_is_named(zipped):
    path = zipped.cache / "gzip.zip"
    path.parent.mkdir()
    for data in (b"no zip", zip_bytes({"gzip/x": b""}), zipped.contents["gzip.zip"][:-1]):
        path.write_bytes(data)
        message = failure(zipped)
        assert message.startswith(f"{path} cannot be used (")
        assert message.endswith("delete it")
        assert zipped.files() == {}


def test_a_cache_that_cannot_be_written_is_one_line(plain, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert "name another directory with `cache`" in failure(plain)


PROGRAM = """
import sys
from digitseq.shell.cli import main
from digitseq.glyphs import DATA_SETS
DATA_SETS["kmnist"] = DATA_SETS["kmnist"]._replace(urls=(sys.argv[1],))
raise SystemExit(main(["--download", "kmnist", "-c", sys.argv[2]]))
"""


def test_a_download_can_be_stopped_and_resumed(tmp_path):
    name = "train-images-idx3-ubyte.gz"
    site = Site({f"/{name}": bytes(200_000)}, {f"/{name}": "stalled"})
    with serving(site) as url:
        command = [sys.executable, "-c", PROGRAM, url, str(tmp_path)]
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
        )
        part = tmp_path / "kmnist" / f"{name}.part"
        wait_until(lambda: part.exists() and part.stat().st_size)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, "digitseq: interrupted: nothing more was written\n")
    assert 0 < part.stat().st_size <= 100_000
