"""Glyph files that are no files, that lie about their size, or that are too large: bounded memory, one line."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from digitseq.errors import DataError, SettingsError
from digitseq.glyphs.loader import load_bank

ROOT = Path(__file__).parents[1]
IMAGES, LABELS, WIDE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "train-labels-idx2-int"


def header(*shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)


def glyphs(folder: Path) -> Path:
    """A folder of three glyphs."""
    (folder / "set").mkdir()
    (folder / "set" / IMAGES).write_bytes(header(3, 2, 2) + bytes(range(1, 13)))
    (folder / "set" / LABELS).write_bytes(header(3) + b"\1\2\3")
    return folder / "set"


def zeros(head: bytes, count: int) -> bytes:
    """A gzip of `head` and `count` zeros, made without holding them."""
    packer = zlib.compressobj(1, wbits=31)
    blocks = (bytes(min(1 << 24, count - start)) for start in range(0, count, 1 << 24))
    return packer.compress(head) + b"".join(map(packer.compress, blocks)) + packer.flush()


LIMITED = """
import resource, sys, warnings
from pathlib import Path
from digitseq.errors import DigitseqError
from digitseq.glyphs.loader import load_bank
load_bank("test")
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (200 << 20),) * 2)
try:
    load_bank("train", sys.argv[1], sys.argv[2])
except DigitseqError as error:
    print(error)
"""


def told(folder: Path, cache: Path) -> str:
    """What is said of a folder, in a process that may take 200 MB more than it has."""
    command = [sys.executable, "-c", LIMITED, str(cache), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    return done.stdout


LIES = {
    "images, packed": ({IMAGES: lambda: gzip.compress(header(4_000_000_000, 28, 28))}, "expected 3,136,000,000,016 bytes"),
    "images, small and packed": (
        {IMAGES: lambda: zeros(header(400_000_000, 1, 1), 400_000_000), LABELS: lambda: zeros(header(400_000_000), 400_000_000)},
        "400,000,000 images, 10,000,000 are possible",
    ),
    "labels, packed": ({LABELS: lambda: zeros(header(400_000_000), 400_000_000)}, "400,000,000 labels, expected 3"),
    "labels that lie": ({LABELS: lambda: gzip.compress(header(4_000_000_000))}, "expected 4,000,000,008 bytes"),
    "wide labels": ({WIDE: lambda: zeros(header(3, 200_000_000), 600_000_000)}, "200,000,000 values a label"),
    "raw": ({IMAGES: lambda: header(4_000_000_000, 28, 28)}, "expected 3,136,000,000,016 bytes"),
}  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_claims_too_much_takes_no_memory(tmp_path, lie):
    files, message = LIES[lie]
    folder = glyphs(tmp_path)
    for name, data in files.items():
        (folder / name).write_bytes(data())
    if WIDE in files:
        (folder / LABELS).unlink()
    assert message in told(folder, tmp_path / "cache")


def test_a_data_set_that_does_not_fit_into_memory_is_one_line(tmp_path):
    (tmp_path / "set").mkdir()
    for kind, data in (("images-idx3", header(90_000, 64, 64)), ("labels-idx1", header(90_000))):
        with open(tmp_path / "set" / f"train-{kind}-ubyte", "wb") as file:
            file.write(data)
            file.truncate(len(data) + 90_000 * (4096 if "images" in kind else 1))
    code = "import resource, sys; from digitseq.shell.cli import main; main(['--version']); import platformdirs, fasteners;"
    code += "import digitseq.glyphs.loader, digitseq.glyphs.own_folder, digitseq.pipeline\n"
    code += "from pathlib import Path; pages = int(Path('/proc/self/statm').read_text().split()[0])\n"
    code += "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (60 << 20),) * 2)\n"
    code += "sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-num", "0", "--dataset", "./set", "-c", "cache"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "digitseq: error: there is not enough memory" in done.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("name", [IMAGES, LABELS, "mapping.txt"])
@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "link to a device"])
def test_what_is_no_file_is_refused(tmp_path, name, kind):
    folder = glyphs(tmp_path)
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=f"{name}.* regular file"):
        load_bank("train", str(tmp_path / "cache"), str(folder))


def test_a_bank_that_is_no_file_is_built_again(tmp_path):
    folder = glyphs(tmp_path)
    path = load_bank("train", str(tmp_path / "cache"), str(folder)).path
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(UserWarning, match="building it again"):
        assert len(load_bank("train", str(tmp_path / "cache"), str(folder))) == 3
    assert path.is_file()


def test_a_user_without_a_home_makes_mnist_and_is_told_what_the_rest_needs(tmp_path, monkeypatch):
    import pwd

    def unknown(_):
        raise KeyError

    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME", "DIGITSEQ_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.warns(UserWarning, match="no home directory .* .cache. or .DIGITSEQ_CACHE"):
        bank = load_bank("test")
    assert (len(bank), bank.path) == (10_000, None)
    with pytest.raises(SettingsError, match="no home directory"):
        load_bank("test", dataset="kmnist")
    with pytest.raises(SettingsError, match="home directory ~ is not known"):
        load_bank("test", "~/cache")
    assert list(tmp_path.iterdir()) == []
    assert len(load_bank("test", str(tmp_path / "cache"))) == 10_000
