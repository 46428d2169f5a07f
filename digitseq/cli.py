"""The command line: the only argparse, and the only place that ends the program."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from digitseq.console import interrupted_by, print_error, run_program, say
from digitseq.dataset_commands import DataSetCommand
from digitseq.errors import DigitseqWarning, SettingsError
from digitseq.glyphs.bank import GlyphBank
from digitseq.inspection.command import InspectCommand
from digitseq.parser import parse
from digitseq.pipeline import Pipeline
from digitseq.renderer_cache import bank_of
from digitseq.runs import Report, Stop, write_images
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.sources.choose import source_of

NAME = "digitseq"  # what every line on standard error begins with


def main(argv: Sequence[str] | None = None, config: Path | None = None) -> int:
    """Run the command line `argv` (default: the process's); returns the exit code.

    `config` is the file that -r reads; default: `config.py` in the working directory.
    """

    def program() -> int:
        _show_warnings_as_lines()
        with _stop_on_signals() as stop:
            return _run(argv, config or Path("config.py"), stop)

    return run_program(NAME, program)


def _run(argv: Sequence[str] | None, config: Path, stop: Stop) -> int:
    try:
        request = parse(argv, config)
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    if isinstance(request, (DataSetCommand, InspectCommand)):
        _end_on_signals()
        return request.run()
    settings = request.settings
    output, seed = request.complete()
    if output.quiet:
        warnings.simplefilter("ignore", DigitseqWarning)
    with request.naming_lines():
        if output.preview is None:
            _check_output_path(output.output_path)
        bank = bank_of(settings, output.cache)
        if output.preview is not None:
            return _preview(settings, output, bank, seed)
        source = source_of(settings, bank.characters, output.count, seed)
        pipeline = Pipeline(settings, bank, seed, source)
        if not output.quiet and (notice := source.origin.notice()):
            say(notice)
    with _progress_bar(output) as advance:
        stop.armed = True
        report = write_images(pipeline, output, stop, advance)
    if report.count < report.wanted:
        print_error(NAME, "interrupted", report.remainder())
        return interrupted_by(stop.signal)
    if not output.quiet:
        say(_summary(report))
    return 0


def _preview(settings: Settings, output: Output, bank: GlyphBank, seed: int) -> int:
    from digitseq.preview import write_preview

    write_preview(Path(output.preview or ""), settings, bank, seed)
    if not output.quiet:
        say(f"{output.preview} (seed {seed})")
    return 0


def _check_output_path(output_path: str) -> None:
    """Refuse an output path that cannot be written to before any work is done."""
    path = Path(output_path)
    existing = next((p for p in (path, *path.parents) if os.path.lexists(p)), Path())
    if not existing.is_dir():
        message = f"output_path {output_path}: {existing} is not a directory; name another with -o"
        raise SettingsError(message, "output_path")
    if not os.access(existing, os.W_OK | os.X_OK):
        message = f"output_path {output_path}: {existing} is not writable; name another directory with -o"
        raise SettingsError(message, "output_path")


def _summary(report: Report) -> str:
    if not report.wanted:
        return f"{report.folder}: the last run is already complete"
    if report.format != "png":
        images = f"{report.count:,} image{'s' * (report.count > 1)}"
        return f"{images} as {report.format} in {report.folder}, {_speed(report)}, seed {report.seed}"
    first, last = report.folder / f"{report.first}.png", report.first + report.count - 1
    if report.count == 1 and report.alone:
        return f"{first} (seed {report.seed})"
    shown = f" ({report.first}.png to {last}.png)" if report.alone else ""
    return f"{report.count:,} images in {report.folder}{shown}, {_speed(report)}, seed {report.seed}"


def _speed(report: Report) -> str:
    return f"{report.seconds:.1f} s, {report.made / report.seconds:,.0f} images/s"


@contextlib.contextmanager
def _progress_bar(output: Output) -> Iterator[Any]:
    """A function to call with the number of finished images, or None where no progress bar would be seen."""
    if output.quiet or output.count == 1 or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=output.count, unit="image", unit_scale=True) as bar:
        yield bar.update


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Stop]:
    """While images are made, the first Ctrl-C or SIGTERM requests an orderly stop; the second stops at once."""
    stop = Stop()

    def handle(number: int, frame: object) -> None:
        if not stop.armed or stop.requested:
            raise KeyboardInterrupt(number)
        stop.request(number)

    if not _gets_signals():
        yield stop
        return
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end_on_signals() -> None:
    """Let signals end the program at once: there is no run to end in order."""
    if _gets_signals():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _gets_signals() -> bool:
    """Python delivers signals to the main thread only; another thread must stop the program in its own way."""
    return threading.current_thread() is threading.main_thread()


def _show_warnings_as_lines() -> None:
    def show(message: Warning | str, *_: object, **__: object) -> None:
        print_error(NAME, "warning", str(message))

    warnings.showwarning = show
    warnings.simplefilter("always", DigitseqWarning)
