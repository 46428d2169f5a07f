"""`/openapi.json` in words: titles, sentences without the command line's, and values to begin with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from digitseq.glyphs.strokes import SIGNS
from digitseq.options import Option, options
from digitseq.service.images import SAMPLES
from digitseq.settings import DEFAULTS, Settings

Schema = dict[str, Any]
SHOWN_SIGNS = " ".join(SIGNS)
TAGS = {
    "Images": "One image, or a handful. The same settings and seed give the same images, here and everywhere.",
    "Data sets": "As many images as are wanted, with their labels, as one file.",
    "Options": "What can be set, and to what.",
    "Operation": "For those who run the service.",
}
# what is taken where these are not given; of settings it stands in their own schemas
USUAL = {"index": 0, "start": 0, "count": SAMPLES}
BEGIN = ("text", "number")  # filled in where a request is tried: of the sources exactly one must be given


def put_in_words(document: Schema) -> None:
    """Complete the document, in place."""
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            _complete(name, schema)
            # Swagger UI shows no titles of parameters
            parameter["description"] = f"**{schema['title']}.** {_sentence(name, parameter['description'])}"
            if name in BEGIN:
                parameter["example"] = schema.pop("examples")[0]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name, schema in content["schema"]["properties"].items():
                schema["description"] = _sentence(name, schema["description"])
                _complete(name, schema)
        for answer in operation["responses"].values():
            answer["description"] = _sentence("", answer["description"])
    for schema in document["components"]["schemas"].values():
        for name, about in schema["properties"].items():
            about["title"] = _title(name)
            about["description"] = _sentence(name, about["description"])


def _operations(document: Schema) -> Iterator[Schema]:
    for path in document["paths"].values():
        yield from path.values()


def _complete(name: str, schema: Schema) -> None:
    schema.setdefault("title", _title(name))
    if name in USUAL:
        schema["default"] = USUAL[name]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _sentence(name: str, text: str) -> str:
    """`text` about the parameter `name` as a sentence, with what is taken where it is not given."""
    known = options(Settings).get(name)
    if known is not None and DEFAULTS[name] is None and known.shown_default:
        text += f" (default: {_without_flags(known)})"
    text = text.replace(SHOWN_SIGNS, f"`{SHOWN_SIGNS}`")  # in Markdown they would begin a list
    text = re.sub(r"-{2}list_\w+", "`/v1/options`", text)
    return f"{text[0].upper()}{text[1:]}."


def _without_flags(option: Option) -> str:
    """The default in words, with parameters by their names: `min_spacing` for MIN_SPACING."""
    return re.sub(r"\b[A-Z]+(_[A-Z]+)+\b", lambda found: f"`{found[0].lower()}`", option.shown_default or "")
