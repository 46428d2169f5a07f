"""The errors that digitseq raises on purpose. Each message is one line for a person."""

from __future__ import annotations


class DigitseqError(Exception):
    """Base of all of them. `exit_code` is what the command line ends with."""

    exit_code = 2


class SettingsError(DigitseqError, ValueError):
    """A setting has a value that is not allowed. `setting` is its name, where there is one."""

    def __init__(self, message: str, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class DataError(DigitseqError):
    """A data set is missing, damaged or not what its format says."""


class OutputError(DigitseqError):
    """The output cannot be written; nothing was."""


class MissingPackageError(DigitseqError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class RunError(DigitseqError):
    """A run broke off in the middle. What was finished is whole and listed."""

    exit_code = 1


class NarrowError(RunError):
    """A text came up that no choice of glyphs makes fit into the width: the run cannot be finished."""


class DigitseqWarning(UserWarning):
    """Something went another way than asked, and the result is right all the same."""


def one_line(text: object, longest: int = 300) -> str:
    r"""The first line of `text` that says anything, for a message: printable, and not longer than this.

    For whatever comes from elsewhere (a file, a server, another package): control characters, with which a terminal
    can be steered, come out as escapes.

    >>> print(one_line("\n Bad\x1b[2J request\r\nnext line"))
    Bad\x1b[2J request
    """
    line = next((line for line in str(text).splitlines() if line.strip()), "").strip()
    shown = printable(line[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def printable(text: str) -> str:
    """`text` with escapes for all characters that cannot be printed, those that end a line among them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_cause(error: BaseException) -> BaseException:
    """What led to `error`: NumPy wraps "cannot open shared object file" into advice of forty lines."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
