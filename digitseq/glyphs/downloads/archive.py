"""Members of a zip file, local or remote: located by name, limited to their published size, verified by sha256."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from digitseq.errors import DataError, one_line
from digitseq.files.atomic import replacing
from digitseq.files.regular import open_regular
from digitseq.glyphs.catalog import ARCHIVE_FOLDER, File

DIRECTORY_BYTES = 1 << 20  # of the list of members, some 10,000 entries: zipfile reads it into memory
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, RuntimeError, ValueError)
_CHUNK = 1 << 16


class TruncatedMemberError(DataError):
    """A member ends early."""


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
    except DataError as error:
        raise DataError(f"{path} cannot be used ({error}): delete it") from None
    except DAMAGED as error:
        raise DataError(f"{path} cannot be used (it is damaged: {one_line(error)}): delete it") from None


def extract(archive: zipfile.ZipFile, file: File, target: BinaryIO) -> None:
    """Write the member of `archive` with the name of `file` to `target`, and verify it.

    Never unpacks more than the published size. Raises `TruncatedMemberError` for a member that ends early, and
    `DataError` for an archive that lacks the member, contains unsafe paths, is damaged, or has other contents.
    """
    for name in archive.namelist():
        inside = PurePosixPath(name.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in name:
            raise DataError(f"{archive.filename or 'the archive'} is refused: unsafe member name {name!r}")
    member = f"{ARCHIVE_FOLDER}/{file.name}"
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise DataError(f"{archive.filename or 'the archive'} has no member {member}") from None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{member} has an unexpected compression method (type {info.compress_type})")
    if info.file_size != file.size:
        raise DataError(f"{member} has {info.file_size:,} bytes in the archive, expected {file.max_size:,}")
    found, left = hashlib.sha256(), file.max_size
    try:
        with archive.open(info) as source:
            while data := source.read(min(_CHUNK, left + 1)):
                left -= len(data)
                if left < 0:  # the size in the directory was false
                    raise DataError(f"{member} unpacks to more than {file.max_size:,} bytes")
                found.update(data)
                target.write(data)
    except EOFError:
        raise TruncatedMemberError(f"{member} ends early in the archive") from None
    except DAMAGED as error:
        raise DataError(f"{member} is damaged in the archive ({one_line(error)})") from None
    if (sha256 := found.hexdigest()) != file.sha256:
        raise DataError(f"{member} is not the published file (sha256 {sha256[:12]}…, expected {file.sha256[:12]}…)")
