"""The flags of the command line, and settings from flags and `config.py`."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from digitseq import __version__
from digitseq.errors import SettingsError, closest
from digitseq.options import Option, expanded, options
from digitseq.random_streams import draw_seed
from digitseq.runs import recorded_run
from digitseq.runs.run_settings import Output
from digitseq.settings import PARTNERS, SOURCES, Settings
from digitseq.shell.console import say
from digitseq.shell.help_text import GROUPS, WHAT, HelpFormatter, epilog, started_as
from digitseq.shell.setting_names import with_flags, with_names

if TYPE_CHECKING:  # runs start sooner without
    from typing import TypeAlias

    from digitseq.shell.config_template import ConfigCommand
    from digitseq.shell.dataset_commands import DataSetCommand
    from digitseq.shell.inspect_command import InspectCommand
    from digitseq.shell.status_command import StatusCommand
    from digitseq.shell.web_command import WebCommand

    OtherCommand: TypeAlias = DataSetCommand | InspectCommand | StatusCommand | ConfigCommand | WebCommand

OPTIONS = options(Output) | options(Settings)
IN_CONFIG = [name for name, option in OPTIONS.items() if option.group != "look"]  # those make no images


FLAGS = {
    name: f"--{name}"
    for name in [
        *OPTIONS,
        "read_from_config",
        "list_datasets",
        "download",
        "inspect",
        "status",
        "web",
        "write_config",
        "print_completion",
    ]
}


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        for word in words:
            self._check_flag(word)
        return super().parse_known_args(words, namespace)

    def _check_flag(self, word: str) -> None:
        """Refuse words that argparse would split into other flags (-num5, -number, -r=other.py), with a suggestion."""
        flags = self._option_string_actions  # argparse has no public way to ask which flags there are
        name, equals, _ = word.partition("=")
        if name in flags:
            if equals and flags[name].nargs == 0:
                self.error(f"{name} takes no value, got {word!r:.60}")
            return
        if not re.match("--?[A-Za-z]", name):  # a value, or a negative number
            return
        longer = [flag for flag in flags if len(flag) > 2 and name.startswith(flag)]
        if name[:2] in flags and flags[name[:2]].nargs not in (0, "?") and not longer:  # such as -s3
            return
        near = closest(name, flags) or next(iter(longer), None)
        self.error(f"unknown flag {name!r:.60}" + (f": did you mean {near}?" if near else ""))

    def error(self, message: str) -> NoReturn:
        if "expected one argument" in message or "expected at least one argument" in message:
            message += "; one that begins with - is written after =, as in --pattern='-?[0-9]'"
        if "unrecognized arguments" in message and "--number" in self._option_string_actions:
            message += ": a value stands after its flag, as in --number 123"
        raise SettingsError(f"{message} (see --help)")

    def _print_message(self, message: str, file: object = None) -> None:
        """Print help or version; argparse would ignore that it could not be printed."""
        say(message.rstrip("\n"))


class _ListAugmentations(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from digitseq.augment import list_augmentations

        say(list_augmentations())
        parser.exit()


class _ListStyles(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from digitseq.pen.style import list_styles

        say(list_styles())
        parser.exit()


class _PrintCompletion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: object, flag: object = None) -> None:
        from digitseq.shell.completion import completion_script

        say(completion_script(parser, OPTIONS, str(shell)))
        parser.exit()


class _ValuesOrBare(argparse.Action):
    """The values of a flag that takes several, or `const` where there are none."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, flag: object = None
    ) -> None:
        setattr(namespace, self.dest, values or self.const)


class ParsedCommand(NamedTuple):
    """A run that was asked for. lines: for each setting from config.py, where it stands there."""

    settings: Settings
    output: Output
    lines: dict[str, str]

    def complete(self) -> tuple[Output, int]:
        """`output` with its size, and the seed. A run that is resumed has those that were recorded, unless given."""
        output, seed = self.output, self.output.seed
        if output.resume and not output.begins_alone:
            recorded_seed, size = recorded_run(self.settings, output)
            output = replace(output, size=output.size or size)
            seed = recorded_seed if seed is None else seed
        return output, draw_seed() if seed is None else seed


@contextlib.contextmanager
def naming_lines(lines: dict[str, str]) -> Iterator[None]:
    """A block in which errors about settings from config.py name their line. lines: as in `ParsedCommand`."""
    try:
        yield
    except SettingsError as error:
        if error.setting not in lines:
            raise
        raise SettingsError(lines[error.setting] + with_names(str(error))) from None


def parse(argv: Sequence[str] | None, config: Path) -> ParsedCommand | OtherCommand:
    """Settings from the command line, over those of the file that -r names, by default `config`, over the defaults."""
    given = vars(build_parser(config).parse_args(argv))
    web = given.pop("web", False)
    if web:
        from digitseq.shell.web_command import check_line

        check_line(given)
    if "write_config" in given:
        from digitseq.shell.config_template import ConfigCommand

        return ConfigCommand(given["write_config"], {name: OPTIONS[name] for name in IN_CONFIG}, len(SOURCES))
    lines: dict[str, str] = {}
    if "read_from_config" in given:
        from digitseq.shell.config_file import read_config

        config = Path(expanded(given.pop("read_from_config"), "read_from_config"))

        chosen = [name for name in SOURCES if name in given]  # a source given here replaces that of the file
        for name, (value, line) in read_config(config, IN_CONFIG).items():
            if name not in given and not (chosen and _goes_with_source(name, chosen)):
                given[name] = value
                lines[name] = f"{config.name} line {line}: "
    with naming_lines(lines):
        if web:
            from digitseq.shell.web_command import web_command

            return web_command(given)
        if "inspect" in given:
            from digitseq.shell.inspect_command import InspectCommand

            output = _build(Output, given)
            return InspectCommand(given["inspect"], output.output_path, output.quiet)
        if "status" in given:
            from digitseq.shell.status_command import StatusCommand

            return StatusCommand(given["status"], _build(Output, given).quiet)
        if "list_datasets" in given or "download" in given:
            from digitseq.shell.dataset_commands import DataSetCommand

            output = _build(Output, given)
            return DataSetCommand(given.get("download"), output.cache, output.quiet)
        return ParsedCommand(_build(Settings, given), _build(Output, given), lines)


def _goes_with_source(name: str, chosen: Sequence[str]) -> bool:
    """Whether `name` is a source, or works only with sources that are not `chosen`."""
    partners = set(PARTNERS.get(name, ()))
    return name in SOURCES or bool(partners & set(SOURCES) and not partners & set(chosen))


def _build(cls: Any, values: dict[str, Any]) -> Any:
    return cls(**{name: values[name] for name in options(cls) if name in values})


def build_parser(config: Path = Path("config.py")) -> argparse.ArgumentParser:
    """The parser; what is not given is absent from its result. config: as for `parse`."""
    parser = OneLineParser(
        started_as(),
        usage="%(prog)s SOURCE [FLAGS]",
        description=WHAT,
        epilog=epilog(),
        formatter_class=HelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    groups = {k: parser.add_argument_group(title.format(sources=len(SOURCES))) for k, title in GROUPS.items()}
    groups["batch"].add_argument(
        "-r", "--read_from_config", nargs="?", const=str(config), metavar="FILE",
        help="read settings from FILE; flags override them (default FILE: config.py beside run.py, for the command "
        "digitseq in the current directory)",
    )  # fmt: skip
    for name in sorted(OPTIONS, key=lambda name: not OPTIONS[name].flags):  # those with a short flag first
        _add_option(groups[OPTIONS[name].group], name, OPTIONS[name])
    groups["augmentation"].add_argument(
        "--list_augmentations", action=_ListAugmentations, nargs=0,
        help="list all operations with their parameters, ranges and defaults, and exit",
    )  # fmt: skip
    groups["layout"].add_argument(
        "--list_styles", action=_ListStyles, nargs=0,
        help="list the styles and the parameters of the pen with their ranges and defaults, and exit",
    )  # fmt: skip
    groups["look"].add_argument(
        "--web", action="store_true",
        help="open the page, on which all of this can be tried, in the browser, with the settings of images and the "
        "seed that are given; Ctrl-C ends it. Nobody else can reach it",
    )  # fmt: skip
    groups["look"].add_argument(
        "--write_config", nargs="?", const="config.py", metavar="FILE",
        help="write a file for -r with every setting, its meaning, range and default, and exit; a file that is "
        "there is left as it is (default FILE: config.py)",
    )  # fmt: skip
    groups["look"].add_argument(
        "--inspect", metavar="PATH",
        help="check a finished data set, a folder or the beginning of the paths of its shards, also in an object store "
        "(s3://BUCKET/PREFIX): counts, sizes, lengths, characters, duplicates, boxes, labels, checksums; writes a "
        "contact sheet and an HTML page to OUTPUT_PATH; exit code 1 if something is wrong",
    )  # fmt: skip
    groups["look"].add_argument(
        "--status", metavar="DIR",
        help="print how far the run into DIR, or all runs into folders below it, are, also while they are being "
        "written, and which parts of --shards have not begun; exit code 1 if not all are finished",
    )  # fmt: skip
    groups["data"].add_argument(
        "--list_datasets", action="store_true",
        help="list all data sets with classes, glyphs, size on disk, licence and whether they are installed, and exit",
    )  # fmt: skip
    groups["data"].add_argument("--download", metavar="NAME", help="download the data set of this name, and exit")
    groups["general"].add_argument(
        "--print_completion", action=_PrintCompletion, choices=("bash", "zsh", "tcsh"),
        help="print the script by which this shell completes the flags of the command digitseq, and exit; needs shtab",
    )  # fmt: skip
    groups["general"].add_argument("-h", "--help", action="help", help="show this text and exit")
    groups["general"].add_argument("--version", action="version", version=f"digitseq {__version__}")
    return parser


def _add_option(group: Any, name: str, option: Option) -> None:
    kwargs = option.kind.argument(name)
    help = option.described
    if "metavar" in kwargs:  # it takes a value
        shown = option.shown_default or ("" if option.default is None else str(option.default))
        help += f" (default: {shown})" if shown else ""
    if option.bare is not None:
        names, words = option.metavar or kwargs["metavar"], option.kind.words(option.bare)
        several = isinstance(names, tuple)
        kwargs |= {"nargs": "*", "action": _ValuesOrBare} if several else {"nargs": "?"}
        kwargs["const"] = option.bare
        help += f" (default {' '.join(names) if several else names}: {' '.join(words)})"
    if option.metavar:
        kwargs["metavar"] = option.metavar
    group.add_argument(*option.flags, f"--{name}", help=with_flags(help, FLAGS).replace("%", "%%"), **kwargs)
