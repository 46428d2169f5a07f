"""What makes images, samples and data sets: in a thread of the service, or in a process of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Callable, Generator, Hashable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from digitseq.formats import DOWNLOADS, format_of
from digitseq.formats.base import Format
from digitseq.formats.parts import batches
from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Batch, Pipeline
from digitseq.service import recipes
from digitseq.service.batches import Wanted, files_of, one_image
from digitseq.service.limits import Limits
from digitseq.service.looks import Look, Looks, Prepared
from digitseq.service.messages import Data
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.progress import StreamedPipeline, in_frames
from digitseq.service.requests import RequestValues, settings_within
from digitseq.service.worker_threads import WorkerThreads
from digitseq.sources.base import Check

P = ParamSpec("P")
T = TypeVar("T")
Image = tuple[str, bytes]  # text and PNG file


class Maker:
    """Makes what requests ask for. All methods take values that can be sent to another process, and a `Check`.

    They raise as `PipelineCache.pipeline` does.
    """

    def __init__(self, limits: Limits, pipeline_cache: PipelineCache) -> None:
        self._limits, self._pipeline_cache = limits, pipeline_cache
        self._looks = Looks(pipeline_cache, settings_within(limits))

    def open(self, check: Check) -> None:
        """Open what every request needs."""
        self._pipeline_cache.open()

    def image(self, check: Check, look: Look, seed: int, index: int) -> Image:
        """Image `index` of a look that has its source within."""
        prepared = self._looks.prepare(look, None, check)
        return one_image(prepared.pipeline.reseeded(seed), index)

    def images(self, check: Check, look: Look, wanted: Sequence[Wanted]) -> list[Image | Exception]:
        """Several images of one look, in order, or why one cannot be made."""
        found: dict[Wanted, Image | Exception] = {}
        together: dict[Hashable, tuple[Prepared, list[Wanted]]] = {}
        for one in wanted:
            try:
                prepared = self._looks.prepare(look, one.text, check)
                if prepared.key is not None:
                    together.setdefault(prepared.key, (prepared, []))[1].append(one)
                else:
                    found[one] = one_image(prepared.pipeline.reseeded(one.seed), one.index)
            except Exception as error:
                found[one] = error
        for prepared, those in together.values():
            for one, file in zip(those, files_of(prepared.pipeline, those)):
                found[one] = file if isinstance(file, Exception) else (one.text, file)
        return [found[one] for one in wanted]

    def sample(self, check: Check, asked: RequestValues, index: int) -> Data:
        """Image `index` and what is known of it, as JSON."""
        pipeline = self._pipeline_cache.pipeline(asked, None, check)
        return json.dumps(_samples(pipeline, index, index + 1, check)[0]).encode()

    def samples(self, check: Check, asked: RequestValues, start: int, count: int) -> Data:
        """`count` images from `start` on, and what makes the first of them elsewhere, as JSON."""
        until = start + count
        pipeline = self._pipeline_cache.pipeline(asked, until, check)
        seed = pipeline.seed
        found = {
            "seed": seed,
            "samples": _samples(pipeline, start, until, check),
            "command": recipes.command(asked.values, seed, until),
            "python": recipes.python(asked.values, seed, until),
        }
        return json.dumps(found).encode()

    def data_set(
        self, check: Check, asked: RequestValues, size: int, name: str, labels: tuple[str, ...], framed: bool
    ) -> Generator[Data, None, None]:
        """The pieces of the file `name`, one of `DOWNLOADS`; empty ones mean that work is under way.

        framed: in frames, see `digitseq.service.progress`
        """
        pipeline = StreamedPipeline(self._pipeline_cache.pipeline(asked, size, check))
        format_ = format_of(DOWNLOADS[name][0])
        _check_size(format_, name, pipeline, size, self._limits)
        pieces = format_.stream(pipeline, size, labels, check)
        yield from in_frames(pieces, pipeline) if framed else pieces


Method = Callable[Concatenate[Maker, Check, P], T]


class InThisProcess:
    """Has a `Maker` work in threads; `WorkerProcesses` has it work elsewhere. Both live in one event loop."""

    def __init__(self, maker: Maker, threads: WorkerThreads) -> None:
        self._maker, self._threads = maker, threads

    async def start(self) -> None:
        """Nothing has to be started."""

    async def call(self, method: Method[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a method of the maker returns."""
        return await self._threads.call(lambda check: method(self._maker, check, *args, **kwargs))

    def stream(
        self, method: Method[P, Generator[T, None, None]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
        """What a method yields; each item is made when it is asked for."""
        return self._threads.stream(lambda check: method(self._maker, check, *args, **kwargs))

    async def close(self) -> None:
        """Nothing has to be ended."""


def _samples(pipeline: Pipeline, start: int, stop: int, check: Check) -> list[dict[str, Any]]:
    """Images start … stop-1 as plain values for JSON. check: called between batches."""
    return [
        _sample(batch, place, file, pipeline.seed)
        for batch in batches(pipeline, start, stop, check)
        for place, file in enumerate(encode_png(batch.images, batch.width))
    ]


def _sample(batch: Batch, place: int, file: bytes, seed: int) -> dict[str, Any]:
    files = {"image": file}
    if batch.masks is not None:
        files["mask"] = encode_png(batch.masks[[place]], batch.width[[place]])[0]
    return {
        "text": batch.texts[place],
        "seed": seed,
        "index": batch.start + place,
        "width": int(batch.width[place]),
        "height": batch.images.shape[1],
        "boxes": batch.boxes[place, : batch.text_length[place]].tolist(),
        **{name: base64.b64encode(data).decode() for name, data in files.items()},
    }


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
