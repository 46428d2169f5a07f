"""What stands in a folder before a run: links, pipes and limits must cost nobody anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cases import product
from support.folders import assert_consistent
from support.paths import ROOT

from digitseq.runs.ownership import journal_of, locked_folder

LIMIT = 120  # seconds: only there for a test that would wait for ever


@pytest.fixture
def treasure(tmp_path):
    """A folder with a file that no run may touch."""
    folder = tmp_path / "treasure"
    folder.mkdir()
    (folder / "file").write_text("mine")
    return folder


def is_untouched(treasure: Path) -> bool:
    return {p.name: p.read_text() for p in treasure.iterdir()} == {"file": "mine"}


@pytest.mark.parametrize("name", [".digitseq", ".digitseq/lock", ".digitseq/journal.jsonl", ".digitseq/kept"])
@pytest.mark.parametrize("kind", ["link to a folder", "link to a file", "link to nothing", "pipe"])
def test_what_is_not_ours_is_refused_and_never_followed(run, tmp_path, treasure, name, kind):
    path = tmp_path / "output" / "12" / name
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link to a folder": treasure, "link to a file": treasure / "file"}.get(kind, treasure / "x"))
    done = run("-num", "12")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"output/12/{name} is not what digitseq made there" in done.stderr
    assert is_untouched(treasure)


@pytest.mark.parametrize("target", ["file", "x", "."])
def test_a_record_that_is_a_link_is_replaced_not_followed(run, tmp_path, treasure, target):
    path = tmp_path / "output" / "12" / "run.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(treasure / target)
    done = run("-num", "12")
    assert done.returncode in (0, 2)
    assert len(done.stderr.splitlines()) == (done.returncode == 2)
    assert is_untouched(treasure)


@pytest.mark.parametrize("name", ["stage-fedcba9876543210", "kept"])
def test_links_among_what_is_not_finished_are_not_followed(run, tmp_path, treasure, name):
    private = tmp_path / "output" / "12" / ".digitseq"
    (private / name).mkdir(parents=True)
    (private / name / "inside").symlink_to(treasure)
    (private / "stage-0123456789abcdef").symlink_to(treasure)
    for format_name in ("png", "npz"):
        assert run("-num", "12", "--format", format_name).returncode == 0
    assert is_untouched(treasure)
    assert not (private / name).exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_section_that_is_a_link_is_refused(run, tmp_path, treasure, resume):
    words = ("-num", "12", "-s", 40, "--split_ratio", 0.5, 0.25, 0.25, "--seed", 1)
    folder = tmp_path / "output" / "12"
    if resume:
        assert run(*words).returncode == 0
        record = (folder / "run.json").read_text().replace('"finished"', '"running"')
        (folder / "run.json").write_text(record)
        (folder / "val").rename(folder / "moved")
    else:
        folder.mkdir(parents=True)
    (folder / "val").symlink_to(treasure)
    done = run(*words, *["--resume"] * resume)
    assert done.returncode == 2
    assert "output/12/val is a link" in done.stderr and len(done.stderr.splitlines()) == 1
    assert is_untouched(treasure)


@pytest.mark.parametrize("cores", [0, 2])
@pytest.mark.parametrize("name", ["metadata.jsonl", "gt.txt"])
def test_label_files_that_are_links_are_not_followed(run, tmp_path, treasure, cores, name):
    path = tmp_path / "output" / "12" / name
    path.parent.mkdir(parents=True)
    path.symlink_to(treasure / "file")
    done = run("-num", "12", "-s", 700, "-m", cores, "--labels", "jsonl", "txt")
    assert done.returncode == 2
    assert f"output/12/{name} is not a regular file: move it away" in done.stderr and done.stderr.count("\n") == 1
    assert is_untouched(treasure)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("label", "name"), [("coco", "annotations.json"), ("yolo", "data.yaml"), ("txt", "gt.txt")])
def test_directories_in_the_place_of_label_files_are_refused_before_the_run(run, tmp_path, label, name):
    path = tmp_path / "output" / "12" / name
    path.mkdir(parents=True)
    done = run("-num", "12", "--labels", label)
    assert done.returncode == 2
    assert f"output/12/{name} is not a regular file: move it away" in done.stderr and done.stderr.count("\n") == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["link", "file"])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("--labels", "coco"), "annotations.json"),
        (("--labels", "yolo"), "data.yaml"),
        (("--labels", "yolo", "--split_ratio", 1, 0, 0), "data.yaml"),
        (("--format", "npz"), "12.npz"),
    ],
)
def test_files_at_the_names_of_results_are_not_replaced(tmp_path, refused, treasure, words, name, kind):
    path = tmp_path / "output" / "12" / name
    path.parent.mkdir(parents=True)
    if kind == "link":
        path.symlink_to(treasure / "file")
    elif kind == "file":
        path.write_text("mine")
    for more in ((), ("--overwrite",), ("--dry_run",)):
        said = refused("-num", "12", *words, *more)
        assert f"output/12/{name} is not a " in said and "move it away" in said
    assert is_untouched(treasure) and (kind == "link" or path.read_text() == "mine")


def limited(tmp_path: Path, limit: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", f'{limit}; exec "$@"', "sh", *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip


def test_too_few_open_files_for_so_many_processes(tmp_path):
    done = limited(tmp_path, "ulimit -n 40", "-num", "12", "-s", 50_000, "-m", 32)
    assert done.returncode == 1
    assert "processes cannot be started (Too many open files): give a smaller --multi_core" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_too_little_memory_ends_in_one_line(tmp_path, run):
    """From where the program cannot even start to where it has enough: never for ever, never a traceback."""
    run("-num", "1")  # the bank is in the cache
    codes = []
    for kilobytes in (150_000, 200_000, 250_000, 400_000, 4_000_000):
        done = limited(tmp_path, f"ulimit -v {kilobytes}", "-num", "12", "-s", 2000, "-m", 2, "-o", f"v{kilobytes}")
        codes.append(done.returncode)
        if (tmp_path / f"v{kilobytes}" / "12" / "metadata.jsonl").exists():
            assert_consistent(tmp_path / f"v{kilobytes}" / "12")
        assert len(done.stderr.splitlines()) == (done.returncode != 0), (kilobytes, done.stderr)
    assert codes[-1] == 0
    assert set(codes) <= {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("metadata.jsonl", ()),
        (".annotations.jsonl", ("--labels", "coco")),
        ("12.npz", ("--format", "npz")),
        ("data.mdb", ("--format", "lmdb")),
    ],
)
def test_pipes_at_the_names_of_results_are_refused_not_waited_for(run, tmp_path, name, words):
    if "lmdb" in words:
        pytest.importorskip("lmdb")
    path = tmp_path / "output" / "12" / name
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    done = run("-num", "12", "-s", 5, *words)
    assert done.returncode in (1, 2) and len(done.stderr.splitlines()) == 1, done
    assert name in done.stderr
    assert not list(path.parent.glob("*.png"))


def killed(folder: Path, journal: list[dict], **changed: object) -> None:
    """Make the finished run in `folder` one that was killed, with this journal."""
    record = json.loads((folder / "run.json").read_text())
    record["runs"][-1] |= {"status": "running", "journal": 0}
    record["runs"][-1]["sections"][0] |= changed
    (folder / "run.json").write_text(json.dumps(record))
    if journal:
        (folder / ".digitseq" / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in journal))


NOTHING = {"size": 1, "crc32": 0}


FOREIGN = [
    ([{"name": "../../treasure/file", **NOTHING}], []),
    ([{"name": "{treasure}/file", **NOTHING}], []),
    ([{"name": "..", **NOTHING}], []),
    ([{"name": "%d.png", "first": 1, "files": 10**12, **NOTHING}], []),
    ([{"name": "%999999999d", "first": 1, "files": 1, **NOTHING}], []),
    ([{"name": "1.png", "place": "elsewhere", **NOTHING}], []),
    ([], [{"name": "../../treasure/file", "size": 1, "before": 0}]),
    ([], [{"name": "metadata.jsonl", "size": 1, "before": -1}]),
]


@pytest.mark.parametrize(("foreign", "resume"), product(FOREIGN, [(), ("--resume",)]))
def test_a_journal_names_files_of_its_folder_only(run, tmp_path, treasure, foreign, resume):
    files, additions = foreign
    words = ("-num", "12", "-s", 10, "--seed", 1)
    run(*words)
    folder = tmp_path / "output" / "12"
    files = [group | {"name": group["name"].replace("{treasure}", str(treasure))} for group in files]
    killed(folder, [{"part": [0, 0, 0, 10], "files": files, "additions": additions}])
    done = run(*words, *resume)
    assert done.returncode == 2 and "is not a journal that digitseq wrote" in done.stderr
    assert is_untouched(treasure)


@pytest.mark.parametrize(
    ("changed", "resume"), product([{"part_size": 3}, {"first": 2}, {"last": 5}], [(), ("--resume",)])
)
def test_a_journal_of_another_run_is_refused(run, tmp_path, changed, resume):
    words = ("-num", "12", "-s", 10, "--seed", 1)
    run(*words)
    folder = tmp_path / "output" / "12"
    killed(folder, [], **changed)
    before = (folder / "metadata.jsonl").read_bytes()
    done = run(*words, *resume)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done
    assert (folder / "metadata.jsonl").read_bytes() == before


def test_mending_cuts_no_file_that_a_label_file_leads_to(run, tmp_path, treasure):
    run("-num", "12", "-s", 10, "--seed", 1)
    folder = tmp_path / "output" / "12"
    killed(folder, [])
    (treasure / "file").write_text("m" * 100_000)
    (folder / "metadata.jsonl").unlink()
    (folder / "metadata.jsonl").symlink_to(treasure / "file")
    run("-num", "12", "-s", 10, "--seed", 1)
    assert (treasure / "file").read_text() == "m" * 100_000


def test_the_owner_of_a_folder_does_not_take_a_journal_that_is_gone_for_an_empty_one(tmp_path):
    with locked_folder(tmp_path / "5") as folder:
        folder.journal.path.unlink()
        with pytest.raises(FileNotFoundError):
            folder.journal.read(0)
        assert journal_of(tmp_path / "5").read(0) == [] and journal_of(tmp_path / "5").changed() is None
