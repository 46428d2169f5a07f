"""What the images look like: each setting's name, meaning, range and default, once.

The command line, `config.py` and the Python package are all built from the fields below and of `runs.run_settings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import CASES
from digitseq.options import MAX_TEXT, MAX_WIDTH, clean_fields, options, setting

if TYPE_CHECKING:
    from digitseq.augment.base import Operation

SOURCES = ("number", "random_digits", "random_text", "phone", "pattern", "numbers_file")
# Settings that do nothing unless one of these is given.
PARTNERS = {
    "phone_type": ("phone",),
    "phone_format": ("phone",),
    "balanced": ("random_digits", "random_text"),
    "random_all": ("data_augmentation",),
}


def _operations(value: Any) -> tuple[str, ...]:
    """The operations of `augment` as texts. Their package is loaded where there are any."""
    if not value:
        return ()
    from digitseq.augment.registry import texts_of

    return texts_of(value)


# What data_augmentation uses where a setting below says None.
ERODE_KERNEL = (1, 2)
DILATE_KERNEL = (2, 1)
ANGLE = (-15.0, 15.0)
NOISE_RATIO = (0.0, 0.1)
RANDOM_KERNEL = (1, 3)


@dataclass(frozen=True)
class Settings:
    """What the images look like. With a seed it fixes every byte of every image.

    Raises `SettingsError` (a `ValueError`) that says what was given and what is allowed.
    """

    number: str | None = setting(
        None, "str", "the same digits in every image, such as 007", "source", "-num", optional=True,
    )  # fmt: skip
    random_digits: tuple[int, int] | None = setting(
        None, "pair", "random digits: the length uniform from MIN to MAX, then every digit uniform", "source",
        low=1, high=MAX_TEXT, pair="the smallest and the largest length", optional=True, metavar=("MIN", "MAX"),
    )  # fmt: skip
    random_text: tuple[int, int] | None = setting(
        None, "pair", "random texts: the length uniform from MIN to MAX, then every character uniform among those of "
        "the data set", "source",
        low=1, high=MAX_TEXT, pair="the smallest and the largest length", optional=True, metavar=("MIN", "MAX"),
    )  # fmt: skip
    phone: str | None = setting(
        None, "str", "telephone numbers that are valid in this region, an ISO 3166 code", "source",
        optional=True, bare="JP", metavar="REGION",
    )  # fmt: skip
    pattern: str | None = setting(
        None, "str", "strings that match this regular expression, such as '20[0-9]{2}'", "source",
        optional=True, metavar="REGEX",
    )  # fmt: skip
    numbers_file: str | None = setting(
        None, "path", "the lines of this text file in order, from the top again after the last; -: standard input",
        "source", optional=True, metavar="FILE",
    )  # fmt: skip
    phone_type: str = setting(
        "any", "choice", "with --phone: mobile numbers, fixed line numbers, or half of each", "source",
        choices=("mobile", "fixed_line", "any"),
    )  # fmt: skip
    phone_format: str = setting(
        "digits", "choice", "with --phone: digits as dialled within the country, the same as the country groups "
        "them (090-1234-5678, with --gaps), or international (+819012345678, with --gaps)", "source",
        choices=("digits", "national", "e164"),
    )  # fmt: skip
    unique: bool = setting(False, "bool", "all sequences of the run are different", "source")
    balanced: bool = setting(
        False, "bool", "with --random_digits or --random_text: every character equally often over the run", "source"
    )
    gaps: bool = setting(
        False, "bool", "leave a gap of a digit's width for -, +, ., space and other signs that have no glyph; they "
        "stay in the label", "source",
    )  # fmt: skip
    label_case: str = setting(
        "as_given", "choice", "letters in labels as in the text, or all in upper or lower case; the image stays",
        "source", choices=CASES,
    )  # fmt: skip
    dataset: str = setting(
        "mnist", "path", "data set of the glyphs: a name (see --list_datasets), or a folder of yours with idx files",
        "data", metavar="NAME|FOLDER",
    )  # fmt: skip
    transpose: bool = setting(
        False, "bool", "the glyphs of the folder are stored with rows for columns, as EMNIST's files are", "data"
    )
    split: str = setting(
        "train", "choice", "which glyphs: the data set's training or test glyphs, or all of them",
        "data", choices=("train", "test", "all"),
    )  # fmt: skip
    image_width: int = setting(
        200, "int", "width of an image; 0: as wide as the sequence needs", "layout", "-iw",
        low=0, high=MAX_WIDTH, unit="pixels",
    )  # fmt: skip
    min_spacing: int = setting(
        0, "int", "smallest gap between two digits, ink to ink; negative overlaps them", "layout", "-min",
        low=-28, high=1000, unit="pixels",
    )  # fmt: skip
    max_spacing: int = setting(
        10, "int", "largest gap between two digits, included", "layout", "-max",
        low=-28, high=1000, unit="pixels",
    )  # fmt: skip
    invert: bool = setting(False, "bool", "black ink on white paper instead of white on black", "layout")
    data_augmentation: bool = setting(
        False, "bool", "erode, dilate, rotate and add noise, to every digit on its own", "augmentation", "-da"
    )
    random_all: bool = setting(
        False, "bool", "with -da: each of the four with probability 0.5, kernels 1 to 3 and strengths drawn "
        "per digit", "augmentation", "-ra",
    )  # fmt: skip
    erode_kernel: tuple[int, int] | None = setting(
        None, "pair", "erode with a kernel of this width and height", "augmentation", "-e",
        pair="width and height", low=1, high=15, unit="pixels", optional=True, shown_default="off; 1 2 with -da",
    )  # fmt: skip
    dilate_kernel: tuple[int, int] | None = setting(
        None, "pair", "dilate with a kernel of this width and height", "augmentation", "-d",
        pair="width and height", low=1, high=15, unit="pixels", optional=True, shown_default="off; 2 1 with -da",
    )  # fmt: skip
    angle: float | None = setting(
        None, "float", "rotate every digit by this angle, counter-clockwise", "augmentation", "-a",
        low=-180, high=180, unit="degrees", optional=True,
        shown_default="off; drawn per digit from -15 to 15 with -da",
    )  # fmt: skip
    noise_ratio: float | None = setting(
        None, "float", "share of a digit's pixels set to white", "augmentation", "-n",
        low=0, high=1, optional=True, shown_default="off; drawn per digit from 0 to 0.1 with -da",
    )  # fmt: skip

    augment: str | Operation | Iterable[str | Operation] = setting(
        (), "augment", "further distortions, in order: light, medium, heavy, or NAME:key=value,... such as "
        "elastic:alpha=6,sigma=4; see --list_augmentations", "augmentation", shown_default="none", convert=_operations,
    )  # fmt: skip

    def __post_init__(self) -> None:
        clean_fields(self)
        self._check_source()
        if self.min_spacing > self.max_spacing:
            raise SettingsError(
                f"min_spacing must not exceed max_spacing, got {self.min_spacing} and {self.max_spacing}: "
                "lower min_spacing or raise max_spacing",
                "min_spacing",
            )
        self._check_partners()

    def _check_source(self) -> None:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(f"--{name}" for name in SOURCES)
            found = f"got {' and '.join(given)}" if given else "got none"
            raise SettingsError(f"exactly one source must be given ({names}), {found}", given[-1] if given else None)
        if self.number is not None:
            _check_number(self.number)
        for name in ("random_digits", "random_text"):
            low, high = getattr(self, name) or (0, 0)
            if low > high:
                message = f"{name} takes the smallest length first, got {low} and {high}: change their order"
                raise SettingsError(message, name)
        if self.unique and self.label_case != "as_given":
            raise SettingsError("unique goes with label_case as_given: labels in one case can be the same", "unique")

    def _check_partners(self) -> None:
        """Refuse settings that would do nothing, as none of those that they go with is given."""
        for name, partners in PARTNERS.items():
            alone = all(getattr(self, partner) in (None, False) for partner in partners)
            if alone and getattr(self, name) != type(self).__dataclass_fields__[name].default:
                add, leave = (next(iter(options(type(self))[one].flags), f"--{one}") for one in (partners[0], name))
                raise SettingsError(
                    f"{name} works with {' and '.join(partners)} only: add {add}, or leave out {leave}", name
                )

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
        return [*found, *cast("tuple[str, ...]", self.augment)]  # which it is once it has been checked

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
    if len(number) > MAX_TEXT:
        raise SettingsError(f"number may have 1 to {MAX_TEXT} characters, got {len(number):,}", "number")
    for place, character in enumerate(number, 1):
        if not character.isprintable():
            raise SettingsError(
                f"number has the control character U+{ord(character):04X} as character {place}: leave it out", "number"
            )
