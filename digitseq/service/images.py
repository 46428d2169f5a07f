"""Single images over HTTP, and a handful of samples at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from digitseq.random_streams import draw_seed
from digitseq.service.batches import Wanted, files_of
from digitseq.service.cancelling import deadline
from digitseq.service.core import Service
from digitseq.service.looks import KEPT, Look, Looks, of_text
from digitseq.service.maker import Image, Maker
from digitseq.service.micro_batcher import BatchesElsewhere, BatchesHere
from digitseq.service.requests import (
    ABOUT_IMAGES,
    ABOUT_SAMPLES,
    COUNT,
    INDEX,
    SETTINGS,
    Pairs,
    from_json,
    from_query,
    json_body,
    query,
)
from digitseq.service.scheduler import address_of

SEQUENCES, PNG = "/v1/sequences/", ".png"
ROUTE = SimpleNamespace(path_format="/v1/sequences/{text}.png")
BESIDE_LOOKS = {"number", *ABOUT_IMAGES}
# what makes images take so long that they are not even prepared here
DISTORTING = {"style", "masks", *(name for name, option in SETTINGS.items() if option.group == "augmentation")}
Headers = list[tuple[bytes, bytes]]
JSON: Headers = [(b"content-type", b"application/json")]


class ImageEndpoints:
    """Answers for one image (`png`, `json`) and for several (`samples`)."""

    def __init__(self, service: Service) -> None:
        self._service, self._work, self._settings = service, service.work, service.settings
        self._looks = Looks(service.pipeline_cache, service.settings)
        self._written: set[Look] = set()  # looks whose centre lines are found
        # apart, so that a plain image never waits for distorted or written ones, which take ten times as long
        self._quick = BatchesHere(service.work.sharing, files_of)
        self._batched = BatchesElsewhere(
            service.work.sharing, self._make, service.limits.concurrency, service.work.each
        )

    async def shortcut(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer `GET /v1/sequences/{text}.png` before any routing; False for any other request."""
        path = scope["path"]
        if scope["method"] != "GET" or not (path.startswith(SEQUENCES) and path.endswith(PNG)):
            return False
        # Routing and dependency injection of FastAPI take longer than the image itself.
        scope["route"] = ROUTE  # for the metrics
        pairs = [("number", path[len(SEQUENCES) : -len(PNG)]), *query(scope)]
        answer = await self.png(pairs, scope, receive)
        await answer(scope, receive, send)
        return True

    async def png(self, pairs: Pairs, scope: Scope, receive: Receive) -> Response:
        """The image that the query `pairs` describes."""
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
        seed, index = others.get("seed"), others.get("index", INDEX.default)
        number, address = given.get("number"), address_of(scope)
        with self._work.image_slots.slot(address):
            known = self._looks.known(look, number)
            drawn = draw_seed() if seed is None else seed  # sent along, so that the image can be made again
            if number is not None and known is not None and known.quick:
                wanted = Wanted(number, drawn, index)
                text, file = number, await self._quick.image(known.pipeline, wanted, address, known.key)
            else:
                with deadline(self._service.limits.max_seconds):
                    text, file = await self._image(look, number, drawn, index, receive, address)
        self._service.metrics.made("png")
        headers = [
            (b"content-type", b"image/png"),
            (b"x-digitseq-seed", b"%d" % drawn),
            (b"x-digitseq-text", _header(text)),
        ]
        return _answer(scope, headers, file, seed is not None)

    async def json(self, pairs: Pairs, scope: Scope, receive: Receive) -> Response:
        """The same as JSON: text, seed, index, size, boxes, and the PNG file in base64."""
        asked, address = from_query(pairs, ABOUT_IMAGES, self._settings), address_of(scope)
        with self._work.image_slots.slot(address):
            await self._service.await_lines(asked, self._work.images, receive, address)
            make = partial(self._service.making.call, Maker.sample, asked, asked.others.get("index", INDEX.default))
            body = bytes(await self._work.images.run(make, receive, address))
        self._service.metrics.made("json")
        return _answer(scope, JSON, body, "seed" in asked.others)

    async def samples(self, request: Request) -> Response:
        """`count` images of one seed from number `start` on, and what makes the first of them elsewhere, as JSON.

        They are described by the query, or by a body of JSON: a list of texts can be too long for a query.
        """
        if request.method == "POST":
            body = await json_body(request, self._service.limits)
            asked = from_json(body, ABOUT_SAMPLES, self._settings)
        else:
            asked = from_query(query(request.scope), ABOUT_SAMPLES, self._settings)
        start, count = asked.others.get("start", INDEX.default), asked.others.get("count", COUNT.default)
        address = address_of(request.scope)
        with self._work.long_slots.slot(address):
            await self._service.await_lines(asked, self._work.long, request.receive, address)
            make = partial(self._service.making.call, Maker.samples, asked, start, count)
            found = bytes(await self._work.long.run(make, request.receive, address))
        self._service.metrics.made("json", count)
        return _answer(request.scope, JSON, found, repeatable=False)

    async def _image(
        self, look: Look, number: str | None, seed: int, index: int, receive: Receive, address: str
    ) -> Image:
        """An image of a look that is not known as quick."""
        if number is not None and not any(name in DISTORTING for name, _ in look):
            prepared = self._looks.with_number(look, number)
            if prepared is None:
                prepare = partial(self._service.threads.call, partial(self._looks.prepare, look, number))
                prepared = await self._work.images.run(prepare, receive, address)
            if prepared.quick:
                wanted = Wanted(number, seed, index)
                return number, await self._quick.image(prepared.pipeline, wanted, address, prepared.key)
        await self._await_lines(look, number, receive, address)
        if number is None:
            make = partial(self._service.making.call, Maker.image, look, seed, index)
            return await self._work.images.run(make, receive, address)
        # of one length, most can be made together: the maker finds out which
        return await self._batched.image(look, Wanted(number, seed, index), address, (look, len(number)))

    async def _await_lines(self, look: Look, number: str | None, receive: Receive, address: str) -> None:
        if look in self._written or not any(name == "style" for name, _ in look):
            return
        asked = from_query(of_text(look, number), ABOUT_IMAGES, self._settings)
        await self._service.await_lines(asked, self._work.images, receive, address)
        if len(self._written) >= KEPT:
            self._written.clear()
        self._written.add(look)

    async def _make(self, look: Look, wanted: Sequence[Wanted]) -> list[Image | Exception]:
        return await self._service.making.call(Maker.images, look, wanted)


def _header(text: str) -> bytes:
    """`text` as a header can hold it: all but printable ASCII is percent-encoded, and spaces that would be cut off."""
    if text.isalnum() and text.isascii():
        return text.encode()
    return quote(text, "+-(). /" if text == text.strip() else "+-()./").encode()


def _answer(scope: Scope, headers: Headers, body: bytes, repeatable: bool) -> Response:
    """The answer; one that is the same at every request is kept by the client, and confirmed without a body."""
    if not repeatable:
        return _response(200, [*headers, (b"cache-control", b"no-store")], body)
    # of the bytes, not of the query: two queries for one image have one tag
    tag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    headers = [*headers, (b"etag", tag), (b"cache-control", b"max-age=31536000, immutable")]
    for name, value in scope["headers"]:
        if name == b"if-none-match" and (tag in value or value.strip() == b"*"):  # one tag or several, weak or strong
            return _response(304, headers, b"")
    return _response(200, headers, body)


def _response(status: int, headers: Headers, body: bytes) -> Response:
    response = Response(body, status)
    response.raw_headers += headers
    return response
