"""One run whose workers are killed again and again, and are restarted by their nannies."""

from __future__ import annotations

import random
from contextlib import ExitStack

import pytest

from .children import Ended
from .judge import judge_end
from .scene import Scene, Strike
from .spread_setups import Spread, by_values, data_set
from .started import Started, run

pytest.importorskip("distributed")

KILLS = 10


@pytest.mark.slow
def test_workers_of_a_cluster_are_killed_ten_times_in_one_run(tmp_path):
    setup = Spread("webdataset", store=False, maker="local", in_pieces=False)
    (words,) = setup.what()
    judge_end(run([*words, "-m", "1"], tmp_path / "once", tmp_path / "log"), {0})
    # each of the 15 parts takes two steps at least
    strikes = [Strike("worker", number) for number in random.Random(11).sample(range(1, 31), KILLS)]
    out, log = tmp_path / "out", tmp_path / "struck"
    with ExitStack() as cleanup:
        scene = Scene(tmp_path, cleanup)
        with scene.planned(strikes, out, log):
            started = Started([*words, *setup.how("")], out, log / "run", environment=scene.environment("owner"))
            ended: list[Ended] = scene.ends([started])
    judge_end(ended[0], {0})
    assert len((log / "struck").read_text().splitlines()) == KILLS
    assert started.all_ended()
    assert data_set(by_values(out)) == data_set(by_values(tmp_path / "once"))
