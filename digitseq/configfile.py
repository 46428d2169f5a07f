"""Reads `config.py`: plain assignments, never executed."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import SettingsError


@dataclass(frozen=True)
class Assignment:
    """A setting as the file gives it: its value and the line it stands in."""

    value: object
    line: int


def read_config(path: Path, known: Collection[str]) -> dict[str, Assignment]:
    """The assignments in `path` by name.

    Raises `SettingsError`, naming the line, for anything else than assignments of plain values to names in
    `known`, and when the file cannot be read.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"cannot read {path} ({error.strerror}): -r takes the settings from that file") from None
    except SyntaxError as error:
        raise SettingsError(f"{path.name} line {error.lineno}: {error.msg}; write one NAME = VALUE a line") from None
    except ValueError as error:
        raise SettingsError(f"{path.name} is not a text file in UTF-8 ({error})") from None
    found: dict[str, Assignment] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        name, value = _assignment(statement, path)
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise SettingsError(f"{path.name} line {statement.lineno}: unknown setting {name}; {hint}")
        found[name] = Assignment(value, statement.lineno)
    return found


def _assignment(statement: ast.stmt, path: Path) -> tuple[str, object]:
    where = f"{path.name} line {statement.lineno}"
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name):
            try:
                return target.id, ast.literal_eval(value)
            except ValueError:
                raise SettingsError(
                    f"{where}: {target.id} must be a plain value (a number, text in quotes, True, False, None, or a "
                    f"pair of numbers), got {ast.unparse(value)}"
                ) from None
    raise SettingsError(f"{where}: write NAME = VALUE, got {ast.unparse(statement).splitlines()[0]}")
