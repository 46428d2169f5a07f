"""Bodies of requests."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request

from digitseq.service.cancelling import deadline
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem, too_large


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(422, f"{twice:.60} is given twice: give it once", twice[:60])
    return found


async def json_body(request: Request, limits: Limits) -> Any:
    """What the body says. Raises `Problem` for one that is no JSON, too large, or too slow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "the body must be JSON: Content-Type: application/json")
    data = b""
    try:
        with deadline(limits.receive_seconds):
            async for piece in request.stream():
                data += piece
                if len(data) > limits.max_body:  # not all clients announce a size
                    raise too_large(limits)
        return json.loads(data, object_pairs_hook=_without_repeats)
    except asyncio.TimeoutError:
        seconds = limits.receive_seconds
        raise Problem(408, f"the body did not arrive within {seconds} seconds", Connection="close") from None
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is no JSON: {error}"[:200]) from None
