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
from digitseq.service.worker_threads import Client, FairThreadPool, Stopped, Stream
from digitseq.sources.base import Check


async def waiting_for_ever() -> dict:
    await asyncio.Event().wait()
    return {}


async def gone() -> dict:
    return {"type": "http.disconnect"}


def client(address: str = "here") -> Client:
    return Client(address, waiting_for_ever)


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
    limiter = AddressLimiter(4, 50, "requests", 1)
    with limiter.slot("a"), limiter.slot("a"):
        with pytest.raises(Problem, match="of your address") as refused, limiter.slot("a"):
            pass
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
        with limiter.slot("b"), limiter.slot("b"), pytest.raises(Problem, match="under way already"):
            limiter.slot("c").__enter__()
    assert limiter.in_use == 0
    with limiter.slot("a"):
        pass
    with AddressLimiter(1, 50, "requests", 1).slot("a"):  # a single slot is for anyone
        pass


def test_addresses_take_turns():
    order: list[str] = []

    async def ask() -> None:
        threads = FairThreadPool("test", Limits(concurrency=1))
        gate = threading.Event()
        first = threads.submit("a", gate.wait)
        waiting = [threads.submit("a", lambda n=n: order.append(f"a{n}")) for n in range(100)]
        waiting += [threads.submit("b", lambda n=n: order.append(f"b{n}")) for n in range(2)]
        gate.set()
        await asyncio.gather(first, *waiting)
        await threads.close()

    asyncio.run(ask())
    assert order[:5] == ["a0", "b0", "a1", "b1", "a2"]


def test_a_cancelled_call_is_not_made():
    made: list[int] = []

    async def ask() -> None:
        threads = FairThreadPool("test", Limits(concurrency=1))
        gate = threading.Event()
        first = threads.submit("a", gate.wait)
        threads.submit("a", lambda: made.append(1)).cancel()
        last = threads.submit("a", lambda: made.append(2))
        gate.set()
        await asyncio.gather(first, last)
        await threads.close()

    asyncio.run(ask())
    assert made == [2]


@pytest.mark.parametrize("reason", ["the client has gone", "took longer", "cancelled", "the service ends"])
def test_work_stops_at_the_next_check(reason):
    """Whoever does not want it any more: the deadline, the client, the server, the end of the service."""
    work = Counted()

    async def ask() -> None:
        seconds = 1 if reason == "took longer" else 300
        threads = FairThreadPool("test", Limits(max_seconds=seconds))
        left = gone if reason == "the client has gone" else waiting_for_ever
        task = asyncio.ensure_future(threads.run(Client("here", left), work))
        await asyncio.to_thread(work.begun.wait)
        if reason == "cancelled":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif reason == "the service ends":
            await threads.close()
            with pytest.raises(Stopped):
                await task
        else:
            with pytest.raises(Problem, match=reason):
                await task
        await asyncio.to_thread(work.ended.wait)
        assert threads.busy <= 1
        await threads.close()
        assert threads.busy == 0

    asyncio.run(ask())
    assert work.ended.is_set()


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
        threads = FairThreadPool("test", Limits())
        stream = Stream(threads, "here", lambda check: numbered(check, closed))
        await stream.begin(waiting_for_ever, 300)
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
        threads = FairThreadPool("test", Limits(concurrency=1))
        stream = Stream(threads, "here", make)
        await stream.begin(waiting_for_ever, 300)
        async for piece in stream:
            assert piece == b"first"
            await asyncio.to_thread(work.begun.wait)
            break
        stream.close()
        assert await threads.submit("other", lambda: "served") == "served"  # the one thread is free again
        await threads.close()

    asyncio.run(ask())


def test_images_and_long_work_do_not_wait_for_each_other():
    async def ask() -> None:
        work = Scheduler(Limits(concurrency=1))
        gate = threading.Event()
        sheets = [work.long.submit(f"{n}", gate.wait) for n in range(257)]
        assert await work.images.run(client(), lambda check: "an image") == "an image"
        gate.set()
        await asyncio.gather(*sheets)
        await work.close()

    asyncio.run(ask())
