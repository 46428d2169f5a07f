"""What images look like, independent of their texts."""

from __future__ import annotations

from typing import NamedTuple

from digitseq.settings import Settings


class Appearance(NamedTuple):
    """The settings of these names, and all distortions as texts."""

    image_width: int
    min_spacing: int
    max_spacing: int
    invert: bool
    style: str
    marks: float
    operations: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> Appearance:
        """The appearance that `settings` describe."""
        s = settings
        style = str(s.style)
        return cls(s.image_width, s.min_spacing, s.max_spacing, s.invert, style, s.marks, tuple(s.operations()))
