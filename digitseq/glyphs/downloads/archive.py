"""Members of a zip file, local or remote: located by name, limited to their published size, verified by sha256."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from digitseq.errors import DataError, one_line
from digitseq.files.atomic import replacing
from digitseq.files.regular import open_regular
from digitseq.glyphs.catalog import ARCHIVE_FOLDER, File

DIRECTORY_BYTES = 1 << 20  # of the list of members, some 10,000 entries: zipfile reads it into memory
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, RuntimeError, ValueError)
_CHUNK = 1 << 16


class _BoundedReader(io.BufferedReader):
    """A zip file whose list of members must not be longer than `DIRECTORY_BYTES`."""

    def read(self, size: int | None = -1) -> bytes:
        limit = DIRECTORY_BYTES + 1  # one more byte shows that there is more
        data = super().read(limit if size is None or size < 0 else min(size, limit))
        if len(data) == limit:
            raise zipfile.BadZipFile(f"its list of members has more than {DIRECTORY_BYTES:,} bytes")
        return data


def unpack(path: Path, file: File, target: Path) -> None:
    """Extract `file` from the local zip file `path` to `target`. Raises `DataError` and `OSError`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            replacing(target) as output,
            _BoundedReader(open_regular(path).detach()) as source,
            zipfile.ZipFile(source) as archive,
        ):
            extract(archive, file, output)
    except (*DAMAGED, DataError) as error:
        reason = error if isinstance(error, DataError) else f"it is damaged: {one_line(error)}"
        raise DataError(f"{path} cannot be used ({reason}): delete it") from None


def extract(archive: zipfile.ZipFile, file: File, target: BinaryIO) -> None:
    """Write the member of `archive` with the name of `file` to `target`, and verify it.

    Never unpacks more than the published size. Raises `DataError` for an archive that lacks the member or has other
    contents, and one of `DAMAGED`, which may be `EOFError` for a member that ends early.
    """
    member = f"{ARCHIVE_FOLDER}/{file.name}"
    if member not in archive.namelist():
        raise DataError(f"{archive.filename or 'the archive'} has no member {member}")
    info = archive.getinfo(member)
    # zipfile unpacks at most `file_size` bytes, but the other methods of compression a whole block at once.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{member} has an unexpected compression method (type {info.compress_type})")
    if info.file_size != file.size:
        raise DataError(f"{member} has {info.file_size:,} bytes in the archive, expected {file.max_size:,}")
    found = hashlib.sha256()
    with archive.open(info) as source:
        while data := source.read(_CHUNK):
            found.update(data)
            target.write(data)
    if (sha256 := found.hexdigest()) != file.sha256:
        raise DataError(f"{member} is not the published file (sha256 {sha256[:12]}…, expected {file.sha256[:12]}…)")
