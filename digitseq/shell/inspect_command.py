"""`run.py --inspect PATH`: a report on the terminal, a contact sheet and an HTML page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from digitseq.errors import OutputError, SettingsError
from digitseq.files.atomic import replacing
from digitseq.files.locations import location
from digitseq.shell.console import say

if TYPE_CHECKING:
    from digitseq.formats.base import StoredSample


@dataclass(frozen=True)
class InspectCommand:
    """Inspect the data set `path`, and write the report's files to `output_path`."""

    path: str
    output_path: str
    quiet: bool = False

    def run(self) -> int:
        """Returns the exit code: 1 when something is wrong with the data set.

        Raises `SettingsError` when there is no data set, `OutputError` when the report cannot be written.
        """
        # runs, which come past here too, start sooner without
        from digitseq.augment.base import opencv
        from digitseq.inspection.data_set import inspect
        from digitseq.inspection.report import html_page, report_name, text_report
        from digitseq.inspection.sheet import contact_sheet

        if not self.path:
            raise SettingsError("inspect needs the path of a data set, got an empty one", "inspect")
        path = location(self.path)
        inspection = inspect(path, self._progress)
        shown = [sample for section in inspection.sections for sample in section.findings.shown]
        _, encoded = opencv().imencode(".png", contact_sheet(shown))
        sheet, folder = encoded.tobytes(), Path(self.output_path)
        name = report_name(folder, path)
        page = html_page(inspection, sheet).encode("utf-8", "backslashreplace")
        files = {folder / f"{name}.png": sheet, folder / f"{name}.html": page}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for page_or_sheet, data in files.items():
                with replacing(page_or_sheet) as file:
                    file.write(data)
        except OSError as error:
            raise OutputError(
                f"cannot write to {folder} ({error.strerror}): name another directory with `output_path`"
            ) from None
        problems = inspection.all_problems()
        if problems or not self.quiet:
            say(text_report(inspection))
        if not self.quiet:
            say(f"report: {' and '.join(map(str, files))}")
        return 1 if problems else 0

    def _progress(self, samples: Iterator[StoredSample]) -> Iterator[StoredSample]:
        if self.quiet or not sys.stderr.isatty():
            return samples
        from tqdm import tqdm

        return iter(tqdm(samples, unit="image", unit_scale=True))
