"""Adding a thing is one file and one line: each test adds one to a copy of the package, and uses it from everywhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

pytest.importorskip("fastapi")
pytest.importorskip("httpx")

REST = """
from starlette.testclient import TestClient
from digitseq.service import create_app
client = TestClient(create_app())
client.__enter__()
"""


class Copy:
    """A copy of the package in `folder`, in which files and lines can be added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        skipped = shutil.ignore_patterns("__pycache__", "data")
        shutil.copytree(ROOT / "digitseq", folder / "digitseq", ignore=skipped)
        (folder / "digitseq" / "data").symlink_to(ROOT / "digitseq" / "data")
        shutil.copy(ROOT / "run.py", folder)

    def new_file(self, name: str, text: str) -> None:
        path = self.folder / "digitseq" / name
        assert not path.exists()
        path.write_text(text)

    def add(self, name: str, after: str, lines: str) -> None:
        """Add `lines` behind the one line of the file that begins with `after`."""
        path = self.folder / "digitseq" / name
        found = path.read_text().split("\n")
        (place,) = (k for k, line in enumerate(found) if line.startswith(after))
        path.write_text("\n".join([*found[: place + 1], lines, *found[place + 1 :]]))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._start("run.py", *words)

    def python(self, program: str, *words: str) -> object:
        """What the program prints last, as JSON."""
        done = self._start("-c", f"import json, sys\n{program}", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def _start(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture
def copy(tmp_path, cache):
    return Copy(tmp_path)


def test_a_setting_is_one_field(copy):
    copy.add(
        "settings.py",
        "    invert: bool",
        '    toy: int = setting(3, Number(1, 9, "pixels"), "a toy", "layout", "-t")',
    )
    (copy.folder / "config.py").write_text('"""Settings."""\n\ntoy = 10\n')
    said = "toy must be a whole number from 1 to 9 pixels, got 10"

    assert copy.run("-num", "12", "-t", "9").returncode == 0
    assert said in copy.run("-num", "12", "--toy", "10").stderr
    assert f"config.py line 3: {said}" in copy.run("-num", "12", "-r").stderr
    assert "a toy, in pixels (default: 3)" in copy.run("--help").stdout
    recorded = json.loads((copy.folder / "output" / "12" / "run.json").read_text())
    assert recorded["runs"][0]["settings"]["toy"] == 9

    found = copy.python(
        REST
        + """
from digitseq import Settings, SettingsError, generate_numbers_sequence
found = [Settings("1").toy, Settings("1", toy=4).toy, generate_numbers_sequence("1", (0, 10), 50, toy=9).shape]
try:
    Settings("1", toy=10)
except SettingsError as error:
    found.append(str(error))
image = "/v1/sequences/12.png"
found.append([client.get(image, params={"toy": value}).status_code for value in (9, 10)])
found.append(client.get(image, params={"toy": 10}).json()["detail"])
found.append(client.post("/v1/datasets", json={"number": "12", "size": 1, "toy": 10}).json()["detail"])
parameters = client.get("/openapi.json").json()["paths"]["/v1/sequences/{text}.png"]["get"]["parameters"]
found.append(next(about["schema"] for about in parameters if about["name"] == "toy"))
found.append(next(about["high"] for about in client.get("/v1/options").json()["settings"] if about["name"] == "toy"))
print(json.dumps(found))
"""
    )
    schema = {"type": "integer", "minimum": 1, "maximum": 9, "title": "Toy", "default": 3}
    assert found == [3, 4, [28, 50], said, [200, 422], said, said, schema, 9]


KIND = '''
class Even(Kind):
    """An even number."""

    name = "even"

    def expected(self):
        return "an even number"

    def convert(self, value):
        if isinstance(value, str) or value % 2:
            raise ValueError
        return value

    def parse(self, text):
        return int(text) if text.isdigit() else text

    def schema(self):
        return {"type": "integer", "multipleOf": 2}

    def argument(self, name):
        return {"metavar": "EVEN", "type": self.parse}

'''


def test_a_kind_of_setting_is_one_class(copy):
    copy.add("settings.py", "KERNEL = ", KIND)
    copy.add("settings.py", "    invert: bool", '    toy: int = setting(2, Even(), "a toy", "layout")')
    (copy.folder / "config.py").write_text('"""Settings."""\n\ntoy = "x"\n')

    assert copy.run("-num", "12", "--toy", "8").returncode == 0
    assert "toy must be an even number, got 7" in copy.run("-num", "12", "--toy", "7").stderr
    assert "toy must be an even number, got 'x'" in copy.run("-num", "12", "-r").stderr
    found = copy.python(
        REST
        + """
image = "/v1/sequences/12.png"
found = [client.get(image, params={"toy": value}).status_code for value in (8, 7)]
parameters = client.get("/openapi.json").json()["paths"]["/v1/sequences/{text}.png"]["get"]["parameters"]
print(json.dumps([*found, next(about["schema"] for about in parameters if about["name"] == "toy")]))
"""
    )
    assert found == [200, 422, {"type": "integer", "multipleOf": 2, "title": "Toy", "default": 2}]


FORMAT = """
from digitseq.formats.base import Format, FormatPlan

class OutputFormat(Format):
    def begin(self, pipeline, request):
        return FormatPlan(0, pipeline.batch_size, {})

    def make(self, job, start, stop, files):
        for batch in files.batches(job.pipeline, start, stop):
            files.add("toy.txt", "".join(f"{text}!" for text in batch.texts).encode())
"""
FORMAT_LINE = '    "toy": FormatEntry("toy", "a toy", Download("toy", "txt", "text/x-toy")),'


def test_a_format_is_one_file_and_one_line(copy):
    copy.new_file("formats/toy.py", FORMAT)
    copy.add("formats/__init__.py", "FORMATS = {", FORMAT_LINE)

    assert copy.run("-num", "12", "--format", "toy", "-s", "3").returncode == 0
    assert (copy.folder / "output" / "12" / "toy.txt").read_text() == "12!12!12!"
    split = ("--split_ratio", "0.6", "0.2", "0.2", "--name", "split")
    assert copy.run("-num", "12", "--format", "toy", "-s", "30", *split).returncode == 0
    parts = (copy.folder / "output" / "split").glob("*/toy.txt")
    assert {part.parent.name: part.read_text() for part in parts} == {
        "train": "12!" * 18,
        "val": "12!" * 6,
        "test": "12!" * 6,
    }
    assert "toy: a toy" in " ".join(copy.run("--help").stdout.split())
    found = copy.python(
        REST
        + """
from pathlib import Path
from digitseq import SequenceGenerator, Settings
SequenceGenerator(Settings("34"), seed=1).write("python", size=2, format="toy")
answer = client.post("/v1/datasets", json={"number": "56", "size": 2, "format": "toy"})
body = client.get("/openapi.json").json()["paths"]["/v1/datasets"]["post"]
properties = body["requestBody"]["content"]["application/json"]["schema"]["properties"]
options = client.get("/v1/options").json()["formats"]
print(json.dumps([
    Path("python/34/toy.txt").read_text(), answer.text, answer.headers["content-type"].partition(";")[0],
    "toy" in properties["format"]["enum"], "text/x-toy" in body["responses"]["200"]["content"],
    {"name": "toy", "help": "a toy"} in options,
]))
"""
    )
    assert found == ["34!34!", "56!56!", "text/x-toy", True, True, True]


LABELS = """
from digitseq.labels.base import LabelFormat, numbers

class Labels(LabelFormat):
    file_name = "toy.txt"

    def lines(self, batch):
        return "".join(f"{i}={text}," for i, text in zip(numbers(batch), batch.texts)).encode()
"""


def test_a_label_format_is_one_file_and_one_line(copy):
    copy.new_file("labels/toy.py", LABELS)
    copy.add("labels/__init__.py", "LABEL_FORMATS = {", '    "toy": LabelEntry("toy", "toy.txt"),')

    assert copy.run("-num", "12", "--labels", "toy", "-s", "2").returncode == 0
    assert (copy.folder / "output" / "12" / "toy.txt").read_text() == "1=12,2=12,"
    assert "toy (toy.txt)" in " ".join(copy.run("--help").stdout.split())
    found = copy.python(
        REST
        + """
import io, zipfile
from pathlib import Path
from digitseq import SequenceGenerator, Settings
SequenceGenerator(Settings("34"), seed=1).write("python", size=2, labels=("toy", "jsonl"))
answer = client.post("/v1/datasets", json={"number": "56", "size": 2, "labels": ["toy"]})
archive = zipfile.ZipFile(io.BytesIO(answer.content))
options = client.get("/v1/options").json()["labels"]
print(json.dumps([
    Path("python/34/toy.txt").read_text(), archive.namelist(), archive.read("toy.txt").decode(),
    {"name": "toy", "help": "toy.txt"} in options,
]))
"""
    )
    assert found == ["1=34,2=34,", ["1.png", "2.png", "toy.txt"], "1=56,2=56,", True]


SOURCE = """
from digitseq.sources.base import Source, encode

def from_settings(settings, characters):
    return Toy(settings.toy)

class Toy(Source):
    characters = frozenset("0123456789")
    max_length = 6

    def __init__(self, first):
        self.first = first

    def longest(self):
        return "0" * 6

    def codes(self, rows):
        return encode([f"{self.first + i:06d}" for i in rows.index.tolist()], 6)
"""
SOURCE_FIELD = """\
    toy: int | None = setting(
        None, Number(0, 100), "counts from this number", "source", source=True, example=7
    )"""


def test_a_source_is_one_file_one_line_and_its_settings(copy):
    copy.new_file("sources/toy.py", SOURCE)
    copy.add("sources/__init__.py", "SOURCE_MODULES = {", '    "toy": "toy",')
    copy.add("settings.py", "    invert: bool", SOURCE_FIELD)
    (copy.folder / "config.py").write_text('"""Settings."""\n\ntoy = 40\n')

    assert copy.run("--toy", "99", "-s", "2", "--labels", "txt").returncode == 0
    assert (copy.folder / "output" / "toy" / "gt.txt").read_text() == "1.png\t000099\n2.png\t000100\n"
    assert copy.run("-r", "-s", "3").returncode == 0, "numbering continues: images 3 to 5"
    assert "000042" in (copy.folder / "output" / "toy" / "metadata.jsonl").read_text()
    assert "exactly one source must be given" in copy.run("--toy", "1", "-num", "2").stderr
    assert "counts from this number" in copy.run("--help").stdout
    found = copy.python(
        REST
        + """
from digitseq import SequenceGenerator, Settings
samples = client.get("/v1/samples.json", params={"toy": 5, "count": 2}).json()
about = next(about for about in client.get("/v1/options").json()["settings"] if about["name"] == "toy")
print(json.dumps([
    SequenceGenerator(Settings(toy=3), seed=1)[2].text, [one["text"] for one in samples["samples"]],
    samples["command"].split(" --seed")[0], [about["source"], about["type"], about["example"]],
]))
"""
    )
    assert found == ["000005", ["000005", "000006"], "python3 run.py --toy 5", [True, "int", 7]]


OPERATION = '''
from dataclasses import dataclass
from digitseq.augment.base import ImageOperation, Range
from digitseq.augment.ranges import parameter, probability

@dataclass(frozen=True)
class ToyShade(ImageOperation):
    """Darker by a toy."""

    by: Range = parameter((5.0, 5.0), "levels of grey", low=0, high=9)
    p: float = probability("image")
    strength_name = "by"

    def paint(self, images, parameters):
        return images.pixels // 2
'''


def test_an_operation_is_one_class_and_one_line(copy):
    copy.new_file("augment/toy.py", OPERATION)
    copy.add("augment/registry.py", "CLASSES = {", '    "ToyShade": "toy",')

    for words in ([], ["--augment", "toy_shade:by=3"]):
        assert (
            copy.run("-num", "12", "--seed", "1", *words, "--labels", "none", "-o", f"out{len(words)}").returncode == 0
        )
    assert "toy_shade has no parameter 'bye'" in copy.run("-num", "1", "--augment", "toy_shade:bye=3").stderr
    assert "toy_shade (image): Darker by a toy." in copy.run("--list_augmentations").stdout
    found = copy.python(
        REST
        + """
import cv2, numpy
from digitseq import SequenceGenerator, Settings
from digitseq.augment import ToyShade
plain, toy = (cv2.imread(f"out{k}/12/1.png", cv2.IMREAD_GRAYSCALE) for k in (0, 2))
image = SequenceGenerator(Settings("12", augment=ToyShade(3)), seed=1)[0].image
query = {"augment": "toy_shade:by=3", "seed": 1}
answer = client.get("/v1/sequences/12.png", params=query).content
served = cv2.imdecode(numpy.frombuffer(answer, numpy.uint8), cv2.IMREAD_GRAYSCALE)
listed = next(one for one in client.get("/v1/options").json()["augmentations"] if one["name"] == "toy_shade")
print(json.dumps([
    bool((toy == plain // 2).all() and toy.any()), bool((image == toy).all()), bool((served == toy).all()),
    [one["name"] for one in listed["parameters"]], listed["help"],
]))
"""
    )
    assert found == [True, True, True, ["by", "p"], "Darker by a toy."]
