"""Numbers with a distribution: exactly this, uniform in a range, or normal."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitseq.options.numbers import Number, NumberRange

STEPS = 4096  # parts of the normal distribution, equally likely, between which it is interpolated


class Normal(NamedTuple):
    """A normal distribution; of a parameter that is log-normal, `mean` is the median."""

    mean: float
    deviation: float


class Spread(NumberRange):
    """A number, a pair (low, high), uniform in between, or a `Normal`, written mean~deviation.

    usual: the least and greatest value that comes out of a normal distribution, unless its mean is beyond them: then
    the whole range counts; log: the logarithm is normal
    """

    name = "spread"

    def __init__(
        self, low: float, high: float, unit: str = "", whole: bool = True, *, usual: tuple[float, float],
        log: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(low, high, unit, whole)
        self.usual, self.log = usual, log

    def expected(self) -> str:
        kind = "median~sigma, log-normal" if self.log else "mean~deviation, normal"
        kept = (
            "" if self.usual == (self.low, self.high) else ", kept from {:g} to {:g} if the mean is".format(*self.usual)
        )
        return f"{super().expected()}, or {kind}{kept}"

    def convert(self, value: Any) -> Any:
        if not isinstance(value, Normal):
            return super().convert(value)
        deviation = float(value.deviation)
        if not 0 <= deviation <= (math.log(self.high / self.low) if self.log else self.high - self.low):
            raise ValueError
        return Normal(Number.convert(self, value.mean), deviation)

    def parse(self, text: str) -> Any:
        mean, tilde, deviation = text.partition("~")
        if not tilde:
            return super().parse(text)
        parts = [Number.parse(self, part) for part in (mean, deviation)]
        return text if any(isinstance(part, str) for part in parts) else Normal(*parts)

    def draw(self, value: tuple[float, float] | Normal, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Uniform numbers in [0, 1) turned into values of this distribution."""
        if not isinstance(value, Normal):
            low, high = value
            return low + draws * (high - low)
        deviations = value.deviation * normal(draws)
        found = value.mean * np.exp(deviations) if self.log else value.mean + deviations
        return np.clip(found, *self.ends(value))

    def ends(self, value: tuple[float, float] | Normal) -> tuple[float, float]:
        """The least and greatest value that can be drawn."""
        if not isinstance(value, Normal):
            return value
        least, most = self.usual
        return self.usual if least <= value.mean <= most else (self.low, self.high)


def normal(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) turned into normal ones with mean 0 and deviation 1, at most 3.5 from the mean."""
    place = draws * STEPS
    before = place.astype(np.int64)
    table = _quantiles()
    low: NDArray[np.float64] = table.take(before)
    low += (table.take(before + 1) - low) * (place - before)
    return low


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.float64]:
    from statistics import NormalDist  # programs that draw no such numbers start sooner without

    inverse = NormalDist().inv_cdf
    inner = [inverse(k / STEPS) for k in range(1, STEPS)]
    return np.array([inverse(0.25 / STEPS), *inner, inverse(1 - 0.25 / STEPS)])
