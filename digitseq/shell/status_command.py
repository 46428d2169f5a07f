"""`run.py --status DIR`: a line for each run that says how far it is."""

from __future__ import annotations

from dataclasses import dataclass

from digitseq.errors import SettingsError
from digitseq.options import expanded
from digitseq.shell.console import say


@dataclass(frozen=True)
class StatusCommand:
    """Print how far the runs into the folder `path`, or into those below it, are."""

    path: str
    quiet: bool = False

    def run(self) -> int:
        """Returns the exit code: 0 when all runs are finished, else 1.

        Raises `SettingsError` for an empty path, `OutputError` where there is no run.
        """
        # runs, which come past here too, start sooner without
        from digitseq.files.locations import location
        from digitseq.runs.status import FINISHED, run_status
        from digitseq.shell.status_lines import status_lines

        if not self.path:
            raise SettingsError("status needs the path of a folder, got an empty one", "status")
        found = run_status(location(expanded(self.path, "status")))
        if not self.quiet:
            say(status_lines(found))
        return 0 if all(each.state == FINISHED for each in found) else 1
