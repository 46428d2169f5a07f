"""Amounts of money: how long, how round, and with which digits; and on the command line and over HTTP."""

from __future__ import annotations

import base64
import json
import re
import shlex
import signal
from collections import Counter
from math import log10

import numpy as np
import pytest
from support.folders import records
from support.formats import tree
from support.sources import chi_square, texts

from digitseq.errors import SettingsError
from digitseq.generator import SequenceGenerator
from digitseq.options import flag_words
from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.shell.parser import OPTIONS, parse
from digitseq.sources.amounts import LENGTH_WEIGHTS, Amounts
from digitseq.sources.choose import for_run

MANY = 100_000


@pytest.fixture(scope="module")
def found() -> list[str]:
    return texts(Amounts(), 0, MANY)


def round_share(found: list[str], zeros: int) -> float:
    return sum(text.endswith("0" * zeros) for text in found) / len(found)


def test_most_have_four_or_five_digits(found):
    lengths = Counter(map(len, found))
    counts = [lengths[length] for length in range(1, 11)]
    assert sum(counts) == MANY
    assert abs(chi_square(counts, np.array(LENGTH_WEIGHTS) * MANY / 100)) < 6
    assert {length for length, _ in lengths.most_common(2)} == {4, 5}


@pytest.mark.parametrize(
    ("low", "high", "weights"),
    [
        (3, 5, {3: 13, 4: 17, 5: 17}),
        (9, 12, {9: 4, 10: 3, 11: 3, 12: 3}),  # longer ones are as frequent as those of ten digits
        (20, 22, {20: 3, 21: 3, 22: 3}),
        (1, 2, {1: 1, 2: 5}),
    ],
)
def test_other_lengths_keep_their_proportions(low, high, weights):
    lengths = Counter(map(len, texts(Amounts(low, high), 0, 20_000)))
    assert set(lengths) == set(weights)
    expected = [weights[length] * 20_000 / sum(weights.values()) for length in weights]
    assert abs(chi_square([lengths[length] for length in weights], expected)) < 6


@pytest.mark.parametrize(("low", "high"), [(1, 1), (7, 7), (255, 255), (1, 255), (250, 255)])
def test_texts_have_the_lengths_asked_for_and_no_leading_zero(low, high):
    for text in texts(Amounts(low, high), 0, 2000):
        assert low <= len(text) <= high
        assert re.fullmatch("[1-9][0-9]*", text)


def test_first_digits_follow_benford(found):
    """In each length, and so in texts that are round or have equal digits."""
    shares = np.array([log10(1 + 1 / digit) for digit in range(1, 10)])
    for some in (found, [t for t in found if len(t) == 2], [t for t in found if re.search("00$", t)]):
        first = Counter(text[0] for text in some)
        assert set(first) == set("123456789")
        assert abs(chi_square([first[digit] for digit in "123456789"], shares * len(some))) < 6


def test_a_third_is_round(found):
    """Beside those whose last digits are 0 by chance."""
    shares = {1: 0.25, 2: 0.3, 3: 0.35, 4: 0.1}  # of the round ones, by their zeros
    long = [text for text in found if len(text) > 5]
    for zeros in (1, 2, 3, 4):
        expected = 0.65 * 0.1**zeros + 0.35 * sum(shares[z] * 0.1 ** max(zeros - z, 0) for z in shares)
        assert round_share(long, zeros) == pytest.approx(expected, abs=0.01)
    three = [text for text in found if len(text) == 3]  # of which the first digit is never one of the zeros
    assert round_share(three, 2) == pytest.approx(0.35 * (0.75 + 0.25 * 0.1) + 0.65 * 0.01 + 0.0025, abs=0.015)
    two = [text for text in found if len(text) == 2]  # 10, 20, ... by chance only
    assert round_share(two, 1) == pytest.approx(0.1, abs=0.02)


def test_a_tenth_has_equal_digits_in_a_row(found):
    """Beside those that have them by chance."""
    two = [text[0] == text[1] for text in found if len(text) == 2]
    assert sum(two) / len(two) == pytest.approx(0.1 + 0.9 * 0.1, abs=0.02)
    six = [text for text in found if len(text) == 6]
    others = [bool(re.search(r"(.)\1", text)) for text in six if not text.endswith("0")]  # none that was made round
    assert sum(others) / len(others) == pytest.approx(1 - (1 - 0.1 / 0.65) * 0.9**5, abs=0.02)
    three = [text[0] == text[1] == text[2] for text in found if len(text) == 3 and not text.endswith("0")]
    expected = (0.55 * 0.01 + 0.05 * 0.1 + 0.05) / (0.6 * 0.9 + 0.05)  # of two equal digits, and of three
    assert sum(three) / len(three) == pytest.approx(expected, abs=0.012)
    places = Counter(m.start() for text in six if (m := re.search(r"([1-9])\1\1", text)))
    assert set(places) == {0, 1, 2, 3}  # anywhere
    assert min(places.values()) > 0.5 * max(places.values())


def test_other_digits_are_uniform():
    plain = [text for text in texts(Amounts(8, 8), 0, 40_000) if not re.search(r"0$|(.)\1", text)]
    for place in (2, 5):
        counts = Counter(text[place] for text in plain)
        assert min(counts[digit] for digit in "0123456789") > 0.85 * len(plain) / 10


def test_a_text_is_the_same_in_any_batch():
    for source in (Amounts(), Amounts(3, 40)):
        together = source.codes(Rows.span(5, 0, 300))
        for start, stop in ((0, 1), (1, 8), (8, 300)):
            assert np.array_equal(source.codes(Rows.span(5, start, stop)), together[start:stop])


def test_images_are_the_same_in_any_batch():
    generator = SequenceGenerator(Settings(amounts=(1, 10)), 3)
    whole = generator.batch(0, 8)
    assert whole.texts == ["24605200", "15351533", "13322", "44", "40000", "57888395", "42", "1074"]
    for index in range(8):
        assert np.array_equal(generator.batch(index, index + 1).images[0], whole.images[index])


@pytest.mark.parametrize(("low", "high", "count"), [(1, 1, 9), (2, 2, 90), (1, 3, 999), (4, 4, 9000)])
def test_unique_finds_every_amount(low, high, count):
    assert Amounts(low, high).count == count
    found = texts(for_run(Amounts(low, high), count, 2, True), 0, count)
    assert sorted(map(int, found)) == [*range(10 ** (low - 1), 10**high)]
    with pytest.raises(SettingsError, match=f"the source gives {count:,}: ask for at most {count:,}"):
        for_run(Amounts(low, high), count + 1, 2, True)


def test_unique_amounts_of_many_lengths_are_different():
    found = texts(for_run(Amounts(), 50_000, 2, True), 0, 50_000)
    assert len(set(found)) == 50_000
    assert Amounts().count == 10**10 - 1


@pytest.mark.parametrize(
    ("words", "lengths"),
    [
        ([], (1, 10)),
        (["3", "5"], (3, 5)),
        (["7", "7"], (7, 7)),
        (["-s", "3"], (1, 10)),
        (["--unique"], (1, 10)),
        (["12", "255", "-iw", "0"], (12, 255)),
    ],
)
def test_forms_of_the_flag(tmp_path, words, lengths):
    settings = parse(["--amounts", *words], tmp_path / "config.py").settings
    assert settings.amounts == lengths
    again = parse(flag_words("amounts", OPTIONS["amounts"], settings.amounts), tmp_path / "config.py").settings
    assert again == Settings(amounts=lengths)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["5", "3"], "--amounts takes the smallest length first, got 5 and 3: change their order"),
        (["3"], "--amounts must be a whole number from 1 to 255 for each of low, high, got 3"),
        (["3", "5", "7"], "for each of low, high, got 3, 5, 7"),
        (["0", "5"], "got 0, 5"),
        (["1", "256"], "got 1, 256"),
        (["-3", "5"], "got -3, 5"),
        (["few", "many"], "got 'few', 'many'"),
        (["--balanced"], "--balanced works with --random_digits and --random_text only"),
        (["-num", "12"], "exactly one source must be given"),
        (["1", "1", "--unique", "-s", "10"], "the source gives 9: ask for at most 9"),
    ],
)
def test_bad_forms_of_the_flag_are_refused_in_one_line(refused, words, message):
    assert message in refused("--amounts", *words)


@pytest.mark.parametrize("given", [(5, 3), (3,), 3, "1,10", (1, 256), (1.0, 5), True, ()])
def test_settings_refuse_other_lengths(given):
    with pytest.raises(SettingsError, match="^amounts "):
        Settings(amounts=given)


def test_a_file_of_settings_has_a_pair(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("amounts = (2, 6)\n")
    assert parse(["-r"], config).settings.amounts == (2, 6)
    assert parse(["-r", "--amounts"], config).settings.amounts == (1, 10)
    assert parse(["-r", "-num", "12"], config).settings == Settings("12")


def test_help_shows_that_both_values_may_be_left_out(run):
    shown = " ".join(run("--help").stdout.split())
    assert "--amounts [LOW HIGH] amounts of money" in shown
    assert "(default LOW HIGH: 1 10)" in shown


def test_a_run_is_recorded_and_made_again(run, tmp_path):
    assert run("--amounts", "-s", 40, "--seed", 3).returncode == 0
    folder = tmp_path / "output" / "amounts"
    generator = SequenceGenerator(Settings(amounts=(1, 10)), 3)
    assert [record["text"] for record in records(folder)] == generator.batch(0, 40).texts
    (record,) = json.loads((folder / "run.json").read_text())["runs"]
    assert record["settings"]["amounts"] == [1, 10]
    assert "already complete" in run("--amounts", "-s", 40, "--seed", 3, "--resume").stdout
    assert "its amounts is [1, 10], not [1, 9]" in run("--amounts", 1, 9, "-s", 40, "--seed", 3, "--resume").stderr


def test_a_killed_run_is_resumed(run, start, tmp_path, gate_at):
    words = ("--amounts", 2, 6, "--unique", "-s", 3000, "-m", 2)
    assert run(*words, "--seed", 3, "-o", "once").returncode == 0
    process = start(*words, "--seed", 3, gate=(gate := gate_at(1500)))
    gate.wait()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = run(*words, "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(tmp_path / "output" / "amounts") == tree(tmp_path / "once" / "amounts")


@pytest.mark.parametrize("query", ["amounts=1,10", "amounts=3,5&unique=true"])
def test_the_service_makes_the_images_of_the_command_line(run, tmp_path, cache, query):
    pytest.importorskip("fastapi")
    from support.service import serve

    with serve(tmp_path) as served:
        found = served.client.get("/v1/samples.json", params=f"{query}&seed=11").json()
        assert run(*shlex.split(found["command"])[2:], "-o", "out").returncode == 0
        for sample in found["samples"]:
            written = tmp_path / "out" / "amounts" / f"{sample['index'] + 1}.png"
            assert base64.b64decode(sample["image"]) == written.read_bytes()
        for bad in ("amounts=3", "amounts=5,3", "amounts=", "amounts=1,10&number=12", "amounts=1,10&balanced=true"):
            answer = served.client.get(f"/v1/samples.json?{bad}")
            assert answer.status_code == 422, bad
            assert "\n" not in answer.json()["detail"]
        (about,) = [one for one in served.client.get("/v1/options").json()["settings"] if one["name"] == "amounts"]
        assert (about["source"], about["type"], about["example"]) == (True, "pair", [1, 10])
        body = {"amounts": [2, 4], "size": 3, "seed": 1}
        assert served.client.post("/v1/datasets", json=body).is_success
