"""What requests may hold on a service with its own limits, and what they are told."""

from __future__ import annotations

import asyncio
import re

import pytest

pytest.importorskip("fastapi")
import httpx

from digitseq.service import Limits, create_app
from digitseq.settings import Settings
from digitseq.shell.setting_names import with_names

SAMPLES, DATA_SETS = "/v1/samples.json", "/v1/datasets"
LOW = Limits(max_width=300, max_images=20, max_text=12)


@pytest.fixture(scope="module")
def ask(cache):
    """Asks a service with these limits: a path, with a query or a body."""

    def ask(path: str, query=None, body=None, limits: Limits | None = None) -> httpx.Response:
        async def answer() -> httpx.Response:
            async with app.router.lifespan_context(app):
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                    if body is not None:
                        return await client.post(path, json=body)
                    return await client.get(path, params=query)

        app = create_app(limits)
        return asyncio.run(answer())

    return ask


def refused(answer: httpx.Response, status: int = 422) -> dict:
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found["detail"] == with_names(found["message"])
    return found


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ([("number", "12"), ("image_width", "0")], {"number": "12", "image_width": 0}),
        ([("numbers", "12"), ("numbers", "3,4")], {"numbers": ["12", "3,4"], "image_width": 200}),
        ([("random_digits", "3,4"), ("start", "5"), ("count", "2")], {"random_digits": [3, 4], "start": 5, "count": 2}),
        (
            [("number", "7"), ("augment", "blur"), ("augment", "noise"), ("invert", "true")],
            {"number": "7", "augment": ["blur", "noise"], "invert": True},
        ),
    ],
)
def test_samples_for_a_body_are_those_for_a_query(ask, query, body):
    by_query, by_body = ask(SAMPLES, [*query, ("seed", 3)]), ask(SAMPLES, body=body | {"seed": 3})
    assert by_query.status_code == by_body.status_code == 200, by_body.text
    found, expected = by_body.json(), by_query.json()
    assert found["samples"] == expected["samples"] and found["seed"] == 3
    if "image_width" not in body:
        assert found == expected
    assert by_body.headers["cache-control"] == "no-store"


def test_a_list_that_is_too_long_for_a_query_fits_into_a_body(ask):
    texts = [str(1000 + number) for number in range(5000)]
    found = ask(SAMPLES, body={"numbers": texts, "start": 4998, "count": 4}).json()
    assert [sample["text"] for sample in found["samples"]] == ["5998", "5999", "1000", "1001"]


def test_bodies_of_samples_are_refused_as_those_of_data_sets(ask):
    for body in ([], 7, {"number": "1", "size": 3}, {"number": "1", "count": 101}, {"count": 1}):
        refused(ask(SAMPLES, body=body))
    refused(ask(SAMPLES, body={"numbers": ["1" * 250] * 1000}), 413)


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        (
            DATA_SETS, {"number": "1", "size": 5_000_000_000}, "size",
            "`size` must be a whole number from 1 to 100,000, got 5000000000",
        ),
        (DATA_SETS, {"number": "1"}, "size", "`size` is missing"),
        (
            SAMPLES, {"number": "1", "image_width": 99_999}, "image_width",
            "`image_width` must be a whole number from 0 to 10,000 pixels, got 99999",
        ),
        (SAMPLES, {"number": "1", "count": 101}, "count", "`count` must be a whole number from 1 to 100, got 101"),
        (SAMPLES, {"pattern": "1" * 257}, "pattern", "`pattern` may have at most 256 characters, got 257"),
        (SAMPLES, {"number": "1" * 256}, "number", "`number` may have at most 255 characters, got 256"),
        (SAMPLES, {"number": ""}, "number", "`number` must have 1 to 255 characters, got 0"),
        (
            SAMPLES, {"random_digits": [0, 3]}, "random_digits",
            "`random_digits` must be a whole number from 1 to 255 for each of min, max, got 0, 3",
        ),
        (
            SAMPLES, {"random_digits": [5, 3]}, "random_digits",
            "`random_digits` takes the smallest length first, got 5 and 3: change their order",
        ),
        (
            SAMPLES, {"number": "12a"}, "number",
            "the text may have 0123456789-+.,:/()=#* only, got 'a' (U+0061) as character 3; it is in emnist-byclass, "
            "emnist-bymerge, emnist-balanced, emnist-letters (`dataset`)",
        ),
        (
            SAMPLES, {"numbers": ["1", "2_"]}, "numbers",
            "text 2 of `numbers` may have 0123456789-+.,:/()=#* only, got '_' (U+005F) as character 2; `signs` gap "
            "leaves a gap for it",
        ),
        (SAMPLES, {"pattern": r"\d("}, "pattern", r"'\d(' is not a regular expression: missing ), unterminated "
         "subpattern at position 2"),
        (SAMPLES, {"number": "1", "random_all": True}, "random_all",
         "`random_all` works with `data_augmentation` only: add `data_augmentation`, or leave out `random_all`"),
        (SAMPLES, {"number": "123456", "image_width": 20}, "image_width", "`image_width` 20 is too narrow for 6 "
         "characters such as 123456 with `min_spacing` 0: use at least "),
        (SAMPLES, {"number": "1" * 255, "image_width": 0, "max_spacing": 100}, "image_width", "images as wide as their "
         "texts need could have "),
        (SAMPLES, {"random_digits": [1, 1], "unique": True, "count": 20}, "unique", "`unique`: 20 different texts are "
         "asked for, and the source gives 10: ask for at most 10 images"),
    ],
)  # fmt: skip
def test_what_a_person_at_the_page_is_told(ask, path, body, field, message):
    found = refused(ask(path, body=body))
    assert found["field"] == field
    assert found["message"].startswith(message)
    assert not re.search(r"(?<![\w-])--?[a-z]{2}", found["message"])


def test_ranges_are_those_of_this_service(ask):
    listed = {about["name"]: about for about in ask("/v1/options", limits=LOW).json()["settings"]}
    paths = ask("/openapi.json", limits=LOW).json()["paths"]
    query = {about["name"]: about["schema"] for about in paths[SAMPLES]["get"]["parameters"]}
    bodies = [
        paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"] for path in (SAMPLES, DATA_SETS)
    ]
    assert listed["image_width"]["high"] == 300
    assert listed["random_digits"]["high"] == 12
    for schema in (query, *(body["properties"] for body in bodies)):
        assert schema["image_width"]["maximum"] == 300
        assert schema["random_digits"]["items"]["maximum"] == 12
        assert schema["numbers"]["items"]["maxLength"] == schema["number"]["maxLength"] == 12
    assert bodies[1]["properties"]["size"]["maximum"] == 20
    for body, limit in (
        ({"number": "1", "image_width": 301}, "300"),
        ({"random_digits": [1, 13]}, "12"),
        ({"numbers": ["1" * 13]}, "12"),
        ({"number": "1" * 13}, "12"),
    ):
        assert limit in refused(ask(SAMPLES, body=body, limits=LOW))["detail"]
    assert "1 to 20," in refused(ask(DATA_SETS, body={"number": "1", "size": 21}, limits=LOW))["detail"]
    assert Settings("1", image_width=65_535).image_width == 65_535  # elsewhere nothing has changed


def test_the_form_of_problems_is_documented(ask):
    about = ask("/openapi.json").json()["components"]["schemas"]["Problem"]
    assert {"detail", "message", "field"} <= set(about["properties"])
    assert "message" in about["required"]
