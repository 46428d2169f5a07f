"""Messages name settings as their reader knows them: by name in Python and REST, as flags on the command line."""

from __future__ import annotations

import ast
import asyncio
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import ROOT

from digitseq.errors import DataError, DigitseqError, OutputError, SettingsError
from digitseq.generator import SequenceGenerator
from digitseq.glyphs.loader import load_bank
from digitseq.options import flag_words
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.shell.parser import FLAGS, OPTIONS
from digitseq.shell.setting_names import with_flags

FLAG = re.compile(r"(?<![\w-])--?[a-z]\w*")
ABOUT_COMMANDS = ("server.py", "recipes.py", "command_line.py")
NUMBER = {"number": "12"}
REFUSED = [
    {"size": 3},
    {"number": "1", "phone": "JP"},
    NUMBER | {"image_width": -1},
    NUMBER | {"image_width": 20, "min_spacing": 9},
    NUMBER | {"min_spacing": 5, "max_spacing": 3},
    NUMBER | {"balanced": True},
    NUMBER | {"random_all": True},
    NUMBER | {"phone_type": "mobile"},
    NUMBER | {"gap_labels": "keep"},
    NUMBER | {"unique": True, "label_case": "upper"},
    NUMBER | {"unique": True, "signs": "gap"},
    NUMBER | {"split_ratio": (0.5, 0.25, 0.25), "split": "test"},
    NUMBER | {"split_ratio": (0.5, 0.25, 0.25), "start": 3},
    NUMBER | {"format": "npz", "labels": ("coco",)},
    NUMBER | {"overwrite": True, "resume": True},
    NUMBER | {"dry_run": True, "overwrite": True},
    NUMBER | {"dry_run": True, "preview": "a.png"},
    NUMBER | {"augment": ("elastik",)},
    NUMBER | {"dataset": "minst"},
    NUMBER | {"transpose": True},
    {"random_digits": (1, 1), "unique": True, "size": 11},
    {"number": "1@2"},
    {"number": "1a2"},
    {"numbers": ["12", "1a2"]},
    {"numbers": ["12", ""]},
    {"number": "1-2", "signs": "refuse"},
]  # fmt: skip


def words_of(given: dict) -> list[str]:
    return [word for name, value in given.items() for word in flag_words(name, OPTIONS[name], value)]


def refusal(given: dict, folder: Path) -> str:
    """What Python says of these settings."""
    look, run = (
        {k: v for k, v in given.items() if (k in Settings.__dataclass_fields__) == own} for own in (True, False)
    )
    with pytest.raises(SettingsError) as caught:
        Output(**run)
        generator = SequenceGenerator(Settings(**look), 1, size=run.get("size"))
        generator.write(folder, **run)
    return str(caught.value)


@pytest.mark.parametrize("given", REFUSED, ids=lambda given: "-".join(given) or "nothing")
def test_python_says_names_and_the_command_line_flags(given, refused, tmp_path):
    said = refusal(given, tmp_path / "python")
    assert not FLAG.search(said)
    line = refused(*words_of(given))
    begins = next((name for name in FLAGS if re.match(rf"{name}\b", said)), None)
    for name in {*re.findall(r"`(\w+)`", said), *([begins] if begins else [])}:
        assert re.search(rf"(?<![\w-])--{name}\b", line), (said, line)
    assert not {f"`{name}`" for name in FLAGS if f"`{name}`" in line}


@pytest.mark.skipif(not find_spec("fastapi"), reason="fastapi is missing")
def test_rest_says_names(cache):
    import httpx

    from digitseq.service import create_app

    async def answers() -> list[httpx.Response]:
        app = create_app()
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client,
        ):
            return [
                await client.get("/v1/sequences.json", params={name: _query(value) for name, value in given.items()})
                for given in REFUSED
            ]

    for given, answer in zip(REFUSED, asyncio.run(answers())):
        assert answer.is_client_error and not FLAG.search(answer.json()["detail"]), (given, answer.text)


def _query(value) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_what_is_found_out_later_is_named_as_well(tmp_path, run):
    generator = SequenceGenerator(Settings("12"), 1)
    generator.write(tmp_path / "output", 2)
    calls = {
        OutputError: lambda: generator.write(tmp_path / "output", 2, start=1),
        DataError: lambda: load_bank("test", str(tmp_path / "cache"), "kmnist"),
    }
    said = {}
    for kind, call in calls.items():
        with pytest.raises(kind) as caught:
            call()
        said[kind] = str(caught.value)
    assert "another folder with `name` or `output_path`" in said[OutputError] and not FLAG.search(said[OutputError])
    assert "another folder with --name or --output_path" in run("-num", "12", "--start", 1).stderr
    assert "python -m digitseq --download kmnist, " in said[DataError]
    told = run("-num", "12", "--dataset", "kmnist", "-c", tmp_path / "cache").stderr
    assert "kmnist is not installed: python3 run.py --download kmnist, " in told


def test_a_setting_of_the_file_keeps_its_name(refused, tmp_path):
    (tmp_path / "config.py").write_text("number = '1'\nbalanced = True\n")
    assert refused("-r").endswith(
        "config.py line 2: balanced works with random_digits and random_text only: add random_digits, or leave out balanced"
    )
    assert "--balanced works with --random_digits" in refused("-num", "1", "--balanced", "-r")


def test_only_names_of_settings_become_flags():
    error = SettingsError("size `size` size_x `other` 'size'", "size")
    assert with_flags(error, {"size": "-s"}) == "-s -s size_x other 'size'"
    assert with_flags("`resume` it", {"size": "-s"}) == "resume it"
    assert with_flags(DigitseqError("size"), {"size": "-s"}) == "size"


def test_no_message_of_the_library_has_a_flag():
    """Of those, too, that take a full disk or a killed process to be seen."""
    found = []
    for path in sorted((ROOT / "digitseq").rglob("*.py")):
        if "shell" not in path.parts and path.name not in ABOUT_COMMANDS:
            found += [
                (path.name, text)
                for text in texts_in(path)
                if re.search(r"--[a-z]\w+|(with|or|smaller) -[a-z]\b", text)
            ]
    assert found == []


def texts_in(path: Path) -> set[str]:
    """The texts in a module but for docstrings, the help of settings, and arguments of other programs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setting":
            passed |= set(ast.walk(node))
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in passed
    }
    return {re.sub(r" --(download|force-reinstall) ", " ", text) for text in texts}
