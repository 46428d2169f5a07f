"""Random regular expressions, including hostile ones."""

from __future__ import annotations

import random

ALPHABET = "0123456789abcXYZ -"
LEAVES = [
    "0",
    "7",
    "5",
    "a",
    "b",
    r"\d",
    r"\w",
    ".",
    r"\D",
    r"\s",
    "[0-4]",
    "[^5]",
    "[a-c-]",
    r"[\w-]",
    "-",
    r"\.",
    "é",
    "漢",
]
HOSTILE = [
    "", "()", "(?:)", "0{0}", "(?:0{0}){0,1000000}", "(?:){1000000}", "a{255}", "0{65535}", "[^0-9]", r"\b", "^", "$",
    r"[\u4e00-\u9fa5]", "[\\x20-\\U0010ffff]", r"[\U0001f600-\U0001f64f]", r"\n", "\t", "\0", "(?=1)", "(?!0)",
    "(?<=1)", "(?<!00)", "(?!(a+)+b)", "(?=.*7)", "(?P<n>1)", r"(\d)\1", "(?i:a)", "(?>a)", "a++", "(?#note)", "(?x) 1",
    "(", ")", "[", "*", "{", "\\", "(?", "[5-1]", "{2,1}", "a{2,1}", r"\Z", r"\A", "|", "||||", "\ud800", "\U0001f600",
]  # fmt: skip
TIMES = ["?", "*", "+", "{0}", "{1}", "{2}", "{3,}", "{,4}", "{0,1}", "{2,5}", "{100}", "{0,255}", "{0,1000000}"]
LAZY = ["", "", "", "?"]


def random_pattern(rng: random.Random, hostile: float = 0.1) -> str:
    """A regular expression, or nearly one. hostile: how often a leaf is one that could do harm."""
    kind = rng.random()
    if kind < 0.03:
        return (
            "(?:" * (depth := rng.choice([20, 60, 200, 2000]))
            + rng.choice(LEAVES)
            + rng.choice(["", "|0", "?"])
            + (rng.choice([")", ")?", "){3}", "){0,2}", ")*"]) * depth)
        )
    if kind < 0.06:
        words = ("".join(rng.choices("0123456789ab", k=rng.randint(1, 8))) for _ in range(rng.choice([30, 300, 3000])))
        return f"(?:{'|'.join(words)}){rng.choice(['', '{2}', '{30}', '+'])}"
    return _node(rng, rng.randint(0, 5), hostile)


def _node(rng: random.Random, depth: int, hostile: float) -> str:
    if depth == 0:
        return rng.choice(HOSTILE if rng.random() < hostile else LEAVES)
    kind = rng.randrange(4)
    if kind == 0:
        return "".join(_node(rng, depth - 1, hostile) for _ in range(rng.randint(1, 4)))
    if kind == 1:
        return f"(?:{'|'.join(_node(rng, depth - 1, hostile) for _ in range(rng.randint(1, 4)))})"
    if kind == 2:
        return f"({_node(rng, depth - 1, hostile)}){rng.choice(TIMES)}{rng.choice(LAZY)}"
    return _node(rng, depth - 1, hostile)
