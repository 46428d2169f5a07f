"""From a data set's name to its glyph bank: verify, build once into the cache, open by memory map."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from digitseq.errors import DataError, DigitseqWarning, SettingsError
from digitseq.glyphs.bank import GlyphBank, open_bank, save_bank
from digitseq.glyphs.catalog import data_set
from digitseq.glyphs.glyph_files import GlyphFiles
from digitseq.glyphs.own_folder import folder_files, is_folder
from digitseq.glyphs.source_files import cached_files, published_digest, shipped_files
from digitseq.options import expanded

DEFAULT = "mnist"  # the data set inside the package
SHIPPED = Path(__file__).parents[1] / "data"  # data sets inside the package


class NoCacheError(SettingsError):
    """There is no cache directory: none is named, and the user has no home directory."""


def cache_directory(cache: str | os.PathLike[str] | None = None) -> Path:
    """`cache` if given, else `$DIGITSEQ_CACHE`, else the user's cache directory.

    Raises `SettingsError` when that is a file, and when there is none (a container's user without a home).
    """
    chosen = os.fspath(cache or os.environ.get("DIGITSEQ_CACHE") or _user_cache())
    path = Path(expanded(chosen, "cache"))
    try:
        there = path.exists()
    except OSError as error:
        raise SettingsError(
            f"cache {str(path)[:60]} cannot be used ({error.strerror}): name another with -c", "cache"
        ) from None
    if there and not path.is_dir():
        raise SettingsError(f"cache must be a directory, got the file {path}: name another with -c", "cache")
    return path


def _user_cache() -> str:
    from platformdirs import user_cache_dir

    try:
        found = user_cache_dir("digitseq", appauthor=False)
    except RuntimeError:
        found = "~"
    if found.startswith("~"):  # what platformdirs gives where no home directory is known
        raise NoCacheError(
            "this user has no home directory to save data sets in: name a directory with -c or $DIGITSEQ_CACHE", "cache"
        )
    return found


def load_bank(
    split: str = "train", cache: str | None = None, dataset: str = DEFAULT, transpose: bool = False
) -> GlyphBank:
    """The glyph bank of the `split` ("train", "test" or "all") of a data set.

    dataset: a name of the catalog, or the path of a folder with idx files; transpose: of a folder, whether its
    glyphs are stored with rows for columns, as EMNIST's are.

    Built into the cache at the first call. A damaged or outdated cache file is built again, with a
    `DigitseqWarning`; a cache that cannot be written means a warning and a bank in memory. Raises `SettingsError`
    for an unknown data set, and where there is no cache directory for any but MNIST; `DataError` when it is not
    installed or its files are damaged.
    """
    try:
        directory = cache_directory(cache)
    except NoCacheError as error:
        if dataset != DEFAULT or transpose:
            raise
        warnings.warn(
            f"{error}; until then the glyphs are read into memory at every start", DigitseqWarning, stacklevel=2
        )
        return _shipped(split).build()
    if is_folder(dataset):
        return _open_or_build(folder_files(dataset, split, transpose, directory), directory)
    row = data_set(dataset)
    if transpose:
        raise SettingsError(f"transpose is for folders of your own: {dataset} comes upright without it", "transpose")
    if row.shipped:
        return _open_or_build(_shipped(split), directory)
    ready = _open_sound(directory / f"{row.name}-{split}.bank", published_digest(row, split))
    if ready is not None:  # its files need not be there any more
        return ready
    try:
        files = cached_files(row, split, directory)
    except OSError as error:
        raise DataError(f"cannot use {error.filename} for {row.name} ({error.strerror})") from None
    return _open_or_build(files, directory)


def _shipped(split: str) -> GlyphFiles:
    row = data_set(DEFAULT)
    return shipped_files(row, split, SHIPPED / row.folder)


def _open_or_build(files: GlyphFiles, directory: Path) -> GlyphBank:
    path = directory / files.bank
    return _open_sound(path, files.digest) or _build_into(path, files)


def _open_sound(path: Path, digest: str) -> GlyphBank | None:
    """The cached bank, or None when there is none or it has to be built again."""
    try:
        return open_bank(path, digest)
    except FileNotFoundError:
        return None
    except (DataError, OSError) as error:
        warnings.warn(f"{error}; building it again", DigitseqWarning, stacklevel=5)
        return None


def _build_into(path: Path, files: GlyphFiles) -> GlyphBank:
    from fasteners import InterProcessLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with InterProcessLock(path.with_suffix(".lock")):
            ready = _open_quietly(path, files.digest)  # another process may have built it while this one waited
            if ready is None:
                save_bank(files.build(), path)
                ready = open_bank(path, files.digest)
            return ready
    except OSError as error:
        warnings.warn(
            f"cannot write the cache {path.parent} ({error.strerror}): the glyphs are read into memory at every start; "
            "name a writable directory with -c or $DIGITSEQ_CACHE",
            DigitseqWarning,
            stacklevel=4,
        )
        return files.build()


def _open_quietly(path: Path, digest: str) -> GlyphBank | None:
    try:
        return open_bank(path, digest)
    except (DataError, OSError):
        return None
