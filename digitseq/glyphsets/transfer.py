"""Downloads of one file: bounded by its size, gone on with where they broke off, checked before they get its name."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digitseq.errors import MissingPackageError
from digitseq.glyphsets.catalog import File
from digitseq.glyphsets.sums import sum_of

Progress = Callable[[int], object]

_CHUNK = 1 << 16
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)  # states of a server that may be gone at the next try


class TransferError(Exception):
    """One address did not give the file. `passing`: it may at the next try."""

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server: seconds to connect and between two pieces of data, tries, seconds between."""

    connect: float = 10.0
    read: float = 30.0
    tries: int = 3
    pause: float = 1.0

    @property
    def timeout(self) -> tuple[float, float]:
        """As the package `requests` takes it."""
        return self.connect, self.read


@dataclass(frozen=True)
class Network:
    """Where downloads come from: a session of the package `requests`, and patience."""

    session: Any
    patience: Patience = field(default_factory=Patience)

    def get(self, url: str, headers: dict[str, str]) -> Any:
        """The answer to a request, its body not read yet."""
        return self.session.get(url, headers=headers, stream=True, timeout=self.patience.timeout)

    def tries(self, attempt: Callable[[], None]) -> None:
        """`attempt` until it succeeds, or its `TransferError` is one that stays."""
        for left in range(self.patience.tries - 1, -1, -1):
            try:
                attempt()
                break
            except TransferError as error:
                if not (error.passing and left):
                    raise
                time.sleep(self.patience.pause * 2 ** (self.patience.tries - 1 - left))

    def download(self, url: str, file: File, largest: int, part: Path, progress: Progress) -> None:
        """Download `url` to `part`, on from what is there of it, and check that it is `file`.

        At most `largest` bytes are taken. Raises `TransferError`; a part that can be gone on with is then kept.
        """
        resumed = part.exists()
        self.tries(lambda: self._go_on(url, file, largest, part, progress))
        found = sum_of(part)
        if found != file.sha256:
            part.unlink()
            if not resumed:
                raise TransferError(f"its sha256 is {found[:12]}…, not {file.sha256[:12]}…")
            self.download(url, file, largest, part, progress)  # the fault may lie in what was there before

    def _go_on(self, url: str, file: File, largest: int, part: Path, progress: Progress) -> None:
        have = part.stat().st_size if part.exists() else 0
        if file.size is not None and have == file.size:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with passing_errors(), self.get(url, headers) as answer:
            if have and answer.status_code == 416:
                part.unlink()
                raise TransferError("it is shorter than what was there of it", passing=True)
            check_status(answer)
            goes_on = have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if goes_on and answer.status_code == 206 else 0
            promised = answer.headers.get("Content-Length")
            wanted = have + int(promised) if promised and promised.isdigit() else file.size
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


def open_network(patience: Patience | None = None) -> Network:
    """Raises `MissingPackageError` when the packages for downloads cannot be loaded."""
    for name in ("requests", "remotezip"):
        try:
            importlib.import_module(name)
        except ImportError:
            message = f"downloads need the package {name}: pip install requests remotezip"
            raise MissingPackageError(message) from None
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = "digitseq"
    return Network(session, patience or Patience())


def check_status(answer: Any) -> None:
    """`TransferError` unless the server's answer has what was asked for."""
    if answer.status_code not in (200, 206):
        message = f"the server answers {answer.status_code} {answer.reason}"
        raise TransferError(message, passing=answer.status_code in _MAY_PASS)


@contextlib.contextmanager
def passing_errors() -> Iterator[None]:
    """Turns the errors of connections into `TransferError`."""
    import requests
    import urllib3

    try:
        yield
    except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.TooManyRedirects) as error:
        raise TransferError(str(error)) from None
    except requests.ConnectionError:
        raise TransferError("no connection to the server") from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TransferError("the server sends nothing", passing=True) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise TransferError("the connection broke", passing=True) from None
