"""Every setting: its name, meaning, range and default, once.

`Settings` says what an image looks like, `Output` where the images go. The command line, `config.py`
and the Python package are all built from the fields below.
"""

from __future__ import annotations

import math
import operator
import os
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from digitseq.errors import SettingsError

Kind = Literal["int", "float", "bool", "str", "path", "choice", "words", "kernel", "ratio", "augment"]

MAX_WIDTH = 65_535
MAX_TEXT = 255  # a folder is named after the number, and file systems stop at 255 bytes

# What data_augmentation uses where a setting below says None.
ERODE_KERNEL = (1, 2)
DILATE_KERNEL = (2, 1)
ANGLE = (-15.0, 15.0)
NOISE_RATIO = (0.0, 0.1)
RANDOM_KERNEL = (1, 3)

FORMATS = ("png", "webdataset", "lmdb", "parquet", "npz")
LABELS = ("jsonl", "txt", "easyocr", "coco", "yolo", "tesseract", "none")
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Option:
    """What is known of one setting beside its type: enough to parse, check and document it."""

    kind: Kind
    help: str
    group: str
    flags: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    shown_default: str | None = None
    optional: bool = False

    def expected(self) -> str:
        """What is allowed, in words: "a whole number from 1 to 15 pixels"."""
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        if self.kind == "words":
            return "one or more of " + ", ".join(self.choices)
        if self.kind == "ratio":
            return "three numbers from 0 to 1 with the sum 1 (train, val, test)"
        noun = {
            "int": "a whole number",
            "float": "a number",
            "bool": "True or False",
            "kernel": "two whole numbers, width and height, each",
        }.get(self.kind, "text")
        bounds = "" if self.low is None else f" from {self.low:,} to {self.high:,}"
        return noun + bounds + (f" {self.unit}" if self.unit else "")

    def clean(self, name: str, value: object) -> Any:
        """`value` as plain Python, or `SettingsError` with what was given and what is allowed."""
        if value is None and self.optional:
            return None
        try:
            return self._convert(value)
        except SettingsError:
            raise
        except (TypeError, ValueError, OverflowError):
            given = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
            raise SettingsError(f"{name} must be {self.expected()}, got {given}", name) from None

    def _convert(self, value: Any) -> Any:
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise TypeError
            return value
        if self.kind in ("str", "path", "choice"):
            text = os.fspath(value) if self.kind == "path" and isinstance(value, os.PathLike) else value
            if not isinstance(text, str) or (self.choices and text not in self.choices):
                raise TypeError
            if self.kind == "path" and (not text or "\0" in text):
                raise ValueError
            return text
        if self.kind == "augment":
            if not value:
                return ()
            from digitseq.augment import describe, parse_augment  # upward, but only where augmentation is asked for

            return tuple(describe(operation) for operation in parse_augment(value))
        if self.kind == "words":
            return self._words(value)
        if self.kind == "ratio":
            return self._ratio(value)
        if self.kind == "kernel":
            width, height = value
            return (self._number(width, operator.index), self._number(height, operator.index))
        return self._number(value, operator.index if self.kind == "int" else float)

    def _words(self, value: Any) -> tuple[str, ...]:
        words = tuple(value.replace(",", " ").split() if isinstance(value, str) else value)
        if not words or len(set(words)) < len(words) or not all(word in self.choices for word in words):
            raise ValueError
        return words

    def _ratio(self, value: Any) -> tuple[float, ...]:
        shares = tuple(self._number(share, float) for share in value)
        if len(shares) != len(PARTS) or abs(sum(shares) - 1) > 1e-6:
            raise ValueError
        return shares

    def _number(self, value: Any, convert: Any) -> Any:
        if isinstance(value, (bool, str)):
            raise TypeError
        number = convert(value)
        inside = self.low is None or self.high is None or self.low <= number <= self.high
        if not (math.isfinite(number) and inside):
            raise ValueError
        return number


def _setting(default: object, kind: Kind, help: str, group: str, *flags: str, **extra: Any) -> Any:
    option = Option(kind, help, group, flags, **extra)
    if default is MISSING:
        return field(metadata={"option": option})
    return field(default=default, metadata={"option": option})


def options(cls: type) -> dict[str, Option]:
    """The settings of a dataclass of this module by name, in the order in which they are written."""
    return {f.name: f.metadata["option"] for f in fields(cls)}


def _clean_fields(obj: Any) -> None:
    for name, option in options(type(obj)).items():
        object.__setattr__(obj, name, option.clean(name, getattr(obj, name)))


@dataclass(frozen=True)
class Settings:
    """What the images look like. With a seed it fixes every byte of every image.

    Raises `SettingsError` (a `ValueError`) that says what was given and what is allowed.
    """

    number: str = _setting(MISSING, "str", "the digits to write, such as 007", "data", "-num")
    split: str = _setting(
        "train", "choice", "which glyphs: MNIST's 60,000 training or 10,000 test glyphs, or all of them",
        "data", choices=("train", "test", "all"),
    )  # fmt: skip
    image_width: int = _setting(
        200, "int", "width of an image; 0: as wide as the sequence needs", "layout", "-iw",
        low=0, high=MAX_WIDTH, unit="pixels",
    )  # fmt: skip
    min_spacing: int = _setting(
        0, "int", "smallest gap between two digits, ink to ink; negative overlaps them", "layout", "-min",
        low=-28, high=1000, unit="pixels",
    )  # fmt: skip
    max_spacing: int = _setting(
        10, "int", "largest gap between two digits, included", "layout", "-max",
        low=-28, high=1000, unit="pixels",
    )  # fmt: skip
    invert: bool = _setting(False, "bool", "black ink on white paper instead of white on black", "layout")
    data_augmentation: bool = _setting(
        False, "bool", "erode, dilate, rotate and add noise, to every digit on its own", "augmentation", "-da"
    )
    random_all: bool = _setting(
        False, "bool", "with -da: each of the four with probability 0.5, kernels 1 to 3 and strengths drawn "
        "per digit", "augmentation", "-ra",
    )  # fmt: skip
    erode_kernel: tuple[int, int] | None = _setting(
        None, "kernel", "erode with a kernel of this width and height", "augmentation", "-e",
        low=1, high=15, unit="pixels", optional=True, shown_default="off; 1 2 with -da",
    )  # fmt: skip
    dilate_kernel: tuple[int, int] | None = _setting(
        None, "kernel", "dilate with a kernel of this width and height", "augmentation", "-d",
        low=1, high=15, unit="pixels", optional=True, shown_default="off; 2 1 with -da",
    )  # fmt: skip
    angle: float | None = _setting(
        None, "float", "rotate every digit by this angle, counter-clockwise", "augmentation", "-a",
        low=-180, high=180, unit="degrees", optional=True,
        shown_default="off; drawn per digit from -15 to 15 with -da",
    )  # fmt: skip
    noise_ratio: float | None = _setting(
        None, "float", "share of a digit's pixels set to white", "augmentation", "-n",
        low=0, high=1, optional=True, shown_default="off; drawn per digit from 0 to 0.1 with -da",
    )  # fmt: skip

    augment: tuple[str, ...] = _setting(
        (), "augment", "further distortions, in order: light, medium, heavy, or NAME:key=value,... such as "
        "elastic:alpha=6,sigma=4; see --list_augmentations", "augmentation", shown_default="none",
    )  # fmt: skip

    def __post_init__(self) -> None:
        _clean_fields(self)
        _check_number(self.number)
        if self.min_spacing > self.max_spacing:
            raise SettingsError(
                f"min_spacing must not exceed max_spacing, got {self.min_spacing} and {self.max_spacing}: "
                "lower min_spacing or raise max_spacing",
                "min_spacing",
            )
        if self.random_all and not self.data_augmentation:
            raise SettingsError("random_all works with data_augmentation: add -da, or leave out -ra", "random_all")

    def operations(self) -> list[str]:
        """Every distortion in order, as text: first what -da, -ra, -e, -d, -a and -n stand for, then `augment`."""
        on, p = self.data_augmentation, ",p=0.5" if self.random_all else ""
        found = []
        if on or self.erode_kernel:
            found.append(f"erode:{self._kernel(self.erode_kernel, ERODE_KERNEL)}{p}")
        if on or self.dilate_kernel:
            found.append(f"dilate:{self._kernel(self.dilate_kernel, DILATE_KERNEL)}{p}")
        if on or self.angle is not None:
            found.append(f"rotate:angle={_strength(self.angle, ANGLE)}{p}")
        if on or self.noise_ratio is not None:
            found.append(f"noise:ratio={_strength(self.noise_ratio, NOISE_RATIO)}{p}")
        return [*found, *self.augment]

    def _kernel(self, given: tuple[int, int] | None, default: tuple[int, int]) -> str:
        if given is None and self.random_all:
            low, high = RANDOM_KERNEL
            return f"width={low}..{high},height={low}..{high}"
        width, height = given or default
        return f"width={width},height={height}"


def _strength(given: float | None, drawn_from: tuple[float, float]) -> str:
    return f"{drawn_from[0]}..{drawn_from[1]}" if given is None else repr(given)


def _check_number(number: str) -> None:
    if not number:
        raise SettingsError("number is empty: give at least one digit, such as -num 123456", "number")
    for place, character in enumerate(number, 1):
        if not ("0" <= character <= "9"):
            raise SettingsError(
                f"number may hold the digits 0 to 9 only, got {character!r} (U+{ord(character):04X}) "
                f"as character {place}",
                "number",
            )
    if len(number) > MAX_TEXT:
        raise SettingsError(f"number may have 1 to {MAX_TEXT} digits, got {len(number):,}", "number")


@dataclass(frozen=True)
class Output:
    """Where and how many: nothing here changes what image i looks like under a given seed."""

    cache: str | None = _setting(
        None, "path", "directory in which data sets are saved", "data", "-c",
        optional=True, shown_default="$DIGITSEQ_CACHE, or the user's cache directory",
    )  # fmt: skip
    output_path: str = _setting(
        "./output", "path", "directory to save results in; images go to OUTPUT_PATH/NUMBER/1.png, 2.png, ...",
        "data", "-o",
    )  # fmt: skip
    format: str = _setting(
        "png", "choice", "what is written: single PNG files, WebDataset tar shards, an LMDB, Parquet shards, or one "
        "npz file", "data", choices=FORMATS,
    )  # fmt: skip
    labels: tuple[str, ...] = _setting(
        ("jsonl",), "words", "labels beside PNG files, several allowed: jsonl (metadata.jsonl with boxes), txt "
        "(gt.txt), easyocr (labels.csv), coco (annotations.json), yolo (labels/*.txt, data.yaml), tesseract "
        "(*.gt.txt) or none",
        "data", choices=LABELS, shown_default="jsonl",
    )  # fmt: skip
    shard_size: int = _setting(
        10_000, "int", "images a shard, with webdataset and parquet", "data", low=1, high=10_000_000
    )
    split_ratio: tuple[float, float, float] | None = _setting(
        None, "ratio", "write train/, val/ and test/ with these shares of the images; no glyph occurs in two of them",
        "data", low=0, high=1, optional=True, shown_default="off",
    )  # fmt: skip
    multi_core: int | None = _setting(
        None, "int", "processes; 0 or 1: in this process; -1: all cores", "batch", "-m",
        low=-1, high=256, optional=True, shown_default="0",
    )  # fmt: skip
    size: int | None = _setting(
        None, "int", "how many images", "batch", "-s",
        low=1, high=1_000_000_000, optional=True, shown_default="1; 100 with -m",
    )  # fmt: skip
    seed: int | None = _setting(
        None, "int", "the same seed and settings give the same images", "batch",
        low=0, high=2**64 - 1, optional=True, shown_default="drawn, printed and recorded",
    )  # fmt: skip
    preview: str | None = _setting(
        None, "path", "write one picture of samples to this file instead: rows of the given settings or, without "
        "augmentation, a row for every operation", "augmentation", optional=True, shown_default="none",
    )  # fmt: skip
    resume: bool = _setting(
        False, "bool", "finish the last run into the folder, which broke off; give the same settings", "batch"
    )
    quiet: bool = _setting(False, "bool", "print nothing but errors", "batch")

    def __post_init__(self) -> None:
        _clean_fields(self)
        if "none" in self.labels and len(self.labels) > 1:
            raise SettingsError(f"labels none goes with no other, got {' '.join(self.labels)}", "labels")
        if self.format != "png" and self.labels not in (("jsonl",), ("none",)):
            raise SettingsError(
                f"labels {' '.join(self.labels)} stand beside PNG files: leave them out with format {self.format}, "
                "which has its labels inside",
                "labels",
            )

    @property
    def count(self) -> int:
        """How many images: `size`, or its default, which `multi_core` raises from 1 to 100."""
        if self.size is not None:
            return self.size
        return 1 if self.multi_core is None else 100
