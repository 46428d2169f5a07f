"""Every source against what it promises, and those that need no package of their own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from support.sources import ALL, DATE, LETTERS, chi_square, numbers_file, texts

from digitseq.errors import SettingsError
from digitseq.random_streams import Rows
from digitseq.settings import SOURCES as CHOOSING
from digitseq.settings import Settings
from digitseq.sources import SOURCE_MODULES as TABLE
from digitseq.sources import Source, encode
from digitseq.sources.amounts import Amounts
from digitseq.sources.choose import for_run, source_folder, source_of
from digitseq.sources.fixed import FixedSource
from digitseq.sources.gaps import check_characters
from digitseq.sources.given_texts import GivenTexts
from digitseq.sources.lines import NumbersFile
from digitseq.sources.pattern import Pattern
from digitseq.sources.phone import Phone
from digitseq.sources.random_digits import RandomDigits

SOURCES = {
    "fixed": lambda _: FixedSource("00742"),
    "random": lambda _: RandomDigits(3, 8),
    "letters": lambda _: RandomDigits(1, 40, LETTERS),
    "amounts": lambda _: Amounts(),
    "long amounts": lambda _: Amounts(5, 70),
    "unique amounts": lambda _: for_run(Amounts(3, 6), ALL, 1, True),
    "balanced": lambda _: for_run(RandomDigits(1, 6), ALL, 1, False, True),
    "unique": lambda _: for_run(RandomDigits(2, 25), ALL, 1, True),
    "unique balanced": lambda _: for_run(RandomDigits(3, 5), ALL, 1, True, True),
    "file": numbers_file,
    "phone": lambda _: Phone("JP"),
    "phone national": lambda _: Phone("BR", format="national"),
    "phone e164": lambda _: Phone("DE", "fixed_line", "e164"),
    "unique phone": lambda _: for_run(Phone("IS", "mobile"), ALL, 1, True),
    "pattern": lambda _: Pattern(DATE),
    "pattern with lookahead": lambda _: Pattern(r"(?!00)\d{2,5}(?<!13)"),
    "unique pattern": lambda _: for_run(Pattern(r"\d{4}"), ALL, 1, True),
    "given": lambda _: GivenTexts([str(i * i) for i in range(70)]),
    "unique given": lambda _: for_run(GivenTexts([str(i % 3050) for i in range(3060)]), ALL, 1, True),
    "unique file": lambda path: for_run(numbers_file(path, 4000), ALL, 1, True),
}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    if "phone" in request.param:
        pytest.importorskip("phonenumbers")
    return SOURCES[request.param](tmp_path)


def test_a_text_does_not_depend_on_the_rows_asked_for_together_or_on_the_attempt(source):
    rows = Rows.span(1, 0, ALL)
    everything = source.codes(rows)
    assert everything.shape == (ALL, source.max_length)
    assert everything.dtype == np.uint32
    rng = np.random.default_rng(0)
    for chosen in ([5], [0, 1], range(63, 66), sorted(rng.choice(ALL, 40, replace=False)), [ALL - 1]):
        part = rows.replace(index=np.array(chosen, np.int64))
        assert np.array_equal(source.codes(part), everything[chosen])
    again = rows.again(np.array([7, 9, 2000]))
    assert np.array_equal(source.codes(again), everything[[7, 9, 2000]])


def test_a_pickled_source_is_small_and_the_same(source):
    data = pickle.dumps(source)
    copy = pickle.loads(data)
    assert len(data) < 1000 + 8 * ALL
    assert np.array_equal(copy.codes(Rows.span(1, 10, 80)), source.codes(Rows.span(1, 10, 80)))


def test_texts_are_within_what_the_source_says_of_itself(source):
    found = texts(source, 0, ALL)
    assert all(found)
    assert set("".join(found)) <= set(source.characters)
    assert max(map(len, found)) <= source.max_length
    assert len(source.longest()) <= source.max_length
    assert max(map(len, found)) <= len(source.longest()) + 1
    assert source.count is None or len(set(found)) <= source.count
    codes = source.codes(Rows.span(1, 0, ALL))
    assert np.array_equal(codes, encode(found, source.max_length))  # nothing but zeros behind a text


class EvenNumbers(Source):
    """The least that a source must define."""

    def __init__(self, digits):
        self.max_length, self.characters = digits, "0123456789"

    def longest(self):
        return "8" * self.max_length

    def codes(self, rows):
        n = self.max_length
        return encode([f"{2 * i % 10**n:0{n}}" for i in rows.index.tolist()], n)


def test_a_source_is_a_module_a_line_of_the_table_and_a_setting(monkeypatch, tmp_path):
    module = ModuleType("digitseq.sources.even_numbers")
    module.from_settings = lambda settings, characters: EvenNumbers(settings.even_numbers)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(TABLE, "even_numbers", "even_numbers")
    named = dict.fromkeys(TABLE) | {"even_numbers": 3}
    settings = SimpleNamespace(**named, signs="refuse", unique=False, balanced=False)
    assert texts(source_of(settings, "0123456789"), 1, 4) == ["002", "004", "006"]
    assert source_folder(settings) == "even-numbers"
    settings.unique = True
    source = source_of(settings, "0123456789", 500, 1)
    assert len(set(texts(source, 0, 500))) == 500
    origin = source.origin
    assert (origin.notice(), origin.ordered, origin.provenance(), origin.recorded_settings()) == (None, False, {}, {})
    with pytest.raises(SettingsError, match="501 different texts are asked for, and the source gives 500: "):
        source_of(settings, "0123456789", 501, 1)
    with pytest.raises(SettingsError, match=r"the data set has no '0' .*, only 12"):
        source_of(settings, "12", 5, 1)


def test_the_table_has_the_settings_that_choose_a_source():
    assert tuple(TABLE) == CHOOSING


def test_a_run_imports_its_own_source_only():
    program = (
        "import sys; from digitseq.settings import Settings; from digitseq.sources.choose import source_of\n"
        "source_of(Settings('12'), '0123456789')\n"
        "print(*sorted(m.removeprefix('digitseq.sources.') for m in sys.modules if m.startswith('digitseq.sources.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["base", "choose", "fixed"]


def test_another_seed_gives_other_texts():
    source = RandomDigits(8, 8)
    assert not set(texts(source, 0, 100, seed=1)) & set(texts(source, 0, 100, seed=2))


def test_texts_are_the_same_in_another_process():
    program = (
        "from digitseq.random_streams import Rows\n"
        "from digitseq.sources import decode\n"
        "from digitseq.sources.choose import for_run\n"
        "from digitseq.sources.pattern import Pattern\n"
        "from digitseq.sources.random_digits import RandomDigits\n"
        "for s in Pattern('[^3]{5}|.8'), for_run(RandomDigits(1, 30), 99, 3, True):\n"
        "    print(decode(s.codes(Rows.span(3, 0, 99))))"
    )
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONHASHSEED": str(k)},
            capture_output=True,
            check=True,
        )
        for k in (1, 2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout) > 1000


@pytest.mark.parametrize(("low", "high", "characters"), [(3, 8, "0123456789"), (1, 1, "01"), (2, 5, LETTERS)])
def test_random_lengths_and_characters_are_uniform(low, high, characters):
    found = texts(RandomDigits(low, high, characters), 0, 40_000)
    lengths = Counter(map(len, found))
    assert set(lengths) == set(range(low, high + 1))
    if low < high:
        assert abs(chi_square(list(lengths.values()), 40_000 / len(lengths))) < 6
    for place in range(low):
        counts = Counter(text[place] for text in found)
        assert abs(chi_square([counts[c] for c in characters], 40_000 / len(characters))) < 6
    if low > 1:
        pairs = Counter(text[:2] for text in found)
        assert (
            abs(chi_square([pairs[a + b] for a in characters for b in characters], 40_000 / len(characters) ** 2)) < 6
        )


@pytest.mark.parametrize(
    ("name", "parts"), [("random_digits", "min, max"), ("random_text", "min, max"), ("amounts", "low, high")]
)
def test_settings_refuse_bad_lengths(name, parts):
    for lengths in ((0, 5), (1, 256), (True, 5), (1.0, 5), (float("nan"), 5), ("3", 5), (1, None)):
        with pytest.raises(
            SettingsError, match=f"{name} must be a whole number from 1 to 255 for each of {parts}, got "
        ):
            Settings(**{name: lengths})
    with pytest.raises(SettingsError, match="takes the smallest length first, got 5 and 3"):
        Settings(**{name: (5, 3)})


def test_numpy_integers_are_whole_numbers():
    source = source_of(Settings(random_digits=(np.int64(2), np.uint8(3))), "0123456789")
    assert texts(source, 0, 50) == texts(RandomDigits(2, 3), 0, 50)
    assert type(source.minimum) is type(source.maximum) is int


def test_settings_refuse_bad_texts():
    for given, message in (
        ({"number": ""}, "number must have 1 to 255 characters, got 0"),
        ({"number": "1" * 256}, "number must have 1 to 255 characters, got 256"),
        ({"number": 12}, "number must be a text, got 12"),
        ({"number": None}, "exactly one source must be given"),
        ({"pattern": 3}, "pattern must be a text, got 3"),
    ):
        with pytest.raises(SettingsError, match=message):
            Settings(**given)


def test_characters_without_glyphs_are_refused_or_gaps(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("12\n\n3-4\n5 6\n")
    source = NumbersFile(path)
    check_characters(source, "0123456789 -", "refuse")
    check_characters(source, "0123456789", "gap")
    with pytest.raises(
        SettingsError, match=r"numbers.txt, line 4: the data set has no ' ' \(U\+0020\), only 0123456789; `signs` draw"
    ):
        check_characters(source, "0123456789", "refuse")
    for text, name in (("12a", "'a'"), ("1é", "'é'"), ("1\u00a0", r"'\\xa0'")):
        for signs in ("draw", "gap", "refuse"):
            with pytest.raises(SettingsError, match=rf"the text may have 0123456789\S* only, got {name}") as caught:
                check_characters(FixedSource(text), "0123456789", signs)
            assert "--signs" not in str(caught.value)


def test_patterns_name_characters_that_the_data_set_lacks():
    with pytest.raises(SettingsError, match="no '-'"):
        check_characters(Pattern(DATE), "0123456789", "refuse")
    check_characters(Pattern(DATE), "0123456789", "gap")
    with pytest.raises(SettingsError, match="no 'A'"):
        check_characters(Pattern("[A-F]{2}"), "0123456789", "gap")
