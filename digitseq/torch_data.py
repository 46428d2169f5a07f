"""PyTorch data sets whose images are made when they are asked for, in ready batches.

The classes of the targets are those of CTC (Graves et al., "Connectionist temporal classification", ICML 2006):
0 is the blank, and character k of `characters` is class k + 1. Needs the package torch.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.generator import END, SequenceBatch, SequenceGenerator, whole_number
from digitseq.settings import Settings

try:
    import torch
    from torch import Tensor
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ImportError:
    raise MissingPackageError("digitseq.torch_data needs the package torch: pip install torch") from None

BLANK = 0
Transform = Callable[[Tensor], Tensor]


class TensorSample(NamedTuple):
    """One image. A DataLoader collates several into a `TensorSample` of stacked tensors and a list of texts.

    image: uint8 (1, H, W), 0 black … 255 white, or float32, 0 … 1
    target: int64 (n,), class + 1 of each glyph, padded with 0 at the end; length: int64 (), without padding
    """

    image: Tensor
    target: Tensor
    length: Tensor
    text: str


class MaskedSample(NamedTuple):
    """A `TensorSample` with `Settings.masks`. mask: uint8 (1, H, W), 0 where there is paper, k on the k-th glyph."""

    image: Tensor
    target: Tensor
    length: Tensor
    text: str
    mask: Tensor


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """Some images of a series, ready for a model and `torch.nn.CTCLoss()`.

    images: uint8 (B, 1, H, W), 0 black … 255 white, or float32, 0 … 1
    targets: int64 (B, n), class + 1 of each glyph, padded with 0 at the end; or flat: int64 (sum of lengths,)
    lengths: int64 (B,), of each target without padding; widths: int64 (B,), columns of each image that are in use
    texts: B strings; indices: int64 (B,), the images' numbers in the series, from 0
    masks: with `Settings.masks` uint8 (B, 1, H, W), 0 where there is paper, k on the k-th glyph; else None
    """

    images: Tensor
    targets: Tensor
    lengths: Tensor
    widths: Tensor
    texts: list[str]
    indices: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: str | torch.device, non_blocking: bool = False) -> TensorBatch:
        """The same with images, masks, targets and lengths on `device`; widths and indices stay where they are."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TensorBatch:
        """The same in page-locked memory; a DataLoader with pin_memory=True calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> TensorBatch:
        masks = None if self.masks is None else change(self.masks)
        images, targets, lengths = map(change, (self.images, self.targets, self.lengths))
        return replace(self, images=images, targets=targets, lengths=lengths, masks=masks)

    def __reduce__(self) -> tuple[Any, ...]:
        # torch sends every tensor to another process through a shared memory file of its own, which costs more than
        # copying unless the tensor is large
        small = [tensor.numpy() for tensor in (self.targets, self.lengths, self.widths, self.indices)]
        return _unpickled, (self.images, self.texts, self.masks, *small)


def _unpickled(images: Tensor, texts: list[str], masks: Tensor | None, *small: NDArray[np.int64]) -> TensorBatch:
    targets, lengths, widths, indices = map(torch.from_numpy, small)
    return TensorBatch(images, targets, lengths, widths, texts, indices, masks)


class SequenceDataset(Dataset["TensorSample | MaskedSample"]):
    """The first `length` images of the series of `settings` and `seed`, with random access.

    `dataset[i]` is one image, `dataset[[3, 1, 4]]` a ready batch. The fastest loader makes whole batches:
    `DataLoader(dataset, sampler=BatchSampler(SequentialSampler(dataset), 256, False), batch_size=None)`.
    `DataLoader(dataset, batch_size=256)` works as with any data set, but cannot stack images of different widths
    (image_width 0).

    dtype: torch.uint8 or torch.float32; seed, cache: see `SequenceGenerator`
    transform: called with the image of a sample, (1, H, W), or with the images of a batch, (B, 1, H, W); what it
    returns takes their place
    The attribute `characters` has the characters of the classes 1, 2, …
    """

    def __init__(
        self,
        settings: Settings,
        length: int,
        seed: int | None = None,
        *,
        dtype: torch.dtype = torch.uint8,
        cache: str | os.PathLike[str] | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._length, self._dtype = whole_number("length", length, 1), _checked_dtype(dtype)
        self._transform = _checked_transform(transform)
        self.generator = SequenceGenerator(settings, seed, cache, self._length)
        self.characters = self.generator.characters

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> TensorSample | MaskedSample: ...
    @overload
    def __getitem__(self, index: Sequence[int] | slice) -> TensorBatch: ...
    def __getitem__(self, index: int | Sequence[int] | slice) -> TensorSample | MaskedSample | TensorBatch:
        """One image, counted from the end when below 0, or a batch. Raises `IndexError`."""
        if isinstance(index, slice):
            return _transformed(self._batch(range(*index.indices(self._length))), self._transform)
        if isinstance(index, Sequence) or getattr(index, "ndim", False):  # arrays can pass for one index
            return _transformed(self._batch(index), self._transform)
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[TensorSample | MaskedSample]:
        """Several images, for a DataLoader that collates them itself."""
        batch = self._batch(indices)
        change, widths = self._transform or (lambda image: image), batch.widths.tolist()
        images = [change(image[:, :, :w]) for image, w in zip(batch.images, widths)]
        columns = zip(images, batch.targets, batch.lengths, batch.texts)
        if batch.masks is None:
            return [TensorSample(*row) for row in columns]
        return [MaskedSample(*row, mask[:, :, :w]) for row, mask, w in zip(columns, batch.masks, widths)]

    def _batch(self, indices: Any) -> TensorBatch:
        if get_worker_info() is not None:
            self.generator.use_one_thread()
        numbers = [operator.index(i) for i in indices]
        for i in numbers:
            if not -self._length <= i < self._length:
                raise IndexError(f"the data set has images 0 to {self._length - 1:,}, got {i:,}")
        return _tensors(self.generator.take([i % self._length for i in numbers]), self._dtype, flat=False)


class SequenceStream(IterableDataset[TensorBatch]):
    """Endless ready batches of `batch_size` images, for `DataLoader(stream, batch_size=None, num_workers=…)`.

    No image comes twice: step s of rank r among R is batch s·R + r of the series, whichever worker makes it. So the
    batches of a rank and their order do not depend on the number of workers, and the ranks together see the series
    without gaps. All ranks need the same `seed`.

    transform: called with the images of a batch, (B, 1, H, W); what it returns takes their place
    dtype: torch.uint8 or torch.float32; flat_targets: targets concatenated instead of padded
    rank, world_size: default: those of torch.distributed where it is initialised, else $RANK and $WORLD_SIZE
    seed, cache, size: see `SequenceGenerator`
    The attribute `characters` has the characters of the classes 1, 2, …

    In one process, iterating again continues where it stopped. The workers of a DataLoader are copies that begin where
    this stream stands: before you iterate again, call `stream.load_state_dict(stream.state_dict(batch))` with the last
    batch you got, or iterate once for all epochs.
    """

    def __init__(
        self,
        settings: Settings,
        batch_size: int,
        seed: int | None = None,
        *,
        dtype: torch.dtype = torch.uint8,
        flat_targets: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        cache: str | os.PathLike[str] | None = None,
        size: int | None = None,
        transform: Transform | None = None,
    ) -> None:
        self.generator = SequenceGenerator(settings, seed, cache, size)
        self.characters = self.generator.characters
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self._dtype, self._flat = _checked_dtype(dtype), flat_targets
        self._rank = None if rank is None and world_size is None else _checked_rank(rank, world_size)
        self._start, self._transform = 0, _checked_transform(transform)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_rank": self._rank or _rank_in_group()}  # a spawned worker is in no process group

    def __iter__(self) -> Iterator[TensorBatch]:
        worker = get_worker_info()
        if worker:
            self.generator.use_one_thread()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rank, ranks = self._rank_and_size()
        while (first := self._start + (mine * ranks + rank) * self.batch_size) + self.batch_size <= END:
            # before the batch is handed out, as it counts as taken then
            self._start += workers * ranks * self.batch_size
            batch = _tensors(self.generator.batch(first, first + self.batch_size), self._dtype, self._flat)
            yield _transformed(batch, self._transform)

    def state_dict(self, after: TensorBatch | None = None) -> dict[str, int]:
        """Where the stream stands, for `load_state_dict` of a stream of the same settings.

        after: the last batch that was used. It may be left out in one process, and in workers whose loader asks them
        for their state (torchdata's StatefulDataLoader). Other workers read ahead, and this stream does not know how
        far the loader has come.
        """
        if after is None:
            return {"seed": self.generator.seed, "start": self._start}
        rank, ranks = self._rank_and_size()
        return {"seed": self.generator.seed, "start": int(after.indices[0]) + (ranks - rank) * self.batch_size}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from `state`, with its seed. Batch size and number of ranks may have changed.

        Raises `SettingsError` when `state` is not what `state_dict` returns.
        """
        try:
            seed, start = (operator.index(state[name]) for name in ("seed", "start"))
        except (KeyError, TypeError):
            raise SettingsError(f"state must be what state_dict returned, got {state!r:.60}") from None
        if seed != self.generator.seed:
            self.generator = self.generator.reseeded(seed)
        self._start = start

    def _rank_and_size(self) -> tuple[int, int]:
        """The rank of this process, and how many ranks there are. Looked up late: a process group may come later."""
        rank, size = os.environ.get("RANK") or 0, os.environ.get("WORLD_SIZE") or 1
        return self._rank or _rank_in_group() or _checked_rank(int(rank), int(size))


def _tensors(batch: SequenceBatch, dtype: torch.dtype, flat: bool) -> TensorBatch:
    images = torch.from_numpy(batch.images)[:, None]
    targets = batch.targets + 1
    return TensorBatch(
        images.to(dtype).div_(255) if dtype == torch.float32 else images,
        torch.from_numpy(targets[targets != BLANK] if flat else targets),
        torch.from_numpy(batch.lengths),
        torch.from_numpy(batch.widths),
        batch.texts,
        torch.from_numpy(batch.indices),
        None if batch.masks is None else torch.from_numpy(batch.masks)[:, None],
    )


def _transformed(batch: TensorBatch, transform: Transform | None) -> TensorBatch:
    return batch if transform is None else replace(batch, images=transform(batch.images))


def _checked_transform(transform: Transform | None) -> Transform | None:
    if transform is not None and not callable(transform):
        raise SettingsError(f"transform must be a function of a tensor, got {transform!r:.60}", "transform")
    return transform


def _rank_in_group() -> tuple[int, int] | None:
    """Rank and number of ranks in torch's process group, where there is one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return None


def _checked_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise SettingsError(
            f"rank and world_size must be given together, with 0 <= rank < world_size, got {rank} and {world_size}"
        )
    return rank, world_size


def _checked_dtype(dtype: torch.dtype) -> torch.dtype:
    if dtype not in (torch.uint8, torch.float32):
        raise SettingsError(f"dtype must be torch.uint8 or torch.float32, got {dtype!r:.60}", "dtype")
    return dtype
