"""Taking single members out of a zip file, on disk or far away, no further than their published size."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from digitseq.errors import DataError, one_line
from digitseq.files.regular import open_regular
from digitseq.glyphs.catalog import ARCHIVE_FOLDER, File
from digitseq.glyphs.downloads.budget import Progress

DIRECTORY_BYTES = 1 << 20  # of the list of members, which zipfile reads at once: some 10,000 of them
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, RuntimeError, ValueError)
_CHUNK = 1 << 16


class CutOff(DataError):
    """A member ends early."""


class _Bounded(io.BufferedReader):
    """A zip file whose directory claims no more than it may."""

    def read(self, size: int | None = -1) -> bytes:
        most = DIRECTORY_BYTES + 1 if size is None or size < 0 else size  # one more tells that it is too long
        claimed = most if most > DIRECTORY_BYTES + 1 else len(data := super().read(most))
        if claimed > DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members claims {claimed:,} bytes")
        return data


def extract_from(path: Path, file: File, largest: int, target: BinaryIO, progress: Progress | None = None) -> None:
    """`extract` out of the zip file `path`. Raises `DataError`, also when that is none, and `OSError`."""
    try:
        with _Bounded(open_regular(path).detach()) as source, zipfile.ZipFile(source) as archive:
            extract(archive, file, largest, target, progress)
    except DAMAGED as error:
        raise DataError(f"it is damaged: {one_line(error)}") from None


def extract(
    archive: zipfile.ZipFile,
    file: File,
    largest: int,
    target: BinaryIO,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write the member of `archive` that has the published name of `file` to `target`, and check it.

    At most `largest` bytes are unpacked. Raises `DataError` for an archive that lacks the member, has a name that
    leads out of a directory, is damaged, or holds other bytes than the published ones.
    """
    for name in archive.namelist():
        inside = PurePosixPath(name.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in name:
            raise DataError(f"{archive.filename or 'the archive'} is refused: its member {name!r} leads out of it")
    member = f"{ARCHIVE_FOLDER}/{file.name}"
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise DataError(f"{archive.filename or 'the archive'} has no member {member}") from None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{member} is compressed in another way (type {info.compress_type}) than the published one")
    if info.file_size > largest or (file.size is not None and info.file_size != file.size):
        raise DataError(f"{member} has {info.file_size:,} bytes in the archive, {file.size or largest:,} are published")
    try:
        found = _copy(archive, info, largest, target, progress)
    except EOFError:
        raise CutOff(f"{member} ends early in the archive") from None
    except DAMAGED as error:
        raise DataError(f"{member} is damaged in the archive ({one_line(error)})") from None
    if found != file.sha256:
        raise DataError(f"{member} is not the published file (sha256 {found[:12]}…, expected {file.sha256[:12]}…)")


def _copy(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    largest: int,
    target: BinaryIO,
    progress: Progress | None,
) -> str:
    """Unpack one member; returns its sha256."""
    found, left = hashlib.sha256(), largest
    with archive.open(info) as source:
        while data := source.read(min(_CHUNK, left + 1)):
            left -= len(data)
            if left < 0:
                raise DataError(f"{info.filename} unpacks to more than the {largest:,} bytes that are published")
            found.update(data)
            target.write(data)
            if progress:
                progress(len(data))
    return found.hexdigest()
