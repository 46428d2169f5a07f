"""Python's own parser of regular expressions, and the work that `re` has to match one."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

PARSER: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
MOST = 1e30  # larger results are cut off, as powers of powers overflow


def effort(items: Sequence[Any], longest: int) -> tuple[float, float]:
    """Upper bounds of the ways in which `re` can match the parser's `items`, and of the steps to try them all.

    Texts have at most `longest` characters. Nothing can stop `re` while it tries them.
    """
    ways, steps = 1.0, 1.0
    for code, value in items:
        name, inner = str(code), (1.0, 1.0)
        if name == "BRANCH":
            parts = [effort(part, longest) for part in value[1]]
            inner = (sum(part[0] for part in parts), sum(part[1] for part in parts))
        elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
            own, work = effort(value[-1], longest)
            # a lookaround is matched once: no further way is tried
            inner = (own if name == "SUBPATTERN" else 1.0, work)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            own, work = effort(value[2], longest)
            turns = [min(own, 1e9) ** min(turn, 30) for turn in range(min(int(value[1]), longest + 1) + 1)]
            inner = (sum(turns[min(int(value[0]), longest) :]), work * sum(turns))
        steps += ways * inner[1]
        ways = min(ways * inner[0], MOST)
    return ways, min(steps, MOST)
