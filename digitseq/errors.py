"""The errors that digitseq raises on purpose, and helpers for their messages, which are one line each.

A message begins with the name of the setting that it is about, and has other settings in backquotes: `split_ratio`. The
command line shows them as its flags.
"""

from __future__ import annotations

from collections.abc import Iterable

COMMAND = "python -m digitseq"  # the command line in messages, which shows there how it was started itself
LIKE = 0.65  # of two words, from 0 to 1, from which on one may be the other misspelt


class DigitseqError(Exception):
    """Base class. exit_code: of the command line."""

    exit_code = 2


class SettingsError(DigitseqError, ValueError):
    """A setting has an invalid value. setting: its name, if there is one."""

    def __init__(self, message: str, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class DataError(DigitseqError):
    """A data set is missing, damaged, or violates its format."""


class OutputError(DigitseqError):
    """The output cannot be written; nothing was written."""


class MissingPackageError(DigitseqError, ImportError):
    """A package is missing or broken; the message names the command that installs it."""


class RunError(DigitseqError):
    """A run was aborted. All finished parts are complete and in the journal."""

    exit_code = 1


class NarrowError(RunError):
    """A text is too wide for the image with any choice of glyphs: the run cannot be finished."""


class DigitseqWarning(UserWarning):
    """Something did not work as requested; the result is correct nevertheless."""


def one_line(text: object, longest: int = 300) -> str:
    r"""The first line of `text` that is not blank, printable, and truncated to `longest` characters.

    For untrusted text in messages (from a file, a server, another package): control characters, which could
    manipulate the terminal, are escaped.

    >>> print(one_line("\n Bad\x1b[2J request\r\nnext line"))
    Bad\x1b[2J request
    """
    line = next((line for line in str(text).splitlines() if line.strip()), "").strip()
    shown = printable(line[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name in `known` that `word` misspells, as a whole or one of its parts, or None if none is near.

    >>> closest("--widht", ["--image_height", "--image_width"]), closest("minst", ["kmnist", "mnist"])
    ('--image_width', 'mnist')
    """
    from difflib import SequenceMatcher  # needed after mistakes only

    written = word.lower().strip("-")[:80]  # comparing takes time that grows with the square of the length

    def likeness(name: str) -> tuple[float, float]:
        whole, *parts = (
            SequenceMatcher(None, written, part).ratio() for part in (name.lower().strip("-"), *_parts(name))
        )
        return max(whole, *parts, 0), whole

    scores = {name: likeness(name) for name in known}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best][0] >= LIKE else None


def _parts(name: str) -> list[str]:
    return name.lower().replace("-", "_").strip("_").split("_")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the right one, or all there are."""
    names = list(known)
    near = closest(word, names)
    return f"did you mean {near}?" if near else f"known are {', '.join(names)}"


def printable(text: str) -> str:
    """`text` with escapes for all characters that are not printable, line breaks included."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_cause(error: BaseException) -> BaseException:
    """The root cause of `error`: NumPy, for one, wraps "cannot open shared object file" in forty lines of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
