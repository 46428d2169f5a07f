"""Parquet shards with Hugging Face's features: `image` {bytes, path}, `text`, `objects` {bbox, categories}, and a
second image, `mask`, where the settings ask for masks.

Written by pyarrow. The features are in the schema's metadata under "huggingface", where `datasets` looks for them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from digitseq.files.locations import is_object
from digitseq.files.regular import open_regular
from digitseq.formats.base import StoredSample
from digitseq.formats.parts import spans
from digitseq.formats.png_encoder import encode_png
from digitseq.formats.shards import Batches, ShardFormat
from digitseq.formats.streaming import OutputBuffer
from digitseq.pipeline import Batch

READ_ROWS = 128  # rows that are read at once: images of other programs may be large
ROW_GROUP = 2048  # images: a few MB, the least that a reader loads at once
STRING, INT64 = {"dtype": "string", "_type": "Value"}, {"dtype": "int64", "_type": "Value"}
FEATURES = {
    "image": {"_type": "Image"},
    "text": STRING,
    "objects": {
        "bbox": {"feature": {"feature": INT64, "_type": "Sequence"}, "_type": "Sequence"},
        "categories": {"feature": STRING, "_type": "Sequence"},
    },
}


class OutputFormat(ShardFormat):
    """See `Format`."""

    format_name, digits, suffix = "parquet", 5, "parquet"

    def pieces(self, batches: Batches, start: int, stop: int) -> Generator[bytes, None, None]:
        """A Parquet file, a row group at a time."""
        import pyarrow as pa
        from pyarrow import parquet

        options: dict[str, Any] = {
            "compression": {"image.bytes": "none", "mask.bytes": "none"}, "use_dictionary": ["text"]
        }  # fmt: skip
        output, writer = OutputBuffer(), None
        with ExitStack() as until_written:
            for group in spans(start, stop, ROW_GROUP):
                made = []
                for batch in batches(*group):
                    made.append(_rows(batch))
                    yield b""  # work is in progress
                rows = pa.Table.from_batches(made)
                if writer is None:  # the first images show whether there are masks
                    file = pa.PythonFile(output, mode="w")
                    writer = until_written.enter_context(parquet.ParquetWriter(file, rows.schema, **options))
                writer.write_table(rows, row_group_size=ROW_GROUP)
                yield output.drain()
        yield output.drain()

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        import pyarrow as pa
        from pyarrow import parquet

        for path in files:
            try:
                # Arrow's own files are faster than Python's
                opened: AbstractContextManager[Any] = open_regular(path) if is_object(path) else nullcontext(path)
                # with pre_buffer, more and more of the file would be in memory
                with opened as source, parquet.ParquetFile(source, pre_buffer=False) as file:
                    for batch in file.iter_batches(READ_ROWS):
                        for row in batch.to_pylist():
                            image, objects = row["image"] or {}, row.get("objects") or {}
                            name = image.get("path") or path.name
                            boxes, characters = objects.get("bbox"), objects.get("categories")
                            yield StoredSample(name, image.get("bytes"), row["text"], boxes, characters)
            except pa.ArrowException as error:
                raise ValueError(str(error)) from None


def _schema(masks: bool) -> Any:
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    objects = pa.struct([("bbox", pa.list_(pa.list_(pa.int64()))), ("categories", pa.list_(pa.string()))])
    features = FEATURES | ({"mask": FEATURES["image"]} if masks else {})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    fields = [("image", image), ("text", pa.string()), ("objects", objects), *[("mask", image)] * masks]
    return pa.schema(fields, metadata=metadata)


def _rows(batch: Batch) -> Any:
    import pyarrow as pa

    # Arrow's nested lists are flat arrays with offsets: per image a range of boxes, per box a range of four numbers
    used = batch.classes >= 0
    numbers = pa.array(batch.boxes[used].astype(np.int64).ravel())
    corners = pa.array(np.arange(0, len(numbers) + 1, 4, dtype=np.int32))
    ends = pa.array(np.concatenate([[0], np.cumsum(used.sum(axis=1))]).astype(np.int32))
    boxes = pa.ListArray.from_arrays(ends, pa.ListArray.from_arrays(corners, numbers))
    # without gaps, which have no glyph
    drawn = [c for text, row in zip(batch.texts, used) for c in compress(text, row)]
    categories = pa.ListArray.from_arrays(ends, pa.array(drawn, pa.string()))
    paths = pa.array([f"{number}.png" for number in range(batch.start + 1, batch.start + 1 + len(batch))], pa.string())
    schema = _schema(batch.masks is not None)
    image, *mask = (
        pa.StructArray.from_arrays(
            [pa.array(encode_png(pixels, batch.width), pa.binary()), paths], fields=list(schema.field("image").type)
        )
        for pixels in (batch.images, batch.masks)
        if pixels is not None
    )
    columns = [
        image,
        pa.array(batch.texts, pa.string()),
        pa.StructArray.from_arrays([boxes, categories], fields=list(schema.field("objects").type)),
        *mask,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
