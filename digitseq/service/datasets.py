"""`POST /v1/datasets`: a whole data set, sent while it is made."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from digitseq.options import Option
from digitseq.service.archives import MEDIA_TYPES, SUFFIXES, archive, check_size
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.parameters import FORMAT, SEED, Asked, from_json
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.scheduler import Scheduler
from digitseq.service.stoppable import stoppable
from digitseq.service.worker_threads import Stream, client_of

SIZE = Option("int", "how many images", "batch", low=1, high=1_000_000_000)
ABOUT = {"size": SIZE, "seed": SEED, "format": FORMAT}


class Datasets:
    """Answers with archives."""

    def __init__(self, pipeline_cache: PipelineCache, work: Scheduler, metrics: Metrics, limits: Limits) -> None:
        self._pipeline_cache, self._work, self._metrics, self._limits = pipeline_cache, work, metrics, limits

    async def make(self, request: Request) -> StreamingResponse:
        """The archive that the body asks for. Its headers are sent when its first piece is there."""
        asked = await _body(request)
        size, name = asked.others.get("size"), asked.others.get("format", "zip")
        if size is None:
            raise Problem(422, "size is missing: say how many images", "size")
        if size > self._limits.max_images:
            raise Problem(413, f"size may be at most {self._limits.max_images:,} images here, got {size:,}", "size")
        client = client_of(request.scope, request.receive)
        with ExitStack() as until_sent:
            until_sent.enter_context(self._work.stream(client.address))
            pipeline = await self._work.long.run(
                client, lambda check: self._pipeline_cache.pipeline(asked, size, check)
            )
            check_size(name, pipeline, size, self._limits)
            stream = Stream(
                self._work.long, client.address, lambda check: archive(name, stoppable(pipeline, check), size)
            )
            until_sent.callback(stream.close)
            await stream.begin(request.receive, self._limits.max_seconds)
            headers = {
                "Content-Disposition": f'attachment; filename="digitseq-{pipeline.seed}.{SUFFIXES[name]}"',
                "X-Digitseq-Seed": str(pipeline.seed),
                "Cache-Control": "no-store",
            }
            self._metrics.made(name, size)
            return _Archive(stream, headers, MEDIA_TYPES[name], until_sent.pop_all())


class _Archive(StreamingResponse):
    """Gives its places back when it has been sent, or the client has gone."""

    def __init__(self, stream: Stream, headers: dict[str, str], kind: str, until_sent: ExitStack) -> None:
        super().__init__(stream, headers=headers, media_type=kind)
        self._until_sent = until_sent

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._until_sent:
            await super().__call__(scope, receive, send)


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
