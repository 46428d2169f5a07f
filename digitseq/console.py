"""How the programs speak: lines on the standard streams, and one line and an exit code for whatever goes wrong."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator

from digitseq.errors import DigitseqError, RunError, first_cause, one_line, printable

BROKEN_OFF = RunError.exit_code


def run_program(name: str, program: Callable[[], int]) -> int:
    """`program()`, which returns an exit code. Its errors become a line on standard error that begins with `name`."""
    prepare_streams()
    try:
        code = program()
        flush_output()
    except DigitseqError as error:
        complain(name, "error", str(error))
        return error.exit_code
    except KeyboardInterrupt as stop:
        complain(name, "interrupted", "nothing more was written")
        return interrupted_by(*stop.args)
    except BrokenPipeError:
        _silence_output()
        return BROKEN_OFF
    except MemoryError:
        complain(name, "error", "there is not enough memory: ask for less at once, or raise the limit (ulimit -v)")
        return BROKEN_OFF
    except ImportError as error:
        complain(
            name,
            "error",
            f"{one_line(first_cause(error))}: install the packages again, pip install -r requirements.txt",
        )
        return DigitseqError.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(name, "error", f"{where}{error.strerror or error}")
        return BROKEN_OFF
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        complain(name, "error", "no further thread can be started: raise the limit (ulimit -u), or ask for fewer -m")
        return BROKEN_OFF
    return code


def interrupted_by(number: int = signal.SIGINT) -> int:
    """The exit code of a program that a signal has ended, as a shell reports it."""
    return 128 + number


def say(text: str) -> None:
    """Print lines for the user. Raises `RunError` when they cannot be printed, `BrokenPipeError` when nobody reads."""
    with _printing(text):
        print("\n".join(map(printable, text.split("\n"))), flush=True)


def flush_output() -> None:
    """What was printed by others (help, say) is out, or it is an error as of `say`."""
    with _printing("the whole text"):
        if sys.stdout is not None:
            sys.stdout.flush()


def complain(name: str, kind: str, message: str) -> None:
    """A line on standard error; where that cannot be written to, nobody can be told."""
    with contextlib.suppress(OSError, ValueError):
        print(printable(f"{name}: {kind}: {message}"), file=sys.stderr)


def prepare_streams() -> None:
    """Make the standard streams fit to be written to.

    One that was closed before the start (`2>&-`) leads nowhere from here on: its number would else be that of the
    next file to be opened, an image perhaps, and what is said would get into that.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # as long as the program runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path that the terminal's encoding lacks


@contextlib.contextmanager
def _printing(text: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence_output()
        raise RunError(f"cannot print to standard output ({error.strerror}): {one_line(text)}") from None


def _silence_output() -> None:
    """Or Python complains again at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
