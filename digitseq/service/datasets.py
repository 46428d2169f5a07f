"""`POST /v1/datasets`: a whole data set, sent while it is made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from digitseq.formats import DOWNLOADS, FORMATS, format_of
from digitseq.formats.base import Format
from digitseq.options import Option
from digitseq.pipeline import Pipeline
from digitseq.runs.run_settings import Output
from digitseq.service.bodies import json_body
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.progress import MEDIA_TYPE, CountingPipeline, in_frames, wants_progress
from digitseq.service.requests import FORMAT, about_data_sets, from_json
from digitseq.service.scheduler import Scheduler
from digitseq.service.worker_threads import Stream, address_of
from digitseq.sources.base import Check


class Datasets:
    """Answers with data sets, each as one file. settings: those of images, by name."""

    def __init__(
        self,
        pipeline_cache: PipelineCache,
        work: Scheduler,
        metrics: Metrics,
        limits: Limits,
        settings: Mapping[str, Option],
    ) -> None:
        self._pipeline_cache, self._work, self._metrics, self._limits = pipeline_cache, work, metrics, limits
        self._settings, self._about = settings, about_data_sets(limits)

    async def make(self, request: Request) -> StreamingResponse:
        """The file that the body asks for. Its headers are sent when its first piece is ready."""
        asked = from_json(await json_body(request, self._limits), self._about, self._settings)
        if "size" not in asked.others:
            raise Problem(422, "size is missing", "size")
        size, name = asked.others["size"], asked.others.get("format", FORMAT.default)
        key, download = DOWNLOADS[name]
        format_, labels = format_of(key), _labels(name, asked.others.get("labels"))
        address = address_of(request.scope)
        with ExitStack() as until_sent:
            until_sent.enter_context(self._work.long_slots.slot(address))
            until_sent.enter_context(self._work.streams.slot(address))
            pipeline = await self._work.long.run(
                lambda check: self._pipeline_cache.pipeline(asked, size, check), request.receive, address
            )
            _check_size(format_, name, pipeline, size, self._limits)
            kind, make = download.media_type, partial(format_.stream, pipeline, size, labels)
            if wants_progress(request.headers):
                kind, make = MEDIA_TYPE, partial(_in_frames, format_, CountingPipeline(pipeline), size, labels)
            stream = Stream(self._work.long, make, address)
            until_sent.callback(stream.close)  # also when the client leaves before the first piece
            # errors of the first piece can still be answered with a problem, later ones only end the connection
            await stream.begin(request.receive)
            headers = {
                "Content-Disposition": f'attachment; filename="digitseq-{pipeline.seed}.{download.suffix}"',
                "X-Digitseq-Seed": str(pipeline.seed),
                "Cache-Control": "no-store",
            }
            self._metrics.made(name, size)
            return _Archive(stream, headers, kind, until_sent.pop_all())


def _in_frames(
    format_: Format, pipeline: CountingPipeline, size: int, labels: tuple[str, ...], check: Check
) -> Generator[bytes, None, None]:
    return in_frames(format_.stream(pipeline, size, labels, check), pipeline)


class _Archive(StreamingResponse):
    """Releases its slots before the end is sent, as the client may ask again then, or when the client disconnects."""

    def __init__(self, stream: Stream, headers: dict[str, str], kind: str, until_sent: ExitStack) -> None:
        super().__init__(self._pieces(stream), headers=headers, media_type=kind)
        self._until_sent = until_sent

    async def _pieces(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
        self._until_sent.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with self._until_sent:
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


def _check_size(format_: Format, name: str, pipeline: Pipeline, size: int, limits: Limits) -> None:
    """Raises `Problem` when the file would be too large to be made on disk."""
    pixels = size * pipeline.bank.height * pipeline.widest * (1 + pipeline.settings.masks)
    if not format_.streams and pixels > limits.max_npz:
        raise Problem(
            413,
            f"{name} would have {pixels:,} bytes of pixels, at most {limits.max_npz:,} are made: "
            "take webdataset or zip, or lower size",
            "size",
        )
