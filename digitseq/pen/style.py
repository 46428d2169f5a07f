"""What a hand and its pen are like: every figure of the style `pen`, once, with its range and default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digitseq.errors import SettingsError, did_you_mean
from digitseq.options import Normal, Number, Spread, clean_fields, setting
from digitseq.options.parameters import described, listed, parsed
from digitseq.pen import GLYPH, PEN

Value = Any  # a number, a pair (low, high) or a Normal; what is kept is a pair or a Normal


def spread(
    default: Value, help: str, low: float, high: float, unit: str = "", usual: Any = None, log: bool = False
) -> Any:
    """The field of a parameter with a distribution, from `low` to `high`; usual, log: as in `Spread`."""
    return setting(default, Spread(low, high, unit, whole=False, usual=usual or (low, high), log=log), help)


def share(default: float, help: str) -> Any:
    """The field of a parameter that is a share, 0 … 1."""
    return setting(default, Number(0, 1, whole=False), help)


@dataclass(frozen=True)
class PenStyle:
    """Strings written with a pen along the centre lines of the glyphs, laid out as a hand does.

    Lengths are in heights of a digit. What is said of a string is drawn once for each string. A string that does not
    fit into its image, as a steep one, is written smaller.
    """

    width: Value = spread(
        Normal(0.085, 0.3), "width of the pen, of each string", 0.02, 0.25, "digit heights", (0.04, 0.15), log=True
    )
    darkness: Value = spread((0.75, 1.0), "ink of the pen, of full ink", 0.1, 1)
    roughness: Value = spread((0.0, 0.2), "by how much the width varies within a glyph, as a share of it", 0, 0.5)
    gray: float = share(0.25, "share of strings that keep the strokes of the glyphs, sharpened; `width` is not theirs")
    gray_level: Value = spread((0.35, 0.75), "brightness at which the ink of such glyphs ends, of full ink", 0.1, 0.9)
    slant: Value = spread(
        Normal(-0.12, 0.2), "lean to the right of each string, as a tangent; 0: as the data set", -1, 1, "", (-0.5, 0.6)
    )
    slant_jitter: Value = spread((0.02, 0.08), "deviation of the lean within a string", 0, 0.5)
    own_slant: Value = spread((0.1, 0.4), "share of a glyph's own deviation from the usual lean that stays", 0, 1)
    aspect: Value = spread(
        Normal(0.95, 0.16), "width over height, of each string; 1: as the data set", 0.4, 2, "", (0.6, 1.6), log=True
    )
    size: Value = spread((0.6, 1.0), "height of a digit of each string, as a share of what `glyph_height` says", 0.2, 1)
    size_jitter: Value = spread((0.03, 0.16), "deviation of the heights within a string, as a share", 0, 0.5)
    stretch: Value = spread((0.08, 0.08), "deviation of the widths within a string, as a share", 0, 0.5)
    turn: Value = spread(
        Normal(0, 2.5), "turn of the level strokes of each glyph, counter-clockwise", -30, 30, "degrees", (-10, 10)
    )
    alike: float = share(0.3, "share of repeated characters that are the same glyph")
    slope: Value = spread(Normal(0.8, 4), "climb of the base line of each string", -20, 20, "degrees", (-10, 10))
    wander: Value = spread((0.0, 0.14), "deviation of the glyphs from the base line", 0, 0.5, "digit heights")
    gap: Value = spread(
        Normal(0.1, 0.19), "gap between the boxes of neighbours, of each string", -0.5, 3, "digit heights", (-0.3, 0.8)
    )
    gap_jitter: Value = spread((0.03, 0.18), "deviation of the gaps within a string", 0, 1, "digit heights")
    far: float = share(0.09, "share of gaps that are wider than the others")
    far_gap: Value = spread((0.45, 0.45), "by how much they are, on average", 0, 3, "digit heights")
    near: float = share(0.08, "share of gaps that are narrower than the others")
    near_gap: Value = spread((0.2, 0.2), "by how much they are, on average", 0, 1, "digit heights")
    touching: Value = spread((0.0, 0.35), "share of neighbours, of each string, that may touch or overlap", 0, 1)
    flag: float = share(0.45, "share of strings whose 1 begins with an up-stroke, as in Europe")
    flag_length: Value = spread((0.25, 0.8), "length of the up-stroke of a 1, at most", 0, 1, "digit heights")
    flag_angle: Value = spread((0.3, 0.85), "of the up-stroke of a 1 and its stem, of each string", 0, 1.6, "radians")
    foot: float = share(0.12, "share of strings whose 1 has a foot")
    bar: float = share(0.45, "share of strings whose 7 has a bar, as in Europe")
    bar_height: Value = spread((0.2, 0.62), "of the bar of a 7 above the base line", 0, 1, "digit heights")
    bar_length: Value = spread((0.15, 0.5), "of the bar of a 7, to the right of its stem", 0, 1, "digit heights")
    joined: float = share(0.15, "share of strings in which half of the neighbours are joined by a stroke")
    margin: Value = spread((0.1, 0.5), "paper left and right of a string with `image_width` 0", 0, 5, "digit heights")

    def __post_init__(self) -> None:
        clean_fields(self, "pen: ")


def parse_style(given: object) -> PenStyle | None:
    """The pen of a style, or None for plain glyphs. A text is glyph, pen, or pen:key=value,….

    A value is a number, low..high, or mean~deviation. Raises `SettingsError` for anything else, with the nearest right
    name.
    """
    if isinstance(given, PenStyle):
        return given
    name, _, rest = str(given).strip().partition(":")
    if name not in (GLYPH, PEN) or not isinstance(given, str):
        raise SettingsError(f"style: unknown style {given!r:.60}; {did_you_mean(name, [GLYPH, PEN])}", "style")
    if name == GLYPH:
        if rest:
            raise SettingsError(f"style: {GLYPH} takes no parameters, got {given!r:.60}", "style")
        return None
    style: PenStyle = parsed(PenStyle, PEN, rest, "style")
    return style


def style_text(given: object) -> str:
    """What `parse_style` reads as `given`, with only what differs from the defaults."""
    style = parse_style(given)
    return GLYPH if style is None else described(PEN, style)


def list_styles() -> str:
    """The styles, and all parameters of the pen with their ranges and defaults, for a terminal."""
    summary = " ".join((PenStyle.__doc__ or "").split())
    return "\n".join(
        [
            f"{GLYPH}: the glyphs of the data set as they are, side by side",
            f"{PEN}: {summary}",
            "    A value is a number, a range low..high, or mean~deviation, such as width=0.05..0.12 or slant=0~0.1.",
            *listed(PenStyle),
        ]
    )
