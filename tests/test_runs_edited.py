"""Records, journals and kept files that somebody has changed: one line, and no traceback."""

from __future__ import annotations

import json

import pytest

from digitseq import Pipeline, Settings
from digitseq.errors import OutputError
from digitseq.formats.base import Job
from digitseq.formats.npz import OutputFormat
from digitseq.formats.parts import FileGroup
from digitseq.shell import cli

WORDS = ("-num", "12", "-s", 5, "--seed", 1, "--name", "z")


@pytest.fixture
def edited(run, tmp_path):
    """edited(change): a folder with a run of five images, whose record `change` gets to change."""
    assert run(*WORDS).returncode == 0

    def call(change):
        path = tmp_path / "output" / "z" / "run.json"
        record = json.loads(path.read_text())
        change(record["runs"][0])
        path.write_text(json.dumps(record))
        return path.parent

    return call


def test_a_run_without_its_record_is_not_begun_anew_by_resume(edited, refused):
    folder = edited(lambda record: None)
    (folder / "run.json").unlink()
    before = sorted(path.name for path in folder.iterdir())
    assert "run.json is missing, which says of which: put it back, or leave out --resume" in refused(*WORDS, "--resume")
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("name", [5, None, ["annotations.json"]])
def test_a_result_whose_name_is_no_text_is_in_no_record(edited, refused, name):
    edited(lambda record: record.update(results=[{"name": name, "size": 1, "crc32": 1}]))
    assert "is not a record that digitseq wrote" in refused(*WORDS)


@pytest.mark.parametrize("details", [{}, {"begun": 5}, {"begun": [5]}, {"begun": [], "classes": 5}])
def test_details_that_the_format_did_not_decide_are_in_no_record(edited, refused, details):
    def change(record):
        record["status"] = "interrupted"
        record["sections"][0]["details"] = details

    edited(change)
    assert "is not a record that digitseq wrote" in refused(*WORDS, "--resume")


@pytest.mark.parametrize("name", [5, None, ["1.png"], {}])
@pytest.mark.parametrize("kind", ["files", "additions"])
def test_a_journal_names_files_by_text(edited, refused, name, kind):
    folder = edited(lambda record: record.update(status="running"))
    lines = [json.loads(line) for line in (folder / ".digitseq" / "journal.jsonl").read_text().splitlines()]
    lines[0][kind][0]["name"] = name
    (folder / ".digitseq" / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for words in ((), ("--resume",)):
        assert "is not a journal that digitseq wrote" in refused(*WORDS, *words)


@pytest.mark.parametrize("part", [[0, 1, 0, 5], [0, -1, 0, 5], [7, 0, 0, 5], [0, 0, 0, 10**12]])
@pytest.mark.parametrize("words", [(), ("--resume",), ("--resume", "--dry_run")])
def test_a_journal_with_parts_of_another_run_is_refused(edited, refused, part, words):
    folder = edited(lambda record: record.update(status="running"))
    lines = [json.loads(line) for line in (folder / ".digitseq" / "journal.jsonl").read_text().splitlines()]
    lines[0]["part"], lines[1]["done"] = part, part[0]
    (folder / ".digitseq" / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "do not belong together" in refused(*WORDS, *words)


def test_no_more_names_are_listed_than_files_are_there(edited, monkeypatch, tmp_path):
    def change(record):
        record.update(status="running", processes=2)
        record["sections"][0].update(last=10**9, part_size=10**9)

    folder = edited(change)
    (folder / ".digitseq" / "journal.jsonl").write_bytes(b"")
    (folder / "metadata.jsonl").unlink()
    names = FileGroup.names
    monkeypatch.setattr(FileGroup, "names", lambda group: names(group) if group.files < 1000 else pytest.fail("many"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(list(map(str, WORDS))) == 0
    assert sorted(path.name for path in folder.glob("*.png")) == [f"{number}.png" for number in range(1, 6)]


@pytest.mark.parametrize("contents", [b"x" * 100, b"PK\x03\x04" + b"x" * 100, b""])
def test_arrays_that_were_changed_are_named(train, tmp_path, contents):
    (tmp_path / "0.arrays").write_bytes(contents)
    job = Job(Pipeline(Settings("5"), train, 1), "5", 0, 10, (), {})
    with pytest.raises(OutputError, match=r"0\.arrays is damaged .*: remove it and give `resume` again, or begin anew"):
        OutputFormat().finish(job, tmp_path, tmp_path, 10)
    assert not (tmp_path / "5.npz").exists()


@pytest.mark.parametrize("added", ["7.png", "10.png", "metadata.jsonl"])
def test_what_was_added_after_an_interrupted_run_is_not_replaced(edited, refused, added):
    def change(record):
        record["status"] = "interrupted"
        record["sections"][0].update(last=10, part_size=5)

    folder = edited(change)
    with open(folder / added, "a") as file:
        file.write("{}\n")
    before = (folder / added).read_bytes()
    assert f"{added} was added, or added to, after the run had ended" in refused(*WORDS[:2], *WORDS[4:], "--resume")
    assert (folder / added).read_bytes() == before
    if added != "metadata.jsonl":
        (folder / added).rename(folder / "11.png")  # a number that the run does not need
        assert cli.main([*map(str, (*WORDS[:2], *WORDS[4:])), "--resume"]) == 0
        assert len(list(folder.glob("*.png"))) == 11
