"""Requests as settings: names, kinds, ranges and defaults are those of `digitseq.settings`, and none is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from digitseq.augment import OPERATIONS
from digitseq.errors import SettingsError, did_you_mean
from digitseq.formats import DOWNLOADS
from digitseq.options import MAX_TEXT, Choice, FilePath, Number, NumberPair, Option, Text, Texts, options
from digitseq.random_streams import draw_seed
from digitseq.runs.run_settings import Output
from digitseq.service.glyph_sets import GlyphSets
from digitseq.service.limits import Limits
from digitseq.service.problems import Problem
from digitseq.settings import DEFAULTS, Operations, Settings
from digitseq.sources.syntax import read_regex

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


AUGMENT = replace(ALL["augment"], kind=OperationTexts())
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
Pairs = Sequence[tuple[str, str]]


def settings_within(limits: Limits) -> dict[str, Option]:
    """`SETTINGS` with the ranges that they have on a service with these limits."""
    highest = dict.fromkeys(PAIRS_OF_LENGTHS, limits.max_text) | {"image_width": limits.max_width}
    found = {name: _up_to(option, highest[name]) if name in highest else option for name, option in SETTINGS.items()}
    for name, option in found.items():
        if isinstance(kind := option.kind, Texts):
            found[name] = replace(option, kind=replace(kind, longest=longest_text(name, limits)))
    return found


def about_data_sets(limits: Limits) -> dict[str, Option]:
    """What may be given beside the settings for a whole data set."""
    return {"size": _up_to(SIZE, limits.max_images), "seed": SEED, "format": FORMAT, "labels": LABELS}


def _up_to(option: Option, limit: int) -> Option:
    """The same option, of numbers, which are at most `limit`."""
    assert isinstance(option.kind, Number)
    return replace(option, kind=replace(option.kind, high=min(option.kind.high, limit)))


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

    def settings(self, limits: Limits, sets: GlyphSets) -> Settings:
        """The settings. Raises `SettingsError` for a bad value, `Problem` for one beyond a limit or not in `sets`."""
        # the data set comes first: which characters a text may have depends on it
        known = sets.check(self.values.get("dataset", DEFAULTS["dataset"]), self.values.get("split", DEFAULTS["split"]))
        check_texts(self.values, limits)
        settings = Settings(**self.values)
        # other patterns are matched with `re`, which can take forever and cannot be interrupted
        if settings.pattern and not read_regex(settings.pattern, known.characters).exact:
            raise Problem(422, "pattern must not have lookaheads, lookbehinds or inner anchors here", "pattern")
        if len(settings.operations()) > limits.max_operations:
            raise Problem(422, f"augment may have at most {limits.max_operations} operations", "augment")
        if settings.image_width > limits.max_width:
            raise too_wide(limits)
        return settings


def too_wide(limits: Limits, widest: int | None = None) -> Problem:
    """The problem for images that may be wider than the service allows. widest: of images as wide as their texts."""
    most = f"{limits.max_width:,}"
    message = f"image_width may be at most {most} pixels here"
    if widest is not None:
        message = (
            f"images as wide as their texts need could have {widest:,} pixels here, at most {most} are made: give an "
            "`image_width`, or shorter texts"
        )
    return Problem(422, message, "image_width")


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


def check_texts(values: Mapping[str, Any], limits: Limits) -> None:
    """Refuse texts that are too long."""
    for name, value in values.items():
        texts = [value] if isinstance(value, str) else value
        kind = SETTINGS[name].kind
        longest = longest_text(name, limits)
        if (isinstance(kind, Text) or kind.repeats) and texts and (most := max(map(len, texts))) > longest:
            raise Problem(422, f"{name} may have at most {longest} characters, got {most:,}", name)
