"""Completion of the command `digitseq` by the user's shell, with the package shtab."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from digitseq.glyphs.catalog import DATA_SETS
from digitseq.lazy_imports import import_package
from digitseq.options import Choice, FilePath, Option
from digitseq.settings import Operations

PROGRAM = "digitseq"
NAMES_OR_FOLDERS = f"_{PROGRAM}_data_sets"  # a function of bash


def completion_script(parser: argparse.ArgumentParser, options: Mapping[str, Option], shell: str) -> str:
    """The script by which `shell` completes flags, their words and paths. `parser` must not be used afterwards.

    options: the settings among the flags of `parser`. Raises `MissingPackageError` without shtab.
    """
    shtab = import_package("shtab", "`print_completion`")
    for action in parser._actions:  # argparse has no public way to ask for them
        action.metavar = None  # zsh would take the colons in some of them for its own
        if action.nargs != 0:
            _add_candidates(action, options.get(action.dest), shtab)
    parser.prog = PROGRAM
    function = f'{NAMES_OR_FOLDERS}() {{\n  compgen -W \'{" ".join(DATA_SETS)}\' -- "$1"\n  compgen -d -- "$1"\n}}'
    script: str = shtab.complete(parser, shell, preamble=function if shell == "bash" else "")
    return script


def _add_candidates(action: Any, option: Option | None, shtab: Any) -> None:
    """Tell shtab what can stand after the flag of `action`, which is that of `option` or of a command."""
    kind = option.kind if option else None
    if isinstance(kind, Choice):
        action.choices = kind.choices
    elif isinstance(kind, Operations):
        from digitseq.augment import OPERATIONS, PRESETS

        action.choices = [*PRESETS, *OPERATIONS]
    elif action.dest == "download":
        action.choices = list(DATA_SETS)
    elif action.dest == "dataset":
        action.complete = _names_or_folders(" ".join(DATA_SETS))
    elif action.dest == "status":
        action.complete = shtab.DIRECTORY
    elif option is None and not action.choices:
        action.complete = shtab.FILE
    elif isinstance(kind, FilePath):
        action.complete = shtab.FILE if option and option.metavar == "FILE" else shtab.DIRECTORY


def _names_or_folders(names: str) -> dict[str, str]:
    """What shtab takes for `names`, separated by spaces, and folders."""
    return {"bash": NAMES_OR_FOLDERS, "zsh": f"{{compadd {names}; _files -/}}", "tcsh": f"({names})"}
