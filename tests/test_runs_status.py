"""`--status`: how far runs are, whoever is writing them, without leaving a trace."""

from __future__ import annotations

import json
import os
import signal
import tracemalloc
from pathlib import Path

import pytest
from support.folders import records

from digitseq import SequenceGenerator, Settings
from digitseq.errors import OutputError
from digitseq.files.locations import location
from digitseq.runs.ownership import is_being_written, locked_folder
from digitseq.runs.status import run_status
from digitseq.shell import cli
from digitseq.shell.status_lines import status_lines

LIMIT = 120  # seconds: only there for a test that would wait for ever


def write(top, size=9, **output):
    return SequenceGenerator(Settings("5", image_width=30), 7).write(top, size, **output).folder


def edit(folder, **values):
    """Change the last record in `folder`."""
    record = json.loads((folder / "run.json").read_text())
    record["runs"][-1].update(values)
    (folder / "run.json").write_text(json.dumps(record))


def states(path):
    return {each.folder.name: (each.images, each.wanted, each.state) for each in run_status(path)}


def traces(top):
    """All that looking could change: names, sizes and times."""
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(Path(top).rglob("*"))}


def test_a_run_is_followed_until_it_is_finished(start, run, tmp_path, gate_at):
    words = ("-num", "5", "-iw", 30, "-s", 4000, "--seed", 7)
    folder = tmp_path / "output" / "5"
    process = start(*words, gate=(gate := gate_at(3000)))
    gate.wait()
    before, listed = traces(folder), len(records(folder))
    done = run("--status", "output/5")
    assert 0 < listed < 4000
    expected = f"output/5  {listed:,} of 4,000 images  {listed // 40} %  being written  seed 7  "
    assert done.returncode == 1 and done.stdout.startswith(expected) and done.stdout.endswith(" ago\n")
    assert traces(folder) == before
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    assert "  interrupted  seed 7  " in run("--status", "output").stdout
    assert states(folder) == {"5": (listed, 4000, "interrupted")}
    assert run(*words, "--resume").returncode == 0
    done = run("--status", "output/5")
    assert done.returncode == 0 and "4,000 of 4,000 images  100 %  finished  seed 7" in done.stdout
    assert run("--status", "output/5", "--quiet").stdout == ""


def test_a_run_that_was_stopped_has_what_its_record_says(start, run, tmp_path, gate_at):
    process = start("-num", "5", "-iw", 30, "-s", 3000, "--split_ratio", 0.5, 0.25, 0.25, gate=(gate := gate_at(1100)))
    gate.wait()
    process.send_signal(signal.SIGINT)
    gate.open()
    process.communicate(timeout=LIMIT)
    folder = tmp_path / "output" / "5"
    made = [len(records(folder / part)) if (folder / part).exists() else 0 for part in ("train", "val", "test")]
    assert states(folder) == {"5": (sum(made), 3000, "interrupted")}
    said = f"  train {made[0]:,} of 1,500, val {made[1]:,} of 750, test {made[2]:,} of 750"
    assert status_lines(run_status(folder)).endswith(said)


def test_parts_of_a_run_are_listed_with_those_that_have_not_begun(tmp_path, monkeypatch, capfd):
    for number in (2, 11):
        write(tmp_path, 100, shards=f"{number}/12")
    write(tmp_path, 5, name="whole")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["--status", "."]) == 1
    lines = [line.split("  seed")[0].split() for line in capfd.readouterr().out.splitlines()]
    assert [" ".join(line) for line in lines] == [
        "5/1-of-12 0 of 8 images 0 % not begun",
        "5/2-of-12 8 of 8 images 100 % finished",
        "5/3-of-12 to 10-of-12 0 of 67 images 0 % not begun",
        "5/11-of-12 8 of 8 images 100 % finished",
        "5/12-of-12 0 of 9 images 0 % not begun",
        "whole 5 of 5 images 100 % finished",
        "total 21 of 105 images 20 % 3 of 13 finished",
    ]
    assert len(run_status(tmp_path / "5" / "2-of-12")) == 1
    for number in range(1, 13):
        if number not in (2, 11):
            write(tmp_path, 100, shards=f"{number}/12")
    assert cli.main(["--status", "5"]) == 0
    assert capfd.readouterr().out.splitlines()[-1].split() == "total 100 of 100 images 100 % 12 of 12 finished".split()


def test_parts_without_images_are_not_missed(tmp_path):
    write(tmp_path, 25, format="webdataset", shard_size=10, shards="7/7", split_ratio=(0.8, 0.2, 0))
    assert states(tmp_path) == {
        "4-of-7": (0, 10, "not begun"), "7-of-7": (15, 15, "finished")
    }  # fmt: skip


@pytest.mark.parametrize("format_name", ["png", "npz"])
@pytest.mark.parametrize("ratio", [None, (0.5, 0.25, 0.25)])
def test_finished_parts_are_counted_from_the_journal(tmp_path, format_name, ratio):
    folder = write(tmp_path, 3000, format=format_name, split_ratio=ratio, card="off")
    record = json.loads((folder / "run.json").read_text())["runs"][0]
    edit(folder, status="running")
    journal = folder / ".digitseq" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert states(folder) == {"5": (3000, 3000, "interrupted")}
    found = [0]
    for count in range(2, len(lines), 2):
        journal.write_bytes(b"".join(lines[:count]) + lines[count][:9])
        found.append(run_status(folder)[0].images)
        journal.write_bytes(b"".join(lines[: count + 1]) + lines[count + 1][:-1])  # not a whole line yet
        assert run_status(folder)[0].images == found[-1]
    parts = [json.loads(line)["part"] for line in lines[::2]]
    assert [other - one for one, other in zip(found, [*found[1:], 3000])] == [stop - at for *_, at, stop in parts]
    assert len(record["sections"]) == (3 if ratio else 1)


def test_a_second_run_into_a_folder_is_counted_alone(tmp_path):
    write(tmp_path, 9)
    assert states(write(tmp_path, 4)) == {"5": (4, 4, "finished")}
    edit(tmp_path / "5", status="running")
    assert states(tmp_path) == {"5": (4, 4, "interrupted")}


def test_a_long_journal_takes_no_memory(tmp_path):
    folder, parts = write(tmp_path), 20_000
    edit(folder, status="running", sections=[
        {"folder": "", "first": 1, "last": 2 * parts, "images": 0, "part_size": 1, "details": {"begun": []}}
    ])  # fmt: skip
    with open(folder / ".digitseq" / "journal.jsonl", "w") as file:
        file.writelines(
            f'{{"part":[{k},0,{k},{k + 1}],"files":[],"additions":[]}}\n{{"done":{k}}}\n' for k in range(parts)
        )
    tracemalloc.start()
    try:
        assert states(folder) == {"5": (parts, 2 * parts, "interrupted")}
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_run_of_this_process_is_being_written(tmp_path):
    folder = write(tmp_path)
    edit(folder, status="running")
    with locked_folder(folder):
        assert states(folder) == {"5": (9, 9, "being written")}
    assert states(folder) == {"5": (9, 9, "interrupted")}


def test_asking_does_not_take_the_lock(start, run, tmp_path, gate_at, monkeypatch):
    process = start("-num", "5", "-s", 5000, gate=(gate := gate_at(0)))
    gate.wait()
    monkeypatch.setattr("digitseq.runs.local_folder.lock", None)
    assert is_being_written(tmp_path / "output" / "5")
    process.kill()
    process.communicate(timeout=LIMIT)
    assert not is_being_written(tmp_path / "output" / "5")


def test_a_run_that_ends_while_it_is_looked_at_is_finished(tmp_path, monkeypatch):
    folder = write(tmp_path)
    edit(folder, status="running")

    def ends(path):
        edit(folder, status="finished")
        return False

    monkeypatch.setattr("digitseq.runs.status.is_being_written", ends)
    assert states(folder) == {"5": (9, 9, "finished")}


def test_a_record_that_cannot_be_read_is_one_line_among_others(tmp_path):
    write(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.json").write_text("{}")
    assert states(tmp_path) == {"5": (9, 9, "finished"), "other": (0, 0, "unreadable record")}
    assert "other" in status_lines(run_status(tmp_path))
    with pytest.raises(OutputError, match="not a record that digitseq wrote"):
        run_status(tmp_path / "other")


@pytest.mark.parametrize("change", [{"shards": "4/3"}, {"shards": 3}, {"size": 0}, {"size": None}])
def test_a_part_whose_record_was_edited_is_no_record(tmp_path, change):
    folder = write(tmp_path, shards="2/3")
    edit(folder, **change)
    with pytest.raises(OutputError, match="not a record that digitseq wrote"):
        run_status(folder)


def test_where_no_run_is_that_is_said(refused, tmp_path):
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    assert "empty has no run, nor has a folder below it" in refused("--status", "empty")
    assert "absent does not exist" in refused("--status", "absent")
    assert "--status needs the path of a folder" in refused("--status", "")


def test_links_are_not_followed(tmp_path):
    write(tmp_path)
    (tmp_path / "latest").symlink_to("5")
    assert list(states(tmp_path)) == ["5"]
    assert list(states(tmp_path / "latest")) == ["latest"]


def test_folders_in_an_object_store_are_read_too(tmp_path):
    pytest.importorskip("upath")
    top = location(f"memory://{tmp_path.name}")
    for number in (1, 3):
        write(str(top), 90, shards=f"{number}/3", format="webdataset", shard_size=10)
    assert states(top) == {
        "1-of-3": (30, 30, "finished"), "2-of-3": (0, 30, "not begun"), "3-of-3": (30, 30, "finished")
    }  # fmt: skip
    record = top / "5" / "3-of-3" / "run.json"
    record.write_text(record.read_text().replace("finished", "running"))
    assert states(top / "5" / "3-of-3") == {"3-of-3": (30, 30, "interrupted")}
    assert 0 <= run_status(top)[0].age < LIMIT
    with locked_folder(top / "5" / "3-of-3"):
        assert states(top)["3-of-3"] == (30, 30, "being written")


@pytest.mark.slow
def test_parts_in_a_bucket_are_the_whole_run_and_are_followed(store, run, tmp_path):
    words, top = ("-num", "5", "-s", 90, "--seed", 7, "--format", "webdataset", "--shard_size", 10), store.new_url()
    for number in (1, 3):
        assert run(*words, "-o", top, "--shards", f"{number}/3", "--resume").returncode == 0
    assert states(location(top)) == {
        "1-of-3": (30, 30, "finished"), "2-of-3": (0, 30, "not begun"), "3-of-3": (30, 30, "finished")
    }  # fmt: skip
    done = run("--status", top)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 4)
    assert f"{top}/5/3-of-3  30 of 30 images  100 %  finished         seed 7  " in done.stdout
    assert run(*words, "-o", top, "--shards", "2/3", "--resume").returncode == 0
    assert run("--status", top).returncode == 0
    assert run(*words).returncode == 0
    shards = {path.name: path.read_bytes() for path in (tmp_path / "output" / "5").glob("*.tar")}
    assert {path.name: path.read_bytes() for path in location(top).rglob("*.tar")} == shards
