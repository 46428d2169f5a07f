"""What the images look like: each setting's name, meaning, range and default, once.

The command line, `config.py`, Python, REST and the page are all built from the fields below and of `runs.run_settings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from digitseq.errors import SettingsError
from digitseq.glyphs.alphabet import CASES
from digitseq.glyphs.catalog import SIDE
from digitseq.glyphs.strokes import SIGNS
from digitseq.options import (
    MAX_TEXT,
    MAX_TEXTS,
    MAX_WIDTH,
    Choice,
    Code,
    FilePath,
    Flag,
    Kind,
    NamedOptions,
    Number,
    NumberPair,
    Option,
    Text,
    Texts,
    clean_fields,
    options,
    setting,
    shown,
)
from digitseq.pen import GLYPH

if TYPE_CHECKING:
    from digitseq.augment.base import Operation
    from digitseq.pen.style import PenStyle

# The operation behind each of these settings, and what data_augmentation fills in where the setting is None.
DIGIT_OPERATIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "erode_kernel": ("erode:width={},height={}", (1, 2)),
    "dilate_kernel": ("dilate:width={},height={}", (2, 1)),
    "angle": ("rotate:angle={}", ("-15.0..15.0",)),
    "noise_ratio": ("noise:ratio={}", ("0.0..0.1",)),
}
RANDOM_KERNEL = ("1..3", "1..3")  # with random_all

LENGTHS = NumberPair(1, MAX_TEXT, parts=("min", "max"))
HEIGHT = Number(16, 512, "pixels")
MOST_SPACING = 1000
SPACING = Number(-HEIGHT.high, MOST_SPACING, "pixels")  # at any height; see `spacing`
MIN_SPACING, USUAL_SPACING = 0, 10
KERNEL = NumberPair(1, 15, "pixels", parts=("width", "height"))


class Operations(Kind):
    """Operations of `digitseq.augment` in order, kept as texts. Their package is loaded where there are any."""

    name = "augment"
    repeats = True

    def expected(self) -> str:
        return "operations or their names"

    def convert(self, value: Any) -> tuple[str, ...]:
        if not value:
            return ()
        from digitseq.augment.registry import texts_of

        return texts_of(value)

    def parse(self, text: str) -> list[str]:
        return [text]  # commas separate the parameters of one operation

    def words(self, value: Any) -> list[str]:
        words = super().words(value)
        if len(words) < 2:
            return words
        from digitseq.augment.registry import with_presets

        return with_presets(words)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}

    def argument(self, name: str) -> dict[str, Any]:
        return {"action": "append", "metavar": "NAME[:key=value,...]"}


class Style(Kind):
    """How strings are written, kept as text; see `digitseq.pen.style`, which is loaded where it is a pen."""

    name = "style"

    def expected(self) -> str:
        return "glyph, pen, or pen:key=value,..."

    def convert(self, value: Any) -> str:
        if value == GLYPH:
            return GLYPH
        from digitseq.pen.style import style_text

        return style_text(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}

    def argument(self, name: str) -> dict[str, Any]:
        return {"metavar": "glyph|pen[:key=value,...]"}


@dataclass(frozen=True)
class Settings(NamedOptions):
    """What the images look like. With a seed it fixes every byte of every image.

    Raises `SettingsError` (a `ValueError`) that says what was given and what is allowed.
    """

    number: str | None = setting(
        None, Text(), "the same text in every image, such as 007", "source", "-num", source=True, example="123456",
        title="Text in every image",
    )  # fmt: skip
    random_digits: tuple[int, int] | None = setting(
        None, LENGTHS, "random digits, MIN to MAX of them, lengths and digits uniformly distributed", "source",
        source=True, example=(4, 8),
    )  # fmt: skip
    amounts: tuple[int, int] | None = setting(
        None, NumberPair(1, MAX_TEXT, parts=("low", "high")), "amounts of money as people write them, LOW to HIGH "
        "digits: usual lengths more often, small first digits, a third round", "source", source=True, bare=(1, 10),
        example=(1, 10), title="Amounts of money",
    )  # fmt: skip
    random_text: tuple[int, int] | None = setting(
        None, LENGTHS, "random texts of MIN to MAX characters of the data set, lengths and characters uniformly "
        "distributed", "source", source=True, example=(4, 8),
    )  # fmt: skip
    phone: str | None = setting(
        None, Code(), "valid telephone numbers of this region, an ISO 3166 code", "source",
        source=True, bare="JP", metavar="REGION", example="JP", title="Phone numbers",
    )  # fmt: skip
    pattern: str | None = setting(
        None, Text(), "strings that match this regular expression, such as '20[0-9]{2}'", "source",
        source=True, metavar="REGEX", example="20[0-9]{2}",
    )  # fmt: skip
    numbers_file: str | None = setting(
        None, FilePath(), "the lines of this text file in order, repeated from the top if needed; - reads "
        "standard input", "source", source=True, metavar="FILE",
    )  # fmt: skip
    numbers: Iterable[str] | None = setting(
        None, Texts(MAX_TEXTS, MAX_TEXT), "these texts in order, repeated from the top if needed", "source",
        source=True, example=("2026", "7", "1234567"), title="List of texts",
    )  # fmt: skip
    phone_type: str = setting(
        "any", Choice(("mobile", "fixed_line", "any")), "with `phone`: mobile numbers, fixed-line numbers, or half of "
        "each", "source", works_with=("phone",), title="Kind of phone number",
    )  # fmt: skip
    phone_format: str = setting(
        "digits", Choice(("digits", "national", "e164")), "with `phone`: digits as dialled within the country, the "
        "national grouping (090-1234-5678), or international (+819012345678)", "source", works_with=("phone",),
        title="Phone numbers written as",
    )  # fmt: skip
    unique: bool = setting(
        False, Flag(), "make all texts of the run different", "source", title="All texts different",
    )  # fmt: skip
    balanced: bool = setting(
        False, Flag(), "with `random_digits` or `random_text`: use every character equally often over the run",
        "source", works_with=("random_digits", "random_text"), title="Every character equally often",
    )  # fmt: skip
    signs: str = setting(
        "draw", Choice(("draw", "gap", "refuse")), f"{' '.join(SIGNS)} without a glyph: draw them as pen strokes, or "
        "leave a gap of a digit's width for them and for any other sign, or refuse them; a space is always a gap",
        "source",
    )  # fmt: skip
    gap_labels: str = setting(
        "drop", Choice(("drop", "keep")), "with `signs` gap: labels without the signs that are not shown, or with them",
        "source", title="Labels of texts with gaps",
    )  # fmt: skip
    label_case: str = setting(
        "as_given", Choice(CASES), "letters in labels as given (with `letter_layout` on, A for a where the data set "
        "has one class for both shapes), or all in upper or lower case; images do not change", "source",
        title="Letters in labels",
    )  # fmt: skip
    dataset: str = setting(
        "mnist", FilePath(), "data set of the glyphs: a name (see --list_datasets), or your own folder of idx files "
        "or of pictures (FOLDER/7/any-name.png, or FOLDER/train/7/... and FOLDER/test/7/...)", "data",
        metavar="NAME|FOLDER", title="Data set",
    )  # fmt: skip
    transpose: bool = setting(
        False, Flag(), "the images in the folder are stored transposed, as in EMNIST's files", "data", local=True
    )
    split: str = setting(
        "train", Choice(("train", "test", "all")), "glyphs to use: the data set's training glyphs, its test glyphs, or "
        "all", "data", title="Glyphs",
    )  # fmt: skip
    image_width: int = setting(
        200, Number(0, MAX_WIDTH, "pixels"), "width of an image; 0: as wide as the text needs", "layout", "-iw"
    )
    image_height: int = setting(
        SIDE, HEIGHT, "height of an image; glyphs and lengths of distortions grow and shrink with it, spacing does not",
        "layout", "-ih",
    )  # fmt: skip
    glyph_height: float | None = setting(
        None, Number(0.2, 1, whole=False), "height of a digit as a share of the image's height", "layout",
        shown_default="20/28, as in MNIST", example=0.8, title="Height of a digit",
    )  # fmt: skip
    letter_layout: str = setting(
        "on", Choice(("on", "off")), "of data sets with letters: digits and letters on one base line, capitals as high "
        "as MNIST's digits and small letters smaller, or all as high as the data set has them", "layout",
        title="Letters and digits",
    )  # fmt: skip
    min_spacing: int = setting(
        MIN_SPACING, SPACING, "smallest gap between two characters, ink to ink; they overlap if it is negative",
        "layout", "-min", title="Smallest spacing",
    )  # fmt: skip
    max_spacing: int = setting(
        None, SPACING, "largest gap between two characters", "layout", "-max",
        shown_default=f"{USUAL_SPACING}, or MIN_SPACING if that is more", example=USUAL_SPACING,
        title="Largest spacing",
    )  # fmt: skip
    invert: bool = setting(False, Flag(), "black ink on white paper, not white on black", "layout", title="Black ink")
    style: str | PenStyle = setting(
        GLYPH, Style(), "plain glyphs side by side, or a pen that writes along their centre lines as hands do, such as "
        "pen:width=0.05..0.12,slant=0; see --list_styles", "layout", title="Writing",
    )  # fmt: skip
    marks: float = setting(
        0.0, Number(0, 1, whole=False), "with `style` pen: share of the images with marks that are not in the label, "
        "such as separators, dashes, and the lines of forms", "layout", title="Share with marks",
    )  # fmt: skip
    masks: bool = setting(
        False, Flag(), "make an instance mask for each image, too: 0 on paper, k on the k-th character; in masks/1.png "
        "beside 1.png, or as a member, a column or an array of the other formats, but not of lmdb", "layout",
        title="Masks of the characters",
    )  # fmt: skip
    data_augmentation: bool = setting(
        False, Flag(), "erode, dilate, rotate and add noise to each character", "augmentation", "-da",
        title="Erode, dilate, rotate and add noise",
    )  # fmt: skip
    random_all: bool = setting(
        False, Flag(), "with `data_augmentation`: apply each of the four with probability 0.5, with kernels from 1 to "
        "3 and random strengths", "augmentation", "-ra", works_with=("data_augmentation",),
        title="Each at random",
    )  # fmt: skip
    erode_kernel: tuple[int, int] | None = setting(
        None, KERNEL, "erode with a kernel of this width and height", "augmentation", "-e",
        shown_default="off; 1 2 with `data_augmentation`", example=(2, 2), title="Erode",
    )  # fmt: skip
    dilate_kernel: tuple[int, int] | None = setting(
        None, KERNEL, "dilate with a kernel of this width and height", "augmentation", "-d",
        shown_default="off; 2 1 with `data_augmentation`", example=(2, 2), title="Dilate",
    )  # fmt: skip
    angle: float | None = setting(
        None, Number(-180, 180, "degrees", whole=False), "rotate each character by this angle, counter-clockwise",
        "augmentation", "-a", shown_default="off; from -15 to 15 at random with `data_augmentation`",
        example=10.0, title="Rotate",
    )  # fmt: skip
    noise_ratio: float | None = setting(
        None, Number(0, 1, whole=False), "share of a character's pixels set to white", "augmentation", "-n",
        shown_default="off; from 0 to 0.1 at random with `data_augmentation`", example=0.1,
        title="Noise",
    )  # fmt: skip
    augment: str | Operation | Iterable[str | Operation] = setting(
        (), Operations(), "more distortions: light, medium, heavy, scan, or NAME:key=value,... such as "
        "elastic:alpha=6,sigma=4; see --list_augmentations", "augmentation", shown_default="none", example=("light",),
        title="Distortions",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._check_spacing()
        clean_fields(self)
        self._check_source()
        if self.max_spacing is None:  # a dataclass cannot say so in its types: nobody else sees None
            object.__setattr__(self, "max_spacing", usual_max_spacing(self.min_spacing))
        if self.min_spacing > self.max_spacing:
            message = f"min_spacing must not exceed `max_spacing`, got {self.min_spacing} and {self.max_spacing}"
            raise SettingsError(message, "min_spacing")
        self._check_partners()

    def _check_spacing(self) -> None:
        for name in ("min_spacing", "max_spacing"):
            if (value := getattr(self, name)) != DEFAULTS[name]:
                Option(spacing(self.image_height), "").clean(name, value)

    def _check_source(self) -> None:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            names, found = (
                ", ".join(f"`{name}`" for name in SOURCES),
                " and ".join(f"`{name}`" for name in given) or "none",
            )
            raise SettingsError(f"exactly one source must be given ({names}), got {found}", next(reversed(given), None))
        if self.number is not None and not 1 <= len(self.number) <= MAX_TEXT:
            raise SettingsError(f"number must have 1 to {MAX_TEXT} characters, got {len(self.number):,}", "number")
        if self.number is not None and not self.number.isprintable():
            raise SettingsError(f"number has control characters, which no glyph shows: {shown(self.number)}", "number")
        for name in ("random_digits", "amounts", "random_text"):
            low, high = getattr(self, name) or (0, 0)
            if low > high:
                message = f"{name} takes the smallest length first, got {low} and {high}: change their order"
                raise SettingsError(message, name)
        if self.unique and self.label_case != "as_given":
            raise SettingsError("unique goes with `label_case` as_given: labels in one case can be the same", "unique")
        if self.gap_labels == "keep" and self.signs != "gap":
            raise SettingsError("gap_labels keep works with `signs` gap only: give that, or leave it out", "gap_labels")
        if self.unique and self.signs == "gap" and self.gap_labels == "drop":
            raise SettingsError(
                "`unique` goes with `gap_labels` keep: labels without their signs can be the same", "gap_labels"
            )

    def _check_partners(self) -> None:
        """Refuse settings that have no effect without another one."""
        if self.style == GLYPH and self.marks:
            raise SettingsError("marks works with `style` pen only: add that, or leave out `marks`", "marks")
        for name in ("min_spacing", "max_spacing"):
            if self.style != GLYPH and getattr(self, name) != usual_spacing(name):
                raise SettingsError(
                    f"{name} is for `style` glyph, got style {self.style:.60}: a pen has gaps of its own, give "
                    "`style` pen:gap=... in heights of a digit",
                    name,
                )
        for name, partners in PARTNERS.items():
            if getattr(self, name) != DEFAULTS[name] and not any(getattr(self, partner) for partner in partners):
                listed = " and ".join(f"`{partner}`" for partner in partners)
                message = f"{name} works with {listed} only: add `{partners[0]}`, or leave out `{name}`"
                raise SettingsError(message, name)

    def operations(self) -> list[str]:
        """All distortions in order, as texts: first those of -da, -ra, -e, -d, -a and -n, then `augment`."""
        found = []
        for name, (operation, usual) in DIGIT_OPERATIONS.items():
            given = getattr(self, name)
            if given is not None:
                values = given if isinstance(given, tuple) else (given,)
            elif self.data_augmentation:
                values = RANDOM_KERNEL if self.random_all and options(Settings)[name].kind is KERNEL else usual
            else:
                continue
            found.append(operation.format(*values) + ",p=0.5" * self.random_all)
        return [*found, *cast("tuple[str, ...]", self.augment)]  # which it is once it has been checked


def spacing(image_height: object) -> Number:
    """What gaps can be in images of this height: glyphs overlap by the height at most.

    Raises `SettingsError` for a height that is none.
    """
    height = options(Settings)["image_height"].clean("image_height", image_height)
    return Number(-height, MOST_SPACING, SPACING.unit)


SOURCES = tuple(name for name, option in options(Settings).items() if option.source)
PARTNERS = {name: option.works_with for name, option in options(Settings).items() if option.works_with}
DEFAULTS = {name: option.default for name, option in options(Settings).items()}


def usual_spacing(name: str) -> int:
    """What `min_spacing` or `max_spacing` is where neither is given."""
    return usual_max_spacing(MIN_SPACING) if name == "max_spacing" else MIN_SPACING


def usual_max_spacing(min_spacing: int) -> int:
    """What `max_spacing` is where it is not given."""
    return max(USUAL_SPACING, min_spacing)
