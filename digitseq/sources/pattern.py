"""Texts that match a regular expression, drawn by the package `rstr`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import RunError, SettingsError
from digitseq.options import MAX_TEXT
from digitseq.sources.automaton import automaton
from digitseq.sources.base import Codes, encode, optional_package, text_rows
from digitseq.sources.random_digits import DIGITS, check_alphabet
from digitseq.sources.syntax import SETTING, Chars, Choice, Node, Repeat, Series, bounded, characters, read_regex
from digitseq.streams import Rows

BLOCK = 64  # texts out of one call of rstr, which reads the expression at every call
RSTR_REPEAT = 100  # rstr repeats at most so often
MAX_STATES = 5_000
ATTEMPTS = 2_000
PROBE_BLOCKS = 16
HARDLY_EVER = 0.05


@dataclass(frozen=True)
class Pattern:
    """Strings of 1 to 255 characters that match all of `regex`, a regular expression of Python's `re`.

    alphabet: what `.`, `\\d`, `\\w`, `\\s` and negated sets stand for. Characters that `regex` names may be
    others: `check_characters` says which of them cannot be written.

    Each choice is taken as often as the others of it, each number of repetitions likewise, each character of a
    set likewise. Repetitions without bound go as far as no text gets longer than 255. Lookarounds and anchors
    are kept by drawing again.

    Raises `SettingsError` for what is not a regular expression, matches nothing but the empty string, or has
    texts of more than 255 characters; `MissingPackageError` without `rstr`.
    """

    regex: str
    alphabet: str = DIGITS

    def __post_init__(self) -> None:
        if not isinstance(self.regex, str) or not self.regex:
            raise SettingsError(f"pattern must be a regular expression, got {self.regex!r:.60}", SETTING)
        check_alphabet(self.alphabet)
        optional_package("rstr", "pattern")
        if self._root.longest == 0:
            raise SettingsError(f"{self.regex!r:.80} matches nothing but the empty text", SETTING)
        if self._root.longest > MAX_TEXT:
            raise SettingsError(
                f"{self.regex!r:.80} has texts of {self._root.longest:,} characters, at most {MAX_TEXT} are possible",
                SETTING,
            )
        self._check_frequency()

    def __reduce__(self) -> tuple[type[Pattern], tuple[str, str]]:
        return Pattern, (self.regex, self.alphabet)

    @property
    def max_length(self) -> int:
        return self._root.longest

    @cached_property
    def count(self) -> int | None:
        """How many texts there are; None without bound, with a lookaround, or when it would take too long."""
        syntax = read_regex(self.regex, self.alphabet)
        if not (syntax.exact and bounded(syntax.root)):
            return None
        machine = automaton(self._root, MAX_STATES)
        return None if machine is None else machine.count(self.max_length)

    @property
    def characters(self) -> frozenset[str]:
        return characters(self._root)

    def longest(self) -> str:
        return _longest(self._root)

    def codes(self, rows: Rows) -> Codes:
        rows = text_rows(rows)
        blocks, position = np.unique(rows.index // BLOCK, return_inverse=True)
        codes = np.zeros((len(blocks), BLOCK, self.max_length), np.uint32)
        # all texts of a block, so that one of them does not depend on whether its neighbours are asked for
        open_ = np.ones((len(blocks), BLOCK), bool)
        for attempt in range(ATTEMPTS):
            waiting = np.flatnonzero(open_.any(axis=1))
            if not waiting.size:
                return codes[position.ravel(), rows.index % BLOCK]
            self._fill(codes, open_, waiting, replace(rows, index=blocks[waiting], attempt=attempt))
        raise RunError(f"{self.regex!r:.80}: no text that matches was found in {ATTEMPTS:,} draws")

    def _fill(self, codes: Codes, open_: NDArray[np.bool_], waiting: NDArray[np.int64], rows: Rows) -> None:
        """Draw the blocks `waiting` and take the texts that match where there are none yet."""
        for block, seed in zip(waiting, rows.words("pattern", 1)[:, 0].tolist()):
            texts = self._draw(seed)
            matching = np.array([self._matches(text) for text in texts])
            taken = open_[block] & matching
            codes[block, taken] = encode([t for t, take in zip(texts, taken) if take], self.max_length)
            open_[block] &= ~matching

    def _draw(self, seed: int) -> list[str]:
        """BLOCK texts; some may not match."""
        generator = optional_package("rstr", "pattern").Rstr(random.Random(seed))
        texts: list[str] = generator.xeger(self._lines).split("\n")[:BLOCK]
        return texts

    def _matches(self, text: str) -> bool:
        return text != "" and (self._exact or self._compiled.fullmatch(text) is not None)

    def _check_frequency(self) -> None:
        """Refuse what is so rare among the draws that a run could come to a stop."""
        rows = text_rows(Rows.span(0, 0, PROBE_BLOCKS))
        seeds = rows.words("pattern", 1)[:, 0].tolist()
        share = np.mean([self._matches(text) for seed in seeds for text in self._draw(seed)])
        if share < HARDLY_EVER:
            raise SettingsError(f"{self.regex!r:.80} hardly ever or never matches a text: loosen it", SETTING)

    @cached_property
    def _parsed(self) -> tuple[Node, bool]:
        syntax = read_regex(self.regex, self.alphabet)
        return syntax.capped(MAX_TEXT), syntax.exact

    @property
    def _root(self) -> Node:
        return self._parsed[0]

    @property
    def _exact(self) -> bool:
        return self._parsed[1]

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.regex)

    @cached_property
    def _lines(self) -> str:
        """The expression of BLOCK texts, each with a line end."""
        return f"(?:{_spelled(self._root)}\n){{{BLOCK}}}"


def _spelled(node: Node) -> str:
    """A regular expression for rstr with nothing in it but sets, groups, branches and repetitions.

    rstr takes negated sets in the order of a Python set, which changes from process to process, and stops at
    100 repetitions: so sets are written out, and more repetitions as a choice among hundreds.
    """
    if isinstance(node, Chars):
        return f"[{''.join(_runs(node.allowed))}]"
    if isinstance(node, Series):
        return "".join(_spelled(part) for part in node.parts)
    if isinstance(node, Choice):
        return "(?:" + "|".join(_spelled(part) for part in node.parts) + ")"
    return _repeated(_spelled(node.part), node)


def _runs(allowed: str) -> Iterator[str]:
    """Sorted characters as ranges from … to, which rstr takes at once."""
    codes = np.array([ord(c) for c in allowed])
    for run in np.split(codes, np.flatnonzero(np.diff(codes) > 1) + 1):
        yield f"{re.escape(chr(run[0]))}-{re.escape(chr(run[-1]))}"


def _repeated(part: str, node: Repeat) -> str:
    high: Any = node.high
    branches = []
    for whole in range(0, high + 1, RSTR_REPEAT):
        low, rest = max(node.low - whole, 0), min(high - whole, RSTR_REPEAT - 1)
        if low <= rest:
            hundreds = f"(?:{part}){{{RSTR_REPEAT}}}" * (whole // RSTR_REPEAT)
            branches.append(f"{hundreds}(?:{part}){{{low},{rest}}}")
    return f"(?:{'|'.join(branches)})"


def _longest(node: Node) -> str:
    if isinstance(node, Chars):
        return node.allowed[0]
    if isinstance(node, Repeat):
        return _longest(node.part) * (node.high or 0)
    if isinstance(node, Choice):
        return max((_longest(part) for part in node.parts), key=len)
    return "".join(_longest(part) for part in node.parts)
