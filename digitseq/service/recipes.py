"""What to type to get the same images elsewhere: the command line, and Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from digitseq.options import Flag
from digitseq.service.requests import SETTINGS
from digitseq.settings import DEFAULTS, Operations


def changed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not the defaults, in the order of the settings."""
    return {name: values[name] for name in SETTINGS if name in values and not _is_default(name, values[name])}


def command(values: Mapping[str, Any], seed: int, size: int) -> str:
    """The command that writes images 1 … size of `seed` into a new folder."""
    words = ["python3", "run.py"]
    for name, value in changed(values).items():
        words += _flag(name, value)
    words += ["--seed", str(seed), *(["-s", str(size)] if size > 1 else [])]
    return " ".join(shlex.quote(word) for word in words)


def python(values: Mapping[str, Any], seed: int, size: int) -> str:
    """Python code that holds the same images as arrays."""
    # these two choose the texts of a whole run, and need to know its size
    whole_run = f", size={size}" if values.get("unique") or values.get("balanced") else ""
    arguments = ", ".join(f"{name}={_python_value(value)}" for name, value in changed(values).items())
    return (
        "from digitseq import SequenceGenerator, Settings\n\n"
        f"generator = SequenceGenerator(Settings({arguments}), seed={seed}{whole_run})\n"
        f"images = [generator[i].image for i in range({size})]  # uint8 (H, W) each\n"
    )


def _is_default(name: str, value: Any) -> bool:
    return bool(value == DEFAULTS[name] or (not value and not DEFAULTS[name] and value != 0))


def _flag(name: str, value: Any) -> list[str]:
    option = SETTINGS[name]
    flag = option.flags[0] if option.flags else f"--{name}"
    if isinstance(option.kind, Flag):
        return [flag]
    if isinstance(option.kind, Operations):
        return [word for text in ([value] if isinstance(value, str) else value) for word in (flag, text)]
    if isinstance(value, (list, tuple)):
        return [flag, *(_word(part) for part in value)]
    return [flag, _word(value)] if not str(value).startswith("-") else [_joined(flag, name, _word(value))]


def _word(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _joined(flag: str, name: str, word: str) -> str:
    """One word, so that a value with a minus in front is not taken for a flag."""
    return f"--{name}={word}"


def _python_value(value: Any) -> str:
    return repr(tuple(value) if isinstance(value, list) else value)
