"""What an operation is: draw parameters for all glyphs or images of a batch, then apply them to all at once.

A new operation is a class derived from `GlyphOperation`, `ImageOperation`, or one of their bases for maps
(`AffineMap`, `DisplacementMap`, `LineMap`), and one line of the table in `registry.py`.
"""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from digitseq.augment.draws import Range, draw_step, draw_uniform
from digitseq.lazy_imports import import_package
from digitseq.options import Number, clean_fields, options
from digitseq.random_streams import Rows

Pixels = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Parameters = dict[str, NDArray[Any]]
Outline = NDArray[np.float64]  # (N, 2, P): x and y of P pixels of each of N glyphs, from the middle of its cell
CACHED_IMAGES = 32


class Picked(dict[str, NDArray[Any]]):
    """The parameters of some of the items: of all of them only what is asked for is copied."""

    def __init__(self, parameters: Parameters, some: NDArray[np.int64]) -> None:
        super().__init__(parameters)
        self.some: NDArray[np.int64] = parameters.some[some] if isinstance(parameters, Picked) else some

    def __getitem__(self, name: str) -> NDArray[Any]:
        return super().__getitem__(name).take(self.some, axis=0)


def of_some(parameters: Parameters, some: Any) -> Parameters:
    """The parameters of some of the items, chosen by indices or a slice."""
    return {name: values[some] for name, values in parameters.items()}


class Operation(ABC):
    """A distortion. Subclasses are frozen dataclasses whose fields are the parameters, `p` last.

    Most have one parameter that says how strong the distortion is: the first one, unless `strength_name` says else.

    name: the class name in snake case; level: "glyph" or "image"; neutral: the strength that changes nothing
    steps: how many different strengths can be drawn; 0: any number within the range
    p: probability for each glyph or image
    enlargement: size of the images over the size that the parameters are meant for, see `enlarged`
    """

    name: ClassVar[str]
    level: ClassVar[str]
    neutral: ClassVar[float] = 0
    steps: ClassVar[int] = 0
    p: float
    enlargement: float = 1.0

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"\B(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        clean_fields(self, f"{self.name}: ")

    @cached_property
    def strength_name(self) -> str:
        """The field that holds the range of strengths."""
        return next(iter(options(type(self))))

    def enlarged(self, factor: float) -> Operation:
        """The same for images `factor` times as large: all lengths in pixels are that much longer.

        Whole numbers stay: they are drawn as they are, and multiplied by `enlargement` where they are used.
        """
        if factor == 1:
            return self
        other = copy.copy(self)
        # not checked again: the ranges that are allowed are for the original size
        for name, value in {"enlargement": factor, **self._lengths(factor)}.items():
            object.__setattr__(other, name, value)
        return other

    def _lengths(self, factor: float) -> dict[str, Any]:
        """The fields that are lengths, except whole numbers, as they are in images `factor` times as large."""
        found = {}
        for name, option in options(type(self)).items():
            kind, value = option.kind, getattr(self, name)
            if isinstance(kind, Number) and kind.unit == "pixels" and not kind.whole:
                found[name] = tuple(v * factor for v in value) if isinstance(value, tuple) else value * factor
        return found

    def select(self, rows: Rows, columns: int, n: int = 1) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which of n items of every row are distorted, (B·n,), and uniform numbers in [0, 1), (B·n, columns)."""
        # One table for both: what a seed gives depends on the number and the order of the columns.
        draws = rows.uniforms("parameters", (1 + columns) * n).reshape(-1, 1 + columns)
        return draws[:, 0] < self.p, draws[:, 1:]

    def strengths(self, draws: NDArray[np.float64]) -> NDArray[Any]:
        """Uniform numbers in [0, 1) turned into strengths; with `steps`, one of so many, evenly spaced."""
        bounds: Range = getattr(self, self.strength_name)
        return draw_step(draws, bounds, self.steps) if self.steps else draw_uniform(draws, bounds)

    def changes(self, parameters: Parameters) -> NDArray[np.bool_]:
        """bool (N,): glyphs or images that these parameters change."""
        changes: NDArray[np.bool_] = parameters[self.strength_name] != self.neutral
        return changes

    def draw_strengths(self, rows: Rows, n: int = 1) -> NDArray[Any]:
        """Strengths of n items of every row, (B·n,), `neutral` for those that are left alone."""
        on, draws = self.select(rows, 1, n)
        return np.where(on, self.strengths(draws[:, 0]), self.neutral)


class GlyphOperation(Operation):
    """A distortion of single glyphs, each in a cell of its own with empty paper around it."""

    level = "glyph"
    specks: ClassVar[bool] = False  # adds what is no part of the character, and so not of its mask
    reach: ClassVar[int] = 0  # pixels of empty paper that must surround the ink, so that glyphs do not touch each other

    def grown(self, height: int, width: int) -> tuple[int, int]:
        """The largest ink box that can come out when ink of at most this size goes in, in pixels."""
        return height, width

    def grown_size(self, size: NDArray[np.int64], parameters: Parameters) -> NDArray[np.int64]:
        """The same for each glyph and its parameters: heights and widths, (2, N), in and out."""
        height, width = self.grown(int(size[0].max()), int(size[1].max()))
        return np.maximum(size, [[height], [width]])

    def draw(self, rows: Rows, n: int, cell: tuple[int, int]) -> Parameters:
        """Parameters for n glyphs of every row, as arrays (B·n, …).

        cell: (height, width) that the ink of any glyph fits into, even. `apply` gets cells of other sizes, even too, on
        which what a glyph gets must not depend: of tables with a number for every pixel it takes the middle.
        """
        return {self.strength_name: self.draw_strengths(rows, n)}

    def outline(self, points: Outline, rows: Rows) -> Outline:
        """Where the outermost ink of glyphs, now at `points`, is under parameters drawn from `rows`, a single row.

        Never farther out than where `apply` puts ink, except for a pixel: random additions are left out.
        """
        return points

    @abstractmethod
    def apply(self, cells: Pixels, parameters: Parameters) -> Pixels:
        """uint8 (N, w, h) in, the same out: cells are turned, see cells.py. The input is left as it is."""


@dataclass(frozen=True)
class Images:
    """A batch of composed images and what is known of them.

    pixels: uint8 (B, H, W); width: int64 (B,), columns of each image that are in use
    boxes: int64 (B, n, 4), [x, y, w, h] of each glyph's ink, zeros where there is none
    inverted: black ink on white paper instead of white on black
    """

    pixels: Pixels
    width: NDArray[np.int64]
    boxes: NDArray[np.int64]
    inverted: bool = False

    def at(self, chosen: NDArray[np.int64]) -> Images:
        """The images with these indices."""
        return Images(self.pixels[chosen], self.width[chosen], self.boxes[chosen], self.inverted)

    def unused(self) -> NDArray[np.bool_]:
        """bool (B, 1, W): columns that are not in use."""
        return (np.arange(self.pixels.shape[2]) >= self.width[:, None])[:, None]

    def continued(self) -> Pixels:
        """The pixels, with the last column in use repeated over those that are not."""
        if self.width.min() == self.pixels.shape[2]:
            return self.pixels
        last = np.take_along_axis(self.pixels, self.width[:, None, None] - 1, axis=2)
        return np.where(self.unused(), last, self.pixels)


class ImageOperation(Operation):
    """A distortion of whole images."""

    level = "image"

    def draw(self, rows: Rows, size: tuple[int, int]) -> Parameters:
        """Parameters for the images of `rows`, as arrays (B, …); "on" says which images are distorted.

        `size` is (H, W) of the largest image there can be: tables with a number for every pixel have that
        size, so that they do not depend on which images are made together.
        """
        on, draws = self.select(rows, 1)
        return {"on": on, self.strength_name: self.strengths(draws[:, 0])}

    def grouped_by(self) -> tuple[str, ...]:
        """Names of the parameters that are equal for all images that `paint` gets at once."""
        return (self.strength_name,) if self.steps else ()

    @abstractmethod
    def paint(self, images: Images, parameters: Parameters) -> Pixels:
        """The new pixels of `images`, all of which are distorted. Columns that are not in use may be anything."""

    def apply(self, images: Images, parameters: Parameters) -> Images:
        """The same images, distorted; the input is left as it is. images.pixels may be narrower than `size`."""
        chosen = np.flatnonzero(parameters["on"] & self.changes(parameters))
        if not chosen.size:
            return images
        out = images.pixels.copy()
        for group in grouped(chosen, *(parameters[name] for name in self.grouped_by())):
            # groups so small that work on one stays in the processor's cache
            for first in range(0, len(group), CACHED_IMAGES):
                part = group[first : first + CACHED_IMAGES]
                out[part] = self.paint(images.at(part), of_some(parameters, part))
        if images.width.min() < out.shape[2]:
            np.copyto(out, images.pixels, where=images.unused())
        return replace(images, pixels=out)


def grouped(chosen: NDArray[np.int64], *keys: NDArray[Any]) -> list[NDArray[np.int64]]:
    """The indices `chosen` in groups for which all keys, arrays (B,), are equal."""
    groups = [chosen]
    for key in keys:
        groups = [group[key[group] == value] for group in groups for value in np.unique(key[group])]
    return groups


@lru_cache(maxsize=1)
def opencv() -> Any:
    """The cv2 module, or `MissingPackageError` with the command that installs it."""
    return import_package("cv2", "augmentation", "opencv-python-headless")
