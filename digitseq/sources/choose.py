"""From settings to the source that they name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from digitseq.errors import SettingsError
from digitseq.options import Number, Option
from digitseq.settings import Settings
from digitseq.sources import SOURCE_MODULES
from digitseq.sources.base import Check, Source, never_cancelled

SIZE = Option(Number(1, 1_000_000_000), "images of the run")


def source_of(
    settings: Settings, characters: str, size: int | None = None, seed: int = 0, check: Check = never_cancelled
) -> Source:
    """The source that `settings` name, for a run of `size` images under `seed`.

    characters: those of the data set. Only `unique` and `balanced` need the size and the seed;
    where no size is given, it is `Source.images`.
    check: called every few milliseconds while the source is prepared; to cancel that, it raises.
    Raises `SettingsError`; `MissingPackageError` if a source needs a package that is not installed.
    """
    source: Source = _chosen(settings)[1].from_settings(settings, characters)
    if not set(characters).issuperset(source.characters):
        from digitseq.sources.gaps import check_characters  # which imports the catalogue of data sets

        check_characters(source, characters, settings.signs)
    if not (settings.balanced or settings.unique):
        return source
    size = size or source.images
    if size is None:
        name = "unique" if settings.unique else "balanced"
        raise SettingsError(f"{name} needs the number of images of the run: give `size`", name)
    return for_run(source, size, seed, settings.unique, settings.balanced, check)


def source_folder(settings: Settings) -> str:
    """What the folder of a run is named after: the module's `folder_name`, or the setting's name with dashes."""
    name, module = _chosen(settings)
    own = getattr(module, "folder_name", None)
    return str(own(settings)) if own else name.replace("_", "-")


def for_run(
    source: Source, size: int, seed: int, unique: bool, balanced: bool = False, check: Check = never_cancelled
) -> Source:
    """The texts of `source` for a run of `size` images under `seed`; image size+k has text k again.

    unique: all are different. balanced: every character equally often, to within one, and so every length; for random
    digits only, as the texts of other sources determine how often a character occurs.

    Raises `SettingsError` if the source has fewer than `size` texts, or the table would not fit into memory.
    """
    from digitseq.sources.digit_table import DigitTable
    from digitseq.sources.distinct import distinct
    from digitseq.sources.random_digits import RandomDigits

    size = SIZE.clean("size", size)
    if isinstance(source, RandomDigits):
        return DigitTable(source, size, seed, unique, balanced, check)
    if balanced:
        raise SettingsError(
            "balanced works with `random_digits` and `random_text` only: other sources fix how often a character "
            "occurs",
            "balanced",
        )
    return distinct(source, size, seed, check)


def _chosen(settings: Settings) -> tuple[str, Any]:
    """The setting that names the source, and the source's module."""
    name = next(name for name in SOURCE_MODULES if getattr(settings, name) is not None)
    return name, import_module(f"digitseq.sources.{SOURCE_MODULES[name]}")
