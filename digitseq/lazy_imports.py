"""Modules that are loaded when they are first used, and what to say of a package that cannot be."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from digitseq.errors import MissingPackageError, first_cause, one_line


def lazy_attributes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The function `__getattr__` of `package`. modules: for each name the module, inside the package, that has it."""

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)  # so that it is asked for once
        return value

    return load


def need_package(name: str, what: str, install: str | None = None) -> Any:
    """The module `name`, such as "lmdb" or "isal.isal_zlib".

    what: who needs it, as the first words of a sentence ("format lmdb"); install: what `pip install` is to be
    given, where that is not the package's name. Raises `MissingPackageError` with the command that installs
    it or, where it is there and cannot be loaded, with what failed.
    """
    package = name.partition(".")[0]
    install = install or package
    try:
        return importlib.import_module(name)
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        if error.name == package:
            raise MissingPackageError(f"{what} needs the package {package}: pip install {install}") from None
        raise MissingPackageError(_broken(what, package, install, error)) from None
    except Exception as error:  # whatever a package does when it is loaded
        raise MissingPackageError(_broken(what, package, install, error)) from None


def _broken(what: str, package: str, install: str, error: Exception) -> str:
    cause = first_cause(error)
    return (
        f"{what} needs the package {package}, which is installed but cannot be loaded "
        f"({type(cause).__name__}: {one_line(cause)}): pip install --force-reinstall {install}"
    )
