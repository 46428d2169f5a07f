"""What `/openapi.json` says of requests and answers, built from the settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from digitseq.glyphs.strokes import SIGNS
from digitseq.options import Option, title_of
from digitseq.service.limits import Limits
from digitseq.service.problems import MEDIA_TYPE, Problem
from digitseq.service.requests import SETTINGS, longest_text
from digitseq.settings import DEFAULTS

Schema = dict[str, Any]
Answers = dict[int | str, dict[str, Any]]
SHOWN_SIGNS = " ".join(SIGNS)
REGION: Schema = {
    "type": "string",
    "minLength": 2,
    "maxLength": 2,
    "default": "JP",
    "examples": ["JP"],
    "title": "Region",
}
PROBLEMS = {
    401: "no key, or a wrong one",
    404: "there is no such data set",
    408: "the request arrived too slowly",
    413: "the request, or the data set that it asks for, is too large",
    414: "the query is too long",
    422: "an invalid value",
    429: "too many requests at once",
    431: "the head of the request, with its query, is too large",
    500: "internal error",
    501: "a package is not installed on the server",
    503: "the service is shutting down, not ready for this yet, or took too long",
    507: "no space left on the server",
}


PROBLEMS_OF_BODIES = {400: "the body is not JSON", 415: "the body is not announced as application/json"}
SAMPLE: Schema = {
    "text": "1 2",
    "seed": 1,
    "index": 0,
    "width": 200,
    "height": 28,
    "boxes": [[77, 4, 6, 20], [0, 0, 0, 0], [103, 5, 20, 15]],
    "image": "iVBORw0KGgo=",  # only how each begins
}


class SampleAnswer(BaseModel):
    """One image with its label."""

    model_config = ConfigDict(title="An image with its label", json_schema_extra={"examples": [SAMPLE]})

    text: str = Field(description="What the image shows, as its label has it.")
    seed: int = Field(description="The seed that gives this image again, with the same settings and index.")
    index: int = Field(description="Which image of the seed, from 0.")
    width: int = Field(description="In pixels.")
    height: int = Field(description="In pixels.")
    boxes: list[Annotated[list[int], Field(min_length=4, max_length=4)]] = Field(
        description="A box [x, y, width, height] around the ink of each character of `text`, in its order, in pixels "
        "from the upper left corner. A character without ink has the box [0, 0, 0, 0]: a space, and a sign that is "
        "left as a gap but is in the label (`signs` gap with `gap_labels` keep)."
    )
    image: str = Field(description="A PNG file.", json_schema_extra={"contentEncoding": "base64"})
    mask: str = Field(
        "", description="With `masks`: a PNG file of the same size, 0 on paper, k on the ink of the k-th character, "
        "gaps not counted.",
        json_schema_extra={"contentEncoding": "base64"},
    )  # fmt: skip


class SamplesAnswer(BaseModel):
    """Several images of one seed."""

    model_config = ConfigDict(title="Images of one seed")

    seed: int = Field(description="The seed of all of them.")
    samples: list[SampleAnswer] = Field(description="The images, in order.")
    command: str = Field(description="The command line that writes the first images of this seed.")
    python: str = Field(description="The same in Python.")


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(title="An error")

    type: str = Field(description="Always about:blank: the status says all.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What was given, what is allowed, what to do.")
    message: str = Field(
        description="The same line with backquotes around the names of parameters, `image_width`, for a program that "
        "shows its own names in their place."
    )
    field: str = Field("", description="The parameter that caused the error.")


def properties(known: Mapping[str, Option], limits: Limits, datasets: list[str]) -> dict[str, Schema]:
    """The schema of each of these options by name, for a service with these limits.

    datasets: the names of those that are installed
    """
    found: dict[str, Schema] = {}
    for name, option in known.items():
        found[name] = schema = option.kind.schema()
        schema |= {"title": title_of(name, option), "description": _described(name, option)}
        if (default := DEFAULTS.get(name, option.default)) not in (None, (), ...):
            schema["default"] = default
        if option.example is not None:
            schema["examples"] = [option.example]
        if name == "dataset":
            schema["enum"] = datasets
        for part in (schema, schema.get("items", {})):
            if part.get("type") == "string" and "enum" not in part:
                part["maxLength"] = longest_text(name, limits)
    return found


def _described(name: str, option: Option) -> str:
    """What the option does, with what is taken where it is not given, in the words of REST."""
    text = option.described
    if option.shown_default and DEFAULTS.get(name, ...) is None:
        # parameters by their names: `min_spacing` for MIN_SPACING
        shown = re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda found: f"`{found[0].lower()}`", option.shown_default)
        text += f" (default: {shown})"
    text = text.replace(SHOWN_SIGNS, f"`{SHOWN_SIGNS}`")  # in Markdown they would begin a list
    return _sentence(re.sub(r"-{2}list_\w+", "`/v1/options`", text))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def query(schemas: Mapping[str, Schema], left_out: tuple[str, ...] = ()) -> list[Schema]:
    """These properties as parameters of a query, which have their descriptions beside their schemas."""
    found: list[Schema] = []
    for name in schemas:
        if name in left_out:
            continue
        schema = dict(schemas[name])
        # Swagger UI shows no titles of parameters
        description = f"**{schema['title']}.** {schema.pop('description')}"
        found.append({"name": name, "in": "query", "description": description, "schema": schema})
        if schema["type"] == "array" and not (name in SETTINGS and SETTINGS[name].kind.repeats):
            found[-1] |= {"style": "form", "explode": False}  # erode_kernel=1,2
        if name == "number":  # filled in where a request is tried: of the sources exactly one must be given
            found[-1]["example"] = schema.pop("examples")[0]
    return found


def answers(content: Mapping[str, Schema], *others: int) -> Answers:
    """The answers of an operation: the good one, as `content` by media type, and the problems. others: further ones."""
    found: Answers = {status: problem(status) for status in (*PROBLEMS, *others)}
    return found | {200: {"content": {kind: {"schema": schema} for kind, schema in content.items()}}}


def problem(status: int) -> Schema:
    """The answer that is a problem with this status."""
    text = (PROBLEMS | PROBLEMS_OF_BODIES)[status]
    example = json.loads(Problem(status, text).body())
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": _sentence(text), "content": {MEDIA_TYPE: content}}
