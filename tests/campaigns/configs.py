"""Files in the place of config.py: valid ones with mistakes in them, and what is no such file at all."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from .campaign import Campaign, Case, one_by_one
from .children import Limits, run_main
from .judge import BROKEN_OFF, INTERRUPTED, REFUSED, judge_end, listing

Draw = random.Random
SHIPPED = Path(__file__).parents[2] / "config.py"
VALUES = (
    "0", "1", "-1", "3", "200", "10**9", "9" * 4000, "9" * 5000, "0x" + "f" * 5000, "0b" + "1" * 20_000, "-" * 50 + "1", "not " * 50 + "1",
    "1e400", "-0.0", "1j", "True", "None", "...", "''", "'light'", "'\\x00'", "'\\n'", "'\\ud800'", "b'1'", "f'{1}'", "'a' 'b'", "'" + "x" * 100_000 + "'",
    "[]", "{}", "()", "{1}", "{[]: 1}", "{[1]}", "{1: {}}", "(1, 2)", "[1, 2, 3]", "('a', 1)", "(1,) * 9", "[[[]]]", "set()", "[*'ab']", "{**{}}",
    "(0.5, 0.5, 0.0)", "('light', 'blur')", "__import__('os')", "lambda: 1", "x", "image_width", "1 if 1 else 2", "1 +", "1 + 2j", "1 - 'a'",
    "(" * 90 + ")" * 90, "(" * 300 + ")" * 300, "[" * 5000 + "]" * 5000, "-" * 100_000 + "1", "1" + "+1" * 20_000, "1" + "+1j" * 2_000,
)  # fmt: skip
LINES = (
    "import os", "if True:\n    size = 1", "size: int = 1", "size += 1", "a = b = 1", "a, b = 1, 2", "del size", "size = 1; seed = 2", "def f(): pass",
    "print(1)", "'''", "size = 1 \\", "\tsize = 1", "  size = 1", "# coding: latin-1", "# coding: nothing", "size = 1 if", "\x0c", "siz€ = 1", "size = ٣",
    "𝓼𝓲𝔃𝓮 = 2", "\u202e", "number = '1'", "preview = 'x'", "size", "...", "assert False", "raise SystemExit", "size = (yield)", "class A: pass",
    "size = 1" + " " * 1_000_000, "\n" * 100_000, "size = 1\r", "size[0] = 1", "globals = 1", "__class__ = 1", "self.size = 1", "*size, = 1, 2",
)  # fmt: skip


def _lines(draw: Draw) -> list[str]:
    lines = SHIPPED.read_text().splitlines()
    settings = [i for i, line in enumerate(lines) if " = " in line]
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = draw.choice(settings)
        name = lines[place].split(" = ")[0]
        kind = draw.randrange(4)
        if kind < 2:
            lines[place] = f"{name} = {draw.choice(VALUES)}"
        elif kind == 2:
            lines.insert(place, draw.choice(LINES))
        else:
            lines[place] = lines[draw.choice(settings)]
    return lines


def edited(draw: Draw, path: Path) -> None:
    """The shipped file with mistakes."""
    end = draw.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    encoding = draw.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
    path.write_bytes(end.join(_lines(draw)).encode(encoding, "replace"))


def damaged(draw: Draw, path: Path) -> None:
    """The shipped file with bytes changed, cut or doubled."""
    data = bytearray(SHIPPED.read_bytes())
    for _ in range(draw.choice((1, 2, 5, 50))):
        place = draw.randrange(len(data))
        data[place : place + draw.choice((0, 1, 1, 9))] = draw.randbytes(draw.choice((0, 1, 1, 3)))
    path.write_bytes(data if draw.random() < 0.8 else data[: draw.randrange(len(data))])


def binary(draw: Draw, path: Path) -> None:
    """Anything."""
    path.write_bytes(
        draw.choice((b"", b"\0", b"\xff\xfe", b"\n", draw.randbytes(9), draw.randbytes(10_000), bytes(1_000_000)))
    )


def device(draw: Draw, path: Path) -> None:
    """What is no plain file."""
    target = draw.choice(
        (
            "fifo",
            "directory",
            "/dev/zero",
            "/dev/null",
            "/dev/full",
            "/proc/self/mem",
            "loop",
            "missing",
            "/dev/urandom",
        )
    )
    if target == "fifo":
        os.mkfifo(path)
    elif target == "directory":
        path.mkdir()
    else:
        path.symlink_to(path if target == "loop" else target)


def sparse(draw: Draw, path: Path) -> None:
    """A file of a size that does not fit into memory, with holes."""
    with open(path, "wb") as file:
        file.truncate(draw.choice((3 << 30, 1 << 40)))


KINDS: tuple[Callable[[Draw, Path], None], ...] = (*[edited] * 12, *[damaged] * 4, binary, device, device, sparse)


def judge(case: Case) -> str:
    """One file, read with -r."""
    draw, path = case.draw(), case.folder / "config.py"
    kind = draw.choice(KINDS)
    kind(draw, path)
    work = case.folder / "work"
    work.mkdir()
    limits = Limits(wall=60, interrupt=None if kind is device else 10)
    ended = run_main(["-num", "12", "-r", "-o", "out"], work, limits, config=path)
    about = (kind.__doc__ or "").rstrip(".").lower()
    outcome = judge_end(ended, {0, BROKEN_OFF, REFUSED, INTERRUPTED}, about)
    assert ended.code != REFUSED or not listing(work), f"{about}: refused, but {sorted(listing(work))[:3]} was written"
    return outcome


CAMPAIGN = Campaign(
    "configs",
    "config.py files",
    "read, or refused in one line that names the fault",
    short=40,
    long=300,
    run=one_by_one(judge),
)
