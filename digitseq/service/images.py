"""Single images over HTTP, and a handful of samples at once."""

from __future__ import annotations

import base64
import hashlib
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.types import Receive, Scope, Send

from digitseq.api import draw_seed
from digitseq.formats.parts import batches
from digitseq.formats.png_encoder import encode_png
from digitseq.pipeline import Batch, Pipeline
from digitseq.service import recipes
from digitseq.service.metrics import Metrics
from digitseq.service.micro_batcher import MicroBatcher, text_of
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import Problem
from digitseq.service.requests import ABOUT_IMAGES, ABOUT_SAMPLES, Pairs, from_query
from digitseq.service.scheduler import Scheduler
from digitseq.service.worker_threads import Client, client_of, result_of
from digitseq.sources.base import Check

SEQUENCES, PNG = "/v1/sequences/", ".png"
ROUTE = SimpleNamespace(path_format="/v1/sequences/{text}.png")
SAMPLES = 12
MOST_PARAMETERS = 200
FOR_EVER = "max-age=31536000, immutable"
Headers = list[tuple[bytes, bytes]]


class ImageEndpoints:
    """Answers for one image (`png`, `json`) and for several (`samples`)."""

    def __init__(self, pipeline_cache: PipelineCache, work: Scheduler, metrics: Metrics) -> None:
        self._pipeline_cache, self._work, self._metrics = pipeline_cache, work, metrics
        # apart, so that a plain image never waits for a batch of distorted ones, which takes ten times as long
        self._plain, self._distorted = MicroBatcher(), MicroBatcher()

    def close(self) -> None:
        """End the threads."""
        self._plain.close()
        self._distorted.close()

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
        own = {name: value for name, value in pairs if name in ABOUT_IMAGES}
        # as a key of the cache: the same look is found again without parsing its settings
        settings = tuple([pair for pair in pairs if pair[0] not in ABOUT_IMAGES])
        if len(own) + len(settings) < len(pairs):
            from_query(pairs, ABOUT_IMAGES)  # says what is given twice
        others = {
            name: option.clean(name, option.kind.parse(own[name]))
            for name, option in ABOUT_IMAGES.items()
            if name in own
        }
        seed, index = others.get("seed"), others.get("index", 0)
        client = client_of(scope, receive)
        with self._work.image(client.address):
            pipeline = await self._pipeline(settings, client)
            drawn = draw_seed() if seed is None else seed  # sent along, so that the image can be made again
            text, file = await self._image(pipeline, drawn, index, client)
        self._metrics.made("png")
        headers = [
            (b"content-type", b"image/png"),
            (b"x-digitseq-seed", b"%d" % drawn),
            (b"x-digitseq-text", _header(text)),
        ]
        return _cached(scope, headers, file, seed is not None)

    async def json(self, pairs: Pairs, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        """The same as JSON: text, seed, index, size, boxes, and the PNG file in base64."""
        asked = from_query(pairs, ABOUT_IMAGES)
        index = asked.others.get("index", 0)

        def make(check: Check) -> dict[str, Any]:
            return samples_of(self._pipeline_cache.pipeline(asked, None, check), index, index + 1, check)[0]

        client = client_of(scope, receive)
        with self._work.image(client.address):
            found = await self._work.images.run(client, make)
        self._metrics.made("json")
        body = json.dumps(found).encode()
        return _cached(scope, [(b"content-type", b"application/json")], body, "seed" in asked.others)

    async def samples(self, pairs: Pairs, scope: Scope, receive: Receive) -> dict[str, Any]:
        """`count` images of one seed from number `start` on, and what makes the first of them elsewhere."""
        asked = from_query(pairs, ABOUT_SAMPLES)
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

        client = client_of(scope, receive)
        with self._work.several(client.address):
            found = await self._work.long.run(client, make)
        self._metrics.made("json", count)
        return found

    async def _pipeline(self, pairs: tuple[tuple[str, str], ...], client: Client) -> Pipeline:
        """The pipeline of a request with these settings; without a thread when one of the same look was asked for."""
        # The text is left out of the key: the renderer of a look is the same for all texts.
        texts = [value for name, value in pairs if name == "number"]
        look = pairs if len(texts) != 1 else tuple([pair for pair in pairs if pair[0] != "number"])
        known = self._pipeline_cache.known(look)
        if known is not None and look is not pairs:
            known = self._pipeline_cache.with_number(known, texts[0])
        if known is None:
            asked = from_query(pairs, ABOUT_IMAGES)
            known = await self._work.images.run(client, lambda check: self._pipeline_cache.pipeline(asked, None, check))
            self._pipeline_cache.keep(look, known)
        return known

    async def _image(self, pipeline: Pipeline, seed: int, index: int, client: Client) -> tuple[str, bytes]:
        settings = pipeline.settings
        # Only fixed texts share batches: other sources draw their texts from the tables of their own seed.
        if settings.number is not None and settings.label_case == "as_given":
            batcher = self._distorted if settings.operations() else self._plain
            future = batcher.submit(pipeline, seed, index, client.address)
            return text_of(pipeline), await result_of(future, client.receive, self._work.seconds)
        return await self._work.images.run(client, lambda check: one_image(pipeline.reseeded(seed), index))


def one_image(pipeline: Pipeline, index: int) -> tuple[str, bytes]:
    """Text and PNG file of image `index`, from 0."""
    batch = pipeline.batch(index, index + 1)
    return batch.texts[0], encode_png(batch.images, batch.width)[0]


def samples_of(pipeline: Pipeline, start: int, stop: int, check: Check) -> list[dict[str, Any]]:
    """Images start … stop-1 as plain values for JSON. check: called between batches."""
    return [
        _sample(batch, place, file, pipeline.seed)
        for batch in batches(pipeline, start, stop, check)
        for place, file in enumerate(encode_png(batch.images, batch.width))
    ]


def _sample(batch: Batch, place: int, file: bytes, seed: int) -> dict[str, Any]:
    return {
        "text": batch.texts[place],
        "seed": seed,
        "index": batch.start + place,
        "width": int(batch.width[place]),
        "height": batch.images.shape[1],
        "boxes": batch.boxes[place, : batch.text_length[place]].tolist(),
        "image": base64.b64encode(file).decode(),
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
    headers += [(b"etag", tag), (b"cache-control", FOR_EVER.encode())]
    for name, value in scope["headers"]:
        if name == b"if-none-match" and (
            value.strip() == b"*" or tag in (v.strip().removeprefix(b"W/") for v in value.split(b","))
        ):
            return 304, [pair for pair in headers if pair[0] != b"content-length"], b""
    return 200, headers, body
