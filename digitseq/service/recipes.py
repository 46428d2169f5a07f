"""What to type to get the same images elsewhere: the command line, and Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from digitseq.options import flag_words
from digitseq.service.requests import SETTINGS
from digitseq.settings import DEFAULTS


def changed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not the defaults, in the order of the settings."""
    # distortions that were given as an empty list are the default, too
    return {name: values[name] for name in SETTINGS if values.get(name, []) not in (DEFAULTS[name], [])}


def command(values: Mapping[str, Any], seed: int, size: int) -> str:
    """The command that writes images 1 … size of `seed` into a new folder."""
    words = ["python3", "run.py"]
    for name, value in changed(values).items():
        words += flag_words(name, SETTINGS[name], value)
    words += ["--seed", str(seed), *(["-s", str(size)] if size > 1 else [])]
    return " ".join(shlex.quote(word) for word in words)


def python(values: Mapping[str, Any], seed: int, size: int) -> str:
    """Python code that holds the same images as arrays."""
    # these two choose the texts of a whole run, and need to know its size
    whole_run = f", size={size}" if values.get("unique") or values.get("balanced") else ""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in changed(values).items()}
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return (
        "from digitseq import SequenceGenerator, Settings\n\n"
        f"generator = SequenceGenerator(Settings({arguments}), seed={seed}{whole_run})\n"
        f"images = [generator[i].image for i in range({size})]  # uint8 (H, W) each\n"
    )
