"""Writes a `config.py` with every setting, its meaning, range and default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.atomic import write_new
from digitseq.options import Option, expanded
from digitseq.shell.console import say
from digitseq.shell.help_text import GROUPS
from digitseq.shell.setting_names import with_names

WIDTH = 110
HEAD = '''\
"""Settings that `python3 run.py -r` uses. Edit the values; a flag on the command line still wins.

Plain values only: numbers, "text", True, False, None, (width, height).
"""
'''


def config_text(known: Mapping[str, Option], sources: int) -> str:
    """The file's text. known: the settings by name; sources: how many of them are sources."""
    lines = [HEAD]
    for group, title in GROUPS.items():
        names = [name for name, option in known.items() if option.group == group]
        if names:
            lines.append(f"# == {title.format(sources=sources)}\n")
        lines += [f"{_comment(known[name])}\n{name} = {_written(known[name].default)}\n" for name in names]
    return "\n".join(lines)


@dataclass(frozen=True)
class ConfigCommand:
    """Write the settings `known` to the new file `path`; sources: as for `config_text`."""

    path: str
    known: Mapping[str, Option]
    sources: int

    def run(self) -> int:
        """Returns the exit code. Raises `OutputError` for a file that is there already, or cannot be written."""
        path = Path(expanded(self.path, "write_config"))
        if path.exists() or path.is_symlink():
            raise OutputError(f"{path} is there already and is left as it is: name another file, or remove it first")
        try:
            write_new(path.parent, iter([path.name]), config_text(self.known, self.sources).encode())
        except OSError as error:
            raise OutputError(f"cannot write {path} ({error.strerror}): name another file") from None
        say(f"{path}: edit it; -r {path} reads it")
        return 0


def _comment(option: Option) -> str:
    default = option.shown_default or _written(option.default)
    about = f"{option.kind.expected()}{', or None' if option.default is None else ''}; default: {default}"
    if option.default is None and option.example is not None:
        about += f"; such as {_written(option.example)}"
    if option.flags:
        about += f" ({', '.join(option.flags)})"
    texts = map(with_names, (option.help, about))
    lines = [line for text in texts for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
    return "\n".join(f"# {line}" for line in lines)


def _written(value: object) -> str:
    """`value` as Python code, with texts in double quotes; a tuple of texts as a list of them."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value)
