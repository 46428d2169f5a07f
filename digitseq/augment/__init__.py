"""Distortions: every operation draws its parameters first, then applies them as a pure function."""

from digitseq.augment.augmentation import Augmentation
from digitseq.augment.background import Background
from digitseq.augment.base import GlyphOperation, ImageOperation, Images, Parameters
from digitseq.augment.blur import Blur, Downscale, Jpeg, MotionBlur
from digitseq.augment.chain import GlyphChain
from digitseq.augment.elastic import Elastic
from digitseq.augment.geometry import Rotate, Scale, Shear, Shift
from digitseq.augment.intensity import Noise
from digitseq.augment.line import LineMap, Perspective, Slope, Wave
from digitseq.augment.morphology import Dilate, Erode, Stroke
from digitseq.augment.noise import GaussianNoise, SaltPepper, Speckle
from digitseq.augment.occlusion import Cutout, Lines
from digitseq.augment.registry import OPERATIONS, PRESETS, describe, list_augmentations, parse_augment
from digitseq.augment.tone import Brightness, Contrast, Gamma

__all__ = [
    "OPERATIONS",
    "PRESETS",
    "Augmentation",
    "Background",
    "Blur",
    "Brightness",
    "Contrast",
    "Cutout",
    "Dilate",
    "Downscale",
    "Elastic",
    "Erode",
    "Gamma",
    "GaussianNoise",
    "GlyphChain",
    "GlyphOperation",
    "ImageOperation",
    "Images",
    "Jpeg",
    "LineMap",
    "Lines",
    "MotionBlur",
    "Noise",
    "Parameters",
    "Perspective",
    "Rotate",
    "SaltPepper",
    "Scale",
    "Shear",
    "Shift",
    "Slope",
    "Speckle",
    "Stroke",
    "Wave",
    "describe",
    "list_augmentations",
    "parse_augment",
]
