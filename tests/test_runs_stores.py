"""Runs into object stores: the same bytes as on a disk, one owner, and nothing lost."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from pathlib import Path

import pytest

from digitseq import Output, OutputError, Pipeline, RunError, Settings
from digitseq.files import object_store, retries
from digitseq.files.locations import location
from digitseq.runs import Stop, lease, work, write_images
from digitseq.runs.lease import Lease
from digitseq.runs.ownership import is_being_written, locked_folder

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("upath")
pytestmark = pytest.mark.filterwarnings("ignore:format png makes an object of each image")

SHARDS = {"png": {}, "webdataset": {"shard_size": 300}, "parquet": {"shard_size": 300}}
COUNT = 900


def pipeline(train, seed: int = 7, text: str = "[0-9]{3,5}") -> Pipeline:
    return Pipeline(Settings(pattern=text), train, seed)


def output(target: object, format_name: str, **more: object) -> Output:
    return Output(
        **{"output_path": str(target), "name": "set", "format": format_name, "size": COUNT} | SHARDS[format_name] | more
    )


def files(target: object) -> dict[str, bytes]:
    """All files of the data set by their names, but for digitseq's own."""
    return {name: data for name, data in _below(f"{target}/set").items() if not name.startswith(".digitseq/")}


def private(target: object) -> set[str]:
    """Digitseq's own files."""
    return set(_below(f"{target}/set/.digitseq"))


def _below(target: str) -> dict[str, bytes]:
    store, path = fsspec.url_to_fs(target, use_listings_cache=False)
    return {name[len(path) + 1 :]: store.cat_file(name) for name in store.find(path)}


@pytest.fixture
def memory(request):
    """A place in fsspec's own store, which is in the memory of this process."""
    target = f"memory://{request.node.name}"
    yield target
    location(target).fs.rm("/", recursive=True)


@pytest.fixture
def impatient(monkeypatch):
    """Leases run out soon, and failing requests are not repeated for long."""
    monkeypatch.setattr(lease, "EXPIRES", 0.5)
    monkeypatch.setattr(lease, "WITHDRAWN", (0.01, 0.02))
    monkeypatch.setattr(retries, "WAITS", (0.05, 0.05))
    monkeypatch.setattr(retries, "READ_WAITS", (0.05,))


@pytest.mark.parametrize("format_name", list(SHARDS))
def test_a_store_gets_the_same_bytes_as_a_disk(memory, tmp_path, train, format_name):
    for target in (memory, tmp_path):
        write_images(pipeline(train), output(target, format_name))
    assert files(memory) == files(tmp_path)
    assert private(memory) == {"journal/000000.jsonl"}


@pytest.mark.parametrize(
    ("format_name", "cores"),
    [
        ("webdataset", 2),
        pytest.param("parquet", 2, marks=pytest.mark.slow),
        pytest.param("png", 2, marks=pytest.mark.slow),
    ],
)
def test_processes_write_to_s3_what_one_writes_to_a_disk(store, run, tmp_path, format_name, cores):
    words = ["--pattern", "[0-9]{3,5}", "-s", 300, "--seed", 7, "--name", "set", "--format", format_name]
    words += ["--shard_size", 100] if format_name != "png" else []
    url = store.new_url()
    done = run(*words, "-m", cores, "-o", url)
    assert done.returncode == 0, done.stderr
    assert f"{url}/set" in done.stdout
    assert run(*words, "-o", tmp_path).returncode == 0
    assert files(url) == files(tmp_path)
    assert private(url) == {"journal/000000.jsonl"}


def test_a_folder_is_continued_and_its_labels_are_merged(memory, tmp_path, train):
    for target in (memory, tmp_path):
        for seed in (1, 2):
            write_images(pipeline(train, seed), output(target, "png", labels=("jsonl", "coco"), size=300))
    assert files(memory) == files(tmp_path)


def test_a_split_run(memory, tmp_path, train):
    for target in (memory, tmp_path):
        write_images(pipeline(train), output(target, "png", split_ratio=(0.8, 0.1, 0.1), labels=("yolo",)))
    assert files(memory) == files(tmp_path)


def test_overwrite_begins_anew(memory, tmp_path, train):
    write_images(pipeline(train, 1), output(memory, "png", size=500))
    (location(memory) / "set" / "mine.txt").write_bytes(b"mine")
    write_images(pipeline(train, 2), output(memory, "webdataset", overwrite=True))
    write_images(pipeline(train, 2), output(tmp_path, "webdataset"))
    assert files(memory) == files(tmp_path) | {"mine.txt": b"mine"}


class Killed(BaseException):
    """Ends everything at once, as a kill does: only the lease is left to run out."""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("format_name", "place"),
    [(name, place) for name, step in (("webdataset", 3), ("png", 7), ("parquet", 13)) for place in range(0, 40, step)],
)
def test_a_run_that_broke_off_at_any_request_is_resumed(memory, tmp_path, train, monkeypatch, format_name, place):
    """Each request that changes the store is one at which the process can die."""
    left = [place]
    real = object_store.ObjectStore._request

    def failing(self, call):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(self, call)

    with monkeypatch.context() as patch:
        patch.setattr(object_store.ObjectStore, "_request", failing)
        with contextlib.suppress(Killed):
            write_images(pipeline(train), output(memory, format_name))
        patch.setattr(lease.Lease, "_keep", lambda self: None)
    began = (location(memory) / "set" / "run.json").exists()
    if not began:  # only --resume waits
        time.sleep(lease.EXPIRES)
    write_images(pipeline(train), output(memory, format_name, resume=began))
    write_images(pipeline(train), output(tmp_path, format_name))
    assert files(memory) == files(tmp_path)
    # by whom the lease was read when it was killed shows only when that has run out
    assert {name for name in private(memory) if "owners/clock-" not in name} == {"journal/000000.jsonl"}


@pytest.mark.usefixtures("impatient")
def test_a_late_owner_publishes_nothing(memory, tmp_path, train, monkeypatch):
    """It was stopped (a laptop's lid, a frozen container) while another run took over, and finished."""
    monkeypatch.setattr(Lease, "_keep", lambda self: None)
    late = []

    def another_run(_: int) -> None:
        if not late:
            late.append(True)
            time.sleep(lease.EXPIRES)
            write_images(pipeline(train, 2), output(memory, "webdataset", overwrite=True))

    with pytest.raises(RunError, match="another may have taken over"):
        write_images(pipeline(train, 1), output(memory, "webdataset"), progress=another_run)
    write_images(pipeline(train, 2), output(tmp_path, "webdataset"))
    assert files(memory) == files(tmp_path)
    assert private(memory) == {"journal/000000.jsonl"}


@pytest.mark.usefixtures("impatient")
def test_a_late_owner_removes_nothing(memory, train, monkeypatch):
    """It was stopped while it took back or began anew, and another run has written the same names since."""
    monkeypatch.setattr(Lease, "_keep", lambda self: None)
    shard = location(f"{memory}/set/set-000000.tar")
    with locked_folder(shard.parent) as late:
        time.sleep(lease.EXPIRES)
        write_images(pipeline(train), output(memory, "webdataset"))
        before = files(memory)
        for remove in (
            lambda: late.remove([shard]),
            lambda: late.cut(shard, 0),
            lambda: late.remove_directory(late.kept),
        ):
            with pytest.raises(RunError, match="another may have taken over"):
                remove()
    assert files(memory) == before


@pytest.mark.usefixtures("impatient")
def test_what_a_late_owner_wants_to_copy_is_gone(memory, train, monkeypatch):
    """The moment at which it matters: after the lease was seen to be held, before the copy."""
    monkeypatch.setattr(Lease, "_keep", lambda self: None)
    path = location(memory) / "set"
    with locked_folder(path) as late:
        late.write(path / "run.json", b'{"runs": []}')
        late._store.put(late._own_stage / "run.json", b"late")
        time.sleep(lease.EXPIRES)
        with locked_folder(path) as owner:
            owner.remove_stages()
            with pytest.raises(FileNotFoundError):
                late._store.copy([(late._own_stage, path, ["run.json"])])
            assert (path / "run.json").read_bytes() == b'{"runs": []}'
            with pytest.raises(RunError):
                late.write(path / "run.json", b"late")
            assert owner.is_owned()


@pytest.mark.usefixtures("impatient")
def test_of_runs_that_begin_together_one_at_most_owns_the_folder(memory, monkeypatch):
    monkeypatch.setattr(lease, "EXPIRES", 60.0)
    path, owners, most, start = location(memory) / "set", [], [], threading.Barrier(6)

    def run() -> None:
        start.wait()
        try:
            with locked_folder(path):
                owners.append(True)
                most.append(len(owners))
                time.sleep(0.02)
                owners.pop()
        except OutputError as error:
            assert "is being written by another run" in str(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) <= {1}
    with locked_folder(path):  # and nobody has left a lease behind
        assert is_being_written(path)
    assert not is_being_written(path)


def test_the_second_run_is_refused(store, start, run, gate_at):
    url, gate = store.new_url(), gate_at(100)
    words = ["-num", 5, "-s", 300, "--seed", 7, "--format", "webdataset", "--shard_size", 100, "-o", url]
    first = start(*words, gate=gate)
    gate.wait()
    second = run(*words)
    assert second.returncode == 2
    assert "is being written by another run (process" in second.stderr
    gate.open()
    assert first.wait(60) == 0
    assert len([name for name in files_of(url, "5") if name.endswith(".tar")]) == 3


def files_of(url: str, name: str) -> dict[str, bytes]:
    return _below(f"{url}/{name}")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_in_order(store, start, run, gate_at, tmp_path, number):
    url, gate, scratch = store.new_url(), gate_at(200), tmp_path / "scratch"
    scratch.mkdir()
    gate.environment["TMPDIR"] = str(scratch)
    words = ["-num", 5, "-s", 600, "--seed", 7, "-m", 2, "--format", "webdataset", "--shard_size", 100]
    process = start(*words, "-o", url, gate=gate)
    gate.wait()
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    assert "resume" in process.stderr.read()
    assert list(scratch.iterdir()) == []  # nor what killed workers had made
    assert not is_being_written(location(url) / "5")
    assert recorded_status(url) == "interrupted"
    assert run(*words, "-o", url, "--resume").returncode == 0
    assert run(*words, "-o", tmp_path).returncode == 0
    written = {name: data for name, data in files_of(url, "5").items() if not name.startswith(".digitseq/")}
    assert written == files_in(tmp_path / "5")


def recorded_status(url: str) -> str:
    return json.loads(files_of(url, "5")["run.json"])["runs"][-1]["status"]


def files_in(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.usefixtures("impatient")
def test_a_store_that_is_busy_for_a_while_is_asked_again(store, tmp_path, train, monkeypatch):
    url, busy, gone = store.new_url(), [], contextlib.ExitStack()

    def progress(_: int) -> None:
        if not busy:
            busy.append(gone.enter_context(store.answering(503)))

    monkeypatch.setattr(retries, "WAITS", (0.1,) * 100)
    monkeypatch.setattr(object_store.ObjectStore, "_waited", lambda self, _: gone.close() is None)
    write_images(pipeline(train), output(url, "webdataset"), progress=progress)
    assert busy
    write_images(pipeline(train), output(tmp_path, "webdataset"))
    assert files(url) == files(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_store_that_is_gone_for_good_is_an_error_and_the_run_is_resumed(store, tmp_path, train):
    url, gone = store.new_url(), contextlib.ExitStack()

    def progress(_: int) -> None:
        gone.enter_context(store.answering(503))

    with gone, pytest.raises(RunError, match="of 900 images are finished in s3.*resume"):
        write_images(pipeline(train), output(url, "webdataset"), progress=progress)
    time.sleep(lease.EXPIRES + 1)  # S3 counts whole seconds
    write_images(pipeline(train), output(url, "webdataset", resume=True))
    write_images(pipeline(train), output(tmp_path, "webdataset"))
    assert files(url) == files(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "memory://here", "--format", "lmdb"], "format lmdb is one file"),
        (["-o", "memory://here", "--format", "npz"], "format npz is one file"),
        (["-o", "memory://here", "--format", "webdataset", "-m", "2"], "memory:// belongs to one process"),
        (["-o", "nosuch://here/there", "--format", "webdataset"], "nosuch"),
        (["-o", "s3://", "--format", "webdataset"], "names no bucket"),
        (["-o", "s3:/bucket/x", "--format", "webdataset"], "did you mean s3://bucket/x?"),
    ],
)
def test_what_does_not_go_with_a_store_is_refused(refused, words, says):
    assert says in refused("-num", "5", "-s", "20", *words)


def test_a_bucket_that_is_not_there_is_refused(store, run):
    done = run("-num", 5, "-o", "s3://no-such-bucket/x", "--format", "webdataset")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "s3://no-such-bucket/x/5" in done.stderr


def test_a_dry_run_leaves_nothing(memory, train):
    report = write_images(pipeline(train), output(memory, "webdataset", dry_run=True))
    assert report.estimate is not None
    assert report.estimate.free is None
    assert _below(f"{memory}/set") == {}


def test_a_run_does_not_wait_for_an_upload_after_a_request_to_stop(memory, train, monkeypatch):
    """It would for a minute and a half, as long as the store takes to fail for good. `--resume` makes the part again."""
    stop, under_way, client = Stop(), threading.Event(), location(memory).fs
    put = client.put

    def never_answered(local: list[str], keys: list[str]) -> None:
        if keys[0].endswith("000001.tar"):
            stop.signal = signal.SIGTERM
            under_way.wait(120)
        else:
            put(local, keys)

    with monkeypatch.context() as context:
        context.setattr(client, "put", never_answered)
        report = write_images(pipeline(train), output(memory, "webdataset"), stop)
    under_way.set()
    assert (report.count, report.wanted) == (300, COUNT)
    assert write_images(pipeline(train), output(memory, "webdataset", resume=True)).count == COUNT


def test_requests_end_soon_after_a_request_to_stop(monkeypatch):
    """The clients of stores repeat a request for a minute. A program that shall end must not wait for that."""
    monkeypatch.setattr(object_store, "GRACE", 0.1)
    stop, under_way = Stop(), threading.Event()
    slow = object_store.ObjectStore(location("memory://x/y"), lambda: bool(stop.signal))

    def never_answered() -> None:
        stop.signal = signal.SIGTERM
        under_way.wait(120)

    with pytest.raises(TimeoutError):
        slow._request(never_answered)
    under_way.set()


@pytest.mark.usefixtures("impatient")
def test_a_lease_that_is_released_while_it_is_renewed_is_gone(memory, monkeypatch):
    """The moment at which it matters: after the keeper saw the lease, before it writes it again."""
    monkeypatch.setattr(lease, "RENEWED", 0.01)
    renew, renewing = Lease._renew, threading.Event()

    def slow(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            renewing.set()
            time.sleep(0.1)
        renew(self)

    monkeypatch.setattr(Lease, "_renew", slow)
    owners = location(memory) / "owners"
    store = object_store.ObjectStore(owners)
    held = Lease(store, owners)
    assert held.acquire() is None
    assert renewing.wait(60)
    held.release()
    time.sleep(0.3)
    assert store.sizes(owners) == {}


def test_a_worker_asks_a_busy_store_again(memory, monkeypatch):
    monkeypatch.setattr(retries, "WAITS", (0.0,))
    path = location(memory) / "stage" / work.FILE
    path.write_bytes(b"what to do")
    answers = [OSError(5, "busy")]
    real = type(path.fs).cat_file

    def busy(self, *arguments, **options):
        if answers:
            raise answers.pop()
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(path.fs), "cat_file", busy)
    assert work._read(path) == b"what to do"


def test_a_run_that_was_copied_without_its_journal_is_not_begun_anew(memory, tmp_path, train):
    """On a disk the journal is a file, in a store several objects: a copy lacks it."""
    stop = Stop()
    write_images(
        pipeline(train), output(tmp_path, "webdataset"), stop, lambda _: setattr(stop, "signal", signal.SIGINT)
    )
    location(memory).fs.put(str(tmp_path / "set"), str(location(memory) / "set"), recursive=True)
    with pytest.raises(
        OutputError, match="lists 0 finished images, and run.json beside it 300: a run is resumed where"
    ):
        write_images(pipeline(train), output(memory, "webdataset", resume=True))
    assert files(memory) == files(tmp_path)
