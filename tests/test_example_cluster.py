"""What example/cluster/README.md says is true: all its ways from a laptop to a cluster make the same shards."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.folders import assert_nothing_unfinished
from support.gate import Gate
from support.paths import ROOT
from support.walkthrough import EXAMPLE, LIMIT, Walkthrough, array_size, slurm

from digitseq.files.locations import location

TEXT = (EXAMPLE / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)  # (language, content), in order
LINES = [line for language, content in BLOCKS if language == "sh" for line in content.splitlines()]
SHOWN = ["slurm.sh", "job.yaml", "executor.py", "read_s3.py"]
ON_DISK = ["output/laptop", "output/local", "shared/dask", "output/slurm", "output/executor"]
IN_STORE = ["digits", "dask", "kubernetes"]
TASK = ["bash", "example/cluster/slurm.sh"]


def shards(folder: Path) -> dict[str, bytes]:
    """All shards below `folder`, a path or a UPath, by name."""
    found = [path for path in folder.rglob("*.tar") if ".digitseq" not in path.parts]
    assert len({path.name for path in found}) == len(found)
    return {path.name: path.read_bytes() for path in sorted(found)}


@pytest.mark.parametrize("name", SHOWN)
def test_the_scripts_are_shown_as_they_are(name):
    assert (EXAMPLE / name).read_text(encoding="utf-8") in [content for _, content in BLOCKS]


def test_its_flags_exist():
    said = subprocess.run([sys.executable, "-m", "digitseq", "--help"], cwd=ROOT, capture_output=True, check=True)
    flags = set(re.findall(r"(?<![\w-])--?[a-z]\w*", said.stdout.decode()))
    commands = [line for line in LINES if line.startswith("digitseq")]
    used = {word for line in commands for word in shlex.split(line) if re.match(r"--?[a-z]", word)}
    assert len(used) > 8 and used <= flags


def test_the_parts_of_the_scripts_are_as_many_as_their_tasks():
    script = (EXAMPLE / "slurm.sh").read_text()
    assert f'--shards "$SLURM_ARRAY_TASK_ID/{array_size(script)}" --resume' in script
    job = pytest.importorskip("yaml").safe_load((EXAMPLE / "job.yaml").read_text())
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (job["kind"], spec["completionMode"], pod["restartPolicy"]) == ("Job", "Indexed", "Never")
    (command,) = pod["containers"][0]["args"]
    assert f"--shards $((JOB_COMPLETION_INDEX + 1))/{spec['completions']} --resume" in command


@pytest.fixture
def walkthrough(tmp_path, store) -> Iterator[Walkthrough]:
    for package in ("distributed", "webdataset", "yaml"):
        pytest.importorskip(package)
    made = Walkthrough(tmp_path, store.new_url())
    yield made
    made.close()


@pytest.mark.slow
def test_all_ways_make_the_same_shards(walkthrough):
    """The README from top to bottom: a command that fails or complains ends the test."""
    for line in LINES:
        walkthrough.follow(line)
    laptop = shards(walkthrough.folder / ON_DISK[0])
    assert len(laptop) == 10
    for name in ON_DISK[1:]:
        assert shards(walkthrough.folder / name) == laptop, name
    for name in IN_STORE:
        assert shards(location(walkthrough.place) / name) == laptop, name
    for journal in walkthrough.folder.rglob("journal.jsonl"):
        assert_nothing_unfinished(journal.parents[1])
    assert not (walkthrough.folder / "output" / "large").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "requeued"), [(signal.SIGUSR1, "requeue 704\n"), (signal.SIGTERM, "")])
def test_a_slurm_task_that_is_stopped_goes_on_later(walkthrough, tmp_path_factory, number, requeued):
    gate = Gate(tmp_path_factory.mktemp("gates") / "gate", 900)
    environment = gate.environment | {"PATH": walkthrough.environment["PATH"]} | slurm(4)
    log, folder = walkthrough.folder / "scontrol.log", walkthrough.folder / "output" / "slurm" / "random" / "4-of-4"
    log.touch()
    task = subprocess.Popen(TASK, cwd=walkthrough.folder, env=environment, stderr=subprocess.PIPE, text=True)
    gate.wait()
    task.send_signal(number)
    _, said = task.communicate(timeout=LIMIT)
    assert (task.returncode, log.read_text()) == (143, requeued)
    assert "of 300 images are finished" in said and len(shards(folder)) < 3
    walkthrough.run(shlex.join(TASK), slurm(4))
    assert list(shards(folder)) == [f"random-00000{shard}.tar" for shard in (7, 8, 9)]
    assert walkthrough.run(shlex.join(TASK), slurm(4)).endswith("the last run is already complete\n")
