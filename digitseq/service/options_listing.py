"""What there is to choose from: settings, data sets, distortions, formats, limits."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from importlib.util import find_spec
from typing import Any

from digitseq.augment import OPERATIONS, PRESETS
from digitseq.augment.ranges import parameters as parameters_of
from digitseq.formats import DOWNLOADS, FORMATS
from digitseq.labels import LABEL_FORMATS
from digitseq.service import parameters
from digitseq.service.glyph_sets import GlyphSets, splits_of
from digitseq.service.limits import Limits
from digitseq.version import __version__


def catalogue(limits: Limits, sets: GlyphSets) -> dict[str, Any]:
    """The answer of `GET /v1/options`: plain values for JSON."""
    return {
        "version": __version__,
        "settings": [_setting(name) for name in parameters.SETTINGS],
        "datasets": [
            {"name": name, "title": info.title, "splits": splits_of(info), "characters": info.characters}
            for name, info in sets.installed().items()
        ],
        "augmentations": [_operation(name) for name in OPERATIONS],
        "presets": {name: list(texts) for name, texts in PRESETS.items()},
        "formats": [
            {"name": name, "help": FORMATS[key].help}
            for name, (key, _) in DOWNLOADS.items()
            if (package := FORMATS[key].package) is None or find_spec(package)
        ],
        "labels": [{"name": name, "help": entry.files} for name, entry in LABEL_FORMATS.items()],
        "limits": asdict(limits),
    }


def _setting(name: str) -> dict[str, Any]:
    option, default = parameters.SETTINGS[name], parameters.DEFAULTS[name]
    return {
        "name": name,
        "type": option.kind,
        "help": option.help,
        "group": option.group,
        "flags": [*option.flags, f"--{name}"],
        "low": option.low,
        "high": option.high,
        "choices": list(option.choices),
        "unit": option.unit,
        "default": None if default is MISSING else default,
        "shown_default": option.shown_default,
    }


def _operation(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    known = parameters_of(operation)
    paths = [key for key, parameter in known.items() if parameters.is_path(parameter)]
    defaults = {f.name: f.default for f in fields(operation)}
    return {
        "name": name,
        "level": operation.level,
        "help": " ".join(operation.__doc__.partition("\n\n")[0].split()),
        "parameters": [
            {
                "name": key,
                "help": parameter.help,
                "low": parameter.low,
                "high": parameter.high,
                "unit": parameter.unit,
                "integer": parameter.integer,
                "single": parameter.single,
                "flag": parameter.flag,
                "choices": [choice for choice in parameter.choices if choice not in paths],
                "default": defaults[key],
            }
            for key, parameter in known.items()
            if key not in paths
        ],
    }
