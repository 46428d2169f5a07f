"""What a user may expect of every end of the program: a known exit code, one line, nothing half-written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from unicodedata import category

from .children import Ended

REFUSED, BROKEN_OFF, INTERRUPTED = 2, 1, 130
NAMES = {0: "done", REFUSED: "refused", BROKEN_OFF: "broken off", INTERRUPTED: "interrupted", 143: "terminated"}


def judge_end(ended: Ended, allowed: Collection[int], about: str = "") -> str:
    """The outcome in a word. Raises AssertionError for any other exit code, a traceback, or more than one line."""
    where = f"{about}: " if about else ""
    assert ended.code is not None, f"{where}ran into its time limit; it said {ended.one_line()}"
    assert "Traceback" not in ended.err, f"{where}traceback: {ended.one_line()}"
    assert ended.code in allowed, f"{where}exit code {ended.code}; it said {ended.one_line()}"
    assert not ended.left_behind, f"{where}{ended.left_behind} processes were left behind"
    lines = ended.err.splitlines()
    strange = [c for c in ended.err if category(c) == "Cc" and c != "\n"]
    assert not strange, f"{where}control characters {strange[:5]!r} in what it said: {ended.one_line()}"
    messages = [line for line in lines if not line.startswith("digitseq: warning: ")]
    assert len(messages) == (ended.code != 0), (
        f"{where}{len(messages)} lines with exit code {ended.code}: {ended.one_line()}"
    )
    if messages:
        assert messages[0].startswith(("digitseq: error: ", "digitseq: interrupted: ")), f"{where}{messages[0]!r}"
    return NAMES[ended.code]


def listing(folder: Path) -> dict[str, bytes]:
    """Everything below `folder`: the bytes of files, the targets of links, nothing of the rest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = b"-> " + bytes(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else b""
    return found
