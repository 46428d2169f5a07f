"""What `--help` shows, and what the command alone shows."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

PYTHON = "py" if os.name == "nt" else "python3"
WIDEST = 100  # longer lines are hard to read, however wide the terminal is
WHAT = "Make images of handwritten digit sequences from real glyphs, with labels."
USUAL = {
    "-num 123456": "output/123456/1.png",
    "--random_digits 3 8 -m 4 -s 100000": "a batch, 4 processes",
    "-num 123456 -r": "settings of config.py",
}
# by how often they are needed; the keys are the groups of options
GROUPS = {
    "source": "what is written (one of the first {sources})",
    "batch": "how many, and where to",
    "layout": "layout, in pixels",
    "augmentation": "distortions (without -da, each of -e, -d, -a and -n enables only its own)",
    "look": "looking at it, before and after",
    "data": "whose glyphs",
    "general": "other",
}


def started_as() -> str:
    """The command with which this program was started, as far as that can be known."""
    started = Path(sys.argv[0]).name
    return {"run.py": f"{PYTHON} run.py", "__main__.py": f"{PYTHON} -m digitseq"}.get(started, "digitseq")


def usual_commands() -> str:
    """The three commands that are used most, and the page and the service."""
    rows = [(f"{started_as()} {flags}", what) for flags, what in USUAL.items()]
    width = max(len(command) for command, _ in rows)
    lines = [f"  {command:{width}}  {what}" for command, what in rows]
    page = f"  {started_as()} --web\n  {PYTHON} -m digitseq.service  http://127.0.0.1:8000, its API at /docs"
    return "\n".join(["the three usual commands:", *lines, "", "the web page, and the REST service:", page, ""])


def short_help() -> str:
    """What the command alone shows."""
    return f"{WHAT}\n\n{usual_commands()}\nall flags: {started_as()} --help"


def epilog() -> str:
    """The end of `--help`."""
    systems = (
        "macOS: as on Linux. Windows: `py` stands for `python3`, and cmd.exe takes\n"
        'double quotes only: --pattern "[0-9]{4}"'
    )
    return f"{usual_commands()}\n{systems}"


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; a value is shown once, after the last of the flags that take it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(shutil.get_terminal_size().columns, WIDEST) - 2)

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        if action.nargs == "*" and isinstance(action.metavar, tuple):  # all of the values, or none
            return f"[{' '.join(action.metavar)}]"
        return super()._format_args(action, default_metavar)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"
