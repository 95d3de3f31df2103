"""SnelStart's reference data as this software needs it, under SnelStart's own names. Read tolerantly, kept frozen."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from koppeling.shapes import (
    Amount,
    Day,
    Flag,
    MaybeDay,
    MaybeWhole,
    Shape,
    ShapeError,
    Text,
    Whole,
    many,
    mapping,
    text,
    word,
)

_NIL: Final = "00000000-0000-0000-0000-000000000000"
_LONG: Final = re.compile(r"-?[0-9]{1,19}")


def _words(value: object) -> tuple[str, ...]:
    return tuple(text(item) for item in many(value))


def _long(value: object) -> int | None:
    """A whole number of 64 bits: .NET ticks are larger than any amount of money may be. None for nothing."""
    written = text(value)
    if written and _LONG.fullmatch(written) is None:
        raise ValueError("not a whole number")
    return int(written) if written else None


class _Record(Shape):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Grootboek(_Record):
    """A ledger account. `btw_soort`: the kinds of VAT a line on it may have."""

    id: Text = Field(min_length=1)
    nummer: Whole
    omschrijving: Text = ""
    grootboekfunctie: Text = ""
    rekening_code: Text = ""
    btw_soort: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    kostenplaats_verplicht: Flag = False
    nonactief: Flag = False
    vat_rate_code: Text = ""


class Dagboek(_Record):
    """A journal; `soort` is Kas, Bank, Verkoop, Inkoop, Memoriaal or Balans."""

    id: Text = Field(min_length=1)
    nummer: Whole
    omschrijving: Text = ""
    soort: Text = ""
    nonactief: Flag = False


class BtwTarief(_Record):
    """What percentage a kind of VAT was, from a day up to and including another."""

    btw_soort: Text
    btw_percentage: Amount
    datum_vanaf: Day = date.min
    datum_tot_en_met: MaybeDay = None

    def holds(self, on: date) -> bool:
        """Whether this rate is in force on the day."""
        return self.datum_vanaf <= on and (self.datum_tot_en_met is None or on <= self.datum_tot_en_met)


class Kostenplaats(_Record):
    """A cost centre."""

    id: Text = Field(min_length=1)
    nummer: Whole
    omschrijving: Text = ""
    nonactief: Flag = False


class Land(_Record):
    """A country: `landcode` has two letters, `landcode_iso` three."""

    id: Text = Field(min_length=1)
    naam: Text = ""
    landcode: Text = ""
    landcode_iso: Text = Field(default="", validation_alias=AliasChoices("landcodeISO", "landcodeIso"))


class VatRate(_Record):
    """A VAT percentage of an EU country (three letters) under a rate code, until a later one of that code begins."""

    country_code: Text
    rate_code: Text
    rate: Amount
    valid_from: Day = date.min

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> tuple[Self, ...]:
        """From one country of ``GET /vatrates``. Raises `ShapeError`."""
        country = word(payload, "countryCode").upper()
        return tuple(cls.read({**mapping(rate), "countryCode": country}) for rate in many(payload.get("vatRates")))


Bound = Annotated[int | None, BeforeValidator(_long)]


class CompanyInfo(_Record):
    """The administration itself; whoever runs it is left out on purpose.

    `buitenlandse_ranges`: the dates of foreign VAT as SnelStart states them; their unit is not documented.
    """

    administratie_identifier: Text = ""
    administratie_naam: Text = ""
    huidig_boekjaar: MaybeWhole = None
    factureer_buitenlands_btw: Flag = False
    buitenlandse_ranges: tuple[tuple[Bound, Bound], ...] = ()
    buitenlandse_btw_grootboek_id: Text = ""
    kor_actief: Flag = False

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> Self:
        """From ``GET /companyInfo``. Raises `ShapeError`."""
        account = word(mapping(payload.get("buitenlandseBtwGrootboek")), "id")
        ranges = map(mapping, many(payload.get("factureerBuitenlandsBtwRanges")))
        small = mapping(payload.get("kleineOndernemersregeling"))
        return cls.read(
            {
                **payload,
                "buitenlandse_btw_grootboek_id": "" if account == _NIL else account,
                "buitenlandse_ranges": tuple((item.get("from"), item.get("to")) for item in ranges),
                "kor_actief": small.get("isKleineOndernemersRegelingActief"),
            }
        )


class Chart(Shape):
    """One administration's reference data at one moment."""

    accounts: Mapping[int, Grootboek]
    journals: Mapping[int, Dagboek]
    rates: tuple[BtwTarief, ...]
    cost_centres: Mapping[int, Kostenplaats]
    countries: Mapping[str, Land]
    company: CompanyInfo
    vatrates: tuple[VatRate, ...] = ()

    @classmethod
    def build(
        cls,
        *,
        grootboeken: Iterable[object],
        dagboeken: Iterable[object],
        btwtarieven: Iterable[object],
        kostenplaatsen: Iterable[object],
        landen: Iterable[object],
        company_info: Mapping[str, Any],
        vatrates: Iterable[object] = (),
    ) -> "Chart":
        """From the answers of the calls of that name; `vatrates` only for one that invoices foreign VAT.

        Raises `ShapeError`. Where a number occurs twice the active one counts.
        """
        return cls(
            accounts={account.nummer: account for account in _active_last(Grootboek, grootboeken)},
            journals={journal.nummer: journal for journal in _active_last(Dagboek, dagboeken)},
            rates=tuple(BtwTarief.read(mapping(item)) for item in btwtarieven),
            cost_centres={centre.nummer: centre for centre in _active_last(Kostenplaats, kostenplaatsen)},
            countries={land.landcode.upper(): land for land in (Land.read(mapping(item)) for item in landen)},
            company=CompanyInfo.parse(company_info),
            vatrates=tuple(rate for country in vatrates for rate in VatRate.parse(mapping(country))),
        )

    def to_json(self) -> str:
        """Text for the cache; `from_json` reads it back."""
        return self.model_dump_json(exclude_defaults=True, by_alias=False)

    @classmethod
    def from_json(cls, stored: str) -> "Chart":
        """The reverse of `to_json`. Raises `ShapeError` when the text is of another version of this software."""
        try:
            return cls.model_validate_json(stored)
        except ValidationError:
            pass
        raise ShapeError("chart")


def _active_last[T: (Grootboek, Dagboek, Kostenplaats)](model: type[T], rows: Iterable[object]) -> list[T]:
    return sorted((model.read(mapping(row)) for row in rows), key=lambda record: not record.nonactief)
