"""Telephone numbers that are valid by the metadata of libphonenumber (the package `phonenumbers`)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from digitseq.errors import MissingPackageError, SettingsError
from digitseq.lazy_imports import import_package
from digitseq.random_streams import Rows
from digitseq.settings import Settings
from digitseq.sources.base import Codes, Source, decode, encode, text_rows
from digitseq.sources.number_plan import NumberPlan, plan_sampler
from digitseq.sources.random_digits import DIGITS

SETTING = "phone"
KINDS = {"any": ("mobile", "fixed_line"), "mobile": ("mobile",), "fixed_line": ("fixed_line",)}
MEANT = {"UK": ["GB"]}  # often given, although it is not a code


def from_settings(settings: Settings, characters: str) -> Phone:
    assert settings.phone is not None
    return Phone(settings.phone, settings.phone_type, settings.phone_format)


def folder_name(settings: Settings) -> str:
    return f"phone-{settings.phone}"


class Phone(Source):
    """Telephone numbers of a region: any length that the kind of number can have, then any number of it.

    region: ISO 3166 code of two letters, such as JP; kind: mobile, fixed_line, or any, which is half and half
    format: `digits` as dialled within the country, with its prefix where there is one (09012345678); `national`
    the same grouped as the country writes it (090-1234-5678); `e164` international (+819012345678)

    The numbers depend on the version of `phonenumbers` too, which follows the countries' plans.
    Raises `SettingsError` for an unknown region, or a kind that the region does not have;
    `MissingPackageError` without `phonenumbers`.
    """

    def __init__(self, region: str = "JP", kind: str = "any", format: str = "digits") -> None:
        self.region, self.kind, self.format = _known_region(region), kind, format
        self._package = _package()
        self._country_code = self._package.country_code_for_region(self.region)
        plans = [plan for each in KINDS[kind] if (plan := _plan(self.region, each)) and plan.count]
        if not plans:
            kind = "telephone" if kind == "any" else kind
            raise SettingsError(f"region {self.region} has no {kind} numbers: choose another", SETTING)
        self._sampler, added = plan_sampler(plans), self._additions()
        # with grouping there may be no text so long
        self.max_length = len(self._sampler.longest) + max(map(len, added))
        self.characters = frozenset(DIGITS).union(*added)
        if len(plans) == 1:  # a number can be of both kinds
            self.count = plans[0].count

    def __reduce__(self) -> tuple[type[Phone], tuple[str, str, str]]:
        return Phone, (self.region, self.kind, self.format)

    def provenance(self) -> dict[str, str]:
        return {"phonenumbers": self._package.__version__}

    def longest(self) -> str:
        """The longest of some hundred numbers."""
        return max(decode(self.codes(Rows.span(0, 0, 256))), key=len)

    def codes(self, rows: Rows) -> Codes:
        numbers = decode(self._sampler.codes(text_rows(rows)))
        return encode([self._format(number) for number in numbers], self.max_length)

    def _format(self, number: str) -> str:
        if self.format == "e164":
            return f"+{self._country_code}{number}"
        package = self._package
        zeros = len(number) - len(number.lstrip("0"))
        parsed = package.PhoneNumber(
            country_code=self._country_code,
            national_number=int(number),
            italian_leading_zero=zeros > 0,
            number_of_leading_zeros=zeros or None,
        )
        text: str = package.format_number(parsed, package.PhoneNumberFormat.NATIONAL)
        return text if self.format == "national" else "".join(c for c in text if c in DIGITS)

    def _additions(self) -> list[str]:
        """What the format can add to a number, all of it at once."""
        if self.format == "e164":
            return [f"+{self._country_code}"]
        main = self._package.region_code_for_country_code(self._country_code)
        formats = self._package.PhoneMetadata.metadata_for_region(main).number_format
        added = [re.sub(r"\\\d", "", (f.national_prefix_formatting_rule or "") + f.format) for f in formats]
        if self.format == "digits":
            added = ["".join(c for c in text if c in DIGITS) for text in added]
        return ["", *added]


@lru_cache(maxsize=16)
def _plan(region: str, kind: str) -> NumberPlan | None:
    metadata = _package().PhoneMetadata.metadata_for_region(region)
    described = getattr(metadata, kind)
    if described is None or not described.national_number_pattern:
        return None
    lengths = described.possible_length or metadata.general_desc.possible_length
    return NumberPlan(described.national_number_pattern, [n for n in lengths if n > 0])


def _package() -> Any:
    return import_package("phonenumbers", "`phone`")


def regions() -> list[str]:
    """The codes of all regions, in order; none where `phonenumbers` cannot be used."""
    try:
        return sorted(_package().SUPPORTED_REGIONS)
    except MissingPackageError:
        return []


def _known_region(region: str) -> str:
    import difflib

    known = _package().SUPPORTED_REGIONS
    code = region.upper()
    if code in known:
        return code
    near = MEANT.get(code) or sorted(difflib.get_close_matches(code, sorted(known), n=5, cutoff=0.5))
    hint = f"perhaps {', '.join(near)}" if near else "such as JP, US or DE"
    raise SettingsError(
        f"phone must be the ISO 3166 code of a region, two letters ({hint}), got {region!r:.60}", SETTING
    )
