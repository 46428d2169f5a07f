"""Where the files of a catalogued data set stand, and what to tell its user when they do not."""

from __future__ import annotations

import hashlib
from pathlib import Path

from digitseq.errors import DataError
from digitseq.files.atomic import replacing
from digitseq.glyphs.catalog import ARCHIVE_FOLDER, DataSet, File, SplitFiles
from digitseq.glyphs.checksums import known_sums
from digitseq.glyphs.glyph_files import GlyphFiles


def home(row: DataSet, cache: Path) -> Path:
    """The directory of the cache that the data set's files are downloaded into."""
    return cache / row.folder


def find(row: DataSet, name: str, cache: Path) -> Path | None:
    """The file that has the published name `name`, or that name without .gz, wherever a user may have put it."""
    named_after_set = row.archive is not None or name.startswith(row.name)
    places = [home(row, cache), home(row, cache) / ARCHIVE_FOLDER, cache / row.name]
    places += [cache, cache / ARCHIVE_FOLDER] if named_after_set else []
    names = (name, name.removesuffix(".gz"))
    return next((path for place in places for one in names if (path := place / one).is_file()), None)


def published_digest(row: DataSet, split: str) -> str:
    """What stands for the contents of the published files of `split`."""
    sums = "".join(part.images.sha256 + part.labels.sha256 for part in row.of(split))
    meaning = f"{row.characters} {row.first_label} {row.transposed}" if row.transposed or row.first_label else ""
    return hashlib.sha256((sums + meaning).encode()).hexdigest()


def shipped_files(row: DataSet, split: str, folder: Path) -> GlyphFiles:
    """Of the data set that is inside the package, whose files are in `folder`."""
    pairs = tuple((folder / part.images.name, folder / part.labels.name) for part in row.of(split))
    return _glyph_files(
        row, split, pairs, published_digest(row, split), f"{row.name}-{split}.bank", "install digitseq again"
    )


def cached_files(row: DataSet, split: str, cache: Path) -> GlyphFiles:
    """Of a data set whose files are in the cache: downloaded, or put there by its user.

    Raises `DataError` that says what to get and where to put it when a file is missing.
    """
    pairs = tuple(
        (_path(row, part, part.images, cache), _path(row, part, part.labels, cache)) for part in row.of(split)
    )
    paths = [path for pair in pairs for path in pair]
    digest, bank = published_digest(row, split), f"{row.name}-{split}.bank"
    if any(path.suffix != ".gz" for path in paths):  # no sums of unpacked files are published
        bank = f"{row.name}-{split}-raw.bank"
        sums = "".join(known_sums(paths, cache / f"{row.name}-{split}-raw.json"))
        digest = hashlib.sha256((digest + sums).encode()).hexdigest()
    return _glyph_files(row, split, pairs, digest, bank, f"delete it, then run.py --download {row.name}")


def _glyph_files(
    row: DataSet, split: str, pairs: tuple[tuple[Path, Path], ...], digest: str, bank: str, remedy: str
) -> GlyphFiles:
    labels = tuple(range(row.first_label, row.first_label + len(row.characters)))
    published, glyphs = {}, {}
    for part, pair in zip(row.of(split), pairs):
        for file, path in zip(part.files, pair):
            if path.suffix == ".gz":
                published[path] = file.sha256
            else:
                glyphs[path] = part.glyphs
    return GlyphFiles(pairs, row.characters, labels, row.transposed, digest, bank, published, glyphs, remedy)


def _path(row: DataSet, part: SplitFiles, file: File, cache: Path) -> Path:
    path = find(row, file.name, cache)
    if path is None and row.archive and (archive := find(row, row.archive.name, cache)):
        path = home(row, cache) / file.name
        unpack(archive, file, part.largest(file), path)
    if path is None:
        raise DataError(f"{_lack(row, part, cache)}: run.py --download {row.name}, or {by_hand(row, cache, part)}")
    return path


def unpack(archive: Path, file: File, largest: int, path: Path) -> None:
    """Take `file` out of the zip file `archive` to `path`. Raises `DataError` when it is not in there as published."""
    from digitseq.glyphs.downloads.archive import extract_from  # slow to load, and rarely needed

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as target:
        try:
            extract_from(archive, file, largest, target)
        except DataError as error:
            raise DataError(f"{archive} cannot be used ({error}): delete it") from None


def _lack(row: DataSet, lacking: SplitFiles, cache: Path) -> str:
    """That `row` is not installed, or which of its splits is."""
    for split, part in row.parts.items():
        if part != lacking and all(find(row, file.name, cache) for file in part.files):
            return f"of {row.name} only the {split} glyphs are installed (--split {split})"
    return f"{row.name} is not installed"


def by_hand(row: DataSet, cache: Path, *parts: SplitFiles) -> str:
    """What to fetch, from where, and where to put it."""
    if row.archive:
        size = f" ({row.archive.size / 1e6:,.0f} MB)" if row.archive.size else ""
        return f"fetch {row.urls[0]}{row.archive.name}{size} and put it into {home(row, cache)}"
    names = [file.name for part in parts for file in part.files]
    return f"fetch {', '.join(names)} from {row.urls[0]} and put them into {home(row, cache)}"
