"""The Hugging Face data-set card of a folder: README.md, and samples.svg, the picture in it."""

from __future__ import annotations

import warnings
from pathlib import Path

from digitseq.errors import DigitseqWarning
from digitseq.files.locations import is_there
from digitseq.files.regular import open_regular
from digitseq.runs.folder import CARD, MARK, RECORD, SHEET, RunFolder
from digitseq.runs.manifest import Record, size_of
from digitseq.runs.owned_run import OwnedRun

LEAST = 1000  # images of a run that gets a card without being asked
HEAD = 1 << 16  # bytes in which our mark stands


def update_card(run: OwnedRun, runs: list[Record], wish: str) -> None:
    """Write the card of all `runs`, of which `run` is the last, if it gets one. wish: the setting `card`.

    Files that digitseq did not write are left alone. Raises `OSError`, and `RunError` as `RunFolder.check_owned`.
    """
    run.folder.check_owned()
    path = run.folder.path
    there = [name for name in (CARD, SHEET) if is_there(path / name)]
    theirs = [name for name in there if not _is_ours(path / name)]
    if theirs and wish == "on":
        warnings.warn(
            f"{path / theirs[0]} is not digitseq's and was left alone: there is no data-set card", DigitseqWarning,
            stacklevel=2,
        )  # fmt: skip
    if run.format.keeps and run.record["status"] != "finished":
        return  # its file is written at the end
    if theirs or wish == "off" or (wish == "auto" and size_of(run.record) < LEAST and CARD not in there):
        return
    from digitseq.runs.card_text import card_text  # runs without a card start sooner
    from digitseq.runs.sample_sheet import sample_sheet

    try:
        files = {SHEET: sample_sheet(run), CARD: card_text(path.name, runs)}
    except (KeyError, TypeError, ValueError, AttributeError):  # `run.json` is a file that anybody can edit
        warnings.warn(
            f"{path / RECORD} lacks what a data-set card says of earlier runs: there is no card", DigitseqWarning,
            stacklevel=2,
        )  # fmt: skip
        return
    for name, text in files.items():
        run.folder.write(path / name, text.encode("utf-8", "backslashreplace"))


def remove_card(folder: RunFolder) -> None:
    """Remove the card in the folder, unless somebody else wrote it. Raises `OSError`."""
    paths = [folder.path / name for name in (CARD, SHEET)]
    folder.remove([path for path in paths if is_there(path) and _is_ours(path)])


def _is_ours(path: Path) -> bool:
    if path.is_symlink():
        return False
    try:
        with open_regular(path) as file:
            return MARK.encode() in file.read(HEAD)
    except OSError:
        return False
