"""Reads `config.py`: plain assignments, never executed."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from pathlib import Path

from digitseq.errors import SettingsError, did_you_mean, one_line
from digitseq.files.regular import read_regular

MOST_BYTES = 100_000  # the parser's memory is a few hundred times the text's


def read_config(path: Path, known: Collection[str]) -> dict[str, tuple[object, int]]:
    """The assignments in `path`: for each name its value, and the number of its line.

    Raises `SettingsError`, naming the line, for anything else than assignments of plain values to names in
    `known`, and when the file cannot be read.
    """
    found: dict[str, tuple[object, int]] = {}
    for statement in _parsed(path).body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        where = f"{path.name} line {statement.lineno}"
        name, value = _assignment(statement, where)
        if name not in known:
            raise SettingsError(f"{where}: unknown setting {name}; {did_you_mean(name, sorted(known))}")
        found[name] = value, statement.lineno
    return found


def _parsed(path: Path) -> ast.Module:
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd in code that never runs
            return ast.parse(text)
    except OSError as error:
        raise SettingsError(f"cannot read {path} ({error.strerror}): -r takes the settings from that file") from None
    except SyntaxError as error:
        where = path.name if error.lineno is None else f"{path.name} line {error.lineno}"
        raise SettingsError(f"{where}: {one_line(error.msg)}; write one NAME = VALUE a line") from None
    except ValueError as error:
        raise SettingsError(f"{path.name} is not a text file in UTF-8 ({error})") from None
    except (RecursionError, MemoryError):
        raise SettingsError(f"{path.name} has a value that is nested too deeply: write a plain one") from None


def _assignment(statement: ast.stmt, where: str) -> tuple[str, object]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            try:
                return name, ast.literal_eval(value)
            except (ValueError, TypeError, RecursionError, MemoryError):
                raise SettingsError(
                    f"{where}: {name} must be a plain value (a number, text in quotes, True, False, None, or a pair of "
                    f"numbers), got {_written(value)}"
                ) from None
    raise SettingsError(f"{where}: write NAME = VALUE, got {_written(statement)}")


def _written(node: ast.AST) -> str:
    """The code again, as far as a message shows it."""
    try:
        return one_line(ast.unparse(node), 100)
    except (ValueError, RecursionError, MemoryError):
        return "one that is too long to show"
