"""Runs into a folder that has images: what they make, say and refuse."""

from __future__ import annotations

import pytest
from support.folders import records

from digitseq.errors import SettingsError
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
