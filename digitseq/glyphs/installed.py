"""Which data sets there are, and which of them are installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from digitseq.errors import DataError
from digitseq.glyphs.catalog import DATA_SETS, DataSet
from digitseq.glyphs.source_files import find


@dataclass(frozen=True)
class DataSetInfo:
    """One data set as it is now.

    characters: one a class; train, test: how many glyphs the splits have; installed: the splits whose files or
    bank are in the cache; size: bytes on disk of these; licence: of the data.
    """

    name: str
    title: str
    characters: str
    train: int
    test: int
    installed: tuple[str, ...]
    size: int
    licence: str


def list_data_sets(cache: Path, shipped: Path) -> list[DataSetInfo]:
    """All data sets of the catalog. shipped: the directory of those that are inside the package.

    Raises `DataError` when the cache cannot be read.
    """
    try:
        return [_info(row, cache, shipped) for row in DATA_SETS.values()]
    except OSError as error:
        where = error.filename or cache
        raise DataError(f"cannot read the cache {where} ({error.strerror}): name another directory with -c") from None


def _info(row: DataSet, cache: Path, shipped: Path) -> DataSetInfo:
    size, installed = 0, []
    archive = find(row, row.archive.name, cache) if row.archive else None
    for split, part in row.parts.items():
        paths = [shipped / row.folder / f.name if row.shipped else find(row, f.name, cache) for f in part.files]
        size += sum(path.stat().st_size for path in paths if path and path.is_file())
        if all(paths) or archive or (cache / f"{row.name}-{split}.bank").is_file():
            installed.append(split)
    size += sum(bank.stat().st_size for bank in cache.glob(f"{row.name}-*.bank"))
    counts = {split: part.glyphs for split, part in row.parts.items()}
    return DataSetInfo(
        row.name, row.title, row.characters, counts["train"], counts["test"], tuple(installed), size, row.licence
    )


def table(cache: Path, shipped: Path) -> str:
    """The list for a person: name, classes, glyphs, size, whether it is installed, licence, and what is in it."""
    heads = ("name", "classes", "train", "test", "on disk", "installed", "licence", "what")
    sets = list_data_sets(cache, shipped)
    lines = [heads, *map(_cells, sets)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    right = (1, 2, 3, 4)
    shown = [
        "  ".join(
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]
    missing = next((info.name for info in sets if len(info.installed) < 2), None)
    hint = [f"get one with run.py --download {missing}; data sets are saved in {cache}"] if missing else []
    return "\n".join([*shown, *hint])


def _cells(info: DataSetInfo) -> tuple[str, ...]:
    state = {0: "no", 1: f"{''.join(info.installed)} only", 2: "yes"}[len(info.installed)]
    size = f"{info.size / 1e6:,.1f} MB" if info.size else "-"
    counts = (f"{info.train:,}", f"{info.test:,}")
    return (info.name, str(len(info.characters)), *counts, size, state, info.licence, info.title)
