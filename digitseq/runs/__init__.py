"""Runs: images into files, on any number of processes, whatever breaks them off."""

from digitseq.runs.workers import Stop
from digitseq.runs.writing import Report, recorded_run, write_images

__all__ = ["Report", "Stop", "recorded_run", "write_images"]
