"""The folder of a run is named after what it writes, on every file system."""

from __future__ import annotations

import tempfile
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from digitseq.errors import SettingsError
from digitseq.runs.naming import MAX_STEM, file_stem, folder_name, safe_folder_name
from digitseq.settings import Settings


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"number": "007"}, "007"),
        ({"number": "1/2:3"}, "1_2_3"),
        ({"number": ".."}, "__"),
        ({"random_digits": (1, 2)}, "random"),
        ({"random_text": (1, 2)}, "random-text"),
        ({"amounts": (1, 2)}, "amounts"),
        ({"phone": "jp"}, "phone-JP"),
        ({"pattern": "[0-9]"}, "pattern"),
        ({"numbers_file": "a/b/.some.txt"}, "some"),
        ({"numbers_file": "-"}, "stdin"),
        ({"numbers": ["12", "3"]}, "numbers"),
        ({"number": "5."}, "5_"),
        ({"number": ".5"}, "_5"),
        ({"number": "Con"}, "Con_"),
        ({"number": "COM1.5"}, "COM1_.5"),
        ({"number": "CONE"}, "CONE"),
    ],
)
def test_each_source_has_a_name(values, name):
    assert folder_name(Settings(**values)) == name


@given(st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" ./\\:*"), min_size=1, max_size=255))
def test_any_text_is_one_name_below_the_folder(text):
    try:
        settings = Settings(text, signs="gap", gap_labels="keep")
    except SettingsError:  # too long for the name of a folder, in bytes
        reject()
    name = folder_name(settings)
    assert (
        safe_folder_name(name) == name
        and PureWindowsPath(name).name == name
        and not PureWindowsPath(name).is_reserved()
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).mkdir()
        assert [path.name for path in Path(folder).iterdir()] == [name]
    assert len(file_stem(settings).encode()) <= MAX_STEM
    assert name.startswith(file_stem(settings))
