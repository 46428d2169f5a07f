"""Runs into a folder that has images: what they make, say and refuse."""

from __future__ import annotations

import json
import signal

import pytest
from support.cases import first
from support.folders import pixels, records
from support.formats import SHARDED, tree

from digitseq.errors import DigitseqWarning, SettingsError
from digitseq.generator import SequenceGenerator
from digitseq.settings import Settings

LINES = "".join(f"{n}\n" for n in range(20, 32))


@pytest.mark.parametrize("words", [(), ("-m", 2)])
@pytest.mark.parametrize("source", ["lines.txt", "-"])
def test_a_file_without_a_size_gives_an_image_for_each_line(run, tmp_path, source, words):
    (tmp_path / "lines.txt").write_text(LINES)
    assert run("--numbers_file", source, *words, input=LINES).returncode == 0
    folder = tmp_path / "output" / ("stdin" if source == "-" else "lines")
    assert [row["text"] for row in records(folder)] == LINES.split()


def test_a_size_still_wins_over_the_lines(run, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    assert run("--numbers_file", "lines.txt", "-s", 3).returncode == 0
    assert [row["text"] for row in records(tmp_path / "output" / "lines")] == ["20", "21", "22"]


def test_all_lines_may_have_to_be_different(run, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    assert run("--numbers_file", "lines.txt", "--unique").returncode == 0
    assert sorted(row["text"] for row in records(tmp_path / "output" / "lines")) == LINES.split()


def test_python_writes_every_line_too(tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    settings = {"numbers_file": str(tmp_path / "lines.txt")}
    for generator in (SequenceGenerator(Settings(**settings), 1), SequenceGenerator(Settings(**settings, unique=True))):
        assert generator.write(tmp_path / str(generator.settings.unique)).count == 12
    with pytest.raises(SettingsError, match="run of 12 images"):
        generator.write(tmp_path / "other", 5)


def test_the_line_says_that_a_run_continues_a_series(run, tmp_path):
    said = [run("-num", "12", "--seed", 7, *words).stdout for words in ((), (), ("-s", 3))]
    assert said[0] == "output/12/1.png (seed 7)\n"
    assert said[1] == "output/12/2.png (seed 7); continues the series of seed 7 at image 2\n"
    assert said[2].endswith("seed 7; continues the series of seed 7 at image 3\n")
    series = SequenceGenerator(Settings("12"), 7)
    for number in range(1, 6):
        assert (pixels(tmp_path / "output" / "12" / f"{number}.png") == series[number - 1].image).all()


@pytest.mark.parametrize("other", [("--seed", 8), ("--seed", 7, "-max", 9), ("--seed", 7, "--signs", "gap"), ()])
def test_another_series_is_not_said_to_be_continued(run, other):
    assert run("-num", "12", "--seed", 7).returncode == 0
    done = run("-num", "12", *other)
    assert done.returncode == 0 and "continues" not in done.stdout


def test_lines_that_begin_at_the_top_again_are_not_one_series(run, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    said = [run("--numbers_file", "lines.txt", "--seed", 7).stdout for _ in range(2)]
    assert "(13.png to 24.png)" in said[1] and "continues" not in said[1]


@pytest.mark.parametrize(("size", "same"), [(5, True), (6, False)])
def test_texts_chosen_for_another_number_of_images_are_another_series(run, size, same):
    words = ("--random_digits", 3, 3, "--unique", "--seed", 7)
    assert run(*words, "-s", 5).returncode == 0
    assert ("continues" in run(*words, "-s", size).stdout) == same


def test_other_settings_are_named_in_one_line(run):
    words = ("-num", "12", "-iw", 100)
    assert run(*words).stderr == ""
    assert run(*words, "--seed", 5, "-s", 98, "-m", 2).stderr == ""
    remedy = (
        "to keep them apart, name another folder with --name or --output_path, or begin this one anew with --overwrite"
    )
    begins = "digitseq: warning: output/12 has images with other settings"
    assert run(*words, "-min", 2).stderr == f"{begins} (min_spacing: 0 -> 2): {remedy}\n"
    done = run(*words, "-max", 20, "-a", 5, "--invert", "--augment", "light", "--augment", "blur")
    assert done.returncode == 0
    assert done.stderr == (
        f"{begins} (min_spacing: 2 -> 0, max_spacing: 10 -> 20, invert: False -> True and 2 more): {remedy}\n"
    )
    assert run(*words, "-e", 1, 2, "--quiet").stderr == ""


def test_another_format_is_named_too(run):
    assert run("-num", "12", "-s", 99).returncode == 0
    said = run("-num", "12", "--format", "npz", "-min", 2).stderr
    assert "has images with other settings (format: png -> npz, min_spacing: 0 -> 2)" in said
    assert run("-num", "12", "--format", "npz", "-min", 2).stderr == ""


def test_a_region_in_small_letters_is_the_same(run):
    pytest.importorskip("phonenumbers")
    said = [run("--phone", code, "--seed", 3, "-s", 60) for code in ("JP", "jp")]
    assert said[1].stderr == "" and "continues the series of seed 3 at image 61" in said[1].stdout


def test_a_preset_is_called_by_its_name(run):
    words = ("-num", "12", "--augment", "light", "--augment", "blur:p=0.2")
    assert run("-num", "12", "-s", 99).returncode == 0
    assert "(augment: none -> light blur:p=0.2): " in run(*words).stderr
    assert (
        'its augment is ["light", "blur:p=0.2"], not ["medium"]'
        in run("-num", "12", "--augment", "medium", "--resume").stderr
    )


def test_other_glyphs_of_the_same_data_set_are_a_difference(tmp_path, train, test_split):
    from digitseq.pipeline import Pipeline
    from digitseq.runs import write_images
    from digitseq.runs.run_settings import Output

    output = Output(output_path=str(tmp_path), size=60)
    write_images(Pipeline(Settings("12"), train, 1), output)
    with pytest.warns(DigitseqWarning, match="dataset: mnist has other glyphs now"):
        assert not write_images(Pipeline(Settings("12"), test_split, 1), output).continued


SPLIT = ("--split_ratio", 0.5, 0.25, 0.25)


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ((), ("--split", "test"), "images of split train, this run has those of split test"),
        (("--split", "test"), ("--split", "all"), "images of split test, this run has those of split all"),
        ((), SPLIT, "images of a run with no --split_ratio, this one has --split_ratio 0.5 0.25 0.25"),
        (SPLIT, (), "images of a run with --split_ratio 0.5 0.25 0.25, this one has no --split_ratio"),
    ],
)
@pytest.mark.parametrize("format_name", first(["png", "webdataset"], plain=1))
def test_glyphs_for_training_and_testing_are_not_mixed(run, tmp_path, format_name, before, now, message):
    words = ("-num", "12", "-s", 8, "--format", format_name)
    assert run(*words, *before).returncode == 0
    there = tree(tmp_path / "output")
    done = run(*words, *now)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert message in done.stderr and "--name or --output_path" in done.stderr and "--overwrite" in done.stderr
    assert tree(tmp_path / "output") == there
    assert run(*words, *before).returncode == 0


def test_start_makes_that_image_of_the_series(run, tmp_path):
    words = ("--random_digits", 3, 6, "--seed", 7, "--labels", "jsonl", "coco")
    assert run(*words, "-s", 3).returncode == 0
    done = run(*words, "--start", 9, "-s", 4, "-m", 2)
    assert "(9.png to 12.png)" in done.stdout and "continues the series of seed 7 at image 9" in done.stdout
    assert run(*words, "--start", 5).stdout.startswith("output/random/5.png")
    assert run(*words).stdout.startswith("output/random/13.png")
    folder, series = tmp_path / "output" / "random", SequenceGenerator(Settings(random_digits=(3, 6)), 7)
    rows = records(folder)
    assert [row["file_name"] for row in rows] == [f"{n}.png" for n in (1, 2, 3, 9, 10, 11, 12, 5, 13)]
    for row in rows:
        sample = series[int(row["file_name"].removesuffix(".png")) - 1]
        assert (pixels(folder / row["file_name"]) == sample.image).all() and row["text"] == sample.text
    images = json.loads((folder / "annotations.json").read_text())["images"]
    assert [image["file_name"] for image in images] == [row["file_name"] for row in rows]


@pytest.mark.parametrize("first", [2, 4, 6])
def test_start_does_not_replace_images(run, tmp_path, first):
    words = ("-num", "12", "--seed", 7)
    assert run(*words, "--start", 4, "-s", 3).returncode == 0
    (tmp_path / "output" / "12" / "6.png").unlink()  # its labels are still there
    there = tree(tmp_path / "output")
    done = run(*words, "--start", first, "-s", 3)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"output/12 has image {max(first, 4)} already" in done.stderr
    assert tree(tmp_path / "output") == there
    (tmp_path / "output" / "12" / "9.png").write_bytes(b"mine")
    assert "has image 9 already" in run(*words, "--start", 9).stderr


@pytest.mark.parametrize("format_name", SHARDED)
def test_shards_are_the_same_whatever_else_was_made(run, tmp_path, format_name):
    words = ("-num", "12", "--seed", 7, "--format", format_name, "--shard_size", 10)
    assert run(*words, "-s", 50, "-o", "once").returncode == 0
    assert run(*words, "-s", 20, "--start", 31).returncode == 0
    shards = {path.name: path.read_bytes() for path in (tmp_path / "output" / "12").glob("12-*")}
    assert len(shards) == 2
    assert all((tmp_path / "once" / "12" / name).read_bytes() == data for name, data in shards.items())
    assert "has image 31 already" in run(*words, "-s", 20, "--start", 21).stderr
    done = run(*words, "--start", 14)
    assert done.returncode == 2 and "such as 11 or 21 with --shard_size 10" in done.stderr
    assert run(*words, "-s", 30, "--start", 1).returncode == 0
    assert len(list((tmp_path / "output" / "12").glob("12-*"))) == 5


@pytest.mark.parametrize("format_name", ["lmdb", "npz"])
def test_what_is_one_file_has_no_gaps(run, tmp_path, format_name):
    words = ("-num", "12", "--seed", 7, "--format", format_name)
    assert run(*words, "-s", 3).returncode == 0
    done = run(*words, "--start", 9)
    assert done.returncode == 2 and "begins with image 4; leave out --start" in done.stderr
    assert run(*words, "--start", 4).returncode == 0


def test_a_run_that_started_in_the_middle_is_resumed(run, start, tmp_path, gate_at):
    (tmp_path / "lines.txt").write_text("".join(f"{n}\n" for n in range(6000)))
    words = ("--numbers_file", "lines.txt", "--start", 1001, "-iw", 80, "--seed", 3)
    process = start(*words, gate=(gate := gate_at(4000)))
    gate.wait()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    assert "its start is 1001, not 1002" in run(*words[:3], 1002, *words[4:], "--resume").stderr
    assert run(*words, "--resume").returncode == 0
    rows = records(tmp_path / "output" / "lines")
    assert [(row["file_name"], row["text"]) for row in rows] == [(f"{n + 1}.png", f"{n}") for n in range(1000, 6000)]


def test_starts_that_make_no_sense(run, tmp_path):
    (tmp_path / "lines.txt").write_text(LINES)
    assert "start 13 is after the last text, 12" in run("--numbers_file", "lines.txt", "--start", 13).stderr
    assert run("--numbers_file", "lines.txt", "--start", 13, "-s", 1).returncode == 0
    assert records(tmp_path / "output" / "lines")[0]["text"] == "20"
    assert "--start goes without --split_ratio" in run("-num", "12", "--start", 2, *SPLIT).stderr


@pytest.mark.parametrize("format_name", ["png", "webdataset"])
def test_the_name_of_a_folder_can_be_chosen(run, tmp_path, format_name):
    words = ("--pattern", "[0-9]{3}", "--name", "plates of JP", "--format", format_name)
    assert "output/plates of JP" in run(*words).stdout
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["plates of JP"]
    names = {path.name for path in (tmp_path / "output" / "plates of JP").iterdir() if path.name[0] != "."}
    assert names - {"run.json"} == (
        {"1.png", "metadata.jsonl"} if format_name == "png" else {"plates of JP-000000.tar"}
    )
    assert "already complete" in run(*words, "--resume").stdout


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".", "/etc", "a\\b", "a\nb", "", "x" * 256, "CON", "nul.txt", "com1", "a.", "a ", ".digitseq"]
)
def test_a_name_is_that_of_one_folder(refused, name):
    assert "--name must be" in refused("-num", "1", f"--name={name}")


def test_python_has_the_same_settings(tmp_path):
    generator = SequenceGenerator(Settings("12"), 7)
    assert generator.write(tmp_path, 2, name="mine", start=4).first == 4
    assert generator.write(tmp_path, 2, name="mine", overwrite=True).first == 1
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.png")) == ["1.png", "2.png"]
