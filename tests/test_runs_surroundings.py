"""Where, when and by whom a run is made does not change a byte of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cases import first
from support.formats import dump, tree
from support.paths import ROOT, TESTS
from support.programs import SCRIPT

ELSEWHERE = TESTS / "support" / "elsewhere"
HERE = {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Apia", "USER": "me", "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "2"}
# the locale is one in which Python takes text for ASCII where nobody says what it is
THERE = {
    "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu", "USER": "you", "LOGNAME": "you",
    "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
LINES = "".join(f"€{number * number % 99_991}\n" for number in range(100, 1300))  # which are not all ASCII
WORDS = ("--signs", "gap", "--gap_labels", "keep", "-iw", 200, "--seed", 7, "--name", "set", "--card")
RUNS = {
    "png": ("--labels", "jsonl", "coco", "yolo", "txt", "easyocr", "tesseract", "--augment", "light"),
    "webdataset": ("--shard_size", 150),
    "parquet": ("--shard_size", 300),
    "lmdb": (),
    "npz": (),
    "split": ("--format", "png", "--split_ratio", 0.7, 0.2, 0.1),
}


def made(folder: Path, words: tuple[object, ...], environment: dict[str, str], *more_path: Path) -> Path:
    """The folder of a run that is made in the new directory `folder`, with little but `environment`."""
    folder.mkdir()
    known = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR", "DIGITSEQ_CACHE")}
    own = {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, (*more_path, ROOT)))}
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)], cwd=folder, env=known | own | environment, capture_output=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    return folder / "output" / "set"


@pytest.mark.parametrize("kind", first(RUNS))
@pytest.mark.parametrize("cores", [(0, 2), pytest.param((2, 0), marks=pytest.mark.slow)])
def test_they_do_not_change_a_byte(tmp_path, kind, cores):
    if kind in ("parquet", "lmdb"):
        pytest.importorskip({"parquet": "pyarrow", "lmdb": "lmdb"}[kind])
    (tmp_path / "lines.txt").write_text(LINES, "utf-8")
    words = ("--numbers_file", tmp_path / "lines.txt", *WORDS, *RUNS[kind])  # whose path is in the record
    words += () if kind == "split" else ("--format", kind)
    here = made(tmp_path / "here", (*words, "-m", cores[0]), HERE)
    there = made(tmp_path / "another place", (*words, "-m", cores[1]), THERE, ELSEWHERE)
    found = tree(here)
    assert {"run.json", "README.md", ".digitseq/journal.jsonl"} < found.keys()
    assert tree(there) == found
    if kind == "lmdb":
        assert dump(there) == dump(here)


def test_elsewhere_is_another_place():
    code = "import os, socket, time; print(socket.gethostname(), os.cpu_count(), len(os.sched_getaffinity(0)), time.time())"
    environment = os.environ | {"PYTHONPATH": str(ELSEWHERE)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    host, cores, usable, now = done.stdout.split()
    assert (host, cores, usable) == ("elsewhere", "1", "1")
    assert float(now) > time.time() + 10**7
