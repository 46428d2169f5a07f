"""Images made together are those that their own pipelines make."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

pytest.importorskip("fastapi")
from hypothesis import given, settings
from hypothesis import strategies as st

from digitseq import Pipeline, Settings
from digitseq.augment import OPERATIONS, PRESETS
from digitseq.errors import NarrowError
from digitseq.formats.png_encoder import encode_png
from digitseq.random_streams import Rows
from digitseq.renderer import Appearance, Renderer
from digitseq.renderer.renderer_cache import bank_of
from digitseq.service import batches, micro_batcher
from digitseq.service.batch_queue import MAX_BATCH
from digitseq.service.batches import Files, SeededRows, Wanted, batch_key, files_of, images_of
from digitseq.service.limits import Limits
from digitseq.service.micro_batcher import BatchesElsewhere, BatchesHere, MicroBatcher
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.requests import from_query
from digitseq.service.turns import Sharing

SEEDS = st.integers(0, 2**64 - 1)
INDICES = st.one_of(st.integers(0, 20), st.integers(0, 999_999_999))


def alone(pipeline: Pipeline, seed: int, index: int) -> bytes:
    """The file that a fresh pipeline makes."""
    batch = Pipeline(pipeline.settings, pipeline.bank, seed).batch(index, index + 1)
    return encode_png(batch.images, batch.width)[0]


def together(asked: list[tuple[Pipeline, int, int]]) -> list[bytes]:
    """The files of images of the pipelines' own texts, made by the first of them."""
    wanted = [Wanted(pipeline.settings.number, seed, index) for pipeline, seed, index in asked]
    return images_of(asked[0][0], wanted)


async def made_elsewhere(look: Pipeline, wanted: list[Wanted]) -> Files:
    return await asyncio.to_thread(files_of, look, wanted)


def batcher_with(at_once: int) -> MicroBatcher:
    return BatchesElsewhere(Sharing(), made_elsewhere, at_once) if at_once else BatchesHere(Sharing(), files_of)


def submit(batcher: MicroBatcher, pipeline: Pipeline, seed: int, index: int, address: str = "") -> asyncio.Task[bytes]:
    """The task that asks for an image of the pipeline's own text."""
    wanted = Wanted(pipeline.settings.number, seed, index)
    return asyncio.ensure_future(batcher.image(pipeline, wanted, address, key_of(pipeline)))


def key_of(pipeline: Pipeline):
    return batch_key(pipeline, pipeline.settings.number)


def alike(bank, texts: list[str], **look) -> list[Pipeline]:
    """Pipelines that differ in their texts only."""
    renderer = Renderer(Appearance.of(Settings("0", **look)), bank)
    return [Pipeline(Settings(text, **look), bank, 0, None, renderer) for text in texts]


@given(
    asked=st.lists(st.tuples(st.text("0123456789", min_size=4, max_size=4), SEEDS, INDICES), min_size=1, max_size=9),
    look=st.sampled_from([{}, {"image_width": 0}, {"image_width": 76}, {"min_spacing": -9}, {"invert": True}]),
)
@settings(deadline=None, max_examples=60)
def test_a_batch_makes_what_each_pipeline_makes(train, asked, look):
    kinds = alike(train, [text for text, _, _ in asked], **look)
    wanted = [(kind, seed, index) for kind, (_, seed, index) in zip(kinds, asked)]
    assert len({key_of(kind) for kind in kinds}) == 1
    assert together(wanted) == [alone(*one) for one in wanted]


@pytest.mark.parametrize("look", [{}, {"image_width": 0}, {"invert": True, "min_spacing": -3}])
@pytest.mark.parametrize("augment", [*PRESETS, *OPERATIONS])
def test_a_batch_of_distorted_images(train, augment, look):
    kept = alike(train, ["4711", "0815", "2026"], **look, augment=(augment,))
    wanted = [(kept[k % 3], 5 * k, k * 1000) for k in range(7)]
    assert together(wanted) == [alone(*one) for one in wanted]


@pytest.mark.parametrize("look", [{}, {"marks": 1.0, "image_width": 0}, {"image_width": 90, "augment": ("scan",)}])
def test_a_batch_of_written_images(look):
    look = look | {"split": "test", "style": "pen:slant=0.2"}
    kept = alike(bank_of(Settings("0", **look)), ["4711", "0815"], **look)
    wanted = [(kept[k % 2], 5 * k, k * 1000) for k in range(6)]
    assert together(wanted) == [alone(*one) for one in wanted]


@given(
    rows=st.lists(st.tuples(SEEDS, INDICES), min_size=1, max_size=5),
    columns=st.integers(1, 9),
    attempt=st.integers(0, 3),
)
def test_rows_of_many_seeds(rows, columns, attempt):
    index = np.array([row[1] for row in rows], np.int64)
    made = SeededRows(index, np.array([row[0] for row in rows], np.uint64), attempt, "scope/")
    for k, (seed, place) in enumerate(rows):
        one = Rows(seed, np.array([place]), attempt, "scope/")
        np.testing.assert_array_equal(made.uniforms("glyph", columns)[k], one.uniforms("glyph", columns)[0])
        np.testing.assert_array_equal(made.words("glyph", columns)[k], one.words("glyph", columns)[0])


def test_the_service_prepares_an_appearance_once():
    """Whatever the text, the seed and the index are."""
    pipeline_cache, about = PipelineCache(Limits()), [("augment", "light"), ("image_width", "150")]
    made = [pipeline_cache.pipeline(from_query([("number", f"{k:04d}"), *about], {})) for k in range(300)]
    made += [pipeline_cache.pipeline(from_query([("random_digits", "2,4"), *about], {}))]
    assert len({id(pipeline.renderer) for pipeline in made}) == 1
    assert len({one.seed for one in made}) == len(made)
    assert len({key_of(pipeline) for pipeline in made[:300]}) == 1
    assert pipeline_cache.pipeline(from_query([("number", "1")], {})).renderer is not made[0].renderer


def test_a_pen_is_not_prepared_for_signs_in_the_event_loop():
    pipeline_cache = PipelineCache(Limits())

    def written(text: str) -> Pipeline:
        return pipeline_cache.pipeline(from_query([("number", text), ("split", "test"), ("style", "pen")], {}))

    first = written("12")
    assert pipeline_cache.with_number(first, "345").renderer is first.renderer
    assert pipeline_cache.with_number(first, "3-4") is None
    assert pipeline_cache.with_number(written("3-4"), "5+6") is not None


def test_texts_with_gaps_are_not_mixed_with_others(train):
    plain, gapped = alike(train, ["1234", "12-4"], signs="gap")
    assert key_of(plain) != key_of(gapped)


@pytest.mark.parametrize("at_once", [0, 1, 3])
def test_batches_answer_everyone_and_skip_those_who_left(train, at_once):
    kinds = [Pipeline(Settings(text, image_width=w), train, 0) for text, w in (("123", 100), ("45678", 0), ("123", 90))]

    async def ask() -> list[bytes]:
        batcher = batcher_with(at_once)
        futures = [submit(batcher, kinds[k % 3], k, k % 5, "ab"[k % 2]) for k in range(200)]
        await asyncio.sleep(0)
        for future in futures[::7]:
            future.cancel()
        return await asyncio.gather(*futures, return_exceptions=True)

    for k, file in enumerate(asyncio.run(ask())):
        if k % 7 == 0:
            assert isinstance(file, asyncio.CancelledError)
        else:
            assert file == alone(kinds[k % 3], k, k % 5)


@pytest.mark.parametrize(
    "source", [{"number": "0071"}, {"random_digits": (2, 6)}, {"phone": "JP"}, {"pattern": "2[0-9]{3}"}]
)
@pytest.mark.parametrize("augment", [(), ("light",)])
def test_a_pipeline_with_another_seed(train, source, augment):
    look = Settings(**source, image_width=0, augment=augment)
    kept = Pipeline(look, train, 0)
    kept.batch(0, 3)
    for seed in (1, 2):
        ours, fresh = kept.reseeded(seed).batch(4, 9), Pipeline(look, train, seed).batch(4, 9)
        assert ours.texts == fresh.texts
        np.testing.assert_array_equal(ours.images, fresh.images)
        np.testing.assert_array_equal(ours.boxes, fresh.boxes)
    assert kept.seed == 0


@pytest.mark.parametrize("at_once", [0, 1])
def test_an_image_that_cannot_be_made_spoils_no_other(train, monkeypatch, at_once):
    """Its error would tell other clients the text that somebody else has asked for."""
    pipeline, made = Pipeline(Settings("1111"), train, 1), batches.images_of

    def images_but_one(pipeline: Pipeline, wanted: list[Wanted]) -> list[bytes]:
        if any(one.index == 7 for one in wanted):
            raise NarrowError("no glyphs make this text fit")
        return made(pipeline, wanted)

    monkeypatch.setattr(batches, "images_of", images_but_one)

    async def ask() -> list[object]:
        batcher = batcher_with(at_once)
        return await asyncio.gather(*(submit(batcher, pipeline, 1, i) for i in (6, 7, 8)), return_exceptions=True)

    first, failed, last = asyncio.run(ask())
    assert [first, last] == [alone(pipeline, 1, 6), alone(pipeline, 1, 8)]
    assert isinstance(failed, NarrowError)


def test_looks_take_turns(train):
    """Whoever asks for one image waits for a batch of each other look at most, whatever was asked for before."""
    many, rare = (Pipeline(Settings("123", image_width=width), train, 0) for width in (100, 120))
    order = []

    async def ask() -> None:
        batcher = batcher_with(0)
        asked = [("many", submit(batcher, many, 1, index)) for index in range(1000)]
        asked.append(("one", submit(batcher, rare, 2, 2)))
        for name, future in asked:
            future.add_done_callback(lambda _, name=name: order.append(name))
        await asyncio.gather(*(future for _, future in asked))

    asyncio.run(ask())
    assert order.index("one") <= MAX_BATCH


def test_on_the_event_loop_nothing_is_measured(monkeypatch):
    """A text of which that must be found out first whether it fits is one for a thread."""
    kept, about = PipelineCache(Limits()), [("augment", "elastic"), ("image_width", "100")]
    one = kept.pipeline(from_query([("number", "1"), *about], {}))
    assert kept.with_number(one, "2").settings.number == "2"
    assert kept.with_number(one, "8888") is None
    kept.pipeline(from_query([("number", "4444"), *about], {}))
    assert kept.with_number(one, "888").settings.number == "888"


def test_who_asks_again_is_gathered_and_another_client_never_waits_for_that(train, monkeypatch):
    """A later batch of many clients behind one address begins a moment later, or when somebody else asks."""
    monkeypatch.setattr(micro_batcher, "GATHER", 3600.0)
    (pipeline,) = alike(train, ["12"])

    async def ask():
        batcher = batcher_with(1)
        await asyncio.gather(submit(batcher, pipeline, 1, 0, "a"), submit(batcher, pipeline, 2, 0, "a"))
        again = submit(batcher, pipeline, 3, 0, "a")
        for _ in range(5):
            await asyncio.sleep(0)
        gathered = not again.done()
        return gathered, await submit(batcher, pipeline, 4, 0, "b"), await again

    gathered, other, file = asyncio.run(asyncio.wait_for(ask(), 60))
    assert gathered
    assert (other, file) == (alone(pipeline, 4, 0), alone(pipeline, 3, 0))
