"""Folders of glyphs of which one file is damaged: used, where it does no harm, or refused in one line."""

from __future__ import annotations

import gzip
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

from .campaign import Campaign, Case, one_by_one
from .children import Limits, run_main
from .judge import REFUSED, judge_end, listing

Draw = random.Random
Damage = Callable[[Draw, bytes], bytes]
GLYPHS, SIDE = 60, 28
IMAGES, LABELS, MAPPING = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "mapping.txt"
LENGTHS = (0, 1, 59, 61, 255, 1025, 65_535, 1 << 20, (1 << 31) - 1, 1 << 31, 4_000_000_000, (1 << 32) - 1)
BOMB = gzip.compress(bytes(1 << 22))


def idx(code: int, shape: tuple[int, ...], data: bytes) -> bytes:
    """An idx file; nothing checks that `data` is what the head says."""
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + data


def whole(draw: Draw) -> dict[str, bytes]:
    """A sound folder, its files unpacked."""
    return {
        IMAGES: idx(8, (GLYPHS, SIDE, SIDE), draw.randbytes(GLYPHS * SIDE * SIDE)),
        LABELS: idx(8, (GLYPHS,), bytes(i % 10 for i in range(GLYPHS))),
        MAPPING: b"".join(b"%d %d\n" % (i, 48 + i) for i in range(10)),
    }


def cut(draw: Draw, data: bytes) -> bytes:
    """cut off"""
    return data[: draw.choice((0, 1, 3, 4, 7, 8, 15, 16, len(data) - 1, draw.randrange(len(data))))]


def longer(draw: Draw, data: bytes) -> bytes:
    """goes on behind its end"""
    return data + draw.choice((b"\0", b"\n", draw.randbytes(100), data, bytes(10_000_000)))


def flipped(draw: Draw, data: bytes) -> bytes:
    """bits flipped"""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 8, 100))):
        changed[draw.randrange(min(len(data), draw.choice((16, 40, len(data)))))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def lying(draw: Draw, data: bytes) -> bytes:
    """other lengths in its head"""
    place = 4 + 4 * draw.randrange(3)
    return data[:place] + struct.pack(">I", draw.choice(LENGTHS)) + data[place + 4 :]


def another_type(draw: Draw, data: bytes) -> bytes:
    """another type or number of dimensions in its head"""
    return (
        bytes(
            (draw.choice((0, 0, 1)), 0, draw.choice((8, 9, 11, 12, 13, 14, 0, 255)), draw.choice((0, 1, 2, 3, 4, 255)))
        )
        + data[4:]
    )


def other(draw: Draw, data: bytes) -> bytes:
    """something else"""
    return draw.choice(
        (b"", b"\0" * 100, b"PK\3\4" + data, b"<html>404</html>", draw.randbytes(1000), b"\xff" * 1_000_000)
    )


def packed_badly(draw: Draw, data: bytes) -> bytes:
    """a damaged gzip file"""
    packed = gzip.compress(data, mtime=0)
    return draw.choice((cut, longer, flipped, flipped))(draw, packed)


def bomb(draw: Draw, data: bytes) -> bytes:
    """a gzip file that unpacks to gigabytes"""
    head = idx(
        8,
        draw.choice(
            ((4_000_000_000,), (4_000_000_000, SIDE, SIDE), (GLYPHS, SIDE, SIDE), (GLYPHS,), (1, 1 << 31, 1 << 31))
        ),
        b"",
    )
    return gzip.compress(head, mtime=0) + BOMB * draw.choice((1, 500, 1000))


def packed_twice(draw: Draw, data: bytes) -> bytes:
    """packed twice"""
    return gzip.compress(gzip.compress(data, mtime=0), mtime=0)


def bad_mapping(draw: Draw, data: bytes) -> bytes:
    """a mapping with a line at fault"""
    lines = data.split(b"\n")
    fault = draw.choice((
        b"", b"3", b"x y", b"-1 65", b"9 48", b"3 1114112", b"3 55296", b"3 10", b"3 -5", b"99999999999999999999 65", b"3 " + b"9" * 5000,
        b"3 " + b"65 " * 10_000, b"256 65", b"3 65 66", b"\xff", b"1.5 3", b"3\t65", b"3 0x41", b"\x1b[2J 3", "٣ 65".encode(), b"10 65",
    ))  # fmt: skip
    lines[draw.randrange(len(lines))] = fault
    return draw.choice((b"\n", b"\r\n", b"\n\n")).join(lines) * draw.choice((1, 1, 1, 1000))


def special(draw: Draw, path: Path) -> str:
    """Put what is no plain file in the place of one."""
    kind = draw.choice(("fifo", "directory", "/dev/zero", "/dev/null", "/dev/urandom", "loop", "missing", "huge"))
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "huge":
        with open(path, "wb") as file:
            file.write(idx(8, (4_000_000_000,), b""))
            file.truncate(1 << 40)
    else:
        path.symlink_to(path if kind == "loop" else kind)
    return kind


DAMAGES: tuple[Damage, ...] = (
    cut,
    longer,
    flipped,
    lying,
    lying,
    another_type,
    other,
    packed_badly,
    packed_badly,
    bomb,
    packed_twice,
)


def judge(case: Case) -> str:
    """One folder."""
    draw, folder = case.draw(), case.folder / "glyphs"
    folder.mkdir()
    files = whole(draw)
    name = draw.choice((IMAGES, IMAGES, LABELS, LABELS, MAPPING))
    for sound, data in files.items():
        (folder / sound).write_bytes(data)
    if draw.random() < 0.15:
        about = special(draw, folder / name)
    else:
        damage = bad_mapping if name == MAPPING and draw.random() < 0.8 else draw.choice(DAMAGES)
        data = damage(draw, files[name])
        (folder / name).unlink()
        (folder / (name + ".gz" * (data[:2] == b"\x1f\x8b"))).write_bytes(data)
        about = damage.__doc__ or ""
    words = ["-num", "31", "-s", "2", "--dataset", str(folder), "-o", "out", "-c", str(case.folder / "cache")]
    work = case.folder / "work"
    work.mkdir()
    ended = run_main(words, work, Limits(memory=600 << 20, cpu=20, wall=60))
    outcome = judge_end(ended, {0, REFUSED}, f"{name}: {about}")
    assert ended.code != REFUSED or not listing(work), (
        f"{name}: {about}: refused, but {sorted(listing(work))[:3]} was written"
    )
    return outcome


CAMPAIGN = Campaign(
    "data_files", "damaged glyph files", "used, or refused in one line, in 600 MB and 20 s of CPU time", short=40, long=300,
    run=one_by_one(judge),
)  # fmt: skip
