"""What `/openapi.json` says of requests and answers, built from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitseq.options import MAX_TEXT, Option
from digitseq.service import parameters
from digitseq.service.limits import Limits
from digitseq.service.problems import MEDIA_TYPE

Schema = dict[str, Any]
Answers = dict[int | str, dict[str, Any]]
BOX: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
SAMPLE: Schema = {
    "type": "object",
    "required": ["text", "seed", "index", "width", "height", "boxes", "image"],
    "properties": {
        "text": {"type": "string"},
        "seed": {"type": "integer"},
        "index": {"type": "integer"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "boxes": {"type": "array", "items": BOX, "description": "[x, y, w, h] of each glyph's ink in pixels"},
        "image": {"type": "string", "contentEncoding": "base64", "description": "a PNG file"},
    },
}
SAMPLES: Schema = {
    "type": "object",
    "required": ["seed", "samples", "command", "python"],
    "properties": {
        "seed": {"type": "integer"},
        "samples": {"type": "array", "items": SAMPLE},
        "command": {"type": "string", "description": "the command line that writes the first images of this seed"},
        "python": {"type": "string", "description": "the same in Python"},
    },
}
REGION: Schema = {"type": "string", "minLength": 2, "maxLength": 2, "default": "JP", "examples": ["JP"]}
PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was given, what is allowed, what to do"},
        "field": {"type": "string", "description": "the parameter that is to blame"},
    },
}
PROBLEMS = {
    401: "no key, or a wrong one",
    404: "there is no such data set",
    408: "the request came too slowly",
    413: "too much was sent, or asked for",
    414: "the query is too long",
    422: "a value that is not allowed",
    429: "too many requests at once",
    500: "a mistake of the service",
    501: "a package is not installed on the server",
    503: "the service is shutting down, or this took too long",
}
EXAMPLES: dict[str, Any] = {"image_width": 200, "min_spacing": 5, "max_spacing": 10, "augment": ["light"], "seed": 7}
NUMBERS = {"int": "integer", "float": "number"}


@dataclass(frozen=True)
class Known:
    """What this service allows. datasets: the names of those that are installed."""

    limits: Limits
    datasets: tuple[str, ...]


def option_schema(name: str, option: Option, known: Known) -> Schema:
    """The JSON schema of one setting."""
    limits = known.limits
    schema: Schema = {"description": option.help + (f", {option.unit}" if option.unit else "")}
    if option.kind in NUMBERS:
        schema |= _number(option, NUMBERS[option.kind])
        highest = {"image_width": limits.max_width, "size": limits.max_images}
        if name in highest:
            schema["maximum"] = highest[name]
    elif option.kind == "bool":
        schema["type"] = "boolean"
    elif option.kind == "choice":
        schema |= {"type": "string", "enum": list(option.choices)}
    elif option.kind == "str":
        longest = min(limits.max_text, MAX_TEXT) if name == "number" else limits.max_text
        schema |= {"type": "string", "minLength": 1, "maxLength": longest}
    elif option.kind == "augment":
        schema |= {"type": "array", "items": {"type": "string", "maxLength": limits.max_text}}
    elif option.kind == "words":
        schema |= {"type": "array", "items": {"type": "string", "enum": list(option.choices)}}
    else:
        whole = option.kind != "ratio"
        schema |= {"type": "array", "items": _number(option, "integer" if whole else "number")}
        schema |= {"minItems": 2 + (not whole), "maxItems": 2 + (not whole)}
    if name == "dataset":
        schema |= {"enum": list(known.datasets)}
    default = parameters.DEFAULTS.get(name)
    if isinstance(default, (bool, int, float, str)) and not (isinstance(default, str) and not default):
        schema["default"] = default
    if name in EXAMPLES:
        schema["examples"] = [EXAMPLES[name]]
    return schema


def _number(option: Option, kind: str) -> Schema:
    bounds = {"minimum": option.low, "maximum": option.high}
    return {"type": kind} | {name: value for name, value in bounds.items() if value is not None}


def query_parameters(
    others: Mapping[str, Option], known: Known, left_out: tuple[str, ...] = (), path: Schema | None = None
) -> list[Schema]:
    """Every setting and `others` as query parameters, after those of the path."""
    found = [] if path is None else [path]
    for name, option in {**parameters.SETTINGS, **others}.items():
        if name not in left_out:
            schema = option_schema(name, option, known)
            described = schema.pop("description")
            found.append({"name": name, "in": "query", "description": described, "schema": schema})
            if schema["type"] == "array" and option.kind not in ("augment", "words"):
                found[-1] |= {"style": "form", "explode": False}  # erode_kernel=1,2
    return found


def body_schema(others: Mapping[str, Option], known: Known) -> Schema:
    """The JSON body of `POST /v1/datasets`."""
    options = {**parameters.SETTINGS, **others}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["size"],
        "properties": {name: option_schema(name, option, known) for name, option in options.items()},
    }


def answers(description: str, content: Mapping[str, Schema], *problems: int) -> Answers:
    """The answers of an operation: the good one and the problems."""
    found: Answers = {
        200: {"description": description, "content": {kind: {"schema": schema} for kind, schema in content.items()}}
    }
    for status in (401, 404, 408, 413, 414, 422, 429, 500, 501, 503, *problems):
        found[status] = {
            "description": PROBLEMS.get(status, "refused"),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return found
