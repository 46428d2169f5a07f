"""Data sets: the catalog, downloads, folders of the user's own, and the list of what is installed."""

from digitseq.glyphs.catalog import DATA_SETS, DataSet, data_set

__all__ = ["DATA_SETS", "DataSet", "data_set"]
