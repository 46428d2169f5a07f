"""Client addresses take turns: what one asks for keeps nobody else waiting. No test depends on how fast anything is."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

pytest.importorskip("fastapi")
from digitseq import Pipeline, Settings
from digitseq.service import micro_batcher
from digitseq.service.batch_queue import MAX_BATCH, MAX_SHARED, BatchQueue, ImageRequest
from digitseq.service.batches import Files, Wanted, batch_key, files_of
from digitseq.service.cancelling import CancelScope, deadline, until_gone
from digitseq.service.datasets import Stream
from digitseq.service.limits import Limits
from digitseq.service.micro_batcher import BatchesElsewhere, BatchesHere
from digitseq.service.problems import Problem
from digitseq.service.scheduler import Scheduler, WorkQueue
from digitseq.service.turns import SHARED_SECONDS, ReadTurns, Sharing, Turns


def anyone(address: str) -> bool:
    return True


def taken(turns: Turns[int]) -> list[tuple[str, int]]:
    """All that waits, in the order in which it is served."""
    found = []
    while one := turns.take(anyone):
        found.append(one)
    return found


def test_addresses_take_turns_and_each_keeps_its_order():
    turns = Turns[int]()
    for item in range(5):
        turns.add("a", item)
    turns.add("b", 5)
    turns.add("c", 6)
    turns.add("b", 7)
    assert taken(turns) == [("a", 0), ("b", 5), ("c", 6), ("a", 1), ("b", 7), ("a", 2), ("a", 3), ("a", 4)]


def test_who_comes_while_another_is_served_is_next():
    turns = Turns[int]()
    for item in range(3):
        turns.add("a", item)
    assert turns.take(anyone) == ("a", 0)
    turns.add("b", 3)
    turns.add("b", 4)
    assert taken(turns) == [("b", 3), ("a", 1), ("b", 4), ("a", 2)]


def test_who_may_not_be_served_keeps_the_turn():
    turns = Turns[int]()
    for item, address in enumerate("aab"):
        turns.add(address, item)
    assert turns.take(lambda address: address != "a") == ("b", 2)
    assert turns.take(lambda address: address != "a") is None
    assert taken(turns) == [("a", 0), ("a", 1)]


def test_what_is_cancelled_leaves_and_costs_no_turn():
    turns = Turns[int]()
    for item, address in enumerate("bbaa"):
        turns.add(address, item)
    turns.discard("b", 0)
    turns.discard("b", 0)
    assert taken(turns) == [("b", 1), ("a", 2), ("a", 3)]
    turns.add("a", 4)
    turns.discard("a", 4)
    assert turns.take(anyone) is None


def submit(queue: WorkQueue, address: str, make) -> asyncio.Task:
    """Have `make` called, or awaited, when it is the turn of `address`."""

    async def turn():
        async with queue.turn(address):
            made = make()
            return await made if asyncio.iscoroutine(made) else made

    return asyncio.ensure_future(turn())


async def next_step() -> None:
    """Let all tasks go on, as far as they come without what others make."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("many", [1, 40])
def test_one_queued_call_of_another_is_made_first_at_most(many):
    order: list[str] = []

    async def ask() -> None:
        queue, gate = WorkQueue(1), asyncio.Event()
        calls = [submit(queue, "a", gate.wait)]
        calls += [submit(queue, "a", lambda k=k: order.append(f"a{k}")) for k in range(many)]
        calls += [submit(queue, "b", lambda k=k: order.append(f"b{k}")) for k in range(2)]
        await next_step()
        gate.set()
        await asyncio.gather(*calls)

    asyncio.run(ask())
    assert order.index("b0") <= 1
    assert [name for name in order if name[0] == "a"] == [f"a{k}" for k in range(many)]
    assert order.index("b0") < order.index("b1") <= 3


def test_a_place_is_left_for_the_next_address():
    async def ask() -> str:
        queue, gate = WorkQueue(2, each=1), asyncio.Event()
        held = [submit(queue, "a", gate.wait) for _ in range(3)]
        await next_step()
        found = await submit(queue, "b", lambda: "served")
        assert not any(call.done() for call in held)
        gate.set()
        await asyncio.gather(*held)
        return found

    assert asyncio.run(ask()) == "served"


@pytest.mark.parametrize(("percent", "at_once"), [(50, 1), (100, 2)])
def test_behind_a_proxy_one_address_has_all_places(percent, at_once):
    begun: list[int] = []

    async def ask() -> None:
        work, gate = Scheduler(Limits(client_percent=percent)), asyncio.Event()

        async def held(k: int) -> None:
            begun.append(k)
            await gate.wait()

        calls = [submit(work.long, "proxy", lambda k=k: held(k)) for k in range(4)]
        await next_step()
        assert len(begun) == at_once
        gate.set()
        await asyncio.gather(*calls)

    asyncio.run(ask())
    assert len(begun) == 4


def test_pieces_of_streams_take_turns():
    order: list[str] = []

    async def pieces(name: str):
        for n in range(4):
            order.append(f"{name}{n}")
            await asyncio.sleep(0)
            yield b"piece"

    async def read(stream: Stream) -> None:
        async for _ in stream:
            pass

    async def ask() -> None:
        queue, gate = WorkQueue(1), asyncio.Event()
        held = submit(queue, "a", gate.wait)
        await next_step()
        streams = [Stream(queue, pieces(name), name[0]) for name in ("a/", "a:", "a.", "b/")]
        gate.set()
        await held
        await asyncio.gather(*map(read, streams))

    asyncio.run(ask())
    mine = [place for place, name in enumerate(order) if name[0] == "b"]
    assert mine[0] <= 1
    assert [order[place] for place in mine] == [f"b/{n}" for n in range(4)]


def test_a_call_that_is_cancelled_gives_its_place_back():
    """While it waits, at the moment when it is its turn, and while it is made."""

    async def ask() -> list[str]:
        queue, loop, made = WorkQueue(1), asyncio.get_running_loop(), list[str]()
        gate = asyncio.Event()

        async def first() -> None:
            await gate.wait()
            loop.call_soon(next_one.cancel)  # it has the place then, but has not gone on

        calls = [submit(queue, "a", make) for make in (first, *[lambda: made.append("cancelled")] * 2, str)]
        _, waiting, next_one, last = calls
        await next_step()
        waiting.cancel()
        await next_step()
        gate.set()
        await last
        held = submit(queue, "a", asyncio.Event().wait)
        await next_step()
        held.cancel()
        await submit(queue, "a", lambda: made.append("served"))
        return made

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == ["served"]


def looked_at(sent: list[str]) -> list[list[str]]:
    """What is looked at in each round of the event loop, where all that is sent is received at the same time."""
    rounds: list[list[str]] = []

    async def receive() -> None:
        turns, loop = ReadTurns(), asyncio.get_running_loop()
        rounds.append([])
        for place, address in enumerate(sent):
            turns.add(loop, address, lambda name=f"{address}{place}": rounds[-1].append(name))
        while sum(map(len, rounds)) < len(sent):
            rounds.append([])
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(receive(), 60))
    return [found for found in rounds if found]


def test_what_one_address_alone_sends_is_looked_at_when_it_is_received():
    assert looked_at(["a"] * 9) == [[f"a{place}" for place in range(9)]]


def test_what_an_address_sends_beside_a_flood_is_looked_at_at_once():
    first, *later = looked_at(["b"] + ["a"] * 9 + ["c", "c"])
    assert {"b0", "a1", "c10"} == set(first)
    assert "c11" in later[0] and [len(found) for found in later[1:]] == [2, 2, 1]
    order = [name for found in [first, *later] for name in found if name[0] == "a"]
    assert order == [f"a{place}" for place in range(1, 10)]


def test_a_piece_that_cannot_be_looked_at_costs_no_other():
    seen = []

    def damaged() -> None:
        raise ValueError

    async def receive() -> None:
        turns, loop = ReadTurns(), asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: seen.append("error"))
        for address, look in [("a", int), ("b", int), ("b", damaged), ("b", lambda: seen.append("next"))]:
            turns.add(loop, address, look)
        while len(seen) < 2:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(receive(), 60))
    assert seen == ["error", "next"]


class Clock:
    """A time that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def waiting(train):
    """A queue, its clock, and a function that adds so many requests of an address to it and returns them."""
    clock = Clock()
    sharing = Sharing(clock)
    queue = BatchQueue(sharing)
    looks = {width: Pipeline(Settings("123", image_width=width), train, 0) for width in (100, 120)}

    def add(address: str, count: int, width: int = 100) -> list[ImageRequest]:
        found = [ImageRequest(looks[width], Wanted("123", 0, index), None) for index in range(count)]
        for request in found:
            sharing.note(address)
            queue.add(address, request, batch_key(looks[width], "123"))
        return found

    return queue, clock, add


def test_a_batch_has_as_many_of_others_as_of_its_own(waiting):
    queue, _, add = waiting
    few, many, other = add("few", 2), add("many", 50), add("few", 1, width=120)
    assert queue.take_batch(anyone) == ("few", few + many[:2])
    assert queue.take_batch(anyone) == ("many", many[2 : 2 + MAX_SHARED])
    assert queue.take_batch(anyone) == ("few", other)
    assert queue.take_batch(anyone) == ("many", many[2 + MAX_SHARED : 2 + 2 * MAX_SHARED])


def test_whole_batches_are_for_who_asks_alone(waiting):
    queue, clock, add = waiting
    asked = add("a", 100)
    assert queue.take_batch(anyone) == ("a", asked[:MAX_BATCH])
    (one,) = add("b", 1)
    left = asked[MAX_BATCH:]
    assert queue.take_batch(anyone) == ("b", [one, left[0]])
    assert queue.take_batch(anyone) == ("a", left[1 : 1 + MAX_SHARED])
    clock.now += SHARED_SECONDS
    left = left[1 + MAX_SHARED :]
    assert queue.take_batch(anyone) == ("a", left[:MAX_BATCH])
    assert queue.take_batch(anyone) == ("a", left[MAX_BATCH:])
    assert not queue and queue.take_batch(anyone) is None


def test_one_image_overtakes_what_others_wait_for(waiting):
    queue, clock, add = waiting
    add("a", 2 * MAX_SHARED)
    assert not queue.overtakes("a")
    queue.take_batch(anyone)
    (one,) = add("b", 1)
    assert queue.overtakes("b") and not queue.overtakes("a")
    assert queue.take_batch(anyone, join=False) == ("b", [one])
    add("b", 1)
    assert not queue.overtakes("b")  # it was served last
    clock.now += SHARED_SECONDS
    assert not queue.overtakes("a")  # nobody else has asked lately


def test_cancelled_images_leave_the_queue(waiting):
    queue, _, add = waiting
    first, second = add("a", 2)
    key = batch_key(first.look, "123")
    queue.discard("a", first, key)
    queue.discard("a", first, key)
    assert queue.take_batch(anyone) == ("a", [second])
    queue.discard("a", second, key)
    (third,) = add("a", 1)
    queue.discard("a", third, key)
    assert not queue


def batches_made(train, elsewhere: bool) -> list[str]:
    """The widths of the images in the order in which they are made: 100 for client a, with 50, and 120 for client b."""
    order: list[str] = []
    looks = {"a": Pipeline(Settings("123", image_width=100), train, 0), "b": Pipeline(Settings("123"), train, 0)}

    def make(look: Pipeline, wanted: list[Wanted]) -> Files:
        order.append("ab"[look is looks["b"]])
        return files_of(look, wanted)

    async def ask() -> None:
        gate, sharing = asyncio.Event(), Sharing()

        async def make_elsewhere(look: Pipeline, wanted: list[Wanted]) -> Files:
            await gate.wait()
            return make(look, wanted)

        batcher = BatchesElsewhere(sharing, make_elsewhere, 1) if elsewhere else BatchesHere(sharing, make)

        def asked(address: str, index: int) -> asyncio.Task[bytes]:
            look = looks[address]
            sharing.note(address)
            return asyncio.ensure_future(batcher.image(look, Wanted("123", 0, index), address, batch_key(look, "123")))

        tasks = [asked("a", index) for index in range(50)]
        await asyncio.sleep(0)
        tasks.append(asked("b", 0))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    return order


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_image_waits_for_one_batch_of_another_client_at_most(train, elsewhere):
    order = batches_made(train, elsewhere)
    assert order.index("b") <= 1 and order.count("a") > 2


def sizes_of_batches(waves: list[dict[str, int]], at_once: int, each: int = 1) -> list[list[int]]:
    """The images of the batches that are under way after each wave of so many requests by look. None ends.

    The first letter of a look is the address that asks for it.
    """
    begun: list[int] = []

    async def never(look: str, wanted: list[Wanted]) -> Files:
        begun.append(len(wanted))
        return await asyncio.get_running_loop().create_future()

    async def ask() -> list[list[int]]:
        sharing = Sharing()
        batcher, found, tasks = BatchesElsewhere(sharing, never, at_once, each), [], []
        for wave in waves:
            for look, count in wave.items():
                sharing.note(look[0])
                tasks += [
                    asyncio.ensure_future(batcher.image(look, Wanted("1", 0, k), look[0], look)) for k in range(count)
                ]
            await next_step()
            found.append([*begun])
        for task in tasks:
            task.cancel()
        return found

    return asyncio.run(ask())


def test_who_asks_alone_has_as_many_batches_made_as_can_be():
    assert sizes_of_batches([{"a": 32}], 2) == [[16, 16]]
    assert sizes_of_batches([{"a": 30}], 4) == [[8, 8, 8]]  # fewer than eight would take as long
    assert sizes_of_batches([{"a": 1}, {"a": 7}, {"a": 1}, {"a": 32}], 2) == [[1], [1], [1, 8], [1, 8]]


def test_who_asks_beside_another_has_its_share_of_them():
    waves = [{"a": 1}, {"b": 1}, {"a": 63, "b": 63}]
    assert sizes_of_batches(waves, 2)[-1] == [1, 1]
    assert sizes_of_batches(waves, 4, each=1)[-1] == [1, 1]
    assert sizes_of_batches(waves, 4, each=2)[-1] == [1, 1, MAX_SHARED, MAX_SHARED]


def test_an_image_that_is_made_at_once_fails_and_is_cancelled_on_its_own():
    async def ask() -> list[object]:
        sharing, gate = Sharing(), asyncio.Event()

        async def make(look: str, wanted: list[Wanted]) -> list[object]:
            await gate.wait()
            return [ValueError(look) if look == "fails" else look] * len(wanted)

        batcher = BatchesElsewhere(sharing, make, 3)
        sharing.note("x")
        sharing.note("y")
        tasks = [
            asyncio.ensure_future(batcher.image(look, Wanted("1", 0, 0), address, look))
            for address, look in [("a", "fails"), ("b", "cancelled"), ("c", "made"), ("d", "waits")]
        ]
        await next_step()
        tasks[1].cancel()
        await next_step()
        assert len(batcher._made) == 3  # the last one has its place
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    failed, cancelled, *made = asyncio.run(asyncio.wait_for(ask(), 60))
    assert isinstance(failed, ValueError) and isinstance(cancelled, asyncio.CancelledError)
    assert made == ["made", "waits"]


def test_looks_of_one_address_do_not_wait_for_each_other():
    assert sizes_of_batches([{"a1": 3, "a2": 3, "a3": 3}], 2) == [[3, 3]]


def test_nobody_waits_for_what_another_address_will_ask(monkeypatch):
    monkeypatch.setattr(micro_batcher, "GATHER", 3600)

    async def ask() -> list[str]:
        gate = asyncio.Event()

        async def make(look: str, wanted: list[Wanted]) -> list[str]:
            await gate.wait()
            return [look] * len(wanted)

        batcher = BatchesElsewhere(Sharing(), make, 1)
        tasks = [asyncio.ensure_future(batcher.image(who, Wanted("1", 0, 0), who, who)) for who in "aab"]
        await next_step()
        gate.set()
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    assert asyncio.run(ask()) == ["a", "a", "b"]


def test_a_batch_ends_when_all_who_wait_for_it_are_gone():
    async def ask() -> None:
        begun, ended = list[int](), list[str]()

        async def make(look: str, wanted: list[Wanted]) -> list[str]:
            begun.append(len(wanted))
            try:
                return await asyncio.get_running_loop().create_future()
            finally:
                ended.append(look)

        batcher = BatchesElsewhere(Sharing(), make, 1)
        first, second, next_one = (
            asyncio.ensure_future(batcher.image(look, Wanted("1", 0, 0), "a", look)) for look in "aab"
        )
        await next_step()
        first.cancel()
        await next_step()
        assert (begun, ended) == ([2], [])
        second.cancel()
        await next_step()
        assert (begun, ended) == ([2, 1], ["a"])
        next_one.cancel()

    asyncio.run(ask())


def test_a_deadline_cancels_its_task_and_says_so():
    async def ask() -> str:
        with pytest.raises(asyncio.TimeoutError), deadline(0.001):
            await asyncio.Event().wait()
        await asyncio.sleep(0)  # is not cancelled, too
        with deadline(60):
            return "in time"

    assert asyncio.run(ask()) == "in time"


@pytest.mark.parametrize("steps", range(4))
def test_a_client_that_goes_about_when_its_answer_is_there_cancels_nothing_later(steps):
    async def ask() -> str:
        went = asyncio.Event()

        async def receive() -> dict:
            await went.wait()
            return {"type": "http.disconnect"}

        with contextlib.suppress(Problem), until_gone(receive):
            await next_step()
            went.set()
            for _ in range(steps):
                await asyncio.sleep(0)
        await next_step()
        return "not cancelled"

    assert asyncio.run(ask()) == "not cancelled"


def test_the_innermost_of_several_deadlines_that_pass_is_told():
    async def ask() -> str:
        with pytest.raises(asyncio.TimeoutError), deadline(60):
            with pytest.raises(Problem, match="has gone"), until_gone(gone), deadline(60):
                await asyncio.Event().wait()
            with deadline(0.001):
                await asyncio.Event().wait()
        await next_step()
        return "goes on"

    async def gone() -> dict:
        return {"type": "http.disconnect"}

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == "goes on"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="cannot be told apart before")
def test_who_is_cancelled_and_late_at_once_is_cancelled():
    async def ask() -> None:
        scope = CancelScope()

        async def wait() -> None:
            with scope:
                await asyncio.Event().wait()

        task = asyncio.ensure_future(wait())
        await next_step()
        scope.cancel(ValueError())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())


def test_who_cancels_a_task_with_a_deadline_is_no_deadline():
    async def ask() -> None:
        async def wait() -> None:
            with deadline(60):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
