"""How runs grow to 1,000 workers and 10⁹ images: `python tests/campaigns/scale.py [--long] [--chart FILE]`.

What making, publishing and Dask cost is measured on this machine; the cluster is simulated with it. Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from campaigns.measured_owner import SHARD, Owner, measure_owner
from campaigns.measured_work import DOCUMENTED, Making, measure_dask, measure_making
from campaigns.scale_chart import Line, Panel, draw
from campaigns.simulated_cluster import HOUR, Cluster, Store, simulate

WORKERS, IMAGES, MOST = (1, 10, 100, 1000), (10**7, 10**8, 10**9), 10**9
WINDOW, WINDOWS = 16, (1, 2, 3, 4, 8, 16, 24, 32)
# assumed, not measured: seconds, and bytes per second
REQUEST, COPY, AT_ONCE, BATCH, UPLOAD = 0.035, 0.05, 64, 256, 100e6  # an object store; the last for each worker
DISK = 5e9  # a shared disk, for all workers together
REQUESTS = 4  # for each publication: is the lease ours; journal before; journal after; remove what was copied


@dataclass(frozen=True)
class Measured:
    """owners: on memory and on disk, by number of parts; client, scheduler: Dask's seconds for a task."""

    making: dict[str, Making]
    owners: dict[str, list[Owner]]
    client: float
    scheduler: float

    def cluster(
        self, workers: int, images: int, looks: str = "light", objects: bool = True, enlarged: int = 1
    ) -> Cluster:
        """enlarged: how many times the usual number of images a part has"""
        making, owner = self.making[looks], self.owners["disk"][-1]
        size = making.size * enlarged
        disk = Store(size, each=owner.publish, together=DISK)
        store = Store(size, COPY, REQUESTS * REQUEST, AT_ONCE, BATCH, UPLOAD, busy=False) if objects else disk
        return Cluster(
            workers, images // (SHARD * enlarged), making.mean * enlarged, store, WINDOW, making.spread,
            client=self.client, scheduler=self.scheduler,
        )  # fmt: skip


def measure(long: bool) -> Measured:
    """long: with as many parts as 10⁹ images have."""
    counts = [10**3, 10**4, *([10**5] if long else [])]
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as fast,
        tempfile.TemporaryDirectory() as slow,
    ):
        making = {
            "plain": measure_making(Path(fast), None, 12),
            "light": measure_making(Path(fast), "light", 4),
        }
        owners = {
            name: [measure_owner(_empty(Path(folder, str(count))), count) for count in some]
            for name, folder, some in (("memory", fast, counts), ("disk", slow, counts[:2]))
        }
        client, scheduler = measure_dask(Path(fast), 1000) or (DOCUMENTED, DOCUMENTED)
    return Measured(making, owners, client, scheduler)


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def print_measured(measured: Measured) -> None:
    _table("looks", ["seconds a part, one core", "spread", "MB a part"], (
        (name, f"{m.mean:.2f}", f"{m.spread:.0%}", f"{m.size / 1e6:.0f}") for name, m in measured.making.items()
    ))  # fmt: skip
    titles = ["ms to publish a part", "journal, bytes a part", "MB", "s to stop", "MB", "s to resume", "MB"]
    _table("parts", titles, (
        (
            f"{o.parts:,}, {name}", f"{o.publish * 1e3:.2f}", f"{o.journal:.0f}", f"{o.memory:.0f}", f"{o.stop:.2f}",
            f"{o.stop_memory:.0f}", f"{o.resume:.2f}", f"{o.resume_memory:.0f}",
        )
        for name, owners in measured.owners.items() for o in owners
    ))  # fmt: skip
    print(f"\nDask, ms of processor time a task: client {measured.client * 1e3:.1f}, "
          f"scheduler {measured.scheduler * 1e3:.1f}")  # fmt: skip


def print_growth(measured: Measured) -> dict[tuple[str, int], float]:
    """Hours for 10⁹ images, by name of the case and number of workers."""
    hours, journal = dict[tuple[str, int], float](), measured.owners["memory"][-1].journal
    titles = ["images", "run time", "share of the ideal", "journal", "most is lost to"]
    for looks in measured.making:
        for objects in (True, False):
            name, rows = f"{looks}, {'object store' if objects else 'shared disk'}", []
            for workers in WORKERS:
                for images in IMAGES if looks == "light" else [MOST]:
                    cluster = measured.cluster(workers, images, looks, objects)
                    found = simulate(cluster)
                    hours[name, workers] = found.seconds / HOUR  # the last is that for 10⁹
                    lines = f"{cluster.parts * journal / 1e6:.1f} MB"
                    what = f"{workers:,}", f"{images:,}"
                    rows.append((*what, _time(found.seconds), f"{found.efficiency:.0%}", lines, found.bottleneck))
            _table(f"workers ({name})", titles, rows)
    return hours


def print_larger_parts(measured: Measured) -> None:
    rows = []
    for enlarged in (1, 3, 10):
        found = [simulate(measured.cluster(1000, MOST, looks, enlarged=enlarged)) for looks in measured.making]
        rows.append((f"{enlarged * SHARD:,}", *(f"{_time(f.seconds)}, {f.efficiency:.0%}" for f in found)))
    _table("images a part (1,000 workers, 10⁹ images, object store)", list(measured.making), rows)


def print_windows(measured: Measured) -> dict[str, list[tuple[float, float]]]:
    """(window, share of the ideal) for each number of workers."""
    clusters = {f"{n:,} workers": measured.cluster(n, 100 * SHARD * n) for n in WORKERS[1:]}
    clusters["1,000, dying hourly"] = replace(clusters["1,000 workers"], life=HOUR)
    found = {
        name: [simulate(replace(cluster, window=window)) for window in WINDOWS] for name, cluster in clusters.items()
    }
    ahead = [outcome.made_ahead for outcome in found["1,000 workers"]]
    rows = (
        (str(window), *(f"{outcomes[i].efficiency:.0%}" for outcomes in found.values()), f"{ahead[i]:,}")
        for i, window in enumerate(WINDOWS)
    )
    _table("parts in flight for each worker (light, object store)", [*found, "most made ahead, 1,000 workers"], rows)
    return {name: [(w, o.efficiency) for w, o in zip(WINDOWS, outcomes)] for name, outcomes in found.items()}


def chart(hours: dict[tuple[str, int], float], windows: dict[str, list[tuple[float, float]]]) -> str:
    """The picture for tests/benchmarks/README.md."""
    cases = dict.fromkeys(name for name, _ in hours)
    lines = [Line(name, [(n, hours[name, n]) for n in WORKERS]) for name in cases]
    ideals = [Line("", [(n, hours[name, 1] / n) for n in WORKERS], dashed=True) for name in cases]
    return draw([
        Panel(
            "time for 10⁹ images", "workers (dashed: ideal)", [(n, f"{n:,}") for n in WORKERS],
            [(1 / 360, "10 s"), (1 / 60, "1 min"), (1 / 6, "10 min"), (1, "1 h"), (10, "10 h"), (200, "200 h")], [*ideals, *lines],
        ),
        Panel(
            "share of the ideal speed, light, object store", "parts in flight for each worker",
            [(n, str(n)) for n in (1, 2, 4, 8, 16, 32)], [(n / 100, f"{n} %") for n in range(0, 101, 20)],
            [Line(name, points) for name, points in windows.items()], linear=True,
        ),
    ])  # fmt: skip


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 1.5 * HOUR else f"{seconds / HOUR:.1f} h"


def _table(first: str, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(f"\n| {' | '.join([first, *titles])} |\n|---|{'--:|' * len(titles)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="measure the owner with the parts of 10⁹ images, too")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="write the SVG picture to this file")
    given = parser.parse_args(argv)
    measured = measure(given.long)
    print_measured(measured)
    hours = print_growth(measured)
    print_larger_parts(measured)
    windows = print_windows(measured)
    if given.chart:
        given.chart.write_text(chart(hours, windows), encoding="utf-8")


if __name__ == "__main__":
    main()
