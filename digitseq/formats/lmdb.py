"""An LMDB database as deep-text-recognition-benchmark, PARSeq and PaddleOCR read it.

Keys `image-%09d` (the bytes of a PNG file) and `label-%09d`, counted from 1, and `num-samples`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib

from digitseq.errors import OutputError, SettingsError
from digitseq.files.checksum import Checksum
from digitseq.files.locations import is_file
from digitseq.files.regular import open_regular
from digitseq.files.stored_file import local_copy
from digitseq.formats.base import Format, FormatPlan, Job, RunRequest, StoredSample, start_without_gap
from digitseq.formats.parts import PartFiles
from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Pipeline

DATABASE = "data.mdb"
IMAGES, TEXTS = "images", "texts"
COUNT = b"num-samples"
FIRST_MAP = 1 << 26  # bytes that the database may have at first
BATCHES_PER_PART = 4
LABELS_AT_ONCE = 1 << 16
CHECKED_AT_ONCE = 64  # values: few enough to stay in the processor's cache
ALMOST_FULL = 1 << 21  # bytes that are free on a disk on which LMDB fails


class OutputFormat(Format):
    """`data.mdb` in the folder itself. See `Format`.

    Processes encode the images. The owner of the run writes them to the database, because LMDB allows one writer at
    a time. The database gets its name when it is complete.
    """

    keeps = True

    def __init__(self) -> None:
        self._database: Any = None
        self._opened = Path()

    def results(self, labels: tuple[str, ...], name: str) -> tuple[str, ...]:
        return (DATABASE,)

    def begin(self, pipeline: Pipeline, request: RunRequest) -> FormatPlan:
        """Continues after the samples in the database. `SettingsError` for masks: no reader of it asks for them."""
        if pipeline.settings.masks:
            raise SettingsError("masks go with all formats but lmdb: leave them out, or name another format", "masks")
        start, details = start_without_gap(request, "lmdb", _samples(request.folder / DATABASE))
        return FormatPlan(start, BATCHES_PER_PART * pipeline.batch_size, details)

    def make(self, job: Job, start: int, stop: int, files: PartFiles) -> None:
        """The sizes of all images, int64, and their bytes. The texts of all parts are collected in one file."""
        images: list[bytes] = []
        for batch in files.batches(job.pipeline, start, stop):
            images += encode_png(batch.images, batch.width)
            files.add(TEXTS, b"".join(text.encode() + b"\n" for text in batch.texts), "kept")
        with files.open(IMAGES, "part") as file:
            file.write(np.array([len(data) for data in images], np.int64))
            file.write(b"".join(images))

    def take(self, job: Job, folder: Path, kept: Path, part: Path, start: int) -> None:
        """Writes the images to the database.

        Their labels follow at the end: keys that arrive in order make a smaller tree in less time. Writing a part
        again, after the run was killed here, replaces the same keys.
        """
        count = min(start + BATCHES_PER_PART * job.pipeline.batch_size, job.stop) - start
        data = (part / IMAGES).read_bytes()
        ends = 8 * count + np.concatenate([[0], np.cumsum(np.frombuffer(data, np.int64, count))])
        view, places = memoryview(data), ends.tolist()
        numbers = range(start - job.before + 1, start - job.before + count + 1)
        items = [(b"image-%09d" % i, view[a:b]) for i, a, b in zip(numbers, places, places[1:])]
        with _as_os_error(folder):
            self._open(folder, kept)
            self._put(items)

    def finish(self, job: Job, folder: Path, kept: Path, stop: int) -> dict[str, Path]:
        """Writes the labels and the count."""
        count = job.stop - job.before
        try:
            if stop < job.stop or _samples(folder / DATABASE) >= count:
                return {}
            with _as_os_error(folder), open(kept / TEXTS, "rb") as texts:
                self._open(folder, kept)
                lines = enumerate(texts, job.start - job.before + 1)
                while items := [(b"label-%09d" % i, line[:-1]) for i, line in islice(lines, LABELS_AT_ONCE)]:
                    self._put(items)
                self._put([(COUNT, b"%d" % count)])
                self._database.sync(True)
            return {DATABASE: kept / DATABASE}
        finally:
            self._close()

    def checksum(self, path: Path) -> Checksum:
        """That of the samples: after a run that was resumed, they stand on other pages of the file."""
        import lmdb

        open_regular(path).close()
        size = crc32 = 0
        try:
            with local_copy(path) as copy, _opened(copy) as view:
                values = view.cursor().iternext(keys=False)
                while data := b"".join(islice(values, CHECKED_AT_ONCE)):
                    size, crc32 = size + len(data), isal_zlib.crc32(data, crc32)
        except lmdb.Error as error:
            raise ValueError(str(error)) from None
        return Checksum(size, crc32)

    def files_in(self, folder: Path, prefix: str = "") -> list[Path]:
        return [path for path in [folder / DATABASE] if path.name.startswith(prefix) and is_file(path)]

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        import lmdb

        for path in files:
            try:
                with local_copy(path) as copy, _opened(copy) as view:
                    count = min(int(view.get(COUNT) or b"0"), view.stat()["entries"])
                    for number in range(1, count + 1):
                        image, text = view.get(b"image-%09d" % number), view.get(b"label-%09d" % number)
                        yield StoredSample(f"image-{number:09d}", image, None if text is None else text.decode())
            except lmdb.Error as error:
                raise ValueError(str(error)) from None

    def _open(self, folder: Path, kept: Path) -> None:
        """Open the unfinished database; it begins as a copy of the one that earlier runs have written."""
        import lmdb

        path = kept / DATABASE
        if self._database is not None and self._opened == path:
            return
        self._close()  # that of train/, when val/ begins
        # the copy gets its name when it is complete: a run that is killed meanwhile copies again
        if not path.exists() and (folder / DATABASE).exists():
            shutil.copyfile(folder / DATABASE, kept / "copy")
            os.replace(kept / "copy", path)
        size = FIRST_MAP + (path.stat().st_size if path.exists() else 0)
        # sync=False: a killed process loses nothing, as the system has what was written; `finish` syncs to disk
        self._opened = path
        self._database = lmdb.open(os.fsencode(path), map_size=size, subdir=False, lock=False, sync=False)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _put(self, items: list[tuple[bytes, Any]]) -> None:
        import lmdb

        while True:  # twice the size until everything fits
            try:
                with self._database.begin(write=True) as transaction:
                    cursor = transaction.cursor()
                    # appending fills pages completely, and is only allowed for keys after the last one
                    append = not cursor.last() or cursor.key() < items[0][0]
                    cursor.putmulti(items, append=append)
                return
            except lmdb.MapFullError:
                self._database.set_mapsize(2 * self._database.info()["map_size"])


def _samples(path: Path) -> int:
    """`num-samples` of the database `path`; 0 if it does not exist. `OutputError` when it is something else."""
    if not os.path.lexists(path):
        return 0
    import lmdb

    try:
        open_regular(path).close()
        with _opened(path) as view:
            return max(int(view.get(COUNT) or b"0"), 0)
    except (lmdb.Error, ValueError, OSError) as error:
        raise OutputError(
            f"{path} is no LMDB of samples ({error}): name another directory with `output_path`"
        ) from None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A transaction that reads the database `path`. Raises `lmdb.Error`.

    `ValueError` for a file that was cut off: reading a page beyond its end would kill the process (SIGBUS).
    """
    import lmdb

    with (
        lmdb.open(os.fsencode(path), subdir=False, lock=False, readonly=True) as environment,
        environment.begin() as view,
    ):
        if (environment.info()["last_pgno"] + 1) * environment.stat()["psize"] > path.stat().st_size:
            raise ValueError("the file is cut off")
        yield view


@contextlib.contextmanager
def _as_os_error(folder: Path) -> Iterator[None]:
    """Raises LMDB's own errors about a file below `folder` as `OSError`."""
    import lmdb

    try:
        yield
    except lmdb.Error as error:
        # LMDB reports a short write to a full disk as an input/output error
        if "No space left" in str(error) or shutil.disk_usage(folder).free < ALMOST_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise OSError(errno.EIO, str(error)) from error
