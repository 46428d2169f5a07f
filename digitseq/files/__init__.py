"""Atomic writes, and reads of regular files only."""
