"""`--inspect`: what it counts is what is there, and whatever is broken in a data set is found."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import tarfile
from collections import Counter

import cv2
import numpy as np
import pytest
from support.folders import pixels, records
from support.formats import FORMATS

from digitseq import SequenceGenerator, Settings
from digitseq.errors import MissingPackageError
from digitseq.formats import FORMATS as FORMAT_ENTRIES
from digitseq.formats.base import Format
from digitseq.inspection.data_set import inspect
from digitseq.inspection.findings import EXAMPLES, UNREADABLE, Shown
from digitseq.inspection.report import text_report
from digitseq.inspection.sheet import contact_sheet
from digitseq.labels.base import LabelFormat
from digitseq.runs.ownership import locked_folder
from digitseq.runs.verification import CHANGED
from digitseq.shell import cli

ALL_LABELS = ("jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")


@pytest.fixture
def made(run, tmp_path):
    """Makes a data set of 40 images in the folder `data`, and returns where it is."""

    def make(*flags: object):
        assert run("--random_digits", 3, 8, "-s", 40, "--seed", 3, "-o", "data", *flags).returncode == 0
        return tmp_path / "data" / "random"

    return make


def problems(path) -> dict[str, int]:
    return {what: count for what, count, _ in inspect(path).all_problems()}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_counted_and_nothing_is_wrong(made, run, format):
    folder = made("--format", format)
    (section,) = inspect(folder).sections
    found = section.findings
    assert (section.format, found.images, found.duplicates, found.problems) == (format, 40, 0, {})
    assert found.widths == {200: 40} and found.heights == {28: 40}
    assert run("--random_digits", 3, 8, "-s", 40, "--seed", 3, "-o", "png").returncode == 0
    texts = [record["text"] for record in records(folder.parent.parent / "png" / "random")]
    assert found.lengths == Counter(map(len, texts))
    assert found.characters == Counter("".join(texts))
    assert found.distinct_texts == len(set(texts))


@pytest.mark.parametrize("format", FORMATS)
def test_a_package_is_needed_for_its_own_format_alone(made, monkeypatch, format):
    folder = made("--format", format)
    for package in ("lmdb", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    if FORMAT_ENTRIES[format].package:
        with pytest.raises(MissingPackageError, match=f"format {format} needs the package"):
            inspect(folder)
    else:
        assert inspect(folder).images == 40


def test_all_label_formats_agree_with_each_other(made):
    assert problems(made("--labels", *ALL_LABELS)) == {}


@pytest.mark.parametrize("labels", ALL_LABELS)
def test_every_label_format_alone_gives_the_texts(made, labels):
    (section,) = inspect(made("--labels", labels)).sections
    assert section.findings.problems == {} and section.findings.unlabelled.count == 0
    assert sum(section.findings.lengths.values()) == 40


def test_gaps_have_no_box_and_are_no_problem(run, tmp_path):
    assert run("--phone", "JP", "--phone_format", "national", "--signs", "gap", "--gap_labels", "keep", "-iw", 0, "-s", 9,
               "--labels", "jsonl", "coco", "yolo", "txt").returncode == 0  # fmt: skip
    (section,) = inspect(tmp_path / "output" / "phone-JP").sections
    assert section.findings.problems == {}
    assert section.findings.characters["-"] >= 9


def test_the_parts_of_a_split_are_inspected_one_by_one_and_compared(run, tmp_path):
    flags = ("--random_digits", 3, 8, "-s", 60, "--split_ratio", 0.5, 0.25, 0.25, "-o", "data")
    assert run(*flags).returncode == 0
    folder = tmp_path / "data" / "random"
    found = inspect(folder)
    assert {section.name: section.findings.images for section in found.sections} == {"train": 30, "val": 15, "test": 15}
    assert found.all_problems() == []
    (folder / "test" / "1.png").write_bytes((folder / "train" / "1.png").read_bytes())
    assert problems(folder)["images that are in test/ and in train/"] == 1


@pytest.mark.parametrize("format, suffix", [("webdataset", "tar"), ("parquet", "parquet")])
def test_the_beginning_of_a_shards_path_selects_shards(made, format, suffix):
    folder = made("--format", format, "--shard_size", 10)
    assert len(list(folder.glob(f"*.{suffix}"))) == 4
    assert inspect(folder / "random-0").images == 40
    first = sorted(folder.glob(f"*.{suffix}"))[0]
    assert inspect(folder / first.stem).images == 10


def edit(folder, number, **changes):
    """Change the record of an image in metadata.jsonl."""
    rows = records(folder)
    rows[number - 1] |= changes
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_missing_image_is_found(made):
    folder = made()
    (folder / "7.png").unlink()
    found = inspect(folder).all_problems()
    assert (found[0][0], found[0][1:]) == ("labels without an image", (1, ["7.png"]))
    assert found[1][2] == ["random/1.png to 40.png (missing: 7.png)"]


def test_a_missing_label_is_found(made):
    folder = made()
    lines = (folder / "metadata.jsonl").read_text().splitlines(keepends=True)
    (folder / "metadata.jsonl").write_text("".join(lines[:4] + lines[5:]))
    assert inspect(folder).all_problems() == [("images without a label", 1, ["5.png"])]


def test_a_label_that_is_there_twice_is_found(made):
    folder = made()
    with open(folder / "metadata.jsonl", "a") as lines:
        lines.write((folder / "metadata.jsonl").read_text().splitlines()[0] + "\n")
    assert problems(folder) == {"labels that contradict each other": 1}


def test_boxes_outside_the_image_are_found(made):
    folder = made()
    row = records(folder)[2]["objects"]
    edit(folder, 3, objects={**row, "bbox": [[190, 5, 11, 20], *row["bbox"][1:]]})
    (found,) = inspect(folder).all_problems()
    assert found == ("boxes outside the image", 1, ["3.png ([190, 5, 11, 20] in 200 x 28)"])


def test_boxes_of_other_characters_are_found(made):
    folder = made()
    row = records(folder)[0]
    edit(folder, 1, objects={**row["objects"], "categories": ["x", *row["text"][1:]]})
    assert problems(folder) == {"boxes of other characters than the text has": 1}


@pytest.mark.parametrize("other", [name for name in ALL_LABELS if name != "jsonl"])
def test_labels_in_two_files_that_differ_are_found(made, other):
    folder = made("--labels", "jsonl", other)
    row = records(folder)[4]
    x, *rest = row["objects"]["bbox"][0]
    moved = {**row["objects"], "bbox": [[x + 1, *rest], *row["objects"]["bbox"][1:]]}
    edit(folder, 5, text=row["text"][::-1] + "1", objects=moved)
    found = problems(folder)
    assert found["labels that contradict each other"] == 1


def test_labels_that_are_in_the_second_file_only_are_found(made):
    folder = made("--labels", "jsonl", "txt")
    lines = (folder / "metadata.jsonl").read_text().splitlines(keepends=True)
    (folder / "metadata.jsonl").write_text("".join(lines[:9] + lines[12:]))
    (found,) = inspect(folder).all_problems()
    assert found[:2] == ("labels that contradict each other", 3)
    assert found[2][0] == "10.png (is not in metadata.jsonl)"


def test_a_changed_pixel_is_found_by_the_checksum_of_the_run(made):
    folder = made()
    image = pixels(folder / "8.png").copy()
    image[0, 0] = 255
    cv2.imwrite(str(folder / "8.png"), image)
    assert list(problems(folder)) == [CHANGED]


def test_a_damaged_image_is_found(made):
    folder = made("--labels", "jsonl")
    data = bytearray((folder / "2.png").read_bytes())
    data[60] ^= 1
    (folder / "2.png").write_bytes(data)
    (folder / "3.png").write_bytes(data[:50])
    (folder / "4.png").write_bytes(b"")
    assert problems(folder)["damaged images"] == 3


@pytest.mark.parametrize("format, suffix", [("webdataset", "tar"), ("parquet", "parquet"), ("npz", "npz")])
def test_a_file_that_is_cut_off_is_found(made, format, suffix):
    folder = made("--format", format)
    (path,) = folder.glob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:3000])
    found = problems(folder)
    assert found["files that cannot be read to their end"] == 1
    assert found[CHANGED] == 1


def test_a_database_that_is_damaged_is_found(made):
    pytest.importorskip("lmdb")
    folder = made("--format", "lmdb")
    (folder / "data.mdb").write_bytes(b"no database" * 1000)
    assert problems(folder)["files that cannot be read to their end"] == 1


def test_equal_images_with_different_labels_are_found(made):
    folder = made()
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes())
    assert problems(folder)["equal images with different labels"] == 1


def test_an_interrupted_run_is_found(made):
    folder = made()
    record = json.loads((folder / "run.json").read_text())
    record["runs"][0]["sections"][0]["images"] = 20
    (folder / "run.json").write_text(json.dumps(record))
    assert problems(folder) == {"runs that were interrupted": 1}


def test_a_folder_that_another_program_made_is_read(tmp_path):
    folder = tmp_path / "own"
    (folder / "images").mkdir(parents=True)
    for name in ("a", "b"):
        cv2.imwrite(str(folder / "images" / f"{name}.jpg"), np.full((30, 90), 120, np.uint8))
    rows = [{"file_name": f"images/{name}.jpg", "text": name} for name in "ab"]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (section,) = inspect(folder).sections
    assert section.findings.widths == {90: 2} and section.findings.heights == {30: 2}
    assert list(section.findings.problems) == ["equal images with different labels"]


def test_an_archive_with_extended_headers_is_read(tmp_path):
    (tmp_path / "1.png").write_bytes(cv2.imencode(".png", np.zeros((30, 90), np.uint8))[1].tobytes())
    (tmp_path / "1.txt").write_text("42")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("1.png", "1.txt"):
            info = archive.gettarinfo(tmp_path / name, "long" * 40 + name)
            archive.addfile(info, (tmp_path / name).open("rb"))
    (tmp_path / "1.png").unlink()
    (section,) = inspect(tmp_path).sections
    assert (section.format, section.findings.images, section.findings.characters) == ("webdataset", 1, Counter("42"))


def test_only_a_few_examples_of_a_problem_are_kept(made):
    folder = made()
    for path in folder.glob("*.png"):
        path.unlink()
    what, count, examples = inspect(folder).all_problems()[0]
    assert (what, count, len(examples)) == ("labels without an image", 40, EXAMPLES)


def test_the_command_reports_and_writes_a_page_that_needs_no_other_file(made, run, tmp_path):
    folder = made()
    done = run("--inspect", folder, "-o", "report")
    assert done.returncode == 0 and "nothing is wrong" in done.stdout and "40 images as png" in done.stdout
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "random-inspection.html", "random-inspection.png"]  # fmt: skip
    page = (tmp_path / "report" / "random-inspection.html").read_text()
    assert "Nothing is wrong" in page and "data:image/png;base64," in page
    assert "http" not in page and 'src="data:' in page
    sheet = cv2.imread(str(tmp_path / "report" / "random-inspection.png"))
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 20


def test_reports_about_two_data_sets_of_one_name_do_not_replace_each_other(tmp_path, monkeypatch):
    image = cv2.imencode(".png", np.zeros((30, 90), np.uint8))[1].tobytes()
    for place, count in (("a", 1), ("b", 2)):
        (tmp_path / place / "x").mkdir(parents=True)
        for number in range(count):
            (tmp_path / place / "x" / f"{number + 1}.png").write_bytes(image)
    monkeypatch.chdir(tmp_path)
    for path in ("a/x", "b/x", "a/x", "b/../b/x", str(tmp_path / "b" / "x")):
        assert cli.main(["--inspect", path, "-o", "report"]) == 1  # they have no labels
    pages = {path.name: path.read_text() for path in (tmp_path / "report").glob("*.html")}
    assert pages.keys() == {"x-inspection.html", "x-2-inspection.html"}
    assert "1 image as png" in pages["x-inspection.html"] and "2 images as png" in pages["x-2-inspection.html"]
    assert str(tmp_path) not in pages["x-inspection.html"]


@pytest.mark.parametrize("path", ["output/12", "output", "output/12/val", "output/12/12-0"])
def test_a_data_set_that_is_being_written_is_refused(tmp_path, refused, path):
    split = (0.5, 0.25, 0.25) if path == "output/12/val" else None
    SequenceGenerator(Settings("12"), 1).write(tmp_path / "output", 8, format="webdataset", split_ratio=split)
    with locked_folder(tmp_path / "output" / "12"):
        assert f"inspect {path}: a run is writing to output/12: wait" in refused("--inspect", path)


def test_a_data_set_that_another_process_is_writing_is_refused(run, start, tmp_path, gate_at):
    process = start("-num", "12", "-s", 5000, gate=(gate := gate_at(1100)))
    gate.wait()
    assert "a run is writing to output/12" in run("--inspect", "output/12").stderr
    gate.open()
    assert process.wait(120) == 0
    assert run("--inspect", "output/12", "--quiet").returncode == 0


def test_what_is_wrong_gives_exit_code_1_and_is_named(made, run):
    folder = made()
    (folder / "7.png").unlink()
    done = run("--inspect", folder, "--quiet")
    assert done.returncode == 1
    assert "labels without an image (1): 7.png" in done.stdout


def test_labels_cannot_put_markup_into_the_page(tmp_path, run):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((30, 90), np.uint8))
    (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "1.png", "text": "<script>", "objects": {
        "bbox": [[0, 0, 500, 2]], "categories": ["<"]}}) + "\n")  # fmt: skip
    assert run("--inspect", ".", "-o", "report").returncode == 1
    (page,) = (tmp_path / "report").glob("*.html")
    assert "<script" not in page.read_text() and "&lt;" in page.read_text()


def test_what_is_no_data_set_is_refused(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: has no images in a format that digitseq reads (png, " in refused("--inspect", "empty")
    for path in ("absent/data", "absent"):
        assert f"inspect {path}: there is no such file or folder" in refused("--inspect", path)


def test_data_sets_are_found_at_any_depth(run, made, tmp_path):
    folder = made("--masks")
    flags = ("--random_digits", 3, 8, "-s", 60, "--split_ratio", 0.5, 0.25, 0.25, "-o", "data/split")
    assert run(*flags).returncode == 0
    (tmp_path / "data" / "one" / "deep" / "x").mkdir(parents=True)
    (tmp_path / "data" / "one" / "deep" / "x" / "1.png").write_bytes((folder / "1.png").read_bytes())
    (tmp_path / "data" / ".hidden").mkdir()
    (tmp_path / "data" / ".hidden" / "1.png").write_bytes(b"")
    (tmp_path / "data" / "link").symlink_to(folder)
    assert sorted(section.name for section in inspect(tmp_path / "data").sections) == [
        "one/deep/x", "random", "split/random/test", "split/random/train", "split/random/val"]  # fmt: skip
    (tmp_path / "data" / "split" / "random" / "val" / "3.png").unlink()
    found = problems(tmp_path / "data" / "split")
    assert found["random/val/: labels without an image"] == 1
    assert found[f"random/: {CHANGED}"] == 1


def test_data_sets_beside_each_other_may_have_the_same_images(run, tmp_path):
    for name in ("a", "b"):
        assert run("-num", "12", "-s", 3, "--seed", 1, "--name", name).returncode == 0
    assert problems(tmp_path / "output") == {}


@pytest.mark.parametrize("format", FORMATS)
def test_a_single_file_is_inspected_where_its_format_allows_it(made, refused, format):
    folder = made("--format", format)
    if format == "png":
        for name in ("1.png", "metadata.jsonl"):
            message = f"inspect data/random/{name}: this file cannot be inspected alone: name its folder, data/random"
            assert message in refused("--inspect", f"data/random/{name}")
        return
    (path,) = (path for path in folder.iterdir() if path.is_file() and path.suffix != ".json")
    found = inspect(path)
    assert found.images == 40 and found.all_problems() == []


HOSTILE = {
    "nan": b'{"file_name": "1.png", "text": "1", "objects": {"bbox": [[NaN, 1, 2, 3]], "categories": ["1"]}}\n',
    "text box": b'{"file_name": "1.png", "text": "1", "objects": {"bbox": [["a", 1, 2, 3]], "categories": ["1"]}}\n',
    "number": b'{"file_name": "1.png", "text": 1}\n',
    "file name": b'{"file_name": 1, "text": "1"}\n',
    "mask": b'{"file_name": "1.png", "mask_file_name": 1, "text": "1"}\n',
    "zero": b'{"file_name": "1.png", "mask_file_name": "\\u0000", "text": "1"}\n',
    "list": b"[1]\n",
    "deep": b"[" * 100_000 + b"\n",
    "no json": b"\x00\xff\n",
    "empty object": b"{}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_labels_are_a_problem_and_no_traceback(tmp_path, run, name):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((30, 90), np.uint8))
    (tmp_path / "metadata.jsonl").write_bytes(HOSTILE[name])
    done = run("--inspect", ".", "-o", "report", "--quiet")
    assert (done.returncode, done.stderr) == (1, "")


def test_pipes_and_directories_in_the_place_of_images_are_not_waited_for(made):
    folder = made()
    for number, make in ((1, os.mkfifo), (2, os.mkdir)):
        (folder / f"{number}.png").unlink()
        make(folder / f"{number}.png")
    assert problems(folder)["damaged images"] == 2


def test_a_report_is_no_part_of_the_next_one(made, run, tmp_path):
    folder = made()
    for _ in range(2):
        assert run("--inspect", folder, "-o", folder, "--quiet").returncode == 0
        assert run("--inspect", "data", "-o", "data", "--quiet").returncode == 0
        assert inspect(tmp_path / "data").images == 40


def test_one_bad_row_does_not_hide_the_others(made):
    folder = made()
    edit(folder, 3, text=["1"])
    edit(folder, 5, objects={"bbox": [["a", 1, 2, 3]], "categories": ["1"]})
    found = inspect(folder)
    assert found.images >= 38
    assert problems(folder) | {"labels that contradict each other": 0} == problems(folder) | {
        "labels that contradict each other": 0, "samples that cannot be understood": 2}  # fmt: skip


def test_no_file_outside_the_folder_is_read(made, tmp_path):
    folder = made()
    (tmp_path / "data" / "other.png").write_bytes((folder / "1.png").read_bytes())
    edit(folder, 1, file_name="../other.png")
    assert problems(folder)["labels without an image"] == 1


@pytest.mark.parametrize("labels, name", [("tesseract", "3.gt.txt"), ("yolo", "3.txt")])
def test_a_pipe_in_the_place_of_a_label_is_not_waited_for(made, labels, name):
    folder = made("--labels", labels)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert problems(folder)["files that cannot be read to their end"] == 1


def test_keys_of_shards_are_those_of_webdataset(tmp_path):
    image = cv2.imencode(".png", np.zeros((30, 90), np.uint8))[1].tobytes()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in (1, 2):
            for suffix, data in (("png", image), ("txt", b"%d" % number)):
                info = tarfile.TarInfo(f"./v1.0/{number}.{suffix}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    (section,) = inspect(tmp_path).sections
    assert section.findings.images == 2 and section.findings.characters == Counter("12")


def test_a_database_that_was_cut_off_is_refused_by_runs_too(made, run):
    pytest.importorskip("lmdb")
    folder = made("--format", "lmdb")
    data = (folder / "data.mdb").read_bytes()
    (folder / "data.mdb").write_bytes(data[: len(data) // 2])
    assert problems(folder)["files that cannot be read to their end"] == 1
    again = run("--random_digits", 3, 8, "-s", 40, "-o", "data", "--format", "lmdb")
    assert again.returncode == 2 and "cut off" in again.stderr


def test_many_and_large_samples_make_a_sheet_of_bounded_size():
    shown = [Shown("1", np.zeros((4000, 5000), np.uint8), "1" * 100_000, [[1, 1, 9, 9]])] * 3
    assert contact_sheet(shown).shape[1] < 3000


def test_formats_that_cannot_be_read_are_passed_over(tmp_path):
    class Labels(LabelFormat):
        file_name = "labels.toy"

    (tmp_path / "labels.toy").write_text("1")
    assert Format().files_in(tmp_path) == [] and not Labels().is_in(tmp_path)


def test_masks_are_checked_without_a_record(made):
    folder = made("--masks")
    (folder / "run.json").unlink()
    assert problems(folder) == {}
    (folder / "masks" / "3.png").unlink()
    cv2.imwrite(str(folder / "masks" / "4.png"), np.zeros((28, 10), np.uint8))
    assert inspect(folder).all_problems() == [("masks that do not fit their image", 2, [
        "3.png (masks/3.png is missing)", "4.png (masks/4.png is 10 x 28, the image 200 x 28)"])]  # fmt: skip


def test_images_without_any_labels_are_a_problem_unless_the_run_made_none(made):
    folder = made("--labels", "none")
    assert problems(folder) == {}
    (folder / "run.json").unlink()
    assert problems(folder) == {"images without a label": 40}


def test_a_label_file_that_cannot_be_read_is_named_and_the_others_are_read(made):
    folder = made("--labels", "jsonl", "yolo", "txt")
    (folder / "3.txt").write_text("98 0.5 0.5 0.1 0.1\n")
    rows = records(folder)
    del rows[6]["text"]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    inspection = inspect(folder)
    ((count, examples),) = [found[1:] for found in inspection.all_problems() if found[0] == UNREADABLE]
    assert count == 1 and inspection.images == 40
    assert "metadata.jsonl, line 7: no `text`; 3.txt: data.yaml has no class 98" in examples[0]
    assert set(problems(folder)) <= {UNREADABLE, CHANGED}
    assert inspection.sections[0].findings.unlabelled.count == 0


def test_one_of_a_kind_is_said_in_the_singular(tmp_path):
    (tmp_path / "1.png").write_bytes(cv2.imencode(".png", np.zeros((30, 90), np.uint8))[1].tobytes())
    (tmp_path / "gt.txt").write_text("1.png\t42\n")
    assert f"{tmp_path}: 1 image as png, 1 different text\n" in text_report(inspect(tmp_path))
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes())
    report = text_report(inspect(tmp_path))
    assert "2 images as png, 1 different text, 1 exact repeat of another image\n" in report
    assert "images without a label (1): 2.png\n" in report


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    (tmp_path / "data" / "closed").mkdir(parents=True)
    (tmp_path / "data" / "1.png").write_bytes(b"")
    scan = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert problems(tmp_path / "data")["folders that cannot be read"] == 1
