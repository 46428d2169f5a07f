"""Packages that are not installed, and those that are and cannot be loaded, are told apart in one line."""

from __future__ import annotations

import re
import sys

import pytest
from support.paths import ROOT

from digitseq.errors import MissingPackageError
from digitseq.lazy_imports import import_package


@pytest.fixture
def package(tmp_path, monkeypatch):
    """package(code): a package `brittle` of this code can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(code: str) -> None:
        (tmp_path / "brittle").mkdir()
        (tmp_path / "brittle" / "__init__.py").write_text(code)
        (tmp_path / "brittle" / "inner.py").write_text("VALUE = 3")

    yield make
    for name in [name for name in sys.modules if name.partition(".")[0] == "brittle"]:
        del sys.modules[name]


def failure(name: str = "brittle", **options: str) -> str:
    with pytest.raises(MissingPackageError) as caught:
        import_package(name, "format x", **options)
    return str(caught.value)


def test_one_that_is_there_is_returned(package):
    package("")
    assert import_package("brittle.inner", "format x").VALUE == 3


@pytest.mark.parametrize("name", ["brittle", "brittle.inner"])
def test_one_that_is_not_installed(name):
    assert failure(name) == "format x needs the package brittle: pip install brittle"
    assert failure(name, install='"digitseq[x]"').endswith('brittle: pip install "digitseq[x]"')


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import lacking_dependency", "ModuleNotFoundError: No module named 'lacking_dependency'"),
        ("raise ImportError('libfoo.so.1: cannot open shared object file')", "ImportError: libfoo.so.1: cannot open"),
        ("raise ImportError('\\n\\nIMPORTANT: read\\nthis')", "ImportError: IMPORTANT: read)"),
        ("raise OSError('\\033[2Jgone')", r"OSError: \x1b[2Jgone"),
        ("x = (", "SyntaxError: "),
        (
            "try: 1 / 0\nexcept Exception as e: raise ImportError('read this') from e",
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_one_that_cannot_be_loaded_says_what_failed(package, code, reason):
    package(code)
    message = failure()
    assert message.startswith(f"format x needs the package brittle, which is installed but cannot be loaded ({reason}")
    assert message.endswith("): pip install --force-reinstall brittle")
    assert message.isprintable()


def test_a_module_that_the_package_lacks_is_no_missing_package(package):
    package("")
    assert "No module named 'brittle.absent'" in failure("brittle.absent")


def test_too_little_memory_is_not_a_missing_package(package):
    package("raise MemoryError")
    with pytest.raises(MemoryError):
        import_package("brittle", "format x")


def test_every_dependency_has_both_its_ends():
    listed = re.findall(r'^\s*"([A-Za-z0-9-]+[<>=][^"]*)",?$|\["([A-Za-z0-9-]+[<>=][^\]]*)"\]', project(), re.MULTILINE)
    wanted = [one for line in listed for one in re.split('", "', line[0] or line[1])]
    assert len(wanted) > 40
    for requirement in wanted:
        name, bounds = re.match(r"([A-Za-z0-9-]+)(?:\[\w+\])?(.*)", requirement.partition(";")[0]).groups()
        assert re.fullmatch(r">=[0-9.]+,<[0-9]+|==[0-9.]+", bounds), name


def project() -> str:
    """The dependencies in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text()
    return text[text.index("dependencies = [") : text.index("[project.scripts]")]
