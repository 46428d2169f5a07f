"""Names of the folder of a run, and of the shards in it."""

from __future__ import annotations

import re

from digitseq.settings import Settings
from digitseq.sources.choose import source_folder

UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')  # in file names, on any system
# by Windows, with any ending
RESERVED = re.compile(r"^(CON|CONIN\$|CONOUT\$|PRN|AUX|NUL|(?:COM|LPT)[0-9¹²³])(?= *(?:\.|$))", re.IGNORECASE)
ENDS = re.compile(r"^\.|[. ]$")  # names that are hidden, as digitseq's own are; what Windows drops
UNSAFE_SHOWN = '/ \\ : * ? " < > |'
MAX_BYTES = 255
MAX_STEM = 200  # leaves room for what follows


def folder_name(settings: Settings, name: str | None = None) -> str:
    """`name`, or what the source names the folder, such as `random` or `phone-JP`, as a `safe_folder_name`."""
    return safe_folder_name(name or source_folder(settings))


def file_stem(settings: Settings, name: str | None = None) -> str:
    """The beginning of the names of shards: `folder_name`, cut off if it is very long."""
    return folder_name(settings, name).encode()[:MAX_STEM].decode(errors="ignore")


def safe_name(name: str) -> str:
    """`name` as that of one file: with `_` for characters that it cannot have on any system, and not too long."""
    name = UNSAFE.sub("_", name.encode(errors="replace").decode())
    if not name.strip(". "):
        return "_" * max(len(name), 1)
    return name.encode()[:MAX_BYTES].decode(errors="ignore")


def safe_folder_name(name: str) -> str:
    """`name` as that of a folder on any system, which is not hidden."""
    return ENDS.sub("_", safe_name(RESERVED.sub(r"\1_", name)))
