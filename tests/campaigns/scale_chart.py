"""Draws line charts with logarithmic axes, side by side, as one SVG picture."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, TOP, BELOW, RIGHT = 250, 210, 56, 34, 40, 130  # pixels; WIDTH and HEIGHT are those of the plot
COLOURS = ("#2f6fb7", "#c7702c", "#5b9a3b", "#8a5bb0")


@dataclass(frozen=True)
class Line:
    """points: (x, y), both above 0; dashed: for what is only there to be compared with"""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One chart. xs, ys: what the axes name, as (value, text), lowest first; they fix the range of the axis."""

    title: str
    below: str
    xs: Sequence[tuple[float, str]]
    ys: Sequence[tuple[float, str]]
    lines: Sequence[Line]
    linear: bool = False  # the y axis


def draw(panels: Sequence[Panel]) -> str:
    """The whole picture."""
    each = LEFT + WIDTH + RIGHT
    width, height = each * len(panels), TOP + HEIGHT + BELOW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, panel in enumerate(panels):
        lines += [f'<g transform="translate({place * each + LEFT} {TOP})">', *_panel(panel), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    def x(value: float) -> float:
        return WIDTH * _share(math.log(value), [math.log(at) for at, _ in panel.xs])

    def y(value: float) -> float:
        scale = float if panel.linear else math.log
        return HEIGHT - HEIGHT * _share(scale(value), [scale(at) for at, _ in panel.ys])

    lines = [f'<text x="0" y="-14" fill="#444">{html.escape(panel.title)}</text>']
    for at, name in panel.ys:
        lines.append(f'<path d="M0 {y(at):.1f}H{WIDTH}" stroke="#ddd"/>')
        lines.append(f'<text x="-6" y="{y(at) + 4:.1f}" text-anchor="end">{html.escape(name)}</text>')
    for at, name in panel.xs:
        lines.append(f'<text x="{x(at):.1f}" y="{HEIGHT + 16}" text-anchor="middle">{html.escape(name)}</text>')
    lines.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT + 34}" text-anchor="middle" fill="#444">{html.escape(panel.below)}</text>'
    )
    shown = [line for line in panel.lines if not line.dashed]
    heights = _apart([y(line.points[-1][1]) for line in shown])
    for line in panel.lines:
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.points)
        colour = "#aaa" if line.dashed else COLOURS[shown.index(line)]
        dashes = ' stroke-dasharray="4 4"' if line.dashed else ""
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        if not line.dashed:
            at = heights[shown.index(line)] + 4
            lines.append(f'<text x="{WIDTH + 8}" y="{at:.1f}" fill="{colour}">{html.escape(line.name)}</text>')
    return lines


def _share(value: float, range_: list[float]) -> float:
    return (value - range_[0]) / (range_[-1] - range_[0])


def _apart(heights: list[float], least: float = 15) -> list[float]:
    """The same, each at least `least` below the one above it."""
    placed = dict[int, float]()
    above = -math.inf
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        above = placed[index] = max(heights[index], above + least)
    return [placed[index] for index in range(len(heights))]
