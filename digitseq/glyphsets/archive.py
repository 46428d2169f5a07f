"""Taking single members out of a zip file, on disk or far away, no further than their published size."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from digitseq.errors import DataError
from digitseq.glyphsets.catalog import ARCHIVE_FOLDER, File

_CHUNK = 1 << 16


class CutOff(DataError):
    """A member ends early."""


def extract(
    archive: zipfile.ZipFile, file: File, largest: int, path: Path, progress: Callable[[int], object] | None = None
) -> None:
    """Write the member of `archive` that has the published name of `file` to `path`, and check it.

    At most `largest` bytes are unpacked. Raises `DataError` for an archive that lacks the member, has a name that
    leads out of a directory, is damaged, or holds other bytes than the published ones; then `path` may be there.
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
    if info.file_size > largest or (file.size is not None and info.file_size != file.size):
        raise DataError(f"{member} has {info.file_size:,} bytes in the archive, {file.size or largest:,} are published")
    try:
        found = _copy(archive, info, largest, path, progress)
    except EOFError:
        raise CutOff(f"{member} ends early in the archive") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:  # the last: encrypted, or an unknown compression
        raise DataError(f"{member} is damaged in the archive ({error})") from None
    if found != file.sha256:
        raise DataError(f"{member} is not the published file (sha256 {found[:12]}…, expected {file.sha256[:12]}…)")


def _copy(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, largest: int, path: Path, progress: Callable[[int], object] | None
) -> str:
    """Unpack one member; returns its sha256."""
    found, left = hashlib.sha256(), largest
    with archive.open(info) as source, open(path, "wb") as target:
        while data := source.read(min(_CHUNK, left + 1)):
            left -= len(data)
            if left < 0:
                raise DataError(f"{info.filename} unpacks to more than the {largest:,} bytes that are published")
            found.update(data)
            target.write(data)
            if progress:
                progress(len(data))
    return found.hexdigest()
