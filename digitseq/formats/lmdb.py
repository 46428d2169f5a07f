"""An LMDB as deep-text-recognition-benchmark, PARSeq and PaddleOCR read it.

Keys `image-%09d` (the bytes of a PNG file) and `label-%09d`, counted from 1, and `num-samples`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from digitseq.errors import OutputError
from digitseq.files.regular import open_regular
from digitseq.formats.base import Format, Job, Plan, RunRequest
from digitseq.formats.parts import PartFiles
from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline

DATABASE = "data.mdb"
IMAGES, TEXTS = "images", "texts"
COUNT = b"num-samples"
FIRST_MAP = 1 << 26
BATCHES_A_PART = 4
LABELS_AT_ONCE = 1 << 16
ALMOST_FULL = 1 << 21


class OutputFormat(Format):
    """`data.mdb` in the folder itself. See `Format`.

    Processes encode images; the owner of the run puts them into the database, which takes one writer at a time. The
    database is kept until it is whole, and only then gets its name.
    """

    keeps = True

    def __init__(self) -> None:
        self._environment: Any = None
        self._opened = Path()

    def begin(self, pipeline: Pipeline, request: RunRequest) -> Plan:
        """On from the samples in the database."""
        return Plan(_samples(request.folder / DATABASE), BATCHES_A_PART * pipeline.batch_size)

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The sizes of all images and their bytes; the texts are added up over the run."""
        images: list[bytes] = []
        for batch in files.batches(job.pipeline, start, stop):
            images += encode_png(batch.images, batch.width)
            files.add(TEXTS, b"".join(text.encode() + b"\n" for text in batch.texts), "kept")
        with files.open(IMAGES, "part") as file:
            file.write(np.array([len(data) for data in images], np.int64))
            file.write(b"".join(images))

    def take(self, job: Job, folder: Path, kept: Path, part: Path, start: int) -> None:
        """Put the images into the database. Their labels come last: keys in order make a smaller tree, faster."""
        count = min(start + BATCHES_A_PART * job.pipeline.batch_size, job.stop) - start
        data = (part / IMAGES).read_bytes()
        ends = 8 * count + np.concatenate([[0], np.cumsum(np.frombuffer(data, np.int64, count))])
        view, places = memoryview(data), ends.tolist()
        numbers = range(start + 1, start + count + 1)
        items = [(b"image-%09d" % i, view[a:b]) for i, a, b in zip(numbers, places, places[1:])]
        self._put(self._open(folder, kept), items, folder)

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> None:
        """Put in the labels and the count, and give the file its name."""
        try:
            if stop < job.stop or _samples(folder / DATABASE) >= job.stop:
                return
            database = self._open(folder, kept)
            with open(kept / TEXTS, "rb") as texts:
                for items in _labels(texts, job.start + 1):
                    self._put(database, items, folder)
            self._put(database, [(COUNT, b"%d" % job.stop)], folder)
            with _as_os_error(folder):
                database.sync(True)
            self._close()
            os.replace(kept / DATABASE, folder / DATABASE)
        finally:
            self._close()

    def _open(self, folder: Path, kept: Path) -> Any:
        """The database that this run goes on with: at first a copy of the one that earlier runs have written."""
        import lmdb

        path = kept / DATABASE
        if self._environment is not None and self._opened == path:
            return self._environment
        self._close()  # that of train/, when val/ begins
        if not path.exists() and (folder / DATABASE).exists():
            shutil.copyfile(folder / DATABASE, kept / "copy")
            os.replace(kept / "copy", path)
        size = FIRST_MAP + (path.stat().st_size if path.exists() else 0)
        with _as_os_error(folder):
            # without syncing, a killed program loses nothing: the system has what was written
            self._opened = path
            self._environment = lmdb.open(_readable(path), map_size=size, subdir=False, lock=False, sync=False)
        return self._environment

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    def _put(self, database: Any, items: list[tuple[bytes, Any]], folder: Path) -> None:
        import lmdb

        with _as_os_error(folder):
            while True:
                try:
                    with database.begin(write=True) as transaction:
                        last = transaction.cursor()
                        append = not last.last() or last.key() < items[0][0]
                        transaction.cursor().putmulti(items, append=append)
                    return
                except lmdb.MapFullError:
                    database.set_mapsize(2 * database.info()["map_size"])


def _labels(texts: BinaryIO, first: int) -> Iterator[list[tuple[bytes, bytes]]]:
    items = []
    for number, line in enumerate(texts, first):
        items.append((b"label-%09d" % number, line[:-1]))
        if len(items) == LABELS_AT_ONCE:
            yield items
            items = []
    if items:
        yield items


def _readable(path: Path) -> str:
    """The path as LMDB takes it; `OutputError` for one that is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path.parent).decode(errors="backslashreplace")
        raise OutputError(f"LMDB cannot open {shown}, whose name is not UTF-8: name another with -o") from None
    return str(path)


def _samples(path: Path) -> int:
    """`num-samples` of the database in `path`, 0 when there is none; `OutputError` when it is something else."""
    readable = _readable(path)
    if not os.path.lexists(path):
        return 0
    import lmdb

    try:
        open_regular(path).close()
        with lmdb.open(readable, subdir=False, lock=False, readonly=True) as environment, environment.begin() as view:
            return int(view.get(COUNT) or 0)
    except (lmdb.Error, ValueError, OSError) as error:
        raise OutputError(f"{path} is no LMDB of samples ({error}): name another directory with -o") from None


@contextlib.contextmanager
def _as_os_error(folder: Path) -> Iterator[None]:
    """LMDB's own errors about a file below `folder` as `OSError`."""
    import lmdb

    try:
        yield
    except lmdb.MapFullError:
        raise
    except lmdb.Error as error:
        # LMDB calls a write that was cut short an input/output error
        if "No space left" in str(error) or shutil.disk_usage(folder).free < ALMOST_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise OSError(errno.EIO, str(error)) from error
