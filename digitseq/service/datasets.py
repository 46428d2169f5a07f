"""`POST /v1/datasets`: a whole data set, sent while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from digitseq.formats import DOWNLOADS, FORMATS
from digitseq.runs.run_settings import Output
from digitseq.service.cancelling import Receive, until_gone
from digitseq.service.core import Service
from digitseq.service.maker import Maker
from digitseq.service.messages import Data
from digitseq.service.problems import Problem
from digitseq.service.progress import MEDIA_TYPE, wants_progress
from digitseq.service.requests import FORMAT, about_data_sets, from_json, json_body
from digitseq.service.scheduler import WorkQueue, address_of

AT_ONCE = 1 << 16  # bytes that are written before others have their turn


async def make_data_set(service: Service, request: Request) -> StreamingResponse:
    """The file that the body of `request` asks for. Its headers are sent when its first piece is ready."""
    body, work = await json_body(request, service.limits), service.work
    asked = from_json(body, about_data_sets(service.limits), service.settings)
    if "size" not in asked.others:
        raise Problem(422, "size is missing", "size")
    asked = asked.with_seed()
    size, name = asked.others["size"], asked.others.get("format", FORMAT.default)
    labels = _labels(name, asked.others.get("labels"))
    framed = wants_progress(request.headers)
    address = address_of(request.scope)
    async with AsyncExitStack() as until_sent:
        until_sent.enter_context(work.long_slots.slot(address))
        until_sent.enter_context(work.streams.slot(address))
        await service.await_lines(asked, work.long, request.receive, address)
        pieces = service.making.stream(Maker.data_set, asked, size, name, labels, framed)
        stream = Stream(work.long, pieces, address)
        until_sent.push_async_callback(stream.close)  # also when the client leaves before the first piece
        # errors of the first piece can still be answered with a problem, later ones only end the connection
        await stream.begin(request.receive)
        download, seed = DOWNLOADS[name][1], asked.others["seed"]
        headers = {
            "Content-Disposition": f'attachment; filename="digitseq-{seed}.{download.suffix}"',
            "X-Digitseq-Seed": str(seed),
            "Cache-Control": "no-store",
        }
        service.metrics.made(name, size)
        return _Archive(stream, headers, MEDIA_TYPE if framed else download.media_type, until_sent.pop_all())


class Stream:
    """Pieces of bytes, each made while the one before it is sent. Empty ones mean that work is under way.

    Each waits for a turn of `address` in `queue`.
    """

    def __init__(self, queue: WorkQueue, pieces: AsyncGenerator[Data, None], address: str = "") -> None:
        self._queue, self._pieces, self._address = queue, pieces, address
        self._request()

    async def begin(self, receive: Receive) -> None:
        """Wait for the first piece. Raises `Problem` 503 when the client goes."""
        with until_gone(receive):
            while await self._next == b"":
                self._request()

    async def __aiter__(self) -> AsyncGenerator[Data, None]:
        while (piece := await self._next) is not None:
            self._request()
            if piece:
                yield piece

    async def close(self) -> None:
        """Cancel the piece that is being made."""
        self._next.cancel()
        try:
            await asyncio.gather(self._next, return_exceptions=True)
        finally:
            await self._pieces.aclose()

    def _request(self) -> None:
        self._next = asyncio.ensure_future(self._advance())

    async def _advance(self) -> Data | None:
        async with self._queue.turn(self._address):
            return await anext(self._pieces, None)


class _Archive(StreamingResponse):
    """Releases its slots before the end is sent, as the client may ask again then, or when the client disconnects."""

    def __init__(self, stream: Stream, headers: dict[str, str], kind: str, until_sent: AsyncExitStack) -> None:
        super().__init__(self._pieces(stream), headers=headers, media_type=kind)
        self._until_sent = until_sent

    async def _pieces(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            for start in range(0, len(piece), AT_ONCE):
                yield bytes(piece[start : start + AT_ONCE])
                await asyncio.sleep(0)  # others have their turn, however fast the client reads
        await self._until_sent.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._until_sent:
            await super().__call__(scope, receive, send)


def _labels(name: str, labels: tuple[str, ...] | None) -> tuple[str, ...]:
    """The label formats of a data set. labels: those that the body names. Raises `Problem` and `SettingsError`."""
    with_labels = [rest_name for rest_name, (key, _) in DOWNLOADS.items() if "labels" in FORMATS[key].options]
    if labels is None:
        return Output().labels
    if name not in with_labels:
        allowed = " or ".join(with_labels)
        raise Problem(422, f"labels go with format {allowed}, got {name}, which has its labels inside", "labels")
    return Output(labels=labels).labels
