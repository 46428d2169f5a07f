"""The generator over HTTP: a REST service and a web page. Needs the extra `service`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitseq.service.app import create_app
    from digitseq.service.limits import Limits

__all__ = ["Limits", "create_app"]

_ROOMS = {"create_app": "app", "Limits": "limits"}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
