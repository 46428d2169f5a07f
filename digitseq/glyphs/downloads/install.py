"""Downloading a data set into the cache: of a zip file only the members that are missing, where the server lets us."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from digitseq.errors import DataError, one_line
from digitseq.files.atomic import replacing
from digitseq.glyphs.catalog import DataSet, File, SplitFiles
from digitseq.glyphs.checksums import sum_of
from digitseq.glyphs.downloads.archive import DAMAGED, DIRECTORY_BYTES, CutOff, extract
from digitseq.glyphs.downloads.budget import Progress, TransferError
from digitseq.glyphs.downloads.transfer import Network, check_status, open_network, passing_errors
from digitseq.glyphs.source_files import by_hand, find, home, unpack

Say = Callable[[str], object]
Missing = list[tuple[SplitFiles, File]]

_NO_SUFFIX = (400, 416, 501)  # what servers answer that give parts of files, but not "the last so many bytes"


def install(row: DataSet, cache: Path, say: Say, network: Network | None = None, bar: bool = False) -> None:
    """Put every file of `row` into `cache` that is not there already.

    say: is given lines for the user; bar: whether to show a progress bar on standard error. A file gets its name
    when its sha256 is the published one. Of several processes one downloads, and the others wait for it. Raises
    `DataError` that says what to fetch by hand when no address gives it, or when the cache cannot be written.
    """
    from fasteners import InterProcessLock

    if row.shipped:
        say(f"{row.name} is inside the package: there is nothing to download")
        return
    folder = home(row, cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = InterProcessLock(folder / ".lock")
        if not lock.acquire(blocking=False):
            say(f"waiting for another process that downloads into {folder}")
            lock.acquire()
        try:
            _install(row, cache, say, network, bar)
        finally:
            lock.release()
    except OSError as error:
        raise DataError(
            f"cannot write to {folder} ({error.strerror or error}): name another directory with -c"
        ) from None


def _install(row: DataSet, cache: Path, say: Say, network: Network | None, bar: bool) -> None:
    missing = _missing(row, cache)
    if row.archive and missing and (archive := find(row, row.archive.name, cache)):
        for part, file in missing:
            unpack(archive, file, part.largest(file), home(row, cache) / file.name)
        missing = []
    if not missing:
        say(f"{row.name} is in {home(row, cache)} already")
        return
    _Download(row, cache, network or open_network(), say, bar).run(missing)
    say(f"{row.name} is in {home(row, cache)}")


def _missing(row: DataSet, cache: Path) -> Missing:
    """The files that are not in the cache, or not as published."""
    found = []
    for part, file in row.files():
        path = find(row, file.name, cache)
        if path is None or (path.suffix == ".gz" and sum_of(path) != file.sha256):
            found.append((part, file))
    return found


class _NoRanges(TransferError):
    """The server does not give parts of files after all."""


@dataclass(frozen=True)
class _Pieces:
    """Fetches pieces of `url` for the package remotezip. largest: bytes of the member that is asked for."""

    network: Network
    url: str
    largest: int

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> Any:
        """Bytes data_range[0] … data_range[1] or, where the first is negative, the last so many. stream: of a member.

        Raises `TransferError`.
        """
        import remotezip

        first, last = data_range
        wanted = -first if last is None else last + 1 - first
        most = self.largest + DIRECTORY_BYTES if stream else DIRECTORY_BYTES
        if not stream and wanted > most:
            raise TransferError(f"the list of members in the archive claims {wanted:,} bytes")
        asked = f"bytes={first}" if last is None else f"bytes={first}-{last}"
        with passing_errors():
            answer = self.network.get(self.url, {"Range": asked}, most)
            if answer.status_code in _NO_SUFFIX:
                raise _NoRanges("the server does not give the end of the archive")
            check_status(answer)
            given = re.match("bytes ([0-9]{1,18})-([0-9]{1,18})/", answer.headers.get("Content-Range", ""))
            size = int(given[2]) + 1 - int(given[1]) if given else 0
            if not given or not 0 < size <= wanted:
                raise _NoRanges("the server gives another part than was asked for")
            body = answer.raw if stream else io.BytesIO(answer.raw.read(size))
            return remotezip.PartialBuffer(body, int(given[1]), size, stream)


@dataclass(frozen=True)
class _Download:
    """One download of what is missing of `row`. bar: whether to show progress bars."""

    row: DataSet
    cache: Path
    network: Network
    say: Say
    bar: bool

    def run(self, missing: Missing) -> None:
        """From the first address that gives it. Raises `DataError` when none does."""
        if self.row.archive is None:
            with self._progress(missing) as progress:
                for part, file in missing:
                    self._first(partial(self._plain, file, part.largest(file), progress))
            return
        self._first(partial(self._members, missing))

    def _first(self, fetch: Callable[[str], None]) -> None:
        faults = []
        for url in self.row.urls:
            try:
                return fetch(url)
            except TransferError as error:
                faults.append(f"{url}: {one_line(error)}")
        advice = by_hand(self.row, self.cache, *self.row.parts.values())
        raise DataError(f"cannot download {self.row.name} ({'; '.join(faults)}): {advice}")

    def _plain(self, file: File, largest: int, progress: Progress, url: str) -> None:
        final = home(self.row, self.cache) / file.name
        part, done = final.with_name(f"{final.name}.part"), 0

        def advance(have: int) -> None:
            nonlocal done
            progress(have - done)
            done = have

        self.network.download(url + file.name, file, largest, part, advance)
        os.replace(part, final)

    def _members(self, missing: Missing, url: str) -> None:
        """The members that are missing, each on its own; the whole archive where the server gives no ranges."""
        archive = self.row.archive
        assert archive is not None and archive.size is not None
        if self._gives_ranges(url + archive.name):
            with contextlib.suppress(_NoRanges), self._progress(missing) as progress:
                for part, file in missing:
                    self.network.tries(partial(self._member, url + archive.name, part, file, progress))
                return
        self.say(f"{url} gives no parts of files: downloading all of {archive.name}, {archive.size / 1e6:,.0f} MB")
        with self._progress([(missing[0][0], archive)]) as progress:
            self._plain(archive, archive.size, progress, url)
        for part, file in missing:
            unpack(home(self.row, self.cache) / archive.name, file, part.largest(file), self._final(file))

    def _gives_ranges(self, url: str) -> bool:
        found = False

        def ask() -> None:
            nonlocal found
            with passing_errors(), self.network.get(url, {"Range": "bytes=0-0"}, 1) as answer:
                check_status(answer)
                found = answer.status_code == 206

        self.network.tries(ask)
        return found

    def _member(self, url: str, part: SplitFiles, file: File, progress: Progress) -> None:
        import remotezip

        final, largest = self._final(file), part.largest(file)
        if final.exists() and sum_of(final) == file.sha256:
            return
        pieces, done = _Pieces(self.network, url, largest), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(count)

        try:
            with (
                replacing(final) as target,
                passing_errors(),
                remotezip.RemoteZip(url, fetcher=lambda *_, **__: pieces) as archive,
            ):
                extract(archive, file, largest, target, advance)
        except CutOff:
            raise TransferError(f"{file.name} broke off after {done:,} bytes", passing=True) from None
        except (*DAMAGED, DataError) as error:
            raise TransferError(one_line(error)) from None
        except remotezip.RemoteZipError as error:
            raise _NoRanges(one_line(error)) from None
        finally:
            if not final.exists():
                progress(-done)

    def _final(self, file: File) -> Path:
        return home(self.row, self.cache) / file.name

    @contextlib.contextmanager
    def _progress(self, missing: Missing) -> Iterator[Progress]:
        """What is called with the number of bytes since its last call."""
        if not self.bar:
            yield lambda count: None
            return
        from tqdm import tqdm

        sizes = [file.size for _, file in missing]
        total: Any = None if None in sizes else sum(size or 0 for size in sizes)
        with tqdm(total=total, unit="B", unit_scale=True, desc=self.row.name) as bar:
            yield bar.update
