"""Parts that any executor makes: the same bytes, and a clear line when its workers cannot make them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain, islice, repeat
from pathlib import Path

import pytest
from support.folders import assert_nothing_unfinished
from support.formats import tree
from support.paths import ROOT

from digitseq import RunError, SequenceGenerator, Settings, SettingsError
from digitseq.formats.parts import Part, Receipt
from digitseq.pipeline import Pipeline
from digitseq.runs import work
from digitseq.runs.executor import ATTEMPTS, PARTS_PER_WORKER, Crew, make_by_executor
from digitseq.runs.work import Order, make_for
from digitseq.runs.workers import Stop

SETTINGS = Settings("5", image_width=40)
ORDER = Order({}, "stage", "", "")
SPLIT = {"split_ratio": (0.5, 0.3, 0.2), "name": "5"}


def write(folder: Path, executor: Executor | None = None, **settings) -> dict[str, bytes]:
    """What a run has written, by the names of the files."""
    settings = {"size": 2000, "format": "webdataset", "shard_size": 300} | settings
    report = SequenceGenerator(SETTINGS, 7).write(folder, executor=executor, **settings)
    assert_nothing_unfinished(report.folder)
    return tree(report.folder)


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("more", [SPLIT, {"format": "png", "shard_size": 10_000}])
def test_the_same_files_by_any_executor(tmp_path, pool, more):
    with pool(2) as executor:
        assert write(tmp_path / "executor", executor, **more) == write(tmp_path / "here", **more)


def _die_once(flag: Path) -> None:
    """Let this process die when it makes image 1,000, unless one has died."""
    make = Pipeline.batch

    def batch(self, start, stop):
        if stop > 1000 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return make(self, start, stop)

    Pipeline.batch = batch


def test_a_pool_that_is_broken_ends_the_run_which_can_be_resumed(tmp_path):
    with (
        ProcessPoolExecutor(2, initializer=_die_once, initargs=(tmp_path / "flag",)) as executor,
        pytest.raises(RunError, match="the executor is broken: .* images are finished .* `resume`"),
    ):
        write(tmp_path / "executor", executor)
    with ThreadPoolExecutor(2) as executor:
        assert write(tmp_path / "executor", executor, resume=True) == write(tmp_path / "here")


def _have_another_release() -> None:
    work.__version__ = "0.0.9"


def _have_other_glyphs() -> None:
    own = work.bank_of
    work.bank_of = lambda *words: own(*words).share(0, 0.5)


def _have_no_digitseq() -> None:
    sys.modules["digitseq.runs.work"] = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            _have_another_release,
            f"the worker on {socket.gethostname()} has digitseq 0.0.9, the run needs .*: pip install",
        ),
        (_have_other_glyphs, f"the worker on {socket.gethostname()} has other glyphs of mnist .train., .* `cache`"),
        (_have_no_digitseq, "a worker cannot load what it needs .*: pip install digitseq=="),
    ],
)
def test_a_worker_that_would_make_other_bytes_is_refused(tmp_path, other, said):
    with (
        ProcessPoolExecutor(1, initializer=other) as executor,
        pytest.raises(RunError, match=f"{said}.*0 of 2,000 images are finished"),
    ):
        write(tmp_path, executor)
    assert not list(tmp_path.rglob("*.tar"))


def test_a_worker_that_does_not_see_the_stage_is_refused(tmp_path):
    with pytest.raises(
        RunError, match=f"on {socket.gethostname()} does not see .*nowhere.* `output_path` on a disk that"
    ):
        make_for(ORDER._replace(stage=str(tmp_path / "nowhere")), Part(0, 0, 0, 5), 1)


@pytest.mark.parametrize("more", [{"processes": 2}, {"dask": "local"}])
def test_an_executor_has_workers_of_its_own(tmp_path, more):
    with ThreadPoolExecutor(1) as executor, pytest.raises(SettingsError, match="goes without `executor`"):
        SequenceGenerator(SETTINGS, 7).write(tmp_path, executor=executor, **more)


class KilledWorker(Exception):
    """Called like that of Dask."""


class Backwards(Executor):
    """Finishes `count` tasks at once, the last one first. failing: the exceptions of the first attempts at part 3"""

    def __init__(self, count: int, failing=()) -> None:
        self.count, self.failing, self.held, self.largest = count, iter(failing), [], 0

    def submit(self, function, task, about):
        _, part, attempt = about["arguments"]
        self.held.append((future := Future(), Part(*part)))
        self.largest = max(self.largest, len(self.held))
        if len(self.held) >= self.count or attempt > 1:
            for each, made in reversed(self.held):
                if made.number == 3 and (error := next(self.failing, None)):
                    each.set_exception(error)
                else:
                    each.set_result(Receipt(made, (), ()))
            self.held.clear()
        return future


def parts(count: int):
    return (Part(i, 0, 10 * i, 10 * i + 10) for i in range(count))


def numbers(executor: Executor, count: int, workers: int = 2, stop: Stop | None = None) -> list[int]:
    made = make_by_executor(Crew(executor, lambda: workers), ORDER, parts(count), stop or Stop())
    return [receipt.part.number for receipt in made]


def test_receipts_come_in_order_and_no_more_parts_are_under_way_than_wanted():
    executor = Backwards(2 * PARTS_PER_WORKER)
    assert numbers(executor, 10 * executor.count) == [*range(10 * executor.count)]
    assert executor.largest == executor.count


def test_more_workers_get_more_parts():
    counts, executor = chain([1], repeat(3)), Backwards(3 * PARTS_PER_WORKER)
    made = make_by_executor(Crew(executor, lambda: next(counts)), ORDER, parts(100), Stop())
    assert [receipt.part.number for receipt in islice(made, 5)] == [*range(5)]
    made.close()
    assert executor.largest == executor.count


def test_a_part_whose_workers_die_is_made_again():
    executor = Backwards(8, [KilledWorker()] * (ATTEMPTS - 1))
    assert numbers(executor, 8) == [*range(8)]


def test_a_part_that_kills_all_its_workers_ends_the_run():
    with pytest.raises(RunError, match=f"images 31 to 40 died {ATTEMPTS} times"):
        numbers(Backwards(8, repeat(KilledWorker())), 8)


@pytest.mark.parametrize("error", [RunError("no glyphs"), OSError(28, "No space left"), MemoryError()])
def test_errors_of_workers_are_raised(error):
    with pytest.raises(type(error)) as caught:
        numbers(Backwards(8, [error]), 8)
    assert caught.value is error


class Waiting(Executor):
    """Never begins with anything. then: called after each submission"""

    def __init__(self, then) -> None:
        self.futures, self.then = [], then

    def submit(self, *_):
        self.futures.append(Future())
        self.then()
        return self.futures[-1]


def test_cancelled_parts_end_the_run():
    executor = Waiting(lambda: executor.futures[0].cancel())
    with pytest.raises(RunError, match="its scheduler has gone"):
        numbers(executor, 8)
    assert all(future.cancelled() for future in executor.futures)


def test_a_request_to_stop_is_noticed_while_nothing_happens():
    stop = Stop()
    executor = Waiting(lambda: threading.Timer(0.05, setattr, (stop, "signal", signal.SIGTERM)).start())
    assert numbers(executor, 8, stop=stop) == []
    assert all(future.cancelled() for future in executor.futures)


def test_an_executor_that_was_shut_down_ends_the_run(tmp_path):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RunError, match="the executor takes no more work .*shutdown"):
        write(tmp_path, executor)


class Returning(Executor):
    """Returns this, whatever the task is."""

    def __init__(self, result: object) -> None:
        self._result = result

    def submit(self, *_, **__):
        future = Future()
        future.set_result(self._result)
        return future


class Nothing(Executor):
    """Returns no futures."""

    def submit(self, *_, **__):
        return None


@pytest.mark.parametrize(
    ("executor", "says"),
    [
        (Returning(None), "something else than its task"),
        (Returning(Receipt(Part(7, 0, 0, 300), (), ())), "something else than its task"),
        (Nothing(), "takes no more work"),
        (object(), "takes no more work"),
    ],
)
def test_what_is_no_proper_executor_ends_the_run(tmp_path, executor, says):
    """A receipt of another part would be waited for in vain."""
    with pytest.raises(RunError, match=says):
        write(tmp_path, executor)


def test_a_source_that_cannot_be_pickled_ends_the_run(tmp_path, monkeypatch):
    def refused(_):
        raise AttributeError("Can't pickle local object")

    monkeypatch.setattr(work.pickle, "dumps", refused)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(RunError, match="cannot be sent to workers .*top of a module"),
    ):
        write(tmp_path, executor)


def test_a_run_without_an_executor_loads_nothing_for_one(tmp_path):
    code = (
        "import sys; from digitseq.shell.cli import main; code = main(sys.argv[1:]); "
        "loaded = {'distributed', 'dask', 'concurrent.futures', 'digitseq.runs.executor'} & {*sys.modules}; "
        "assert not loaded, loaded; sys.exit(code)"
    )
    words = ["-num", "5", "-s", "600", "-m", "2", "-o", str(tmp_path)]
    subprocess.run([sys.executable, "-c", code, *words], check=True, cwd=ROOT)
