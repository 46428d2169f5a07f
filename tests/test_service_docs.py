"""/docs and /openapi.json: words, examples that work, and the page in a browser, light and dark."""

from __future__ import annotations

import base64
import os
import re
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi")
from support.service import serve

SOURCES = {"number", "random_digits", "amounts", "random_text", "phone", "pattern", "numbers"}
# faults in the markup of Swagger UI that neither styles nor names mend
SWAGGER_UI = {"nested-interactive": "the button of an operation holds a link to it"}
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
needs_browser = pytest.mark.skipif(
    BROWSER is None and "CI" not in os.environ, reason="needs chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def document(served):
    return served.client.get("/openapi.json").json()


def operations(document):
    return [
        (method, path, operation) for path, found in document["paths"].items() for method, operation in found.items()
    ]


def described(document):
    """Name, title and description of every parameter, and of every member of a body and of an answer."""
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            title, text = re.fullmatch(r"\*\*(.+?)\.\*\* (.+)", parameter["description"]).groups()
            assert title == parameter["schema"]["title"]
            yield parameter["name"], title, text
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from ((n, p["title"], p["description"]) for n, p in content["schema"]["properties"].items())
    for schema in document["components"]["schemas"].values():
        yield from ((n, p["title"], p["description"]) for n, p in schema["properties"].items())


def test_everything_is_said_in_words(document):
    found = list(described(document))
    assert len(found) > 100
    for name, title, text in found:
        assert re.fullmatch(r"[A-Z][A-Za-z, ]*", title), title
        assert text.endswith(".") and not text[0].islower(), (name, text)
        assert not re.search(r"(^|\s)--?[a-z]", text), (name, text)  # nothing of the command line
    for method, path, operation in operations(document):
        assert re.match(r"[A-Z].+", operation["summary"]) and operation["tags"], (method, path)
        assert all(answer["description"].endswith(".") for answer in operation["responses"].values())
    assert {tag for *_, operation in operations(document) for tag in operation["tags"]} == {
        tag["name"] for tag in document["tags"] if tag["description"]
    }
    assert all(" " in schema["title"] for schema in document["components"]["schemas"].values())


def query_value(name, value):
    if isinstance(value, list):
        return value if name in ("augment", "numbers") else ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value


def test_every_example_works(served, document):
    """What a client fills in, its examples and all defaults; then each other example in place of it."""
    asked = 0
    for method, path, operation in operations(document):
        known = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
        filled = {
            name: p.get("example", p["schema"].get("default"))
            for name, p in known.items()
            if "example" in p or "default" in p["schema"]
        }
        bodies = [content["example"] for content in operation.get("requestBody", {}).get("content", {}).values()]
        others = [{name: value} for name, p in known.items() for value in p["schema"].get("examples", ())]
        for other in ({}, *others):
            values = filled | other
            if other.keys() & SOURCES:
                values = {name: v for name, v in values.items() if name not in SOURCES or name in other}
            pairs = {name: query_value(name, value) for name, value in values.items()}
            address = path.replace("{text}", str(pairs.pop("text", "")))
            answer = served.client.request(method, address, params=pairs, json=bodies[0] if bodies else None)
            assert answer.status_code == 200, (address, pairs, answer.text)
            asked += 1
        for content in operation.get("requestBody", {}).get("content", {}).values():
            properties = content["schema"]["properties"]
            for name, value in ((n, v) for n, p in properties.items() for v in p.get("examples", ())):
                needed = {"size": 2} if "size" in properties else {}
                source = {} if name in SOURCES else {"number": "123456"}
                answer = served.client.request(method, path, json=needed | source | {name: value})
                assert answer.status_code == 200, (path, name, value, answer.text)
                asked += 1
    assert asked > 30


def test_the_defaults_are_those_of_the_service(served, document):
    samples = served.client.get("/v1/samples.json", params={"number": 1}).json()["samples"]
    found = {p["name"]: p["schema"] for p in document["paths"]["/v1/samples.json"]["get"]["parameters"]}
    assert (found["start"]["default"], found["count"]["default"]) == (samples[0]["index"], len(samples))
    body = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    answer = served.client.post("/v1/datasets", json={"number": "1", "size": 1})
    assert answer.headers["Content-Disposition"].endswith(f'.{body["properties"]["format"]["default"]}"')


def test_errors_look_like_their_examples(served, document):
    responses = document["paths"]["/v1/sequences/{text}.png"]["get"]["responses"]
    example = responses["422"]["content"]["application/problem+json"]["example"]
    answer = served.client.get("/v1/sequences/1.png", params={"image_width": -1}).json()
    assert set(answer) == {*example, "field"}
    assert (answer["title"], answer["status"]) == (example["title"], example["status"])


def test_the_box_of_a_gap_is_as_documented(served, document):
    schema = document["components"]["schemas"]["SampleAnswer"]
    assert "has the box [0, 0, 0, 0]: a space, and a sign" in schema["properties"]["boxes"]["description"]
    (example,) = schema["examples"]
    answer = served.client.get("/v1/sequences/1 2.json", params={"seed": 1}).json()
    assert answer["image"].startswith(example.pop("image").rstrip("="))
    assert {name: answer[name] for name in example} == example
    for text, signs, shown in (("1-2", "draw", "1-2"), ("1-2", "gap", "12"), ("1 2", "gap", "12")):
        asked = {"seed": 1, "signs": signs}
        answer = served.client.get(f"/v1/sequences/{text}.json", params=asked).json()
        assert (answer["text"], len(answer["boxes"])) == (shown, len(shown))
        assert [0, 0, 0, 0] not in answer["boxes"]
    kept = served.client.get("/v1/sequences/1-2 3.json", params={"signs": "gap", "gap_labels": "keep"}).json()
    assert kept["text"] == "1-2 3"
    assert [box == [0, 0, 0, 0] for box in kept["boxes"]] == [False, True, False, True, False]


def test_masks_count_as_documented(served, document):
    about = document["components"]["schemas"]["SampleAnswer"]["properties"]["mask"]["description"]
    assert about.endswith("k on the ink of the k-th character, gaps not counted.")
    answer = served.client.get("/v1/sequences/1 2.json", params={"seed": 1, "masks": "true"}).json()
    mask = cv2.imdecode(np.frombuffer(base64.b64decode(answer["mask"]), np.uint8), cv2.IMREAD_UNCHANGED)
    x, y, width, height = answer["boxes"][2]
    assert set(np.unique(mask)) == {0, 1, 2} and set(np.unique(mask[y : y + height, x : x + width])) == {0, 2}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def docs(browser, served):
    """docs(scheme): the page, loaded; a test fails on an error in its console or a request to anywhere else."""
    opened, wrong = [], []

    def load(scheme="light", **storage):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        for name, value in storage.items():
            page.add_init_script(f"localStorage.setItem({name!r}, {value!r})")
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        inside = (served.url, "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(inside) else wrong.append(asked.url))
        page.goto(f"{served.url}/docs")
        page.wait_for_selector(".opblock")
        return page

    yield load
    for context in opened:
        context.close()
    assert not wrong


def execute(page, path):
    """Open the operation, send what is filled in, and return the status of the answer."""
    block = page.query_selector(f'.opblock:has([data-path="{path}"])')
    block.query_selector(".opblock-summary-control").click()
    block.wait_for_selector("button.execute").click()
    status = block.wait_for_selector(".live-responses-table tbody .response-col_status")
    block.wait_for_selector(".live-responses-table .response-col_description :is(pre, img, a)")
    return block, status.inner_text().split()[0]


@pytest.mark.slow
@needs_browser
def test_what_is_filled_in_works_in_every_operation(docs, document):
    page = docs()
    for _, path, _ in operations(document):
        block, status = execute(page, path)
        assert status == "200", path
        if path == "/v1/sequences/{text}.png":  # it is seen
            image = block.wait_for_selector(".live-responses-table img")
            page.wait_for_function("image => image.naturalWidth > 0", arg=image)
        block.query_selector(".opblock-summary-control").click()


@needs_browser
def test_a_link_leads_to_the_page(docs, served):
    assert docs().locator("a", has_text="the page").evaluate("link => link.href") == f"{served.url}/"


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_by_everybody(docs, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = docs(scheme)
    for path in ("/v1/phone-numbers.png", "/v1/datasets", "/healthz"):
        execute(page, path)
    found = axe.Axe().run(page).response["violations"]
    serious = {each["id"]: each["nodes"][0]["html"] for each in found if each["impact"] in ("serious", "critical")}
    assert {rule: html for rule, html in serious.items() if rule not in SWAGGER_UI} == {}
    assert SWAGGER_UI.keys() <= serious.keys()  # whatever is mended there need not be left out here


@needs_browser
@pytest.mark.parametrize(
    ("scheme", "chosen", "dark"), [("dark", "", True), ("light", "", False), ("light", "dark", True)]
)
def test_the_scheme_is_that_of_the_page_or_of_the_system(docs, scheme, chosen, dark):
    page = docs(scheme, **({"digitseq-theme": chosen} if chosen else {}))
    shown = page.evaluate("getComputedStyle(document.body).colorScheme")
    assert shown == ("dark" if dark else "light")
    if not chosen:  # it follows the system
        page.emulate_media(color_scheme="light" if dark else "dark")
        page.wait_for_function("dark => document.documentElement.matches('.dark-mode') === dark", arg=not dark)
