"""The addresses that the service answers, and what `/openapi.json` says of each."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from digitseq.formats import DOWNLOADS
from digitseq.options import Option
from digitseq.service import schemas
from digitseq.service.core import Service
from digitseq.service.datasets import make_data_set
from digitseq.service.images import ImageEndpoints
from digitseq.service.problems import Problem
from digitseq.service.progress import MEDIA_TYPE
from digitseq.service.requests import ABOUT_IMAGES, ABOUT_SAMPLES, about_data_sets, query
from digitseq.settings import PARTNERS, SOURCES

OF_RUNS = ("unique", "balanced")  # properties of several images
OF_PHONES = tuple(name for name, partners in PARTNERS.items() if partners == ("phone",))
TAGS = {
    "Images": "One image, or a handful. The same settings and seed give the same images, here and everywhere.",
    "Data sets": "As many images as are wanted, with their labels, as one file.",
    "Options": "What can be set, and to what.",
    "Operation": "For those who run the service.",
}
BINARY: schemas.Schema = {"type": "string", "format": "binary"}
UNCHANGED: schemas.Answers = {304: {"description": "The image that is known already: see If-None-Match."}}
ARCHIVES = [*(download.media_type for _, download in DOWNLOADS.values()), MEDIA_TYPE]
# what `/openapi.json` says of one image
PNG: dict[str, Any] = {
    "response_class": Response,
    "response_description": "The image.",
    "responses": schemas.answers({"image/png": BINARY}) | UNCHANGED,
}
SAMPLE: dict[str, Any] = {
    "response_model": schemas.SampleAnswer,
    "response_description": "The image.",
    "responses": schemas.answers({}) | UNCHANGED,
}


def add_routes(app: FastAPI, service: Service, images: ImageEndpoints, locked: bool) -> None:
    """Add all but the pages. locked: whether requests need a key."""
    # only says so: the guard checks the key, and sooner
    key = [Security(HTTPBearer(scheme_name="key", auto_error=False))] if locked else []
    api = APIRouter(prefix="/v1", dependencies=key)
    _add_images(api, service, images)
    _add_samples(api, service, images)
    _add_datasets(api, service)
    _add_options(api, service)
    app.include_router(api)
    _add_watching(app, service)
    _complete(app, service)


def _add_images(api: APIRouter, service: Service, images: ImageEndpoints) -> None:
    schema = _properties(service, ABOUT_IMAGES)
    text = {
        "name": "text",
        "in": "path",
        "required": True,
        "description": "**Text.** The text to write.",
        "schema": {"type": "string", "minLength": 1, "maxLength": schema["number"]["maxLength"], "title": "Text"},
        "example": "123456",
    }
    region = {
        "name": "region",
        "in": "query",
        "description": "**Region.** The country, as ISO 3166 code.",
        "schema": schemas.REGION,
    }
    of_text = _documented([text, *schemas.query(schema, (*SOURCES, *OF_RUNS, *OF_PHONES))])
    of_region = _documented([region, *schemas.query(schema, (*SOURCES, *OF_RUNS))])

    @api.get("/sequences/{text:path}.png", summary="One image as PNG", **PNG, **of_text)
    async def sequence_png(request: Request) -> Response:
        """One image as a PNG file. With `seed`, the answer to the same request never changes.

        Image `index` of a seed is the file `index + 1`.png that the command line writes with it.
        """
        return await images.png(_with_text(request), request.scope, request.receive)

    @api.get("/sequences/{text:path}.json", summary="One image as JSON", **SAMPLE, **of_text)
    async def sequence_json(request: Request) -> Response:
        """One image with its text, seed and boxes."""
        return await images.json(_with_text(request), request.scope, request.receive)

    @api.get("/phone-numbers.png", summary="A telephone number as PNG", **PNG, **of_region)
    async def phone_number_png(request: Request) -> Response:
        """A telephone number that is valid in the region, as a PNG file; `X-Digitseq-Text` says which."""
        return await images.png(_with_region(request), request.scope, request.receive)

    @api.get("/phone-numbers.json", summary="A telephone number as JSON", **SAMPLE, **of_region)
    async def phone_number_json(request: Request) -> Response:
        """A telephone number that is valid in the region, with its image, seed and boxes."""
        return await images.json(_with_region(request), request.scope, request.receive)


def _add_samples(api: APIRouter, service: Service, images: ImageEndpoints) -> None:
    @api.get(
        "/samples.json",
        summary="Several images of one seed",
        response_model=schemas.SamplesAnswer,
        response_description="The images.",
        responses=schemas.answers({}),
        **_documented(schemas.query(_properties(service, ABOUT_SAMPLES))),
    )
    async def several_samples(request: Request) -> Response:
        """Several images of one seed, and the command and the code that make them elsewhere."""
        return await images.samples(request)

    @api.post(
        "/samples.json",
        summary="Several images of one seed, asked for with a body",
        response_model=schemas.SamplesAnswer,
        response_description="The images.",
        responses=schemas.answers({}, 400, 415),
        tags=["Images"],
    )
    async def samples_of_body(request: Request) -> Response:
        """The same with the parameters as a JSON object: a list of `numbers` can be too long for a query."""
        return await images.samples(request)


def _add_datasets(api: APIRouter, service: Service) -> None:
    @api.post(
        "/datasets",
        summary="A whole data set",
        response_class=Response,
        response_description="The archive.",
        responses=schemas.answers(dict.fromkeys(ARCHIVES, BINARY), 400, 415),
        tags=["Data sets"],
    )
    async def dataset(request: Request) -> Response:
        """A data set as one file, sent while it is made.

        zip holds `1.png`, … and the files of `labels`; `/v1/options` describes all formats.

        With `Accept: application/vnd.digitseq.progress` the same file comes in frames: 4 bytes with the number of
        images made so far, 4 bytes with a length, both unsigned and most significant byte first, and that many bytes
        of the file. A length of 0 says only that work goes on.
        """
        return await make_data_set(service, request)


def _add_options(api: APIRouter, service: Service) -> None:
    responses = _json("Everything that can be set.") | {401: schemas.problem(401)}

    @api.get("/options", summary="Everything that can be set", responses=responses, tags=["Options"])
    async def all_options() -> Response:
        """Every setting, data set and distortion, with ranges and defaults."""
        return JSONResponse(service.catalogue)


def _add_watching(app: FastAPI, service: Service) -> None:
    healthy = _json("It responds.", example={"status": "alive"})

    @app.get("/healthz", summary="Does the process respond?", responses=healthy, tags=["Operation"])
    async def alive() -> Response:
        """The process responds."""
        return JSONResponse({"status": "alive"})

    can = _json("They can.", example={"status": "ready"}) | {503: schemas.problem(503)}

    @app.get("/readyz", summary="Can images be made?", responses=can, tags=["Operation"])
    async def ready() -> Response:
        """The glyphs are loaded, and the service is not shutting down."""
        if service.work.draining:
            raise Problem(503, "the service is shutting down")
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        tags=["Operation"],
        responses={200: {"description": "The numbers, as Prometheus reads them.", "content": {"text/plain": {}}}},
    )
    async def numbers() -> Response:
        """Requests by address and status, their times, images made, threads and processes at work."""
        return Response(service.metrics.text(), media_type=service.metrics.content_type)


def _json(text: str, **content: Any) -> schemas.Answers:
    return {200: {"description": text, "content": {"application/json": {"schema": {"type": "object"}, **content}}}}


def _complete(app: FastAPI, service: Service) -> None:
    """Put into `/openapi.json` what FastAPI does not know: the form of problems, and the bodies."""
    plain = app.openapi
    app.openapi_tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    of_data_set = {"number": "123456", "min_spacing": 5, "size": 100, "seed": 7, "format": "zip"}
    of_samples = {"numbers": ["2026", "7", "1234567"], "image_width": 0, "seed": 7, "count": 3}
    bodies = {
        "/v1/datasets": _body(_properties(service, about_data_sets(service.limits)), of_data_set, required=["size"]),
        "/v1/samples.json": _body(_properties(service, ABOUT_SAMPLES), of_samples),
    }

    def complete() -> dict[str, Any]:
        found = plain()
        if "Problem" in found["components"]["schemas"]:  # FastAPI keeps the document
            return found
        found["components"]["schemas"]["Problem"] = schemas.ProblemDetails.model_json_schema()
        # not as `openapi_extra`, whose bounds FastAPI turns into floats: 2**64 - 1 is none
        for path, body in bodies.items():
            found["paths"][path]["post"]["requestBody"] = body
        return found

    app.openapi = complete  # type: ignore[method-assign]  # as FastAPI documents it


def _body(properties: dict[str, schemas.Schema], example: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, **more}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _properties(service: Service, others: dict[str, Option]) -> dict[str, schemas.Schema]:
    known, datasets = {**service.settings, **others}, [found["name"] for found in service.catalogue["datasets"]]
    return schemas.properties(known, service.limits, datasets)


def _documented(parameters: list[schemas.Schema]) -> dict[str, Any]:
    return {"openapi_extra": {"parameters": parameters}, "tags": ["Images"]}


def _with_region(request: Request) -> list[tuple[str, str]]:
    """The query with `region` as the setting that it is; JP where none is given."""
    pairs = [("phone" if name == "region" else name, value) for name, value in query(request.scope)]
    return pairs if any(name == "phone" for name, _ in pairs) else [("phone", "JP"), *pairs]


def _with_text(request: Request) -> list[tuple[str, str]]:
    return [("number", request.path_params["text"]), *query(request.scope)]
