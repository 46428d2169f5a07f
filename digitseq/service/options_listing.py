"""What there is to choose from: settings, data sets, distortions, formats, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from digitseq import __version__
from digitseq.augment import OPERATIONS, PRESETS
from digitseq.formats import DOWNLOADS, FORMATS
from digitseq.labels import LABEL_FORMATS
from digitseq.options import FilePath, Option, options, title_of
from digitseq.options.parameters import shown_value
from digitseq.options.spread import Normal
from digitseq.pen.style import PenStyle
from digitseq.service.glyph_sets import GlyphSets, splits_of
from digitseq.service.limits import Limits
from digitseq.service.requests import about_data_sets, longest_text
from digitseq.settings import DEFAULTS
from digitseq.shell.setting_names import with_names
from digitseq.sources.phone import regions

# what some kinds of values have, and what is said of the others
OF_KINDS = {"low": None, "high": None, "whole": False, "unit": "", "choices": (), "parts": (), "most": None}


def catalogue(limits: Limits, sets: GlyphSets, settings: Mapping[str, Option]) -> dict[str, Any]:
    """The answer of `GET /v1/options`: plain values for JSON. settings: as they may be set here."""
    return {
        "version": __version__,
        "settings": [_setting(name, option, limits) for name, option in settings.items()],
        "datasets": [
            {"name": name, "title": info.title, "splits": splits_of(info), "characters": info.characters}
            for name, info in sets.installed().items()
        ],
        "augmentations": [_operation(name) for name in OPERATIONS],
        "presets": {name: list(texts) for name, texts in PRESETS.items()},
        "pen": {"help": _summary(PenStyle), "parameters": [_pen(name) for name in options(PenStyle)]},
        "formats": [
            {"name": name, "help": FORMATS[key].help}
            for name, (key, _) in DOWNLOADS.items()
            # a format whose package is missing on the server cannot be chosen
            if (package := FORMATS[key].package) is None or find_spec(package)
        ],
        "labels": [{"name": name, "help": entry.files} for name, entry in LABEL_FORMATS.items()],
        "data_set": [_described(name, option, option.default) for name, option in about_data_sets(limits).items()],
        "limits": asdict(limits),
    }


def _setting(name: str, option: Option, limits: Limits) -> dict[str, Any]:
    return _described(name, option, DEFAULTS[name]) | {
        "longest": longest_text(name, limits) if option.kind.name in ("str", "texts") else None,
        "group": option.group,
        "flags": [*option.flags, f"--{name}"],
        "shown_default": with_names(option.shown_default or "") or None,
        "source": option.source,
        "works_with": list(option.works_with),
    }


def _operation(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    known = options(operation)
    paths = [key for key, option in known.items() if isinstance(option.kind, FilePath)]
    found = [_described(key, option, option.default) for key, option in known.items() if key not in paths]
    for parameter in found:  # no file can be named through HTTP, nor what would be read from one be chosen
        parameter["choices"] = [choice for choice in parameter["choices"] if choice not in paths]
    return {
        "name": name,
        "level": operation.level,
        "help": _summary(operation),
        "parameters": found,
    }


def _pen(name: str) -> dict[str, Any]:
    """A parameter of the style pen. usual: the range that its values come from where it is not given."""
    option = options(PenStyle)[name]
    default, kind = option.default, option.kind
    usual = getattr(kind, "usual", None) if isinstance(default, Normal) else default
    return _described(name, option, shown_value(default)) | {"usual": usual}


def _summary(cls: type) -> str:
    """The first paragraph of what a class says of itself."""
    return " ".join((cls.__doc__ or "").partition("\n\n")[0].split())


def _described(name: str, option: Option, default: Any) -> dict[str, Any]:
    """What the page needs to build a control."""
    about_kind = {key: getattr(option.kind, key, absent) for key, absent in OF_KINDS.items()}
    if name == "phone":
        about_kind["choices"] = regions()
    return {
        "name": name,
        "title": title_of(name, option),
        "type": option.kind.name,
        "help": re.sub(r"; see --\w+", "", with_names(option.help)),  # which prints what stands here anyway
        **about_kind,
        "default": None if default is ... else default,
        "example": option.example,
    }
