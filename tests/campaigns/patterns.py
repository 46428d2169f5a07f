"""Generated regular expressions: each is answered within a second of CPU time and 50 MB."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from .campaign import Campaign, Case, Result
from .children import Ended, Limits, in_child, load_program
from .judge import judge_end

BATCH = 100  # patterns a child
SECONDS, MEGABYTES = 1.0, 50
KILLED_AFTER = 5.0  # seconds of CPU time for one pattern
IMAGES = 3

SOUND = ("0", "1", "7", "42", r"\d", "[0-9]", "[^0-4]", "[135]", "-", r"\.", "", "(?:)")
ATOMS = (
    *SOUND, ".", r"\w", r"\s", r"\D", "[a-z]", " ", "é", "日", "(?=1)", "(?!1)", "(?<=1)", "(?<!0)", "^", "$", r"\b", r"\B",
    r"\A", r"\Z", r"\1", "(?i)", "(?P<n>1)", "(?P=n)", "(?#note)", "(?x: 1 2 )", "(?>1)", "1++", "[", "]", "(", ")", "*", "{",
    "}", "{,}", "|", "\\", r"\x31", r"\u0031", "[z-a]", "[^\\d]",
)  # fmt: skip
COUNTS = (0, 0, 1, 1, 2, 3, 5, 10, 50, 100, 255, 256, 1000, 65_535, 1_000_000, 4_294_967_294, 4_294_967_296)


def pattern(draw: random.Random) -> str:
    """A regular expression, or nearly one: at most about 2,000 characters."""
    if draw.random() < 0.03:
        return draw.choice(
            ("(" * 500 + "1" + ")" * 500, "(?:" * 90 + "1" + "){9}" * 90, "1" * 5000, "(1|" * 300 + "2" + ")" * 300)
        )
    return _expression(draw, draw.randint(0, 5), draw.random() < 0.5)[:2000]


def _expression(draw: random.Random, depth: int, sound: bool) -> str:
    if depth == 0 or draw.random() < 0.2:
        return draw.choice(SOUND if sound or draw.random() < 0.6 else ATOMS)
    kind = draw.randrange(4)
    if kind == 0:
        return "".join(_expression(draw, depth - 1, sound) for _ in range(draw.randint(1, 4)))
    if kind == 1:
        return f"(?:{'|'.join(_expression(draw, depth - 1, sound) for _ in range(draw.randint(1, 4)))})"
    opening = draw.choice(("(", "(?:", "(?:", "(?=", "(?!", "(?P<a>")) if not sound else "(?:"
    return f"{opening}{_expression(draw, depth - 1, sound)}){_count(draw)}"


def _count(draw: random.Random) -> str:
    low, high = sorted((draw.choice(COUNTS), draw.choice(COUNTS[: draw.randint(3, len(COUNTS))])))
    lazy = draw.choice(("", "", "", "?"))
    return draw.choice(("*", "+", "?", f"{{{low}}}", f"{{{low},{high}}}", f"{{{low},}}", f"{{,{high}}}")) + lazy


def run(seed: int, numbers: Iterable[int], scratch: Path) -> Iterator[Result]:
    """Batches of patterns in a child; where one kills the child, the next child goes on behind it."""
    load_program()
    waiting = list(numbers)
    while waiting:
        batch, folder = waiting[:BATCH], scratch / "batch"
        folder.mkdir()
        answers = scratch / "answers"
        answers.write_text("")
        ended = in_child(partial(_answer_all, seed, batch, answers), folder, Limits(300 << 20, wall=600))
        results = [_judge(seed, json.loads(line)) for line in answers.read_text().splitlines()]
        if len(results) < len(batch):
            case = batch[len(results)]
            results.append(
                Result(case, "broken", f"{_of(seed, case)!r} killed the process ({ended.code}): {ended.one_line()}")
            )
        yield from results
        waiting = waiting[len(results) :]
        shutil.rmtree(folder)


def _of(seed: int, number: int) -> str:
    return pattern(Case(seed, number, Path()).draw())


def _judge(seed: int, answer: dict) -> Result:
    case, regex = answer["case"], _of(seed, answer["case"])
    try:
        outcome = judge_end(Ended(answer["code"], "", answer["err"]), {0, 2}, repr(regex))
        assert answer["seconds"] <= SECONDS, f"{regex!r} took {answer['seconds']:.2f} s of CPU time"
        assert answer["megabytes"] <= MEGABYTES, f"{regex!r} took {answer['megabytes']:.0f} MB"
        wrong = [text for text in answer["texts"] if _refuted(regex, text)]
        assert not wrong, f"{regex!r} gave {wrong[0]!r}, which it does not match"
        assert len(answer["texts"]) == (0 if answer["code"] else IMAGES), f"{regex!r}: {answer['texts']}"
    except AssertionError as fault:
        return Result(case, "broken", str(fault))
    return Result(case, outcome)


def _refuted(regex: str, text: str) -> bool:
    """Whether `re` says that the text does not match; it may take too long to say anything."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return re.fullmatch(regex, text) is None
    except TimeoutError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _answer_all(seed: int, numbers: list[int], answers: Path) -> int:
    """In the child: the answers to patterns one after the other, a line each as soon as it is there."""
    _answer("1")  # what the program loads once is no pattern's
    for number in numbers:
        answer = _answer(_of(seed, number))
        with open(answers, "a") as file:
            file.write(json.dumps({"case": number} | answer) + "\n")
    return 0


def _answer(regex: str) -> dict:
    from digitseq.shell.cli import main

    for stream in (1, 2):
        os.ftruncate(stream, 0)
        os.lseek(stream, 0, os.SEEK_SET)
    re.purge()  # what an earlier pattern left in the cache is not this one's
    words = [
        f"--pattern={regex}",
        "--signs",
        "gap",
        "--gap_labels",
        "keep",
        "-s",
        str(IMAGES),
        "-iw",
        "0",
        "--seed",
        "1",
        "--quiet",
        "-o",
        "out",
    ]
    signal.setitimer(signal.ITIMER_PROF, KILLED_AFTER)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory counts from now on
    memory, before = _resident("VmRSS"), resource.getrusage(resource.RUSAGE_SELF)
    code = main(words)
    after = resource.getrusage(resource.RUSAGE_SELF)
    signal.setitimer(signal.ITIMER_PROF, 0)
    sys.stderr.flush()
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    err = os.pread(2, 1 << 16, 0).decode(errors="replace")
    labels = Path("out/pattern/metadata.jsonl")
    texts = [json.loads(line)["text"] for line in labels.read_text().splitlines()] if labels.exists() else []
    shutil.rmtree("out", ignore_errors=True)
    return {
        "code": code,
        "err": err,
        "seconds": seconds,
        "megabytes": (_resident("VmHWM") - memory) / 1e6,
        "texts": texts,
    }


def _resident(name: str) -> int:
    """Bytes of memory of this process, now (VmRSS) or at most (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


CAMPAIGN = Campaign(
    "patterns", "generated patterns", f"answered within {SECONDS:g} s of CPU time and {MEGABYTES} MB; texts match",
    short=200, long=10_000, run=run,
)  # fmt: skip
