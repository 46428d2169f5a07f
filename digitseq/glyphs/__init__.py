"""Glyphs: the table of data sets, downloads, the user's own folders, and the glyph banks built from them."""

from digitseq.glyphs.catalog import DATA_SETS, DataSet, get_data_set

__all__ = ["DATA_SETS", "DataSet", "get_data_set"]
