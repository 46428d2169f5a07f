"""All operations by name, their form as text (`elastic:alpha=4..8,sigma=4`), and the presets."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from digitseq.augment.base import Operation
from digitseq.errors import SettingsError, did_you_mean
from digitseq.options.parameters import described, listed, parsed

CLASSES = {  # class name to module, in the order in which they are listed
    "Erode": "morphology",
    "Dilate": "morphology",
    "Rotate": "geometry",
    "Noise": "noise",
    "Shear": "geometry",
    "Scale": "geometry",
    "Stroke": "morphology",
    "Shift": "geometry",
    "Elastic": "elastic",
    "Perspective": "line",
    "Wave": "line",
    "Slope": "line",
    "Brightness": "tone",
    "Contrast": "tone",
    "Gamma": "tone",
    "GaussianNoise": "noise",
    "SaltPepper": "noise",
    "Speckle": "noise",
    "Blur": "blur",
    "MotionBlur": "blur",
    "Downscale": "resolution",
    "Jpeg": "blur",
    "Cutout": "occlusion",
    "Lines": "occlusion",
    "Background": "background",
    "Fade": "uneven",
    "Paper": "paper",
    "Guilloche": "guilloche",
    "Blotches": "uneven",
    "Fibre": "uneven",
    "Falloff": "paper",
    "Resolution": "resolution",
    "Sharpen": "blur",
}
READS_FILES = "folder"  # a parameter: whether it is valid depends on files, so texts with it are not cached

_LOADED = [getattr(importlib.import_module(f"digitseq.augment.{module}"), name) for name, module in CLASSES.items()]
OPERATIONS: dict[str, Any] = {operation.name: operation for operation in _LOADED}

# `light` varies the writing alone, for readers that also see clean images; `medium` adds paper and camera; `heavy` is
# for reading under bad conditions, and not every digit stays readable; `scan` is paper and camera alone, as forms and
# cheques look when photographed: it goes with any style.
PRESETS: dict[str, tuple[str, ...]] = {
    "light": (
        "shear:angle=-15..15", "rotate:angle=-5..5", "scale:factor=0.85..1.15", "shift:pixels=-1..1",
        "stroke:amount=-0.45..0.25,p=0.6", "slope:angle=-2..2,p=0.5", "contrast:factor=0.75..1.2,p=0.5",
    ),
    "medium": (
        "elastic:alpha=8..20,p=0.4", "shear:angle=-14..14", "rotate:angle=-7..7", "scale:factor=0.8..1.15",
        "shift:pixels=-2..2", "stroke:amount=-0.4..0.7,p=0.7", "slope:angle=-1.5..1.5,p=0.5", "wave:p=0.2",
        "perspective:strength=0..0.08,p=0.2", "background:p=0.4", "lines:p=0.1", "contrast:factor=0.6..1.3,p=0.5",
        "brightness:shift=-0.1..0.1,p=0.5", "gaussian_noise:std=0.01..0.07,p=0.5", "blur:sigma=0.3..0.8,p=0.4",
        "downscale:factor=1.2..1.6,p=0.15", "jpeg:quality=40..90,p=0.2",
    ),
    "heavy": (
        "elastic:alpha=10..34,p=0.7", "shear:angle=-25..25", "rotate:angle=-14..14", "scale:factor=0.65..1.2",
        "shift:pixels=-3..3", "stroke:amount=-0.7..1.4", "slope:angle=-3..3", "wave:p=0.5", "perspective:p=0.5",
        "background:p=0.7", "lines:p=0.3", "cutout:p=0.2", "contrast:factor=0.5..1.5,p=0.7", "brightness:p=0.6",
        "gamma:p=0.3", "gaussian_noise:std=0.02..0.12,p=0.6", "salt_pepper:p=0.2", "blur:sigma=0.4..1.1,p=0.4",
        "motion_blur:p=0.3", "downscale:p=0.3", "jpeg:quality=20..80,p=0.4",
    ),
    "scan": (
        "fade:p=0.5", "paper", "guilloche:p=0.45", "blotches:p=0.3", "fibre:p=0.3", "falloff:p=0.6",
        "blur:sigma=0.25..0.7,p=0.65", "gaussian_noise:std=0.002..0.03,p=0.8", "resolution:digit_height=14..42",
        "sharpen:p=0.35", "jpeg:quality=45..95,p=0.6",
    ),
}  # fmt: skip


def parse_augment(given: str | Operation | Iterable[str | Operation]) -> tuple[Operation, ...]:
    """Operations from a text, an operation, or several of them, in order; presets become their operations.

    A text is NAME or NAME:key=value,…, where a value is a number, a pair low..high, or a word. Raises
    `SettingsError` for anything else, with the nearest right name.
    """
    if isinstance(given, str):
        return tuple(map(_parse, PRESETS.get(given.strip(), (given,))))
    if isinstance(given, Operation) and given.name in OPERATIONS:
        return (given,)
    if not isinstance(given, Iterable):
        raise SettingsError(f"augment must be operations or their names, got {given!r}", "augment")
    return tuple(operation for item in given for operation in parse_augment(item))


def texts_of(given: str | Operation | Iterable[str | Operation]) -> tuple[str, ...]:
    """What `parse_augment` makes of `given`, each as `describe` writes it. Raises the same errors."""
    if isinstance(given, str) and READS_FILES not in given:
        return _cached_texts(given)
    if isinstance(given, (list, tuple)):
        return tuple(text for item in given for text in texts_of(item))
    return tuple(describe(operation) for operation in parse_augment(given))


@lru_cache(maxsize=256)  # settings are checked for every request of the service, mostly with the same texts
def _cached_texts(text: str) -> tuple[str, ...]:
    return tuple(map(describe, parse_augment(text)))


def with_presets(texts: list[str]) -> list[str]:
    """`texts`, as `texts_of` gives them, with the name of a preset for all of its operations in a row."""
    for name in PRESETS:
        operations = list(texts_of(name))
        for first in range(len(texts) - len(operations) + 1):
            if texts[first : first + len(operations)] == operations:
                return [*with_presets(texts[:first]), name, *with_presets(texts[first + len(operations) :])]
    return texts


def describe(operation: Operation) -> str:
    """The text from which `parse_augment` makes an equal operation; only what differs from the defaults."""
    return described(operation.name, operation)


def list_augmentations() -> str:
    """All operations with what they do, their parameters, ranges and defaults, and the presets, for a terminal."""
    lines = []
    for name, operation in OPERATIONS.items():
        summary = " ".join(operation.__doc__.partition("\n\n")[0].split())
        lines += [f"{name} ({operation.level}): {summary}", *listed(operation)]
    lines.append("presets:")
    lines += [f"    {name}: {' '.join(texts)}" for name, texts in PRESETS.items()]
    return "\n".join(lines)


def _parse(text: str) -> Operation:
    name, _, rest = text.strip().partition(":")
    if name in PRESETS:
        raise SettingsError(f"augment: the preset {name} takes no parameters, got {text!r:.60}", "augment")
    if name not in OPERATIONS:
        hint = did_you_mean(name, [*OPERATIONS, *PRESETS])
        raise SettingsError(f"augment: unknown operation {name!r:.60}; {hint}", "augment")
    operation: Operation = parsed(OPERATIONS[name], name, rest, "augment")
    return operation
