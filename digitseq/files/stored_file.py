"""Objects in a store as files: read in large pieces, or copied for packages that open files by themselves."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from digitseq.files.locations import StoreError, is_object, store_errors
from digitseq.files.retries import tried

AT_ONCE = 1 << 23  # bytes asked for in one request, as each costs some 20 ms; a file that is open takes twice as many
BUFFER = 1 << 18  # bytes handed over at once, since each step through fsspec takes longer than copying them


def open_stored(path: Path) -> io.BufferedReader:
    """The object `path`, open for reading; it can be sought in. It and its methods raise as `store_errors` does."""
    return io.BufferedReader(_StoredFile(path), BUFFER)


class _StoredFile(io.RawIOBase):
    """A file of fsspec's, whose errors are those of `store_errors`.

    It has a position of its own: all that open one file of memory:// get the same object.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._position = path, 0
        self._file: Any = tried(self._opened)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = tried(partial(self._read, buffer))
        self._position += count
        return count

    def _opened(self) -> Any:
        with store_errors(self._path):
            return self._path.open("rb", block_size=AT_ONCE)  # type: ignore[call-overload]

    def _read(self, buffer: Any) -> int:
        with store_errors(self._path):
            self._file.seek(self._position)
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with store_errors(self._path):
            if whence == os.SEEK_END:
                self._position = int(self._file.seek(offset, whence))
            else:
                self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextlib.contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """The file `path`, or a copy of the object `path` on this machine until the block ends.

    Raises as `store_errors` does, and `StoreError` where there is no room for the copy.
    """
    if not is_object(path):
        yield path
        return
    with open_stored(path) as source, contextlib.ExitStack() as until_read:
        try:
            folder = Path(until_read.enter_context(tempfile.TemporaryDirectory(prefix="digitseq-")))
            with open(folder / path.name, "xb") as target:
                shutil.copyfileobj(source, target, AT_ONCE)
        except StoreError:
            raise
        except OSError as error:
            reason = f"no copy of it can be made in {tempfile.gettempdir()}: {error.strerror}"
            raise StoreError(error.errno, reason, str(path)) from None
        yield folder / path.name
