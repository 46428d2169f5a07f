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
