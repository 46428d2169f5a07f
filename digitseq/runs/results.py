"""What runs write at their end, such as annotations.json and NAME.npz: recorded before it gets its name.

`run.json` has their sizes and checksums. So a result is known even if its run was killed before the record said
"finished", and a file that somebody else has put in its place is not taken for digitseq's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from digitseq.errors import OutputError
from digitseq.files.locations import is_there
from digitseq.files.regular import regular_size
from digitseq.formats import format_of
from digitseq.runs.folder import RunFolder
from digitseq.runs.manifest import Record, Result, results_of, size_of
from digitseq.runs.owned_run import OwnedRun


class Results:
    """The results of `runs` in the folder `path`. paths: where they were written; nothing may be there any more."""

    def __init__(self, path: Path, runs: Iterable[Record]) -> None:
        self._path = path
        self._recorded: dict[Path, tuple[str, list[Result]]] = {}
        for run in runs:
            for result in results_of(run):
                _, found = self._recorded.setdefault(path / result.name, (run["format"], []))
                found.append(result)
        self.paths = list(self._recorded)

    def fault(self, path: Path) -> str | None:
        """Why the file `path` is not what one of the runs has written there; None if it is. Raises `OSError`."""
        if regular_size(path) is None:
            return "it is missing, or no regular file"
        if path not in self._recorded:
            return "it is in no record"
        format_, results = self._recorded[path]
        try:
            found = format_of(format_).checksum(path)
        except ValueError as error:
            return str(error)
        return None if any(found == result[1:] for result in results) else "it was changed"

    def check(self, paths: Iterable[Path]) -> None:
        """`OutputError` where something is at one of the `paths` that no run has written. Raises `OSError`."""
        for path in paths:
            remedy = "move it away, or name another directory with `output_path`"
            if regular_size(path) is None:
                if is_there(path):
                    raise OutputError(f"{path} is not a regular file: {remedy}")
            elif fault := self.fault(path):
                raise OutputError(f"{path} is not a file that digitseq wrote ({fault}): {remedy}")


def finished_results(run: OwnedRun, scratch: Path) -> dict[str, Path]:
    """The results of `run` by their names below its folder, in `scratch` or in what is kept. Raises `OSError`."""
    made = dict[str, Path]()
    for place, (job, section, directory) in enumerate(zip(run.jobs, run.sections, run.directories)):
        if run.images[place]:
            unfinished = run.kept[place] if run.format.keeps else scratch / f"results{place}"
            unfinished.mkdir(parents=True, exist_ok=True)
            files = run.format.finish(job, directory, unfinished, job.start + run.images[place])
            made |= {f"{section.folder}/{name}".lstrip("/"): path for name, path in files.items()}
    if sum(run.images) and run.sections[0].folder:
        made |= run.format.finish_split(run.jobs[0], run.folder.path, scratch)
    return made


def publish_results(folder: RunFolder, runs: list[Record], made: dict[str, Path]) -> None:
    """Give the files `made` their names, below the folder, after the record of the last of `runs` lists them.

    Raises `OSError`, and `RunError` as `RunFolder.check_owned` does.
    """
    if not made:
        return
    record = runs[-1]
    format_, before = format_of(record["format"]), record.get("results", [])
    new = [Result(name, *format_.checksum(path))._asdict() for name, path in made.items()]
    # those with the same names, too: they are there until they are replaced
    record["results"] = [*before, *new]
    folder.write_runs([*runs[:-1], record | {"status": "running"}])
    for name, path in made.items():
        folder.move_here(path, folder.path / name)
    record["results"] = [result for result in before if result["name"] not in made] + new


def end_abandoned(folder: RunFolder, record: Record) -> Record:
    """The last run, which will not be resumed, brought to its end. Raises as `OwnedRun.recover` does."""
    run = OwnedRun(folder, record)
    if record["status"] == "running" or run.format.keeps:
        run.recover()
        if run.format.keeps:  # only --resume would assemble a result that is not there
            results = Results(folder.path, [record])
            there = {path.parent for path in results.paths if not results.fault(path)}
            run.images = [count * (path in there) for count, path in zip(run.images, run.directories)]
        whole = run.format.keeps and sum(run.images) == size_of(record)
        run.end("finished" if whole else "interrupted")
    return record
