"""Downloads the files of a data set from its mirrors: of a zip file only the members that are missing, if possible."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import remotezip
from tqdm import tqdm
from tqdm.utils import CallbackIOWrapper

from digitseq.errors import DataError, one_line
from digitseq.files.atomic import replacing
from digitseq.glyphs.catalog import DataSet, File
from digitseq.glyphs.checksums import sha256_of
from digitseq.glyphs.downloads.archive import DAMAGED, DIRECTORY_BYTES, TruncatedMemberError, extract, unpack
from digitseq.glyphs.downloads.client import Client, reading_body
from digitseq.glyphs.downloads.download_limits import DownloadLimits, InterruptedTransferError, TransferError
from digitseq.glyphs.installed import home, manual_download

_CHUNK = 1 << 16
_NO_SUFFIX_RANGES = (400, 416, 501)  # answers of servers that support ranges, but not "the last n bytes"


class _NoRangesError(TransferError):
    """The server does not support range requests."""


@dataclass(frozen=True)
class Download:
    """One download of missing files of `data_set` into `cache`."""

    data_set: DataSet
    cache: Path
    limits: DownloadLimits
    say: Callable[[str], object]
    progress_bar: bool

    def run(self, missing: list[File]) -> None:
        """Download from the first mirror that delivers. Raises `DataError` when none does."""
        client = Client(self.limits)
        if self.data_set.archive:
            self._from_mirrors(partial(self._members, client, self.data_set.archive, missing))
            return
        with self._progress(missing) as bar:
            for file in missing:
                self._from_mirrors(partial(self._file, client, file, bar))

    def _from_mirrors(self, fetch: Callable[[str], None]) -> None:
        failures = []
        for url in self.data_set.urls:
            try:
                return fetch(url)
            except TransferError as error:
                failures.append(f"{url}: {one_line(error)}")
        advice = manual_download(self.data_set, self.cache, *self.data_set.splits.values())
        raise DataError(f"cannot download {self.data_set.name} ({'; '.join(failures)}): {advice}")

    def _file(self, client: Client, file: File, bar: Any, url: str) -> None:
        path = self._path(file)
        partial_file = path.with_name(f"{path.name}.part")
        download_file(client, url + file.name, file, partial_file, bar)
        os.replace(partial_file, path)

    def _members(self, client: Client, archive: File, missing: list[File], url: str) -> None:
        """Each missing member on its own, or the whole archive when the server does not support ranges."""
        try:
            with self._progress(missing) as bar:
                for file in missing:
                    client.resuming(partial(self._member, client, url + archive.name, file, bar, bar.n))
            return
        except _NoRangesError:
            size = f"{archive.max_size / 1e6:,.0f} MB"
            self.say(f"{url} does not support range requests: downloading all of {archive.name}, {size}")
        with self._progress([archive]) as bar:
            self._file(client, archive, bar, url)
        for file in missing:
            unpack(self._path(archive), file, self._path(file))

    def _member(self, client: Client, url: str, file: File, bar: Any, before: int) -> None:
        """before: the position of the progress bar at the start of this file."""
        path = self._path(file)
        if path.exists() and sha256_of(path) == file.sha256:  # from another mirror, which failed later
            return
        bar.update(before - bar.n)  # back, after an interrupted attempt
        fetcher = _RangeFetcher(client, url, file.max_size)
        try:
            with (
                replacing(path) as target,
                reading_body(),
                remotezip.RemoteZip(url, fetcher=lambda *_, **__: fetcher) as archive,
            ):
                extract(archive, file, CallbackIOWrapper(bar.update, target, "write"))
        except TruncatedMemberError as error:
            raise InterruptedTransferError(one_line(error)) from None
        except (*DAMAGED, DataError) as error:
            raise TransferError(one_line(error)) from None
        except remotezip.RemoteZipError as error:
            raise _NoRangesError(one_line(error)) from None

    def _path(self, file: File) -> Path:
        return home(self.data_set, self.cache) / file.name

    def _progress(self, files: list[File]) -> Any:
        sizes = [file.size for file in files if file.size is not None]
        total = sum(sizes) if len(sizes) == len(files) else None
        return tqdm(total=total, unit="B", unit_scale=True, desc=self.data_set.name, disable=not self.progress_bar)


@dataclass(frozen=True)
class _RangeFetcher:
    """Fetches ranges of `url` for the package remotezip, within limits. max_bytes: size of the wanted member."""

    client: Client
    url: str
    max_bytes: int

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> Any:
        """The bytes data_range[0] … data_range[1], or the last -data_range[0] bytes if data_range[1] is None.

        stream: for members, which are read in pieces; everything else is read at once. Raises `TransferError`.
        """
        first, last = data_range
        wanted = -first if last is None else last + 1 - first
        max_bytes = self.max_bytes + DIRECTORY_BYTES if stream else DIRECTORY_BYTES
        if not stream and wanted > max_bytes:
            raise TransferError(f"the list of members in the archive claims {wanted:,} bytes")
        asked = f"bytes={first}" if last is None else f"bytes={first}-{last}"
        answer = self.client.get(self.url, {"Range": asked}, max_bytes, also=_NO_SUFFIX_RANGES)
        given = re.match("bytes ([0-9]{1,18})-([0-9]{1,18})/", answer.headers.get("Content-Range", ""))
        size = int(given[2]) + 1 - int(given[1]) if given else 0
        if not given or not 0 < size <= wanted:
            answer.close()
            raise _NoRangesError("the server sends another part of the archive than requested")
        body = answer.raw if stream else io.BytesIO(answer.raw.read(size))
        return remotezip.PartialBuffer(body, int(given[1]), size, stream)


def download_file(client: Client, url: str, file: File, target: Path, bar: Any) -> None:
    """Download `url` to `target`, resuming a partial download, and verify that it is `file`.

    Raises `TransferError`. `target` is then kept if the download can be resumed.
    """
    resumed, before = _size(target) > 0, bar.n
    client.resuming(partial(_resume, client, url, file, target, bar, before))
    found = sha256_of(target)
    if found != file.sha256:
        target.unlink()
        if not resumed:
            raise TransferError(f"its sha256 is {found[:12]}…, not {file.sha256[:12]}…")
        bar.update(before - bar.n)
        download_file(client, url, file, target, bar)  # the wrong bytes may be in the partial file that was resumed


def _resume(client: Client, url: str, file: File, target: Path, bar: Any, before: int) -> None:
    """One attempt to complete `target`. before: the position of the progress bar at the start of this file."""
    size = _size(target)
    if size == file.size:
        return
    # identity: requests would otherwise decompress a .gz file that is sent with Content-Encoding: gzip
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
    with client.get(url, headers, file.max_size, also=(416,) if size else ()) as answer:
        if answer.status_code == 416:
            target.unlink()
            raise InterruptedTransferError("the partial file is longer than the published one")
        if answer.status_code != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
            size = 0
        length = re.fullmatch("[0-9]{1,18}", answer.headers.get("Content-Length", ""))
        expected = size + int(length[0]) if length else file.size
        bar.update(before + size - bar.n)
        with reading_body(), open(target, "ab" if size else "wb") as output:
            # raw: a server may use Content-Encoding without being asked
            for data in answer.raw.stream(_CHUNK, decode_content=False):
                size += len(data)
                if size > file.max_size:
                    break
                output.write(data)
                bar.update(len(data))
    if size > file.max_size or (expected is not None and expected > file.max_size):
        target.unlink()
        raise TransferError(f"it has more than the {file.max_size:,} bytes that are published")
    if expected is not None and size < expected:
        raise InterruptedTransferError(f"it broke off after {size:,} of {expected:,} bytes")


def _size(path: Path) -> int:
    """The size of a partial download. Removes anything but a regular file, such as a link that leads elsewhere."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    path.unlink()
    return 0
