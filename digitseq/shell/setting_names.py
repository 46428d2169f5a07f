"""Settings in messages: as flags on the command line, as plain names for a configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from digitseq.errors import COMMAND
from digitseq.shell.help_text import started_as

_MARKED = re.compile(r"`(\w+)`")  # as `digitseq.errors` says


def with_flags(message: object, flags: Mapping[str, str]) -> str:
    """The text of an error or a warning with the flag of each setting that it names. flags: by the settings' names."""
    text, setting = str(message), getattr(message, "setting", None) or ""
    if setting in flags and re.match(rf"{setting}\b", text):
        text = f"`{setting}`{text[len(setting) :]}"
    text = _MARKED.sub(lambda found: flags.get(found[1], found[1]), text)
    return text.replace(COMMAND, started_as())


def with_names(text: str) -> str:
    """`text` with the plain names of the settings."""
    return _MARKED.sub(r"\1", text)
