"""Data sets in frames: the bytes of the file, the number of images made, and the end of the work when nobody reads."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
import httpx
from starlette.datastructures import Headers
from support.formats import dump
from support.processes import wait_until
from support.service import serve

from digitseq.formats import DOWNLOADS, FORMATS
from digitseq.service.progress import wants_progress

PROGRESS = "application/vnd.digitseq.progress"
BODY = {"random_digits": [3, 8], "size": 5000, "seed": 9}
LARGE = BODY | {"size": 100_000, "augment": ["heavy"], "image_width": 0}


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def served(request, cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service"), "--workers", request.param, "--max_streams", 1) as running:
        yield running


def frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    stream = io.BytesIO(body)
    while head := stream.read(8):
        made, length = struct.unpack(">II", head)
        piece = stream.read(length)
        assert len(piece) == length
        yield made, piece


@pytest.mark.parametrize("name", list(DOWNLOADS))
def test_the_file_is_the_same_and_the_count_grows_to_the_size(served, tmp_path, name):
    if package := FORMATS[DOWNLOADS[name][0]].package:
        pytest.importorskip(package)
    body = BODY | {"format": name}
    plain = served.client.post("/v1/datasets", json=body, headers={"Accept": "*/*"})
    framed = served.client.post("/v1/datasets", json=body, headers={"Accept": f"text/html, {PROGRESS};q=0.9"})
    assert framed.status_code == 200, framed.text
    assert plain.headers["content-type"] == DOWNLOADS[name][1].media_type
    assert framed.headers["content-type"] == PROGRESS
    for header in ("content-disposition", "x-digitseq-seed", "cache-control"):
        assert framed.headers[header] == plain.headers[header]
    found = list(frames(framed.content))
    counts = [made for made, _ in found]
    assert counts == sorted(counts) and counts[-1] == BODY["size"]
    assert len(set(counts)) > 2 and counts[0] < BODY["size"]
    file = b"".join(piece for _, piece in found)
    if name == "lmdb":  # the pages of a database are not promised, what is in it is
        for folder, data in (("plain", plain.content), ("framed", file)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "data.mdb").write_bytes(data)
        assert dump(tmp_path / "plain") == dump(tmp_path / "framed")
    else:
        assert file == plain.content


@pytest.mark.parametrize("name", ["zip", "npz"])
def test_who_leaves_in_the_middle_frees_the_slot(served, name):
    body = LARGE | {"format": name} | ({"size": 4000} if name == "npz" else {})
    with served.client.stream("POST", "/v1/datasets", json=body, headers={"Accept": PROGRESS}) as answer:
        assert answer.status_code == 200
        made, _ = struct.unpack(">II", next(answer.iter_bytes(8)))
        assert made < body["size"]

    def free() -> bool:
        return served.client.post("/v1/datasets", json=BODY | {"size": 1}).status_code == 200

    wait_until(free)


def test_what_is_refused_is_a_problem(served):
    headers = {"Accept": PROGRESS}
    answer = served.client.post("/v1/datasets", json=BODY | {"image_width": 20}, headers=headers)
    assert answer.status_code == 422 and answer.json()["field"] == "image_width"
    paths = httpx.get(f"{served.url}/openapi.json").json()["paths"]
    assert PROGRESS in paths["/v1/datasets"]["post"]["responses"]["200"]["content"]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [(PROGRESS, True), (f"{PROGRESS.upper()} ; q=0.1", True), (f"{PROGRESS};q=0", False), (f"*/*, {PROGRESS}; q=0.00", False), ("*/*", False), ("", False)],
)  # fmt: skip
def test_frames_are_sent_to_those_who_accept_them(accept, wanted):
    assert wants_progress(Headers({"accept": accept})) is wanted
