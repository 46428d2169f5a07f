"""Looks at a data set on disk: what is in it, and whether everything in it fits together."""
