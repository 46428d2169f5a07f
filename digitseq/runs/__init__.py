"""Runs: writing images to files, in any number of processes, and recovering from interruptions."""

from digitseq.runs.splits import run_images
from digitseq.runs.workers import Stop
from digitseq.runs.writing import Report, recorded_run, write_images

__all__ = ["Report", "Stop", "recorded_run", "run_images", "write_images"]
