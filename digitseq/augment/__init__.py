"""Distortions: every operation draws its parameters first, then applies them as a pure function."""

from digitseq.augment.augmentation import Augmentation
from digitseq.augment.base import ImageOperation
from digitseq.augment.chain import GlyphChain
from digitseq.augment.registry import CLASSES, OPERATIONS, PRESETS, describe, list_augmentations, parse_augment
from digitseq.lazy_imports import lazy_attributes

__all__ = [
    "OPERATIONS",
    "PRESETS",
    "Augmentation",
    "GlyphChain",
    "ImageOperation",
    "describe",
    "list_augmentations",
    "parse_augment",
    *CLASSES,
]

__getattr__ = lazy_attributes(__name__, CLASSES)  # Elastic and all other operations
