"""The command line: the only argparse, and the only place that ends the program."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitseq.errors import DigitseqWarning, SettingsError
from digitseq.pipeline import Pipeline
from digitseq.renderer.renderer_cache import bank_of
from digitseq.runs import Report, Stop, run_images, write_images
from digitseq.runs.run_settings import Output
from digitseq.shell.console import interrupted_by, print_error, run_program, say
from digitseq.shell.help_text import short_help
from digitseq.shell.parser import FLAGS, ParsedCommand, naming_lines, parse
from digitseq.shell.setting_names import with_flags
from digitseq.sources.choose import source_of

if TYPE_CHECKING:
    from digitseq.shell.parser import OtherCommand

NOTHING_ASKED = 2  # a script whose variables are empty must not go on as if images had been made
TWICE = 2.0  # seconds in which timeout(1) and schedulers may send SIGTERM to the program and to its process group
AT_ONCE = "stopped at once; finished images are kept: to make the rest, give the same settings and `resume`"
NAME = "digitseq"  # what every line on standard error begins with


def main(
    argv: Sequence[str] | None = None,
    config: Path | None = None,
    open_page: Callable[[str, str | None], int] | None = None,
) -> int:
    """Run the command line `argv` (default: the process's); returns the exit code.

    config: the file that -r reads; default: `config.py` in the working directory
    open_page: what --web does with the fields of a `WebCommand`; the service, which the shell does not know. Default:
    --web is refused
    """

    def program() -> int:
        warnings.showwarning = lambda message, *_, **__: print_error(NAME, "warning", _text(message))
        warnings.simplefilter("always", DigitseqWarning)
        with _stop_on_signals() as stop:
            return _run(argv, config or Path("config.py"), open_page, stop)

    return run_program(NAME, program, _text)


def _text(message: object) -> str:
    return with_flags(message, FLAGS)


def _run(
    argv: Sequence[str] | None, config: Path, open_page: Callable[[str, str | None], int] | None, stop: Stop
) -> int:
    if not (sys.argv[1:] if argv is None else argv):
        say(short_help())
        return NOTHING_ASKED
    request = parse(argv, config)
    if not isinstance(request, ParsedCommand):
        return _run_other(request, open_page)
    settings = request.settings
    output, seed = request.complete()
    tell: Callable[[str], object] = str if output.quiet else say  # `str` prints nothing
    if output.quiet:
        warnings.simplefilter("ignore", DigitseqWarning)
    with naming_lines(request.lines):
        # what makes no data set leaves nothing in the cache
        bank = bank_of(settings, output.cache, not (output.dry_run or output.preview or output.preview_operations))
        if output.preview or output.preview_operations:
            from digitseq.shell.preview import write_previews

            for path in write_previews(output, settings, bank, seed):
                tell(f"{path} (seed {seed})")
            return 0
        # a list has a size of its own; that of a file is known once it has been read, and standard input is read once
        size = output.size if settings.numbers_file or settings.numbers else output.count
        source = source_of(settings, bank.characters, size, seed)
        output = output.sized(source)
        pipeline = Pipeline(settings, bank, seed, source)
        if notice := source.origin.notice():
            tell(notice)
    with _progress_bar(output) as bar:
        stop.armed = True
        try:
            report = write_images(pipeline, output, stop, bar and bar.update)
        except KeyboardInterrupt:
            if not stop.again:
                raise
            print_error(NAME, "interrupted", _text(AT_ONCE))
            return interrupted_by(stop.signal)
    if report.estimate:
        from digitseq.shell.dry_run import dry_run_lines

        tell(dry_run_lines(report, report.estimate, output))
        return 0
    if report.count < report.wanted:
        print_error(NAME, "interrupted", _text(report.remainder()))
        return interrupted_by(stop.signal)
    tell(_summary(report, output))
    return 0


def _run_other(request: OtherCommand, open_page: Callable[[str, str | None], int] | None) -> int:
    from digitseq.shell.web_command import WebCommand  # runs start sooner without

    if not isinstance(request, WebCommand):
        return request.run()
    if open_page is None:
        raise SettingsError("web works in the program only: leave it out", "web")
    return open_page(request.fragment, request.cache)


def _summary(report: Report, output: Output) -> str:
    if not run_images(output):
        return f"{report.folder}: nothing to make, part {output.shards} of {output.count:,} images has none"
    if not report.wanted:
        return f"{report.folder}: the last run is already complete"
    part = f", part {output.shards} of {output.count:,} images" if output.shards else ""
    kind, names, alone = f" as {output.format}", "", output.split_ratio is None
    series = f"; continues the series of seed {report.seed} at image {report.first}" * report.continued
    if output.format == "png":
        if alone and report.count == 1:
            return f"{report.folder / f'{report.first}.png'} (seed {report.seed}){part}{series}"
        kind, names = "", f" ({report.first}.png to {report.first + report.count - 1}.png)" * alone
    images = f"{report.count:,} image{'s' * (report.count > 1)}{kind} in {report.folder}{names}{part}"
    return f"{images}, {report.seconds:.1f} s, {report.made / report.seconds:,.0f} images/s, seed {report.seed}{series}"


def _progress_bar(output: Output) -> contextlib.AbstractContextManager[Any]:
    """A progress bar, or None where it would not be seen."""
    if output.quiet or output.dry_run or (total := run_images(output)) < 2 or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from tqdm import tqdm

    bar: contextlib.AbstractContextManager[Any] = tqdm(total=total, unit="image", unit_scale=True)
    return bar


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Stop]:
    """While images are made, the first Ctrl-C or SIGTERM requests an orderly stop; the second stops at once."""
    stop, first = Stop(), list[float]()

    def handle(number: int, frame: object) -> None:
        if number == stop.signal == signal.SIGTERM and time.monotonic() < first[0] + TWICE:
            return
        stop.again = bool(stop.signal)
        if not stop.armed or stop.again:
            raise KeyboardInterrupt(number)
        stop.signal = number
        first.append(time.monotonic())

    # Python delivers signals to the main thread only; another thread must stop the program in its own way
    caught = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    previous = {number: signal.signal(number, handle) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
