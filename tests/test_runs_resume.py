"""`--resume`: whatever killed a run, its end is that of a run that nothing killed, byte for byte."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.formats import FORMATS, dump, tree
from support.paths import ROOT

from digitseq import cli

LABELS = ("--labels", "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")


def arguments(folder: Path, format_name: str, size: int, cores: int, labels=()) -> list[str]:
    words = ("-num", "305", "-s", size, "-m", cores, "--seed", 7, "--format", format_name, "--shard_size", 300)
    return [*map(str, words), "-o", str(folder), "-iw", "60", "-min", "1", "-max", "3", *labels, "--quiet"]


def forked(words: list[str]) -> int:
    """The program in a process group of its own, without the time that Python takes to start."""
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        os._exit(cli.main(words))
    return process


def killed_at_random(words: list[str], longest: float, draw: random.Random) -> bool:
    """Kill the program, half the time with all its workers. Whether it was still running."""
    process = forked(words)
    time.sleep(longest * draw.uniform(0.05, 0.95))
    everything = draw.random() < 0.5
    try:
        os.killpg(process, signal.SIGKILL) if everything else os.kill(process, signal.SIGKILL)
    except ProcessLookupError:  # it had no time to make its group
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    wait_for_group(process)
    return os.WIFSIGNALED(status)


def wait_for_group(process: int) -> None:
    """Until no process of the group runs any more; ended ones may wait for init to take note."""
    deadline = time.monotonic() + 10
    while any(running_in(process, stat) for stat in Path("/proc").glob("[0-9]*/stat")):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def running_in(group: int, stat: Path) -> bool:
    try:
        state, _, found = stat.read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return int(found) == group and state != "Z"


def finish(words: list[str], folder: Path) -> None:
    """Finish what a killed run has begun; without a record it has begun nothing."""
    more = ["--resume"] if (folder / "305" / "run.json").exists() else []
    process = forked([*words, *more])
    assert os.WEXITSTATUS(os.waitpid(process, 0)[1]) == 0


def whole_run(words: list[str]) -> float:
    began = time.monotonic()
    assert os.waitpid(forked(words), 0)[1] == 0
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("format_name", "cores", "kills", "labels"),
    [
        ("png", 0, 35, ()), ("png", 2, 35, ()), ("png", 0, 15, LABELS), ("png", 2, 15, LABELS),
        ("webdataset", 2, 10, ()), ("parquet", 2, 3, ()), ("lmdb", 2, 6, ()), ("npz", 2, 6, ()),
    ],
    ids=lambda value: str(value if isinstance(value, (str, int)) else len(value)),
)  # fmt: skip
def test_killed_anywhere_and_resumed_is_the_same_as_never_killed(format_name, cores, kills, labels, tmp_path):
    memory = Path("/dev/shm")
    base = memory / f"resume-{os.getpid()}-{tmp_path.name}" if memory.is_dir() else tmp_path
    try:
        once = base / "once"
        size = 1000 if labels else 2000
        words = arguments(once, format_name, size, cores, labels)
        whole_run(words)
        shutil.rmtree(once)
        taken = whole_run(words)  # the second run: the first loads what the others share
        expected, draw, left = tree(once / "305"), random.Random(kills), kills
        while left:
            folder = base / "killed"
            words = arguments(folder, format_name, size, cores, labels)
            longest = taken
            for _ in range(min(left, draw.choice((1, 1, 2, 3)))):  # a run can be killed again while it is resumed
                begun = (folder / "305" / "run.json").exists()
                if killed_at_random([*words, "--resume"] if begun else words, longest, draw):
                    left -= 1
                else:  # it was faster than the run that was measured
                    taken *= 0.9
                longest *= 0.6  # a resumed run has less to do
            finish(words, folder)
            found = tree(folder / "305")
            assert found.keys() == expected.keys()
            assert [name for name in expected if found[name] != expected[name]] == []
            if format_name == "lmdb":
                assert dump(folder / "305") == dump(once / "305")
            shutil.rmtree(folder)
    finally:
        if memory.is_dir():
            shutil.rmtree(base, ignore_errors=True)


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_interrupted_run_is_resumed_with_its_own_seed_and_size(start, run, tmp_path, format_name):
    words = ("-num", "5", "-s", 25_000, "-m", 2, "--format", format_name, "--shard_size", 500, "-iw", 30)
    process = start(*words)
    folder = tmp_path / "output" / "5"
    while not (folder / "run.json").exists():
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "--resume" in err
    seed = json.loads((folder / "run.json").read_text())["runs"][0]["seed"]
    short = [w for w in words if w not in ("-s", 25_000)]
    assert run(*short, "--resume").returncode == 0
    assert run(*words, "--seed", seed, "-o", "once").returncode == 0
    assert tree(folder) == tree(tmp_path / "once" / "5")
    again = run(*words, "--resume")
    assert (again.returncode, again.stdout) == (0, "output/5: the last run is finished already\n")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--seed", "8"], "its seed is 7, not 8"),
        (["-s", "31"], "its size is 30, not 31"),
        (["-max", "9"], "its max_spacing is 10, not 9"),
        (["-da"], "its data_augmentation is false, not true"),
        (["--format", "webdataset"], 'its format is "png", not "webdataset"'),
        (["--labels", "txt"], 'its labels is ["jsonl"], not ["txt"]'),
        (["--split", "test"], 'its split is "train", not "test"'),
        (["--split_ratio", "1", "0", "0"], "its split_ratio is null"),
    ],
)
def test_another_run_is_not_resumed(run, tmp_path, changed, message):
    assert run("-num", "5", "-s", 30, "--seed", 7).returncode == 0
    before = tree(tmp_path / "output")
    done = run("-num", "5", "--resume", *changed)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert tree(tmp_path / "output") == before


def test_only_what_is_missing_is_written(run, tmp_path):
    run("-num", "5", "-s", 900, "--seed", 7)
    folder = tmp_path / "output" / "5"
    record = json.loads((folder / "run.json").read_text())
    expected = tree(folder)
    record["runs"][0]["status"] = "running"
    (folder / "run.json").write_text(json.dumps(record))
    for number in (3, 700):
        (folder / f"{number}.png").unlink()
    (folder / "4.png").write_bytes(expected["4.png"][:50])
    kept = {p.name: p.stat().st_ino for p in folder.glob("*.png")}
    assert run("-num", "5", "--resume").returncode == 0
    assert tree(folder) == expected
    changed = {p.name for p in folder.glob("*.png") if kept.get(p.name) != p.stat().st_ino}
    assert changed <= {"3.png", "700.png", "4.png"}


def test_the_next_run_without_resume_goes_on_after_the_whole_shards(start, run, tmp_path):
    process = start("-num", "5", "-s", 200_000, "-m", 2, "--seed", 3, "--format", "webdataset", "--shard_size", 1000)
    folder = tmp_path / "output" / "5"
    while not (folder / "5-000002.tar").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    whole = len(list(folder.glob("*.tar")))
    assert run("-num", "5", "-s", 10, "--seed", 3, "--format", "webdataset").returncode == 0
    runs = json.loads((folder / "run.json").read_text())["runs"]
    assert [(r["status"], r["images"]) for r in runs] == [("interrupted", 1000 * whole), ("finished", 10)]
    assert runs[1]["first"] == 1000 * whole + 1
    assert sorted(p.name for p in folder.iterdir() if p.name[0] == ".") == [".digitseq.lock"]


def test_a_full_disk_leaves_whole_shards_only(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        for format_name in FORMATS[1:]:
            words = ("-num", "12", "-s", 9000, "-m", 2, "-o", disk, "--seed", 1, "--shard_size", 100)
            done = run(*words, "--format", format_name)
            assert done.returncode == 1, (format_name, done)
            assert "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr
            record = json.loads((disk / "12" / "run.json").read_text())["runs"][-1]
            shards = len([p for p in (disk / "12").iterdir() if p.suffix in (".tar", ".parquet", ".npz", ".mdb")])
            # where whole shards fill the disk to its last block, the next run has to mend the record
            assert (record["status"], record["images"]) in {("interrupted", 100 * shards), ("running", 0)}
            assert f"{100 * shards:,} of 9,000 images are finished" in done.stderr
            assert (shards > 0) == (format_name in ("webdataset", "parquet"))
            shutil.rmtree(disk / "12")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_importing_the_command_line_loads_no_format():
    code = (
        "import sys, digitseq.cli; sys.exit(any(m in sys.modules for m in ('lmdb', 'pyarrow', 'tarfile', 'zipfile')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
