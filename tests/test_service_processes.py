"""Processes that make what the service sends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from support.paths import ROOT
from support.processes import children, wait_for_end, wait_until
from support.service import serve

from digitseq.errors import SettingsError
from digitseq.service.batches import Wanted
from digitseq.service.limits import Limits
from digitseq.service.maker import Maker
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.requests import RequestValues
from digitseq.service.worker_process import WorkerProcess
from digitseq.service.worker_processes import WorkerProcesses
from digitseq.sources.base import never_cancelled

LIMITS = Limits(max_text=40)
MAKER = Maker(LIMITS, PipelineCache(LIMITS))
LIGHT = (("augment", "light"),)
LONG = RequestValues({"number": "123456", "augment": ["heavy"]}, {"seed": 1})
DATA_SET = (1_000, "webdataset", ("jsonl",), False)


class Blocking:
    """Processes, and an event loop that runs while something is asked of them."""

    def __init__(self, new_loop=asyncio.new_event_loop, **changed: int) -> None:
        self.loop = new_loop()
        self.processes = WorkerProcesses(LIMITS, None, **{"keep": 1, "most": 1} | changed)

    def run(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, 60))

    def call(self, *work):
        return self.run(self.processes.call(*work))

    def list(self, *work) -> list[bytes]:
        return self.run(listed(self.processes.stream(*work)))

    def pid(self) -> int:
        """Of the process that makes the next thing."""
        return self.call(process_id)

    def cancel(self, coroutine) -> None:
        """Cancel it when a process has been asked."""

        async def cancelled() -> None:
            task = asyncio.ensure_future(coroutine)
            await until(self.busy)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        self.run(cancelled())

    def busy(self) -> int:
        """How many processes have been asked, and have not answered."""
        return sum(process._messages.asked for process in self.processes._all)

    def close(self) -> None:
        self.run(self.processes.close())
        self.loop.close()


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def processes(request):
    made = Blocking(pytest.importorskip(request.param).new_event_loop)
    yield made
    made.close()


async def listed(stream) -> list[bytes]:
    return [item async for item in stream]


def asked(**values) -> RequestValues:
    return RequestValues(values, {"seed": 7})


def process_id(maker: Maker, check) -> int:
    return os.getpid()


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


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
    method, *values = work
    here, there = method(MAKER, never_cancelled, *values), processes.call(*work)
    assert there == here if isinstance(here, bytes) else repr(there) == repr(here)


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("name", ["webdataset", "zip", "npz"])
def test_a_process_streams_what_is_made_here(processes, name, framed):
    work = (Maker.data_set, asked(number="12"), 3000, name, ("jsonl",), framed)
    here = list(Maker.data_set(MAKER, never_cancelled, *work[1:]))
    assert len(here) > 1 and processes.list(*work) == here


@pytest.mark.parametrize(
    ("values", "kind", "field"),
    [({"number": "1" * 9, "image_width": 30}, SettingsError, "setting"), ({"number": "1" * 41}, Problem, "field")],
)
def test_errors_are_those_that_would_be_raised_here(processes, values, kind, field):
    said = []
    for call in (partial(Maker.samples, MAKER, never_cancelled), partial(processes.call, Maker.samples)):
        with pytest.raises(kind) as raised:
            call(asked(**values), 0, 1)
        said.append((str(raised.value), getattr(raised.value, field)))
    assert said[0] == said[1] and said[0][1]
    assert "pipeline_cache.py" in str(raised.value.__cause__)  # where it was raised


def test_a_problem_keeps_its_headers_and_words(processes):
    with pytest.raises(Problem) as raised:
        processes.call(refused)
    assert (raised.value.status, raised.value.headers) == (429, {"Retry-After": "3"})
    assert (raised.value.detail, raised.value.message) == ("lower size", "lower `size`")


def refused(maker: Maker, check) -> None:
    raise Problem(429, "lower `size`", Retry_After="3")


def test_what_cannot_be_sent_is_told_by_its_name(processes):
    for work in (unsendable_error, unsendable_result):
        with pytest.raises(RuntimeError, match="Unsendable"):
            processes.call(work)
    assert processes.pid()


class Unsendable(Exception):
    def __reduce__(self) -> str:
        raise TypeError("cannot be pickled")


def unsendable_error(maker: Maker, check) -> None:
    raise Unsendable


def unsendable_result(maker: Maker, check) -> Unsendable:
    return Unsendable()


def test_an_error_that_cannot_be_received_is_told_by_its_name(processes):
    before = processes.pid()
    with pytest.raises(RuntimeError, match="TwoArguments"):
        processes.call(unreceivable_error)
    processes.cancel(processes.processes.call(waits_and_fails))
    assert processes.pid() == before


class TwoArguments(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)


def unreceivable_error(maker: Maker, check) -> None:
    raise TwoArguments(1, 2)


def waits_and_fails(maker: Maker, check) -> None:
    try:
        while True:
            check()
    finally:
        raise TwoArguments(1, 2)


def test_a_stream_whose_end_fails_gives_nobody_a_wrong_answer(processes):
    before = processes.pid()

    async def begin_and_close() -> None:
        items = processes.processes.stream(fails_at_its_end)
        assert await anext(items) == b"item"
        await items.aclose()

    processes.run(begin_and_close())
    assert [processes.call(echo, n) for n in range(3)] == [0, 1, 2]
    assert processes.pid() == before


def fails_at_its_end(maker: Maker, check):
    try:
        yield b"item"
    finally:
        raise OSError("cannot be removed")


def echo(maker: Maker, check, value: int) -> int:
    return value


def test_a_process_that_is_killed_between_two_items_is_told(processes):
    async def ask() -> None:
        items = processes.processes.stream(Maker.data_set, LONG, *DATA_SET)
        await anext(items)
        (process,) = processes.processes._all
        process._process.kill()
        await until(lambda: not process._messages.open)
        await anext(items)

    with pytest.raises(Problem, match="was killed"):
        processes.run(ask())
    assert processes.pid()


def test_work_that_nobody_waits_for_ends_and_its_process_goes_on(processes):
    before = processes.pid()
    processes.cancel(processes.processes.call(Maker.samples, LONG, 0, 10**9))
    assert processes.pid() == before
    # within a piece that would take a minute
    processes.cancel(listed(processes.processes.stream(Maker.data_set, LONG, 50_000, "npz", ("jsonl",), False)))
    assert processes.pid() == before

    async def between_two_pieces() -> None:
        pieces = processes.processes.stream(Maker.data_set, LONG, *DATA_SET)
        await anext(pieces)
        await pieces.aclose()

    processes.run(between_two_pieces())
    assert processes.pid() == before


def test_a_piece_that_arrives_when_nobody_waits_any_more_ends_the_stream(processes):
    before = processes.pid()

    async def cancelled() -> None:
        pieces = processes.processes.stream(Maker.data_set, LONG, *DATA_SET)
        task = asyncio.ensure_future(anext(pieces))
        await until(processes.busy)
        await until(lambda: not processes.busy())  # the answer is there, but the task has not gone on
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    processes.run(cancelled())
    assert processes.pid() == before


@pytest.mark.parametrize("steps", range(4))
def test_a_piece_that_arrives_about_when_its_stream_is_cancelled_ends_the_stream(processes, tmp_path, steps):
    before, mark = processes.pid(), tmp_path / "go on"

    async def cancelled() -> None:
        task = asyncio.ensure_future(anext(processes.processes.stream(waits_for, mark)))
        await until(processes.busy)
        (process,) = (one for one in processes.processes._all if one._messages.asked)
        for _ in range(10):
            await asyncio.sleep(0)  # uvloop may send at the end of a step
        mark.touch()
        select.select([process._messages._transport.get_extra_info("socket")], [], [], 60)
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    processes.run(cancelled())
    assert processes.pid() == before


def waits_for(maker: Maker, check, mark: Path):
    while not mark.exists():
        pass
    yield b"item"


async def until(true) -> None:
    while not true():
        await asyncio.sleep(0)


def test_what_a_killed_process_was_to_make_another_one_makes(processes, tmp_path):
    """Whether it was killed before it was asked, or meanwhile."""
    before = processes.pid()
    os.kill(before, signal.SIGKILL)
    wait_for_end([before])
    after = processes.pid()
    assert after not in (before, processes.call(killed_once, tmp_path / "killed"), os.getpid())


def killed_once(maker: Maker, check, mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_work_that_kills_its_process_is_given_up(processes):
    for ask in (processes.call, processes.list):
        with pytest.raises(Problem) as raised:
            ask(killed)
        assert raised.value.status == 503 and raised.value.headers["Retry-After"]
    assert processes.pid()


def killed(maker: Maker, check) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_one_that_is_stopped_is_given_up(monkeypatch):
    monkeypatch.setattr("digitseq.service.worker_process.END_SECONDS", 0.2)
    processes = Blocking()
    stuck = processes.pid()
    os.kill(stuck, signal.SIGSTOP)
    processes.cancel(processes.processes.call(process_id))
    assert processes.pid() != stuck  # waits for that
    wait_for_end([stuck])
    processes.close()


def test_one_that_is_started_for_nobody_is_there_for_the_next():
    processes, others = Blocking(), {*workers_of(os.getpid())}

    async def ask() -> int:
        first = asyncio.ensure_future(processes.processes.call(process_id))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await until(lambda: processes.processes._all)
        await asyncio.sleep(0)
        return await processes.processes.call(process_id)

    made_by = processes.run(ask())
    assert {*workers_of(os.getpid())} - others == {made_by}
    processes.close()


def test_after_the_end_nothing_is_started():
    processes = Blocking()
    processes.run(processes.processes.close())
    with pytest.raises(Problem, match="shutting down"):
        processes.call(process_id)
    processes.loop.close()


def test_what_was_cancelled_ends_before_its_process(tmp_path):
    """Also if its task learns of that later than the processes of their end."""
    processes, mark = Blocking(), tmp_path / "ended"

    async def ask() -> None:
        task = asyncio.ensure_future(listed(processes.processes.stream(marks_its_end, mark)))
        await until(processes.busy)
        closing = asyncio.ensure_future(processes.processes.close())
        await asyncio.sleep(0)
        task.cancel()
        await closing

    processes.run(ask())
    assert mark.exists()
    processes.loop.close()


def marks_its_end(maker: Maker, check, mark: Path):
    try:
        while True:
            check()
        yield b""
    finally:
        mark.touch()


def test_where_no_process_can_be_started_each_request_is_told_so(monkeypatch):
    monkeypatch.setattr("digitseq.service.worker_processes.METHODS", ())
    processes = Blocking()
    processes.run(processes.processes.start())
    with pytest.raises(Problem, match="cannot start another process") as raised:
        processes.pid()
    assert raised.value.status == 503
    processes.close()


def test_a_large_answer_arrives_whole(processes):
    assert processes.call(large) == bytes(30_000_000)


def large(maker: Maker, check) -> bytes:
    return bytes(30_000_000)


def test_as_many_idle_processes_stay_as_are_to_be_kept():
    processes, others = Blocking(most=3), {*workers_of(os.getpid())}

    async def begin_and_close() -> set[int]:
        streams = [processes.processes.stream(Maker.data_set, LONG, *DATA_SET) for _ in range(3)]
        await asyncio.gather(*map(anext, streams))
        found = {*workers_of(os.getpid())} - others
        await asyncio.gather(*(stream.aclose() for stream in streams))
        return found

    found = processes.run(begin_and_close())
    left = processes.pid()
    wait_until(lambda: [*filter(alive, found)] == [left])
    processes.close()
    wait_for_end([left])


def test_no_more_processes_than_may_be_are_started(monkeypatch):
    """Also where those who asked for them are gone before they are there."""
    processes, started = Blocking(most=2, keep=9), []
    start = WorkerProcess.started

    async def counted(*how) -> WorkerProcess:
        started.append(await start(*how))
        return started[-1]

    monkeypatch.setattr(WorkerProcess, "started", counted)

    async def ask() -> None:
        tasks = [asyncio.ensure_future(processes.processes.call(process_id)) for _ in range(20)]
        for task in tasks[:10]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    processes.run(ask())
    assert 1 <= len(started) <= 2
    processes.close()


def workers_of(process: int) -> list[int]:
    """The processes that were forked for `process`, by way of a forking one."""
    return [worker for forking in children(process) for worker in children(forking)]


def test_processes_end_with_the_one_that_started_them(tmp_path):
    """However it ends, and whatever they do."""
    script = (
        "import sys; sys.path[:0] = [{!r}, {!r}]\n"
        "from test_service_processes import *\n"
        "if __name__ == '__main__':\n"
        "    processes = Blocking(most=2)\n"
        "    print(processes.pid(), flush=True)\n"
        "    async def begin():\n"
        "        stream = processes.processes.stream(Maker.data_set, LONG, 50_000, 'webdataset', ('jsonl',), False)\n"
        "        await anext(stream)\n"
        "        asyncio.ensure_future(anext(stream))\n"
        "        asyncio.ensure_future(processes.processes.call(Maker.samples, LONG, 0, 10**9))\n"
        "        await until(lambda: processes.busy() == 2)\n"
        "    processes.run(begin())\n"
        "    print('begun', flush=True)\n"
        "    sys.stdin.read()\n"
    ).format(str(ROOT), str(ROOT / "tests"))
    (tmp_path / "owner.py").write_text(script)
    words = [sys.executable, str(tmp_path / "owner.py")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        first = int(owner.stdout.readline())
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


def test_a_process_that_stands_still_costs_the_requests_that_wait_for_it_only(cache, tmp_path):
    stopped: set[int] = set()
    with serve(tmp_path, "--max_seconds", 1, "--concurrency", 1) as served:

        def status() -> int:
            return served.client.get("/v1/sequences/12.png?augment=light").status_code

        def status_of_stopped() -> int:
            stopped.update(workers_of(served.process.pid))
            send(stopped, signal.SIGSTOP)
            return status()

        wait_until(lambda: status() == 200)
        wait_until(lambda: status_of_stopped() == 503)
        wait_until(lambda: status() == 200)
        send(stopped, signal.SIGCONT)


def send(processes: set[int], number: int) -> None:
    """Send the signal to those that have not ended."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def test_processes_are_started_where_the_path_of_temporary_files_is_too_long_for_a_socket(cache, tmp_path):
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    with serve(tmp_path, TMPDIR=str(deep)) as served:
        assert served.client.get("/v1/samples.json?number=12&augment=light").status_code == 200
    assert not [*deep.iterdir()]
