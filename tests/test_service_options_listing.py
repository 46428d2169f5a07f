"""`GET /v1/options` describes every control that a page needs, and nothing that a page has no use for."""

from __future__ import annotations

import asyncio
import importlib.util
import re

import pytest

pytest.importorskip("fastapi")
import httpx

from digitseq.options import MAX_TEXTS, options
from digitseq.runs.run_settings import Output
from digitseq.service import create_app
from digitseq.settings import SOURCES, Settings

TYPES = {"str", "texts", "int", "float", "pair", "bool", "choice", "words", "style", "augment"}


def answers(*paths: str) -> list[dict]:
    async def ask() -> list[dict]:
        app = create_app()
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return [(await client.get(path)).json() for path in paths]

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def found(cache) -> tuple[dict, dict]:
    return tuple(answers("/v1/options", "/openapi.json"))


@pytest.fixture
def listed(found) -> dict[str, dict]:
    return {about["name"]: about for about in [*found[0]["settings"], *found[0]["data_set"]]}


def test_every_control_can_be_built_from_what_is_listed(listed):
    for name, about in listed.items():
        assert about["type"] in TYPES, name
        assert about["title"] and about["help"], name
        if about["type"] in ("int", "float", "pair"):
            assert about["low"] < about["high"] and isinstance(about["whole"], bool), name
        if about["type"] == "pair":
            assert len(about["parts"]) == 2, name
            assert about["default"] or about["example"] or about["shown_default"], name
        if about["type"] in ("choice", "words"):
            assert about["choices"], name
            default = about["default"] or []
            assert {default} if isinstance(default, str) else set(default) <= set(about["choices"]), name
    assert [about["parts"] for name, about in listed.items() if name.endswith("_kernel")] == [["width", "height"]] * 2
    assert (listed["angle"]["low"], listed["angle"]["high"], listed["angle"]["unit"]) == (-180, 180, "degrees")
    assert listed["random_all"]["works_with"] == ["data_augmentation"]
    assert (listed["numbers"]["most"], listed["numbers"]["longest"]) == (MAX_TEXTS, 255)
    assert (listed["number"]["longest"], listed["pattern"]["longest"]) == (255, 256)
    assert [name for name, about in listed.items() if about.get("source")] == [
        n for n in SOURCES if n != "numbers_file"
    ]


def test_what_surrounds_a_data_set_is_listed(listed):
    assert list(listed)[-4:] == ["size", "seed", "format", "labels"]
    assert (listed["size"]["low"], listed["size"]["high"], listed["size"]["title"]) == (1, 100_000, "Number of images")
    assert (listed["format"]["default"], listed["labels"]["default"]) == ("zip", ["jsonl"])
    assert listed["seed"]["high"] == 2**64 - 1


def test_no_line_speaks_of_a_command_line(found):
    for about in [*found[0]["settings"], *found[0]["data_set"], *found[0]["pen"]["parameters"]]:
        for key in ("title", "help", "shown_default"):
            text = about.get(key) or ""
            assert "`" not in text and not re.search(r"(?<!\w)--?[a-z]{2}", text), (about["name"], text)


@pytest.mark.skipif(not importlib.util.find_spec("phonenumbers"), reason="phonenumbers is missing")
def test_regions_can_be_chosen(listed):
    regions = listed["phone"]["choices"]
    assert regions == sorted(regions) and {"JP", "US", "DE"} < set(regions) and len(regions) > 200
    assert listed["phone"]["type"] == "str"


def test_a_service_without_phonenumbers_lists_no_regions(cache, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "phonenumbers", None)
    (about,) = [about for about in answers("/v1/options")[0]["settings"] if about["name"] == "phone"]
    assert about["choices"] == []


def test_the_same_titles_everywhere(found, listed):
    titles = {name: about["title"] for name, about in listed.items()}
    assert titles["image_height"] == "Image height" and titles["random_digits"] == "Random digits"
    assert len({titles[name] for name in options(Settings) if name in titles}) == len(
        set(options(Settings)) & set(titles)
    )
    body = found[1]["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {name: schema["title"] for name, schema in body["properties"].items()} == titles
    assert titles["labels"] == options(Output)["labels"].title


def test_parameters_of_distortions_have_titles(found):
    for operation in found[0]["augmentations"]:
        assert all(parameter["title"] for parameter in operation["parameters"])
