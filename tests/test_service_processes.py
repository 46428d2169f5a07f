"""Processes that make what the service sends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from support.paths import ROOT
from support.processes import children, wait_for_end, wait_until
from support.service import serve

from digitseq.errors import SettingsError
from digitseq.service.batches import Wanted
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.maker import InThisProcess, Maker
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.requests import RequestValues, settings_within
from digitseq.service.worker_processes import WorkerProcesses
from digitseq.service.worker_threads import Stopped
from digitseq.sources.base import never_cancelled

LIMITS = Limits(max_text=40)
HERE = InThisProcess(Maker(LIMITS, settings_within(LIMITS), PipelineCache(LIMITS, GlyphSets(None), finds_lines=False)))
LIGHT = (("augment", "light"),)
LONG = RequestValues({"number": "123456", "augment": ["heavy"]}, {"seed": 1})
DATA_SET = (1_000, "webdataset", ("jsonl",), False)


@pytest.fixture(scope="module")
def processes():
    made = WorkerProcesses(LIMITS, None, keep=1)
    yield made
    made.close()


def asked(**values) -> RequestValues:
    return RequestValues(values, {"seed": 7})


def pid(processes: WorkerProcesses) -> int:
    """Of the process that makes the next thing."""
    return processes.call(process_id)(never_cancelled)


def process_id(maker: Maker, check) -> int:
    return os.getpid()


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def stopped() -> None:
    raise Stopped


@pytest.mark.parametrize(
    "work",
    [
        (Maker.image, (*LIGHT, ("random_digits", "3,5")), 5, 2),
        (Maker.images, LIGHT, [Wanted("12", 1, 0), Wanted("34", 2, 9), Wanted("1-2", 3, 1), Wanted("x", 4, 0)]),
        (Maker.sample, asked(phone="JP", masks=True), 3),
        (Maker.samples, asked(number="0071", style="pen", split="test"), 2, 5),
        (Maker.samples, asked(random_digits=[1, 2], unique=True, image_width=0), 0, 20),
    ],
    ids=lambda work: work[0].__name__,
)
def test_a_process_makes_what_is_made_here(processes, work):
    here, there = ([repr(one.call(*work)(never_cancelled))] for one in (HERE, processes))
    assert here == there


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("name", ["webdataset", "zip", "npz"])
def test_a_process_streams_what_is_made_here(processes, name, framed):
    work = (Maker.data_set, asked(number="12"), 3000, name, ("jsonl",), framed)
    here, there = (list(one.stream(*work)(never_cancelled)) for one in (HERE, processes))
    assert len(here) > 1 and here == there


@pytest.mark.parametrize(
    ("values", "kind", "field"),
    [({"number": "1" * 9, "image_width": 30}, SettingsError, "setting"), ({"number": "1" * 41}, Problem, "field")],
)
def test_errors_are_those_that_would_be_raised_here(processes, values, kind, field):
    said = []
    for one in (HERE, processes):
        with pytest.raises(kind) as raised:
            one.call(Maker.samples, asked(**values), 0, 1)(never_cancelled)
        said.append((str(raised.value), getattr(raised.value, field)))
    assert said[0] == said[1] and said[0][1]
    assert "pipeline_cache.py" in str(raised.value.__cause__)  # where it was raised


def test_a_problem_keeps_its_headers_and_words(processes):
    with pytest.raises(Problem) as raised:
        processes.call(refused)(never_cancelled)
    assert (raised.value.status, raised.value.headers) == (429, {"Retry-After": "3"})
    assert (raised.value.detail, raised.value.message) == ("lower size", "lower `size`")


def refused(maker: Maker, check) -> None:
    raise Problem(429, "lower `size`", Retry_After="3")


def test_what_cannot_be_sent_is_told_by_its_name(processes):
    for work in (unsendable_error, unsendable_result):
        with pytest.raises(RuntimeError, match="Unsendable"):
            processes.call(work)(never_cancelled)
    assert pid(processes)


class Unsendable(Exception):
    def __reduce__(self) -> str:
        raise TypeError("cannot be pickled")


def unsendable_error(maker: Maker, check) -> None:
    raise Unsendable


def unsendable_result(maker: Maker, check) -> Unsendable:
    return Unsendable()


def test_work_that_nobody_waits_for_ends_and_its_process_goes_on(processes):
    before = pid(processes)
    with pytest.raises(Stopped):  # within a piece that would take a minute
        next(processes.stream(Maker.data_set, LONG, 50_000, "npz", ("jsonl",), False)(stopped))
    pieces = processes.stream(Maker.data_set, LONG, *DATA_SET)(never_cancelled)
    next(pieces)
    pieces.close()  # between two pieces
    assert pid(processes) == before


def test_one_that_is_killed_while_it_works_is_replaced(processes):
    with pytest.raises(Problem) as raised:
        processes.call(killed)(never_cancelled)
    assert raised.value.status == 503 and raised.value.headers["Retry-After"]
    assert pid(processes)


def killed(maker: Maker, check) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_that_was_killed_before_is_not_asked(processes):
    before = pid(processes)
    os.kill(before, signal.SIGKILL)
    wait_for_end([before])
    assert pid(processes) != before


def test_one_that_is_stopped_is_given_up(monkeypatch):
    monkeypatch.setattr("digitseq.service.worker_process.END_SECONDS", 0.2)
    processes = WorkerProcesses(LIMITS, None, keep=1)
    stuck = pid(processes)
    os.kill(stuck, signal.SIGSTOP)
    with pytest.raises(Stopped):
        processes.call(process_id)(stopped)
    wait_for_end([stuck])
    assert pid(processes) != stuck
    processes.close()


def test_where_no_process_can_be_started_each_request_is_told_so(monkeypatch):
    monkeypatch.setattr("digitseq.service.worker_processes.METHODS", ())
    processes = WorkerProcesses(LIMITS, None, keep=1)
    processes.start()
    with pytest.raises(Problem, match="cannot start another process") as raised:
        pid(processes)
    assert raised.value.status == 503
    processes.close()


def test_an_answer_that_signals_interrupt_arrives_whole(processes):
    """As when the service is stopped and goes on: its reading of a large answer then ends early."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(5):
            assert processes.call(large)(never_cancelled) == bytes(30_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def large(maker: Maker, check) -> bytes:
    return bytes(30_000_000)


def test_as_many_idle_processes_stay_as_are_to_be_kept():
    processes, others = WorkerProcesses(LIMITS, None, keep=1), {*workers_of(os.getpid())}
    streams = [processes.stream(Maker.data_set, LONG, *DATA_SET)(never_cancelled) for _ in range(3)]
    for stream in streams:
        next(stream)
    found = {*workers_of(os.getpid())} - others
    for stream in streams:
        stream.close()
    wait_until(lambda: sum(map(alive, found)) == 1)
    (left,) = filter(alive, found)
    assert pid(processes) == left
    processes.close()
    wait_for_end([left])


def workers_of(process: int) -> list[int]:
    """The processes that were forked for `process`, by way of a forking one."""
    return [worker for forking in children(process) for worker in children(forking)]


def test_processes_end_with_the_one_that_started_them(tmp_path):
    """However it ends, and whatever they do."""
    script = (
        "import sys; sys.path[:0] = [{!r}, {!r}]\n"
        "from test_service_processes import *\n"
        "if __name__ == '__main__':\n"
        "    processes = WorkerProcesses(LIMITS, None, keep=2)\n"
        "    stream = processes.stream(Maker.data_set, LONG, 50_000, 'webdataset', ('jsonl',), False)\n"
        "    print(pid(processes), pid(processes), flush=True)\n"
        "    next(stream(never_cancelled)), next(stream(never_cancelled))\n"
        "    print('begun', flush=True)\n"
        "    sys.stdin.read()\n"
    ).format(str(ROOT), str(ROOT / "tests"))
    (tmp_path / "owner.py").write_text(script)
    words = [sys.executable, str(tmp_path / "owner.py")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        first = int(owner.stdout.readline().split()[0])
        assert owner.stdout.readline() == b"begun\n"
        found = {first, *workers_of(owner.pid)}
        owner.kill()
    wait_for_end([*found])


def test_the_service_outlives_its_processes(cache, tmp_path):
    with serve(tmp_path) as served:
        path = "/v1/samples.json?number=12&augment=light&seed=1"
        before = served.client.get(path)
        found = workers_of(served.process.pid)
        assert before.status_code == 200 and found
        for worker in found:
            os.kill(worker, signal.SIGKILL)
        wait_for_end(found)
        assert served.client.get(path).content == before.content
        plain = served.client.get("/v1/sequences/12.png?seed=1")
        assert plain.status_code == 200


def test_processes_are_started_where_the_path_of_temporary_files_is_too_long_for_a_socket(cache, tmp_path):
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    with serve(tmp_path, TMPDIR=str(deep)) as served:
        assert served.client.get("/v1/samples.json?number=12&augment=light").status_code == 200
    assert not [*deep.iterdir()]
