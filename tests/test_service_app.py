"""The app in another program: its cache, what the event loop does, and what an answer's head says."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
from contextlib import asynccontextmanager
from urllib.parse import unquote

import pytest

pytest.importorskip("fastapi")
import httpx
from support.file_server import made_set

from digitseq.errors import DataError, SettingsError
from digitseq.glyphs import DATA_SETS, stroke_bank
from digitseq.renderer import renderer_cache
from digitseq.service import Limits, create_app, glyph_sets, pen_lines, worker_threads
from digitseq.service.access import check_key, check_origin
from digitseq.service.pipeline_cache import PipelineCache
from digitseq.service.problems import problem_of

PNG = "/v1/sequences/123456.png"
BODY = {"number": "1", "size": 2}


@asynccontextmanager
async def asking(app):
    """A client of `app`, which is started and ended as a server would."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            yield client


def ask(app, *paths: str, **headers: str) -> list[httpx.Response]:
    """The answers of `app`, one after the other."""

    async def all_of_them() -> list[httpx.Response]:
        async with asking(app) as client:
            return [
                await client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()}) for path in paths
            ]

    return asyncio.run(all_of_them())


@pytest.fixture
def made(monkeypatch, tmp_path):
    """A cache with a data set of its own, `made`, which is in no other."""
    row, contents = made_set("made", ("http://127.0.0.1:9/",), False)
    monkeypatch.setitem(DATA_SETS, "made", row)
    folder = tmp_path / "cache" / row.folder
    folder.mkdir(parents=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return tmp_path / "cache"


def test_named_sets_come_from_the_cache_of_the_app(made):
    path = f"{PNG}?dataset=made&image_width=0&seed=1"
    assert [answer.status_code for answer in ask(create_app(), path)] == [404]
    first, options, schema = ask(create_app(cache=str(made)), path, "/v1/options", "/openapi.json")
    assert first.status_code == 200, first.text
    assert "made" in [found["name"] for found in options.json()["datasets"]]
    parameters = schema.json()["paths"]["/v1/sequences/{text}.png"]["get"]["parameters"]
    assert "made" in next(p for p in parameters if p["name"] == "dataset")["schema"]["enum"]


def test_a_set_that_is_installed_later_is_found(made):
    row = DATA_SETS["made"]
    put_away = made / "elsewhere"
    (made / row.folder).rename(put_away)
    path = f"{PNG}?dataset=made&image_width=0"

    async def both() -> list[int]:
        async with asking(create_app(cache=str(made))) as client:
            before = (await client.get(path)).status_code
            put_away.rename(made / row.folder)
            return [before, (await client.get(path)).status_code]

    assert asyncio.run(both()) == [404, 200]


def test_the_event_loop_asks_no_file_system(monkeypatch, made):
    """And a set that was found is not looked for again."""
    looks: list[bool] = []
    real = glyph_sets.datasets

    def looked(cache):
        looks.append(threading.current_thread() is threading.main_thread())
        return real(cache)

    app = create_app(cache=str(made))
    monkeypatch.setattr(glyph_sets, "datasets", looked)
    several = [f"/v1/samples.json?number={n}&count=1&dataset=made&image_width=0" for n in range(9)]
    images = [f"/v1/sequences/{n}.png?dataset=made&image_width=0" for n in range(9)]
    unknown = [f"{PNG}?dataset=other", "/v1/samples.json?number=1&dataset=other"]
    answers = ask(app, *several, *images, *unknown)
    assert [answer.status_code for answer in answers] == [200] * 18 + [404] * 2
    assert looks == [False] * 2  # for the ones that are not there


def test_who_has_the_end_of_a_data_set_may_ask_for_the_next_one():
    """The client may see the end before the service goes on."""

    async def both() -> list[int]:
        async with asking(create_app(Limits(max_streams=1))) as client:
            answered = []

            async def next_one(message) -> None:
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    answered.append((await client.post("/v1/datasets", json=BODY)).status_code)

            await raw_post(client._transport.app, "/v1/datasets", BODY, next_one)
            return answered

    assert asyncio.run(both()) == [200]


async def raw_post(app, path: str, body: dict, send) -> None:
    """POST `body` to `app`, whose messages `send` gets one by one."""
    messages = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> dict:
        return messages.pop() if messages else await asyncio.Event().wait()

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    await app(scope, receive, send)


def test_every_answer_varies_with_the_origin():
    paths = ("/", PNG, f"{PNG}?seed=1", f"{PNG}?sead=1", "/nothing", "/healthz")
    for origin in ({}, {"Origin": "https://example.org"}, {"Origin": "https://example.com"}):
        for answer in ask(create_app(cors="https://example.org"), *paths, **origin):
            assert answer.headers.get_list("Vary") == ["Origin"]
            allowed = origin.get("Origin") == "https://example.org"
            assert ("access-control-allow-origin" in answer.headers) is allowed
    assert not any("vary" in answer.headers for answer in ask(create_app(), *paths, Origin="https://example.org"))


def test_no_answer_repeats_a_host():
    paths = ("/v1/options/", "/static", "/static/", "/docs/", "/docs/assets", "/v1/datasets/", f"{PNG}/", "/healthz/")
    for answer in ask(create_app(), *paths, Host="evil.example"):
        assert answer.status_code == 404
        assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("path", "allowed"), [("/v1/samples.json", "GET, POST"), ("/v1/datasets", "POST"), ("/v1/options", "GET")]
)
def test_a_method_that_is_not_allowed_is_told_all_that_are(path, allowed):
    async def refused() -> list[httpx.Response]:
        async with asking(create_app()) as client:
            return [await client.request(method, path) for method in ("OPTIONS", "PUT", "DELETE")]

    for answer in asyncio.run(refused()):
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("key", ["", " ", "   ", "a b", "secret\n", "\n", "a\tb", "ключ", "a\x7f"])
def test_a_key_that_no_request_could_show_is_refused(key):
    for refusing in (lambda: check_key(key), lambda: create_app(key=key)):
        with pytest.raises(SettingsError, match="DIGITSEQ_API_KEY"):
            refusing()


def test_an_origin_is_no_address_of_a_page():
    check_origin("https://example.org:8443")
    for origin in ("example.org", "https://example.org/", "https://a b", "*", "https://example.org\n"):
        with pytest.raises(SettingsError, match="cors"):
            check_origin(origin)


def test_a_bank_that_is_built_keeps_nobody_waiting(monkeypatch):
    """Work on a set that is opened for the first time is for its own request to wait for."""
    app = create_app(Limits(concurrency=2))
    gate, begun = threading.Event(), threading.Event()
    real = renderer_cache.load_bank

    def slow(split, *others):
        if split == "test":
            begun.set()
            gate.wait(60)
        return real(split, *others)

    monkeypatch.setattr(renderer_cache, "load_bank", slow)
    for kept in (renderer_cache._renderer, renderer_cache._bank, renderer_cache._lines, renderer_cache._base):
        kept.cache_clear()  # what other tests have opened

    async def both() -> list[object]:
        async with asking(app) as client:
            first = asyncio.ensure_future(client.get(f"{PNG}?split=test"))
            assert await asyncio.to_thread(begun.wait, 60)
            second = (await client.get("/v1/sequences/4711.png")).status_code
            held = not gate.is_set() and not first.done()
            gate.set()
            return [second, held, (await first).status_code]

    assert asyncio.run(both()) == [200, True, 200]


class Finding:
    """Stands for `load_lines`, and is held at its begin until it is let on; the data set's lines are few."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.gate, self.calls = threading.Event(), threading.Event(), 0
        self.error: Exception | None = None
        monkeypatch.setattr(stroke_bank, "MOST_BYTES", 100 * 52 * 52)
        monkeypatch.setattr(pen_lines, "load_lines", self)

    def __call__(self, *given: object) -> None:
        self.calls += 1
        self.begun.set()
        self.gate.wait(60)
        if self.error:
            raise self.error
        renderer_cache.load_lines(*given)


PEN = "split=test&style=pen&seed=1"
WRITTEN = [f"{PNG}?{PEN}", f"/v1/sequences/1.json?{PEN}", f"/v1/samples.json?number=12&{PEN}"]


def test_centre_lines_that_are_found_keep_nobody_waiting(monkeypatch, tmp_path):
    """With one thread of each kind, and as many requests for a pen as there are kinds of requests."""
    finding = Finding(monkeypatch)

    async def all_of_them() -> list[object]:
        async with asking(create_app(Limits(concurrency=1, client_percent=100), cache=str(tmp_path))) as client:
            body = {"number": "1", "size": 2, "split": "test", "style": "pen"}
            asked = [client.get(path) for path in WRITTEN] + [client.post("/v1/datasets", json=body)]
            held = [asyncio.ensure_future(one) for one in asked]
            assert await asyncio.to_thread(finding.begun.wait, 60)
            plain = [path.replace("&style=pen", "") for path in WRITTEN]
            others = [(await client.get(path)).status_code for path in plain]
            others.append((await client.post("/v1/datasets", json=body | {"style": "glyph"})).status_code)
            still = not any(one.done() for one in held)
            finding.gate.set()
            return [others, still, [(await one).status_code for one in held]]

    assert asyncio.run(all_of_them()) == [[200] * 4, True, [200] * 4]
    assert finding.calls == 1


def test_many_who_wait_for_centre_lines_leave_slots_for_others(monkeypatch, tmp_path):
    """They held all slots of their address, or of all behind a proxy, for as long as a minute."""
    finding = Finding(monkeypatch)

    async def all_of_them() -> list[object]:
        limits = Limits(concurrency=1, max_waiting=15, client_percent=100)
        async with asking(create_app(limits, cache=str(tmp_path))) as client:
            held = [asyncio.ensure_future(client.get(f"/v1/sequences/{k}.png?{PEN}")) for k in range(14)]
            assert await asyncio.to_thread(finding.begun.wait, 60)
            for _ in range(500):  # until all that are refused have their answer
                if sum(one.done() for one in held) == 10:
                    break
                await asyncio.sleep(0.01)
            plain = await asyncio.gather(*(client.get(f"/v1/sequences/{k}.png?seed=1") for k in range(8)))
            finding.gate.set()
            return [[(await one).status_code for one in held], [one.status_code for one in plain]]

    held, plain = asyncio.run(all_of_them())
    assert plain == [200] * 8
    assert sorted(held) == [200] * 4 + [503] * 10


def test_who_cannot_wait_for_centre_lines_is_told_to_ask_again(monkeypatch, tmp_path):
    """And what was begun is not thrown away."""
    finding = Finding(monkeypatch)

    async def all_of_them() -> list[httpx.Response]:
        async with asking(create_app(Limits(max_seconds=1), cache=str(tmp_path))) as client:
            early = [await client.get(path) for path in WRITTEN]
            finding.gate.set()
            while (late := await client.get(WRITTEN[0])).status_code == 503:
                pass
            return [*early, late]

    *early, late = asyncio.run(all_of_them())
    for answer in early:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "centre lines of mnist test" in answer.json()["detail"]
    assert late.status_code == 200
    assert finding.calls == 1


def test_centre_lines_that_could_not_be_found_are_looked_for_again(monkeypatch, tmp_path):
    finding = Finding(monkeypatch)
    finding.gate.set()
    finding.error = DataError("damaged")

    async def twice() -> list[int]:
        async with asking(create_app(cache=str(tmp_path))) as client:
            first = await client.get(WRITTEN[0])
            finding.error = None
            return [first.status_code, (await client.get(WRITTEN[0])).status_code]

    assert asyncio.run(twice()) == [503, 200]
    assert finding.calls == 2


def test_a_pen_that_is_refused_begins_nothing(monkeypatch, tmp_path):
    finding = Finding(monkeypatch)
    refused = [f"{PNG}?split=test&style=pen:slnt=1", f"{PNG}?{PEN}&min_spacing=3", f"{PNG}?{PEN}&dataset=no"]
    assert [answer.status_code for answer in ask(create_app(cache=str(tmp_path)), *refused)] == [422, 422, 404]
    assert not finding.calls


LOOKS = [
    "",
    "&min_spacing=3&image_width=180",
    "&augment=light&signs=gap&gap_labels=keep",
    "&image_width=0&label_case=upper",
    "&split=test&style=pen:slant=0&marks=0.5",
]
TEXTS = ["0", "4711", "12-4", "8" * 30, "1" * 257, "12a", "", "%D9%A1"]


def test_the_answer_does_not_depend_on_what_was_asked_for_before():
    """The second text of a look takes a shorter way than the first."""
    paths = [f"/v1/sequences/{text}.png?seed=3{look}" for look in LOOKS for text in TEXTS]
    # leading zeros make it a look that no other request has
    alone = [f"{path}&max_spacing={'0' * (k % len(TEXTS) + 1)}10" for k, path in enumerate(paths)]
    found = [(answer.status_code, answer.content) for answer in ask(create_app(), *paths, *alone, *paths[::-1])]
    size = len(paths)
    assert found[:size] == found[size : 2 * size] == found[: 2 * size - 1 : -1]
    assert {200, 422} <= {status for status, _ in found}


def test_another_text_of_a_known_look_needs_no_thread(monkeypatch):
    app = create_app()

    async def second() -> int:
        async with asking(app) as client:
            await client.get("/v1/sequences/12.png?invert=true")
            monkeypatch.setattr(worker_threads.WorkerThreads, "call", None)
            return (await client.get("/v1/sequences/34.png?invert=true")).status_code

    assert asyncio.run(second()) == 200


@pytest.mark.parametrize(
    "look", ["", "&image_width=0&min_spacing=-3", "&augment=light", "&image_width=112", "&signs=gap"]
)
def test_digits_of_one_length_share_a_pipeline_and_are_those_of_their_own(look):
    """Also where what was asked for before has a sign, or other digits hardly fit."""
    texts = ("1111", "1-11", "4711", "8888", "00", "12", "4711")
    paths = [f"/v1/sequences/{text}.png?seed=5&index=2{look}" for text in texts]
    together = [(answer.status_code, answer.content) for answer in ask(create_app(), *paths)]
    for path, found in zip(paths, together):
        (alone,) = ask(create_app(), path)
        assert found == (alone.status_code, alone.content), path
    assert together[2] == together[-1]


def test_other_digits_of_a_known_look_and_length_need_no_pipeline(monkeypatch):
    app = create_app()

    async def statuses() -> list[int]:
        async with asking(app) as client:
            first = (await client.get("/v1/sequences/1234.png?augment=light")).status_code
            monkeypatch.setattr(PipelineCache, "with_number", None)
            return [first, (await client.get("/v1/sequences/5678.png?augment=light")).status_code]

    assert asyncio.run(statuses()) == [200, 200]


def test_the_text_in_the_head_of_an_answer_keeps_its_spaces():
    (answer,) = ask(create_app(), "/v1/sequences/%201%202%20.png?signs=gap&gap_labels=keep")
    assert unquote(answer.headers["x-digitseq-text"]) == " 1 2 "


def test_the_text_in_the_head_is_the_label():
    (answer,) = ask(create_app(), "/v1/sequences/1-2.png?signs=gap")
    assert answer.headers["x-digitseq-text"] == "12"


def test_a_full_disk_is_a_problem_of_one_line(caplog):
    with caplog.at_level("ERROR"):
        assert problem_of(OSError(errno.ENOSPC, "No space left on device", "/tmp/x")).status == 507
        assert problem_of(OSError(errno.EIO, "Input/output error")).status == 500
    assert [bool(record.exc_info) for record in caplog.records] == [False, True]


def test_a_lifespan_that_is_cancelled_before_it_begins_ends():
    """As by a Ctrl-C just after the start."""

    async def never() -> dict:
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict) -> None:
        pass

    async def cancelled() -> list[object]:
        task = asyncio.ensure_future(create_app()({"type": "lifespan"}, never, send))
        await asyncio.sleep(0)
        task.cancel()
        return await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 30)

    (found,) = asyncio.run(cancelled())
    assert isinstance(found, asyncio.CancelledError)
