"""From a data set's name to its glyph bank: verify, build once into the cache, open by memory map."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitseq.errors import DataError, DigitseqWarning, SettingsError
from digitseq.glyphs import GlyphBank, build_bank, open_bank, save_bank
from digitseq.idx import parse_idx

_DATA = Path(__file__).with_name("data")


@dataclass(frozen=True)
class _Part:
    """The two idx files of one split and their sha256 sums."""

    images: str
    labels: str
    images_sha256: str
    labels_sha256: str


# Sums of the files as published (gzip).
_MNIST = {
    "train": _Part(
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    ),
    "test": _Part(
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
    ),
}


def cache_directory(cache: str | None = None) -> Path:
    """`cache` if given, else `$DIGITSEQ_CACHE`, else the user's cache directory.

    Raises `SettingsError` when that is a file.
    """
    chosen = cache or os.environ.get("DIGITSEQ_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("digitseq", appauthor=False)
    path = Path(chosen)
    try:
        there = path.exists()
    except OSError as error:
        raise SettingsError(
            f"cache {str(path)[:60]} cannot be used ({error.strerror}): name another with -c", "cache"
        ) from None
    if there and not path.is_dir():
        raise SettingsError(f"cache must be a directory, got the file {path}: name another with -c", "cache")
    return path


def load_bank(split: str = "train", cache: str | None = None) -> GlyphBank:
    """The glyph bank of MNIST's `split` ("train", "test" or "all").

    Built into the cache at the first call. A damaged or outdated cache file is built again, with a
    `DigitseqWarning`; a cache that cannot be written means a warning and a bank in memory.
    """
    parts = [_MNIST[name] for name in (("train", "test") if split == "all" else (split,))]
    digest = hashlib.sha256("".join(p.images_sha256 + p.labels_sha256 for p in parts).encode()).hexdigest()
    path = cache_directory(cache) / f"mnist-{split}.bank"
    return _open_sound(path, digest) or _build_into(path, parts, digest)


def _open_sound(path: Path, digest: str) -> GlyphBank | None:
    """The cached bank, or None when there is none or it has to be built again."""
    try:
        return open_bank(path, digest)
    except FileNotFoundError:
        return None
    except (DataError, OSError) as error:
        warnings.warn(f"{error}; building it again", DigitseqWarning, stacklevel=4)
        return None


def _build_into(path: Path, parts: list[_Part], digest: str) -> GlyphBank:
    from fasteners import InterProcessLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with InterProcessLock(path.with_suffix(".lock")):
            ready = _open_quietly(path, digest)  # another process may have built it while this one waited
            if ready is None:
                save_bank(_build(parts, digest), path)
                ready = open_bank(path, digest)
            return ready
    except OSError as error:
        warnings.warn(
            f"cannot write the cache {path.parent} ({error.strerror}): the glyphs are read into memory at every start; "
            "name a writable directory with -c or $DIGITSEQ_CACHE",
            DigitseqWarning,
            stacklevel=3,
        )
        return _build(parts, digest)


def _open_quietly(path: Path, digest: str) -> GlyphBank | None:
    try:
        return open_bank(path, digest)
    except (DataError, OSError):
        return None


def _build(parts: list[_Part], digest: str) -> GlyphBank:
    images, labels = [], []
    for part in parts:
        images.append(parse_idx(_read(part.images, part.images_sha256), part.images, 3))
        labels.append(parse_idx(_read(part.labels, part.labels_sha256), part.labels, 1))
    return build_bank(np.concatenate(images), np.concatenate(labels), "0123456789", digest)


def _read(name: str, sha256: str) -> bytes:
    path = _DATA / "mnist" / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): install digitseq again") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(f"{path} is damaged (sha256 {found[:12]}…, expected {sha256[:12]}…): install digitseq again")
    return data
