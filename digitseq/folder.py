"""The folder of one number: its lock, its numbering, its label file and the record of its runs."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digitseq.errors import OutputError

RECORD = "run.json"
LOCK = ".digitseq.lock"
LONGEST_NUMBER = 15  # digits; a longer name is no number of ours
SCRATCH = ".digitseq-part"  # what is not finished yet
WHOLE = b"IEND\xaeB`\x82"  # how every whole PNG file ends


class Folder:
    """`<output_path>/<name>`, locked for one run. Use as a context manager.

    Raises `OutputError` when it cannot be made, written, or is in use by another run; directories that
    were made for it are then removed again.
    """

    def __init__(self, output_path: str, name: str) -> None:
        self.path = Path(output_path) / name
        self._lock: Any = None
        self._made: list[Path] = []

    def __enter__(self) -> Folder:
        try:
            self._make()
            self._acquire()
            self.clean()
        except OSError as error:
            self._withdraw()
            raise _output_error(self.path, error) from None
        return self

    def __exit__(self, *_: object) -> None:
        self.clean()
        self._release()

    def _make(self) -> None:
        missing = [p for p in (self.path, *self.path.parents) if not p.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _acquire(self) -> None:
        from fasteners import InterProcessLock

        lock = InterProcessLock(self.path / LOCK)
        if not lock.acquire(blocking=False):
            raise OutputError(
                f"{self.path} is being written by another run: wait until it has finished, or name another "
                "directory with -o"
            )
        self._lock = lock

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def clean(self) -> None:
        """Remove what killed processes have left half-made."""
        parent = self.path / SCRATCH
        if not parent.exists():
            return
        with contextlib.suppress(OSError):
            for entry in parent.iterdir():
                entry.unlink()
            parent.rmdir()

    def _withdraw(self) -> None:
        """Leave nothing behind of a run that never began."""
        self._release()
        if self.path in self._made:
            (self.path / LOCK).unlink(missing_ok=True)
            (self.path / f".{RECORD}").unlink(missing_ok=True)
        for path in reversed(self._made):
            with contextlib.suppress(OSError):
                path.rmdir()

    def image(self, number: int) -> Path:
        """Where the image of this number (from 1) stands."""
        return self.path / f"{number}.png"

    def remove_torn(self, number: int) -> bool:
        """Whether the image of this number was cut off by a killed process; it is then removed."""
        path = self.image(number)
        torn = not is_whole(path)
        if torn:
            path.unlink()
        return torn

    def numbers(self) -> Iterator[int]:
        """The numbers of all images in the folder, in no order."""
        with os.scandir(self.path) as entries:
            for entry in entries:
                stem, dot, suffix = entry.name.partition(".")
                if dot and suffix == "png" and stem.isascii() and stem.isdigit() and len(stem) <= LONGEST_NUMBER:
                    yield int(stem)

    def read_runs(self) -> list[dict[str, Any]]:
        """What `run.json` says of earlier runs, oldest first."""
        return read_runs(self.path)

    def write_runs(self, runs: list[dict[str, Any]]) -> None:
        """Replace `run.json` at once. Raises `OSError`."""
        temporary = self.path / f".{RECORD}"
        try:
            temporary.write_text(json.dumps({"runs": runs}, indent=1) + "\n", encoding="utf-8")
            os.replace(temporary, self.path / RECORD)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def begin(self, runs: list[dict[str, Any]]) -> None:
        """Write the record of a run that is about to start; `OutputError` and nothing left when it cannot be."""
        try:
            self.write_runs(runs)
        except OSError as error:
            self._withdraw()
            raise _output_error(self.path, error) from None


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """What `run.json` in `folder` says of earlier runs, oldest first. Raises `OutputError`."""
    path = folder / RECORD
    try:
        return [dict(run) for run in json.loads(path.read_bytes())["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        raise OutputError(
            f"{path} is not a record that digitseq wrote: move it away, or name another directory with -o"
        ) from None


def is_whole(path: Path) -> bool:
    """Whether a PNG file stands there and was written to its end."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - len(WHOLE), 0))
            return file.read() == WHOLE
    except FileNotFoundError:
        return False


def _output_error(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write to {path} ({error.strerror}): name another directory with -o")
