"""Settings: one default each, and none that would do nothing."""

from __future__ import annotations

from dataclasses import fields

import pytest
from support.paths import ROOT

from digitseq.errors import SettingsError
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings
from digitseq.shell.config_file import read_config
from digitseq.shell.parser import IN_CONFIG, parse
from digitseq.sources.choose import source_of


def test_config_py_gives_every_setting_the_default_that_it_has_elsewhere():
    given = {name: value for name, (value, _) in read_config(ROOT / "config.py", IN_CONFIG).items()}
    assert set(given) == set(IN_CONFIG)
    for cls, more in ((Settings, {"number": "1"}), (Output, {})):
        own = {name: value for name, value in given.items() if name in {f.name for f in fields(cls)}}
        assert cls(**(own | more)) == cls(**more)


ALONE = {
    "phone_type": ({"phone_type": "mobile"}, {"phone": "JP"}, "`phone` only: add `phone`, or leave out `phone_type`"),
    "phone_format": (
        {"phone_format": "e164"},
        {"phone": "JP"},
        "`phone` only: add `phone`, or leave out `phone_format`",
    ),
    "balanced": ({"balanced": True}, {"random_text": (1, 2)}, "`random_digits` and `random_text` only"),
    "random_all": (
        {"random_all": True},
        {"number": "1", "data_augmentation": True},
        "only: add `data_augmentation`, or leave out `random_all`",
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_setting_that_would_do_nothing_alone_is_refused(name, refused):
    values, partner, message = ALONE[name]
    Settings(**values, **partner)
    with pytest.raises(SettingsError, match=f"{name} works with .*{message}") as caught:
        Settings(**values, number="1")
    assert caught.value.setting == name
    flag = [str(value) for value in values.values() if value is not True]
    assert f"{name} works with " in refused("-num", "1", f"--{name}", *flag)


def test_what_goes_with_a_source_of_the_file_goes_with_that_source(tmp_path):
    config = tmp_path / "config.py"
    config.write_text("phone = 'JP'\nphone_type = 'mobile'\nunique = True\n")
    assert parse(["-r"], config).settings == Settings(phone="JP", phone_type="mobile", unique=True)
    assert parse(["-r", "-num", "12"], config).settings == Settings("12", unique=True)
    assert parse(["-r", "--phone", "US"], config).settings == Settings(phone="US", phone_type="mobile", unique=True)
    config.write_text("random_digits = (3, 4)\nbalanced = True\n")
    assert parse(["-r", "--random_text", "1", "2"], config).settings == Settings(random_text=(1, 2), balanced=True)
    assert parse(["-r", "-num", "12"], config).settings == Settings("12")
    with pytest.raises(SettingsError, match="phone_type works with `phone` only"):
        parse(["-r", "-num", "12", "--phone_type", "mobile"], config)


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (Settings, {"widht": 3}, "unknown setting widht; did you mean image_width?"),
        (Output, {"sise": 3}, "unknown setting sise; did you mean size?"),
        (Output, {"format": "parket"}, "got 'parket'; did you mean parquet?"),
        (Output, {"labels": ["jsonl", "yollo"]}, "did you mean yolo?"),
        (Settings, {"augment": "lihgt"}, "did you mean light?"),
        (Settings, {"pattern": "[[:digti:]]{3}"}, "write 0-9 for [:digit:]"),
    ],
)
def test_a_misspelt_name_suggests_the_right_one(cls, values, message):
    with pytest.raises(SettingsError) as caught:
        made = cls(**values) if cls is Output or "pattern" in values else cls(number="1", **values)
        source_of(made, "0123456789")
    assert message in str(caught.value)


def test_a_smallest_gap_alone_raises_the_largest(tmp_path):
    assert Settings("1").max_spacing == Settings("1", min_spacing=-3).max_spacing == 10
    assert Settings("1", min_spacing=20) == Settings("1", min_spacing=20, max_spacing=20)
    assert parse(["-num", "1", "-min", "20"], tmp_path).settings.max_spacing == 20
    (tmp_path / "config.py").write_text("min_spacing = 20\nmax_spacing = None\n")
    assert parse(["-num", "1", "-r"], tmp_path / "config.py").settings.max_spacing == 20
    with pytest.raises(SettingsError, match="min_spacing must not exceed `max_spacing`, got 20 and 15"):
        Settings("1", min_spacing=20, max_spacing=15)
