"""Settings in messages: as flags on the command line, as plain names for a configuration file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from digitseq.errors import COMMAND
from digitseq.shell.help_text import started_as

_MARKED = re.compile(r"`(\w+)`")  # as `digitseq.errors` says


def with_flags(message: object, flags: Mapping[str, str]) -> str:
    """The text of an error or a warning with the flag of each setting that it names. flags: by the settings' names."""
    setting = getattr(message, "setting", None)
    text = marked(str(message), setting if setting in flags else None)
    text = _MARKED.sub(lambda found: flags.get(found[1], found[1]), text)
    return text.replace(COMMAND, started_as()) if COMMAND in text else text


def marked(text: str, setting: str | None) -> str:
    """`text` with backquotes around its first word, too, if that is the name of the setting that it is about."""
    found = re.match(r"\w+", text)
    return f"`{setting}`{text[found.end() :]}" if found and found[0] == setting else text


def with_names(text: str) -> str:
    """`text` with the plain names of the settings."""
    return _MARKED.sub(r"\1", text)
