"""The REST service answers with the command line's bytes, and refuses what it must in one line."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import zipfile

import numpy as np
import pytest

pytest.importorskip("fastapi")
import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cases import product
from support.formats import dump
from support.paths import ROOT
from support.service import serve

import digitseq
from digitseq.formats import FORMATS
from digitseq.formats.png_encoder import encode_png
from digitseq.labels import LABEL_FORMATS
from digitseq.options import options
from digitseq.pen.style import PenStyle, parse_style
from digitseq.service.limits import Limits, variable
from digitseq.settings import Settings

PNG = "/v1/sequences/123456.png"


@pytest.fixture(scope="module")
def served(cache, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="module")
def client(served) -> httpx.Client:
    return served.client


def problem(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert found["title"] and found["type"]
    assert "\n" not in found["detail"] and "Traceback" not in found["detail"]
    return found


@pytest.mark.parametrize(
    ("query", "flags"),
    [
        ("", ""),
        ("min_spacing=5&max_spacing=10&image_width=180", "-min 5 -max 10 -iw 180"),
        ("image_width=0&min_spacing=-4&max_spacing=20", "-iw 0 --min_spacing=-4 -max 20"),
        ("invert=true&split=test&dataset=mnist", "--invert --split test"),
        ("augment=light", "--augment light"),
        ("augment=elastic:alpha=20..30&augment=blur", "--augment elastic:alpha=20..30 --augment blur"),
        ("data_augmentation=1&erode_kernel=2,1&angle=-12.5", "-da -e 2 1 --angle=-12.5"),
        ("style=pen:slant=0.2&marks=0.5&split=test", "--style pen:slant=0.2 --marks 0.5 --split test"),
    ],
)
def test_the_command_line_makes_the_same_bytes(client, run, tmp_path, query, flags):
    done = run("-num", "123456", *flags.split(), "--seed", 7, "-s", 3, "-o", "out")
    assert done.returncode == 0, done.stderr
    for index in range(3):
        answer = client.get(f"{PNG}?{query}&seed=7&index={index}")
        assert answer.status_code == 200, answer.text
        assert answer.content == (tmp_path / f"out/123456/{index + 1}.png").read_bytes()
    samples = client.get(f"/v1/samples.json?number=123456&{query}&seed=7&count=3").json()
    lines = (tmp_path / "out/123456/metadata.jsonl").read_text().splitlines()
    for index, (sample, line) in enumerate(zip(samples["samples"], map(json.loads, lines))):
        assert base64.b64decode(sample["image"]) == (tmp_path / f"out/123456/{index + 1}.png").read_bytes()
        assert (sample["text"], sample["boxes"]) == (line["text"], line["objects"]["bbox"])


def test_a_seed_makes_an_answer_that_is_kept(client):
    first = client.get(f"{PNG}?seed=7")
    assert first.headers["content-type"] == "image/png"
    assert first.headers["x-digitseq-seed"] == "7"
    assert first.headers["x-digitseq-text"] == "123456"
    assert "immutable" in first.headers["cache-control"]
    tag = first.headers["etag"]
    for value in (tag, f'"other", W/{tag}', "*"):
        again = client.get(f"{PNG}?seed=7", headers={"If-None-Match": value})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(f"{PNG}?seed=8", headers={"If-None-Match": tag}).status_code == 200
    head = client.head(f"{PNG}?seed=7")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_without_a_seed_one_is_drawn_and_said(client):
    answers = [client.get(PNG) for _ in range(4)]
    assert len({answer.content for answer in answers}) > 1
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers
        seed = answer.headers["x-digitseq-seed"]
        assert client.get(f"{PNG}?seed={seed}").content == answer.content


def test_json_holds_the_png(client):
    found = client.get("/v1/sequences/0071.json?seed=3&index=5").json()
    assert (found["text"], found["seed"], found["index"]) == ("0071", 3, 5)
    assert base64.b64decode(found["image"]) == client.get("/v1/sequences/0071.png?seed=3&index=5").content
    assert len(found["boxes"]) == 4


def test_phone_numbers(client, run, tmp_path):
    answer = client.get("/v1/phone-numbers.png?region=DE&phone_type=mobile&image_width=0&seed=5")
    assert answer.status_code == 200
    run("--phone", "DE", "--phone_type", "mobile", "-iw", 0, "--seed", 5, "-o", "out")
    assert answer.content == (tmp_path / "out/phone-DE/1.png").read_bytes()
    line = json.loads((tmp_path / "out/phone-DE/metadata.jsonl").read_text())
    assert answer.headers["x-digitseq-text"] == line["text"]
    japanese = client.get(
        "/v1/phone-numbers.json?image_width=0&phone_format=national&signs=gap&gap_labels=keep&seed=1"
    ).json()
    assert re.fullmatch(r"0[0-9-]+", japanese["text"])
    problem(client.get("/v1/phone-numbers.png?region=XX"), 422)


@pytest.mark.parametrize("source", ["random_digits=3,9", "pattern=20[0-9]{2}", "random_digits=2,2&unique=true"])
def test_samples_of_every_source_and_their_command(client, run, tmp_path, source):
    found = client.get("/v1/samples.json", params=f"{source}&image_width=250&seed=11").json()
    assert found["command"].startswith("python3 run.py ")
    import shlex

    assert run(*shlex.split(found["command"])[2:], "-o", "out").returncode == 0
    folder = next((tmp_path / "out").iterdir())
    for sample in found["samples"]:
        assert base64.b64decode(sample["image"]) == (folder / f"{sample['index'] + 1}.png").read_bytes()


def test_a_list_of_texts_as_a_query_and_as_a_body(client, run, tmp_path):
    texts = ["12", "-7", "3,4", "-1-2"]
    found = client.get("/v1/samples.json", params={"numbers": texts, "seed": 2, "count": 6}).json()
    assert [sample["text"] for sample in found["samples"]] == [*texts, *texts[:2]]
    assert "Settings(numbers=('12', '-7', '3,4', '-1-2')), seed=2" in found["python"]
    import shlex

    assert run(*shlex.split(found["command"])[2:], "-o", "out").returncode == 0
    with zipfile.ZipFile(
        io.BytesIO(client.post("/v1/datasets", json={"numbers": texts, "seed": 2, "size": 6}).content)
    ) as archive:
        for sample in found["samples"]:
            name = f"{sample['index'] + 1}.png"
            assert base64.b64decode(sample["image"]) == archive.read(name)
            assert archive.read(name) == (tmp_path / "out/numbers" / name).read_bytes()
    assert 'such as "007"' in problem(client.post("/v1/datasets", json={"numbers": [12], "size": 6}), 422)["detail"]


def test_python_code_makes_the_same_images(client):
    found = client.get("/v1/samples.json?number=350&image_width=160&augment=light&seed=4&count=2").json()
    assert "Settings(number='350', image_width=160, augment=('light',)), seed=4" in found["python"]
    if not hasattr(digitseq, "SequenceGenerator"):
        pytest.skip("needs SequenceGenerator")
    made: dict = {}
    exec(found["python"], made)
    for image, sample in zip(made["images"], found["samples"], strict=True):
        file = encode_png(np.ascontiguousarray(image)[None], np.array([image.shape[1]]))[0]
        assert file == base64.b64decode(sample["image"])


BODY = {"number": "4711", "min_spacing": 3, "size": 700, "seed": 9}


@pytest.mark.parametrize(
    "labels", [None, ["none"], ["coco", "yolo"], ["easyocr", "txt", "tesseract", "jsonl"], "yolo"], ids=str
)
def test_a_zip_holds_the_files_of_the_command_line(client, run, tmp_path, labels):
    answer = client.post("/v1/datasets", json=BODY | ({} if labels is None else {"labels": labels}))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="digitseq-9.zip"'
    words = [labels or "jsonl"] if isinstance(labels, str) or labels is None else labels
    run("-num", "4711", "-min", 3, "-s", 700, "--seed", 9, "--labels", *words, "-o", "out")
    expected = {p.name: p.read_bytes() for p in (tmp_path / "out/4711").iterdir() if p.is_file()}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names)) == len([n for n in expected if n != "run.json" and n[0] != "."])
        for name in names:
            assert archive.read(name) == expected[name], name


FILES = {"webdataset": "4711-000000.tar", "parquet": "4711-00000.parquet", "lmdb": "data.mdb", "npz": "4711.npz"}


@pytest.mark.parametrize(("name", "width"), product(list(FILES), [200, 0]))
def test_other_formats_are_the_command_lines_files(client, run, tmp_path, name, width):
    if package := FORMATS[name].package:
        pytest.importorskip(package)
    answer = client.post("/v1/datasets", json=BODY | {"format": name, "image_width": width})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMATS[name].download.media_type
    assert answer.headers["content-disposition"].endswith(f'.{FORMATS[name].download.suffix}"')
    run("-num", "4711", "-min", 3, "-iw", width, "-s", 700, "--seed", 9, "--format", name, "-o", "out")
    folder = tmp_path / "out/4711"
    if name == "lmdb":  # the pages of a database are not promised, what is in it is
        (tmp_path / "data.mdb").write_bytes(answer.content)
        assert dump(tmp_path) == dump(folder)
    else:
        assert answer.content == (folder / FILES[name]).read_bytes()
    if name == "npz":
        assert np.load(io.BytesIO(answer.content))["labels"][0] == "4711"
    if name == "webdataset":
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            assert len(archive.getnames()) == 2100


def test_every_format_and_label_format_is_offered(client):
    options = client.get("/v1/options").json()
    assert options["formats"] == [{"name": entry.download.name, "help": entry.help} for entry in FORMATS.values()]
    assert [label["name"] for label in options["labels"]] == list(LABEL_FORMATS)
    about = client.get("/openapi.json").json()["paths"]["/v1/datasets"]["post"]
    schema = about["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert schema["format"]["enum"] == [entry.download.name for entry in FORMATS.values()]
    assert schema["labels"]["items"]["enum"] == [*LABEL_FORMATS, "none"]
    assert set(about["responses"]["200"]["content"]) >= {entry.download.media_type for entry in FORMATS.values()}


def test_options_name_every_setting_but_paths(client):
    found = client.get("/v1/options").json()
    listed = {setting["name"]: setting for setting in found["settings"]}
    assert set(listed) == set(options(Settings)) - {"numbers_file", "transpose"}
    assert listed["image_width"]["default"] == Settings("1").image_width
    assert {"elastic", "background"} <= {operation["name"] for operation in found["augmentations"]}
    assert "folder" not in json.dumps([o["parameters"] for o in found["augmentations"]])
    assert found["datasets"][0]["name"] == "mnist"


def test_options_describe_the_pen(client):
    found = client.get("/v1/options").json()
    listed = {about["name"]: about for about in found["pen"]["parameters"]}
    assert list(listed) == list(options(PenStyle))
    assert found["pen"]["help"].startswith("Strings written with a pen")
    assert (listed["width"]["low"], listed["width"]["high"], listed["width"]["unit"]) == (0.02, 0.25, "digit heights")
    for name, about in listed.items():
        assert about["help"] and "`" not in about["help"]
        # what a slider begins with is allowed, and the default as a text is the default
        low, high = about["usual"] if about["type"] == "spread" else [about["usual"]] * 2
        assert about["low"] <= low <= high <= about["high"]
        assert parse_style(f"pen:{name}={about['default']}") == parse_style("pen")
    assert not any("`" in about["help"] for about in found["settings"])


@pytest.mark.parametrize(
    ("path", "status", "field", "said"),
    [
        ("/v1/sequences/12a4.png", 422, "", "'a'"),
        ("/v1/sequences/%D9%A1%D9%A2.png", 422, "", "U+0661"),
        ("/v1/sequences/..%2F..%2Fetc%2Fpasswd.png", 422, "", ""),
        ("/v1/sequences/../../etc/passwd.png", 422, "", ""),
        ("/v1/sequences/1%002.png", 422, "number", "control characters"),
        ("/v1/sequences/.png", 422, "number", "got 0"),
        (f"/v1/sequences/{'1' * 256}.png", 422, "number", "at most 255 characters, got 256"),
        (f"{PNG}?image_width=-1", 422, "image_width", "from 0"),
        (f"{PNG}?image_width=nan", 422, "image_width", "nan"),
        (f"{PNG}?image_width=1e3", 422, "image_width", "1e3"),
        (f"{PNG}?image_width=%D9%A1", 422, "image_width", "whole number"),
        (f"{PNG}?image_width={'9' * 400}", 422, "image_width", ""),
        (f"{PNG}?image_width=10001", 422, "image_width", "10,000"),
        (f"{PNG}?image_width=50", 422, "image_width", "such as 123456 with min_spacing 0: use at least"),
        (f"{PNG}?image_width=", 422, "image_width", "''"),
        (f"{PNG}?angle=inf&image_width=200", 422, "angle", "inf"),
        (f"{PNG}?min_spacing=9&max_spacing=3", 422, "min_spacing", "must not exceed"),
        (f"{PNG}?image_width=0&max_spacing=1000&number=1", 422, "number", "twice"),
        ("/v1/sequences/" + "1" * 200 + ".png?image_width=0&max_spacing=1000", 422, "", ""),
        (f"{PNG}?invert=yes", 422, "invert", "True or False"),
        (f"{PNG}?seed=-1", 422, "seed", "seed"),
        (f"{PNG}?seed=1&seed=2", 422, "seed", "twice"),
        (f"{PNG}?sead=1", 422, "sead", "did you mean seed?"),
        (f"{PNG}?image_widht=1", 422, "image_widht", "did you mean image_width?"),
        (f"{PNG}?augment=elastik", 422, "augment", "did you mean elastic?"),
        (f"{PNG}?augment=background:folder=/etc", 422, "augment", "path"),
        (f"{PNG}?augment=%20background%20:%20folder%20=/etc", 422, "augment", ""),
        (f"{PNG}?" + "&".join(["augment=blur"] * 33), 422, "augment", "32"),
        (f"{PNG}?" + "&".join(["augment=elastic"] * 32), 422, "augment", "memory"),
        ("/v1/sequences/" + "1" * 255 + ".png?image_width=10000&augment=heavy", 422, "augment", "memory"),
        (f"{PNG}?numbers_file=/etc/passwd", 422, "numbers_file", "files"),
        (f"{PNG}?output_path=/tmp", 422, "output_path", "unknown"),
        (f"{PNG}?cache=/tmp", 422, "cache", "unknown"),
        (f"{PNG}?dataset=imagenet", 404, "dataset", "imagenet"),
        (f"{PNG}?dataset=kmnist", 404, "dataset", "kmnist"),
        (f"{PNG}?dataset=", 404, "dataset", ""),
        (f"{PNG}?transpose=true", 422, "transpose", ""),
        (f"{PNG}?dataset=/etc", 404, "dataset", ""),
        (f"{PNG}?dataset=..%2Fmnist", 404, "dataset", ""),
        (f"{PNG}?random_digits=1,2", 422, "random_digits", "exactly one source"),
        (f"{PNG}?unique=true", 422, "unique", "size"),
        (f"{PNG}?x=" + "1" * 20_000, 414, None, ""),
        ("/v1/samples.json?number=1&count=101", 422, "count", "100"),
        ("/v1/samples.json", 422, "", "source"),
        ("/v1/samples.json?pattern=(1%7C1)*(1%7C1)*3(?=9)", 422, "pattern", "look around"),
        ("/v1/samples.json?pattern=(", 422, "pattern", ""),
        ("/v1/samples.json?pattern=(1%2B){400}", 422, "pattern", ""),
        ("/v1/phone-numbers.png?region=" + "J" * 99, 422, "phone", "JJJ"),
        ("/v1/nothing", 404, None, ""),
        ("/static/../app.py", 404, None, ""),
        ("/static/..%2f..%2fapp.py", 404, None, ""),
    ],
)  # fmt: skip
def test_refusals(served, path, status, field, said):
    # a raw request: httpx would tidy the path
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == status, body
    found = json.loads(body)
    assert said in found["detail"]
    if field:
        assert found["field"] == field


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"number": "1"}, 422, "size"),
        ({"number": "1", "size": 100_001}, 422, "size"),
        ({"number": "1", "size": 0}, 422, "size"),
        ({"number": "1", "size": True}, 422, "size"),
        ({"number": "1", "size": 1.5}, 422, "size"),
        ({"number": 1, "size": 1}, 422, "number"),
        ({"size": 1}, 422, None),
        ({"number": "1", "size": 1, "format": "rar"}, 422, "format"),
        ({"number": "1", "size": 1, "format": "png"}, 422, "format"),
        ({"number": "1", "size": 1, "format": ["zip"]}, 422, "format"),
        ({"number": "1", "size": 1, "format": "npz", "labels": ["jsonl"]}, 422, "labels"),
        ({"number": "1", "size": 1, "format": "lmdb", "labels": "coco"}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": ["none", "jsonl"]}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": ["jsonl", "jsonl"]}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": ["csv"]}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": []}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": 7}, 422, "labels"),
        ({"number": "1", "size": 1, "labels": [None]}, 422, "labels"),
        ({"number": "1", "size": 1, "output_path": "/tmp"}, 422, "output_path"),
        ({"numbers_file": "/etc/passwd", "size": 1}, 422, "numbers_file"),
        ({"number": "1", "size": 1, "augment": {"background:folder=/etc": 1}}, 422, "augment"),
        ({"number": "1", "size": 1, "augment": [["background:folder=/etc"]]}, 422, "augment"),
        ({"number": "1", "size": 1, "augment": "background:folder=/etc"}, 422, "augment"),
        ({"number": "1", "size": 100_000, "image_width": 10_000, "format": "npz"}, 413, "size"),
        ({"number": "1", "size": 100_000, "image_width": 10_000, "format": "lmdb"}, 413, "size"),
        ({"number": "1", "size": 1, "erode_kernel": [1, 2, 3]}, 422, "erode_kernel"),
        ({"number": "1", "size": 1, "noise_ratio": float("nan")}, 422, "noise_ratio"),
        ({"random_digits": [1, 1], "unique": True, "size": 11}, 422, None),
        ([], 422, None),
    ],
)  # fmt: skip
def test_refused_bodies(client, body, status, field):
    answer = client.post("/v1/datasets", content=json.dumps(body), headers={"Content-Type": "application/json"})
    found = problem(answer, status)
    if field:
        assert found["field"] == field


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"number": "1", "size": 2, "size": 3}', "application/json", 422),
        (b"[" * 60_000, "application/json", 400),
        (b'{"size": ' + b"9" * 50_000 + b"}", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 10_000_000, "application/json", 413),
    ],
)
def test_bodies_that_are_no_json(client, content, kind, status):
    problem(client.post("/v1/datasets", content=content, headers={"Content-Type": kind}), status)


def test_a_chunked_body_is_limited_too(client):
    def pieces():
        for _ in range(200):
            yield b" " * 1000

    answer = client.post("/v1/datasets", content=pieces(), headers={"Content-Type": "application/json"})
    problem(answer, 413)


def test_methods(client):
    problem(client.post(PNG), 405)
    problem(client.delete("/v1/options"), 405)


QUERY = st.dictionaries(
    st.sampled_from([*options(Settings), "seed", "index", "dataset", "nonsense"]),
    st.one_of(
        st.text(max_size=12), st.integers().map(str), st.floats().map(str), st.sampled_from(["light", "1,2", "true"])
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(blacklist_categories=["Cs"]), max_size=20), query=QUERY)
def test_whatever_is_asked_the_answer_is_an_image_or_a_problem(client, text, query):
    from urllib.parse import quote

    answer = client.get(f"/v1/sequences/{quote(text, safe='')}.png", params=query)
    if answer.status_code == 200:
        assert answer.content.startswith(b"\x89PNG")
        return
    found = problem(answer, answer.status_code)
    assert answer.status_code in (404, 414, 422), found
    assert str(ROOT) not in answer.text and "site-packages" not in answer.text and "/tmp" not in answer.text


def test_health_and_metrics(client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    before = images_made(client)
    client.get(PNG)
    assert images_made(client) == before + 1
    text = client.get("/metrics").text
    assert 'route="/v1/sequences/{text}.png",status="200"' in text
    assert "123456" not in text  # no label grows with what is asked for


def images_made(client) -> float:
    found = re.search(r'^digitseq_images_total\{format="png"\} (\S+)', client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0


def test_every_answer_has_security_headers(client):
    for path in ("/", "/docs", PNG, "/v1/nothing", "/static/app.js"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    for path in ("/", "/docs"):
        page = client.get(path).text
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
        assert not re.search(r"<script(?![^>]*\bsrc=)", page) and not re.search(r"\son\w+=", page)
        for asset in re.findall(r"(?:src|href)=\"(/[^\"#]+)\"", page):
            assert client.get(asset).status_code == 200, asset


def test_a_key_is_needed_on_v1_only(cache, tmp_path):
    with serve(tmp_path, DIGITSEQ_API_KEY="secret", DIGITSEQ_MAX_WIDTH="300") as served:
        client = served.client
        no_key, wrong_key = "a key is needed: Authorization: Bearer KEY", "this key is wrong"
        for header, said in (
            ({}, no_key),
            ({"Authorization": "secret"}, no_key),
            ({"Authorization": "Basic secret"}, no_key),
            ({"Authorization": "Bearer wrong"}, wrong_key),
            ({"Authorization": "Bearer secre"}, wrong_key),
            ({"Authorization": "Bearer secrets"}, wrong_key),
        ):
            answer = client.get(PNG, headers=header)
            assert problem(answer, 401)["detail"] == said
            challenge = 'Bearer error="invalid_token"' if said is wrong_key else "Bearer"
            assert answer.headers["www-authenticate"] == challenge
        right = {"Authorization": "Bearer secret"}
        assert client.get(PNG, headers=right).status_code == 200
        assert client.get("/v1/options", headers=right).json()["limits"]["max_width"] == 300
        problem(client.get(f"{PNG}?image_width=301", headers=right), 422)
        assert client.get("/").status_code == 200
        assert client.get("/openapi.json").json()["paths"][
            "/v1/options"]["get"]["security"]  # fmt: skip


def test_cors_for_one_origin(cache, tmp_path):
    with serve(tmp_path, "--cors", "https://example.org") as served:
        mine = served.client.get(f"{PNG}?sead=1", headers={"Origin": "https://example.org"})
        assert mine.headers["access-control-allow-origin"] == "https://example.org"
        other = served.client.get(PNG, headers={"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers
        asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
        assert served.client.options("/v1/datasets", headers=asked).status_code == 200


def service(*arguments, **environment):
    import os
    import subprocess
    import sys

    words = [sys.executable, "-m", "digitseq.service", *arguments]
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(words, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--host", "0.0.0.0"], {}, "DIGITSEQ_API_KEY"),
        (["--host", "::"], {}, "--no_auth"),
        (["--host", "example.org"], {}, "--no_auth"),
        (["--port", "99999"], {}, "port must be a whole number"),
        (["--workers", "0"], {}, "workers"),
        (["--max_width", "many"], {}, "max_width must be a whole number"),
        ([], {"DIGITSEQ_MAX_BODY": "-5"}, "max_body"),
        (["--max_widht", "1"], {}, "--max_widht"),
    ],
)
def test_refused_starts_are_one_line(arguments, environment, said):
    done = service(*arguments, **environment)
    assert done.returncode == 2
    assert done.stderr.startswith("digitseq: error: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_help_names_every_limit():
    text = service("--help").stdout
    for name in options(Limits):
        assert f"--{name}" in text


def test_limits_check_themselves():
    assert Limits.from_environment({variable("max_width"): "12"}) == Limits(max_width=12)
    for bad in (0, -1, True, 1.0, "1", None, 10**10):
        with pytest.raises(ValueError, match="max_width"):
            Limits(max_width=bad)


def test_no_request_can_name_a_file():
    from digitseq.options import FilePath
    from digitseq.service.requests import ABOUT_IMAGES, ABOUT_SAMPLES, SETTINGS

    for name, option in (SETTINGS | ABOUT_IMAGES | ABOUT_SAMPLES).items():
        assert not isinstance(option.kind, FilePath), name
