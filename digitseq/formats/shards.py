"""Formats that are a series of files: each part of a run is one shard."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from digitseq.errors import OutputError, SettingsError
from digitseq.files.listing import names_in
from digitseq.files.locations import is_folder
from digitseq.formats.base import Format, FormatPlan, Job, RunRequest, free_start, images_of
from digitseq.formats.parts import PartFiles, batches
from digitseq.pipeline import Batch, Pipeline
from digitseq.sources.base import Check, never_cancelled

Batches = Callable[[int, int], Iterator[Batch]]


class ShardFormat(Format):
    """`NAME-000000.SUFFIX`, `NAME-000001.SUFFIX`, …, `shard_size` images each; shard numbers have `digits` digits.

    A format has to define `pieces` only.
    """

    format_name: str
    digits: int
    streams = True

    def pieces(self, batches: Batches, start: int, stop: int) -> Generator[bytes, None, None]:
        """The bytes of the shard with images start … stop-1, see `stream`. batches: makes the images of a range."""
        raise NotImplementedError

    def knows(self, details: dict[str, Any]) -> bool:
        numbers = [details.get("first_shard"), details.get("shard_size", 0)]
        return all(type(n) is int and n >= least for least, n in enumerate(numbers))

    def begin(self, pipeline: Pipeline, request: RunRequest) -> FormatPlan:
        """Continues after the last image of earlier runs, with a shard number that is not in use."""
        pattern = re.compile(rf"{re.escape(request.name)}-(\d{{{self.digits},}})\.{self.suffix}")
        names = names_in(request.folder) if is_folder(request.folder) else ()
        used = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
        # a shard that was deleted in the middle leaves its number unused
        first_shard, size = max(used, default=-1) + 1, request.shard_size
        start = free_start(request, (), images_of(request.earlier))
        if request.start is not None:
            first_shard = self._first_shard(request, start, used)
        return FormatPlan(start, size, {"first_shard": first_shard, "shard_size": size})

    def _first_shard(self, request: RunRequest, start: int, used: list[int]) -> int:
        """The number of the shard that begins with image `start`, as if all before it were there, too."""
        size = request.shard_size
        first = start // size
        if start % size:
            raise SettingsError(
                f"format {self.format_name} starts with the first image of a shard, such as {first * size + 1} or "
                f"{(first + 1) * size + 1} with `shard_size` {size}, got `start` {start + 1}",
                "start",
            )
        if taken := [number for number in used if 0 <= number - first <= (request.images - 1) // size]:
            raise OutputError(
                f"{request.folder} has shard {min(taken)} already: give another `start`, or name another folder with "
                "`name` or `output_path`"
            )
        return first

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """Writes one shard."""
        shard = job.details["first_shard"] + (start - job.start) // job.details["shard_size"]
        with files.open(f"{job.name}-{shard:0{self.digits}d}.{self.suffix}") as file:
            for piece in self.pieces(partial(files.batches, job.pipeline), start, stop):
                file.write(piece)

    def stream(
        self, pipeline: Pipeline, size: int, labels: tuple[str, ...] = (), check: Check = never_cancelled
    ) -> Generator[bytes, None, None]:
        """All images as one shard. See `Format`."""
        return self.pieces(partial(batches, pipeline, check=check), 0, size)
