"""Which data sets can be asked for: those that are installed, by name. A path is none."""

from __future__ import annotations

from digitseq.options import Option
from digitseq.service.problems import Problem

DEFAULT = "mnist"


def installed() -> dict[str, str]:
    """The characters of each data set that images can be made of here."""
    return {DEFAULT: "0123456789"}


DATASET = Option("choice", "which data set the glyphs come from", "data", choices=tuple(installed()))


def check_installed(name: object) -> None:
    """Raises `Problem` 404 unless `name` is one of them."""
    if not isinstance(name, str) or name not in installed():
        raise Problem(
            404, f"there is no data set {name!r:.60} here; GET /v1/options lists those that are installed", "dataset"
        )
