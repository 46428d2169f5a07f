"""Which data sets of the catalog are installed, and where their files are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import COMMAND, DataError
from digitseq.glyphs.catalog import ARCHIVE_FOLDER, DATA_SETS, DataSet, File, published_digest
from digitseq.glyphs.checksums import cached_sha256
from digitseq.glyphs.glyph_files import GlyphFiles

SHIPPED = Path(__file__).parents[1] / "data"  # data sets inside the package


@dataclass(frozen=True)
class DataSetInfo:
    """The present state of a data set.

    characters: one per class; train, test: number of glyphs of each split; installed: the splits whose files or
    bank are in the cache; size: their bytes on disk; licence: of the data.
    """

    name: str
    title: str
    characters: str
    train: int
    test: int
    installed: tuple[str, ...]
    size: int
    licence: str


def list_data_sets(cache: Path) -> list[DataSetInfo]:
    """All data sets of the catalog. Raises `DataError` when the cache cannot be read."""
    try:
        return [_info(data_set, cache) for data_set in DATA_SETS.values()]
    except OSError as error:
        where = error.filename or cache
        raise DataError(
            f"cannot read the cache {where} ({error.strerror}): name another directory with `cache`"
        ) from None


def _info(data_set: DataSet, cache: Path) -> DataSetInfo:
    archive = find_archive(data_set, cache)
    installed, size = [], sum(bank.stat().st_size for bank in cache.glob(f"{data_set.name}-*.bank"))
    for name, split in data_set.splits.items():
        paths = [find_file(data_set, file, cache) for file in split.files]
        size += sum(path.stat().st_size for path in paths if path and path.is_file())
        # A bank alone is enough: it is used even after its source files are deleted.
        if all(paths) or archive or (cache / f"{data_set.name}-{name}.bank").is_file():
            installed.append(name)
    train, test = (data_set.splits[name].glyphs for name in ("train", "test"))
    return DataSetInfo(
        data_set.name, data_set.title, data_set.characters, train, test, tuple(installed), size, data_set.licence
    )


def home(data_set: DataSet, cache: Path) -> Path:
    """The directory that the data set's files are downloaded to, or that they are shipped in."""
    return (SHIPPED if data_set.shipped else cache) / data_set.folder


def find_file(data_set: DataSet, file: File, cache: Path) -> Path | None:
    """`file`, or its uncompressed form (the name without .gz), wherever a user may have put it."""
    folder = home(data_set, cache)
    if data_set.shipped:  # not checked for existence: a missing file is reported when it is read
        return folder / file.name
    places = [folder, folder / ARCHIVE_FOLDER, cache / data_set.name]
    if data_set.archive or file.name.startswith(data_set.name):  # the name alone tells which data set it belongs to
        places += [cache, cache / ARCHIVE_FOLDER]
    names = (file.name, file.name.removesuffix(".gz"))
    return next((path for place in places for name in names if (path := place / name).is_file()), None)


def find_archive(data_set: DataSet, cache: Path) -> Path | None:
    """The zip file that has the data set's files, wherever a user may have put it."""
    return find_file(data_set, data_set.archive, cache) if data_set.archive else None


def installed_files(data_set: DataSet, split: str, cache: Path) -> GlyphFiles:
    """The files of `split`: shipped, downloaded, or put into the cache by the user.

    Raises `DataError` that says what to get and where to put it when a file is missing.
    """
    pairs, published, glyphs = [], {}, {}
    for part in data_set.selected(split):
        images, labels = (_path(data_set, file, cache) for file in part.files)
        pairs.append((images, labels))
        for file, path in zip(part.files, pairs[-1]):
            if path.suffix == ".gz":
                published[path] = file.sha256
            else:
                glyphs[path] = part.glyphs
    digest, bank = published_digest(data_set, split), f"{data_set.name}-{split}.bank"
    # What the user unpacked may be anything: a bank of its own, so that it never passes for the published files.
    if glyphs:  # checksums are published for the compressed files only
        paths = [path for pair in pairs for path in pair]
        sums = "".join(cached_sha256(paths, cache / f"{data_set.name}-{split}-raw.json"))
        digest, bank = hashlib.sha256((digest + sums).encode()).hexdigest(), f"{data_set.name}-{split}-raw.bank"
    numbers = tuple(range(data_set.first_label, data_set.first_label + len(data_set.characters)))
    remedy = "install digitseq again" if data_set.shipped else f"delete it, then {COMMAND} --download {data_set.name}"
    return GlyphFiles(
        tuple(pairs), data_set.characters, numbers, data_set.transposed, digest, bank, published, glyphs, remedy
    )


def _path(data_set: DataSet, file: File, cache: Path) -> Path:
    path = find_file(data_set, file, cache)
    if path is None and (archive := find_archive(data_set, cache)):
        from digitseq.glyphs.downloads.archive import unpack  # slow to load, and rarely needed

        path = home(data_set, cache) / file.name
        unpack(archive, file, path)
    if path is None:
        problem = f"{data_set.name} is not installed"
        for name, split in data_set.splits.items():
            if all(find_file(data_set, other, cache) for other in split.files):
                problem = f"of {data_set.name} only the {name} glyphs are installed (`split` {name})"
        raise DataError(f"{problem}: {COMMAND} --download {data_set.name}, or {manual_download(data_set, cache)}")
    return path


def manual_download(data_set: DataSet, cache: Path) -> str:
    """What to fetch by hand, from where, and where to put it."""
    url, folder = data_set.urls[0], home(data_set, cache)
    if data_set.archive:
        size = f"{data_set.archive.max_size / 1e6:,.0f} MB"
        return f"fetch {url}{data_set.archive.name} ({size}) and put it into {folder}"
    names = ", ".join(file.name for file in data_set.files())
    return f"fetch {names} from {url} and put them into {folder}"
