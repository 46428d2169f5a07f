"""From a data set's name to its glyph bank: verified, built once into the cache, opened by memory map."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from digitseq.errors import DataError, DigitseqWarning, SettingsError
from digitseq.glyphs.bank import GlyphBank, open_bank, save_bank
from digitseq.glyphs.catalog import DataSet, get_data_set, is_folder, published_digest
from digitseq.options import expanded

if TYPE_CHECKING:  # what is in the cache opens sooner without what builds it
    from digitseq.glyphs.glyph_files import GlyphFiles
    from digitseq.glyphs.scaled_bank import ScaledBank
    from digitseq.glyphs.scaling import Scaling
    from digitseq.glyphs.stroke_bank import StrokeBank

DEFAULT = "mnist"  # the data set inside the package
T = TypeVar("T")


class CacheKind(Generic[T]):
    """How files of the cache are opened, with the digest that they must have, and saved."""

    def __init__(self, open: Callable[[Path, str], T], save: Callable[[T, Path], None]) -> None:
        self.open, self.save = open, save


GLYPHS = CacheKind(open_bank, save_bank)


class NoCacheError(SettingsError):
    """There is no cache directory: none is given, and the user has no home directory."""


def cache_directory(cache: str | os.PathLike[str] | None = None) -> Path:
    """`cache` if given, else `$DIGITSEQ_CACHE`, else the user's cache directory. It need not exist.

    Raises `SettingsError` when it is a file, and `NoCacheError` for a user without a home (in a container).
    """
    chosen = os.fspath(cache or os.environ.get("DIGITSEQ_CACHE") or _user_cache())
    path = Path(expanded(chosen, "cache"))
    try:
        if path.is_dir() or not path.exists():
            return path
        problem = "is a file"
    except OSError as error:
        problem = f"cannot be used ({error.strerror})"
    raise SettingsError(f"cache must be a directory, {str(path)[:60]} {problem}: name another with `cache`", "cache")


def _user_cache() -> str:
    from platformdirs import user_cache_dir

    try:
        found = user_cache_dir("digitseq", appauthor=False)
    except RuntimeError:
        found = "~"
    if found.startswith("~"):  # platformdirs returns an unexpanded path when no home directory is known
        raise NoCacheError(
            "this user has no home directory to save data sets in: name a directory with `cache` or $DIGITSEQ_CACHE",
            "cache",
        )
    return found


def load_bank(
    split: str = "train", cache: str | None = None, dataset: str = DEFAULT, transpose: bool = False
) -> GlyphBank:
    """The glyph bank of the `split` ("train", "test" or "all") of a data set.

    dataset: a name of the catalog, or the path of a folder with idx files or pictures; transpose: for idx files in a
    folder only, whether rows and columns of the stored glyphs are swapped, as EMNIST's are.

    The first call builds the bank into the cache. A damaged or outdated cache file is built again, with a
    `DigitseqWarning`; without a writable cache the bank is built in memory, with a warning. Raises `SettingsError`
    for an unknown data set, and for any but MNIST when there is no cache directory; `DataError` when the data set is
    not installed or its files are damaged.
    """
    try:
        directory = cache_directory(cache)
    except NoCacheError as error:
        if dataset != DEFAULT or transpose:
            raise
        warnings.warn(
            f"{error}; until then the glyphs are read into memory at every start", DigitseqWarning, stacklevel=2
        )
        return _installed(get_data_set(DEFAULT), split, Path()).build()
    if is_folder(dataset):
        from digitseq.glyphs.own_folder import folder_files

        own = folder_files(dataset, split, transpose, directory)
        return _open_or_build(directory / own.bank, own.digest, own.build, GLYPHS)
    data_set = get_data_set(dataset)
    if transpose:
        raise SettingsError(f"transpose is for folders of your own: {dataset} comes upright without it", "transpose")
    # The bank first: its source files may have been deleted.
    path = directory / f"{dataset}-{split}.bank"
    bank = _open_valid(path, published_digest(data_set, split), GLYPHS)
    if bank is not None:
        return bank
    try:
        files = _installed(data_set, split, directory)
    except OSError as error:
        raise DataError(f"cannot use {error.filename} for {dataset} ({error.strerror})") from None
    make = _build_into if files.bank == path.name else _open_or_build
    return make(directory / files.bank, files.digest, files.build, GLYPHS)


def load_scaled(base: GlyphBank, scaling: Scaling, cache: str | None = None) -> ScaledBank:
    """The glyphs of `base`, a bank of `load_bank` with the same cache, in another size.

    Up to a size that takes a few seconds, they are built into the cache once, as `load_bank` does. Glyphs of larger
    banks are scaled when they are used.
    """
    from digitseq.glyphs.scaled_bank import ScaledBank, is_large, scaled_bank, scaled_digest

    # without a path, the cache cannot be written; that was said when `base` was loaded
    if base.path is None or is_large(base, scaling):
        return ScaledBank(base, scaling)
    share = "" if scaling.glyph_height is None else f"-g{scaling.glyph_height:g}"
    letters = "" if scaling.line is None else "-letters"
    path = cache_directory(cache) / f"{base.path.stem}-h{scaling.height}{share}{letters}.bank"
    digest = scaled_digest(base.digest, scaling)
    return ScaledBank(base, scaling, _open_or_build(path, digest, lambda: scaled_bank(base, scaling), GLYPHS))


def load_strokes(bank: GlyphBank) -> StrokeBank:
    """The centre lines of the glyphs of `bank`, one of `load_bank`, out of the same cache.

    The first call finds them, which takes up to a minute, with a progress bar on a terminal.
    """
    from digitseq.glyphs.stroke_bank import build_strokes, open_strokes, save_strokes, strokes_digest

    if bank.path is None:  # the cache cannot be written; that was said when `bank` was loaded
        return build_strokes(bank)
    path, kind = bank.path.with_suffix(".lines"), CacheKind(open_strokes, save_strokes)
    return _open_or_build(path, strokes_digest(bank), lambda: build_strokes(bank), kind)


def _installed(data_set: DataSet, split: str, directory: Path) -> GlyphFiles:
    from digitseq.glyphs.installed import installed_files

    return installed_files(data_set, split, directory)


def _open_or_build(path: Path, digest: str, build: Callable[[], T], kind: CacheKind[T]) -> T:
    return _open_valid(path, digest, kind) or _build_into(path, digest, build, kind)


def _open_valid(path: Path, digest: str, kind: CacheKind[T]) -> T | None:
    """The cached file, or None when there is none or it has to be built again."""
    try:
        return kind.open(path, digest)
    except FileNotFoundError:
        return None
    except (DataError, OSError) as error:
        warnings.warn(f"{error}; building it again", DigitseqWarning, stacklevel=4)
        return None


def _build_into(path: Path, digest: str, build: Callable[[], T], kind: CacheKind[T]) -> T:
    from fasteners import InterProcessLock

    built = None
    # Without the lock, all workers that start at once would build the same bank, each with memory of its own.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with InterProcessLock(path.with_suffix(".lock")):
            try:  # another process may have built it while this one waited
                return kind.open(path, digest)
            except (DataError, OSError):
                built = build()
                kind.save(built, path)
                return kind.open(path, digest)
    except OSError as error:
        warnings.warn(
            f"cannot write the cache {path.parent} ({error.strerror}): the glyphs are read into memory at every start; "
            "name a writable directory with `cache` or $DIGITSEQ_CACHE",
            DigitseqWarning,
            stacklevel=4,
        )
        return build() if built is None else built
