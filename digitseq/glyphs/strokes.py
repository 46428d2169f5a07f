"""Signs as pen strokes: `- + . , : / ( ) = # *`, for which the data sets have no glyphs.

A sign is a few strokes, each a quadratic Bezier curve. Every variant of a sign has its points moved a little, as no
two strokes of a hand are alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitseq.random_streams import Rows

Curve = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def _line(x: float, y: float, to_x: float, to_y: float) -> Curve:
    return ((x, y), ((x + to_x) / 2, (y + to_y) / 2), (to_x, to_y))


def _dot(x: float, y: float) -> Curve:
    return _line(x, y, x + 0.02, y + 0.02)


# Control points (x, y) of each stroke, in units of the height of a digit: y is 0 at its top, 1 on the base line.
SIGNS: dict[str, tuple[Curve, ...]] = {
    "-": (_line(0, 0.54, 0.46, 0.52),),
    "+": (_line(0, 0.56, 0.56, 0.54), _line(0.28, 0.27, 0.27, 0.83)),
    ".": (_dot(0, 0.97),),
    ",": (((0.08, 0.9), (0.1, 0.98), (0, 1.1)),),
    ":": (_dot(0, 0.36), _dot(0, 0.92)),
    "/": (_line(0.5, -0.03, 0, 1.05),),
    "(": (((0.3, -0.05), (-0.16, 0.48), (0.28, 1.08)),),
    ")": (((0, -0.05), (0.46, 0.48), (0.02, 1.08)),),
    "=": (_line(0, 0.42, 0.48, 0.4), _line(0, 0.68, 0.48, 0.66)),
    "#": (_line(0.24, 0.06, 0.12, 0.98), _line(0.56, 0.04, 0.44, 0.96), _line(0, 0.36, 0.68, 0.33),
          _line(-0.02, 0.68, 0.66, 0.65)),
    "*": (_line(0.22, 0.02, 0.21, 0.52), _line(0, 0.14, 0.43, 0.4), _line(0.43, 0.13, 0.01, 0.41)),
}  # fmt: skip
TOP, DIGIT = 4 / 28, 20 / 28  # where digits begin and how high they are, as shares of the image's height
SEGMENTS = 8  # straight pieces that a curve is drawn with
# How far variants differ, one standard deviation or half a range, in units of the height of a digit
POINTS = 0.022  # of each control point on its own
SIZE, SLANT, LIFT = 0.14, 0.12, 0.035  # of the whole sign; the slant leans to the right on average
MEAN_SLANT = 0.08


def sign_distances(sign: str, variants: int, height: int, margin: int = 0) -> NDArray[np.float32]:
    """float32 (variants, height + 2 * margin, W): the distance of each pixel's centre to the centre line, in pixels.

    sign: a key of `SIGNS`; height: of the image, in pixels; margin: rows above and below it; W is wide enough for a
    pen of a third of a digit.
    """
    pixels = sign_curves(sign, variants, SEGMENTS) * (DIGIT * height)
    reach = DIGIT * height / 6 + 1  # of the thickest pen
    pixels[..., 0] += reach - pixels[..., 0].min(axis=(1, 2))[:, None, None]
    pixels[..., 1] += TOP * height + margin
    width = int(np.ceil(pixels[..., 0].max() + reach))
    starts = pixels[:, :, :-1].reshape(variants, -1, 2)
    steps = np.diff(pixels, axis=2).reshape(variants, -1, 2)
    return _distances(starts.astype(np.float32), steps.astype(np.float32), height + 2 * margin, width)


def sign_curves(sign: str, variants: int, segments: int) -> NDArray[np.float64]:
    """float64 (variants, S, segments + 1, 2): points along the S strokes of a sign, in units as `SIGNS`."""
    points = _varied(np.array(SIGNS[sign]), Rows.span(0, 0, variants), sign)
    return curves(points, segments)


def curves(points: NDArray[np.float64], segments: int) -> NDArray[np.float64]:
    """float64 (…, segments + 1, 2): points along quadratic Bezier curves with the control points (…, 3, 2)."""
    t = np.linspace(0, 1, segments + 1)[:, None]
    a, b, c = (points[..., None, k, :] for k in range(3))
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c


def _varied(strokes: NDArray[np.float64], rows: Rows, sign: str) -> NDArray[np.float64]:
    """float64 (V, S, 3, 2): the control points of each variant."""
    draws = rows.uniforms(f"sign {sign}", 4 + strokes.size) * 2 - 1
    sizes, slant, lift = 1 + SIZE * draws[:, :2], MEAN_SLANT + SLANT * draws[:, 2], LIFT * draws[:, 3]
    moved = strokes + POINTS * 1.7 * draws[:, 4:].reshape(len(rows), *strokes.shape)
    middle = strokes.mean(axis=(0, 1))
    points: NDArray[np.float64] = (moved - middle) * sizes[:, None, None] + middle
    points[..., 0] -= slant[:, None, None] * (points[..., 1] - 0.5)
    points[..., 1] += lift[:, None, None]
    return points


def _distances(starts: NDArray[np.float32], steps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """float32 (V, height, width): distance to the nearest of the segments; starts, steps: (V, K, 2), x and y."""
    x, y = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5
    nearest = np.full((len(starts), height, width), np.inf, np.float32)
    lengths = np.maximum((steps**2).sum(axis=2), 1e-6)
    for k in range(starts.shape[1]):
        start, step = starts[:, k, :, None, None], steps[:, k, :, None, None]
        dx, dy = x - start[:, 0], y - start[:, 1]
        along = ((dx * step[:, 0] + dy * step[:, 1]) / lengths[:, k, None, None]).clip(0, 1)
        np.minimum(nearest, np.hypot(dx - along * step[:, 0], dy - along * step[:, 1]), out=nearest)
    return nearest


def inked(distances: NDArray[np.float32], pen: float) -> NDArray[np.uint8]:
    """uint8, the shape of `distances`: 0 paper to 255 ink of a round pen that is `pen` pixels wide."""
    ink: NDArray[np.uint8] = np.rint((pen / 2 + 0.5 - distances).clip(0, 1) * 255).astype(np.uint8)
    return ink
