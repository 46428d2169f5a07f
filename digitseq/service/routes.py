"""The addresses that the service answers, and what `/openapi.json` says of each."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digitseq.formats import DOWNLOADS
from digitseq.options import MAX_TEXT
from digitseq.service import schemas
from digitseq.service.core import Service
from digitseq.service.datasets import ABOUT
from digitseq.service.images import query
from digitseq.service.problems import Problem
from digitseq.service.requests import ABOUT_IMAGES, ABOUT_SAMPLES
from digitseq.settings import PARTNERS, SOURCES

OF_RUNS = ("unique", "balanced")  # properties of several images
OF_PHONES = tuple(name for name, partners in PARTNERS.items() if partners == ("phone",))


def add_routes(app: FastAPI, service: Service) -> None:
    """Add all but the pages."""
    _add_images(app, service)
    _add_phone_numbers(app, service)
    _add_samples(app, service)
    _add_datasets(app, service)
    _add_watching(app, service)


def _add_images(app: FastAPI, service: Service) -> None:
    images, limits = service.images, service.limits
    text = {
        "name": "text",
        "in": "path",
        "required": True,
        "description": "the digits to write",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": min(limits.max_text, MAX_TEXT),
            "examples": ["123456"],
        },
    }
    parameters = _documentation(service).query(ABOUT_IMAGES, (*SOURCES, *OF_RUNS, *OF_PHONES), text)
    png, sample = _answers_about_images()

    @app.get(
        "/v1/sequences/{text:path}.png", summary="One image as PNG", responses=png, **_documented(parameters, "images")
    )
    async def sequence_png(request: Request) -> Response:
        """One image as a PNG file. With `seed`, the answer to the same request never changes.

        Image `index` of a seed is the file `index + 1`.png that the command line writes with it.
        """
        return _response(await images.png(_with_text(request), request.scope, request.receive))

    @app.get(
        "/v1/sequences/{text:path}.json",
        summary="One image as JSON",
        responses=sample,
        **_documented(parameters, "images"),
    )
    async def sequence_json(request: Request) -> Response:
        """One image with its text, seed and boxes."""
        return _response(await images.json(_with_text(request), request.scope, request.receive))


def _add_phone_numbers(app: FastAPI, service: Service) -> None:
    images = service.images
    region = {"name": "region", "in": "query", "description": "ISO 3166 code", "schema": schemas.REGION}
    parameters = _documentation(service).query(ABOUT_IMAGES, (*SOURCES, *OF_RUNS), region)
    png, sample = _answers_about_images()

    @app.get(
        "/v1/phone-numbers.png", summary="A telephone number as PNG", responses=png, **_documented(parameters, "images")
    )
    async def phone_number_png(request: Request) -> Response:
        """A telephone number that is valid in the region, as a PNG file; `X-Digitseq-Text` says which."""
        return _response(await images.png(_with_region(request), request.scope, request.receive))

    @app.get(
        "/v1/phone-numbers.json",
        summary="A telephone number as JSON",
        responses=sample,
        **_documented(parameters, "images"),
    )
    async def phone_number_json(request: Request) -> Response:
        """The same with text, seed and boxes."""
        return _response(await images.json(_with_region(request), request.scope, request.receive))


def _add_samples(app: FastAPI, service: Service) -> None:
    samples = schemas.answers("The images.", {"application/json": {"$ref": "#/components/schemas/SamplesAnswer"}})
    several = _documentation(service).query(ABOUT_SAMPLES)

    @app.get(
        "/v1/samples.json", summary="Several images of one seed", responses=samples, **_documented(several, "images")
    )
    async def several_samples(request: Request) -> Response:
        """Several images of one seed, and the command and the code that make them elsewhere."""
        found = await service.images.samples(query(request.scope), request.scope, request.receive)
        return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _add_datasets(app: FastAPI, service: Service) -> None:
    binary = {"type": "string", "format": "binary"}
    kinds = {download.media_type: binary for _, download in DOWNLOADS.values()}
    example = {"number": "123456", "min_spacing": 5, "size": 100, "seed": 7, "format": "zip"}
    body = {"schema": _documentation(service).body(ABOUT, "size"), "example": example}
    extra = {"requestBody": {"required": True, "content": {"application/json": body}}}

    @app.post(
        "/v1/datasets",
        summary="A whole data set",
        responses=schemas.answers("The archive.", kinds, 400, 415),
        openapi_extra=extra,
        tags=["data sets"],
    )
    async def dataset(request: Request) -> Response:
        """A data set as one file, sent while it is made.

        zip holds `1.png`, … and the files of `labels`; `/v1/options` describes all formats.
        """
        return await service.datasets.make(request)


def _add_watching(app: FastAPI, service: Service) -> None:
    plain: schemas.Answers = {
        200: {"description": "Yes.", "content": {"application/json": {"schema": {"type": "object"}}}}
    }

    @app.get(
        "/v1/options",
        summary="Everything that can be set",
        responses=plain | {401: schemas.answers("", {})[401]},
        tags=["options"],
    )
    async def all_options() -> Response:
        """Every setting, data set and distortion, with ranges and defaults."""
        return JSONResponse(service.catalogue)

    @app.get("/healthz", summary="Liveness", responses=plain, tags=["operation"])
    async def alive() -> Response:
        """Liveness check: whether the process responds."""
        return JSONResponse({"status": "alive"})

    @app.get("/readyz", summary="Readiness", responses=plain | {503: schemas.answers("", {})[503]}, tags=["operation"])
    async def ready() -> Response:
        """Readiness check: the glyphs are loaded, and the service is not shutting down."""
        if service.work.draining:
            raise Problem(503, "the service is shutting down")
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        summary="Prometheus metrics",
        tags=["operation"],
        responses={200: {"description": "Numbers.", "content": {"text/plain": {}}}},
    )
    async def numbers() -> Response:
        """Prometheus metrics."""
        return Response(service.metrics.text(), media_type=service.metrics.content_type)


def _documentation(service: Service) -> schemas.Documentation:
    return schemas.Documentation(service.limits, tuple(found["name"] for found in service.catalogue["datasets"]))


def _documented(parameters: list[schemas.Schema], tag: str) -> dict[str, Any]:
    return {"openapi_extra": {"parameters": parameters}, "tags": [tag], "response_class": Response}


def _answers_about_images() -> tuple[schemas.Answers, schemas.Answers]:
    same = {304: {"description": "not modified"}}
    png = schemas.answers("The image.", {"image/png": {"type": "string", "format": "binary"}})
    return png | same, schemas.answers(
        "The image.", {"application/json": {"$ref": "#/components/schemas/SampleAnswer"}}
    ) | same


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
