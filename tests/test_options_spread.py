"""Parameters with a distribution, and objects of such parameters as text."""

from __future__ import annotations

import numpy as np
import pytest

from digitseq.errors import SettingsError
from digitseq.options import Normal, Option, Spread, options
from digitseq.options.parameters import shown_value
from digitseq.options.spread import normal
from digitseq.pen.style import PenStyle, list_styles, parse_style

EVENLY = (np.arange(100_000) + 0.5) / 100_000
PLAIN = Spread(-5, 5, "pixels", whole=False, usual=(-2, 2))
LOG = Spread(0.01, 1, "", whole=False, usual=(0.04, 0.15), log=True)


def test_normal_numbers_are_normal():
    found = normal(EVENLY)
    assert found.mean() == pytest.approx(0, abs=1e-3)
    assert found.std() == pytest.approx(1, abs=0.01)
    assert np.mean(np.abs(found) < 1) == pytest.approx(0.6827, abs=2e-3)
    assert (np.diff(found) > 0).all() and np.abs(found).max() < 4
    assert np.isfinite(normal(np.array([0.0, np.nextafter(1, 0)]))).all()


@pytest.mark.parametrize(
    ("kind", "value", "mean", "deviation", "ends"),
    [
        (PLAIN, (1.0, 1.0), 1, 0, (1, 1)),
        (PLAIN, (-1.0, 3.0), 1, 4 / 12**0.5, (-1, 3)),
        (PLAIN, Normal(0.5, 0.3), 0.5, 0.3, (-2, 2)),
        (PLAIN, Normal(0, 9), 0, 1.83, (-2, 2)),
        (PLAIN, Normal(4, 0.3), 4, 0.3, (-5, 5)),
        (LOG, Normal(0.5, 0.1), 0.5025, 0.05, (0.01, 1)),
        (LOG, Normal(0.085, 0.1), 0.0854, 0.0085, (0.04, 0.15)),
        # whoever asks for what is not usual gets it
        (PLAIN, Normal(4, 0.1), 4, 0.1, (3, 5)),
        (LOG, Normal(0.5, 0.1), 0.5025, 0.0503, (0.01, 1)),
    ],
)
def test_values_have_the_distribution_that_is_given(kind, value, mean, deviation, ends):
    found = kind.draw(value, EVENLY)
    assert found.mean() == pytest.approx(mean, rel=0.01, abs=0.01)
    assert found.std() == pytest.approx(deviation, rel=0.05, abs=1e-9)
    assert ends[0] <= found.min() <= found.max() <= ends[1]


def test_the_median_of_a_log_normal_value_is_what_is_written_first():
    assert np.median(LOG.draw(Normal(0.085, 0.3), EVENLY)) == pytest.approx(0.085, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", (0.5, 0.5)),
        ("-1..2", (-1.0, 2.0)),
        ("0.5~0.25", Normal(0.5, 0.25)),
        ("-0.5~1", Normal(-0.5, 1.0)),
        ("0.123456789", (0.123456789, 0.123456789)),
        ("0.5~9.99999999", Normal(0.5, 9.99999999)),
    ],
)
def test_what_is_written_is_read_and_written_again(text, value):
    cleaned = Option(PLAIN, "").clean("x", PLAIN.parse(text))
    assert cleaned == value and type(cleaned) is type(value)
    assert shown_value(cleaned) == text


@pytest.mark.parametrize(
    "text", ["", "~", "1~", "~1", "a~1", "1~-1", "9~1", "1~99", "1..", "2..1", "6", "1~2~3", "nan~1"]
)
def test_what_is_no_distribution_is_refused(text):
    with pytest.raises(SettingsError, match=r"x must be a number from -5 to 5 pixels, or a pair.*mean~deviation"):
        Option(PLAIN, "").clean("x", PLAIN.parse(text))


def test_every_parameter_of_the_pen_is_listed_and_can_be_pinned_and_ranged():
    listed = list_styles()
    for name, option in options(PenStyle).items():
        low, high = option.kind.low, option.kind.high
        assert f"    {name}: {option.help}" in listed
        middle = round((low + high) / 2, 3)
        assert getattr(parse_style(f"pen:{name}={middle:g}"), name) in (middle, (middle, middle))
        if isinstance(option.kind, Spread):
            assert getattr(parse_style(f"pen:{name}={low:g}..{high:g}"), name) == (low, high)
            assert getattr(parse_style(f"pen:{name}={middle:g}~0.01"), name) == Normal(middle, 0.01)


def test_values_far_from_the_default_are_not_cut_at_the_usual_ones():
    style = parse_style("pen:gap=2~0.1,width=0.2~0.1")
    for name, mean in (("gap", 2), ("width", 0.2)):
        found = options(PenStyle)[name].kind.draw(getattr(style, name), EVENLY)
        assert found.mean() == pytest.approx(mean, rel=0.02)
