"""The style `pen`: strings written along the centre lines of the glyphs, laid out and marked as hands do."""

GLYPH, PEN = "glyph", "pen"  # the styles
