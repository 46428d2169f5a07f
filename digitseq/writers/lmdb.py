"""An LMDB as deep-text-recognition-benchmark, PARSeq and PaddleOCR read it.

Keys `image-%09d` (the bytes of a PNG file) and `label-%09d`, counted from 1, and `num-samples`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from digitseq.errors import OutputError
from digitseq.folder import SCRATCH, Folder
from digitseq.output import Output
from digitseq.pipeline import Pipeline
from digitseq.png import encode_png
from digitseq.writers.base import Job, Runs, Task, batches, need_package, scratch

DATABASE = "data.mdb"
COUNT = b"num-samples"
FIRST_MAP = 1 << 26
BATCHES_A_PART = 4
LABELS_AT_ONCE = 1 << 16
ALMOST_FULL = 1 << 21


@dataclass(frozen=True)
class FileMaker:
    """Encodes images; the parent puts them into the database, which takes one writer at a time."""

    pipeline: Pipeline
    folder: Path
    in_place = False

    def in_worker(self) -> FileMaker:
        """For a process that works in `folder`."""
        return replace(self, folder=Path())

    def make(self, start: int, stop: int) -> Path:
        """A file of images start … stop-1 (array of their sizes, their bytes) and one of texts. Raises `OSError`."""
        path = scratch(self.folder) / f"{start}-{os.getpid()}"
        images: list[bytes] = []
        with open(f"{path}.texts", "wb") as texts:
            for batch in batches(self.pipeline, start, stop):
                images += encode_png(batch.images, batch.width)
                texts.writelines(text.encode() + b"\n" for text in batch.texts)
        with open(path, "wb") as file:
            np.save(file, np.array([len(data) for data in images], np.int64))
            file.write(b"".join(images))
        return Path(SCRATCH, path.name)


class FormatWriter:
    """`data.mdb` in the folder itself: see `Writer`. It gets its name when it is whole."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.maker = FileMaker(job.pipeline, job.folder.path)
        self.task_size = BATCHES_A_PART * job.pipeline.batch_size
        self._path = job.folder.path / DATABASE
        self._environment: Any = None
        self._texts: BinaryIO | None = None

    @staticmethod
    def check(pipeline: Pipeline, count: int) -> None:
        """Needs lmdb."""
        need_package("lmdb", "lmdb")

    @staticmethod
    def start(folder: Folder, runs: Runs) -> int:
        """The number of samples in the database; `OutputError` when the file is none."""
        return _samples(folder.path / DATABASE)

    @staticmethod
    def plan(folder: Folder, name: str, output: Output) -> dict[str, Any]:
        """Nothing."""
        return {}

    def open(self) -> int:
        """Begin with a copy of the database that is there. One that has this run's images is finished."""
        if _samples(self._path) >= self._job.span[1]:
            return self._job.span[1]
        import lmdb

        part = scratch(self._path.parent) / DATABASE
        if self._path.exists():
            shutil.copyfile(self._path, part)
        size = FIRST_MAP + (part.stat().st_size if part.exists() else 0)
        with _as_os_error(self._path):
            self._environment = lmdb.open(str(part), map_size=size, subdir=False, lock=False, sync=False, max_dbs=0)
        self._texts = open(part.parent / "texts", "w+b")  # noqa: SIM115
        return self._job.span[0]

    def commit(self, task: Task, part: Path) -> None:
        """Put in the images of `task`. Their labels come last: keys in order make a smaller tree, faster."""
        assert self._texts is not None
        path = self._path.parent / part
        texts = Path(f"{path}.texts")
        with open(path, "rb") as file:
            ends = np.concatenate([[0], np.cumsum(np.load(file))]).tolist()
            data = memoryview(file.read())
        items = [(b"image-%09d" % i, data[a:b]) for i, a, b in zip(range(task[0] + 1, task[1] + 1), ends, ends[1:])]
        self._put(items)
        self._texts.write(texts.read_bytes())
        path.unlink()
        texts.unlink()

    def close(self) -> None:
        """Put in the labels and the count, and give the file its name."""
        if self._environment is None:
            return
        assert self._texts is not None
        self._texts.seek(0)
        for items in _labels(self._texts, self._job.span[0] + 1):
            self._put(items)
        self._put([(COUNT, b"%d" % self._job.span[1])])
        with _as_os_error(self._path):
            self._environment.sync(True)
        self._release()
        os.replace(self._path.parent / SCRATCH / DATABASE, self._path)

    def abort(self) -> int:
        """All images, or none."""
        self._release()
        self._job.folder.clean()
        return self._job.span[1] - self._job.span[0] if _samples(self._path) >= self._job.span[1] else 0

    def _put(self, items: list[tuple[bytes, Any]]) -> None:
        import lmdb

        with _as_os_error(self._path):
            while True:
                try:
                    with self._environment.begin(write=True) as transaction:
                        last = transaction.cursor()
                        append = not last.last() or last.key() < items[0][0]
                        transaction.cursor().putmulti(items, append=append)
                    return
                except lmdb.MapFullError:
                    self._environment.set_mapsize(2 * self._environment.info()["map_size"])

    def _release(self) -> None:
        if self._texts is not None:
            self._texts.close()
        if self._environment is not None:
            self._environment.close()
        self._texts = self._environment = None


def _labels(texts: BinaryIO, first: int) -> Iterator[list[tuple[bytes, bytes]]]:
    items = []
    for number, line in enumerate(texts, first):
        items.append((b"label-%09d" % number, line[:-1]))
        if len(items) == LABELS_AT_ONCE:
            yield items
            items = []
    if items:
        yield items


def _samples(path: Path) -> int:
    """`num-samples` of the database in `path`, 0 when there is none; `OutputError` when it is something else."""
    if not path.exists():
        return 0
    import lmdb

    try:
        with lmdb.open(str(path), subdir=False, lock=False, readonly=True) as environment, environment.begin() as view:
            return int(view.get(COUNT) or 0)
    except (lmdb.Error, ValueError) as error:
        raise OutputError(f"{path} is no LMDB of samples ({error}): name another directory with -o") from None


@contextlib.contextmanager
def _as_os_error(path: Path) -> Iterator[None]:
    """LMDB's own errors about the file in `path` as `OSError`."""
    import lmdb

    try:
        yield
    except lmdb.MapFullError:
        raise
    except lmdb.Error as error:
        # LMDB calls a write that was cut short an input/output error
        if "No space left" in str(error) or shutil.disk_usage(path.parent).free < ALMOST_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise OSError(errno.EIO, str(error)) from error
