"""Formats that are a row of files: each part of a run is a whole shard."""

from __future__ import annotations

import re

from digitseq.formats.base import Format, Job, Plan, RunRequest, images_of
from digitseq.pipeline import Pipeline


class ShardFormat(Format):
    """`NAME-000000.SUFFIX`, `NAME-000001.SUFFIX`, …, `shard_size` images each; numbers of `digits` digits."""

    format_name: str
    digits: int
    suffix: str

    def begin(self, pipeline: Pipeline, request: RunRequest) -> Plan:
        """On from the last image of earlier runs, with a shard number that is not taken."""
        pattern = re.compile(rf"{re.escape(request.name)}-(\d{{{self.digits},}})\.{self.suffix}")
        there = request.folder.iterdir() if request.folder.is_dir() else ()
        taken = [int(match[1]) for path in there if (match := pattern.fullmatch(path.name))]
        details = {"first_shard": max(taken, default=-1) + 1, "shard_size": request.shard_size}
        return Plan(images_of(self.format_name, request.earlier), request.shard_size, details)

    def shard_name(self, job: Job, start: int) -> str:
        """The name of the shard whose first image is `start`."""
        shard = job.details["first_shard"] + (start - job.start) // job.details["shard_size"]
        return f"{job.name}-{shard:0{self.digits}d}.{self.suffix}"
