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
SECONDS = 60
# 413 and 414 are refusals too.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429]
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
            cwd=tmp_path, capture_output=True, text=True, timeout=2 * SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in served.log()


def test_the_schema_has_examples_and_the_settings(cache, tmp_path):
    with serve(tmp_path) as served:
        found = served.client.get("/openapi.json").json()
    parameters = {p["name"]: p for p in found["paths"]["/v1/sequences/{text}.png"]["get"]["parameters"]}
    assert parameters["image_width"]["schema"]["maximum"] == 10_000
    assert parameters["image_width"]["schema"]["default"] == 200
    assert parameters["augment"]["schema"]["examples"]
    assert "number" not in parameters and "numbers_file" not in parameters
    body = found["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["additionalProperties"] is False
    assert body["example"]["size"]
