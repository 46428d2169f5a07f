"""What `/openapi.json` says of requests and answers, built from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from digitseq.options import MAX_TEXT, Option
from digitseq.service.limits import Limits
from digitseq.service.problems import MEDIA_TYPE
from digitseq.service.requests import request_model

Schema = dict[str, Any]
Answers = dict[int | str, dict[str, Any]]
REGION: Schema = {"type": "string", "minLength": 2, "maxLength": 2, "default": "JP", "examples": ["JP"]}
PROBLEMS = {
    401: "no key, or a wrong one",
    404: "there is no such data set",
    408: "the request arrived too slowly",
    413: "the request, or the data set that it asks for, is too large",
    414: "the query is too long",
    422: "an invalid value",
    429: "too many requests at once",
    500: "internal error",
    501: "a package is not installed on the server",
    503: "the service is shutting down, or this took too long",
}


class SampleAnswer(BaseModel):
    """One image with its label."""

    text: str
    seed: int
    index: int
    width: int
    height: int
    boxes: list[Annotated[list[int], Field(min_length=4, max_length=4)]] = Field(
        description="[x, y, w, h] of each glyph's ink in pixels"
    )
    image: str = Field(description="a PNG file", json_schema_extra={"contentEncoding": "base64"})


class SamplesAnswer(BaseModel):
    """Several images of one seed."""

    seed: int
    samples: list[SampleAnswer]
    command: str = Field(description="the command line that writes the first images of this seed")
    python: str = Field(description="the same in Python")


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="what was given, what is allowed, what to do")
    field: str = Field("", description="the parameter that caused the error")


COMPONENTS: dict[str, Schema] = {
    "Problem": ProblemDetails.model_json_schema(),
    "SampleAnswer": SampleAnswer.model_json_schema(),
    "SamplesAnswer": SamplesAnswer.model_json_schema(ref_template="#/components/schemas/{model}"),
}
COMPONENTS["SamplesAnswer"].pop("$defs")  # `SampleAnswer` is a component of its own


@dataclass(frozen=True)
class Documentation:
    """The schemas of requests to a service with these limits. datasets: the names of those that are installed."""

    limits: Limits
    datasets: tuple[str, ...]

    def body(self, others: Mapping[str, Option], required: str) -> Schema:
        """The JSON body: all settings and `others`; `required` is the one that must be given."""
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [required],
            "properties": self._properties(others),
        }

    def query(
        self, others: Mapping[str, Option], left_out: tuple[str, ...] = (), first: Schema | None = None
    ) -> list[Schema]:
        """The settings and `others` as query parameters, after the parameter `first`."""
        found = [] if first is None else [first]
        for name, schema in self._properties(others).items():
            if name not in left_out:
                found.append({"name": name, "in": "query", "description": schema.pop("description"), "schema": schema})
                if schema["type"] == "array" and name != "augment":
                    found[-1] |= {"style": "form", "explode": False}  # erode_kernel=1,2
        return found

    def _properties(self, others: Mapping[str, Option]) -> dict[str, Schema]:
        found: dict[str, Schema] = request_model(others).model_json_schema()["properties"]
        return {name: self._limited(name, schema) for name, schema in found.items()}

    def _limited(self, name: str, schema: Schema) -> Schema:
        """What pydantic says of one value, within the limits of this service."""
        # pydantic adds a title to every value, and null as the default of what may be left out
        schema = {k: v for k, v in schema.items() if k != "title" and not (k == "default" and v in (None, []))}
        highest = {"image_width": self.limits.max_width, "size": self.limits.max_images}
        if name in highest:
            schema["maximum"] = highest[name]
        if name == "dataset":
            schema["enum"] = list(self.datasets)
        for part in (schema, schema.get("items", {})):
            if part.get("type") == "string" and "enum" not in part:
                part["maxLength"] = min(self.limits.max_text, MAX_TEXT if name == "number" else self.limits.max_text)
        return schema


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
