"""What the folder of a run is called, and the shards in it."""

from __future__ import annotations

import re
from pathlib import Path

from digitseq.settings import Settings

UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]')  # in names of files, on any system
MAX_BYTES = 255
MAX_STEM = 200  # leaves room for what follows


def folder_name(settings: Settings) -> str:
    """The number itself, `random`, `random-text`, `phone-JP`, `pattern`, or the stem of the numbers' file.

    Characters that names of files cannot have become `_`.
    """
    if settings.number is not None:
        return _safe(settings.number)
    if settings.random_digits is not None:
        return "random"
    if settings.random_text is not None:
        return "random-text"
    if settings.phone is not None:
        return _safe(f"phone-{settings.phone.upper()}")
    if settings.pattern is not None:
        return "pattern"
    file = settings.numbers_file or ""
    return "stdin" if file == "-" else _safe(Path(file).stem.lstrip("."))


def file_stem(settings: Settings) -> str:
    """What the names of shards begin with: as `folder_name`, but shorter where that is very long."""
    return folder_name(settings).encode()[:MAX_STEM].decode(errors="ignore")


def _safe(name: str) -> str:
    name = UNSAFE.sub("_", name.encode(errors="replace").decode())
    if not name.strip(". "):
        return "_" * max(len(name), 1)
    return name.encode()[:MAX_BYTES].decode(errors="ignore")
