"""The app: routes and pages, and what is around them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitseq import __version__
from digitseq.errors import DigitseqError
from digitseq.service import schemas
from digitseq.service.access import check_origin
from digitseq.service.core import Service
from digitseq.service.guard import Guard
from digitseq.service.limits import Limits
from digitseq.service.problems import MEDIA_TYPE, Problem, problem_of
from digitseq.service.routes import add_routes

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
    service = Service(limits or Limits(), cache)
    app = _App(
        title="digitseq",
        summary=SUMMARY,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host it was given
        lifespan=service.lifespan,
        exception_handlers=dict.fromkeys((HTTPException, Problem, DigitseqError, Exception), _refused),
    )
    add_routes(app, service)
    _add_pages(app)
    # from the inside out: routes, then the guard (key, limits, metrics), then CORS, which answers preflight requests
    app.outermost = Guard(app.outermost, service.limits, service.metrics, key, service.images.shortcut)
    if cors is not None:
        check_origin(cors)
        app.outermost = CORSMiddleware(
            app.outermost,
            allow_origins=[cors],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=EXPOSED,
        )
        app.outermost = _varying(app.outermost)
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
            components["schemas"] = components.get("schemas", {}) | schemas.COMPONENTS
            for route in app.routes:  # FastAPI makes floats of bounds, and 2**64 - 1 is none
                if isinstance(route, APIRoute) and "requestBody" in (extra := route.openapi_extra or {}):
                    found["paths"][route.path_format]["post"]["requestBody"] = extra["requestBody"]
            if locked:
                components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
                for path, operations in found["paths"].items():
                    if path.startswith("/v1/"):
                        for operation in operations.values():
                            operation["security"] = [{"key": []}]
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # as FastAPI documents it


async def _refused(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    return Response(problem.body(), problem.status, problem.headers, MEDIA_TYPE)
