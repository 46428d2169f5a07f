"""Telephone numbers against phonenumbers."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pytest
from support.sources import chi_square, texts

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.settings import Settings
from digitseq.sources.phone import Phone


@pytest.mark.parametrize("region", ["JP", "US", "GB", "DE", "FR", "BR", "IN", "CN", "AU", "NU", "IT", "VA", "AR"])
@pytest.mark.parametrize("kind", ["any", "mobile", "fixed_line"])
def test_phone_numbers_are_valid_in_every_format(region, kind):
    package = pytest.importorskip("phonenumbers")
    types = package.PhoneNumberType
    allowed = {
        "mobile": {types.MOBILE, types.FIXED_LINE_OR_MOBILE},
        "fixed_line": {types.FIXED_LINE, types.FIXED_LINE_OR_MOBILE},
        "any": {types.MOBILE, types.FIXED_LINE, types.FIXED_LINE_OR_MOBILE},
    }[kind]
    e164, national, digits = (texts(Phone(region, kind, f), 0, 300) for f in ("e164", "national", "digits"))
    for full, grouped, plain in zip(e164, national, digits):
        number = package.parse(full)
        assert package.is_valid_number(number)
        assert package.is_valid_number_for_region(number, region)
        assert package.number_type(number) in allowed
        assert package.format_number(number, package.PhoneNumberFormat.E164) == full
        assert package.format_number(number, package.PhoneNumberFormat.NATIONAL) == grouped
        assert plain == re.sub(r"\D", "", grouped)
        assert package.parse(plain, region) == number or region in ("AR", "VA", "NU")


def test_japanese_numbers_are_written_as_in_japan():
    pytest.importorskip("phonenumbers")
    assert all(re.fullmatch(r"0[6-9]0\d{8}", t) for t in texts(Phone("JP", "mobile"), 0, 500))
    assert all(re.fullmatch(r"0[6-9]0-\d{4}-\d{4}", t) for t in texts(Phone("JP", "mobile", "national"), 0, 500))
    assert all(re.fullmatch(r"\+81[6-9]0\d{8}", t) for t in texts(Phone("jp", "mobile", "e164"), 0, 500))


def test_phone_numbers_have_all_lengths_both_kinds_and_uniform_last_digits():
    pytest.importorskip("phonenumbers")
    found = texts(Phone("JP"), 0, 20_000)
    mobile = sum(len(text) == 11 for text in found)
    assert abs(mobile - 10_000) < 400
    last = Counter(text[-1] for text in found)
    assert abs(chi_square(list(last.values()), 2000)) < 6
    assert len(set(found)) > 19_990


def test_a_phone_source_knows_how_many_numbers_there_are():
    pytest.importorskip("phonenumbers")
    # 070, 080 and 090; later releases of the metadata know 060, too
    assert Phone("JP", "mobile").count in (3 * 9 * 10**7, 4 * 9 * 10**7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("XX",), "ISO 3166 code of a region, two letters"),
        (("GP1",), "perhaps "),
        (("Japan",), "(perhaps JP, PA), got 'Japan'"),
        (("uk",), "(perhaps GB), got 'uk'"),
        (("#",), "such as JP, US or DE), got '#'"),
        (("TA", "mobile"), "region TA has no mobile numbers"),
    ],
)
def test_phone_refuses_bad_values(arguments, message):
    pytest.importorskip("phonenumbers")
    with pytest.raises(SettingsError, match=re.escape(message)):
        Phone(*arguments)


def test_settings_refuse_bad_values_of_phone():
    for given, message in (
        ({"phone": 7}, "phone must be a text, got 7"),
        ({"phone_type": "cell"}, "phone_type must be one of mobile, fixed_line, any, got 'cell'"),
        ({"phone_format": "plain"}, "phone_format must be one of digits, national, e164, got 'plain'"),
    ):
        with pytest.raises(SettingsError, match=message):
            Settings(**{"phone": "JP"} | given)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(MissingPackageError, match="needs the package phonenumbers: pip install phonenumbers"):
        Phone("JP")
