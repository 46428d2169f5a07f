"""Settings that distort glyphs in different ways."""

from __future__ import annotations

from digitseq.augment import PRESETS

LOOKS = {
    "plain": {},
    "da": {"data_augmentation": True},
    "da ra": {"data_augmentation": True, "random_all": True},
    "turned": {"angle": 60},
    "broad": {"dilate_kernel": (9, 3)},
    **{name: {"augment": name} for name in PRESETS},
}
