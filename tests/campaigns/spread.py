"""Runs on clusters, into object stores and in pieces, of which any process dies at any step, and which are resumed."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .campaign import Campaign, Case, Result, one_by_one
from .children import Ended
from .judge import REFUSED, judge_end, listing
from .processes import wait_until
from .scene import LEASE, Scene, Strike, enlarge, small_disk
from .spread_blows import KILLED, kinds, right_codes, strike, strikes
from .spread_setups import OWN, Spread, by_values, data_set, joined
from .started import Started, locked, run

ROOM = 1 << 28  # bytes of a disk on which every run fits
SOON = 30.0  # seconds in which a run that is told to end does so on any machine
MOST_ROUNDS = 12  # times that a run is resumed


class References:
    """Undisturbed runs by one process into a folder of this machine, each made once."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._found: dict[tuple[str, int, bool], dict[str, bytes]] = {}

    def of(self, setup: Spread) -> dict[str, bytes]:
        """The files; of the pieces, which together have those of the whole run."""
        key = setup.format, setup.size, setup.in_pieces
        if key not in self._found:
            folder = Path(tempfile.mkdtemp(dir=self._scratch, prefix="reference-"))
            for number, words in enumerate(setup.what()):
                ended = run([*words, "-m", "1"], folder / "out", folder / f"log-{number}")
                judge_end(ended, {0}, f"undisturbed {setup}")
            self._found[key] = data_set(by_values(folder / "out"))
            if setup.in_pieces and setup.format != "lmdb":  # which counts its images from 1 in each piece
                whole = self.of(Spread(setup.format, setup.store, "inline", False))
                assert joined(self._found[key]) == joined(whole), "undisturbed pieces are not the whole run"
        return self._found[key]


class _Attack:
    """One case: a run, what happens to it, its recovery, and what must hold then."""

    def __init__(self, case: Case, scene: Scene, references: References) -> None:
        self.scene, self.draw, self.folder = scene, case.draw(), case.folder
        self.setup = Spread.drawn(self.draw)
        self.expected = references.of(self.setup)
        self.kind = self.draw.choice(kinds(self.setup))
        self.disk = case.folder / "disk"
        self.out: Path | str = scene.store.new_url() if self.setup.store else self.disk / "out"
        self.rounds, self.told = 0, list[str]()

    def __str__(self) -> str:
        return f"{self.setup}: {self.kind} ({'; '.join(self.told)})"

    def carry_out(self) -> str:
        """The outcome."""
        if self.kind != "full disk":
            return self._carried_out()
        size = int(self.draw.uniform(0.2, 1.2) * sum(map(len, self.expected.values())))
        with small_disk(self.disk, size) as mounted:
            return self._carried_out() if mounted else "no small disk here"

    def _carried_out(self) -> str:
        reached, codes = self._disturbed()
        if self.kind == "full disk":
            enlarge(self.disk, ROOM)
        if codes != {0}:
            self._recover()
        self._check()
        return self.kind if reached else "not reached"

    def _disturbed(self) -> tuple[bool, set[int]]:
        """Whether it happened, and how the runs ended."""
        planned = strikes(self.kind, self.draw, self.setup, self.scene)
        if self.kind.startswith("503"):
            ended, reached = self._with_busy_store()
        else:
            ended, reached = self._round(self.setup, planned)
        codes = self._judged(ended, right_codes(self.kind, self.setup))
        if self.kind in ("scheduler", "group"):
            self.scene.lose_cluster()
        return reached or (self.kind == "full disk" and codes != {0}), codes

    def _with_busy_store(self) -> tuple[list[Ended], bool]:
        store, after, busy = self.scene.store, self.draw.randrange(5, 60), self.draw.randrange(1, 12)
        self.told.append(f"503 after {after} requests")
        with contextlib.ExitStack() as cleanup:

            def meanwhile(runs: list[Started]) -> None:
                until = begun + after + busy
                assert wait_until(lambda: store.requests() >= until or all(map(has_ended, runs))), "asked no more"
                if self.kind == "503":
                    cleanup.close()

            cleanup.enter_context(store.answering(503, after))
            begun = store.requests()
            ended, _ = self._round(self.setup, lease=None if self.kind == "503" else LEASE, meanwhile=meanwhile)
        return ended, store.requests() > begun + after

    def _round(
        self, setup: Spread, planned: Iterable[Strike] = (), resumed: bool = False, lease: float | None = LEASE,
        meanwhile: Callable[[list[Started]], object] = lambda _: None,
    ) -> tuple[list[Ended], bool]:  # fmt: skip
        """Start the run, or its pieces, and wait for the end; whether a strike was made."""
        self.rounds += 1
        log, address = self.folder / f"round-{self.rounds}", ""
        if setup.maker == "dask":
            address = self.scene.cluster.address
        words = [*setup.how(address), *["--resume"] * resumed]
        with self.scene.planned(planned, self.out, log):
            environment = self.scene.environment("owner", lease)
            runs = [
                Started([*what, *words], self.out, log / f"run-{number}", environment=environment)
                for number, what in enumerate(setup.what())
            ]
            meanwhile(runs)
            ended = self.scene.ends(runs)
            if (log / "struck").exists():
                self.told += (log / "struck").read_text().splitlines()
                late = time.time() - (log / "struck").stat().st_mtime
                if self.kind in ("scheduler", "SIGTERM") and not setup.in_pieces and not resumed:
                    assert late < SOON, f"ended after {late:.0f} s"
        left = [started for started in runs if not started.all_ended()]  # of all: they are killed now
        assert not left, "processes were left behind"
        return ended, (log / "struck").exists()

    def _judged(self, all_ended: list[Ended], right: set[int]) -> set[int]:
        """The exit codes."""
        for ended in all_ended:
            if ended.code == KILLED:
                assert KILLED in right, f"killed: {ended.one_line()}"
                assert "Traceback" not in ended.err, ended.one_line()
            else:
                judge_end(ended, right)
        return {ended.code for ended in all_ended if ended.code is not None}

    def _recover(self) -> None:
        """Resume the run until it is complete; others may make it, and be killed."""
        resumed, again = True, self.kind == "two" or self.draw.random() < 0.3
        while self.rounds < MOST_ROUNDS:
            setup = self.setup.by_another(self.draw)
            planned = [strike(self.draw, "owner", setup)] if again else []
            again = self.draw.random() < 0.3
            self.told.append(f"{'resumed' if resumed else 'begun again'} by {setup.maker}")
            ended, struck = self._round(setup, planned, resumed)
            resumed = True
            refusals = [each.err for each in ended if each.code == REFUSED]
            codes = self._judged(ended, {0, *[KILLED] * struck, *[REFUSED] * (not self.setup.in_pieces)})
            if codes == {0}:
                return
            if refusals and "no run to resume" in refusals[0]:
                resumed = False
            elif refusals and self.setup.store and "is being written by another run" in refusals[0]:
                time.sleep(LEASE)  # only --resume waits
            elif refusals:
                raise AssertionError(f"refused: {refusals[0]!r}")
        raise AssertionError(f"not complete after {MOST_ROUNDS} rounds")

    def _check(self) -> None:
        found, private = self._left()
        wrong = sorted(n for n in found.keys() | self.expected.keys() if found.get(n) != self.expected.get(n))
        assert not wrong, f"{len(wrong)} files are not those of an undisturbed run: {wrong[:5]}"
        assert not private, f"left: {sorted(private)[:5]}"
        from digitseq.files.locations import location
        from digitseq.runs.ownership import journal_of

        for folder in {name.rpartition("/")[0] for name in found if name.endswith("run.json")}:
            numbers = [entry.receipt.part.number for entry in journal_of(location(str(self.out)) / folder).read(0)]
            assert numbers == list(range(len(numbers))), f"parts in the journal of {folder}: {numbers}"

    def _left(self) -> tuple[dict[str, bytes], set[str]]:
        """The files of the data set, and what is left of digitseq's own that should not be."""
        if isinstance(self.out, Path):
            assert not locked(self.out), f"locks are held on {locked(self.out)}"
            private = {name.rpartition(OWN)[2] for name in listing(self.out) if OWN in name}
            return data_set(by_values(self.out)), private - {"journal.jsonl", "lock"}
        import fsspec

        store, path = fsspec.url_to_fs(self.out, use_listings_cache=False, skip_instance_cache=True)
        files = {name[len(path) + 1 :]: store.cat_file(name) for name in store.find(path)}
        private = {name.rpartition(OWN)[2] for name in files if OWN in name}
        # a clock of a killed run shows only when its lease has run out
        return data_set(files), {name for name in private if not name.startswith(("journal/", "owners/clock-"))}


def has_ended(started: Started) -> bool:
    """Whether the owner of the run has."""
    return started.process.poll() is not None


def judge(case: Case, scene: Scene, references: References) -> str:
    """One run."""
    attack = _Attack(case, scene, references)
    try:
        return attack.carry_out()
    except Exception as fault:
        scene.lose_cluster()  # the next case shall not suffer from it
        kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__}: "
        raise AssertionError(f"{attack}: {kind}{fault}") from None


def run_cases(seed: int, numbers: Iterable[int], scratch: Path) -> Iterator[Result]:
    """One after the other: a cluster is kept for many runs, as its users do, and keeps two processors busy."""
    with contextlib.ExitStack() as cleanup:
        scene, references = Scene(scratch, cleanup), References(scratch)
        yield from one_by_one(lambda case: judge(case, scene, references))(seed, numbers, scratch)


CAMPAIGN = Campaign(
    "spread", "runs on a cluster, into a store or in pieces, of which a process is killed or a target fails",
    "resumed by whoever, the bytes of an undisturbed run by one process; nothing made twice or left behind",
    short=14, long=300, run=run_cases,
)  # fmt: skip
