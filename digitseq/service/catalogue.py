"""What there is to choose from: settings, data sets, distortions, limits."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import Any

from digitseq.augment import OPERATIONS, PRESETS
from digitseq.augment.ranges import parameters as parameters_of
from digitseq.service import parameters
from digitseq.service.limits import Limits
from digitseq.version import __version__


def catalogue(limits: Limits) -> dict[str, Any]:
    """The answer of `GET /v1/options`: plain values for JSON."""
    return {
        "version": __version__,
        "settings": [_setting(name) for name in parameters.SETTINGS],
        "datasets": [
            {"name": "mnist", "splits": list(parameters.SETTINGS["split"].choices), "characters": "0123456789"}
        ],
        "augmentations": [_operation(name) for name in OPERATIONS],
        "presets": {name: list(texts) for name, texts in PRESETS.items()},
        "formats": list(parameters.FORMATS),
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
    defaults = {f.name: f.default for f in fields(operation)}
    return {
        "name": name,
        "level": operation.level,
        "help": " ".join(operation.__doc__.partition("\n\n")[0].split()),
        "parameters": [
            {
                "name": key,
                "help": known.help,
                "low": known.low,
                "high": known.high,
                "unit": known.unit,
                "integer": known.integer,
                "single": known.single,
                "flag": known.flag,
                "choices": list(known.choices),
                "default": defaults[key],
            }
            for key, known in parameters_of(operation).items()
            if known.flag or known.choices or known.low is not None
        ],
    }
