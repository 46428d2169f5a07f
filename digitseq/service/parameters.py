"""Requests as settings: names, kinds, ranges and defaults are those of `digitseq.settings`, and none is repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from digitseq.augment import OPERATIONS
from digitseq.augment.ranges import Parameter, parameters
from digitseq.errors import SettingsError
from digitseq.formats import DOWNLOADS
from digitseq.options import Option, options
from digitseq.runs.run_settings import Output
from digitseq.service.glyph_sets import DATASET, DEFAULT, GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem, nearest
from digitseq.settings import Settings
from digitseq.sources.syntax import read_regex

ALL = options(Settings)
# No path of the server can be named through HTTP, and data sets by their names only.
FOLDERS_ONLY = ("transpose",)
SETTINGS = {
    name: DATASET if name == "dataset" else option
    for name, option in ALL.items()
    if (option.kind != "path" or name == "dataset") and name not in FOLDERS_ONLY
}
DEFAULTS = {f.name: f.default for f in fields(Settings)}
SEED = options(Output)["seed"]
INDEX = Option(
    "int", "which image of the seed, from 0: image 0 is the command line's 1.png", "batch", low=0, high=999_999_999
)
COUNT = Option("int", "how many images", "batch", low=1, high=100)
FORMAT = Option("choice", "how the data set is packed into one file", "batch", choices=tuple(DOWNLOADS))
LABELS = options(Output)["labels"]
ABOUT_IMAGES = {"seed": SEED, "index": INDEX}
ABOUT_SAMPLES = {"seed": SEED, "start": INDEX, "count": COUNT}

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?\Z")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """What a request asks for. values: the settings as they were given; others: seed, index and the like."""

    values: dict[str, Any]
    others: dict[str, Any]

    def settings(self, limits: Limits, sets: GlyphSets) -> Settings:
        """The settings. Raises `SettingsError` for a bad value, `Problem` for one beyond a limit or not in `sets`."""
        known = sets.check(self.values.get("dataset", DEFAULT), self.values.get("split", "train"))
        check_texts(self.values, limits)
        settings = Settings(**self.values)
        if settings.pattern:
            _check_pattern(settings.pattern, known.characters)
        if len(settings.operations()) > limits.max_operations:
            raise Problem(422, f"augment may have at most {limits.max_operations} operations", "augment")
        if settings.image_width > limits.max_width:
            raise too_wide(limits)
        return settings


def too_wide(limits: Limits) -> Problem:
    """The problem of an image that could be wider than the service makes any."""
    return Problem(422, f"image_width may be at most {limits.max_width:,} pixels here", "image_width")


def from_query(pairs: Pairs, others: Mapping[str, Option]) -> Asked:
    """What the query asks for. Raises `Problem` for an unknown name or one given twice, `SettingsError` for a value."""
    found: dict[str, Any] = {}
    for name, text in pairs:
        option = _known(name, others)
        if option.kind == "augment":
            found.setdefault(name, []).append(text)
        elif name in found:
            raise Problem(422, f"{name} is given twice", name)
        else:
            found[name] = typed(text, option)
    return _sorted_out(found, others)


def from_json(body: object, others: Mapping[str, Option]) -> Asked:
    """The same of a JSON body, which must be an object."""
    if not isinstance(body, dict):
        raise Problem(422, "the body must be a JSON object")
    for name in body:
        _known(name, others)
    return _sorted_out(body, others)


def typed(text: str, option: Option) -> Any:
    """The value that `text` stands for; what is none is left to the option to refuse."""
    if option.kind == "bool":
        return _BOOLEANS.get(text.lower(), text)
    if option.kind in ("str", "choice", "words", "path"):
        return text
    if option.kind in ("int", "float"):
        return _as_number(text, option.kind == "int")
    return [_as_number(part.strip(), option.kind != "ratio") for part in text.split(",")]


def _as_number(text: str, whole: bool) -> Any:
    if whole:
        return int(text) if _WHOLE.match(text) else text
    return float(text) if _DECIMAL.match(text) else text


def _known(name: str, others: Mapping[str, Option]) -> Option:
    option = others.get(name) or SETTINGS.get(name)
    if option is not None:
        return option
    known = [*SETTINGS, *others]
    if name in ALL:
        raise Problem(422, f"{name} is for files of the server, and none can be named through HTTP", name)
    raise Problem(422, f"unknown parameter {name!r:.60}; {nearest(name, known)}", name[:60])


def _sorted_out(found: dict[str, Any], others: Mapping[str, Option]) -> Asked:
    values = {name: value for name, value in found.items() if name in SETTINGS}
    rest = {name: others[name].clean(name, found[name]) for name in others if name in found}
    return Asked(values, rest)


def _check_pattern(pattern: str, characters: str) -> None:
    """Refuse what texts would have to be matched with: that can take for ever, and nothing can stop it."""
    if not read_regex(pattern, characters).exact:
        raise Problem(
            422, "pattern may not look around here: lookaheads, lookbehinds and inner anchors are left out", "pattern"
        )


def check_texts(values: Mapping[str, Any], limits: Limits) -> None:
    """Refuse texts that are too long, and distortions that read files."""
    for name, value in values.items():
        if SETTINGS[name].kind in ("str", "choice") and isinstance(value, str) and len(value) > limits.max_text:
            raise Problem(422, f"{name} may have at most {limits.max_text} characters, got {len(value):,}", name)
    augment = values.get("augment", [])
    texts = [augment] if isinstance(augment, str) else augment
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise SettingsError("augment must be a text or a list of texts, such as elastic:alpha=6", "augment")
    for text in texts:
        if len(text) > limits.max_text:
            raise Problem(422, f"an operation may have at most {limits.max_text} characters", "augment")
        _check_free_text(text)


def is_path(parameter: Parameter) -> bool:
    """Whether a parameter of an operation takes any text: those that do name files."""
    return not parameter.flag and not parameter.choices and parameter.low is None


def _check_free_text(text: str) -> None:
    name, _, rest = text.strip().partition(":")
    known = parameters(OPERATIONS[name]) if name in OPERATIONS else {}
    for item in rest.split(","):
        key = item.partition("=")[0].strip()
        if key in known and is_path(known[key]):
            raise Problem(422, f"augment: {name}: {key} is a path, and none can be given through HTTP", "augment")
