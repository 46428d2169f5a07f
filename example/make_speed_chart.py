"""Draws `speed.svg`, the bar chart of the README's speed table: `python example/make_speed_chart.py [folder]`."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROW, LABEL, BAR = 24, 330, 400  # pixels: height of a row, width of the labels, longest bar
GREY, BLUE = "#9a9a9a", "#2f6fb7"  # the plain loops, and digitseq


def read_table(readme: str) -> list[tuple[str, int]]:
    """(job, images per second) of each row of the table under "## Speed"."""
    section = readme.partition("## Speed")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| ([\d,]+) \|$", section, re.MULTILINE)
    return [(job.replace("`", ""), int(speed.replace(",", ""))) for job, speed in rows]


def draw_chart(rows: list[tuple[str, int]]) -> str:
    """An SVG picture with a horizontal bar for each row."""
    width, height, most = LABEL + BAR + 90, ROW * len(rows) + 40, max(speed for _, speed in rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        "<style>text { font: 13px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{LABEL}" y="20" fill="#444">images per second, two processes (blue: digitseq)</text>',
    ]
    for k, (job, speed) in enumerate(rows):
        y, length = 32 + k * ROW, max(1, round(BAR * speed / most))
        colour = BLUE if job.startswith(("PNG", "-")) else GREY
        lines += [
            f'<text x="{LABEL - 10}" y="{y + 14}" text-anchor="end">{html.escape(job)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{length}" height="{ROW - 6}" fill="{colour}"/>',
            f'<text x="{LABEL + length + 6}" y="{y + 14}">{speed:,}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    chart = draw_chart(read_table((ROOT / "README.md").read_text(encoding="utf-8")))
    (folder / "speed.svg").write_text(chart, encoding="utf-8")
