"""The app: routes, and what they share."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from digitseq.errors import DigitseqError
from digitseq.service import schemas
from digitseq.service.catalogue import catalogue
from digitseq.service.datasets import ABOUT, Datasets
from digitseq.service.guard import Guard
from digitseq.service.images import Images, query
from digitseq.service.limits import Limits
from digitseq.service.metrics import Metrics
from digitseq.service.parameters import ABOUT_IMAGES, ABOUT_SAMPLES
from digitseq.service.problems import MEDIA_TYPE, Problem, problem_of
from digitseq.service.studio import Studio
from digitseq.service.work import Work
from digitseq.version import __version__

STATIC = Path(__file__).with_name("static")
SUMMARY = "Images of handwritten digit sequences out of real glyphs, with exact labels."
EXPOSED = ["ETag", "X-Digitseq-Seed", "X-Digitseq-Text", "Content-Disposition", "Retry-After"]


def create_app(
    limits: Limits | None = None, *, key: str | None = None, cors: str | None = None, cache: str | None = None
) -> FastAPI:
    """The service as an ASGI app.

    key: what `Authorization: Bearer …` must say on every `/v1` request; None: anyone may ask
    cors: the one origin whose pages may use the service; None: no other than its own
    cache: directory of the glyph banks; None: `$DIGITSEQ_CACHE`, or the user's cache directory
    """
    service = _Service(limits or Limits(), cache)
    app = _App(
        title="digitseq",
        summary=SUMMARY,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=service.lifespan,
        exception_handlers=dict.fromkeys((HTTPException, Problem, DigitseqError, Exception), _refused),
    )
    _add_images(app, service)
    _add_phone_numbers(app, service)
    _add_samples(app, service)
    _add_datasets(app, service)
    _add_watching(app, service)
    _add_pages(app)
    app.outermost = Guard(app.outermost, service.limits, service.metrics, key, service.images.shortcut)
    if cors:
        app.outermost = CORSMiddleware(
            app.outermost,
            allow_origins=[cors],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=EXPOSED,
        )
    app.state.service = service
    _describe(app, key is not None)
    return app


class _App(FastAPI):
    """A FastAPI app with something around all of it: the shortcut would be a third slower inside."""

    def __init__(self, **known: Any) -> None:
        super().__init__(**known)
        self.outermost: ASGIApp = super().__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.outermost(scope, receive, send)


class _Service:
    """What the routes share."""

    def __init__(self, limits: Limits, cache: str | None) -> None:
        self.limits = limits
        self.metrics = Metrics()
        self.studio = Studio(limits, cache)
        self.work = Work(limits)
        self.images = Images(self.studio, self.work, self.metrics)
        self.datasets = Datasets(self.studio, self.work, self.metrics, limits)
        self.catalogue = catalogue(limits)
        self._draining: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Opens the bank before the first request; ends the threads after the last."""
        await asyncio.get_running_loop().run_in_executor(None, self.studio.open)
        self._drain_on_sigterm()
        yield
        self.work.close()
        self.images.close()

    def _drain_on_sigterm(self) -> None:
        """Let answers under way finish, and refuse new ones with 503, before the server stops listening."""
        server = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(server):
            return
        loop = asyncio.get_running_loop()

        async def drain(number: int, frame: Any) -> None:
            self.work.drain()
            for _ in range(10 * self.limits.drain_seconds):
                if not self.work.under_way:
                    break
                await asyncio.sleep(0.1)
            server(number, frame)

        def begin(number: int, frame: Any) -> None:
            self._draining = self._draining or loop.create_task(drain(number, frame))

        signal.signal(signal.SIGTERM, lambda number, frame: loop.call_soon_threadsafe(begin, number, frame))


def _add_images(app: FastAPI, service: _Service) -> None:
    images, limits = service.images, service.limits
    text = {
        "name": "text",
        "in": "path",
        "required": True,
        "description": "the digits to write",
        "schema": {"type": "string", "minLength": 1, "maxLength": limits.max_text, "examples": ["123456"]},
    }
    parameters = schemas.query_parameters(ABOUT_IMAGES, limits, ("number",), text)
    png, sample = _answers_about_images()

    @app.get("/v1/sequences/{text:path}.png", responses=png, **_documented(parameters, "images"))
    async def sequence_png(request: Request) -> Response:
        """One image as a PNG file. With `seed` the same request has the same answer for ever.

        Image `index` of a seed is the file `index + 1`.png that the command line writes with it.
        """
        return _response(await images.png(_with_text(request), request.scope, request.receive))

    @app.get("/v1/sequences/{text:path}.json", responses=sample, **_documented(parameters, "images"))
    async def sequence_json(request: Request) -> Response:
        """One image with its text, seed and boxes."""
        return _response(await images.json(_with_text(request), request.scope, request.receive))


def _add_phone_numbers(app: FastAPI, service: _Service) -> None:
    images, limits = service.images, service.limits
    region = {"name": "region", "in": "query", "description": "ISO 3166 code", "schema": schemas.REGION}
    parameters = schemas.query_parameters(ABOUT_IMAGES, limits, ("number", "phone", "random_digits", "pattern"), region)
    png, sample = _answers_about_images()

    @app.get("/v1/phone-numbers.png", responses=png, **_documented(parameters, "images"))
    async def phone_number_png(request: Request) -> Response:
        """A telephone number that is valid in the region, as a PNG file; `X-Digitseq-Text` says which."""
        return _response(await images.png(_with_region(request), request.scope, request.receive))

    @app.get("/v1/phone-numbers.json", responses=sample, **_documented(parameters, "images"))
    async def phone_number_json(request: Request) -> Response:
        """The same with text, seed and boxes."""
        return _response(await images.json(_with_region(request), request.scope, request.receive))


def _add_samples(app: FastAPI, service: _Service) -> None:
    samples = schemas.answers("The images.", {"application/json": schemas.SAMPLES})
    several = schemas.query_parameters(ABOUT_SAMPLES, service.limits)

    @app.get("/v1/samples.json", responses=samples, **_documented(several, "images"))
    async def several_samples(request: Request) -> Response:
        """Several images of one seed, and the command and the code that make them elsewhere."""
        found = await service.images.samples(query(request.scope), request.receive)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _add_datasets(app: FastAPI, service: _Service) -> None:
    binary = {"type": "string", "format": "binary"}
    kinds = {"application/zip": binary, "application/x-tar": binary, "application/x-npz": binary}
    example = {"number": "123456", "min_spacing": 5, "size": 100, "seed": 7, "format": "zip"}
    body = {"schema": schemas.body_schema(ABOUT, service.limits), "example": example}
    extra = {"requestBody": {"required": True, "content": {"application/json": body}}}

    @app.post(
        "/v1/datasets",
        responses=schemas.answers("The archive.", kinds, 400, 415),
        openapi_extra=extra,
        tags=["data sets"],
    )
    async def dataset(request: Request) -> Response:
        """A data set as one archive, sent while it is made.

        zip holds `1.png`, … and `metadata.jsonl`; webdataset is one tar shard; npz holds arrays.
        """
        return await service.datasets.make(request)


def _add_watching(app: FastAPI, service: _Service) -> None:
    plain: schemas.Answers = {
        200: {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}}
    }

    @app.get("/v1/options", responses=plain | {401: schemas.answers("", {})[401]}, tags=["options"])
    async def all_options() -> Response:
        """Every setting, data set and distortion, with ranges and defaults."""
        return JSONResponse(service.catalogue)

    @app.get("/healthz", responses=plain, tags=["operation"])
    async def alive() -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", responses=plain | {503: schemas.answers("", {})[503]}, tags=["operation"])
    async def ready() -> Response:
        """Whether images can be made: the glyphs are loaded, and the service is not shutting down."""
        if service.work.draining or not service.studio.ready:
            raise Problem(503, "the service is shutting down" if service.work.draining else "the glyphs are loading")
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics", tags=["operation"], responses={200: {"description": "Numbers.", "content": {"text/plain": {}}}}
    )
    async def numbers() -> Response:
        """Prometheus metrics."""
        return Response(service.metrics.text(), media_type=service.metrics.content_type)


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/static", StaticFiles(directory=STATIC))
    found = importlib.util.find_spec("fastapi_offline")  # Swagger UI's files, without a CDN
    if found is None or found.origin is None:
        return

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(STATIC / "docs.html", headers={"Cache-Control": "no-cache"})

    app.mount("/docs/assets", StaticFiles(directory=Path(found.origin).with_name("static")))


def _describe(app: FastAPI, locked: bool) -> None:
    """Put the schema of problems into `/openapi.json`, and the key where one is needed."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = plain()
            components = found.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = schemas.PROBLEM
            if locked:
                components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
                for path, operations in found["paths"].items():
                    if path.startswith("/v1/"):
                        for operation in operations.values():
                            operation["security"] = [{"key": []}]
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _documented(parameters: list[schemas.Schema], tag: str) -> dict[str, Any]:
    return {"openapi_extra": {"parameters": parameters}, "tags": [tag], "response_class": Response}


def _answers_about_images() -> tuple[schemas.Answers, schemas.Answers]:
    same = {304: {"description": "the image is the one that the client has"}}
    png = schemas.answers("The image.", {"image/png": {"type": "string", "format": "binary"}})
    return png | same, schemas.answers("The image.", {"application/json": schemas.SAMPLE}) | same


def _with_region(request: Request) -> list[tuple[str, str]]:
    """The query with `region` as the setting that it is; JP where none is given."""
    pairs = [("phone" if name == "region" else name, value) for name, value in query(request.scope)]
    return pairs if any(name == "phone" for name, _ in pairs) else [("phone", "JP"), *pairs]


def _with_text(request: Request) -> list[tuple[str, str]]:
    return [("number", request.path_params["text"]), *query(request.scope)]


def _response(answer: tuple[int, list[tuple[bytes, bytes]], bytes]) -> Response:
    status, headers, body = answer
    response = Response(body, status)
    response.raw_headers = headers
    return response


async def _refused(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)
