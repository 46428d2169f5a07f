"""Who is served when, and what is cancelled: slots, threads, and streams of pieces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.service.scheduler import AddressLimiter, Scheduler
from digitseq.service.worker_threads import Stopped, Stream, WorkerThreads
from digitseq.sources.base import Check


async def waiting_for_ever() -> dict:
    await asyncio.Event().wait()
    return {}


async def gone() -> dict:
    return {"type": "http.disconnect"}


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
    limiter = AddressLimiter(4, 50, "requests")
    with limiter.slot("a"), limiter.slot("a"):
        with pytest.raises(Problem, match="of your address") as refused, limiter.slot("a"):
            pass
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
        with limiter.slot("b"), limiter.slot("b"), pytest.raises(Problem, match="under way already"):
            limiter.slot("c").__enter__()
    assert limiter.in_use == 0
    with limiter.slot("a"):
        pass
    with AddressLimiter(1, 50, "requests").slot("a"):  # a single slot is for anyone
        pass


def test_a_cancelled_call_is_not_made():
    made: list[int] = []

    async def ask() -> None:
        threads = WorkerThreads(1, "test")
        gate = threading.Event()
        first = threads.submit(gate.wait)
        threads.submit(lambda: made.append(1)).cancel()
        await asyncio.sleep(0)
        last = threads.submit(lambda: made.append(2))
        gate.set()
        await asyncio.gather(first, last)
        await threads.close()

    asyncio.run(ask())
    assert made == [2]


@pytest.mark.parametrize("reason", ["gone", "cancelled"])
def test_work_stops_at_the_next_check(reason):
    """Whoever does not want it any more: the client, or the server, whose deadline cancels."""
    work, busy = Counted(), []

    async def ask() -> None:
        threads = WorkerThreads(2, "test", busy.append)
        task = asyncio.ensure_future(threads.run(work, gone if reason == "gone" else waiting_for_ever))
        await asyncio.to_thread(work.begun.wait)
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
        threads = WorkerThreads(1, "test")
        with pytest.raises(Stopped):
            await threads.run(fails, waiting_for_ever)
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
        threads = WorkerThreads(2, "test")
        stream = Stream(threads, lambda check: numbered(check, closed))
        await stream.begin(waiting_for_ever)
        async for piece in stream:
            found.append(piece)
            if len(found) == most:
                break
        stream.close()
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
        threads = WorkerThreads(1, "test")
        stream = Stream(threads, make)
        await stream.begin(waiting_for_ever)
        async for piece in stream:
            assert piece == b"first"
            await asyncio.to_thread(work.begun.wait)
            break
        stream.close()
        assert await threads.submit(lambda: "served") == "served"  # the one thread is free again
        await threads.close()

    asyncio.run(ask())


def test_images_and_long_work_do_not_wait_for_each_other():
    async def ask() -> None:
        work = Scheduler(Limits(concurrency=1))
        gate = threading.Event()
        sheets = [work.long.submit(gate.wait) for n in range(257)]
        assert await work.images.run(lambda check: "an image", waiting_for_ever) == "an image"
        gate.set()
        await asyncio.gather(*sheets)
        await work.close()

    asyncio.run(ask())
