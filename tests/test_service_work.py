"""Who is served when, and what is cancelled: slots, threads, and streams of pieces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
from digitseq.service.datasets import Stream
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.scheduler import AddressLimiter, Scheduler, WorkQueue
from digitseq.service.turns import Sharing
from digitseq.service.worker_threads import Stopped, WorkerThreads
from digitseq.sources.base import Check


async def waiting_for_ever() -> dict:
    await asyncio.Event().wait()
    return {}


class Counted:
    """Work that goes on until it is stopped; `checks` says how often it asked, `ended` that its thread is free."""

    def __init__(self) -> None:
        self.checks = 0
        self.begun, self.ended = threading.Event(), threading.Event()

    def __call__(self, check: Check) -> None:
        try:
            while True:
                self.begun.set()
                check()
                self.checks += 1
        finally:
            self.ended.set()


def test_slots_are_shared_out_between_addresses():
    limiter = AddressLimiter(Sharing(), 4, 50, "requests")
    with limiter.slot("a"), limiter.slot("a"):
        with pytest.raises(Problem, match="of your address") as refused, limiter.slot("a"):
            pass
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
        with limiter.slot("b"), limiter.slot("b"), pytest.raises(Problem, match="under way already"):
            limiter.slot("c").__enter__()
    assert limiter.in_use == 0
    with limiter.slot("a"):
        pass
    with AddressLimiter(Sharing(), 1, 50, "requests").slot("a"):  # a single slot is for anyone
        pass


def test_a_call_that_is_cancelled_before_a_thread_is_free_is_not_made():
    made: list[int] = []

    async def ask() -> None:
        threads, gate = WorkerThreads(1), threading.Event()
        calls = [
            asyncio.ensure_future(threads.call(make))
            for make in (lambda check: gate.wait(), lambda check: made.append(1), lambda check: made.append(2))
        ]
        await asyncio.sleep(0)
        calls[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*calls, return_exceptions=True)
        await threads.close()

    asyncio.run(ask())
    assert made == [2]


@pytest.mark.parametrize("reason", ["gone", "cancelled"])
def test_work_stops_at_the_next_check(reason):
    """Whoever does not want it any more: the client, or the server, whose deadline cancels."""
    work, busy = Counted(), []

    async def ask() -> None:
        threads, queue, begun = WorkerThreads(2, busy.append), WorkQueue(2), asyncio.Event()
        loop = asyncio.get_running_loop()
        work.begun = SimpleNamespace(set=lambda: loop.call_soon_threadsafe(begun.set))

        async def gone() -> dict:
            await begun.wait()
            return {"type": "http.disconnect"}

        make = partial(threads.call, work)
        task = asyncio.ensure_future(queue.run(make, gone if reason == "gone" else waiting_for_ever))
        await begun.wait()
        if reason == "cancelled":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(Problem, match="the client has gone"):
                await task
        await threads.close()

    asyncio.run(ask())
    assert work.ended.is_set()
    assert busy == [1, -1]


def test_what_a_call_raises_is_passed_on():
    def fails(check: Check) -> None:
        raise Stopped

    async def ask() -> None:
        threads = WorkerThreads(1)
        with pytest.raises(Stopped):
            await WorkQueue(1).run(partial(threads.call, fails), waiting_for_ever)
        await threads.close()

    asyncio.run(ask())


def numbered(check: Check, closed: list[bool]) -> Iterator[bytes]:
    try:
        yield b""
        yield b""
        for n in range(10):
            check()
            yield b"%d" % n
    finally:
        closed.append(True)


@pytest.mark.parametrize("most", [3, 100])
def test_a_stream_is_made_piece_by_piece_and_closed(most):
    closed: list[bool] = []
    found: list[bytes] = []

    async def ask() -> None:
        threads = WorkerThreads(2)
        stream = Stream(WorkQueue(1), threads.stream(lambda check: numbered(check, closed)))
        await stream.begin(waiting_for_ever)
        async for piece in stream:
            found.append(piece)
            if len(found) == most:
                break
        await stream.close()
        await threads.close()

    asyncio.run(ask())
    assert found == [b"%d" % n for n in range(min(most, 10))]
    assert closed == [True]


def test_a_stream_that_is_stopped_within_a_piece():
    work = Counted()

    def make(check: Check) -> Iterator[bytes]:
        yield b"first"
        work(check)

    async def ask() -> None:
        threads = WorkerThreads(1)
        stream = Stream(WorkQueue(1), threads.stream(make))
        await stream.begin(waiting_for_ever)
        async for piece in stream:
            assert piece == b"first"
            await asyncio.to_thread(work.begun.wait)
            break
        await stream.close()
        assert await threads.call(lambda check: "served") == "served"  # the one thread is free again
        await threads.close()

    asyncio.run(ask())


def test_a_stream_that_never_began_is_closed():
    async def ask() -> None:
        queue, threads = WorkQueue(1), WorkerThreads(1)
        async with queue.turn():
            await Stream(queue, threads.stream(lambda check: numbered(check, []))).close()
        async with queue.turn():
            await threads.close()

    asyncio.run(asyncio.wait_for(ask(), 60))


def test_images_and_long_work_do_not_wait_for_each_other():
    async def ask() -> None:
        work, gate = Scheduler(Limits(concurrency=1)), asyncio.Event()

        async def image() -> str:
            return "an image"

        sheets = [asyncio.ensure_future(work.long.run(gate.wait, waiting_for_ever)) for n in range(257)]
        await asyncio.sleep(0)
        assert await work.images.run(image, waiting_for_ever) == "an image"
        gate.set()
        await asyncio.gather(*sheets)

    asyncio.run(ask())
