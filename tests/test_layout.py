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


WITHOUT = {"__init__", "__main__"}  # nothing to test in them that is not tested where it is used
PARTS = sorted(p.stem for p in (ROOT / "digitseq").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists())


@pytest.mark.parametrize("name", [name for name in PARTS if name not in WITHOUT])
def test_each_module_and_package_has_its_tests(name):
    assert (TESTS / f"test_{name}.py").exists() or list(TESTS.glob(f"test_{name}_*.py"))


# From the top down: a module imports from its own package, and from what stands on a line below its own.
LAYERS = """
    __main__
    service
    shell
    torch_data
    inspection
    generator
    api
    runs
    formats
    labels
    pipeline
    renderer
    sources
    settings
    augment pen
    composer
    glyphs
    options random_streams files
    lazy_imports
    errors
"""
LAYER = {name: depth for depth, line in enumerate(LAYERS.strip().splitlines()) for name in line.split()}
PACKAGE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "digitseq").rglob("*.py")
}


def imports_of(module: str) -> set[str]:
    """The modules of the package that `module` imports, wherever in it that stands."""
    found = set()
    for name in imported(PACKAGE[module].read_text()):
        while name not in PACKAGE and name:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {"", "digitseq", module}


IMPORTS = {module: imports_of(module) for module in PACKAGE if module != "digitseq"}


def part(module: str) -> str:
    return module.split(".")[1]


def test_every_part_of_the_package_has_its_layer():
    assert {part(module) for module in IMPORTS} == set(LAYER)


@pytest.mark.parametrize("module", sorted(IMPORTS))
def test_imports_run_downward_only(module):
    above = LAYER[part(module)]
    assert not [m for m in IMPORTS[module] if part(m) != part(module) and LAYER[part(m)] <= above]


def test_no_imports_run_in_a_circle():
    left = dict(IMPORTS)
    while ready := [module for module, needed in left.items() if not needed & left.keys()]:
        for module in ready:
            del left[module]
    assert left == {}


def test_no_two_modules_have_one_name():
    names = [m.rpartition(".")[2] for m, path in PACKAGE.items() if path.name not in ("__init__.py", "base.py")]
    assert sorted({n for n in names if names.count(n) > 1} - {"__main__"}) == []
