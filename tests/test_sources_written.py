"""Every source in every format: as many as asked, rightly labelled, and the same whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections import Counter

import numpy as np
import pytest
from support.cases import covering, first
from support.folders import records
from support.formats import FORMATS, READERS, tree
from support.glyphs import ink_of
from support.processes import cpu_seconds, wait_for_images, wait_until

from digitseq import Pipeline, Settings
from digitseq.errors import NarrowError, SettingsError
from digitseq.options import PARTS
from digitseq.sources.choose import source_of

LINES = ["12", "007", "3-4", "987 654", "1.50", "+81 3", "5"]
NATIONAL = ("--phone", "JP", "--phone_format", "national", "--signs", "gap", "--gap_labels", "keep", "-iw", 300)
SOURCES = {
    "fixed": (("-num", "0070"), "0070", r"0070"),
    "fixed with gaps": (("-num", "1-2/3", "--signs", "gap", "--gap_labels", "keep"), "1-2_3", r"1-2/3"),
    "random": (("--random_digits", 3, 8), "random", r"\d{3,8}"),
    "unique": (("--random_digits", 1, 4, "--unique", "--balanced"), "random", r"\d{1,4}"),
    "amounts": (("--amounts",), "amounts", r"[1-9]\d{0,9}"),
    "phone": (NATIONAL, "phone-JP", r"0\d+-\d+-\d+"),
    "pattern": (
        ("--pattern", "20[0-9]{2}-(0[1-9]|1[0-2])", "--signs", "gap", "--gap_labels", "keep"),
        "pattern",
        r"20\d\d-(0[1-9]|1[0-2])",
    ),
    "lines": (
        ("--numbers_file", "some.txt", "--signs", "gap", "--gap_labels", "keep", "-iw", 0),
        "some",
        "|".join(map(re.escape, LINES)),
    ),
}


@pytest.fixture(autouse=True)
def needs(request, tmp_path):
    (tmp_path / "some.txt").write_bytes("\r\n".join(["", *LINES, " "]).encode("utf-8-sig"))
    if "phone" in request.node.name:
        pytest.importorskip("phonenumbers")


def settings_of(words, tmp_path) -> Settings:
    from digitseq.shell.parser import parse

    here = {"some.txt": str(tmp_path / "some.txt")}
    return parse([here.get(w, w) for w in map(str, words)], tmp_path / "config.py").settings


@pytest.mark.parametrize(("source", "format_name", "cores"), covering([*SOURCES], FORMATS, [3, 1]))
def test_as_many_as_asked_with_the_pipelines_texts_boxes_and_pixels(run, tmp_path, train, source, format_name, cores):
    words, folder, matching = SOURCES[source]
    size = 731
    more = ("-s", size, "-m", cores, "--seed", 9, "--format", format_name)
    more += ("--shard_size", 300) if format_name in ("webdataset", "parquet") else ()
    done = run(*words, *more)
    assert (done.returncode, done.stderr) == (0, "")
    rows = READERS[format_name](tmp_path / "output" / folder)
    settings = settings_of(words, tmp_path)
    batch = Pipeline(settings, train, 9, source_of(settings, train.characters, size, 9)).batch(0, size)
    assert [text for _, text, _ in rows] == batch.texts
    assert all(re.fullmatch(matching, text) for text in batch.texts)
    if source == "lines":
        assert batch.texts == (LINES * size)[:size]
    if source == "unique":
        assert len(set(batch.texts)) == size
        counts = Counter("".join(batch.texts)).values()
        assert max(counts) - min(counts) <= 4
    for i, (image, text, boxes) in enumerate(rows):
        assert np.array_equal(image, batch.images[i, :, : batch.width[i]])
        drawn = batch.boxes[i][batch.classes[i] >= 0].tolist()
        if format_name == "npz":
            assert boxes == batch.boxes[i, : len(text)].tolist()
        elif format_name != "lmdb":
            assert boxes == drawn
        assert len(drawn) == sum(c.isdigit() for c in text)


def test_every_label_format_leaves_gaps_without_a_box(run, tmp_path):
    run(
        "-num",
        "1-2",
        "--signs",
        "gap",
        "--gap_labels",
        "keep",
        "-s",
        20,
        "--labels",
        "jsonl",
        "txt",
        "easyocr",
        "coco",
        "yolo",
        "tesseract",
    )
    folder = tmp_path / "output" / "1-2"
    assert all(r["text"] == "1-2" and r["objects"]["categories"] == ["1", "2"] for r in records(folder))
    coco = json.loads((folder / "annotations.json").read_text())
    assert len(coco["annotations"]) == 40
    assert {a["category_id"] for a in coco["annotations"]} == {2, 3}
    assert [line.split()[0] for line in (folder / "1.txt").read_text().splitlines()] == ["1", "2"]
    assert (folder / "1.gt.txt").read_text() == "1-2\n"
    assert (folder / "gt.txt").read_text().splitlines()[0] == "1.png\t1-2"


@pytest.mark.parametrize("augment", [(), ("light",), ("heavy",), ("rotate", "wave", "slope", "perspective")])
def test_crops_are_glyphs_of_their_class_and_gaps_are_as_wide_as_a_digit(train, tmp_path, augment):
    path = tmp_path / "some.txt"
    settings = Settings(
        numbers_file=str(path), signs="gap", gap_labels="keep", min_spacing=3, max_spacing=3, augment=augment
    )
    pipeline = Pipeline(settings, train, 5)
    batch = pipeline.batch(0, 200)
    usual = round(float(train.width.mean()))
    known = {(int(train.label[g]), ink_of(train, g).tobytes()) for g in range(len(train))} if not augment else set()
    for i, text in enumerate(batch.texts):
        assert batch.text_length[i] == len(text)
        assert "".join(c for c, drawn in zip(text, batch.classes[i] >= 0) if drawn) == re.sub(r"\D", "", text)
        assert not batch.boxes[i][batch.classes[i] < 0].any()
        for label, (x, y, w, h) in zip(batch.classes[i], batch.boxes[i]):
            if label >= 0 and known:
                assert (int(label), batch.images[i, y : y + h, x : x + w].tobytes()) in known
        if text == "3-4" and not augment:
            (a, _, b) = batch.boxes[i, :3]
            assert b[0] - (a[0] + a[2]) == 3 + usual + 3
    parts = [pipeline.batch(0, 1), pipeline.batch(1, 14), pipeline.batch(14, 200)]
    assert np.array_equal(np.concatenate([p.images for p in parts]), batch.images)
    assert np.array_equal(np.concatenate([p.boxes for p in parts]), batch.boxes)


@pytest.mark.parametrize("augment", [(), ("light",), ("wave",), ("lines", "cutout")])
def test_a_line_of_nothing_but_gaps_is_an_empty_image(train, tmp_path, augment):
    (tmp_path / "some.txt").write_text("--\n12\n---\n")
    pipeline = Pipeline(
        Settings(numbers_file=str(tmp_path / "some.txt"), signs="gap", gap_labels="keep", augment=augment), train, 5
    )
    together, alone = pipeline.batch(0, 6), pipeline.batch(2, 3)
    assert together.texts == ["--", "12", "---"] * 2
    assert np.array_equal(together.images[2], alone.images[0])
    if augment != ("lines", "cutout"):
        assert not alone.images.any() or augment == ("light",)
    assert not alone.boxes.any()


def test_a_text_wider_than_the_longest_is_made_of_narrow_glyphs(run, tmp_path, train):
    """12 ones are narrower than 9 noughts, of which hardly any nine fit into the width."""
    path = tmp_path / "some.txt"
    path.write_text(f"{'1' * 12}\n{'0' * 9}\n")
    settings = Settings(numbers_file=str(path), image_width=110, max_spacing=2)
    batch = Pipeline(settings, train, 5).batch(0, 60)
    assert batch.texts == ["1" * 12, "0" * 9] * 30
    known = {ink_of(train, g).tobytes() for g in range(int(train.class_start[1]))}
    for i in range(1, 60, 2):
        for x, y, w, h in batch.boxes[i][:9]:
            assert batch.images[i, y : y + h, x : x + w].tobytes() in known
    path.write_text(f"{'1' * 12}\n{'0' * 11}\n")
    narrow = Settings(numbers_file=str(path), image_width=100, max_spacing=0)
    with pytest.raises(SettingsError, match="too narrow for 11 characters such as 00000000000 .* use at least 1"):
        Pipeline(narrow, train, 5)
    path.write_text("1\n" * 3000 + "1" * 12 + "\n" + "0" * 11)  # too far down to be seen before the run
    with pytest.raises((NarrowError, SettingsError), match="image_width`? 100 is too narrow for"):
        Pipeline(narrow, train, 5).batch(2999, 3002)


@pytest.mark.parametrize("cores", [0, 2])
def test_a_text_that_never_fits_ends_the_run_in_order(run, tmp_path, cores):
    (tmp_path / "some.txt").write_text("1111111111\n" * 3000 + "0000000000\n")
    words = ("--numbers_file", "some.txt", "-iw", 80, "-max", 0, "-s", 4000, "-m", cores, "--seed", 1)
    done = run(*words)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    found = records(tmp_path / "output" / "some")
    finished = f"{len(found):,} of 4,000 images are finished in output/some"
    assert line == f"digitseq: error: --image_width 80 is too narrow for 0000000000; give more, or 0: {finished}"
    assert len(list((tmp_path / "output" / "some").glob("*.png"))) == len(found) < 4000
    assert {r["text"] for r in found} == {"1111111111"}


def test_a_second_run_is_unique_too_and_begins_at_the_top_of_the_file(run, tmp_path):
    for _ in range(2):
        assert run("--random_digits", 2, 2, "--unique", "-s", 100, "-m", 2).returncode == 0
        assert (
            run("--numbers_file", "some.txt", "--signs", "gap", "--gap_labels", "keep", "-s", 5, "-m", 2).returncode
            == 0
        )
    texts = [r["text"] for r in records(tmp_path / "output" / "random")]
    assert len(set(texts[:100])) == len(set(texts[100:])) == 100
    assert [r["text"] for r in records(tmp_path / "output" / "some")] == LINES[:5] * 2


@pytest.mark.parametrize("format_name", ["png", "webdataset"])
def test_parts_share_out_the_texts_of_the_run(run, tmp_path, format_name):
    ratio = ("--split_ratio", 0.6, 0.2, 0.2, "--format", format_name)
    for _ in range(2):
        assert run("--random_digits", 2, 2, "--unique", "-s", 100, *ratio).returncode == 0
        assert (
            run("--numbers_file", "some.txt", "--signs", "gap", "--gap_labels", "keep", "-s", 5, *ratio).returncode == 0
        )

    def texts(name, part):
        return [text for _, text, _ in READERS[format_name](tmp_path / "output" / name / part)]

    for run_number in range(2):
        found = [
            t for p, n in zip(PARTS, (60, 20, 20)) for t in texts("random", p)[run_number * n : run_number * n + n]
        ]
        assert len(set(found)) == 100
    assert [texts("some", part) for part in PARTS] == [LINES[:3] * 2, LINES[3:4] * 2, LINES[4:5] * 2]


RESUMED = {
    "unique": ("--random_digits", 4, 6, "--unique", "--balanced"),
    "pattern": ("--pattern", "[0-9]{4}", "--unique"),
    "split": ("--random_digits", 4, 6, "--unique", "--split_ratio", 0.5, 0.3, 0.2),
}


@pytest.mark.parametrize("name", first([*RESUMED]))
def test_a_killed_run_is_resumed_with_its_own_texts(start, run, gate_at, tmp_path, name):
    words = (*RESUMED[name], "-s", 4000, "-m", 2, "--seed", 3)
    assert run(*words, "-o", "once").returncode == 0
    process = start(*words, gate=(gate := gate_at(1500)))
    gate.wait()
    (top,) = (p for p in (tmp_path / "once").iterdir())
    made = tmp_path / "output" / top.name
    wait_until(lambda: [*made.glob("*.png"), *made.glob("train/*.png")])  # not in the stage, which comes and goes
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = run(*(w for w in words if w not in ("-s", 4000, "--seed", 3)), "--resume") if name != "split" else None
    done = done or run(*words, "--resume")
    assert done.returncode == 0, done.stderr
    assert tree(made) == tree(top)


def test_the_next_run_lists_what_a_killed_one_made(start, run, gate_at, tmp_path):
    process = start("--random_digits", 4, 6, "--unique", "-s", 20_000, "-m", 2, gate=gate_at(3000))
    folder = tmp_path / "output" / "random"
    wait_for_images(folder, 500)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert "can no longer be resumed" in run("--random_digits", 4, 6, "-s", 1).stderr
    found = records(folder)
    assert len(found) == len(list(folder.glob("*.png")))
    assert len({r["text"] for r in found[:-1]}) == len(found) - 1


def test_resume_refuses_another_file_of_the_same_name(start, run, gate_at, tmp_path):
    words = ("--numbers_file", "some.txt", "--signs", "gap", "--gap_labels", "keep", "-s", 5000, "-iw", 0)
    process = start(*words, gate=(gate := gate_at(1000)))
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    process.communicate(timeout=30)
    (tmp_path / "some.txt").write_text("4\n")
    done = run(*words, "--resume")
    assert done.returncode == 2
    assert "its texts came from other lines" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_standard_input_is_read_once(run, tmp_path):
    done = run("--numbers_file", "-", "-s", 3000, "-m", 2, input="".join(f"{n}\n" for n in range(1000, 2000)))
    assert done.returncode == 0, done.stderr
    texts = [r["text"] for r in records(tmp_path / "output" / "stdin")]
    assert texts == [str(n) for n in range(1000, 2000)] * 3


def test_the_record_says_what_the_texts_depend_on(run, tmp_path):
    phonenumbers = pytest.importorskip("phonenumbers")
    run("--phone", "-s", 2)
    record = json.loads((tmp_path / "output" / "phone-JP" / "run.json").read_text())["runs"][0]
    assert record["texts"] == {"phonenumbers": phonenumbers.__version__}
    assert record["settings"]["phone"] == "JP"


def test_a_pattern_says_how_many_strings_there_are(run):
    assert run("--pattern", "[0-9]{3}", "-s", 2).stdout.startswith("strings that match the pattern: 1,000\n")
    assert "strings that match" not in run("--pattern", "[0-9]+", "-s", 2).stdout


def test_a_source_on_the_command_line_replaces_that_of_the_file(tmp_path):
    from digitseq.shell.parser import parse

    config = tmp_path / "config.py"
    config.write_text("random_digits = (3, 8)\nsize = 4\n")
    assert parse(["-r"], config).settings.random_digits == (3, 8)
    both = parse(["-r", "-num", "12"], config)
    assert (both.settings.number, both.settings.random_digits, both.output.size) == ("12", None, 4)
    config.write_text("random_digits = (3, 8)\nphone = 'JP'\n")
    with pytest.raises(SettingsError, match="got random_digits and phone"):
        parse(["-r"], config)


def test_unique_and_balanced_need_to_know_the_size(train):
    for name in ("unique", "balanced"):
        with pytest.raises(SettingsError, match=f"{name} needs the number of images"):
            Pipeline(Settings(random_digits=(1, 2), **{name: True}), train, 1)


@pytest.mark.parametrize("number", ["..", ".", "/", "1/../2", "-", "a" * 3, "1" * 255])
def test_folders_stay_below_the_output_path(run, tmp_path, number):
    done = run(f"-num={number}", "--signs", "gap", "--gap_labels", "keep", "-iw", 0, "--format", "webdataset")
    there = [p.name for p in tmp_path.iterdir()]
    assert there in (["some.txt"], ["output", "some.txt"], ["some.txt", "output"])
    if done.returncode == 0:
        assert len(list((tmp_path / "output").iterdir())) == 1
    else:
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [("--random_digits", 4, 4, "--unique"), ("--numbers_file", "some.txt", "--signs", "gap", "--gap_labels", "keep")],
)
def test_a_stopped_run_whose_texts_depend_on_the_run_says_to_resume_only(start, gate_at, words):
    process = start(*words, "-s", 9000, "--seed", 9, gate=(gate := gate_at(1000)))
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    _, err = process.communicate(timeout=30)
    assert err.endswith("to make the rest, give the same settings and --resume\n")


@pytest.mark.parametrize("number", first([signal.SIGINT, signal.SIGTERM]))
def test_the_search_for_unique_texts_is_stopped_at_once(start, tmp_path, number):
    process = start("--pattern", "[0-9]{9}", "--unique", "-s", 20_000_000)
    wait_until(lambda: cpu_seconds(process.pid) > 1)  # far more than it takes to begin, far less than the search
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "digitseq: interrupted: nothing more was written\n")
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("kind", first(["standard input", "pipe", "changed", "gone"]))
def test_images_of_a_killed_run_stay_listed_when_their_lines_are_gone(start, run, gate_at, tmp_path, kind, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    lines = "".join(f"{n}\n" for n in range(100, 999))
    path, folder = tmp_path / "lines.txt", tmp_path / "output" / ("stdin" if kind == "standard input" else "lines")
    path.write_text(lines)
    if kind == "standard input":
        words = ("--numbers_file", "-", "--seed", 3)
        process = start(*words, "-s", 3000, gate=gate_at(1500))
        process.stdin.write(lines)
        process.stdin.close()
        process.stdin = None
    else:
        words = ("--numbers_file", "lines.txt", "--seed", 3)
        process = start(*words, "-s", 3000, gate=gate_at(1500))
    wait_for_images(folder, 500)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    if kind in ("pipe", "gone"):
        path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "changed":
        path.write_text("1\n")
    again = (*words, "-s", 5)
    if kind in ("pipe", "gone"):  # another run into the folder of the same name
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "lines.txt").write_text("12\n")
        again = ("--numbers_file", "other/lines.txt", "-s", 5)
    done = run(*again, input=lines)
    assert done.returncode == 0, done.stderr
    found = records(folder)
    assert {r["file_name"] for r in found} == {p.name for p in folder.glob("*.png")}
    numbers = [str(n) for n in range(100, 999)]
    assert [r["text"] for r in found[:-5]] == (numbers * 4)[: len(found) - 5]
    if sys.platform == "linux":
        assert list((tmp_path / "temporary").iterdir()) == []


def test_a_preview_reads_standard_input_once(run, tmp_path):
    done = run("--numbers_file", "-", "--preview", "p.png", input="11\n12\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_standard_input_is_one_line(run):
    done = run("--numbers_file", "-", preexec_fn=lambda: os.close(0))
    assert done.returncode == 2
    assert "standard input has no lines" in done.stderr and done.stderr.count("\n") == 1


def test_a_file_name_that_is_no_utf_8(run, tmp_path):
    name = os.fsdecode(b"b\xff.txt")
    (tmp_path / name).write_text("12\n")
    assert run("--numbers_file", name).returncode == 0
    assert (tmp_path / "output" / "b_" / "1.png").exists()


def test_parts_share_out_standard_input_too(run, tmp_path):
    words = ("--numbers_file", "-", "--split_ratio", 0.5, 0.3, 0.2, "-s", 10)
    done = run(*words, input="".join(f"{n}\n" for n in range(10, 20)))
    assert (done.returncode, done.stderr) == (0, "")
    texts = [[r["text"] for r in records(tmp_path / "output" / "stdin" / part)] for part in PARTS]
    assert texts == [["10", "11", "12", "13", "14"], ["15", "16", "17"], ["18", "19"]]
