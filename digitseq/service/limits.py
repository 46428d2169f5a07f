"""Limits on requests and on concurrent work. Each is a flag and an environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitseq.options import Number, clean_fields, options, setting


def _limit(default: int, help: str) -> Any:
    return setting(default, Number(1, 1_000_000_000), help)


@dataclass(frozen=True)
class Limits:
    """Whole numbers from 1 to 1,000,000,000 each. Raises `SettingsError` for anything else.

    >>> Limits(max_width=500).max_width
    500
    """

    max_text: int = _limit(256, "characters of a text")
    max_width: int = _limit(10_000, "pixels of an image's width")
    max_images: int = _limit(100_000, "images of one data set")
    max_body: int = _limit(131_072, "bytes of a request's body")
    max_npz: int = _limit(1_000_000_000, "bytes of pixels in a file that is made on disk before it is sent (npz, lmdb)")
    max_operations: int = _limit(32, "distortions of an image; a preset counts as all of its operations")
    max_cells: int = _limit(400_000, "working pixels for the distortion of one image's glyphs")
    concurrency: int = _limit(
        2, "batches of images, samples and data sets that each process of the service has made at the same time"
    )
    max_waiting: int = _limit(256, "requests that may wait; further ones get 429")
    max_streams: int = _limit(4, "data sets sent at the same time; further requests get 429")
    client_percent: int = _limit(
        50,
        "percent of the requests, and of what is made at the same time, that one client address may have; 100 behind a "
        "proxy",
    )
    max_seconds: int = _limit(300, "seconds that an answer may take")
    receive_seconds: int = _limit(10, "seconds in which a client must have sent its request")
    drain_seconds: int = _limit(30, "seconds that in-flight responses are given after SIGTERM")

    def __post_init__(self) -> None:
        clean_fields(self)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Limits:
        """The limits from variables such as `DIGITSEQ_MAX_WIDTH`, or their defaults."""
        known = {name: option for name, option in options(Limits).items() if variable(name) in environment}
        return cls(**{name: option.kind.parse(environment[variable(name)]) for name, option in known.items()})


def variable(name: str) -> str:
    """The environment variable of the limit `name`."""
    return f"DIGITSEQ_{name.upper()}"
