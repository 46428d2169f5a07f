"""What Prometheus reads: requests, how long they took, images made."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where the processes of one service put their numbers together
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Metrics:
    """The numbers of one app. With several processes they are added up when they are read."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "digitseq_requests", "Requests answered", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "digitseq_request_seconds", "Time to a whole answer", ("route",), registry=self._registry, buckets=SECONDS
        )
        self._images = Counter("digitseq_images", "Images made", ("format",), registry=self._registry)
        self._busy = Gauge(
            "digitseq_busy_workers",
            "Threads and processes that make something",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        _forget_the_dead()
        # looking up a child takes ten times as long as counting with it
        self._request = lru_cache(1024)(self._requests.labels)
        self._second = lru_cache(128)(self._seconds.labels)
        self._image = lru_cache(16)(self._images.labels)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._request(route, method, str(status)).inc()
        self._second(route).observe(seconds)

    def made(self, format: str, images: int = 1) -> None:
        """Count images."""
        self._image(format).inc(images)

    def working(self, change: int) -> None:
        """Count threads and processes that begin (1) or end (-1) to make something."""
        self._busy.inc(change)

    def text(self) -> bytes:
        """All numbers in Prometheus' text format."""
        registry: Any = self._registry
        if os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the package has no types
        return generate_latest(registry)


def _forget_the_dead() -> None:
    """Take out of the shared numbers what processes that were killed are doing: another takes the place of each."""
    for file in Path(os.environ.get(SHARED) or "/nowhere").glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process)  # type: ignore[no-untyped-call]  # as above
