"""Distortions: every operation draws its parameters first, then applies them as a pure function."""

from digitseq.augment.base import GlyphOperation, Parameters
from digitseq.augment.chain import GlyphChain, glyph_chain
from digitseq.augment.geometry import Rotate
from digitseq.augment.intensity import Noise
from digitseq.augment.morphology import Dilate, Erode

__all__ = ["Dilate", "Erode", "GlyphChain", "GlyphOperation", "Noise", "Parameters", "Rotate", "glyph_chain"]
