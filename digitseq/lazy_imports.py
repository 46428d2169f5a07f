"""Modules that are loaded on first use, and clear errors for packages that cannot be loaded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from digitseq.errors import MissingPackageError, first_cause, one_line


def lazy_attributes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for `package`. modules: attribute name -> the module, inside the package, that defines it."""

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)  # cached: later accesses do not call __getattr__
        return value

    return load


def import_package(name: str, what: str, install: str | None = None) -> Any:
    """The module `name`, such as "lmdb" or "isal.isal_zlib".

    what: who needs it, as the subject of a sentence ("format lmdb"); install: arguments of `pip install`, if not the
    package's name. Raises `MissingPackageError` with the command that installs the package and, if it is installed
    but cannot be loaded, with the reason.
    """
    package = name.partition(".")[0]
    install = install or package
    try:
        return importlib.import_module(name)
    except MemoryError:
        raise
    except Exception as error:  # a broken package may raise anything, such as OSError for a missing library
        message = f"{what} needs the package {package}"
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise MissingPackageError(f"{message}: pip install {install}") from None
        cause = first_cause(error)
        reason = f"{type(cause).__name__}: {one_line(cause)}"
        raise MissingPackageError(
            f"{message}, which is installed but cannot be loaded ({reason}): pip install --force-reinstall {install}"
        ) from None
