"""Where tests and what they share stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from support.paths import ROOT, TESTS

MODULES = sorted(TESTS.glob("test_*.py"))


def imported(source: str) -> Iterator[str]:
    """The absolute name of everything that a module imports, `a.b` for `from a import b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}".removeprefix(".") for alias in node.names)


def is_test_module(name: str) -> bool:
    return any(
        (part.startswith("test_") and (TESTS / f"{part}.py").exists()) or part == "conftest" for part in name.split(".")
    )


@pytest.mark.parametrize("path", [*MODULES, *sorted(TESTS.glob("support/*.py"))], ids=lambda path: path.name)
def test_no_test_module_is_imported(path):
    assert [name for name in imported(path.read_text()) if is_test_module(name)] == []


@pytest.mark.parametrize(
    "line",
    ["import test_layout", "from tests.test_layout import a", "from . import test_layout", "import os, conftest"],
)
def test_an_import_of_a_test_module_is_found(line):
    assert any(is_test_module(name) for name in imported(f"def f():\n    {line}\n"))


WITHOUT = {"__init__", "__main__", "version"}  # nothing to test in them that is not tested where it is used
PARTS = sorted(p.stem for p in (ROOT / "digitseq").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())


@pytest.mark.parametrize("name", [name for name in PARTS if name not in WITHOUT])
def test_each_module_and_package_has_its_tests(name):
    assert (TESTS / f"test_{name}.py").exists() or list(TESTS.glob(f"test_{name}_*.py"))
