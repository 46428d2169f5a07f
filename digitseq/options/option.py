"""Options as fields of dataclasses: what is known of each beside its name and default."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, cast

from digitseq.errors import SettingsError
from digitseq.options.kinds import Kind, shown


@dataclass(frozen=True)
class Option:
    """Enough to parse, check and document one setting or parameter.

    group: where `--help` lists it; flags: short ones, beside `--name`; shown_default: the default in words
    optional: None is allowed and means "not given"; bare: the value of the flag on the command line without one
    metavar: what `--help` shows for the value, if not what the kind says
    source: the setting says what is written, and exactly one of these is given
    works_with: the setting does nothing unless one of these is given
    example: a usual value, where the default is none
    local: it is about files of this machine, and cannot be set over HTTP, as no path can
    """

    kind: Kind
    help: str
    group: str = ""
    flags: tuple[str, ...] = ()
    shown_default: str | None = None
    optional: bool = False
    bare: str | None = None
    metavar: str | tuple[str, ...] | None = None
    source: bool = False
    works_with: tuple[str, ...] = ()
    example: Any = None
    local: bool = False

    @property
    def described(self) -> str:
        """The help with the unit, where the kind has one."""
        unit = getattr(self.kind, "unit", "")
        return self.help + (f", in {unit}" if unit else "")

    def clean(self, name: str, value: object, owner: str = "") -> Any:
        """`value` as plain Python. owner: what the error begins with, such as "elastic: ".

        Raises `SettingsError` with what was given and what is allowed.
        """
        if value is None and self.optional:
            return None
        try:
            return self.kind.convert(value)
        except SettingsError as error:
            raise SettingsError(f"{owner}{name} {error}" if error.setting is None else str(error), name) from None
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"{owner}{name} must be {self.kind.expected()}, got {shown(value)}", name) from None


def setting(default: object, kind: Kind, help: str, group: str = "", *flags: str, **known: Any) -> Any:
    """A field of a dataclass that is an option; `known` as in `Option`."""
    return field(default=default, metadata={"option": Option(kind, help, group, flags, **known)})


def options(cls: Any) -> dict[str, Option]:
    """The options of such a dataclass, or of an instance, by name, in the order in which they are written."""
    return {f.name: f.metadata["option"] for f in fields(cls) if "option" in f.metadata}


def defaults_of(cls: Any) -> dict[str, Any]:
    """The default of each option of such a dataclass."""
    return {f.name: f.default for f in fields(cls) if "option" in f.metadata}


def clean_fields(obj: Any, owner: str = "") -> None:
    """Check every option of `obj`, a frozen dataclass, and make it plain Python. owner: as in `Option.clean`.

    Defaults are taken to be right and plain. Raises `SettingsError`.
    """
    values, cls = vars(obj).copy(), cast("Hashable", type(obj))
    for name, default, option in _options_with_defaults(cls):
        value = values[name]
        if value is not default:
            object.__setattr__(obj, name, option.clean(name, value, owner))


@lru_cache(maxsize=64)
def _options_with_defaults(cls: Hashable) -> list[tuple[str, object, Option]]:
    # cached as settings are made anew for every image that is asked for
    return [(f.name, f.default, f.metadata["option"]) for f in fields(cls) if "option" in f.metadata]  # type: ignore[arg-type]
