"""Symbolic links at every name that a run uses in its folder: nothing that they point to is changed."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from .campaign import Campaign, Case
from .judge import BROKEN_OFF, REFUSED, judge_end, listing
from .kills import Blow
from .references import Reference, References, with_references
from .setups import Setup
from .started import Started
from .started import run as run_program

SEED = 7
KNOWN = ("random/.digitseq-part", "random/.run.json")  # names whose targets were once destroyed


def _outside(folder: Path, name: str, reference: Reference, kind: str) -> Path:
    """What a link points to: a file, a directory with files of the names that the run uses there, or nothing."""
    folder.mkdir()
    target = folder / "precious"
    if kind == "file":
        target.write_bytes(b"precious")
    elif kind == "directory":
        target.mkdir()
        inside = {
            n.removeprefix(f"{name}/") for n in (*reference.named, *reference.contents) if n.startswith(f"{name}/")
        }
        for path in sorted({"notes.txt", *(n for n in inside if "/" not in n)}):
            (target / path).write_bytes(b"precious")
    return target


def judge(case: Case, references: References) -> str:
    """A link at one name, in an empty folder or in that of a run that was killed; then a run."""
    draw = case.draw()
    setup = Setup.drawn(draw)
    reference = references.of(setup)
    names = sorted({*reference.named, *reference.contents} - {"random"})
    name = KNOWN[case.number] if case.number < len(KNOWN) else draw.choice(names)
    kind = (
        draw.choice(("file", "directory", "missing"))
        if case.number >= len(KNOWN)
        else ("directory", "file")[case.number]
    )
    out, again = case.folder / "out", draw.random() < 0.5
    if again:
        number = 1 + int(draw.random() * reference.places["parent"])
        killed = Started(
            setup.words(SEED), out, case.folder / "log-1", Blow("parent", number, signal.SIGKILL, "group").plan()
        )
        killed.ended()
        assert killed.all_ended()
    link = out / name
    if any(parent.is_symlink() for parent in link.parents):
        return "not planted"  # "images" of the label format yolo is a link itself
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    outside = case.folder / "outside"
    link.symlink_to(_outside(outside, name, reference, kind))
    before = listing(outside)
    resumed = again and draw.random() < 0.5
    ended = run_program([*setup.words(SEED), *["--resume"] * resumed], out, case.folder / "log-2")
    about = f"{setup}: {name} is a link to a {kind}{', in the folder of a killed run' * again}{', resumed' * resumed}"
    outcome = judge_end(ended, {0, BROKEN_OFF, REFUSED}, about)
    after = listing(outside)
    changed = sorted(path for path, data in before.items() if after.get(path) != data)
    assert not changed, f"{about}: {changed[:3]} of what it points to was changed ({outcome}: {ended.one_line()})"
    return outcome


CAMPAIGN = Campaign(
    "links",
    "symbolic links at the names that a run uses",
    "nothing that they point to is changed",
    short=12,
    long=200,
    run=with_references(SEED, judge),
)
