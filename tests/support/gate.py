"""A place at which a run waits to be killed or interrupted, however fast the machine is.

A closed gate lets the images before one index be made, and holds every process that would make a later one, until it
is opened or the process has lost its parent.
"""

from __future__ import annotations

import os
from pathlib import Path

from .paths import ROOT
from .processes import wait_until

GATED = Path(__file__).with_name("gated")


class Gate:
    """A gate before image `index` (from 0) of the program that has its `environment`."""

    def __init__(self, folder: Path, index: int) -> None:
        folder.mkdir()
        self._folder = folder
        more = {"PYTHONPATH": f"{GATED}{os.pathsep}{ROOT}", "GATE_FOLDER": str(folder), "GATE_INDEX": str(index)}
        self.environment = os.environ | more

    def wait(self) -> None:
        """Until a process stands at the gate."""
        wait_until((self._folder / "reached").exists)

    def open(self) -> None:
        """Let everything through."""
        (self._folder / "open").touch()
