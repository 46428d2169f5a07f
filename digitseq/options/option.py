"""Options as fields of dataclasses: what is known of each beside its name and default."""

from __future__ import annotations

from dataclasses import field, fields
from functools import cache
from typing import Any, NamedTuple

from digitseq.errors import SettingsError, did_you_mean
from digitseq.options.kinds import Kind


class Option(NamedTuple):
    """Enough to parse, check and document one setting or parameter.

    help: what it does; other settings are named in it as in messages, see `digitseq.errors`
    group: where `--help` lists it; flags: short ones, beside `--name`
    default: of a setting; where it is None, None is allowed and means "not given"; shown_default: the same in words
    bare: the value that the flag stands for where it is given without one on the command line
    metavar: what `--help` shows for the value, if not what the kind says
    source: the setting says what is written, and exactly one of these is given
    works_with: the setting does nothing unless one of these is given
    example: a usual value, where the default is none
    local: it is about files of this machine, and cannot be set over HTTP, as no path can
    title: what the web page and the documentation of REST call it, see `title_of`
    """

    kind: Kind
    help: str
    group: str = ""
    flags: tuple[str, ...] = ()
    default: Any = ...
    shown_default: str | None = None
    bare: Any = None
    metavar: str | tuple[str, ...] | None = None
    source: bool = False
    works_with: tuple[str, ...] = ()
    example: Any = None
    local: bool = False
    title: str = ""

    @property
    def described(self) -> str:
        """The help with the unit, where the kind has one."""
        unit = getattr(self.kind, "unit", "")
        return self.help + (f", in {unit}" if unit else "")

    def clean(self, name: str, value: object, owner: str = "") -> Any:
        """`value` as plain Python. owner: what the error begins with, such as "elastic: ".

        Raises `SettingsError` with what was given and what is allowed.
        """
        if value is None and self.default is None:
            return None
        try:
            return self.kind.convert(value)
        except SettingsError as error:
            raise SettingsError(f"{owner}{name} {error}" if error.setting is None else str(error), name) from None
        except (TypeError, ValueError, OverflowError):
            message = (
                f"{owner}{name} must be {self.kind.expected()}, got {self.kind.given(value)}{self.kind.hint(value)}"
            )
            raise SettingsError(message, name) from None


def title_of(name: str, option: Option) -> str:
    """What people call the option `name`: its title, or the words of its name.

    >>> title_of("image_width", Option(Kind, ""))
    'Image width'
    """
    return option.title or name.replace("_", " ").capitalize()


def setting(default: object, kind: Kind, help: str, group: str = "", *flags: str, **known: Any) -> Any:
    """A field of a dataclass that is an option; `known` as in `Option`."""
    return field(default=default, metadata={"option": Option(kind, help, group, flags, default, **known)})


class NamedOptions:
    """Base of dataclasses whose fields are options: a misspelt name is an error that suggests the right one."""

    def __new__(cls, *_: Any, **named: Any) -> Any:
        own: Any = cls
        for name in named:
            if name not in options(own):
                raise SettingsError(f"unknown setting {name!s:.60}; {did_you_mean(name, options(own))}", name)
        return super().__new__(cls)


@cache  # settings are made anew for every image that is asked for
def options(cls: Any) -> dict[str, Option]:
    """The options of such a dataclass by name, in the order in which they are written."""
    return {f.name: f.metadata["option"] for f in fields(cls) if "option" in f.metadata}


def clean_fields(obj: Any, owner: str = "") -> None:
    """Check every option of `obj`, a frozen dataclass, and make it plain Python. owner: as in `Option.clean`.

    Defaults are taken to be right and plain. Raises `SettingsError`.
    """
    cls: Any = type(obj)
    for name, option in options(cls).items():
        value = getattr(obj, name)
        if value is not option.default:  # most are, and checking them again would cost every call
            object.__setattr__(obj, name, option.clean(name, value, owner))
