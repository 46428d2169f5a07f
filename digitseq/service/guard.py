"""The outermost layer of the app: who may ask, how much may be sent, what every answer says, and the counting."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitseq.service.cancelling import deadline
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.problems import Problem, problem_of, too_large

LOG = logging.getLogger("uvicorn.error")
API = "/v1/"
LONGEST_QUERY = 16_384
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger UI sets styles of its elements, and shows answers that are images.
DOCS_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "data:", "data: blob:"
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


def _headers(policy: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
    ]


SECURITY = {"/": _headers(PAGE_POLICY), "/docs": _headers(DOCS_POLICY)}
API_SECURITY = _headers(API_POLICY)


class Guard:
    """ASGI middleware around `app`. shortcut: answers a request itself and returns True, or returns False."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        metrics: Metrics,
        key: bytes | None,
        shortcut: Callable[[Scope, Receive, Send], Awaitable[bool]],
    ) -> None:
        self._app, self._limits, self._metrics, self._key, self._shortcut = app, limits, metrics, key, shortcut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, method = time.perf_counter(), 0, scope["method"]
        # added here, so that no answer lacks them: neither static files nor errors
        security = SECURITY.get(scope["path"], API_SECURITY)

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *security]
            await send(message)

        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # the server leaves the body out
        try:
            self._check(scope)  # before any work, and before the body is read
            if not await self._shortcut(scope, receive, send_on):
                with deadline(self._limits.max_seconds):
                    await self._app(scope, receive, send_on)
        except asyncio.CancelledError:
            # uvicorn cancels what is still under way when its shutdown takes too long
            problem = Problem(503, "the service is shutting down", Connection="close")
            await self._give_up(problem, status, scope, receive, send_on)
        except asyncio.TimeoutError:
            problem = Problem(503, f"this took longer than {self._limits.max_seconds} seconds")
            await self._give_up(problem, status, scope, receive, send_on)
        except Exception as error:
            await self._give_up(problem_of(error), status, scope, receive, send_on)
        finally:
            route = getattr(scope.get("route"), "path_format", "other")
            known = method if method in METHODS else "other"  # a client must not create time series at will
            self._metrics.answered(route, known, status, time.perf_counter() - began)

    async def _give_up(self, problem: Problem, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        if not status:
            await problem.response()(scope, receive, send)
            return
        # The head of the answer is out. uvicorn would wait until the client has taken all that is buffered.
        LOG.error("an answer was aborted: %s", problem.detail)
        abort = scope.get("extensions", {}).get("abort")
        if abort is not None:
            abort()

    def _check(self, scope: Scope) -> None:
        if len(scope["query_string"]) > LONGEST_QUERY:
            raise Problem(414, f"a query may have at most {LONGEST_QUERY:,} bytes")
        given = dict(scope["headers"])
        if self._key and scope["path"].startswith(API):
            scheme, _, shown = given.get(b"authorization", b"").partition(b" ")
            # in a time that does not depend on how much of the key is right
            bearer = scheme.lower() == b"bearer"
            if not hmac.compare_digest(shown.strip(), self._key) or not bearer:
                if bearer and shown.strip():
                    raise Problem(401, "this key is wrong", WWW_Authenticate='Bearer error="invalid_token"')  # RFC 6750
                raise Problem(401, "a key is needed: Authorization: Bearer KEY", WWW_Authenticate="Bearer")
        # a size that is announced is refused at once; who reads a body counts what really comes
        length = given.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limits.max_body:
            raise too_large(self._limits)
