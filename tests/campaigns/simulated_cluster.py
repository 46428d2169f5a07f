"""A run on a cluster as a sequence of events: who makes which part when, and what the workers wait for.

The owner submits parts in order, never more than `window` for each worker that are not yet published; the scheduler
hands them to workers; the owner publishes them strictly in order. A part that is late holds back publishing, and making
only once the window is full.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

HOUR = 3600.0
Loss = Literal["slow parts", "failures", "storage", "scheduler", "owner", "window", "end"]


@dataclass(frozen=True)
class Store:
    """Where the parts go. All times are in seconds, rates in bytes per second.

    upload: rate of a single worker; together: rate of all; size: bytes of a part
    step: for each publication; each: for `at_once` parts in it; most: parts in one publication
    busy: publishing takes the owner's processor, so that it cannot submit meanwhile
    """

    size: float
    each: float
    step: float = 0.0
    at_once: int = 1
    most: int = 1
    upload: float = math.inf
    together: float = math.inf
    busy: bool = True

    def publication(self, parts: int) -> float:
        """Seconds to publish so many parts."""
        return self.step + math.ceil(parts / self.at_once) * self.each


@dataclass(frozen=True)
class Cluster:
    """What is simulated. Times in seconds.

    make: mean time for a part; spread: its standard deviation, as a share of it
    slow: share of the parts that take `slowest[0]` to `slowest[1]` times as long (Pareto, exponent 1.5)
    life: mean time until a worker dies; detection: until its part is given to another; restart: until it is replaced
    client, scheduler: what the owner's client and the scheduler need for a task
    """

    workers: int
    parts: int
    make: float
    store: Store
    window: int = 3
    spread: float = 0.05
    slow: float = 0.01
    slowest: tuple[float, float] = (3.0, 20.0)
    life: float = 24 * HOUR
    detection: float = 30.0
    restart: float = 60.0
    client: float = 0.0
    scheduler: float = 0.001

    @property
    def part_seconds(self) -> float:
        """What a worker needs for a part, if nothing goes wrong and it waits for nobody."""
        return self.make + self.store.size / self.store.upload

    @property
    def ideal(self) -> float:
        """Seconds for all parts, if every worker does nothing but make them."""
        return self.parts * self.part_seconds / self.workers


@dataclass(frozen=True)
class Outcome:
    """seconds: until the last part was published; efficiency: `ideal` / seconds
    lost: share of the workers' time by what it was lost to; made_ahead: most parts that waited to be published
    """

    seconds: float
    efficiency: float
    lost: dict[Loss, float]
    deaths: int
    made_ahead: int

    @property
    def bottleneck(self) -> str:
        """What most of the workers' time was lost to."""
        loss, share = max(self.lost.items(), key=lambda item: item[1], default=("", 0.0))
        return f"{loss}, {share:.0%}" if share >= 0.05 else "none"


def part_times(cluster: Cluster, rng: np.random.Generator) -> NDArray[np.float64]:
    """float64 (parts,): seconds to make each part."""
    sigma = math.sqrt(math.log1p(cluster.spread**2))
    times = cluster.make * rng.lognormal(-(sigma**2) / 2, sigma, cluster.parts)
    low, high = (end**-1.5 for end in cluster.slowest)
    factors = (low - rng.random(cluster.parts) * (low - high)) ** (-1 / 1.5)  # cut off at the slowest
    return np.where(rng.random(cluster.parts) < cluster.slow, times * factors, times)


def simulate(cluster: Cluster, seed: int = 1) -> Outcome:
    """The same seed gives the same outcome."""
    return _Run(cluster, np.random.default_rng(seed)).outcome()


@dataclass
class _Run:
    cluster: Cluster
    rng: np.random.Generator
    now: float = 0.0
    events: list[tuple[float, str, int, int]] = field(default_factory=list)  # when, what, part, worker
    ready: list[int] = field(default_factory=list)  # a heap: the part that was submitted first is made first
    submitted: int = 0
    published: int = 0
    publishing: int = 0
    at_scheduler: int = 0
    made: set[int] = field(default_factory=set)
    made_ahead: int = 0
    deaths: int = 0
    client_free: float = 0.0
    scheduler_free: float = 0.0
    store_free: float = 0.0
    waited: Counter[Loss] = field(default_factory=Counter)  # worker seconds

    def __post_init__(self) -> None:
        self.times = part_times(self.cluster, self.rng).tolist()
        self.idle = list(range(self.cluster.workers))
        self.dies = self.rng.exponential(self.cluster.life, self.cluster.workers).tolist()

    def outcome(self) -> Outcome:
        cluster = self.cluster
        self._fill_window()
        while self.published < cluster.parts:
            when, what, part, worker = heapq.heappop(self.events)
            self._count_idle(when - self.now)
            self.now = when
            getattr(self, f"_{what}")(part, worker)
            self._hand_out()
            self._publish()
        total = self.now * cluster.workers
        lost = {loss: seconds / total for loss, seconds in self.waited.items()}
        return Outcome(self.now, cluster.ideal / self.now, lost, self.deaths, self.made_ahead)

    def _fill_window(self) -> None:
        limit = min(self.published + self.cluster.window * self.cluster.workers, self.cluster.parts)
        for part in range(self.submitted, limit):
            self._schedule(part)
        self.submitted = limit

    def _schedule(self, part: int) -> None:
        self.client_free = max(self.client_free, self.now) + self.cluster.client * (not self.cluster.store.busy)
        self.scheduler_free = max(self.scheduler_free, self.client_free) + self.cluster.scheduler
        self.at_scheduler += 1
        heapq.heappush(self.events, (self.scheduler_free, "scheduled", part, -1))

    def _scheduled(self, part: int, _: int) -> None:
        self.at_scheduler -= 1
        heapq.heappush(self.ready, part)

    def _hand_out(self) -> None:
        while self.idle and self.ready:
            worker, part = self.idle.pop(), heapq.heappop(self.ready)
            while self.dies[worker] < self.now:  # it died idle, and has been replaced
                self.dies[worker] += self.rng.exponential(self.cluster.life)
            end = self._end_of(part)
            if self.dies[worker] < end:
                heapq.heappush(self.events, (self.dies[worker], "died", part, worker))
                self.waited["failures"] += self.dies[worker] - self.now + self.cluster.restart
            else:
                heapq.heappush(self.events, (end, "done", part, worker))

    def _end_of(self, part: int) -> float:
        """When the part that is begun now will be made and written."""
        cluster, store, made = self.cluster, self.cluster.store, self.now + self.times[part]
        self.waited["slow parts"] += self.times[part] - cluster.make
        # the disk gives each its share: a part is written when all that was begun before it is
        self.store_free = max(self.store_free, self.now) + store.size / store.together
        end = max(made + store.size / store.upload, self.store_free)
        self.waited["storage"] += end - made - store.size / store.upload
        return end

    def _done(self, part: int, worker: int) -> None:
        self.idle.append(worker)
        self.made.add(part)
        self.made_ahead = max(self.made_ahead, len(self.made))

    def _died(self, part: int, worker: int) -> None:
        self.deaths += 1
        self.dies[worker] = self.now + self.cluster.restart + self.rng.exponential(self.cluster.life)
        heapq.heappush(self.events, (self.now + self.cluster.restart, "replaced", part, worker))
        heapq.heappush(self.events, (self.now + self.cluster.detection, "missed", part, worker))

    def _replaced(self, _: int, worker: int) -> None:
        self.idle.append(worker)

    def _missed(self, part: int, _: int) -> None:
        self._schedule(part)

    def _publish(self) -> None:
        if self.publishing:
            return
        while self.publishing < self.cluster.store.most and self.published + self.publishing in self.made:
            self.publishing += 1
        if self.publishing:
            seconds = self.cluster.store.publication(self.publishing)
            seconds += self.publishing * self.cluster.client * self.cluster.store.busy
            heapq.heappush(self.events, (self.now + seconds, "is_public", self.published, -1))

    def _is_public(self, first: int, _: int) -> None:
        self.made -= {*range(first, first + self.publishing)}
        self.published, self.publishing = self.published + self.publishing, 0
        self._fill_window()

    def _count_idle(self, seconds: float) -> None:
        """What those workers wait for that have nothing to do."""
        at_scheduler = min(len(self.idle), self.at_scheduler)
        self.waited["scheduler"] += at_scheduler * seconds
        late: Loss = "owner" if self.publishing else "window"
        self.waited["end" if self.submitted == self.cluster.parts else late] += (
            len(self.idle) - at_scheduler
        ) * seconds
