"""Formats that are a row of files: each part of a run is a whole shard, and gets its name by one move."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from digitseq.folder import Folder
from digitseq.output import Output
from digitseq.writers.base import Job, PartMaker, Task


def shard_name(name: str, shard: int, digits: int, suffix: str) -> str:
    """The file name of shard number `shard`, from 0."""
    return f"{name}-{shard:0{digits}d}.{suffix}"


def shard_plan(folder: Folder, name: str, digits: int, suffix: str, output: Output) -> dict[str, Any]:
    """What the record of a new run says: images a shard, and the number of its first shard."""
    pattern = re.compile(rf"{re.escape(name)}-(\d{{{digits},}})\.{suffix}")
    there = [int(match[1]) for p in folder.path.iterdir() if (match := pattern.fullmatch(p.name))]
    return {"shard_size": output.shard_size, "first_shard": max(there, default=-1) + 1}


class ShardWriter:
    """The parent's side of such a format: see `Writer`."""

    def __init__(self, job: Job, maker: PartMaker, digits: int, suffix: str) -> None:
        self._job, self._digits, self._suffix = job, digits, suffix
        self.maker = maker
        self.task_size: int = job.plan["shard_size"]

    def open(self) -> int:
        """Shards get their names in order, so those that are there come first."""
        return self._job.span[0] + self._whole()

    def commit(self, task: Task, part: Path) -> None:
        """Give the shard of `task` its name."""
        os.replace(self._job.folder.path / part, self._path((task[0] - self._job.span[0]) // self.task_size))

    def close(self) -> None:
        """Every shard has its name already."""

    def abort(self) -> int:
        """Images in the shards that are there."""
        self._job.folder.clean()
        return self._whole()

    def _whole(self) -> int:
        wanted, shards = self._job.span[1] - self._job.span[0], 0
        while shards * self.task_size < wanted and self._path(shards).exists():
            shards += 1
        return min(shards * self.task_size, wanted)

    def _path(self, place: int) -> Path:
        """Where the shard stands that is number `place` of this run, from 0."""
        shard = self._job.plan["first_shard"] + place
        return self._job.folder.path / shard_name(self._job.name, shard, self._digits, self._suffix)
