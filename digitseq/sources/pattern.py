"""Texts that match a regular expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import RunError, SettingsError
from digitseq.random_streams import Rows
from digitseq.sources.automaton import automaton
from digitseq.sources.base import Codes, Source, decode, text_rows
from digitseq.sources.random_digits import DIGITS, check_alphabet
from digitseq.sources.sampler import Sampler, tree_sampler
from digitseq.sources.syntax import SETTING, Syntax, read_regex
from digitseq.sources.tree import characters, longest_text

if TYPE_CHECKING:
    from digitseq.settings import Settings

COUNT_BUDGET = 200_000
ATTEMPTS = 2_000
PROBED = 256
HARDLY_EVER = 0.05


def from_settings(settings: Settings, characters: str) -> Pattern:
    return Pattern(settings.pattern or "", characters)


@dataclass(frozen=True)
class Pattern(Source):
    """Strings of 1 to 255 characters that match all of `regex`, a regular expression of Python's `re`.

    alphabet: what `.`, `\\d`, `\\w`, `\\s` and negated sets stand for. Characters that `regex` names may be
    others: `check_characters` says which of them cannot be written.

    Each choice is taken as often as the others of it, each number of repetitions likewise, each character of a
    set likewise. Repetitions without bound go as far as no text gets longer than 255. Lookarounds and anchors
    are kept by drawing again.

    Raises `SettingsError` for what is not a regular expression, matches nothing but the empty string, has
    texts of more than 255 characters, or is too large to expand.
    """

    regex: str
    alphabet: str = DIGITS

    def __post_init__(self) -> None:
        if not isinstance(self.regex, str) or not self.regex:
            raise SettingsError(f"pattern must be a regular expression, got {self.regex!r:.60}", SETTING)
        check_alphabet(self.alphabet)
        if self.max_length == 0:
            raise SettingsError(f"{self.regex!r:.80} matches nothing but the empty text", SETTING)
        # what is rare among the draws would bring a run to a stop
        if self._matching(self._sampler.codes(text_rows(Rows.span(0, 0, PROBED)))).mean() < HARDLY_EVER:
            raise SettingsError(f"{self.regex!r:.80} hardly ever or never matches a text: loosen it", SETTING)

    def __reduce__(self) -> tuple[type[Pattern], tuple[str, str]]:
        return Pattern, (self.regex, self.alphabet)

    @property
    def max_length(self) -> int:
        return self._sampler.longest

    @cached_property
    def count(self) -> int | None:
        """How many texts there are; None without bound, with a lookaround, or when it would take too long."""
        if not (self._syntax.exact and self._syntax.bounded):
            return None
        machine = automaton(self._syntax.root, COUNT_BUDGET)
        return None if machine is None else machine.count()

    @property
    def notice(self) -> str | None:
        return None if self.count is None else f"strings that match the pattern: {self.count:,}"

    @property
    def characters(self) -> frozenset[str]:
        return characters(self._syntax.root)

    def longest(self) -> str:
        return longest_text(self._syntax.root)

    def codes(self, rows: Rows) -> Codes:
        rows = text_rows(rows)
        codes = self._sampler.codes(rows)
        waiting = np.arange(len(rows))
        while (wrong := np.flatnonzero(~self._matching(codes[waiting]))).size:
            waiting, rows = waiting[wrong], rows.again(wrong)
            if rows.attempt > ATTEMPTS:
                raise RunError(f"{self.regex!r:.80}: no text that matches was found in {ATTEMPTS:,} draws")
            codes[waiting] = self._sampler.codes(rows)
        return codes

    def _matching(self, codes: Codes) -> NDArray[np.bool_]:
        """bool (B,): which of the texts drawn match, and are not empty."""
        if self._syntax.exact:
            return codes[:, 0] > 0
        return np.array([text != "" and self._compiled.fullmatch(text) is not None for text in decode(codes)])

    @cached_property
    def _syntax(self) -> Syntax:
        return read_regex(self.regex, self.alphabet)

    @cached_property
    def _sampler(self) -> Sampler:
        return tree_sampler(self._syntax.root)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.regex)
