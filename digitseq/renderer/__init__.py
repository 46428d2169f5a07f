"""Texts in, images and boxes out: what renders them, what is kept of it, and how wide texts are."""

from digitseq.renderer.rendering import Appearance, Rendered, Renderer

__all__ = ["Appearance", "Rendered", "Renderer"]
