"""Installs a data set into the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from digitseq.errors import DataError
from digitseq.glyphs.catalog import DataSet
from digitseq.glyphs.checksums import sha256_of
from digitseq.glyphs.downloads.archive import unpack
from digitseq.glyphs.downloads.download_limits import DownloadLimits
from digitseq.glyphs.installed import find_archive, find_file, home
from digitseq.lazy_imports import import_package

DEFAULT_LIMITS = DownloadLimits()


def install(
    data_set: DataSet,
    cache: Path,
    say: Callable[[str], object],
    progress_bar: bool = False,
    limits: DownloadLimits = DEFAULT_LIMITS,
) -> None:
    """Put every file of `data_set` that is missing or damaged into `cache`.

    say: called with lines for the user; progress_bar: whether to show one on standard error. A file gets its name only
    when its sha256 is the published one. If several processes install at once, one downloads and the others wait.
    Raises `DataError` that says what to fetch by hand when no mirror delivers it, or when the cache cannot be written;
    `MissingPackageError` when a download is needed and its packages are not installed.
    """
    from fasteners import InterProcessLock

    if data_set.shipped:
        say(f"{data_set.name} is inside the package: there is nothing to download")
        return
    folder = home(data_set, cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = InterProcessLock(folder / ".lock")
        if not lock.acquire(blocking=False):
            say(f"waiting for another process that downloads into {folder}")
            lock.acquire()
        try:
            _install(data_set, cache, say, progress_bar, limits)
        finally:
            lock.release()
    except OSError as error:
        raise DataError(
            f"cannot write to {folder} ({error.strerror or error}): name another directory with `cache`"
        ) from None


def _install(
    data_set: DataSet, cache: Path, say: Callable[[str], object], progress_bar: bool, limits: DownloadLimits
) -> None:
    folder, missing = home(data_set, cache), []
    for file in data_set.files():
        path = find_file(data_set, file, cache)
        # Checksums are published for the compressed files only.
        if path is None or (path.suffix == ".gz" and sha256_of(path) != file.sha256):
            missing.append(file)
    if missing and (archive := find_archive(data_set, cache)):
        for file in missing:
            unpack(archive, file, folder / file.name)
        missing = []
    if not missing:
        say(f"{data_set.name} is in {folder} already")
        return
    for name in ("requests", "remotezip"):
        import_package(name, "downloading", "requests remotezip")
    from digitseq.glyphs.downloads.mirrors import Download

    Download(data_set, cache, limits, say, progress_bar).run(missing)
    say(f"{data_set.name} is in {folder}")
