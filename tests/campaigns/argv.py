"""Command lines: valid ones, nearly valid ones, and nonsense. Each is done, or refused in one line."""

from __future__ import annotations

import random
from collections.abc import Callable

from .campaign import Campaign, Case, one_by_one
from .children import Limits, run_main
from .judge import BROKEN_OFF, INTERRUPTED, REFUSED, judge_end, listing

Draw = random.Random
Values = Callable[[Draw], list[str]]

NUMBERS = (
    "0", "1", "2", "3", "5", "10", "28", "100", "200", "256", "257", "-1", "-28", "-29", "1000", "65535", "65536", "1e3", "0x10",
    "1_0", "٣", "3.5", "-0", "+7", " 7", "", "nan", "inf", "-inf", "1e400", "9" * 30, "9" * 5000, "-" + "9" * 4301, "1/2", "None",
)  # fmt: skip
TEXTS = (
    "", "0", "123456", "007", "12-34", "abc", "Tokyo2026", "１２３", "٣٤", "日本", "🙂", "é", "a\u0301", "\u202e12", "1\n2", "1\t2",
    "\x1b[31m1", "\x7f", "../1", "/", "..", ".", "con", "-1", "--", "-num", "1" * 255, "1" * 256, "1" * 100_000, "\udcff1", "%s%n",
)  # fmt: skip
PATHS = (
    "out", "out/a/b", "", ".", "afile", "afile/x", "adir", "missing/x", "\udcff", "x" * 300, "/".join(["d"] * 200), "~nouser/x", "~",
    "/proc/nothing", "/dev/full", "/dev/null", "-", "lines.txt", "empty.txt", "binary", "a\nb", "\x1b[2J",
)  # fmt: skip
OPERATIONS = (
    "light", "medium", "heavy", "scan", "blur", "elastic:alpha=20..34,sigma=4", "blur:p=0.3", "blur:p=2", "blur:p=", "blur:", ":p=1", "blur:p=1,p=0",
    "rotate:angle=9..-9", "rotate:angle=1..2..3", "nothing", "", ",", "erode:width=99", "jpeg:quality=nan", "lines:count=1e9", "light,light",
)  # fmt: skip


def _near(*usual: str) -> Values:
    return lambda draw: [draw.choice(usual if draw.random() < 0.9 else NUMBERS)]


def _some(count: int, values: Values) -> Values:
    return lambda draw: [v for _ in range(count if draw.random() < 0.95 else draw.randint(0, 4)) for v in values(draw)]


def _of(*choices: str) -> Values:
    return lambda draw: [draw.choice(choices)] if draw.random() < 0.95 else [draw.choice(TEXTS)]


def _none(draw: Draw) -> list[str]:
    return [] if draw.random() < 0.97 else [draw.choice(TEXTS)]


def _ratio(draw: Draw) -> list[str]:
    return draw.choice(
        (
            ["0.8", "0.1", "0.1"],
            ["1", "0", "0"],
            ["0", "0", "1"],
            ["0.5", "0.5"],
            ["nan"] * 3,
            ["1", "1", "-1"],
            ["0.3"] * 3,
        )
    )


def _labels(draw: Draw) -> list[str]:
    names = ("jsonl", "txt", "easyocr", "coco", "yolo", "tesseract", "none", "jsonl,txt", "nothing")
    return draw.choices(names, k=draw.randint(0, 4))


SOURCES: dict[str, Values] = {
    "-num": _of("0", "123456", "007"), "--number": _of("12"), "--random_digits": _some(2, _near("3", "5")), "--random_text": _some(2, _near("4")),
    "--amounts": lambda draw: [] if draw.random() < 0.5 else _some(2, _near("3", "5"))(draw),
    "--phone": _of("JP", "US", "GB", "DE", "XX", "jp"), "--pattern": _of("[0-9]{4}", "20[0-9]{2}", "(", "a*", "[0-9]{1,3}-?", "(?:0|1){8}"),
    "--numbers": _of("12", "-5", "-1-2", "x", ""), "--numbers_file": _of("lines.txt", "empty.txt", "binary", "-", "afile", "adir", "/dev/null", "missing"),
}  # fmt: skip
OTHERS: dict[str, Values] = {
    "--phone_type": _of("mobile", "fixed_line", "any"), "--phone_format": _of("digits", "national", "e164"), "--unique": _none,
    "--balanced": _none, "--label_case": _of("as_given", "upper", "lower"), "--signs": _of("draw", "gap", "refuse"), "--gap_labels": _of("drop", "keep"), "-c": _of("cache", "afile", "/dev/null"),
    "-o": _of("out", "deep/er", *PATHS), "-r": _none, "--dataset": _of("mnist", "emnist-byclass", "adir", "./adir", "afile", "~nouser/x", ""),
    "--transpose": _none, "--split": _of("train", "test", "all"), "--format": _of("png", "webdataset", "lmdb", "parquet", "npz"),
    "--labels": _labels, "--shard_size": _near("1", "7", "1000"), "--split_ratio": _ratio, "-iw": _near("0", "100", "200", "1000", "65535"), "-min": _near("-28", "0", "3"), "-max": _near("3", "10", "28"),
    "--invert": _none, "-da": _none, "-ra": _none, "-e": _some(2, _near("1", "2", "15")), "-d": _some(2, _near("1", "2", "15")), "-a": _near("-180", "9.5", "0"), "-n": _near("0", "0.1", "1"),
    "--augment": _of(*OPERATIONS), "--preview": _of("sheet.png", "adir", "missing/x.png"), "-m": _of("0", "1", "2", "3", "-1", "-2"),
    "-s": _near("1", "3", "40", "3000", "1000000000"), "--size": _near("2"), "--seed": _near("0", "18446744073709551615"), "--resume": _none, "--quiet": _none,
}  # fmt: skip
INSTEAD = (
    ["--help"],
    ["--version"],
    ["--list_datasets"],
    ["--list_augmentations"],
    ["--download", "nothing"],
    ["--download", "mnist"],
)


def command_line(draw: Draw) -> list[str]:
    """Words after the program's name; some, as the usual commands are shown where there are none."""
    if draw.random() < 0.06:
        words = list(draw.choice(INSTEAD))
    else:
        words = [] if draw.random() < 0.05 else _flag(draw, SOURCES)
    for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 5))):
        words += _flag(draw, OTHERS if draw.random() < 0.97 else SOURCES)
    if draw.random() < 0.15:
        _spoil(draw, words)
    return [word.replace("\0", "") for word in words] or ["--help"]


def _flag(draw: Draw, flags: dict[str, Values]) -> list[str]:
    flag = draw.choice(list(flags))
    values = flags[flag](draw)
    return [f"{flag}={values[0]}"] if len(values) == 1 and draw.random() < 0.2 else [flag, *values]


def _spoil(draw: Draw, words: list[str]) -> None:
    place = draw.randrange(len(words) + 1)
    kind = draw.randrange(3)
    if kind == 0 or place == len(words):
        words.insert(place, draw.choice(TEXTS + PATHS + NUMBERS))
    elif kind == 1:
        del words[place]
    else:
        at = draw.randrange(len(words[place]) + 1)
        words[place] = (
            words[place][:at]
            + chr(draw.choice((draw.randrange(1, 128), draw.randrange(128, 0x3000))))
            + words[place][at:]
        )


def judge(case: Case) -> str:
    """One command line, in a folder with a few files."""
    draw = case.draw()
    words = command_line(draw)
    folder = case.folder
    (folder / "lines.txt").write_text("12\n345\n\n0\n")
    (folder / "empty.txt").write_text("\n")
    (folder / "binary").write_bytes(draw.randbytes(500))
    (folder / "afile").write_text("12\n")
    (folder / "adir").mkdir()
    (folder / "config.py").write_text("size = 2\nseed = 3\n")
    before = listing(folder)
    stdin = draw.choice((b"", b"1\n22\n", b"\xff\xfe", b"1" * 300 + b"\n"))
    ended = run_main(words, folder, Limits(memory=2 << 30, interrupt=3), stdin)
    about = " ".join(f"{word[:80]!r}" for word in words)
    outcome = judge_end(ended, {0, BROKEN_OFF, REFUSED, INTERRUPTED}, about)
    if ended.code == REFUSED:
        after = listing(folder)
        changed = [
            n for n in before.keys() | after.keys() if before.get(n) != after.get(n) and not n.startswith("cache")
        ]
        assert not changed, f"{about}: refused, but {sorted(changed)[:3]} changed"
    return outcome


CAMPAIGN = Campaign(
    "argv", "command lines", "done, or refused in one line with nothing written; never a traceback", short=100, long=1_000,
    run=one_by_one(judge),
)  # fmt: skip
