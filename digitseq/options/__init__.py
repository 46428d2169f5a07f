"""What an option is: a setting of images or runs, or a parameter of an operation. Everything about it stands once."""

from typing import TYPE_CHECKING

from digitseq.lazy_imports import lazy_attributes
from digitseq.options.command_line import flag_words
from digitseq.options.kinds import Choice, Choices, Code, FilePath, Flag, Kind, Text, Texts, expanded, shown
from digitseq.options.numbers import Number, NumberPair, NumberRange, PartOf, Shares
from digitseq.options.option import NamedOptions, Option, clean_fields, options, setting, title_of

if TYPE_CHECKING:
    from digitseq.options.spread import Normal, Spread

__all__ = [
    "MAX_TEXT",
    "MAX_TEXTS",
    "MAX_WIDTH",
    "PARTS",
    "Choice",
    "Choices",
    "Code",
    "FilePath",
    "Flag",
    "Kind",
    "NamedOptions",
    "Normal",
    "Number",
    "NumberPair",
    "NumberRange",
    "Option",
    "PartOf",
    "Shares",
    "Spread",
    "Text",
    "Texts",
    "clean_fields",
    "expanded",
    "flag_words",
    "options",
    "setting",
    "shown",
    "title_of",
]

__getattr__ = lazy_attributes(__name__, {"Normal": "spread", "Spread": "spread"})  # settings have no spreads

MAX_WIDTH = 65_535
MAX_TEXT = 255  # a folder is named after the number, and file systems stop at 255 bytes
MAX_TEXTS = 10_000  # in one setting; a file may have any number of lines
PARTS = ("train", "val", "test")
