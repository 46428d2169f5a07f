"""`run.py --web`: the page in the browser, with the settings that were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from digitseq.errors import SettingsError, did_you_mean
from digitseq.glyphs.catalog import DATA_SETS
from digitseq.options import FilePath, options
from digitseq.runs.run_settings import Output
from digitseq.settings import DEFAULTS, SOURCES, Settings

# the page is not shown files of this machine, but the data sets by their names
ON_PAGE = [
    name
    for name, option in options(Settings).items()
    if name == "dataset" or not (option.local or isinstance(option.kind, FilePath))
]
BESIDE = ("seed", "cache", "read_from_config")


class WebCommand(NamedTuple):
    """Serve the page on this machine only, and open it.

    fragment: the settings with which it opens, as the end of its address after the #; cache: as `Output.cache`
    """

    fragment: str
    cache: str | None = None


def check_line(names: Iterable[str]) -> None:
    """Raises `SettingsError` for names of flags that make no sense beside `--web`."""
    for name in names:
        if name not in (*ON_PAGE, *BESIDE):
            raise _without(name)


def web_command(given: Mapping[str, Any]) -> WebCommand:
    """The command for settings from the command line and `config.py`. Raises `SettingsError` for those that are wrong.

    Those of runs are left out: they are in every `config.py`.
    """
    for name in options(Settings):
        if name not in ON_PAGE and given.get(name, DEFAULTS[name]) != DEFAULTS[name]:
            raise _without(name)
    values = {name: given[name] for name in ON_PAGE if name in given}
    # where no source is given, the page begins with this
    usual = {} if any(given.get(name) for name in SOURCES) else {"number": options(Settings)["number"].example}
    settings, output = Settings(**values | usual), Output(seed=given.get("seed"), cache=given.get("cache"))
    if settings.dataset not in DATA_SETS:
        raise SettingsError(
            f"`web` takes data sets by their names: {did_you_mean(str(settings.dataset), list(DATA_SETS))}", "dataset"
        )
    changed = {
        name: value
        for name, value in values.items()
        if value is not None and getattr(settings, name) != DEFAULTS[name]  # None in config.py: the default
    }
    seed = [] if output.seed is None else [("seed", output.seed)]
    return WebCommand(urlencode([*_pairs(changed), *seed]), output.cache)


def _without(name: str) -> SettingsError:
    return SettingsError(
        f"`web` opens the page, which takes settings of images, `seed` and `cache`: leave out `{name}`", name
    )


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values as in a query to the service."""
    for name, value in values.items():
        if options(Settings)[name].kind.repeats and not isinstance(value, str):
            yield from ((name, str(text)) for text in value)
        elif isinstance(value, bool):
            yield name, "true"  # those that are false are the defaults
        else:
            yield name, ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
