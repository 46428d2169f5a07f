"""The command line: the only argparse, and the only place that ends the program."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from digitseq.api import draw_seed
from digitseq.batch import Report, recorded_seed, write_images
from digitseq.errors import DigitseqError, DigitseqWarning, SettingsError
from digitseq.glyphs import GlyphBank
from digitseq.loader import load_bank
from digitseq.pipeline import Pipeline
from digitseq.pool import Stop
from digitseq.settings import Option, Output, Settings, options
from digitseq.version import __version__

OPTIONS = options(Output) | options(Settings)
IN_CONFIG = [name for name in OPTIONS if name not in ("number", "preview")]
GROUPS = {
    "general": "general",
    "data": "data",
    "layout": "layout (pixels; images are 28 high)",
    "augmentation": "augmentation (-e, -d, -a and -n without -da turn on just what they name)",
    "batch": "batch",
}
EXAMPLES = """\
the three usual commands:
  python3 run.py -num 123456                           one image, output/123456/1.png
  python3 run.py -num 123456 -min 5 -max 10 -m 4 -s 100000   a batch, on four processes
  python3 run.py -num 123456 -r                        with the settings of config.py
"""
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C ended


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message} (see --help)")


class _ListAugmentations(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from digitseq.augment import list_augmentations

        print(list_augmentations())
        parser.exit()


def main(argv: Sequence[str] | None = None, config: Path | None = None) -> int:
    """Run the command line `argv` (default: the process's); returns the exit code.

    `config` is the file that -r reads; default: `config.py` in the working directory.
    """
    _show_warnings_as_lines()
    try:
        with _stop_on_signals() as stop:
            return _run(argv, config or Path("config.py"), stop)
    except DigitseqError as error:
        _complain("error", str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted", "nothing more was written")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at exit
        return 1


def _run(argv: Sequence[str] | None, config: Path, stop: Stop) -> int:
    try:
        request = parse(argv, config)
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    output = request.output
    seed = _seed(request)
    with request.naming_lines():
        if output.preview is None:
            _check_output_path(output.output_path)
        bank = load_bank(request.settings.split, output.cache)
        if output.preview is not None:
            return _preview(request.settings, output, bank, seed)
        pipeline = Pipeline(request.settings, bank, seed)
    with _progress_bar(output) as advance:
        report = write_images(pipeline, output, stop, advance)
    if report.count < report.wanted:
        _complain("interrupted", report.remainder())
        return INTERRUPTED
    if not output.quiet:
        print(_summary(report))
    return 0


def _seed(request: Request) -> int:
    if request.output.seed is not None:
        return request.output.seed
    return recorded_seed(request.settings, request.output) if request.output.resume else draw_seed()


@dataclass(frozen=True)
class Request:
    """What is to be done; `lines` says where in config.py a setting stands, if it comes from there."""

    settings: Settings
    output: Output
    lines: dict[str, str]

    def naming_lines(self) -> contextlib.AbstractContextManager[None]:
        """A block in which errors of settings name the line that they stand in."""
        return _naming_lines(self.lines)


@contextlib.contextmanager
def _naming_lines(lines: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        raise SettingsError(lines.get(error.setting or "", "") + str(error), error.setting) from None


def _preview(settings: Settings, output: Output, bank: GlyphBank, seed: int) -> int:
    from digitseq.preview import write_preview

    write_preview(Path(output.preview or ""), settings, bank, seed)
    if not output.quiet:
        print(f"{output.preview} (seed {seed})")
    return 0


def parse(argv: Sequence[str] | None, config: Path) -> Request:
    """Settings from the command line, over those of `config` when -r is given, over the defaults."""
    given = vars(build_parser().parse_args(argv))
    lines: dict[str, str] = {}
    if given.pop("read_from_config"):
        from digitseq.configfile import read_config

        for name, assignment in read_config(config, IN_CONFIG).items():
            if name not in given:
                given[name] = assignment.value
                lines[name] = f"{config.name} line {assignment.line}: "
    with _naming_lines(lines):
        return Request(_build(Settings, given), _build(Output, given), lines)


def _build(cls: type[Any], values: dict[str, Any]) -> Any:
    return cls(**{name: values[name] for name in options(cls) if name in values})


def build_parser() -> argparse.ArgumentParser:
    """The parser; settings that are not given are absent from its result."""
    parser = _Parser(
        "run.py",
        description="Images of handwritten digit sequences out of real MNIST digits, with labels.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    groups = {name: parser.add_argument_group(title) for name, title in GROUPS.items()}
    groups["general"].add_argument("-h", "--help", action="help", help="show this text and exit")
    groups["general"].add_argument("--version", action="version", version=f"digitseq {__version__}")
    groups["augmentation"].add_argument(
        "--list_augmentations", action=_ListAugmentations, nargs=0,
        help="show all operations with their parameters, ranges and defaults, and exit",
    )  # fmt: skip
    fields = Settings.__dataclass_fields__ | Output.__dataclass_fields__
    for name in sorted(OPTIONS, key=lambda name: not OPTIONS[name].flags):  # those with a short flag first
        if name == "number":
            groups["general"].add_argument(
                "-r", "--read_from_config", action="store_true", default=False,
                help="read the settings from config.py; a flag given here still wins",
            )  # fmt: skip
        _add_option(groups[OPTIONS[name].group], name, OPTIONS[name], fields[name].default)
    return parser


def _add_option(group: Any, name: str, option: Option, default: object) -> None:
    flags = (*option.flags, f"--{name}")
    if option.kind == "bool":
        group.add_argument(*flags, action="store_true", help=option.help)
        return
    if name == "number":
        group.add_argument(*flags, required=True, metavar="NUMBER", help=option.help)
        return
    shown = option.shown_default or str(default)
    unit = f", {option.unit}" if option.unit else ""
    kwargs: dict[str, Any] = {"help": f"{option.help}{unit} (default: {shown})".replace("%", "%%")}
    kwargs["metavar"] = "{" + ",".join(option.choices) + "}" if option.choices else name.upper()
    if option.kind == "kernel":
        kwargs["nargs"] = 2
    if option.kind == "augment":
        kwargs |= {"action": "append", "metavar": "NAME[:key=value,...]"}
    if option.kind == "words":
        kwargs["nargs"] = "+"
    if option.kind == "ratio":
        kwargs |= {"nargs": 3, "metavar": ("TRAIN", "VAL", "TEST")}
    if option.kind in ("int", "float", "kernel", "ratio"):
        kwargs["type"] = _number_type(name, option)
    group.add_argument(*flags, **kwargs)


def _number_type(name: str, option: Option) -> Any:
    convert = float if option.kind in ("float", "ratio") else int

    def number(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{name} must be {option.expected()}, got {text!r}") from None

    return number


def _check_output_path(output_path: str) -> None:
    """Refuse what can never be written to before any work is done."""
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
        return f"{report.folder}: the last run is finished already"
    if report.format != "png":
        return f"{report.count:,} images as {report.format} in {report.folder}, {_speed(report)}, seed {report.seed}"
    first, last = report.folder / f"{report.first}.png", report.first + report.count - 1
    if report.count == 1 and report.alone:
        return f"{first} (seed {report.seed})"
    shown = f" ({report.first}.png to {last}.png)" if report.alone else ""
    return f"{report.count:,} images in {report.folder}{shown}, {_speed(report)}, seed {report.seed}"


def _speed(report: Report) -> str:
    return f"{report.seconds:.1f} s, {report.count / report.seconds:,.0f} images/s"


@contextlib.contextmanager
def _progress_bar(output: Output) -> Iterator[Any]:
    """What to call with the number of finished images; a bar on the terminal where one would be seen."""
    if output.quiet or output.count == 1 or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=output.count, unit="image", unit_scale=True) as bar:
        yield bar.update


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[Stop]:
    """The first Ctrl-C or SIGTERM asks for a stop in good order; a second Ctrl-C stops at once."""
    stop = Stop()

    def handle(number: int, frame: object) -> None:
        stop.request()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _show_warnings_as_lines() -> None:
    def show(message: Warning | str, *_: object, **__: object) -> None:
        _complain("warning", str(message))

    warnings.showwarning = show
    warnings.simplefilter("always", DigitseqWarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path that the terminal's encoding lacks


def _complain(kind: str, message: str) -> None:
    print(f"digitseq: {kind}: {message}", file=sys.stderr)
