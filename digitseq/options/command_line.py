"""Values as the words of a command."""

from __future__ import annotations

from typing import Any

from digitseq.options.option import Option


def flag_words(name: str, option: Option, value: Any) -> list[str]:
    """The words that give the setting `name` this value on the command line, not quoted for a shell."""
    flag = option.flags[0] if option.flags else f"--{name}"
    action = option.kind.argument(name).get("action")
    if action == "store_true":
        return [flag]
    words = option.kind.words(value)
    if action == "append":
        return [part for word in words for part in (flag, word)]
    if action == "extend":
        return _extending(flag, words)
    if len(words) == 1 and words[0].startswith("-"):  # in one word it is not taken for a flag
        return [f"--{name}={words[0]}"]
    return [flag, *words]


def _extending(flag: str, words: list[str]) -> list[str]:
    """`words` after a flag that takes several, and may be given again."""
    found: list[str] = []
    for place, word in enumerate(words):
        if word.startswith("-"):
            found.append(f"{flag}={word}")
        else:
            found += [word] if place and not words[place - 1].startswith("-") else [flag, word]
    return found
