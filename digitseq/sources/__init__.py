"""What to write: each source gives the text of every image as code points.

All but the fixed text are loaded when first used: most runs need one source, and a program should start at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from digitseq.lazy import lazy_attributes
from digitseq.sources.base import Source, decode, encode
from digitseq.sources.fixed import FixedSource

if TYPE_CHECKING:
    from digitseq.sources.balance import BalancedDigits, balanced
    from digitseq.sources.distinct import FrozenTexts, UniqueDigits, unique
    from digitseq.sources.gaps import can_be_gap, check_characters
    from digitseq.sources.lines import NumbersFile
    from digitseq.sources.pattern import Pattern
    from digitseq.sources.phone import Phone, phone_number
    from digitseq.sources.random_digits import RandomDigits

_LAZY_ATTRIBUTES = {
    "BalancedDigits": "balance",
    "FrozenTexts": "distinct",
    "NumbersFile": "lines",
    "Pattern": "pattern",
    "Phone": "phone",
    "RandomDigits": "random_digits",
    "UniqueDigits": "distinct",
    "balanced": "balance",
    "can_be_gap": "gaps",
    "check_characters": "gaps",
    "phone_number": "phone",
    "unique": "distinct",
}

__all__ = [
    "BalancedDigits",
    "FixedSource",
    "FrozenTexts",
    "NumbersFile",
    "Pattern",
    "Phone",
    "RandomDigits",
    "Source",
    "UniqueDigits",
    "balanced",
    "can_be_gap",
    "check_characters",
    "decode",
    "encode",
    "phone_number",
    "unique",
]

__getattr__ = lazy_attributes(__name__, _LAZY_ATTRIBUTES)
