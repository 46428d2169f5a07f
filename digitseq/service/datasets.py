"""`POST /v1/datasets`: a whole data set, sent while it is made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from digitseq.options import Option
from digitseq.pipeline import Pipeline
from digitseq.service.archives import MEDIA_TYPES, SUFFIXES, archive
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.parameters import FORMAT, SEED, Asked, from_json
from digitseq.service.problems import Problem
from digitseq.service.studio import Studio
from digitseq.service.work import Work

SIZE = Option("int", "how many images", "batch", low=1, high=1_000_000_000)
ABOUT = {"size": SIZE, "seed": SEED, "format": FORMAT}


class Datasets:
    """Answers with archives."""

    def __init__(self, studio: Studio, work: Work, metrics: Metrics, limits: Limits) -> None:
        self._studio, self._work, self._metrics, self._limits = studio, work, metrics, limits

    async def make(self, request: Request) -> StreamingResponse:
        """The archive that the body asks for. Its headers are sent when its first piece is there."""
        asked = await _body(request)
        size, name = asked.others.get("size"), asked.others.get("format", "zip")
        if size is None:
            raise Problem(422, "size is missing: say how many images", "size")
        if size > self._limits.max_images:
            raise Problem(413, f"size may be at most {self._limits.max_images:,} images here, got {size:,}", "size")
        with ExitStack() as places:
            places.enter_context(self._work.place())
            places.enter_context(self._work.stream())
            pipeline: Pipeline = await self._work.run(request.receive, self._studio.pipeline, asked, size)
            pieces = self._work.pieces(archive(name, pipeline, size, self._limits))
            first = await self._work.answer(request.receive, asyncio.ensure_future(anext(pieces)))
            headers = {
                "Content-Disposition": f'attachment; filename="digitseq-{pipeline.seed}.{SUFFIXES[name]}"',
                "X-Digitseq-Seed": str(pipeline.seed),
                "Cache-Control": "no-store",
            }
            self._metrics.made(name, size)
            return _Archive(_following(first, pieces), headers, MEDIA_TYPES[name], places.pop_all())


class _Archive(StreamingResponse):
    """Gives its places back when it has been sent, or the client has gone."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], headers: dict[str, str], kind: str, places: ExitStack
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=kind)
        self._pieces, self._places = pieces, places

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._places:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._pieces.aclose()


async def _following(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in pieces:
            yield piece
    finally:
        await pieces.aclose()


async def _body(request: Request) -> Asked:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "the body must be JSON: Content-Type: application/json")
    data = await request.body()
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is no JSON: {error}"[:200]) from None
    return from_json(body, ABOUT)
