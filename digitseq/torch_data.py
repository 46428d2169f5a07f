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
DTYPES = (torch.uint8, torch.float32)


class TensorSample(NamedTuple):
    """One image. A DataLoader makes of many a `TensorSample` of stacked tensors and a list of texts.

    image: uint8 (1, H, W), 0 black … 255 white, or float32, 0 … 1
    target: int64 (n,), class + 1 of each glyph, padded with 0 at the end; length: int64 (), without padding
    """

    image: Tensor
    target: Tensor
    length: Tensor
    text: str


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """Some images of a series, ready for a model and `torch.nn.CTCLoss()`.

    images: uint8 (B, 1, H, W), 0 black … 255 white, or float32, 0 … 1
    targets: int64 (B, n), class + 1 of each glyph, padded with 0 at the end; or flat: int64 (sum of lengths,)
    lengths: int64 (B,), of each target without padding; widths: int64 (B,), columns of each image that are in use
    texts: B strings; indices: int64 (B,), the images' numbers in the series, from 0
    """

    images: Tensor
    targets: Tensor
    lengths: Tensor
    widths: Tensor
    texts: list[str]
    indices: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: str | torch.device, non_blocking: bool = False) -> TensorBatch:
        """The same with images, targets and lengths on `device`."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> TensorBatch:
        """The same in page-locked memory; a DataLoader with pin_memory=True calls this."""
        return self._with(lambda tensor: tensor.pin_memory())

    def _with(self, change: Callable[[Tensor], Tensor]) -> TensorBatch:
        images, targets, lengths = map(change, (self.images, self.targets, self.lengths))
        return replace(self, images=images, targets=targets, lengths=lengths)

    def __reduce__(self) -> tuple[Any, ...]:
        # From process to process a tensor goes through shared memory of its own: only for images is that quicker.
        small = (self.targets, self.lengths, self.widths, self.indices)
        return _received, (self.images, self.texts, *(tensor.numpy() for tensor in small))


def _received(images: Tensor, texts: list[str], *small: NDArray[np.int64]) -> TensorBatch:
    targets, lengths, widths, indices = map(torch.from_numpy, small)
    return TensorBatch(images, targets, lengths, widths, texts, indices)


class SequenceDataset(Dataset[TensorSample]):
    """The first `length` images of the series of `settings` and `seed`, of which any can be had at once.

    `dataset[i]` is one image, `dataset[[3, 1, 4]]` a ready batch: with
    `DataLoader(dataset, sampler=BatchSampler(SequentialSampler(dataset), 256, False), batch_size=None)` a batch is
    one hand-over. `DataLoader(dataset, batch_size=256)` works as with any data set; images of different widths
    (image_width 0) cannot be stacked that way.

    dtype: torch.uint8 or torch.float32. seed, cache: see `SequenceGenerator`.
    """

    def __init__(
        self,
        settings: Settings,
        length: int,
        seed: int | None = None,
        *,
        dtype: torch.dtype = torch.uint8,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self._length, self._dtype = whole_number("length", length, 1), _known(dtype)
        self.generator = SequenceGenerator(settings, seed, cache, self._length)

    def __len__(self) -> int:
        return self._length

    @property
    def characters(self) -> str:
        """The characters of the classes 1, 2, …"""
        return self.generator.characters

    @overload
    def __getitem__(self, index: int) -> TensorSample: ...
    @overload
    def __getitem__(self, index: Sequence[int] | slice) -> TensorBatch: ...
    def __getitem__(self, index: int | Sequence[int] | slice) -> TensorSample | TensorBatch:
        """One image, counted from the end when below 0, or a batch. Raises `IndexError`."""
        if isinstance(index, slice):
            return self._batch(range(*index.indices(self._length)))
        if isinstance(index, Sequence) or getattr(index, "ndim", False):  # arrays can pass for one index
            return self._batch(index)
        return self.__getitems__([operator.index(index)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[TensorSample]:
        """Several images: what a DataLoader asks for that makes batches itself."""
        batch = self._batch(indices)
        parts = zip(batch.images, batch.widths.tolist(), batch.targets, batch.lengths, batch.texts)
        return [TensorSample(image[:, :, :w], target, length, text) for image, w, target, length, text in parts]

    def _batch(self, indices: Any) -> TensorBatch:
        if get_worker_info() is not None:
            self.generator.use_one_thread()
        return _tensors(self.generator.take([self._place(i) for i in indices]), self._dtype, flat=False)

    def _place(self, index: int) -> int:
        i = operator.index(index)
        if not -self._length <= i < self._length:
            raise IndexError(f"the data set has images 0 to {self._length - 1:,}, got {i:,}")
        return i % self._length


class SequenceStream(IterableDataset[TensorBatch]):
    """Ready batches of `batch_size` images, without end: for `DataLoader(stream, batch_size=None, num_workers=…)`.

    Every process gets batches of its own, so that no image comes twice: step s of rank r among R is batch s·R + r
    of the series, whichever worker makes it. The batches of a rank and their order thus do not depend on the
    number of workers, and the ranks together see the series without gaps. All ranks need the same `seed`.

    dtype: torch.uint8 or torch.float32; flat_targets: targets one after the other instead of padded
    rank, world_size: default: those of torch.distributed where it is initialised, else $RANK and $WORLD_SIZE
    seed, cache, size: see `SequenceGenerator`.

    In one process iterating goes on where it was left. A DataLoader with workers gives them copies that begin
    where this stream stands: before it is iterated again, say `stream.load_state_dict(stream.state_dict(batch))`
    with the last batch that came, or iterate once for all epochs.
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
    ) -> None:
        self.generator = SequenceGenerator(settings, seed, cache, size)
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self._dtype, self._flat = _known(dtype), flat_targets
        self._rank = None if rank is None and world_size is None else _checked_rank(rank, world_size)
        self._start = 0

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._rank is None and _initialised():
            state["_rank"] = self._place()  # a spawned worker is in no process group
        return state

    @property
    def characters(self) -> str:
        """The characters of the classes 1, 2, …"""
        return self.generator.characters

    def __iter__(self) -> Iterator[TensorBatch]:
        worker = get_worker_info()
        mine, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        if worker:
            self.generator.use_one_thread()
        rank, ranks = self._place()
        while True:
            first = self._start + (mine * ranks + rank) * self.batch_size
            if first + self.batch_size > END:
                return
            # before the batch is handed out: it counts as taken then
            self._start += workers * ranks * self.batch_size
            yield _tensors(self.generator.batch(first, first + self.batch_size), self._dtype, self._flat)

    def state_dict(self, after: TensorBatch | None = None) -> dict[str, int]:
        """Where the stream stands: to be saved, and given to `load_state_dict` of a stream of the same settings.

        after: the last batch that was used. Needed where a DataLoader has workers, as these read ahead, and this
        stream does not know how far the loader has come; in one process it may be left out, as in workers that
        a loader asks for their state itself (torchdata's StatefulDataLoader).
        """
        if after is None:
            return {"seed": self.generator.seed, "start": self._start}
        rank, ranks = self._place()
        return {"seed": self.generator.seed, "start": int(after.indices[0]) + (ranks - rank) * self.batch_size}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from `state`, with its seed. Batch size and number of ranks may be others than before.

        Raises `SettingsError` when `state` is none.
        """
        try:
            seed, start = (operator.index(state[name]) for name in ("seed", "start"))
        except (KeyError, TypeError):
            raise SettingsError(f"state must be what state_dict returned, got {state!r:.60}") from None
        if seed != self.generator.seed:
            self.generator = self.generator.reseeded(seed)
        self._start = start

    def _place(self) -> tuple[int, int]:
        """This process's rank, and how many there are."""
        if self._rank is not None:
            return self._rank
        if _initialised():
            return torch.distributed.get_rank(), torch.distributed.get_world_size()
        return _checked_rank(_variable("RANK", 0), _variable("WORLD_SIZE", 1))


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
    )


def _initialised() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _variable(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else default


def _checked_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if rank is None or world_size is None or not 0 <= rank < world_size:
        raise SettingsError(
            f"rank and world_size must be given together, with 0 <= rank < world_size, got {rank} and {world_size}"
        )
    return rank, world_size


def _known(dtype: torch.dtype) -> torch.dtype:
    if dtype not in DTYPES:
        raise SettingsError(f"dtype must be torch.uint8 or torch.float32, got {dtype!r:.60}", "dtype")
    return dtype
