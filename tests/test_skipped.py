"""The line that says what the skipped tests need."""

from __future__ import annotations

import pytest
from support.skipped import summary

TORCH = "Skipped: could not import 'torch.utils.data': No module named 'torch'"
YAML = "could not import 'yaml': No module named 'yaml'"
CHROMIUM = "needs chromium: apt-get install chromium"


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([], ""),
        ([TORCH, YAML, TORCH], "3 skipped, which need: pip install PyYAML torch"),
        ([CHROMIUM, TORCH], "2 skipped, which need: pip install torch; apt-get install chromium"),
        (["no fork here"], "1 skipped for other reasons: -rs lists them"),
        (
            [CHROMIUM, "no fork here", "needs a network"],
            "1 skipped, which need: apt-get install chromium. 2 skipped for other reasons: -rs lists them",
        ),
    ],
)
def test_one_line_says_what_to_install(reasons, line):
    assert summary(reasons) == line


def test_a_module_that_is_missing_is_named(pytester):
    """The reasons are those that pytest gives today."""
    pytester.makepyfile("import pytest\npytest.importorskip('no_such_module_here')")
    result = pytester.runpytest("-rs")
    (reason,) = (line for line in result.outlines if "SKIPPED" in line)
    assert summary([reason]) == "1 skipped, which need: pip install no_such_module_here"
