"""Objects whose fields are options as text, NAME:key=value,…, and back."""

from __future__ import annotations

from typing import Any

from digitseq.errors import SettingsError, did_you_mean
from digitseq.options.option import options
from digitseq.options.spread import Normal


def described(name: str, value: Any) -> str:
    """`name` and what differs from the defaults in the fields of `value`, as `parsed` reads it."""
    cls: Any = type(value)
    known = options(cls)
    changed = [f"{k}={shown_value(getattr(value, k))}" for k in known if getattr(value, k) != known[k].default]
    return f"{name}:{','.join(changed)}" if changed else name


def shown_value(value: object) -> str:
    """A value of a parameter as it is written."""
    if isinstance(value, Normal):
        return f"{_number(value.mean)}~{_number(value.deviation)}"
    if isinstance(value, tuple):
        low, high = value
        return _number(low) if low == high else f"{_number(low)}..{_number(high)}"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """The shortest text that is read as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def parsed(cls: Any, name: str, text: str, setting: str) -> Any:
    """The object that `text` describes, key=value,…: what `described` writes after the name.

    name: of the object, for messages, as is the name of the `setting`. Raises `SettingsError` with the nearest right
    name of a parameter.
    """
    known = options(cls)
    values: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key in known and not equals:
            raise SettingsError(f"{setting}: {name}: {key} needs a value, such as {key}=1", setting)
        if key not in known:
            hint = did_you_mean(key, known)
            raise SettingsError(f"{setting}: {name} has no parameter {key!r:.60}; {hint}", setting)
        values[key] = known[key].kind.parse(value)
    try:
        return cls(**values)
    except SettingsError as error:
        raise SettingsError(f"{setting}: {error}", setting) from None


def listed(cls: Any) -> list[str]:
    """A line about each parameter: its name, what it is, what is allowed, and the default."""
    lines = []
    for key, known in options(cls).items():
        default = shown_value(known.default) or "none"
        lines.append(f"    {key}: {known.help}; {known.kind.expected()} (default: {default})")
    return lines
