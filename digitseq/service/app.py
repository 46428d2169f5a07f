"""The app: routes and pages, and what is around them."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitseq import __version__
from digitseq.service.access import check_key, check_origin
from digitseq.service.core import Service
from digitseq.service.guard import Guard
from digitseq.service.images import ImageEndpoints
from digitseq.service.limits import Limits
from digitseq.service.problems import problem_of
from digitseq.service.routes import add_routes

STATIC = Path(__file__).with_name("static")
SUMMARY = "Images of handwritten digit sequences out of real glyphs, with exact labels."
EXPOSED = ["ETag", "X-Digitseq-Seed", "X-Digitseq-Text", "Content-Disposition", "Retry-After"]


class GuardedApp(FastAPI):
    """An app in `outermost`, which answers or calls `routed`: FastAPI's own layers take a third of an image's time."""

    outermost: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.outermost(scope, _whole(receive) if scope["type"] == "lifespan" else receive, send)

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What FastAPI answers by itself. Raises what a route raises."""
        await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's layers without the outermost one, which would answer all errors before the guard can."""
        outermost: Any = super().build_middleware_stack()
        return outermost.app  # type: ignore[no-any-return]


def create_app(
    limits: Limits | None = None,
    *,
    key: str | None = None,
    cors: str | None = None,
    cache: str | None = None,
    processes: bool = False,
) -> FastAPI:
    """The service as an ASGI app.

    key: what `Authorization: Bearer …` must say on every `/v1` request; None: anyone may ask
    cors: the one origin whose pages may use the service; None: no other than its own
    cache: directory of the glyph banks; None: `$DIGITSEQ_CACHE`, or the user's cache directory
    processes: whether distorted images, samples and data sets are made in processes of their own, so that they delay
    no other answer; the program's main module must then be safe to import; else in threads
    """
    service = Service(limits or Limits(), cache, processes)
    app = GuardedApp(
        title="digitseq",
        summary=SUMMARY,
        version=__version__,
        description="All settings can be tried on [the page](/).",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host it was given
        lifespan=service.lifespan,
        exception_handlers={HTTPException: _refused},  # the guard answers for all other errors
    )
    images = ImageEndpoints(service)
    add_routes(app, service, images, key is not None)
    _add_pages(app)
    # from the inside out: routes, then the guard (key, limits, metrics), then CORS, which answers preflight requests
    app.outermost = Guard(
        app.routed,
        limits=service.limits,
        metrics=service.metrics,
        key=None if key is None else check_key(key),
        shortcut=images.shortcut,
    )
    if cors is not None:
        check_origin(cors)
        crossing = CORSMiddleware(
            app.outermost,
            allow_origins=[cors],
            allow_methods=["GET", "POST"],
            allow_headers=["Accept", "Authorization", "Content-Type"],
            expose_headers=EXPOSED,
        )
        app.outermost = _varying(crossing)
    return app


def _whole(receive: Receive) -> Receive:
    """`receive` of a lifespan whose end is told once it has begun: after a second Ctrl-C it is only cancelled."""
    begun = False

    async def message() -> Message:
        nonlocal begun
        try:
            found = await receive()
        except asyncio.CancelledError:
            if not begun:
                raise
            return {"type": "lifespan.shutdown"}
        begun = True
        return found

    return message


def _varying(app: ASGIApp) -> ASGIApp:
    """`app`, saying that answers depend on who asks: a cache must not show one to the pages of another origin."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Vary"] = "Origin"
            await send(message)

        await app(scope, receive, send_on)

    return answer


def _add_pages(app: FastAPI) -> None:
    _add_page(app, "/", "index.html")
    app.mount("/static", StaticFiles(directory=STATIC))
    found = importlib.util.find_spec("fastapi_offline")  # Swagger UI's files, without a CDN
    if found is not None and found.origin is not None:
        _add_page(app, "/docs", "docs.html")
        app.mount("/docs/assets", StaticFiles(directory=Path(found.origin).with_name("static")))


def _add_page(app: FastAPI, path: str, name: str) -> None:
    @app.get(path, include_in_schema=False)
    async def page() -> Response:
        return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})


async def _refused(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == 405 and (known := request.app.openapi()["paths"].get(request.url.path)):
        # of an address with a route for each method, Starlette tells the first only
        problem.headers["Allow"] = ", ".join(sorted(method.upper() for method in known))
    return problem.response()
