"""Requests as settings: names, kinds, ranges and defaults are those of `digitseq.settings`, and none is repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Scope

from digitseq.augment import OPERATIONS
from digitseq.errors import SettingsError, did_you_mean
from digitseq.formats import DOWNLOADS
from digitseq.options import MAX_TEXT, Choice, FilePath, Number, NumberPair, Option, Text, Texts, options
from digitseq.random_streams import draw_seed
from digitseq.runs.run_settings import Output
from digitseq.service.cancelling import deadline
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem, too_large
from digitseq.settings import Operations, Settings

ALL = options(Settings)
# Data sets are named, never given by their paths: no request can name a file of the server.
DATASET = Option(
    Text(), "which data set the glyphs come from, by its name in /v1/options", "data", title=ALL["dataset"].title
)


class OperationTexts(Operations):
    """Operations as texts that name no file. They are not made here: making one may read files."""

    def convert(self, value: Any) -> Any:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise SettingsError("augment must be a text or a list of texts, such as elastic:alpha=6", "augment")
        for text in texts:
            _check_no_path(text)
        return texts


def _check_no_path(text: str) -> None:
    name, _, rest = text.strip().partition(":")
    known = options(OPERATIONS[name]) if name in OPERATIONS else {}
    for item in rest.split(","):
        key = item.partition("=")[0].strip()
        if key in known and isinstance(known[key].kind, FilePath):
            raise Problem(422, f"augment: {name}: {key} is a path, and none can be given through HTTP", "augment")


AUGMENT = ALL["augment"]._replace(kind=OperationTexts())
SETTINGS = {
    name: option
    for name, option in (ALL | {"dataset": DATASET, "augment": AUGMENT}).items()
    if not (option.local or isinstance(option.kind, FilePath))
}
PAIRS_OF_LENGTHS = [name for name, option in SETTINGS.items() if option.source and isinstance(option.kind, NumberPair)]
SEED = options(Output)["seed"]
INDEX = Option(
    Number(0, 999_999_999), "which image of the seed, from 0: image 0 is the command line's 1.png", default=0
)
COUNT = Option(Number(1, 100), "how many images", default=12, title="Number of images")
FORMAT = Option(Choice(tuple(DOWNLOADS)), "how the data set is packed into one file", default="zip")
LABELS = options(Output)["labels"]
ABOUT_IMAGES = {"seed": SEED, "index": INDEX}
ABOUT_SAMPLES = {"seed": SEED, "start": INDEX, "count": COUNT}
SIZE = Option(Number(1, 1_000_000_000), "how many images", title="Number of images")
MOST_PARAMETERS = 200
Pairs = Sequence[tuple[str, str]]


def settings_within(limits: Limits) -> dict[str, Option]:
    """`SETTINGS` with the ranges that they have on a service with these limits."""
    highest = dict.fromkeys(PAIRS_OF_LENGTHS, limits.max_text) | {"image_width": limits.max_width}
    found = {name: _up_to(option, highest[name]) if name in highest else option for name, option in SETTINGS.items()}
    for name, option in found.items():
        if isinstance(kind := option.kind, Texts):
            found[name] = option._replace(kind=Texts(kind.most, longest_text(name, limits)))
    return found


def about_data_sets(limits: Limits) -> dict[str, Option]:
    """What may be given beside the settings for a whole data set."""
    return {"size": _up_to(SIZE, limits.max_images), "seed": SEED, "format": FORMAT, "labels": LABELS}


def _up_to(option: Option, limit: int) -> Option:
    """The same option, of numbers, which are at most `limit`."""
    assert isinstance(option.kind, Number)
    return option._replace(kind=option.kind.at_most(limit))


def longest_text(name: str, limits: Limits) -> int:
    """The most characters that the setting `name`, a text or several, may have."""
    return min(MAX_TEXT, limits.max_text) if name in ("number", "numbers") else limits.max_text


@dataclass(frozen=True)
class RequestValues:
    """The values of a request. values: settings as given; others: seed, index and the like, checked."""

    values: dict[str, Any]
    others: dict[str, Any]

    def with_seed(self) -> RequestValues:
        """The same with a random seed, unless it has one."""
        return replace(self, others={"seed": draw_seed()} | self.others)


def from_query(pairs: Pairs, others: Mapping[str, Option], settings: Mapping[str, Option] = SETTINGS) -> RequestValues:
    """The values of a query. settings: as of `settings_within`.

    Raises `Problem` for an unknown name or one given twice, `SettingsError` for a value.
    """
    known, found = {**settings, **others}, dict[str, Any]()
    for name, text in pairs:
        # unknown names stay as they are: `from_json` refuses them
        value = known[name].kind.parse(text) if name in known else text
        if name not in found:
            found[name] = value
        elif name in known and known[name].kind.repeats:
            found[name] += value
        else:
            raise Problem(422, f"{name:.60} is given twice: give it once, a pair as 3,8", name[:60])
    return from_json(found, others, settings)


def from_json(body: object, others: Mapping[str, Option], settings: Mapping[str, Option] = SETTINGS) -> RequestValues:
    """The values of a JSON body, which must be an object. Raises as `from_query`."""
    if not isinstance(body, dict):
        raise Problem(422, "the body must be a JSON object")
    known = {**settings, **others}
    # in the order of the settings, so that the mistake that is reported does not depend on the order of the request
    checked = {name: option.clean(name, body[name]) for name, option in known.items() if name in body}
    for name in body:
        if name in ALL and name not in known:
            raise Problem(422, f"{name} is for files of the server, and none can be named through HTTP", name)
        if name not in known:
            raise Problem(422, f"unknown parameter {name!r:.60}; {did_you_mean(name, known)}", name[:60])
    # settings as they were given: `Settings` checks them again, together
    values = {name: value for name, value in body.items() if name in settings}
    return RequestValues(values, {name: value for name, value in checked.items() if name in others})


def query(scope: Scope) -> list[tuple[str, str]]:
    """Names and values of the query, in order."""
    text = scope["query_string"].decode("latin-1")
    if "%" not in text and "+" not in text and text.count("&") < MOST_PARAMETERS:  # nothing to decode
        return [(name, value) for name, _, value in (part.partition("=") for part in text.split("&")) if name or value]
    try:
        return parse_qsl(text, True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Problem(422, f"at most {MOST_PARAMETERS} parameters may be given") from None


async def json_body(request: Request, limits: Limits) -> Any:
    """What the body says. Raises `Problem` for one that is no JSON, too large, or too slow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "the body must be JSON: Content-Type: application/json")
    data = b""
    try:
        with deadline(limits.receive_seconds):
            async for piece in request.stream():
                data += piece
                if len(data) > limits.max_body:  # not all clients announce a size
                    raise too_large(limits)
        return json.loads(data, object_pairs_hook=_without_repeats)
    except asyncio.TimeoutError:
        seconds = limits.receive_seconds
        raise Problem(408, f"the body did not arrive within {seconds} seconds", Connection="close") from None
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is no JSON: {error}"[:200]) from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(422, f"{twice:.60} is given twice: give it once", twice[:60])
    return found
