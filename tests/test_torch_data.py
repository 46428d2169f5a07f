"""The torch data sets: every image once, whichever process makes it, and on from where one was."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from digitseq import MissingPackageError, SequenceGenerator, Settings, SettingsError

try:
    import torch
    from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

    from digitseq.torch_data import SequenceDataset, SequenceStream
except (ImportError, MissingPackageError):
    torch = None  # type: ignore[assignment]

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.set_vital. is deprecated")
needs_torch = pytest.mark.skipif(torch is None, reason="needs torch: pip install torch")
PLAIN = Settings("350", image_width=100)
LIGHT = replace(PLAIN, augment=("light",))
METHODS = [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()]
# Each process that is spawned loads torch again.
LOADERS = {"none": {"num_workers": 0}} | {
    m: {"num_workers": n, "multiprocessing_context": m} for m, n in zip(METHODS, (3, 2))
}
WORKERS = [pytest.param(w, id=m, marks=[pytest.mark.slow] * (m == "spawn")) for m, w in LOADERS.items()]


def loader(stream: SequenceStream, **workers: Any) -> DataLoader:
    return DataLoader(stream, batch_size=None, **workers)


def taken(stream: SequenceStream, count: int, **workers: Any) -> list[Any]:
    return list(islice(loader(stream, **workers), count))


def numbers(batches: list[Any]) -> list[int]:
    return [i for batch in batches for i in batch.indices.tolist()]


@needs_torch
@pytest.mark.parametrize("workers", WORKERS)
def test_a_stream_is_the_series_whoever_makes_it(workers):
    generator = SequenceGenerator(LIGHT, seed=5)
    found = taken(SequenceStream(LIGHT, 8, seed=5), 7, **workers)
    assert numbers(found) == list(range(56))
    for batch, wanted in zip(found, generator.batches(8)):
        assert np.array_equal(batch.images[:, 0], wanted.images)
        assert np.array_equal(batch.targets, wanted.targets + 1)
        assert batch.texts == wanted.texts


@needs_torch
def test_a_batch_is_what_it_says():
    whole = next(iter(SequenceStream(PLAIN, 8, seed=5)))
    assert (whole.images.dtype, whole.images.shape) == (torch.uint8, (8, 1, 28, 100))
    assert (whole.targets.dtype, whole.targets.shape) == (torch.int64, (8, 3))
    assert whole.lengths.tolist() == [3] * 8
    assert whole.widths.tolist() == [100] * 8
    assert all(part.is_contiguous() for part in vars(whole).values() if isinstance(part, torch.Tensor))
    assert len(whole) == 8
    scaled = next(iter(SequenceStream(PLAIN, 8, seed=5, dtype=torch.float32, flat_targets=True)))
    assert torch.equal(scaled.images, whole.images / 255)
    assert torch.equal(scaled.targets, whole.targets.flatten())


@needs_torch
@pytest.mark.parametrize("masks", [False, True])
def test_a_batch_moves_and_travels(masks):
    batch = next(iter(SequenceStream(replace(PLAIN, masks=masks), 8, seed=5)))
    assert (batch.masks is not None) == masks
    for other in (batch.to("cpu", non_blocking=True), pickle.loads(pickle.dumps(batch))):
        for name, part in vars(batch).items():
            same = getattr(other, name)
            assert torch.equal(part, same) if isinstance(part, torch.Tensor) else part == same
    on_meta = batch.to("meta")
    assert (on_meta.images.device.type, on_meta.texts) == ("meta", batch.texts)


@needs_torch
@pytest.mark.skipif(torch is not None and not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_a_loader_pins_the_memory():
    batch = next(iter(DataLoader(SequenceStream(PLAIN, 8, seed=5), batch_size=None, pin_memory=True)))
    assert batch.images.is_pinned()


@needs_torch
def test_ctc_takes_both_kinds_of_targets():
    scores = torch.randn(40, 8, 11, generator=torch.Generator().manual_seed(1)).log_softmax(2)
    steps = torch.full((8,), 40)
    padded, flat = (next(iter(SequenceStream(PLAIN, 8, seed=5, flat_targets=flat))) for flat in (False, True))
    losses = [torch.nn.CTCLoss()(scores, batch.targets, steps, batch.lengths) for batch in (padded, flat)]
    assert torch.isfinite(losses[0])
    assert torch.allclose(*losses)


@needs_torch
@pytest.mark.parametrize("workers", WORKERS)
def test_ranks_share_out_the_series(workers):
    ranks = [taken(SequenceStream(PLAIN, 4, seed=5, rank=r, world_size=3), 4, **workers) for r in range(3)]
    assert sorted(i for rank in ranks for i in numbers(rank)) == list(range(48))
    assert [int(batch.indices[0]) for batch in ranks[1]] == [4, 16, 28, 40]


@needs_torch
def test_ranks_are_those_of_the_environment(monkeypatch):
    stream = SequenceStream(PLAIN, 4, seed=5)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert numbers(taken(stream, 2)) == [4, 5, 6, 7, 12, 13, 14, 15]


def one_rank(rank: int, address: str, method: str, queue: Any) -> None:
    stream = SequenceStream(PLAIN, 4, seed=5)  # made before the group is: the rank is looked up later
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    queue.put(numbers(taken(stream, 4, num_workers=2, multiprocessing_context=method)))
    torch.distributed.destroy_process_group()


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_ranks_are_those_of_the_process_group(method, tmp_path):
    if not torch.distributed.is_available():
        pytest.skip("this torch has no torch.distributed")
    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue()
    arguments = (f"file://{tmp_path}/group", method, queue)
    processes = [context.Process(target=one_rank, args=(rank, *arguments)) for rank in range(2)]
    for process in processes:
        process.start()
    found = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(found[0] + found[1]) == list(range(32))


@needs_torch
@pytest.mark.parametrize("workers", WORKERS)
def test_a_stream_goes_on_where_it_was(workers):
    whole = taken(SequenceStream(LIGHT, 4, seed=5), 9)
    first = SequenceStream(LIGHT, 4, seed=5)
    begun = taken(first, 5, **workers)
    state = first.state_dict(begun[-1])
    second = SequenceStream(LIGHT, 4, seed=99)
    second.load_state_dict(state)
    rest = taken(second, 4, **workers)
    assert numbers(begun + rest) == list(range(36))
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole, begun + rest))


@needs_torch
def test_without_workers_the_stream_knows_where_it_is():
    stream = SequenceStream(PLAIN, 4, seed=5)
    assert numbers(taken(stream, 3)) == list(range(12))
    again = SequenceStream(PLAIN, 4)
    again.load_state_dict(stream.state_dict())
    assert numbers(taken(again, 2)) == list(range(12, 20))
    assert numbers(taken(stream, 2)) == list(range(12, 20))  # the next epoch is none that was before


@needs_torch
def test_ranks_and_batches_may_be_others_when_one_goes_on():
    before = [SequenceStream(PLAIN, 4, seed=5, rank=r, world_size=3) for r in range(3)]
    states = [stream.state_dict(taken(stream, 2)[-1]) for stream in before]
    assert states[0] == states[1] == states[2] == before[1].state_dict()
    after = [SequenceStream(PLAIN, 6, seed=5, rank=r, world_size=2) for r in range(2)]
    for stream in after:
        stream.load_state_dict(states[0])
    assert sorted(i for stream in after for i in numbers(taken(stream, 2))) == list(range(24, 48))


@needs_torch
@pytest.mark.parametrize("workers", [0, 2])
def test_torchdata_keeps_the_state_of_its_workers(workers):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")

    def make() -> Any:
        return stateful.StatefulDataLoader(SequenceStream(PLAIN, 4, seed=5), batch_size=None, num_workers=workers)

    one = make()
    walk = iter(one)
    begun = [next(walk) for _ in range(5)]
    state = one.state_dict()
    other = make()
    other.load_state_dict(state)
    assert numbers(begun + list(islice(other, 4))) == list(range(36))


@needs_torch
@pytest.mark.parametrize("state", [{}, {"seed": 1}, {"seed": 1, "start": 1.5}, None])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(SettingsError, match="state must be what state_dict returned"):
        SequenceStream(PLAIN, 4).load_state_dict(state)


@needs_torch
def test_a_data_set_has_its_images_and_no_others():
    data = SequenceDataset(PLAIN, 20, seed=5)
    generator = SequenceGenerator(PLAIN, seed=5)
    assert len(data) == 20
    assert data.characters == "0123456789"
    for i in (0, 7, 19):
        sample = data[i]
        assert np.array_equal(sample.image[0], generator[i].image)
        assert (sample.target.tolist(), int(sample.length), sample.text) == ([4, 6, 1], 3, "350")
    assert torch.equal(data[-1].image, data[19].image)
    for index in (20, -21):
        with pytest.raises(IndexError, match="images 0 to 19"):
            data[index]
    for index in (1.0, "1", None):
        with pytest.raises(TypeError):
            data[index]


@needs_torch
@pytest.mark.parametrize("wanted", [[3, 1, 1, 2], np.array([3, 1, 1, 2]), (3, 1, 1, 2)])
def test_a_data_set_gives_ready_batches(wanted):
    data = SequenceDataset(PLAIN, 20, seed=5, dtype=torch.float32)
    batch = data[wanted]
    assert batch.indices.tolist() == [3, 1, 1, 2]
    assert torch.equal(batch.images, torch.stack([data[i].image for i in (3, 1, 1, 2)]))
    assert data[17:].indices.tolist() == [17, 18, 19]
    assert len(data[torch.tensor([4])].texts) == 1


def halved(images: Any) -> Any:
    return images[..., ::2, ::2].contiguous()


@needs_torch
@pytest.mark.parametrize("workers", WORKERS)
def test_a_transform_gets_the_images_of_samples_and_of_batches(workers):
    plain, changed = SequenceDataset(LIGHT, 20, seed=5), SequenceDataset(LIGHT, 20, seed=5, transform=halved)
    assert torch.equal(changed[3].image, halved(plain[3].image))
    assert torch.equal(changed[2:7].images, halved(plain[2:7].images))
    assert torch.equal(changed[[4, 1]].images, halved(plain[[4, 1]].images))
    (found, *_), batch = next(iter(DataLoader(changed, batch_size=6, **workers))), plain[:6]
    assert torch.equal(found, halved(batch.images))
    (streamed,) = taken(SequenceStream(LIGHT, 6, seed=5, transform=halved), 1, **workers)
    assert torch.equal(streamed.images, halved(batch.images))
    assert torch.equal(streamed.targets, batch.targets)


@needs_torch
def test_masks_are_tensors_beside_the_images():
    settings = replace(PLAIN, masks=True, image_width=0)
    generator, data = SequenceGenerator(settings, seed=5), SequenceDataset(settings, 9, seed=5, transform=halved)
    assert np.array_equal(data[:4].masks[:, 0], generator.batch(0, 4).masks)
    assert np.array_equal(data[7].mask[0], generator[7].mask)
    (batch,) = taken(SequenceStream(settings, 6, seed=5), 1)
    assert np.array_equal(batch.to("cpu").masks[:, 0], generator.batch(0, 6).masks)
    (from_a_worker,) = taken(SequenceStream(settings, 6, seed=5), 1, num_workers=1)
    assert torch.equal(from_a_worker.masks, batch.masks)
    loaded = next(iter(DataLoader(SequenceDataset(replace(settings, image_width=90), 9), batch_size=3)))
    assert loaded.mask.shape == loaded.image.shape == (3, 1, 28, 90)
    assert SequenceDataset(PLAIN, 9)[:2].masks is None


@needs_torch
@pytest.mark.parametrize("workers", WORKERS)
def test_a_data_set_in_a_loader(workers):
    data = SequenceDataset(LIGHT, 50, seed=5)
    wanted = torch.stack([sample.image for sample in (data[i] for i in range(50))])
    single = list(DataLoader(data, batch_size=16, **workers))
    assert torch.equal(torch.cat([batch.image for batch in single]), wanted)
    assert [text for batch in single for text in batch.text] == ["350"] * 50
    ready = list(DataLoader(data, sampler=BatchSampler(SequentialSampler(data), 16, False), batch_size=None, **workers))
    assert torch.equal(torch.cat([batch.images for batch in ready]), wanted)
    shuffled = list(DataLoader(data, batch_size=16, shuffle=True, **workers))
    hashes = {image.numpy().tobytes() for batch in shuffled for image in batch.image}
    assert hashes == {image.numpy().tobytes() for image in wanted}


@needs_torch
def test_images_of_their_own_widths():
    data = SequenceDataset(Settings("350", image_width=0, invert=True), 20, seed=5)
    batch = data[[4, 2, 9]]
    assert batch.images.shape[3] == int(batch.widths.max())
    for b, i in enumerate((4, 2, 9)):
        assert torch.equal(batch.images[b, :, :, : batch.widths[b]], data[i].image)
        assert bool((batch.images[b, :, :, batch.widths[b] :] == 255).all())


@needs_torch
def test_texts_of_a_data_set_without_repetition():
    unique = Settings(random_digits=(2, 2), unique=True)
    assert len(set(SequenceDataset(unique, 100, seed=5)[:].texts)) == 100
    found = taken(SequenceStream(unique, 25, seed=5, size=100), 5)
    texts = [text for batch in found for text in batch.texts]
    assert len(set(texts[:100])) == 100
    assert texts[100:] == texts[:25]
    with pytest.raises(SettingsError, match="give `size`"):
        SequenceStream(unique, 25)


@needs_torch
def test_they_pickle_small():
    assert len(pickle.dumps(SequenceStream(LIGHT, 4))) < 10_000
    assert len(pickle.dumps(SequenceDataset(LIGHT, 4))) < 10_000


@needs_torch
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SequenceStream(PLAIN, 0), "batch_size must be a whole number from 1"),
        (lambda: SequenceStream(PLAIN, True), "batch_size must be"),
        (lambda: SequenceStream(PLAIN, 4, dtype=torch.float64), "dtype must be torch.uint8 or torch.float32"),
        (lambda: SequenceStream(PLAIN, 4, rank=2, world_size=2), "0 <= rank < world_size, got 2 and 2"),
        (lambda: SequenceStream(PLAIN, 4, rank=2), "given together"),
        (lambda: SequenceDataset(PLAIN, -1), "length must be a whole number from 1"),
        (lambda: SequenceDataset(PLAIN, 4, seed=-1), "seed must be"),
        (lambda: SequenceDataset(PLAIN, 4, transform="resize"), "transform must be a function of a tensor, got 'res"),
        (lambda: SequenceStream(PLAIN, 4, transform=3), "transform must be a function of a tensor, got 3"),
    ],
)
def test_bad_arguments_say_which_and_why(make, message):
    with pytest.raises(SettingsError, match=message):
        make()


def test_without_torch_the_message_names_the_command(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError")
    code = (
        "import digitseq\ntry:\n    import digitseq.torch_data\nexcept digitseq.MissingPackageError as e:\n    print(e)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "digitseq.torch_data needs the package torch: pip install torch\n"


def opencv_threads(_: Any) -> int:
    import cv2

    return cv2.getNumThreads()


class Threads:
    """Data sets that give how many threads OpenCV has where they were asked for a batch."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> int:
        _ = self.dataset[index]
        return opencv_threads(index)


@needs_torch
def test_a_loaders_workers_do_not_start_threads_of_opencv():
    """There are as many workers as cores already. The user's own process keeps what it has."""
    before = opencv_threads(0)
    SequenceGenerator(LIGHT, seed=1).batch(0, 300)  # the threads of OpenCV are there when workers are forked
    dataset, stream = SequenceDataset(LIGHT, 4, seed=1), SequenceStream(LIGHT, 2, seed=1)
    assert [n.item() for n in DataLoader(Threads(dataset), num_workers=2)] == [1] * 4
    loaded = iter(DataLoader(stream, batch_size=None, num_workers=1, collate_fn=opencv_threads))
    assert next(loaded) == 1
    _ = dataset[0], next(iter(stream))
    assert opencv_threads(0) == before
