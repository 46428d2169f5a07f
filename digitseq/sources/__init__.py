"""What to write: each source gives the text of every image as code points.

All but the fixed text are loaded when first used: most runs need one source, and a program should start at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from digitseq.lazy_imports import lazy_attributes
from digitseq.sources.base import Source, decode, encode
from digitseq.sources.fixed import FixedSource

if TYPE_CHECKING:
    from digitseq.sources.choose import for_run
    from digitseq.sources.dealt import DealtDigits
    from digitseq.sources.distinct import FrozenTexts
    from digitseq.sources.gaps import can_be_gap, check_characters
    from digitseq.sources.lines import NumbersFile
    from digitseq.sources.pattern import Pattern
    from digitseq.sources.phone import Phone, phone_number
    from digitseq.sources.random_digits import RandomDigits

_LAZY_ATTRIBUTES = {
    "DealtDigits": "dealt",
    "FrozenTexts": "distinct",
    "NumbersFile": "lines",
    "Pattern": "pattern",
    "Phone": "phone",
    "RandomDigits": "random_digits",
    "can_be_gap": "gaps",
    "check_characters": "gaps",
    "for_run": "choose",
    "phone_number": "phone",
}

__all__ = [
    "DealtDigits",
    "FixedSource",
    "FrozenTexts",
    "NumbersFile",
    "Pattern",
    "Phone",
    "RandomDigits",
    "Source",
    "can_be_gap",
    "check_characters",
    "decode",
    "encode",
    "for_run",
    "phone_number",
]

__getattr__ = lazy_attributes(__name__, _LAZY_ATTRIBUTES)
