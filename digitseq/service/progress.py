"""Data sets in frames that say how many of their images are made."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator, Iterable

from starlette.datastructures import Headers

from digitseq.pipeline import Batch, Pipeline

MEDIA_TYPE = "application/vnd.digitseq.progress"
AT_ONCE = 128  # images
HEAD = struct.Struct(">II")  # images made so far, bytes of the file that follow


class StreamedPipeline(Pipeline):
    """`pipeline` in small batches, counting in `made` how many images it has made."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.__dict__ |= pipeline.__dict__  # prepared and checked already
        self.made = 0

    @property
    def batch_size(self) -> int:
        """Larger batches are a sixth faster, but keep the processor from short answers for longer."""
        return min(super().batch_size, AT_ONCE)

    def batch(self, start: int, stop: int) -> Batch:
        """See `Pipeline.batch`."""
        found = super().batch(start, stop)
        self.made += stop - start
        return found


def in_frames(pieces: Iterable[bytes], pipeline: StreamedPipeline) -> Generator[bytes, None, None]:
    """Each of `pieces`, which are made with `pipeline`, in a frame of its own; empty ones, too: they tell of work."""
    for piece in pieces:
        yield HEAD.pack(pipeline.made, len(piece)) + piece


def wants_progress(headers: Headers) -> bool:
    """Whether the request accepts frames by their name: `*/*` means the plain file, and `;q=0` not to send them."""
    for kind in ",".join(headers.getlist("accept")).split(","):
        name, *parameters = (part.strip().lower() for part in kind.split(";"))
        if name == MEDIA_TYPE:
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", parameter) for parameter in parameters)
    return False
