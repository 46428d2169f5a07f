"""The texts of a tree as ways through a graph, whose every option writes something and leads on."""

from __future__ import annotations

from collections.abc import Sequence

from digitseq.sources.tree import Chars, Choice, Node, Repeat, Series, Text

START, END = 0, 1


class Graph:
    """Option k of state s writes texts[s][k] and leads to state targets[s][k]. START is 0, END 1.

    A text is a way from start to end; there are no circles. An option is taken as often as the others of its state.
    by_character: every option writes one character or none, rather than whole texts.
    """

    def __init__(self, root: Node, by_character: bool = False) -> None:
        self.by_character = by_character
        self.texts: list[Sequence[str]] = [(), ()]
        self.targets: list[Sequence[int]] = [(), ()]
        self._add(root, START, END)

    def _state(self) -> int:
        self.texts.append(())
        self.targets.append(())
        return len(self.texts) - 1

    def _leave(self, state: int, texts: Sequence[str], targets: Sequence[int]) -> None:
        self.texts[state], self.targets[state] = texts, targets

    def _add(self, node: Node, start: int, end: int) -> None:
        """The ways of `node` from `start`, which has no option yet, to `end`."""
        if isinstance(node, Text):
            self._add_text(node.text, start, end)
        elif isinstance(node, Chars):
            self._leave(start, node.allowed, [end] * len(node.allowed))
        elif isinstance(node, Series):
            self._add_chain(node.parts, start, end)
        elif isinstance(node, Choice):
            self._add_choice(node, start, end)
        else:
            self._add_repeat(node, start, end)

    def _add_choice(self, node: Choice, start: int, end: int) -> None:
        direct = [isinstance(part, Text) and not self.by_character for part in node.parts]
        states = [end if whole else self._state() for whole in direct]
        texts = [part.text if isinstance(part, Text) and whole else "" for part, whole in zip(node.parts, direct)]
        self._leave(start, texts, states)
        for part, whole, first in zip(node.parts, direct, states):
            if not whole:
                self._add(part, first, end)

    def _add_text(self, text: str, start: int, end: int) -> None:
        pieces = list(text) if self.by_character and text else [text]
        states = [start, *(self._state() for _ in pieces[1:]), end]
        for piece, here, there in zip(pieces, states, states[1:]):
            self._leave(here, (piece,), (there,))

    def _add_chain(self, parts: Sequence[Node], start: int, end: int) -> list[int]:
        """All parts one after the other. Returns the state before each of them, and `end`."""
        states = [start, *(self._state() for _ in parts[1:]), end]
        for part, here, there in zip(parts, states, states[1:]):
            self._add(part, here, there)
        return states

    def _add_repeat(self, node: Repeat, start: int, end: int) -> None:
        """So many turns: one chain of all of them, which is entered so many turns before its end."""
        high = node.low if node.high is None else node.high
        parts = [node.part] * high
        if high == node.low:
            self._add_chain(parts, start, end)
            return
        states = self._add_chain(parts, self._state(), end)
        entries = states[: high - node.low + 1]
        self._leave(start, [""] * len(entries), entries)
