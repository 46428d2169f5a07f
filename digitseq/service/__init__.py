"""The generator over HTTP: a REST service and a web page. Needs the extra `service`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digitseq.lazy_imports import lazy_attributes

if TYPE_CHECKING:
    from digitseq.service.app import create_app
    from digitseq.service.limits import Limits

__all__ = ["Limits", "create_app"]

_LAZY_ATTRIBUTES = {"create_app": "app", "Limits": "limits"}

__getattr__ = lazy_attributes(__name__, _LAZY_ATTRIBUTES)
