"""Output of the programs: lines on the standard streams, and one line and an exit code for every error."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from digitseq.errors import DigitseqError, RunError, first_cause, one_line, printable


def run_program(name: str, program: Callable[[], int], text_of: Callable[[DigitseqError], str] = str) -> int:
    """Call `program` and return its exit code. Its errors become a line on standard error that begins with `name`.

    text_of: what is shown of an error
    """

    def failed(message: object, code: int = RunError.exit_code) -> int:
        print_error(name, "error", str(message))
        return code

    prepare_streams()
    try:
        return program()
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    except DigitseqError as error:
        return failed(text_of(error), error.exit_code)
    except KeyboardInterrupt as stop:
        print_error(name, "interrupted", "nothing more was written")
        return interrupted_by(*stop.args)
    except BrokenPipeError:
        _silence_output()
        return RunError.exit_code
    except MemoryError:
        return failed("there is not enough memory: ask for less at once, or raise the limit (ulimit -v)")
    except ImportError as error:
        why = one_line(first_cause(error))
        return failed(f"{why}: install the packages again, pip install -r requirements.txt", DigitseqError.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return failed(f"{where}{error.strerror or error}")
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        return failed("no further thread can be started: raise the limit (ulimit -u), or ask for fewer -m")


def end_process(code: int) -> NoReturn:
    """End the process with an exit code: at once, where no other thread is left to wait for.

    To free all modules and arrays one by one, as Python does, takes a fortieth of the time of making one image.
    """
    if threading.active_count() > 1 or _is_watched():
        gc.freeze()  # not searched for what refers to itself: that takes as long again
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # what could not be printed was reported before
            stream.flush()
    os._exit(code)


def _is_watched() -> bool:
    """Whether a profiler, a debugger or a coverage tool runs the program, and has something to do after it."""
    monitoring: Any = getattr(sys, "monitoring", None)  # since Python 3.12
    tools = any(map(monitoring.get_tool, range(6))) if monitoring else False
    return tools or sys.getprofile() is not None or sys.gettrace() is not None


def interrupted_by(number: int = signal.SIGINT) -> int:
    """The exit code of a program that a signal has terminated, as a shell reports it."""
    return 128 + number


def say(text: str) -> None:
    """Print lines for the user. Raises `RunError` when that fails, `BrokenPipeError` when the reader has gone."""
    try:
        print("\n".join(map(printable, text.split("\n"))), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence_output()
        raise RunError(f"cannot print to standard output ({error.strerror}): {one_line(text)}") from None


def print_error(name: str, kind: str, message: str) -> None:
    """Print a line on standard error. If that fails, there is nowhere left to report it."""
    with contextlib.suppress(OSError, ValueError):
        print(printable(f"{name}: {kind}: {message}"), file=sys.stderr)


def prepare_streams() -> None:
    """Make the standard streams safe to use.

    A stream that was closed before the start (`2>&-`) becomes /dev/null. Otherwise the next file that is opened, such
    as an image, would get its descriptor, and messages would be written into that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free descriptor: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # open until the program ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for paths that the terminal's encoding lacks


def _silence_output() -> None:
    """Otherwise Python reports the error once more when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
