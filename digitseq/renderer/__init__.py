"""Texts in, images and boxes out: what renders them, what is kept of it, and how wide texts are."""

from digitseq.renderer.appearance import Appearance
from digitseq.renderer.rendering import Rendered, Renderer

__all__ = ["Appearance", "Rendered", "Renderer"]
