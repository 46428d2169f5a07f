"""`--dry_run`: what it says is what the run then makes, it refuses what the run would, and it writes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.cases import first
from support.folders import numbers
from support.formats import FORMATS, shards

from digitseq import SequenceGenerator, Settings
from digitseq.runs.estimate import SPAN, SPANS, peak_memory
from digitseq.shell.dry_run import size_text, time_text

SOURCE = ("--random_digits", 3, 8, "--seed", 5)


def rows(said: str) -> dict[str, str]:
    """The lines by their names, without the head."""
    return dict(line.split(maxsplit=1) for line in said.splitlines()[1:])


def number(text: str) -> int:
    return int(re.search(r"\d[\d,]*", text)[0].replace(",", ""))


def everything(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def results(folder: Path) -> list[Path]:
    """The files of the data set, without the record of its runs."""
    return [p for p in folder.rglob("*") if p.is_file() and ".digitseq" not in p.parts and p.name != "run.json"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("more", first([(), ("--split_ratio", 0.6, 0.2, 0.2)], plain=1), ids=["one", "split"])
def test_files_and_bytes_are_those_of_the_run(run, tmp_path, format, more):
    words = (*SOURCE, "-s", 900, "--format", format, *shards(format, 200), *more)
    said = rows(run(*words, "--dry_run").stdout)
    assert list(tmp_path.iterdir()) == []
    assert run(*words).returncode == 0
    made = results(tmp_path / "output" / "random")
    assert said["images"] == "900"
    assert number(said.get("shards") or said["files"]) == len(made)
    unit = {"kB": 1e3, "MB": 1e6}[re.match(r"about [\d.]+ (\w+)", said["size"])[1]]
    size = float(re.match(r"about ([\d.]+)", said["size"])[1]) * unit
    assert size == pytest.approx(sum(p.stat().st_size for p in made), rel=0.15)


def test_files_of_every_label_format_are_counted(run, tmp_path):
    words = ("-num", "12", "-s", 30, "--labels", "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract")
    said = rows(run(*words, "--dry_run").stdout)
    run(*words)
    assert number(said.get("shards") or said["files"]) == len(results(tmp_path / "output" / "12"))


def test_texts_and_seed_are_those_of_the_run(run):
    words = ("--random_digits", 3, 8, "-s", 9)
    said = rows(run(*words, "--dry_run").stdout)
    seed = number(said["seed"])
    generator = SequenceGenerator(Settings(random_digits=(3, 8)), seed)
    assert said["texts"] == ", ".join([generator[i].text for i in range(5)] + ["..."])


def test_a_large_run_is_measured_on_a_few_images(run):
    done = run(*SOURCE, "-s", 1_000_000_000, "-m", 2, "--dry_run")
    assert done.returncode == 0
    assert number(done.stdout.splitlines()[0]) <= SPANS * SPAN
    assert rows(done.stdout)["images"] == "1,000,000,000"
    assert "more than the" in rows(done.stdout)["size"]


def test_nothing_is_written_into_a_folder_that_has_images(run, tmp_path):
    run(*SOURCE, "-s", 20)
    before = everything(tmp_path)
    for more in ((), ("-m", 2), ("--format", "npz"), ("--resume",)):
        assert run(*SOURCE, "--dry_run", *more).returncode == 0
    assert everything(tmp_path) == before


def test_an_interrupted_run_is_left_as_it_is(run, start, tmp_path, gate_at):
    process = start("-num", "12", "-s", 5000, "--seed", 1, gate=(gate := gate_at(1100)))
    gate.wait()
    process.kill()
    process.wait()
    before = everything(tmp_path)
    assert 0 < (made := len(numbers(tmp_path / "output" / "12"))) < 5000
    said = run("-num", "12", "--dry_run", "--resume")
    assert rows(said.stdout)["images"] == f"{5000 - made // 512 * 512:,}"
    assert run("-num", "12", "--dry_run", "-s", 7).returncode == 0
    assert everything(tmp_path) == before
    assert run("-num", "12", "--resume").returncode == 0
    assert len(numbers(tmp_path / "output" / "12")) == 5000
    assert "already complete" in run("-num", "12", "--dry_run", "--resume").stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-num", "123456", "-iw", 20), "too narrow"),
        (("-num", "12", "--resume"), "no run to resume"),
        (("-num", "12", "-o", "/proc/nowhere"), "cannot write to /proc/nowhere"),
        (("-num", "12", "-s", 1_000_000_000, "--format", "npz"), "of memory"),
        (("-num", "12", "--split", "test", "--split_ratio", 0.5, 0.5, 0), "leave out --split"),
        (("-num", "12", "--preview", "a.png"), "leave out one of them"),
    ],
)  # fmt: skip
def test_what_a_run_refuses_is_refused(refused, words, reason):
    assert reason in refused(*words, "--dry_run")


def test_a_folder_that_is_being_written_is_refused(run, start, gate_at):
    process = start("-num", "12", "-s", 5000, gate=(gate := gate_at(1100)))
    gate.wait()
    done = run("-num", "12", "--dry_run")
    process.kill()
    assert (done.returncode, done.stdout) == (2, "")
    assert "being written by another run" in done.stderr


def test_quiet_prints_nothing(run):
    done = run(*SOURCE, "--dry_run", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_in_python_the_report_has_the_estimate(tmp_path):
    generator = SequenceGenerator(Settings(random_digits=(3, 8)), 5)
    report = generator.write(tmp_path / "out", 2000, dry_run=True)
    assert (report.count, report.made, report.wanted) == (0, 0, 2000)
    assert report.estimate.images == 2000 and report.estimate.seconds > 0
    assert list(tmp_path.iterdir()) == []


def test_the_time_is_divided_by_the_processes_that_can_work_at_once(monkeypatch, tmp_path):
    generator = SequenceGenerator(Settings("12"), 5)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    shared = [generator.write(tmp_path, 100_000, processes=n, dry_run=True).estimate.processes for n in (0, 3, 64)]
    assert shared == [1, 3, 4]


def test_memory_is_what_the_process_has():
    assert 30e6 < peak_memory() < 3e9


def test_sizes_and_times_have_units():
    assert [size_text(n) for n in (0, 999, 1500, 99_949, 123_456_789, 5.5e12, 2e16)] == [
        "0 bytes", "999 bytes", "1.5 kB", "99.9 kB", "123 MB", "5.5 TB", "20,000 TB"]  # fmt: skip
    assert [time_text(s) for s in (0.04, 89, 91, 7200, 3 * 86_400)] == [
        "0.0 seconds", "89.0 seconds", "1.5 minutes", "2.0 hours", "3.0 days"]  # fmt: skip
