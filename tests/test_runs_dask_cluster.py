"""`--dask`: a real scheduler with two workers makes the same files, and survives the death of any of them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from support.clusters import DaskCluster
from support.folders import assert_nothing_unfinished
from support.formats import dump, shards, tree
from support.paths import ROOT
from support.processes import children, wait_for_end, wait_until

from digitseq import SequenceGenerator, Settings
from digitseq.files.locations import location

pytest.importorskip("distributed")

FORMATS = ["png", "webdataset", "lmdb", "parquet"]
LIMIT = 120  # seconds: only there for a test that would wait for ever
TERMINATED = 128 + signal.SIGTERM


@pytest.fixture
def new_cluster(tmp_path_factory):
    """new_cluster(environment): a scheduler and two workers with this environment."""
    made = []

    def call(environment=None):
        made.append(DaskCluster(tmp_path_factory.mktemp("dask")))
        for _ in range(2):
            made[-1].add_worker(environment)
        made[-1].wait_for_workers()
        return made[-1]

    yield call
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory, cache):
    made = DaskCluster(tmp_path_factory.mktemp("dask"))
    for _ in range(2):
        made.add_worker()
    yield made
    made.close()


def words(format_name: str = "webdataset", size: int = 3000) -> tuple[object, ...]:
    return ("-num", "5", "-s", size, "--seed", 7, "-iw", 40, "--format", format_name, *shards(format_name, 300))


def assert_as_made_here(run, tmp_path, folder: Path, *arguments) -> None:
    assert run(*arguments, "-m", 1, "-o", tmp_path / "here").returncode == 0
    here = tmp_path / "here" / "5"
    assert tree(folder) == tree(here)
    if (here / "data.mdb").exists():
        assert dump(folder) == dump(here)
    assert_nothing_unfinished(folder)


@pytest.mark.parametrize(
    ("format_name", "more"), [*((name, ()) for name in FORMATS), ("npz", ("--split_ratio", "0.5", "0.3", "0.2"))]
)
def test_a_cluster_makes_the_same_files(run, tmp_path, cluster, format_name, more):
    done = run(*words(format_name), *more, "--dask", cluster.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert_as_made_here(run, tmp_path, tmp_path / "output" / "5", *words(format_name), *more)


def test_a_worker_that_is_killed_is_replaced_by_the_others(start, run, tmp_path, new_cluster, gate_at):
    gate = gate_at(1400)
    cluster = new_cluster(gate.environment)
    process = start(*words("png"), "--dask", cluster.address)
    gate.wait()
    cluster.workers[0].kill()
    gate.open()
    _, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "")
    assert_as_made_here(run, tmp_path, tmp_path / "output" / "5", *words("png"))


@pytest.mark.slow
def test_the_end_of_the_scheduler_is_said_at_once_and_another_cluster_goes_on(
    start, run, tmp_path, new_cluster, gate_at
):
    gate = gate_at(1400)
    lost = new_cluster(gate.environment)
    process = start(*words(), "--dask", lost.address)
    gate.wait()
    lost.scheduler.kill()
    began = time.monotonic()
    _, err = process.communicate(timeout=LIMIT)
    assert time.monotonic() - began < 10
    (line,) = err.splitlines()
    assert process.returncode == 1
    assert "its scheduler has gone: " in line and "of 3,000 images are finished" in line and "--resume" in line
    done = run(*words(), "--resume", "--dask", new_cluster().address)
    assert (done.returncode, done.stderr) == (0, "")
    assert_as_made_here(run, tmp_path, tmp_path / "output" / "5", *words())


@pytest.mark.slow
@pytest.mark.parametrize(("number", "everybody"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_local_cluster_ends_with_its_run(start, run, tmp_path, gate_at, number, everybody):
    """Ctrl-C in a terminal goes to the workers, too."""
    gate = gate_at(1400)
    process = start(*words(), "--dask", "local", "-m", 2, gate=gate)
    gate.wait()
    workers = children(process.pid)
    assert len(workers) >= 2
    began = time.monotonic()
    os.killpg(process.pid, number) if everybody else process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT)
    assert time.monotonic() - began < 5
    assert process.returncode == 128 + number
    (line,) = err.splitlines()
    assert line.startswith("digitseq: interrupted: ")
    wait_for_end(workers)
    assert run(*words(), "--resume").returncode == 0
    assert_as_made_here(run, tmp_path, tmp_path / "output" / "5", *words())


def test_a_request_to_stop_ends_the_wait_for_a_worker(start, tmp_path, tmp_path_factory):
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    process = start(*words(), "--dask", cluster.address)
    try:
        wait_until(lambda: "Receive client connection" in cluster.log())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=LIMIT)
    finally:
        cluster.close()
    assert (process.returncode, err) == (TERMINATED, "digitseq: interrupted: nothing more was written\n")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("address", ["here", "tcp://", "localhost", "tcp://1.2.3.4:port"])
def test_what_is_no_address_is_refused(refused, address):
    assert "--dask must be local, or the address of a scheduler such as tcp://10.0.0.5:8786" in refused(
        "-num", "5", "--dask", address
    )


def test_a_cluster_has_workers_of_its_own(refused):
    assert "--multi_core goes without --dask, or with its address local" in refused(
        "-num", "5", "--dask", "localhost:8786", "-m", 2
    )


def test_encrypted_connections_need_certificates(refused):
    assert "has no certificates" in refused("-num", "5", "--dask", "tls://127.0.0.1:9")


def test_nobody_answers(refused, monkeypatch):
    monkeypatch.setattr("digitseq.runs.dask_cluster.CONNECT_SECONDS", 0.2)
    assert "--dask: no scheduler answers at tcp://127.0.0.1:9" in refused("-num", "5", "--dask", "tcp://127.0.0.1:9")


def test_a_cluster_without_workers_is_waited_for(start, run, tmp_path, tmp_path_factory):
    """Jobs that start workers may be queued for hours."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        process = start(*words(size=300), "--dask", cluster.address)
        assert "has no worker yet: waiting for one; start some with dask worker tcp://" in process.stderr.readline()
        cluster.add_worker()
        assert process.wait(LIMIT) == 0
    finally:
        cluster.close()


def test_it_is_a_setting_in_python_too(tmp_path, cluster):
    generator = SequenceGenerator(Settings("5", image_width=40), 7)
    generator.write(tmp_path / "dask", 50, dask=cluster.address)
    generator.write(tmp_path / "here", 50)
    assert tree(tmp_path / "dask") == tree(tmp_path / "here")


@pytest.mark.slow
def test_a_cluster_writes_to_an_object_store(new_cluster, store, run, tmp_path):
    """The workers upload what they make; it goes through no other machine."""
    url = store.new_url()
    workers = new_cluster(os.environ | {"PYTHONPATH": str(ROOT)} | store.environment)
    done = run(*words(), "--dask", workers.address, "-o", url)
    assert done.returncode == 0, done.stderr
    assert run(*words()).returncode == 0
    folder = location(url) / "5"
    made = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "output/5").iterdir() if path.is_file()}


def test_a_plan_counts_the_workers_of_the_cluster(cluster, run, tmp_path):
    plan = ("--pattern", "[0-9]{5}", "-s", 100_000_000, "--format", "webdataset", "--dry_run")
    said = run(*plan, "--dask", cluster.address)
    assert said.returncode == 0, said.stderr
    assert "shards  10,000," in said.stdout
    assert re.search("in (2 processes|one process) of the cluster", said.stdout)  # the second may be about to come
    assert list(tmp_path.iterdir()) == []
    assert "of the cluster" not in run(*plan, "--dask", "local", "-m", 2).stdout
