"""What to install for the tests that were skipped, in one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

PACKAGES = {"yaml": "PyYAML"}  # module: package, where they have different names


def command(reason: str) -> str | None:
    """The command that lets a test run which was skipped for `reason`; None where none would."""
    if missing := re.search(r"could not import '(\w+)", reason):
        return f"pip install {PACKAGES.get(missing[1], missing[1])}"
    if told := re.search(r"needs [^:]*: (\S.*)", reason):
        return told[1]
    return None


def summary(reasons: Iterable[str]) -> str:
    """One line about all tests that were skipped, each for one of `reasons`."""
    found = Counter(map(command, reasons))
    others = found.pop(None, 0)
    packages = [text.removeprefix("pip install ") for text in sorted(found) if text.startswith("pip install ")]
    parts = [f"pip install {' '.join(packages)}"] if packages else []
    parts += [text for text in sorted(found) if not text.startswith("pip install ")]
    line = f"{found.total()} skipped, which need: {'; '.join(parts)}" if parts else ""
    rest = f"{others} skipped for other reasons: -rs lists them" if others else ""
    return ". ".join(filter(None, (line, rest)))
