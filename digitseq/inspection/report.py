"""What was found in a data set as lines for the terminal, and as one HTML page."""

from __future__ import annotations

import base64
import html
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from itertools import count as numbers
from pathlib import Path

from digitseq.files.regular import open_regular
from digitseq.inspection.data_set import Inspection, Section

MOST = 40  # values in a histogram; neighbouring ones are joined until there are no more
HEAD = 1 << 10  # bytes in which the mark of a page stands
BARS = 30  # characters of the longest bar on the terminal
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1240px; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } td, th { padding: 2px 12px 2px 0; text-align: left; font-weight: normal; }
td.n { text-align: right; } .ok { color: #176b2c; } .wrong { color: #a11; }
figure { display: inline-block; margin: 0 2em 1em 0; vertical-align: top; } img { max-width: 100%; }
svg text { font: 11px system-ui, sans-serif; } rect { fill: #3a6ea5; }
"""
Histogram = tuple[str, list[tuple[str, int]]]


def report_name(folder: Path, path: Path) -> str:
    """What the files of a report about the data set `path` are called in `folder`, without their endings.

    Those of an earlier report about it are replaced; those about another data set of this name are not.
    """
    stem = path.resolve().name or "data"  # a bucket has no name
    names = (f"{stem}{number}-inspection" for number in chain([""], (f"-{k}" for k in numbers(2))))
    return next(name for name in names if _may_replace(folder / f"{name}.html", path))


def _may_replace(page: Path, path: Path) -> bool:
    if not os.path.lexists(page):
        return True
    try:
        with open_regular(page) as file:
            return _mark(path).encode() in file.read(HEAD)
    except OSError:
        return False


def _mark(path: Path) -> str:
    """It tells data sets apart. The page may be published, so it does not say where the data set was."""
    return f'<meta name="data-set" content="{zlib.crc32(os.fsencode(str(path.resolve()))):08x}">'


def text_report(inspection: Inspection) -> str:
    """Lines for the terminal."""
    lines = []
    for section in inspection.sections:
        lines += [f"{inspection.path}{'' if section.name == '.' else '/' + section.name}: {_summary(section)}"]
        for title, values in histograms(section):
            most = max((count for _, count in values), default=1)
            wide = max((len(value) for value, _ in values), default=0)
            lines += [f"  {title}"]
            lines += [f"    {v:>{wide}}  {n:>11,}  {'#' * -(-BARS * n // most)}" for v, n in values]
    problems = inspection.all_problems()
    # a form of words that is right for one case, too
    lines += [f"{what} ({count:,}): {_examples(count, examples)}" for what, count, examples in problems]
    return "\n".join([*lines, "nothing is wrong" if not problems else f"kinds of problems: {len(problems)}"])


def html_page(inspection: Inspection, sheet: bytes) -> str:
    """One page without other files. sheet: the contact sheet, a PNG file."""
    problems = inspection.all_problems()
    rows = "".join(
        f'<tr><td>{html.escape(what)}</td><td class="n wrong">{count:,}</td><td>{html.escape(_examples(count, found))}'
        "</td></tr>"
        for what, count, found in problems
    )
    verdict = f"<table>{rows}</table>" if problems else '<p class="ok">Nothing is wrong.</p>'
    sections = "".join(_section_html(section) for section in inspection.sections)
    picture = base64.b64encode(sheet).decode()
    title = html.escape(str(inspection.path))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">{_mark(inspection.path)}'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><h2>Problems</h2>{verdict}{sections}<h2>Samples</h2>"
        f'<img alt="samples with labels and boxes" src="data:image/png;base64,{picture}"></html>\n'
    )


def histograms(section: Section) -> list[Histogram]:
    """Titles with values and counts: widths, heights, lengths of texts, characters."""
    found = section.findings
    characters = sorted(found.characters.items())
    if len(characters) > 2 * MOST:  # too many to show them all: the most frequent first
        characters.sort(key=lambda item: -item[1])
    return [
        ("image width", _grouped(found.widths)),
        ("image height", _grouped(found.heights)),
        ("characters per label", _grouped(found.lengths)),
        ("character", [(_shown(character), count) for character, count in characters]),
    ]


def _shown(character: str) -> str:
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def _grouped(counts: Counter[int]) -> list[tuple[str, int]]:
    """The counts in order, in ranges of equal size where there are more than `MOST` values."""
    if not counts:
        return []
    low, high = min(counts), max(counts)
    step = 1 if len(counts) <= MOST else -(-(high - low + 1) // MOST)
    groups: Counter[int] = Counter()
    for value, count in counts.items():
        groups[value - (value - low) % step] += count
    return [(f"{n}" if step == 1 else f"{n}-{n + step - 1}", count) for n, count in sorted(groups.items())]


def _summary(section: Section) -> str:
    found = section.findings
    labelled = found.unlabelled.count < found.images
    texts = _counted(found.distinct_texts, "different text") if labelled else "without labels"
    same = f", {_counted(found.duplicates, 'exact repeat')} of another image" if found.duplicates else ""
    return f"{_counted(found.images, 'image')} as {section.format}, {texts}{same}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _examples(count: int, examples: Sequence[str]) -> str:
    return "; ".join(examples) + ("; ..." if count > len(examples) else "")


def _section_html(section: Section) -> str:
    name = "" if section.name == "." else f"{section.name}/: "
    charts = "".join(f"<figure><figcaption>{html.escape(t)}</figcaption>{_chart(v)}</figure>" for t, v in
                     histograms(section))  # fmt: skip
    return f"<h2>{html.escape(name + _summary(section))}</h2>{charts}"


def _chart(values: list[tuple[str, int]]) -> str:
    """A bar chart as SVG, with a row for each value."""
    most, row = max((count for _, count in values), default=1), 16
    bars = "".join(
        f'<text x="70" y="{row * i + 12}" text-anchor="end">{html.escape(value)}</text>'
        f'<rect x="76" y="{row * i + 2}" width="{150 * count / most:.1f}" height="{row - 4}"/>'
        f'<text x="{80 + 150 * count / most:.1f}" y="{row * i + 12}">{count:,}</text>'
        for i, (value, count) in enumerate(values)
    )
    return f'<svg width="300" height="{row * len(values) + 4}">{bars}</svg>'
