"""Errors as problem details (RFC 9457): a status, one line for a person, and the field that it is about."""

from __future__ import annotations

import http
import json
import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digitseq.errors import DataError, MissingPackageError, RunError, SettingsError

MEDIA_TYPE = "application/problem+json"
LOG = logging.getLogger("uvicorn.error")


class Problem(Exception):
    """What a request is refused with. `field` is the parameter that is to blame, where there is one."""

    def __init__(self, status: int, detail: str, field: str | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.field = status, detail, field
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def as_json(self) -> dict[str, Any]:
        """The members of the answer."""
        found = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return found if self.field is None else found | {"field": self.field}

    def body(self) -> bytes:
        """The answer's body."""
        return json.dumps(self.as_json()).encode()


def problem_of(error: Exception) -> Problem:
    """The problem for an exception: the client is told what it can fix; everything else goes to the log only."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, SettingsError):
        return Problem(422, str(error), error.setting)
    if isinstance(error, RunError):  # a text that does not fit, found while its image was drawn
        return Problem(422, str(error), "image_width")
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), None, **dict(error.headers or {}))
    if isinstance(error, ClientDisconnect):
        return Problem(400, "the client has disconnected")
    if isinstance(error, MissingPackageError):
        return Problem(501, "this needs a package that is not installed on the server")
    if isinstance(error, DataError):
        LOG.error("%s", error)
        return Problem(503, "the data set cannot be read on the server")
    LOG.error("unexpected error", exc_info=error)
    return Problem(500, "something went wrong on the server, which has logged it")


def nearest(word: str, known: list[str]) -> str:
    """The right name that `word` is closest to, as a hint."""
    import difflib

    near = difflib.get_close_matches(word.lower(), known, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
