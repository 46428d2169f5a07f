"""Marks that people add to numbers and that no label has: separators, dashes, dots, lines of forms.

Lengths are in digit heights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.options.spread import normal
from digitseq.pen.frame import Frame
from digitseq.pen.hand import Numbers, between
from digitseq.pen.line_layout import Placed
from digitseq.pen.shapes import Shapes
from digitseq.random_streams import Rows

WRITTEN, RULED = 0.9, 0.7  # shares of the strings with marks that have written ones, and lines of a form
THOUSANDS, DECIMAL = 0.6, 0.2  # shares of the strings with written marks that have such separators
COMMA = 0.35  # share of the separators that are commas
# What follows the string, and with which share of the strings with written marks
TAILS = (("-",), ("=",), (".",), (".", "-"), ())
TAIL_SHARES = (0.2, 0.15, 0.18, 0.07, 0.4)
HEADS, HEAD_SHARES = (("-",), ("=",), ()), (0.04, 0.04, 0.92)
RULES = ("under", "above", "through", "left", "right")  # lines of a form
RULE_SHARES = (0.9, 0.3, 0.12, 0.08, 0.08)
OF_MARKS = ("on", "written", "ruled", "separators", "tail", "head", "comma", "tail_place", "head_place", "tail_height",
            "head_height", "tail_variant", "head_variant")  # fmt: skip
OF_RULE = ("on", "place", "tilt", "ink", "width", "part", "from", "to")


@dataclass(frozen=True)
class Marks:
    """What is added to B strings of up to n glyphs.

    extra: float64 (B, n), space in front of each glyph for a separator, 0 for none; comma: bool (B,), commas, not dots
    separators: float64 (B, n, 4), uniform numbers for these
    tail, head: int64 (B,), which of `TAILS` and `HEADS` follows and goes before; u: uniform numbers by name
    rules: float64 (B, len(RULES), len(OF_RULE)), uniform numbers; ruled: bool (B, len(RULES)), the lines that there are
    """

    extra: Numbers
    separators: Numbers
    comma: NDArray[np.bool_]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    u: dict[str, Numbers]
    rules: Numbers
    ruled: NDArray[np.bool_]


class SignMarks(NamedTuple):
    """M drawn signs. text: int64 (M,), the string; sign: (M,), as in `SIGNS`; x, y: float64 (M,), left edge and base
    line; variant: float64 (M,), in [0, 1)"""

    text: NDArray[np.int64]
    sign: NDArray[np.str_]
    x: Numbers
    y: Numbers
    variant: Numbers


def draw_marks(rows: Rows, share: float, there: NDArray[np.bool_], signed: NDArray[np.bool_]) -> Marks:
    """Marks for a `share` of the strings of `rows`, whose glyphs are where `there` (B, n) is true.

    signed: bool (B,), strings with labelled signs, among which others would make the label doubtful: lines only
    """
    u = dict(zip(OF_MARKS, rows.uniforms("marks", len(OF_MARKS)).T))
    each = rows.uniforms("separators", 4 * there.shape[1]).reshape(*there.shape, 4)
    rules = rows.uniforms("rules", len(RULES) * len(OF_RULE)).reshape(len(rows), len(RULES), len(OF_RULE))
    on = u["on"] < share
    written, ruled = u["written"] < WRITTEN, u["ruled"] < RULED
    ruled = on & (ruled | ~written)  # a string with marks has some
    ruled |= on & signed
    written &= on & ~signed
    lines = (rules[:, :, 0] < RULE_SHARES) & ruled[:, None]
    lines[:, 0] |= ruled & ~lines.any(axis=1)
    separated = _separators(u["separators"], there) & written[:, None]
    extra = np.where(separated, between(each[:, :, 0], 0.1, 0.35), 0)
    tail = np.where(written, _chosen(u["tail"], TAIL_SHARES), len(TAILS) - 1)
    tail[written & ~separated.any(axis=1) & (tail == len(TAILS) - 1)] = 0  # again, a string with marks has some
    head = np.where(written, _chosen(u["head"], HEAD_SHARES), len(HEADS) - 1)
    return Marks(extra, each, u["comma"] < COMMA, tail, head, u, rules, lines)


def _chosen(draws: Numbers, shares: tuple[float, ...]) -> NDArray[np.int64]:
    return np.searchsorted(np.cumsum(shares)[:-1], draws, side="right").astype(np.int64)


def _separators(draws: Numbers, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool (B, n): glyphs with a separator in front of them: every third from the right, or the last but one."""
    after = there[:, ::-1].cumsum(axis=1)[:, ::-1]  # glyphs from here to the end
    inner = there & (there.cumsum(axis=1) > 1)
    thousands = inner & (after % 3 == 0) & (draws < THOUSANDS)[:, None]
    decimal = inner & (after == 2) & (there.sum(axis=1) > 2)[:, None]
    found: NDArray[np.bool_] = thousands | (decimal & ((draws >= THOUSANDS) & (draws < THOUSANDS + DECIMAL))[:, None])
    return found


def placed_signs(marks: Marks, shapes: Shapes, placed: Placed) -> SignMarks:
    """Where the drawn signs of `marks` go."""
    text, place = np.nonzero(marks.extra)
    _, along, lift, variant = marks.separators[text, place].T
    ends = np.where(shapes.there, placed.x + shapes.width, -np.inf)
    before = np.maximum.accumulate(ends, axis=1)[text, np.maximum(place - 1, 0)]
    x = before + (placed.x[text, place] - before) * between(along, 0.25, 0.6)
    y = placed.y[text, place] + between(lift, -0.08, 0.08)
    found = [SignMarks(text, np.where(marks.comma[text], ",", "."), x, y, variant)]
    for names, chosen, side in ((TAILS, marks.tail, "tail"), (HEADS, marks.head, "head")):
        for number, signs in enumerate(names):
            some = np.flatnonzero(chosen == number)
            along, height, variant = (marks.u[f"{side}_{name}"][some] for name in ("place", "height", "variant"))
            x = placed.width[some] + between(along, 0.08, 0.38) if side == "tail" else -between(along, 0.55, 0.85)
            for k, sign in enumerate(signs):
                # a dash is anywhere in the middle, a dot on the line
                up = between(height, -0.2, 0.2) / (1 + (sign == "."))
                y = up - placed.slope[some] * x
                found.append(SignMarks(some, np.full(len(some), sign), x + 0.3 * k, y, variant))
    return SignMarks(*(np.concatenate(arrays) for arrays in zip(*found)))


def draw_rules(images: NDArray[np.uint8], marks: Marks, frame: Frame, string_width: Numbers) -> None:
    """Draw the lines of forms into images (B, H, W), in place. string_width: float64 (B,), as in `Placed`."""
    for k, name in enumerate(RULES):
        some = np.flatnonzero(marks.ruled[:, k])
        if some.size:
            _rule(images, name, some, marks.rules[some, k].T, frame, string_width[some])


def _rule(
    images: NDArray[np.uint8], name: str, some: NDArray[np.int64], u: Numbers, frame: Frame, string_width: Numbers
) -> None:
    """One line of a form in the images `some`. u: float64 (len(OF_RULE), N), uniform numbers."""
    _, place, tilt, ink, pen, part, first, last = u
    high, wide = images.shape[1:]
    size, base, left, width = frame.size[some], frame.y[some], frame.x[some], frame.width[some]
    x, y = np.arange(wide, dtype=np.float32) + np.float32(0.5), np.arange(high, dtype=np.float32) + np.float32(0.5)
    slope = normal(tilt) * 0.02
    half = np.maximum(between(pen, 0.02, 0.06) * size, 0.8) / 2 + 0.5
    if name in ("left", "right"):
        beside = between(place, 0.2, 0.5)
        at = left + (-beside if name == "left" else string_width + beside) * size
        away = x - _each(at) + _each(slope) * (y[:, None] - high / 2)
        inside = x < width[:, None]
    else:
        low, top = {"under": (-0.12, 0.55), "above": (-1.6, -1.05), "through": (-0.8, -0.2)}[name]
        middle = base + frame.climb[some] * string_width * size / 2  # of the base line
        at = middle + between(place, low, top) * size - slope * width / 2
        away = y[:, None] - _each(at) - _each(slope) * x
        ends = np.sort(np.stack([first, last]) * width, axis=0)
        partial = part < 0.3
        inside = (x >= np.where(partial, ends[0], 0)[:, None]) & (x < np.where(partial, ends[1], width)[:, None])
    stroke = np.clip(_each(half) - np.abs(away), 0, 1) * inside[:, None, :]
    level = np.rint(stroke * _each(between(ink, 0.3, 1) * 255)).astype(np.uint8)
    images[some] = np.maximum(images[some], level)


def _each(values: Numbers) -> NDArray[np.float32]:
    """float32 (N, 1, 1)"""
    return values.astype(np.float32)[:, None, None]
