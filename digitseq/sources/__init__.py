"""Where the texts of the images come from: one module and one line of `SOURCE_MODULES` for each source.

A module has `from_settings(settings, characters) -> Source` and may have `folder_name(settings) -> str`. It is imported
when its setting is given, so that start-up stays fast.
"""

from digitseq.sources.base import Source, decode, encode

SOURCE_MODULES = {  # name of the setting: module
    "number": "fixed",
    "random_digits": "random_digits",
    "amounts": "amounts",
    "random_text": "random_digits",
    "phone": "phone",
    "pattern": "pattern",
    "numbers_file": "lines",
    "numbers": "given_texts",
}

__all__ = ["SOURCE_MODULES", "Source", "decode", "encode"]
