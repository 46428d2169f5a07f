"""WebDataset: tar files in which the members of a sample, `<key>.png`, `.txt` and `.json`, follow each other.

The archive is POSIX.1-1988 ustar (IEEE Std 1003.1, "pax", "ustar Interchange Format"). It has no times, owners or
anything else that differs between two runs.
"""

from __future__ import annotations

import itertools
import json
import tarfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitseq.files.regular import open_regular
from digitseq.formats.base import StoredSample
from digitseq.formats.png_encoder import encode_png
from digitseq.formats.shards import Batches, ShardFormat
from digitseq.labels.objects import object_lines

BLOCK = tarfile.BLOCKSIZE
KEY_DIGITS = 12
_CHECKSUM, _SIZE = slice(148, 154), slice(124, 135)
_PADDING = [b"\0" * n for n in range(BLOCK)]


class OutputFormat(ShardFormat):
    """See `Format`."""

    format_name, digits, suffix = "webdataset", 6, "tar"

    def pieces(self, batches: Batches, start: int, stop: int) -> Generator[bytes, None, None]:
        """A tar file, a batch at a time."""
        size = 0
        for batch in batches(start, stop):
            members = {
                b".png": encode_png(batch.images, batch.width),
                b".txt": [text.encode() for text in batch.texts],
                b".json": object_lines(batch),
            }
            if batch.masks is not None:
                members[b".mask.png"] = encode_png(batch.masks, batch.width)
            piece = tar_bytes(np.arange(batch.start + 1, batch.start + 1 + len(batch)), members)
            yield piece
            size += len(piece)
        end = 2 * BLOCK
        yield bytes(end + -(size + end) % tarfile.RECORDSIZE)  # archives are filled up to whole records

    def read(self, files: list[Path]) -> Iterator[StoredSample]:
        for path in files:
            with open_regular(path) as file:
                named = ((*_key_and_suffix(name), data) for name, data in _read_members(file))
                for key, members in itertools.groupby(named, lambda member: member[0]):
                    found = {suffix: data for _, suffix, data in members}
                    image = next((found[suffix] for suffix in ("png", "jpg", "jpeg") if suffix in found), None)
                    fields = json.loads(found["json"]) if "json" in found else {}
                    text, objects = fields.get("text"), fields.get("objects") or {}
                    fault = None
                    if "txt" in found and text != (text := found["txt"].decode()) and fields.get("text") is not None:
                        fault = f".txt has {text!r:.40}, .json {fields['text']!r:.40}"
                    yield StoredSample(key, image, text, objects.get("bbox"), objects.get("categories"), fault)


def _key_and_suffix(name: str) -> tuple[str, str]:
    """What webdataset takes for the key of a sample: the path up to the first dot of the file's own name."""
    folder, slash, file = name.rpartition("/")
    stem, _, suffix = file.partition(".")
    return folder + slash + stem, suffix


def _read_members(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the plain files in an archive. Raises `ValueError` for a damaged one."""
    while (header := file.read(BLOCK))[:1] != b"\0":
        if len(header) < BLOCK:
            raise ValueError("cut off")
        if header[156:157] not in b"0\0":  # extended headers and such: tarfile knows them, at a tenth of the speed
            file.seek(-BLOCK, 1)
            yield from _read_other_members(file)
            return
        name, size = header[:100].rstrip(b"\0").decode(), int(header[124:136].rstrip(b" \0"), 8)
        data = file.read(size)
        if len(data) < size:
            raise ValueError(f"ends within {name}")
        yield name, data
        file.seek(-size % BLOCK, 1)


def _read_other_members(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                if member.isfile() and (content := archive.extractfile(member)):
                    yield member.name, content.read()
    except tarfile.TarError as error:
        raise ValueError(str(error)) from None


def tar_bytes(numbers: NDArray[np.int64], members: dict[bytes, list[bytes]]) -> bytes:
    """A piece of an archive: for each of B `numbers` one member per suffix; `members[suffix]` has B files."""
    # header, file and padding of each member in turn; filled column by column, as Python is slow member by member
    pieces: list[Any] = [None] * (3 * len(members) * len(numbers))
    for place, (suffix, files) in enumerate(members.items()):
        sizes = np.array([len(data) for data in files])
        headers = tar_headers(numbers, sizes, suffix).tobytes()
        first, step = 3 * place, 3 * len(members)
        pieces[first::step] = [headers[i : i + BLOCK] for i in range(0, len(headers), BLOCK)]
        pieces[first + 1 :: step] = files
        pieces[first + 2 :: step] = [_PADDING[n] for n in (-sizes % BLOCK).tolist()]
    return b"".join(pieces)


def tar_headers(numbers: NDArray[np.int64], sizes: NDArray[np.int64], suffix: bytes) -> NDArray[np.uint8]:
    """uint8 (B, 512): the headers of members called number + `suffix`; sizes in bytes."""
    # tarfile would take longer for one header than all else does for a sample: it makes one, with 0 for all numbers
    header = tarfile.TarInfo("0" * KEY_DIGITS + suffix.decode()).tobuf(tarfile.USTAR_FORMAT)
    headers = np.tile(np.frombuffer(header, np.uint8), (len(numbers), 1))
    key, size = _digits(numbers, 10, KEY_DIGITS), _digits(sizes, 8, 11)
    headers[:, :KEY_DIGITS], headers[:, _SIZE] = key, size
    # the checksum is the sum of all bytes, so it grows as these digits do
    total = int(header[_CHECKSUM], 8) + (key - ord("0")).sum(axis=1) + (size - ord("0")).sum(axis=1)
    headers[:, _CHECKSUM] = _digits(total.astype(np.int64), 8, 6)
    return headers


def _digits(values: NDArray[np.int64], base: int, count: int) -> NDArray[np.uint8]:
    """uint8 (B, count): the values as ASCII digits in `base`, with leading zeros."""
    powers = base ** np.arange(count - 1, -1, -1)
    digits: NDArray[np.uint8] = (values[:, None] // powers % base + ord("0")).astype(np.uint8)
    return digits
