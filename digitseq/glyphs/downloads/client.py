"""HTTP requests whose answers are bounded in size and time, whatever a server sends.

The package `requests` waits up to its timeout for every single piece, and http.client reads status lines as long as
some come. Here every answer passes through a `MeteredStream`.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import exceptions
from urllib3.util import Retry

from digitseq.errors import one_line
from digitseq.glyphs.downloads.download_limits import (
    DownloadLimits,
    InterruptedTransferError,
    MeteredStream,
    SlowServerError,
    TransferError,
)

MAX_REDIRECTS = 5
LINE_BYTES = 1 << 16  # of a line between two chunks
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # states of a server that another request may not meet
_MAX_RETRY_AFTER = 60.0  # seconds


class _LineReader(io.BufferedReader):
    """urllib3 reads a line between two chunks without a limit."""

    def readline(self, size: int | None = -1) -> bytes:
        return super().readline(LINE_BYTES if size is None or size < 0 else size)


class Client:
    """Sends GET requests. Its answers keep to `limits`, and none has more than about `max_bytes`."""

    def __init__(self, limits: DownloadLimits, max_bytes: int) -> None:
        self.limits = limits
        self._session = requests.Session()
        self._session.max_redirects = MAX_REDIRECTS
        self._session.headers["User-Agent"] = "digitseq"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _adapter(limits, max_bytes))

    def get(self, url: str, headers: dict[str, str], also: tuple[int, ...] = ()) -> requests.Response:
        """The answer to a GET request; its body is not read yet.

        Raises `TransferError` unless the status is 200, 206 or one of `also`.
        """
        timeout = self.limits.connect, self.limits.read
        try:
            answer = self._session.get(url, headers=headers, stream=True, timeout=timeout)
        except requests.TooManyRedirects:
            raise TransferError(f"it is redirected more than {MAX_REDIRECTS} times") from None
        except ValueError as error:  # requests, urllib3 and urllib.parse each have their own subclasses
            raise TransferError(f"it leads to an invalid address ({one_line(error)})") from None
        except (requests.RequestException, exceptions.HTTPError) as error:
            raise _failure(error) from None
        if answer.status_code in (200, 206, *also):
            return answer
        answer.close()
        reason = f"the server answers {answer.status_code} {one_line(answer.reason, 80)}"
        if answer.status_code in _TRANSIENT:
            raise InterruptedTransferError(reason, _retry_after(answer))
        raise TransferError(reason)

    def resuming(self, transfer: Callable[[], None]) -> None:
        """Call `transfer` until it is not interrupted any more, at most `limits.attempts` times."""
        for attempt in range(self.limits.attempts):
            try:
                transfer()
                break
            except InterruptedTransferError as error:
                if attempt + 1 == self.limits.attempts:
                    raise
                time.sleep(error.wait or self.limits.backoff * 2**attempt)


def _adapter(limits: DownloadLimits, max_bytes: int) -> HTTPAdapter:
    class Response(HTTPResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            # In place of http.client's own buffer, so that the head of the answer is metered as well.
            self._stream = MeteredStream(self.fp.detach(), limits, max_bytes)
            self.fp = _LineReader(self._stream)

        def begin(self) -> None:
            super().begin()
            if self.status not in (200, 206):  # requests would read all of it into memory before the next request
                self._stream.end()

    class Adapter(HTTPAdapter):
        # The only place that both direct connections and those through a proxy pass.
        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            pool.ConnectionCls = type("Connection", (type(pool).ConnectionCls,), {"response_class": Response})
            return pool

    return Adapter()


def _retry_after(answer: requests.Response) -> float:
    """Seconds that a busy server asks to wait, 0 if it does not say."""
    try:
        return min(Retry().get_retry_after(answer.raw) or 0.0, _MAX_RETRY_AFTER)
    except (exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


@contextlib.contextmanager
def reading_body() -> Iterator[None]:
    """Turns errors that interrupt the body of an answer into `TransferError`."""
    try:
        yield
    except exceptions.HTTPError as error:
        raise _failure(error) from None


def _failure(error: BaseException) -> TransferError:
    """What went wrong, by the errors that led to `error`: requests and urllib3 wrap them several times."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, SlowServerError):
            return InterruptedTransferError(str(cause))
    if any(isinstance(cause, exceptions.ReadTimeoutError) for cause in causes):
        return InterruptedTransferError("the server sends nothing")
    if any(isinstance(cause, exceptions.ProtocolError) for cause in causes):
        return InterruptedTransferError("the connection broke")
    # Not to be repeated: without a network, or with a dead mirror, the user is told at once.
    return TransferError("no connection to the server")
