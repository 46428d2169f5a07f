"""Errors as problem details (RFC 9457): a status, one line for a person, and the field that it is about."""

from __future__ import annotations

import errno
import http
import json
import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from digitseq.errors import DataError, MissingPackageError, NarrowError, RunError, SettingsError
from digitseq.service.limits import Limits
from digitseq.shell.setting_names import marked, with_names

MEDIA_TYPE = "application/problem+json"
NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
LOG = logging.getLogger("uvicorn.error")


class Problem(Exception):
    """What a request is refused with.

    message: one line, with other settings in backquotes, as `digitseq.errors` says; field: the parameter that is to
    blame, where there is one
    """

    def __init__(self, status: int, message: str, field: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.field, self._given = status, field, message
        self.message, self.detail = marked(message, field), with_names(message)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __reduce__(self) -> tuple[type[Problem], tuple[int, str, str | None], dict[str, Any]]:
        return Problem, (self.status, self._given, self.field), {"headers": self.headers}

    def body(self) -> bytes:
        """The answer's body."""
        title = http.HTTPStatus(self.status).phrase
        found = {"type": "about:blank", "title": title, "status": self.status}
        found |= {"detail": self.detail, "message": self.message}
        return json.dumps(found if self.field is None else found | {"field": self.field}).encode()

    def response(self) -> Response:
        """The answer. No cache may keep it: the next one may be none."""
        return Response(self.body(), self.status, self.headers | {"Cache-Control": "no-store"}, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """The problem for an exception: the client is told what it can fix; everything else goes to the log only."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, SettingsError):
        return Problem(422, str(error), error.setting)
    if isinstance(error, RunError):  # found while an image was drawn
        return Problem(422, str(error), "image_width" if isinstance(error, NarrowError) else None)
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), None, **dict(error.headers or {}))
    if isinstance(error, ClientDisconnect):
        return Problem(400, "the client has disconnected")
    if isinstance(error, MissingPackageError):
        return Problem(501, "this needs a package that is not installed on the server")
    if isinstance(error, DataError):
        LOG.error("%s", error)
        return Problem(503, "the data set cannot be read on the server")
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        LOG.error("%s", error)
        return Problem(507, "the server has no space left for a file that is made before it is sent")
    LOG.error("unexpected error", exc_info=error)
    return Problem(500, "something went wrong on the server, which has logged it")


def too_large(limits: Limits) -> Problem:
    """The problem for a body that has more bytes than the service reads."""
    return Problem(413, f"a body may have at most {limits.max_body:,} bytes", Connection="close")
