"""Two small commands: one image of a sequence, and images of random telephone numbers.

Both save PNG files named after their text, `OUTPUT_PATH/0123.png`, or `0123-2.png` and so on if the file exists. The
command `digitseq` does everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np

from digitseq.errors import OutputError
from digitseq.files.atomic import write_new
from digitseq.formats.png_encoder import encode_png
from digitseq.generator import Sample, SequenceGenerator, whole_number
from digitseq.options import expanded, options
from digitseq.settings import Settings
from digitseq.shell.console import run_program, say
from digitseq.shell.parser import OneLineParser
from digitseq.shell.setting_names import with_flags

LAYOUT = ("min_spacing", "max_spacing", "image_width")
FLAGS = {name: f"--{name.replace('_', '-')}" for name in (*LAYOUT, "output_path", "seed", "num_images")} | {
    "number": "--sequence", "phone": "--region"
}  # fmt: skip


def numbers_sequence(argv: Sequence[str] | None = None) -> int:
    """`generate-numbers-sequence`: one image of the digits of --sequence. Returns the exit code."""
    parser = _new_parser("generate-numbers-sequence", "Save one image of a sequence of handwritten digits.")
    parser.add_argument("--sequence", nargs="+", required=True, metavar="DIGITS", help="the digits: 0123, or 0 1 2 3")
    return _main(parser, argv, lambda given: {"number": "".join(given.sequence)})


def phone_numbers(argv: Sequence[str] | None = None) -> int:
    """`generate-phone-numbers`: images of random telephone numbers. Returns the exit code."""
    parser = _new_parser("generate-phone-numbers", "Save images of random telephone numbers in handwritten digits.")
    parser.add_argument("--num-images", type=int, metavar="N", help="how many (default: 1)")
    parser.add_argument("--region", default="JP", help="region: JP, US, GB, ... (default: JP)")
    return _main(parser, argv, lambda given: {"phone": given.region})


def _new_parser(name: str, description: str) -> OneLineParser:
    parser = OneLineParser(name, description=description, allow_abbrev=False)
    for setting in LAYOUT:
        option = options(Settings)[setting]
        shown = f"{option.help}, in pixels (default: {option.default})"
        flag = f"--{setting.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=option.default, metavar="PIXELS", help=shown)
    parser.add_argument("--output-path", default=".", metavar="DIR", help="where to save (default: here)")
    parser.add_argument("--seed", type=int, help="the same seed gives the same images (default: random, and printed)")
    parser.set_defaults(num_images=1)
    return parser


def _main(parser: OneLineParser, argv: Sequence[str] | None, source: Callable[[Any], dict[str, Any]]) -> int:
    """Parse `argv` and save the images. source: from what was given to the setting that says what they show."""

    def program() -> int:
        given = parser.parse_args(argv)
        count = whole_number("num_images", given.num_images, 1)
        settings = Settings(**source(given), **{name: getattr(given, name) for name in LAYOUT})
        generator = SequenceGenerator(settings, given.seed)
        folder = Path(expanded(given.output_path, "output_path"))
        for sample in islice(generator, count):
            say(f"{_save(folder, sample)} (seed {generator.seed})")
        return 0

    return run_program(parser.prog, program, lambda error: with_flags(error, FLAGS))


def _save(folder: Path, sample: Sample) -> Path:
    """Write the image to a file that was not there, and return its path."""
    data = encode_png(sample.image[None], np.array([sample.image.shape[1]]))[0]
    names = chain([sample.text], (f"{sample.text}-{k}" for k in count(2)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return write_new(folder, (f"{name}.png" for name in names), data)
    except OSError as error:
        raise OutputError(f"cannot write to {folder} ({error.strerror}): name another with `output_path`") from None
