"""What /openapi.json promises is kept: schemathesis asks for everything that it allows, and for what it does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
from support.service import serve

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SECONDS = 30
# 413, 414 and 431 are refusals too.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429, 431]
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not SCHEMATHESIS.exists() and shutil.which("schemathesis") is None,
    reason="needs schemathesis: pip install schemathesis",
)
def test_every_answer_conforms(cache, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with serve(tmp_path) as served:
        command = [str(SCHEMATHESIS), "--config-file", "schemathesis.toml", "run", f"{served.url}/openapi.json"]
        # positive data: a schema cannot say that exactly one source is given, or that the text must fit the width
        limits = ["--max-time", str(SECONDS), "-n", "100", "--exclude-checks", "positive_data_acceptance"]
        done = subprocess.run(
            [*command, *limits, "--phases", "examples,coverage,fuzzing", "--no-shrink", "--seed", "1"],
            cwd=tmp_path, capture_output=True, text=True, timeout=4 * SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in served.log()


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service")) as running:
        yield running


# What has to be given beside a parameter.
PARTNERS = {
    "phone": {"image_width": 0},
    "phone_type": {"phone": "JP"},
    "phone_format": {"phone": "JP", "image_width": 0},
    "gap_labels": {"signs": "gap"},
    "unique": {"random_digits": [4, 4]},
    "balanced": {"random_digits": [4, 4]},
    "random_all": {"data_augmentation": True},
    "random_digits": {"image_width": 0},
    "amounts": {"image_width": 0},
    "random_text": {"image_width": 0},
    "number": {"image_width": 0},
    "text": {"image_width": 0},
    "min_spacing": {"max_spacing": 1000, "image_width": 0, "number": "1234", "image_height": 512},
    "max_spacing": {"min_spacing": -512, "image_width": 0, "number": "1234", "image_height": 512},
    "image_height": {"image_width": 0},
    "glyph_height": {"image_width": 400},
    "dilate_kernel": {"image_width": 400},
    "dataset": {"split": "test"},  # of some, that alone is here
    "style": {"split": "test"},
    "marks": {"style": "pen", "split": "test"},
}
SOURCES = ("number", "random_digits", "amounts", "random_text", "phone", "pattern", "numbers")
VALID = {
    "pattern": ["20[0-9]{2}", "(19|20)[0-9]{2}"],
    "phone": ["JP", "DE"],
    "region": ["JP", "US"],
    "random_digits": [[1, 1], [3, 8]],
    "amounts": [[1, 1], [3, 12]],
    "random_text": [[1, 1], [3, 8]],
    "numbers": [["12", "3,4"], ["-7"]],
    "labels": [["coco"], ["jsonl", "txt"]],
    "style": ["pen", "pen:width=0.05..0.1,slant=0"],
    "augment": [["light"], ["medium", "blur"], ["elastic:alpha=6,sigma=4"]],
}


def valid_values(name: str, schema: dict) -> list:
    """Every choice, both bounds, the default and the examples."""
    found = [*VALID.get(name, []), *schema.get("enum", []), *schema.get("examples", [])]
    if schema["type"] == "boolean":
        found += [True, False]
    if schema["type"] in ("integer", "number"):
        found += [schema["minimum"], schema["maximum"]]
    if schema["type"] == "array" and name not in VALID:
        found += [[schema["items"][bound]] * schema["minItems"] for bound in ("minimum", "maximum")]
    if name in ("number", "text"):
        found += ["7" * schema["maxLength"]]
    return found + ([schema["default"]] if "default" in schema else [])


def with_partners(name: str, value: object, alone: bool) -> dict:
    """Settings with this one, and a source unless `alone`."""
    made = PARTNERS.get(name, {}) | {name: value}
    return made if alone or any(source in made for source in SOURCES) else {"number": "1234"} | made


def query_of(settings: dict) -> list[tuple[str, str]]:
    def text(value: object) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    pairs = []
    for name, value in settings.items():
        if name in ("augment", "numbers"):
            pairs += [(name, one) for one in value]
        else:
            pairs.append((name, ",".join(map(text, value)) if isinstance(value, list) else text(value)))
    return pairs


def test_every_documented_parameter_works(served):
    asked = 0
    for path, operations in served.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            parameters = {p["name"]: p["schema"] for p in operation.get("parameters", [])}
            for name, schema in parameters.items():
                for value in valid_values(name, schema):
                    settings = with_partners(name, value, alone=not path.startswith("/v1/samples"))
                    if "region" in parameters:
                        settings |= {"region": settings.pop("phone", "SH")}  # numbers of few digits
                    if not path.startswith("/v1/samples"):
                        settings.pop("number", None)
                    text = str(settings.pop("text", "1234"))
                    answer = served.client.request(method, path.replace("{text}", text), params=query_of(settings))
                    assert answer.is_success, (path, name, value, answer.text)
                    asked += 1
            if not parameters and method == "get":
                assert served.client.get(path).is_success
    assert asked > 250


def test_every_documented_member_of_a_data_set_works(served):
    paths = served.client.get("/openapi.json").json()["paths"]
    schema = paths["/v1/datasets"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(SOURCES) < set(schema["properties"])
    for name, about in schema["properties"].items():
        for value in valid_values(name, about):
            if name == "size" and value == about["maximum"]:
                continue  # a minute of work
            body = {"size": 2} | with_partners(name, value, alone=False)
            answer = served.client.post("/v1/datasets", json=body)
            assert answer.is_success, (name, value, answer.text)


def test_nothing_is_documented_that_cannot_be_combined(served):
    paths = served.client.get("/openapi.json").json()["paths"]
    names = {
        path: {p["name"] for p in paths[path]["get"].get("parameters", [])} for path in paths if "get" in paths[path]
    }
    never = {*SOURCES, "unique", "balanced"}
    for path in ("/v1/sequences/{text}.png", "/v1/sequences/{text}.json"):
        assert not names[path] & {*never, "phone_type", "phone_format"}
    for path in ("/v1/phone-numbers.png", "/v1/phone-numbers.json"):
        assert not names[path] & never
    assert names["/v1/samples.json"] >= never


def test_the_schema_has_examples_and_the_settings(served):
    found = served.client.get("/openapi.json").json()
    parameters = {p["name"]: p for p in found["paths"]["/v1/sequences/{text}.png"]["get"]["parameters"]}
    assert parameters["image_width"]["schema"]["maximum"] == 10_000
    assert parameters["image_width"]["schema"]["default"] == 200
    assert parameters["augment"]["schema"]["examples"]
    assert "number" not in parameters and "numbers_file" not in parameters
    body = found["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["additionalProperties"] is False
    assert body["example"]["size"]
