"""From settings to the source that they name, and what a record says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digitseq.errors import SettingsError
from digitseq.sources.base import Check, Source, carry_on
from digitseq.sources.fixed import FixedSource

if TYPE_CHECKING:
    from digitseq.settings import Settings
    from digitseq.sources.lines import NumbersFile


def source_of(
    settings: Settings, characters: str, size: int | None = None, seed: int = 0, check: Check = carry_on
) -> Source:
    """The source that `settings` name, for a run of `size` images under `seed`.

    characters: those of the data set. Only `unique` and `balanced` need the size and the seed.
    check: called every few milliseconds while the source is prepared; what it raises ends that, and is passed on.
    Raises `SettingsError`; `MissingPackageError` where a source needs a package that is not installed.
    """
    source = _plain(settings, characters)
    if settings.number is None:
        from digitseq.sources.gaps import check_characters

        check_characters(source, characters, settings.gaps)
    if not (settings.balanced or settings.unique):
        return source
    if size is None:
        name = "unique" if settings.unique else "balanced"
        raise SettingsError(f"{name} is a property of a run of a certain size: give the size", name)
    return for_run(source, size, seed, settings.unique, settings.balanced, check)


def for_run(
    source: Source, size: int, seed: int, unique: bool, balanced: bool = False, check: Check = carry_on
) -> Source:
    """The texts of `source` for a run of `size` images under `seed`; image size+k has text k again.

    unique: all are different. balanced: every character equally often, to within one, and so every length; possible
    for random digits, whose characters can be dealt out, while the texts of other sources say themselves how often a
    character occurs.

    Raises `SettingsError` when the source holds fewer than `size` texts, or they would not fit into memory.
    """
    from digitseq.sources.dealt import DealtDigits
    from digitseq.sources.distinct import distinct
    from digitseq.sources.random_digits import RandomDigits
    from digitseq.sources.table_size import check_size

    check_size(size, "unique" if unique else "balanced")
    if isinstance(source, RandomDigits):
        return DealtDigits(source, size, seed, unique, balanced, check)
    if balanced:
        raise SettingsError(
            "balanced works with random_digits and random_text only: other sources fix how often a character occurs",
            "balanced",
        )
    return distinct(source, size, seed, check)


def _plain(settings: Settings, characters: str) -> Source:
    if settings.number is not None:
        fixed = FixedSource(settings.number)
        if not fixed.characters <= set(characters):
            from digitseq.sources.gaps import check_characters

            check_characters(fixed, characters, settings.gaps)
        return fixed
    if settings.random_digits is not None:
        from digitseq.sources.random_digits import RandomDigits

        return RandomDigits(*settings.random_digits)
    if settings.random_text is not None:
        from digitseq.sources.random_digits import RandomDigits

        return RandomDigits(*settings.random_text, characters)
    if settings.phone is not None:
        from digitseq.sources.phone import Phone

        return Phone(settings.phone, settings.phone_type, settings.phone_format)
    if settings.pattern is not None:
        from digitseq.sources.pattern import Pattern

        return Pattern(settings.pattern, characters)
    from digitseq.sources.lines import NumbersFile

    assert settings.numbers_file is not None
    return NumbersFile(settings.numbers_file)


def provenance(settings: Settings, source: Source) -> dict[str, str]:
    """What the texts depend on beside settings and seed, for the record: a package's release, a file's sha256."""
    if settings.numbers_file is not None:
        return {"lines_sha256": _file_behind(source).digest}
    return {"phonenumbers": _release()} if settings.phone is not None else {}


def _release() -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version("phonenumbers")
    except importlib.metadata.PackageNotFoundError:  # phonenumberslite offers it, too
        return str(getattr(importlib.import_module("phonenumbers"), "__version__", "unknown"))


def _file_behind(source: Source) -> NumbersFile:
    from digitseq.sources.distinct import FrozenTexts
    from digitseq.sources.lines import NumbersFile
    from digitseq.sources.offset_source import OffsetSource

    while isinstance(source, (FrozenTexts, OffsetSource)):
        source = source.source
    assert isinstance(source, NumbersFile)
    return source
