"""Downloads of one file: bounded by its size, gone on with where they broke off, checked before they get its name."""

from __future__ import annotations

import contextlib
import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from digitseq.errors import one_line
from digitseq.glyphs.catalog import File
from digitseq.glyphs.checksums import sum_of
from digitseq.glyphs.downloads.budget import Budget, DownloadLimits, Progress, TransferError
from digitseq.lazy_imports import need_package

_CHUNK = 1 << 16
_MOST_REDIRECTS = 5
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)  # states of a server that may be gone at the next try


@dataclass(frozen=True)
class Network:
    """Where downloads come from: a session of the package `requests`, and what its answers may take."""

    session: Any
    budget: Budget

    @property
    def limits(self) -> DownloadLimits:
        """How long to wait for a server."""
        return self.budget.limits

    def get(self, url: str, headers: dict[str, str], most: int) -> Any:
        """The answer to a request, its body not read yet. most: bytes that the body may have.

        Follows redirects, without reading what they say. Raises `TransferError`.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            self.budget.most = most
            try:
                answer = self.session.get(url, headers=headers, stream=True, timeout=self.limits.timeout)
                if not answer.is_redirect:
                    return answer
                answer.close()
                url = urljoin(url, answer.headers["Location"])
            except ValueError as error:  # requests and urllib.parse raise it in several shapes
                raise TransferError(f"it leads to {url[:200]!r}, which is no address ({one_line(error)})") from None
        raise TransferError(f"it is redirected more than {_MOST_REDIRECTS} times")

    def tries(self, attempt: Callable[[], None]) -> None:
        """`attempt` until it succeeds, or its `TransferError` is one that stays."""
        for left in range(self.limits.tries - 1, -1, -1):
            try:
                attempt()
                break
            except TransferError as error:
                if not (error.passing and left):
                    raise
                time.sleep(self.limits.pause * 2 ** (self.limits.tries - 1 - left))

    def download(self, url: str, file: File, largest: int, part: Path, progress: Progress) -> None:
        """Download `url` to `part`, on from what is there of it, and check that it is `file`.

        At most `largest` bytes are taken. Raises `TransferError`; a part that can be gone on with is then kept.
        """
        resumed = _begun(part) > 0
        self.tries(lambda: self._go_on(url, file, largest, part, progress))
        found = sum_of(part)
        if found != file.sha256:
            part.unlink()
            if not resumed:
                raise TransferError(f"its sha256 is {found[:12]}…, not {file.sha256[:12]}…")
            self.download(url, file, largest, part, progress)  # the fault may lie in what was there before

    def _go_on(self, url: str, file: File, largest: int, part: Path, progress: Progress) -> None:
        have = _begun(part)
        if file.size is not None and have == file.size:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with passing_errors(), self.get(url, headers, largest) as answer:
            if have and answer.status_code == 416:
                part.unlink()
                raise TransferError("it is shorter than what was there of it", passing=True)
            check_status(answer)
            goes_on = have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if goes_on and answer.status_code == 206 else 0
            promised = re.fullmatch("[0-9]{1,18}", answer.headers.get("Content-Length", ""))
            wanted = have + int(promised[0]) if promised else file.size
            progress(have)
            with open(part, "ab" if have else "wb") as target:
                # decoded by requests, a .gz file that the server marks as such would come unpacked
                for data in answer.raw.stream(_CHUNK, decode_content=False):
                    have += len(data)
                    if have > largest:
                        break
                    target.write(data)
                    progress(have)
        if have > largest or (wanted is not None and wanted > largest):
            part.unlink()
            raise TransferError(f"it has more than the {largest:,} bytes that are published")
        if wanted is not None and have < wanted:
            raise TransferError(f"it broke off after {have:,} of {wanted:,} bytes", passing=True)


def _begun(part: Path) -> int:
    """The bytes that are there of a download; anything but a plain file that has its name is removed."""
    try:
        status = part.lstat()
    except FileNotFoundError:
        return 0
    if stat.S_ISREG(status.st_mode):
        return status.st_size
    part.unlink()
    return 0


def open_network(limits: DownloadLimits | None = None) -> Network:
    """Raises `MissingPackageError` when the packages for downloads cannot be loaded."""
    for name in ("requests", "remotezip"):
        need_package(name, "downloading", "requests remotezip")
    from digitseq.glyphs.downloads.session import open_session

    budget = Budget(limits or DownloadLimits())
    return Network(open_session(budget), budget)


def check_status(answer: Any) -> None:
    """`TransferError` unless the server's answer has what was asked for."""
    if answer.status_code not in (200, 206):
        message = f"the server answers {answer.status_code} {one_line(answer.reason, 80)}"
        raise TransferError(message, passing=answer.status_code in _MAY_PASS)


@contextlib.contextmanager
def passing_errors() -> Iterator[None]:
    """Turns the errors of connections into `TransferError`."""
    import requests
    import urllib3

    try:
        yield
    except requests.ConnectionError:
        raise TransferError("no connection to the server") from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TransferError("the server sends nothing", passing=True) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise TransferError("the connection broke", passing=True) from None
