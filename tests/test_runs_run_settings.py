"""How many images, in which form, with which labels."""

from __future__ import annotations

import pytest

from digitseq.errors import SettingsError
from digitseq.runs.run_settings import Output


@pytest.mark.parametrize(
    ("values", "count"), [({}, 1), ({"multi_core": 0}, 100), ({"size": 7}, 7), ({"size": 7, "multi_core": 4}, 7)]
)
def test_how_many(values, count):
    assert Output(**values).count == count


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"labels": ("none", "txt")}, "labels"),
        ({"format": "npz", "labels": ("coco",)}, "labels"),
        ({"format": "npz", "shard_size": 5}, "shard_size"),
        ({"shard_size": 5}, "shard_size"),
        ({"size": 0}, "size"),
        ({"seed": 2**64}, "seed"),
        ({"multi_core": -2}, "multi_core"),
    ],
)
def test_what_does_not_go_together_names_its_setting(values, setting):
    with pytest.raises(SettingsError) as caught:
        Output(**values)
    assert caught.value.setting == setting
