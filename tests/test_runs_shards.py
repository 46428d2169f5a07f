"""`--shards I/N`: each part is made alone, and together they are the run without `--shards`."""

from __future__ import annotations

import json
import os
import signal
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cases import first
from support.folders import assert_nothing_unfinished, contents, runs, sections
from support.formats import FORMATS, READERS, SHARDED, tree

from digitseq import Settings, SettingsError
from digitseq.errors import OutputError
from digitseq.generator import SequenceGenerator
from digitseq.options import PARTS, options
from digitseq.runs.run_settings import Output
from digitseq.runs.splits import planned_images, portion

LIMIT = 120  # seconds: only there for a test that would wait for ever
RECORDS = {"run.json", "README.md", "samples.svg", "metadata.jsonl", "labels.csv", "annotations.json"}
RATIO = (0.6, 0.2, 0.2)


def made(tmp_path, source, parts, **output):
    """The folder of the whole run, and those of its parts, which have images."""
    settings = Settings(**source)
    generator = SequenceGenerator(settings, 7, size=output["size"] if settings.unique or settings.balanced else None)
    whole = generator.write(tmp_path / "whole", name="set", **output).folder
    reports = [
        generator.write(tmp_path / "parts", name="set", shards=f"{i}/{parts}", **output) for i in range(1, parts + 1)
    ]
    return whole, [report.folder for report in reports if report.count]


def files(folder):
    """The images or shards below `folder`, which no other run may have."""
    return {
        name: data
        for name, data in tree(folder).items()
        if name.rpartition("/")[2] not in RECORDS and not name.startswith(".digitseq/")
    }


def joined(lists):
    return list(chain.from_iterable(lists))


def rows_of(format_name, folder):
    """What a reader finds: pixels, text, boxes."""
    return [(image.tobytes(), image.shape, text, boxes) for image, text, boxes in READERS[format_name](folder)]


@given(st.integers(1, 10**9), st.integers(1, 10_000), st.integers(1, 50))
def test_parts_are_the_whole_without_gap_and_of_equal_size(count, unit, parts):
    found = [portion(count, unit, f"{i}/{parts}") for i in range(1, parts + 1)]
    assert found[0].start == 0 and found[-1].stop == count
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert all(each.start % unit == 0 or not each for each in found)
    units = [-(-len(each) // unit) for each in found]
    assert max(units) - min(units) <= 1
    assert sum(planned_images(count, RATIO, unit, f"{i}/{parts}") for i in range(1, parts + 1)) == count


@pytest.mark.parametrize("format_name", FORMATS)
def test_three_parts_are_the_whole_run(tmp_path, format_name):
    more = {"shard_size": 20} if format_name in SHARDED else {}
    output = {"size": 130, "format": format_name, **more}
    whole, parts = made(tmp_path, {"random_digits": (3, 8)}, 3, **output)
    assert [folder.name for folder in parts] == ["1-of-3", "2-of-3", "3-of-3"]
    if format_name in ("lmdb", "npz"):  # one file each, in which samples are counted from 1
        found = [rows_of(format_name, folder) for folder in parts]
        assert [len(rows) for rows in found] == [43, 43, 44]
        assert joined(found) == rows_of(format_name, whole)
    else:
        union = dict(item for folder in parts for item in files(folder).items())
        assert union == files(whole)
        assert sum(len(files(folder)) for folder in parts) == len(union)
    for number, folder in enumerate(parts, 1):
        (record,) = runs(folder)
        assert (record["shards"], record["size"], record["status"]) == (f"{number}/3", 130, "finished")
        assert_nothing_unfinished(folder)


def test_label_files_are_pieces_of_the_whole_ones(tmp_path):
    labels = ("jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")
    whole, parts = made(tmp_path, {"random_digits": (3, 8)}, 3, size=50, labels=labels)
    for name in ("metadata.jsonl", "gt.txt"):
        assert b"".join((folder / name).read_bytes() for folder in parts) == (whole / name).read_bytes()
    header, *lines = (whole / "labels.csv").read_text().splitlines()
    found = [(folder / "labels.csv").read_text().splitlines() for folder in parts]
    assert [each[0] for each in found] == [header] * 3
    assert [line for each in found for line in each[1:]] == lines
    listed = [json.loads((folder / "annotations.json").read_text()) for folder in (whole, *parts)]
    images = [[image["id"] for image in each["images"]] for each in listed]
    assert joined(images[1:]) == images[0]
    for pattern in ("*.txt", "*.png", "*.box"):
        names = [sorted(path.name for path in folder.rglob(pattern)) for folder in (whole, *parts)]
        assert set(names[0]) == {name for each in names[1:] for name in each}


@pytest.mark.parametrize("format_name", ["png", "webdataset", "lmdb"])
def test_parts_of_a_split_run_have_their_share_of_train_val_and_test(tmp_path, format_name):
    more = {"shard_size": 10} if format_name in SHARDED else {}
    output = {"size": 100, "format": format_name, "split_ratio": RATIO, **more}
    whole, parts = made(tmp_path, {"random_digits": (3, 8)}, 2, **output)
    for folder in parts:
        assert [(s["folder"], s["images"]) for s in runs(folder)[0]["sections"]] == [
            ("train", 30), ("val", 10), ("test", 10)
        ]  # fmt: skip
    for part in PARTS:
        if format_name == "lmdb":
            assert joined(rows_of("lmdb", f / part) for f in parts) == rows_of("lmdb", whole / part)
        else:
            assert dict(item for f in parts for item in files(f / part).items()) == files(whole / part)


@pytest.mark.parametrize(
    "source",
    [
        {"random_text": (2, 5)},
        {"random_digits": (2, 5), "unique": True},
        {"random_digits": (2, 5), "balanced": True},
        {"amounts": (1, 6)},
        {"pattern": "[0-9]{4}", "unique": True, "augment": ["rotate", "noise"]},
        {"phone": "JP", "image_width": 0},
        {"numbers_file": "lines.txt"},
        {"numbers": ["12", "345", "6"]},
    ],
    ids=lambda source: "-".join(source),
)
@pytest.mark.parametrize("ratio", [None, RATIO])
def test_each_image_has_the_text_and_pixels_of_the_whole_run(tmp_path, monkeypatch, source, ratio):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.txt").write_text("".join(f"{number * number}\n" for number in range(100, 170)))
    whole, parts = made(tmp_path, source, 4, size=90, split_ratio=ratio)
    images = dict(item for folder in parts for item in files(folder).items())
    assert images == files(whole) and len(images) == 90
    for folder in PARTS if ratio else [""]:
        pieces = [path.read_bytes() for part in parts if (path := part / folder / "metadata.jsonl").exists()]
        assert b"".join(pieces) == (whole / folder / "metadata.jsonl").read_bytes()


def test_parts_are_made_at_once_in_any_number_of_processes(start, run, tmp_path):
    words = ("--random_digits", 3, 8, "-s", 3000, "--seed", 7, "--format", "webdataset", "--shard_size", 200)
    started = [start(*words, "--shards", f"{i}/3", "-m", i - 1) for i in (3, 2, 1)]
    for process in started:
        _, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, err) == (0, "")
    assert run(*words, "-o", "whole").returncode == 0
    parts = (tmp_path / "output" / "random").iterdir()
    assert dict(item for folder in parts for item in files(folder).items()) == files(tmp_path / "whole" / "random")


def test_start_moves_the_whole_run(tmp_path):
    whole, parts = made(tmp_path, {"random_digits": (3, 8)}, 2, size=40, start=101)
    assert dict(item for folder in parts for item in files(folder).items()) == files(whole)
    assert [section[:2] for folder in parts for section in sections(folder)] == [(101, 120), (121, 140)]
    shards = {"size": 50, "start": 21, "format": "webdataset", "shard_size": 20}
    whole, parts = made(tmp_path / "shards", {"random_digits": (3, 8)}, 2, **shards)
    assert dict(item for folder in parts for item in files(folder).items()) == files(whole)


def test_more_parts_than_images_leave_some_with_nothing_to_do(run, tmp_path):
    words = ("-num", "5", "-s", 2, "--seed", 7)
    said = [run(*words, "--shards", f"{i}/5") for i in range(1, 6)]
    assert [done.returncode for done in said] == [0] * 5
    made = [done.stdout for done in said if "nothing to make" not in done.stdout]
    assert len(made) == 2 and made[-1] == "output/5/5-of-5/2.png (seed 7), part 5/5 of 2 images\n"
    assert said[0].stdout == "output/5/1-of-5: nothing to make, part 1/5 of 2 images has none\n"
    assert sorted(path.name for path in (tmp_path / "output" / "5").iterdir()) == ["3-of-5", "5-of-5"]


def test_the_same_command_with_resume_begins_finishes_and_completes_a_part(start, run, tmp_path, gate_at):
    words = ("-num", "5", "-iw", 30, "-s", 6000, "--seed", 7, "--shards", "2/3", "--resume", "--format", "webdataset")
    words = (*words, "--shard_size", 250)
    folder = tmp_path / "output" / "5" / "2-of-3"
    process = start(*words, gate=(gate := gate_at(3000)))
    gate.wait()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    assert sorted(path.name for path in folder.glob("*.tar"))[0] == "5-000008.tar"
    refusal = run(*words[:-5], *words[-4:])
    assert refusal.returncode == 2
    assert "output/5/2-of-3 has a run already: give --resume to finish it, or --overwrite" in refusal.stderr
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2,000 images as webdataset in output/5/2-of-3, part 2/3 of 6,000 images, ")
    again = run(*words)
    assert (again.returncode, again.stdout) == (0, "output/5/2-of-3: the last run is already complete\n")
    assert run(*words, "-o", "once").returncode == 0
    assert tree(folder) == tree(tmp_path / "once" / "5" / "2-of-3")
    assert run("-num", "5", "--resume", "-o", "absent").returncode == 2  # without parts, as ever


@pytest.mark.parametrize("format_name", first(["lmdb", "npz"]))
def test_a_killed_part_of_a_single_file_is_finished(start, run, tmp_path, gate_at, format_name):
    words = ("-num", "5", "-iw", 30, "-s", 6000, "--seed", 7, "--shards", "2/2", "--resume", "--format", format_name)
    process = start(*words, gate=(gate := gate_at(5000)))
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert run(*words).returncode == 0
    assert run(*words, "-o", "once").returncode == 0
    folders = [tmp_path / top / "5" / "2-of-2" for top in ("output", "once")]
    found = [rows_of(format_name, folder) for folder in folders]
    assert found[0] == found[1] and len(found[0]) == 3000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-s", 9, "--shards", "1/3"), "--shards needs --seed, the same for all parts"),
        (("--seed", 7, "--shards", "1/3"), "--shards needs --size, the number of images of all parts"),
        (("--seed", 7, "--shards", "1/3", "-m", 2), "--shards needs --size"),
        (("--seed", 7, "--shards", "1/3", "--resume"), "--shards needs --size"),
        (("--seed", 7, "-s", 9, "--shards", "0/3"), "got '0/3'; parts are counted from 1: add 1 to an index"),
        (("--seed", 7, "-s", 9, "--shards", "4/3"), "--shards must be I/N, part I of N with 1 <= I <= N <= 100,000"),
        (("--seed", 7, "-s", 9, "--shards", "2"), "--shards must be I/N"),
        (("--seed", 7, "-s", 9, "--shards", "1/3/3"), "--shards must be I/N"),
        (("--seed", 7, "-s", 9, "--shards", "1/100001"), "--shards must be I/N"),
    ],
)
def test_what_a_part_cannot_be_made_from_is_refused(refused, words, message):
    assert message in refused("-num", "5", *words)


@pytest.mark.parametrize("value", ["2/3", "02/3", (2, 3), [2, 3]])
def test_a_part_is_given_as_a_text_or_a_pair(value):
    assert options(Output)["shards"].clean("shards", value) == "2/3"


@pytest.mark.parametrize("value", [2, (2,), (3, 2), (1.0, 2), {2, 3}, b"2/3", "2/3 "])
def test_anything_else_is_no_part(value):
    with pytest.raises(SettingsError, match="shards must be I/N"):
        options(Output)["shards"].clean("shards", value)


def test_another_run_does_not_finish_the_part(tmp_path):
    generator = SequenceGenerator(Settings("5"), 7)
    folder = generator.write(tmp_path, 9, shards="2/3").folder
    for message, changed in {
        "its size is 9, not 12": {"size": 12},
        "its format is": {"size": 9, "format": "npz"},
    }.items():
        with pytest.raises(OutputError, match=message):
            generator.write(tmp_path, shards="2/3", resume=True, **changed)
    with pytest.raises(OutputError, match='its shards is "2/3", not null'):
        generator.write(folder.parent, 9, name="2-of-3", resume=True)


def test_a_part_without_size_is_refused_in_python(tmp_path):
    with pytest.raises(SettingsError, match="shards needs `size`"):
        SequenceGenerator(Settings("5"), 7).write(tmp_path, shards="1/2")


def test_a_file_has_a_size_of_its_own(run, tmp_path):
    (tmp_path / "lines.txt").write_text("".join(f"{number}\n" for number in range(10, 25)))
    done = run("--numbers_file", "lines.txt", "--seed", 7, "--shards", "2/2")
    assert done.stdout.startswith("8 images in output/lines/2-of-2 (8.png to 15.png), part 2/2 of 15 images")
    lines = (tmp_path / "output" / "lines" / "2-of-2" / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [str(number) for number in range(17, 25)]


def test_a_part_is_begun_anew(run, tmp_path):
    words = ("-num", "5", "-s", 9, "--shards", "2/3")
    assert run(*words, "--seed", 7).returncode == 0
    folder = tmp_path / "output" / "5" / "2-of-3"
    before = contents(folder)
    done = run(*words, "--seed", 8, "--overwrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(folder).keys() == before.keys() and contents(folder) != before


def test_foreign_images_in_the_place_of_a_part_are_left(run, tmp_path):
    folder = tmp_path / "output" / "5" / "2-of-3"
    folder.mkdir(parents=True)
    (folder / "5.png").write_bytes(b"mine")
    done = run("-num", "5", "-s", 9, "--seed", 7, "--shards", "2/3")
    assert done.returncode == 2 and "output/5/2-of-3 has image 5 already" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["5.png"]


def test_a_dry_run_plans_the_part(run, tmp_path):
    done = run("-num", "5", "-s", 3000, "--seed", 7, "--shards", "2/3", "--dry_run")
    assert done.returncode == 0 and not (tmp_path / "output").exists()
    assert "folder  output/5/2-of-3\nimages  1,000\n" in done.stdout


def test_the_card_names_the_part(run, tmp_path):
    assert run("-num", "5", "-s", 9, "--seed", 7, "--shards", "2/3", "--card").returncode == 0
    text = (tmp_path / "output" / "5" / "2-of-3" / "README.md").read_text()
    assert "python3 run.py -num 5 --shards 2/3 -s 9 --seed 7\n" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--seed", 8, "-s", 40, "--shards", "2/2"), "its seed is 7, not 8"),
        (("--seed", 7, "-s", 41, "--shards", "2/2"), "its size is 40, not 41"),
        (("--seed", 7, "-s", 40, "--shards", "2/3"), 'its shards is "2 parts", not "3 parts"'),
        (("--seed", 7, "-s", 40, "--shards", "2/2", "--invert"), "its invert is false, not true"),
    ],
)
def test_a_part_of_another_run_is_refused(run, words, says):
    """Together they would be no data set, and no reader could tell."""
    assert run("-num", 5, "--seed", 7, "-s", 40, "--shards", "1/2").returncode == 0
    done = run("-num", 5, *words)
    assert done.returncode == 2
    assert "1-of-2 has a part of another run: " in done.stderr and says in done.stderr
    assert run("-num", 5, "--seed", 7, "-s", 40, "--shards", "2/2").returncode == 0
