"""What `scale.py` measures and simulates."""

from __future__ import annotations

import xml.etree.ElementTree
from dataclasses import replace

import pytest

from . import scale
from .measured_owner import measure_owner
from .simulated_cluster import Cluster, Outcome, Store, simulate

DISK = Store(size=1e6, each=1e-4)
QUIET = Cluster(4, 200, 1.0, DISK, spread=0.0, slow=0.0, life=1e12, scheduler=0.0)  # nothing ever goes wrong


def accounted(outcome: Outcome) -> float:
    return outcome.efficiency + sum(outcome.lost.values())


def test_a_run_in_which_nothing_goes_wrong_takes_as_long_as_its_parts():
    outcome = simulate(QUIET)
    assert outcome.seconds == pytest.approx(50.0, rel=0.01)
    assert outcome.bottleneck == "none"


@pytest.mark.parametrize(
    ("loss", "change"),
    [
        ("window", {"window": 1, "slow": 0.05}),
        ("scheduler", {"scheduler": 1.0}),
        ("owner", {"store": replace(DISK, each=1.0)}),
        ("storage", {"store": replace(DISK, together=1e6)}),
        ("failures", {"life": 20.0, "restart": 60.0, "window": 50}),
        ("slow parts", {"slow": 0.5, "window": 50}),
        ("end", {"parts": 5}),
    ],
)
def test_what_limits_a_run_is_named_and_all_time_is_accounted_for(loss, change):
    outcome = simulate(replace(QUIET, **change))
    assert outcome.bottleneck.partition(",")[0] == loss
    assert accounted(outcome) == pytest.approx(1.0, abs=0.02 if loss != "failures" else 0.2)


def test_a_window_of_many_parts_hides_slow_parts_and_dead_workers():
    cluster = replace(QUIET, workers=20, parts=4000, slow=0.01, life=500.0)
    narrow, wide = (simulate(replace(cluster, window=window)) for window in (2, 64))
    assert wide.efficiency > 1.5 * narrow.efficiency
    assert narrow.made_ahead <= 40 < wide.made_ahead
    assert narrow.deaths > 0
    assert simulate(cluster) == simulate(cluster)


def test_many_objects_are_published_in_one_step():
    store = Store(1e6, each=0.05, step=0.14, at_once=64, most=256)
    assert store.publication(1) == pytest.approx(0.19)
    assert store.publication(256) == pytest.approx(0.34)


@pytest.mark.slow
def test_the_owner_of_a_run_publishes_stops_and_resumes_with_flat_memory(tmp_path):
    small, large = (measure_owner(folder, parts) for folder, parts in ((tmp_path / "a", 20), (tmp_path / "b", 1000)))
    assert large.memory < 1.1 * small.memory
    assert 100 < large.journal < 300


def test_the_picture_is_an_svg_with_a_line_for_each_case():
    hours = {(name, workers): 10 / workers for name in ("a", "b") for workers in scale.WORKERS}
    windows = {"c": [(1, 0.2), (16, 0.9)]}
    root = xml.etree.ElementTree.fromstring(scale.chart(hours, windows))
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 5  # two ideals among them
