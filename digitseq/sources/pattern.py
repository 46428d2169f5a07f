"""Texts that match a regular expression."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import RunError, SettingsError
from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.automaton import automaton
from digitseq.sources.base import Codes, Source, decode, text_rows
from digitseq.sources.random_digits import DIGITS
from digitseq.sources.sampler import Sampler, graph_of
from digitseq.sources.syntax import SETTING, read_regex, written

COUNT_BUDGET = 200_000  # steps: about 0.2 s
ATTEMPTS = 2_000
PROBED = 256  # texts, of which at least this share must match:
HARDLY_EVER = 0.05


def from_settings(settings: Settings, characters: str) -> Pattern:
    return Pattern(settings.pattern or "", characters)


class Pattern(Source):
    """Strings of 1 to 255 characters that match all of `regex`, a regular expression of Python's `re`.

    alphabet: what `.`, `\\d`, `\\w`, `\\s` and negated sets stand for. Characters that `regex` names may be
    others: `check_characters` says which of them cannot be written.

    In each choice every branch is equally likely, and so is each number of repetitions and each character of a set.
    Unbounded repetitions are limited so that no text has more than 255 characters. Texts that a lookaround or an anchor
    rules out are drawn again.

    Raises `SettingsError` if it is not a regular expression, matches nothing but the empty string, has texts of more
    than 255 characters, or is too large to expand.
    """

    refused_setting = SETTING

    def __init__(self, regex: str, alphabet: str = DIGITS) -> None:
        self.regex, self.alphabet = regex, alphabet
        self._syntax = read_regex(regex, alphabet)
        self._sampler = Sampler(graph_of(self._syntax.root))
        self.max_length = len(self._sampler.longest)
        self.characters = frozenset(map(chr, np.unique(self._sampler.written).tolist()))
        if self.max_length == 0:
            raise SettingsError(f"{written(regex)} matches nothing but the empty text", SETTING)
        # a run would hang if most texts had to be drawn again and again
        if self._matching(self._sampler.codes(text_rows(Rows.span(0, 0, PROBED)))).mean() < HARDLY_EVER:
            raise SettingsError(f"{written(regex)} hardly ever or never matches a text: loosen it", SETTING)

    def __reduce__(self) -> tuple[type[Pattern], tuple[str, str]]:
        return Pattern, (self.regex, self.alphabet)

    @cached_property
    def count(self) -> int | None:  # type: ignore[override]  # it takes long: only when it is asked for
        """The number of texts; None if unbounded, with a lookaround, or if counting would take too long."""
        if not (self._syntax.exact and self._syntax.bounded):
            return None
        machine = automaton(graph_of(self._syntax.root), COUNT_BUDGET)
        return None if machine is None else machine.count()

    def notice(self) -> str | None:
        return None if self.count is None else f"strings that match the pattern: {self.count:,}"

    def longest(self) -> str:
        return self._sampler.longest

    def codes(self, rows: Rows) -> Codes:
        rows = text_rows(rows)
        codes = self._sampler.codes(rows)
        waiting = np.arange(len(rows))
        while (wrong := np.flatnonzero(~self._matching(codes[waiting]))).size:
            waiting, rows = waiting[wrong], rows.again(wrong)
            if rows.attempt > ATTEMPTS:
                raise RunError(f"{written(self.regex)}: no text that matches was found in {ATTEMPTS:,} draws")
            codes[waiting] = self._sampler.codes(rows)
        return codes

    def _matching(self, codes: Codes) -> NDArray[np.bool_]:
        """bool (B,): which of the texts drawn match, and are not empty."""
        if self._syntax.exact:
            return codes[:, 0] > 0
        compiled = re.compile(self.regex)  # which `re` keeps in its cache
        return np.array([text != "" and compiled.fullmatch(text) is not None for text in decode(codes)])
