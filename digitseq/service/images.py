"""Single images over HTTP, and a handful of samples at once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from digitseq.formats.parts import batches
from digitseq.formats.png_encoder import encode_png
from digitseq.options import Option
from digitseq.pen import GLYPH
from digitseq.pipeline import Batch, Pipeline
from digitseq.random_streams import draw_seed
from digitseq.service import recipes
from digitseq.service.bodies import json_body
from digitseq.service.deadline import Deadline
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.micro_batcher import MicroBatcher, batch_key, one_image
from digitseq.service.pipeline_cache import PipelineCache, always_fits
from digitseq.service.problems import Problem
from digitseq.service.requests import ABOUT_IMAGES, ABOUT_SAMPLES, Pairs, RequestValues, from_json, from_query
from digitseq.service.scheduler import Scheduler
from digitseq.service.worker_threads import address_of
from digitseq.sources.base import Check

SEQUENCES, PNG = "/v1/sequences/", ".png"
ROUTE = SimpleNamespace(path_format="/v1/sequences/{text}.png")
BESIDE_LOOKS = {"number", *ABOUT_IMAGES}
LOOKS = 256  # that are kept
QUICK = 256  # images at once, if a pipeline makes as many: none of them has many pixels
SAMPLES = 12
MOST_PARAMETERS = 200
Look = tuple[tuple[str, str], ...]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Prepared:
    """A pipeline, and how its images are made.

    key: which of them can be made together; None where each is made on its own
    quick: a batch of them takes so little time that it is made in the event loop
    """

    pipeline: Pipeline
    key: Hashable | None
    quick: bool

    @classmethod
    def of(cls, pipeline: Pipeline) -> Prepared:
        """Finds that out: once for a look, as it takes as long as an image."""
        settings, renderer, text = pipeline.settings, pipeline.renderer, pipeline.settings.number
        # Only fixed texts share batches: other sources draw their texts from the tables of their own seed.
        if text is None or not pipeline.keeps_texts:
            return cls(pipeline, None, False)
        plain = not (settings.operations() or settings.masks) and settings.style == GLYPH
        fits = not settings.image_width or always_fits(renderer, len(text))  # else images are drawn again and again
        quick = plain and fits and pipeline.batch_size >= QUICK
        return cls(pipeline, batch_key(pipeline, text), quick)


class ImageEndpoints:
    """Answers for one image (`png`, `json`) and for several (`samples`)."""

    def __init__(
        self,
        pipeline_cache: PipelineCache,
        work: Scheduler,
        metrics: Metrics,
        limits: Limits,
        settings: Mapping[str, Option],
    ) -> None:
        self._pipeline_cache, self._work, self._metrics = pipeline_cache, work, metrics
        self._limits, self._settings = limits, settings
        # apart, so that a plain image never waits for distorted or written ones, which take ten times as long
        self._quick, self._slow = MicroBatcher(0), MicroBatcher(work.concurrency)
        self._looks: dict[Look, dict[int, Prepared]] = {}  # by length those for any digits; the last one at 0

    def close(self) -> None:
        """End the threads."""
        self._quick.close()
        self._slow.close()

    async def shortcut(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer `GET /v1/sequences/{text}.png` before any routing; False for any other request."""
        path = scope["path"]
        if scope["method"] != "GET" or not (path.startswith(SEQUENCES) and path.endswith(PNG)):
            return False
        # Routing and dependency injection of FastAPI take longer than the image itself.
        scope["route"] = ROUTE  # for the metrics
        pairs = [("number", path[len(SEQUENCES) : -len(PNG)]), *query(scope)]
        status, headers, body = await self.png(pairs, scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True

    async def png(self, pairs: list[tuple[str, str]], scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        """Status, headers and body of the image that the query `pairs` describes."""
        # Settings as they are written are found again without being parsed. The text is not among them: the renderer
        # of a look is the same for all texts.
        look = tuple([pair for pair in pairs if pair[0] not in BESIDE_LOOKS])
        given = dict([pair for pair in pairs if pair[0] in BESIDE_LOOKS])
        if len(look) + len(given) < len(pairs):
            from_query(pairs, ABOUT_IMAGES, self._settings)  # says what is given twice
        others = {
            name: option.clean(name, option.kind.parse(given[name]))
            for name, option in ABOUT_IMAGES.items()
            if name in given
        }
        seed, index = others.get("seed"), others.get("index", 0)
        number, address = given.get("number"), address_of(scope)
        with self._work.image_slots.slot(address):
            known = self._known(look, number)
            drawn = draw_seed() if seed is None else seed  # sent along, so that the image can be made again
            if number is not None and known is not None and known.quick:
                text, file = number, await self._quick.image(known.pipeline, number, drawn, index, address, known.key)
            else:
                with Deadline(self._work.seconds):
                    known = known or await self._prepare(look, number, pairs, receive, address)
                    text, file = await self._image(known, number, drawn, index, receive, address)
        self._metrics.made("png")
        headers = [
            (b"content-type", b"image/png"),
            (b"x-digitseq-seed", b"%d" % drawn),
            (b"x-digitseq-text", _header(text)),
        ]
        return _cached(scope, headers, file, seed is not None)

    async def json(self, pairs: Pairs, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        """The same as JSON: text, seed, index, size, boxes, and the PNG file in base64."""
        asked = from_query(pairs, ABOUT_IMAGES, self._settings)
        index = asked.others.get("index", 0)

        def make(check: Check) -> dict[str, Any]:
            return samples_of(self._pipeline_cache.pipeline(asked, None, check), index, index + 1, check)[0]

        address = address_of(scope)
        with self._work.image_slots.slot(address):
            found = await self._work.images.run(make, receive, address)
        self._metrics.made("json")
        body = json.dumps(found).encode()
        return _cached(scope, [(b"content-type", b"application/json")], body, "seed" in asked.others)

    async def samples(self, pairs: Pairs, scope: Scope, receive: Receive) -> dict[str, Any]:
        """`count` images of one seed from number `start` on, and what makes the first of them elsewhere."""
        return await self._samples(from_query(pairs, ABOUT_SAMPLES, self._settings), scope, receive)

    async def samples_of_body(self, request: Request) -> dict[str, Any]:
        """The same for a body of JSON: a list of texts can be too long for a query."""
        asked = from_json(await json_body(request, self._limits), ABOUT_SAMPLES, self._settings)
        return await self._samples(asked, request.scope, request.receive)

    async def _samples(self, asked: RequestValues, scope: Scope, receive: Receive) -> dict[str, Any]:
        start, count = asked.others.get("start", 0), asked.others.get("count", SAMPLES)

        def make(check: Check) -> dict[str, Any]:
            until = start + count
            pipeline = self._pipeline_cache.pipeline(asked, until, check)
            seed = pipeline.seed
            return {
                "seed": seed,
                "samples": samples_of(pipeline, start, until, check),
                "command": recipes.command(asked.values, seed, until),
                "python": recipes.python(asked.values, seed, until),
            }

        address = address_of(scope)
        with self._work.long_slots.slot(address):
            found = await self._work.long.run(make, receive, address)
        self._metrics.made("json", count)
        return found

    def _known(self, look: Look, number: str | None) -> Prepared | None:
        """What writes any digits as long as `number`, if some were asked for before with the same look."""
        found = self._looks.get(look)
        return found.get(len(number)) if found is not None and number is not None and is_digits(number) else None

    async def _prepare(self, look: Look, number: str | None, pairs: Pairs, receive: Receive, address: str) -> Prepared:
        """The pipeline of the query `pairs`; without a thread when one of the same look was asked for before."""
        known, pipeline = self._looks.get(look), None
        if known is not None and number is not None:
            pipeline = self._pipeline_cache.with_number(known[0].pipeline, number)
        if pipeline is None:
            asked = from_query(pairs, ABOUT_IMAGES, self._settings)
            pipeline = await self._work.images.run(
                lambda check: self._pipeline_cache.pipeline(asked, None, check), receive, address
            )
            if len(self._looks) >= LOOKS:
                del self._looks[next(iter(self._looks))]  # the oldest: a dict keeps the order of insertion
            self._looks.setdefault(look, {})[0] = Prepared.of(pipeline)
        made = Prepared.of(pipeline)
        if number is not None and is_digits(number) and self._pipeline_cache.serves_digits(pipeline):
            self._looks[look][len(number)] = made
        return made

    async def _image(
        self, prepared: Prepared, number: str | None, seed: int, index: int, receive: Receive, address: str
    ) -> tuple[str, bytes]:
        pipeline, key = prepared.pipeline, prepared.key
        if number is None or key is None:
            return await self._work.images.run(
                lambda check: one_image(pipeline.reseeded(seed), index), receive, address
            )
        batcher = self._quick if prepared.quick else self._slow
        return number, await batcher.image(pipeline, number, seed, index, address, key)


def samples_of(pipeline: Pipeline, start: int, stop: int, check: Check) -> list[dict[str, Any]]:
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


def query(scope: Scope) -> list[tuple[str, str]]:
    """Names and values of the query, in order."""
    text = scope["query_string"].decode("latin-1")
    if "%" not in text and "+" not in text and text.count("&") < MOST_PARAMETERS:  # nothing to decode
        return [(name, value) for name, _, value in (part.partition("=") for part in text.split("&")) if name or value]
    try:
        return parse_qsl(text, True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Problem(422, f"at most {MOST_PARAMETERS} parameters may be given") from None


def is_digits(text: str) -> bool:
    """Whether `text` is 0 to 9 only, at least one of them."""
    return text.isascii() and text.isdecimal()


def _header(text: str) -> bytes:
    """`text` as a header can hold it: all but printable ASCII is percent-encoded, and spaces that would be cut off."""
    if text.isalnum() and text.isascii():
        return text.encode()
    return quote(text, "+-(). /" if text == text.strip() else "+-()./").encode()


def _cached(scope: Scope, headers: Headers, body: bytes, repeatable: bool) -> tuple[int, Headers, bytes]:
    """The answer; one that is the same at every request is kept by the client, and confirmed without a body."""
    headers.append((b"content-length", b"%d" % len(body)))
    if not repeatable:
        return 200, [*headers, (b"cache-control", b"no-store")], body
    # of the bytes, not of the query: two queries for one image have one tag
    tag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    headers += [(b"etag", tag), (b"cache-control", b"max-age=31536000, immutable")]
    for name, value in scope["headers"]:
        if name == b"if-none-match" and (tag in value or value.strip() == b"*"):  # one tag or several, weak or strong
            return 304, [pair for pair in headers if pair[0] != b"content-length"], b""
    return 200, headers, body
