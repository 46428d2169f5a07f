"""WebDataset: tar files in which the members of a sample, `<key>.png`, `.txt` and `.json`, follow each other.

The archive is POSIX.1-1988 ustar (IEEE Std 1003.1, "pax", "ustar Interchange Format"). It has no times, owners or
anything else that differs between two runs.
"""

from __future__ import annotations

import itertools
import json
import tarfile
from collections.abc import Generator, Iterator
from functools import lru_cache
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
_KEY, _SIZE, _CHECKSUM = slice(KEY_DIGITS), slice(124, 135), slice(148, 154)
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
    key = (numbers[:, None] // 10 ** np.arange(KEY_DIGITS - 1, -1, -1) % 10).astype(np.uint8)
    # header, file and padding of each member in turn; filled column by column, as Python is slow member by member
    pieces: list[Any] = [None] * (3 * len(members) * len(numbers))
    for place, (suffix, files) in enumerate(members.items()):
        sizes = np.array([*map(len, files)])
        first, step = 3 * place, 3 * len(members)
        pieces[first::step] = tar_headers(key, sizes, suffix).view(f"V{BLOCK}")[:, 0].tolist()
        pieces[first + 1 :: step] = files
        pieces[first + 2 :: step] = [_PADDING[n] for n in (-sizes % BLOCK).tolist()]
    return b"".join(pieces)


def tar_headers(key: NDArray[np.uint8], sizes: NDArray[np.int64], suffix: bytes) -> NDArray[np.uint8]:
    """uint8 (B, 512): the headers of members called key + `suffix`. key: (B, 12), digits 0 to 9; sizes in bytes."""
    header = _header_of_zeros(suffix)
    headers = np.empty((len(key), BLOCK), np.uint8)
    headers[:] = header
    size = _octal_digits(sizes, 11)
    headers[:, _KEY] += key
    headers[:, _SIZE] += size
    # the checksum is the sum of all bytes, so it grows as these digits do
    total = int(header[_CHECKSUM].tobytes(), 8) + key.sum(axis=1, dtype=np.int64) + size.sum(axis=1, dtype=np.int64)
    headers[:, _CHECKSUM] = _octal_digits(total, 6) + ord("0")
    return headers


@lru_cache(maxsize=8)
def _header_of_zeros(suffix: bytes) -> NDArray[np.uint8]:
    """The header of an empty member whose key is 0. tarfile would take as long for one as all else for ten samples."""
    return np.frombuffer(tarfile.TarInfo("0" * KEY_DIGITS + suffix.decode()).tobuf(tarfile.USTAR_FORMAT), np.uint8)


def _octal_digits(values: NDArray[np.int64], count: int) -> NDArray[np.uint8]:
    """uint8 (B, count): digits from 0 to 7. Shifting takes a third of the time of dividing."""
    digits: NDArray[np.uint8] = (values[:, None] >> np.arange(3 * count - 3, -1, -3) & 7).astype(np.uint8)
    return digits
