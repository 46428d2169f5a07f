"""Downloads the files of a data set from its mirrors: of a zip file only the members that are missing, if possible."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import remotezip
from tqdm import tqdm

from digitseq.errors import DataError, one_line
from digitseq.files.atomic import replacing
from digitseq.files.regular import regular_size
from digitseq.glyphs.catalog import DataSet, File
from digitseq.glyphs.checksums import sha256_of
from digitseq.glyphs.downloads.archive import DAMAGED, DIRECTORY_BYTES, extract, unpack
from digitseq.glyphs.downloads.client import Client, reading_body
from digitseq.glyphs.downloads.download_limits import DownloadLimits, InterruptedTransferError, TransferError
from digitseq.glyphs.installed import home, manual_download

_CHUNK = 1 << 16
_NO_SUFFIX_RANGES = (400, 416, 501)  # answers of servers that support ranges, but not "the last n bytes"


@dataclass(frozen=True)
class Download:
    """One download of missing files of `data_set` into `cache`."""

    data_set: DataSet
    cache: Path
    limits: DownloadLimits
    say: Callable[[str], object]
    progress_bar: bool

    def run(self, missing: list[File]) -> None:
        """Download each file from the first mirror that delivers it. Raises `DataError` when none does."""
        archive = self.data_set.archive
        client = Client(self.limits, max(file.max_size for file in ([archive] if archive else missing)))
        fetch = partial(self._member, client, archive) if archive else partial(self._file, client)
        for file in missing:
            self._from_mirrors(fetch, file)

    def _from_mirrors(self, fetch: Callable[[File, str], None], file: File) -> None:
        failures = []
        for url in self.data_set.urls:
            try:
                return fetch(file, url)
            except TransferError as error:
                failures.append(f"{url}: {one_line(error)}")
        advice = manual_download(self.data_set, self.cache)
        raise DataError(f"cannot download {self.data_set.name} ({'; '.join(failures)}): {advice}")

    def _member(self, client: Client, archive: File, file: File, url: str) -> None:
        """One member on its own, or the whole archive when the server does not support ranges."""
        # An earlier member may have brought the whole archive.
        whole = self._path(archive)
        if not whole.exists():
            try:
                client.resuming(partial(self._extract, client, url + archive.name, file))
                return
            except remotezip.RemoteZipError:
                size = f"{archive.max_size / 1e6:,.0f} MB"
                self.say(f"{url} does not support range requests: downloading all of {archive.name}, {size}")
            self._file(client, archive, url)
        unpack(whole, file, self._path(file))

    def _extract(self, client: Client, url: str, file: File) -> None:
        """One attempt to extract `file` from the remote archive `url`."""
        try:
            with (
                replacing(self._path(file)) as target,
                self._progress(file, target) as output,
                reading_body(),
                remotezip.RemoteZip(url, session=client, fetcher=_RangeFetcher) as archive,
            ):
                extract(archive, file, output)
        except EOFError:
            raise InterruptedTransferError(f"{file.name} ends early in the archive") from None
        except (*DAMAGED, DataError) as error:
            raise TransferError(one_line(error)) from None

    def _file(self, client: Client, file: File, url: str) -> None:
        client.resuming(partial(self._resume, client, url + file.name, file))

    def _resume(self, client: Client, url: str, file: File) -> None:
        """One attempt to complete the partial file of an earlier one."""
        path = self._path(file)
        part = path.with_name(f"{path.name}.part")
        before = regular_size(part) or 0
        if not before:
            part.unlink(missing_ok=True)  # it may be a link that leads elsewhere
        size = before if before == file.size else self._receive(client, url, file, part, before)
        if file.size is not None and size < file.size:
            raise InterruptedTransferError(f"it broke off after {size:,} of {file.size:,} bytes")
        found = sha256_of(part)
        if found == file.sha256:
            return os.replace(part, path)
        part.unlink()
        # If the wrong bytes may be those of an earlier attempt, a fresh one may succeed.
        failed = InterruptedTransferError if before else TransferError
        raise failed(f"it is not the published file (sha256 {found[:12]}…, expected {file.sha256[:12]}…)")

    def _receive(self, client: Client, url: str, file: File, part: Path, size: int) -> int:
        """Append to `part` what it lacks beyond its first `size` bytes. Returns its new size."""
        # identity: requests would otherwise decompress a .gz file that is sent with Content-Encoding: gzip
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
        with client.get(url, headers, also=(416,) if size else ()) as answer:
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
                size = 0  # the server sends the whole file, or nothing if `part` is longer than that (416)
            with (
                reading_body(),
                open(part, "ab" if size else "wb") as target,
                self._progress(file, target, size) as output,
            ):
                # raw: a server may use Content-Encoding without being asked
                for data in answer.raw.stream(_CHUNK, decode_content=False):
                    output.write(data)
                    size += len(data)
                    if size > file.max_size:  # its checksum will be wrong
                        break
        return size

    def _path(self, file: File) -> Path:
        return home(self.data_set, self.cache) / file.name

    def _progress(self, file: File, target: BinaryIO, done: int = 0) -> Any:
        """`target`, with a progress bar of the bytes written to it. done: bytes that it has already."""
        return tqdm.wrapattr(
            target, "write", file.size, initial=done, desc=file.name, leave=False, disable=not self.progress_bar
        )


class _RangeFetcher(remotezip.RemoteFetcher):  # type: ignore[misc]  # untyped
    """Fetches ranges of a URL for the package remotezip, within limits. Its session is a `Client`."""

    def fetch(self, data_range: tuple[int, int | None], stream: bool = False) -> Any:
        """The bytes data_range[0] … data_range[1], or the last -data_range[0] bytes if data_range[1] is None.

        stream: for members, which are read in pieces; everything else is read at once. Raises `TransferError`.
        """
        first, last = data_range
        wanted = -first if last is None else last + 1 - first
        if not stream and wanted > DIRECTORY_BYTES:
            raise TransferError(f"the list of members in the archive claims {wanted:,} bytes")
        headers = {"Range": self.build_range_header(first, last)}
        answer = self._session.get(self._url, headers, also=_NO_SUFFIX_RANGES)
        given = re.match("bytes ([0-9]{1,18})-([0-9]{1,18})/", answer.headers.get("Content-Range", ""))
        size = int(given[2]) + 1 - int(given[1]) if given else 0
        if not given or not 0 < size <= wanted:
            answer.close()
            raise remotezip.RangeNotSupported
        body = answer.raw if stream else io.BytesIO(answer.raw.read(size))
        return remotezip.PartialBuffer(body, int(given[1]), size, stream)
