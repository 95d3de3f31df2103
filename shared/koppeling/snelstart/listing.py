"""The books in pages: invoices and ledger mutations of a period, 500 a call; one whole booking where that is needed.

`verkoopboekingen` cannot be listed. Its invoices can, with amount, open balance and date but without VAT, and so can
the ledger's mutations, in which the VAT, the accounts and the journals stand. Which rows of a booking carry its invoice
number is not documented: what is not whole is not used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import batched
from typing import Any, Final

from koppeling import catalogue
from koppeling.failures import Unavailable
from koppeling.shapes import day, decimal, many, mapping, moment, text
from koppeling.snelstart.client import PAGE, SnelStart, literal, rows
from koppeling.snelstart.errors import UnknownId

FOREIGN: Final = "buitenland"
"""The kind under which the VAT of other countries is counted: SnelStart has it as a line, not as VAT."""

_NUMBERS: Final = 40
"""Invoice numbers asked for in one call: what a URL holds."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An invoice as the list has it; amounts in euro."""

    factuurnummer: str
    verkoopboeking_id: str
    relatie_id: str
    on: date
    bedrag: Decimal
    openstaand: Decimal
    modified_on: datetime | None


@dataclass(frozen=True, slots=True)
class Mutation:
    """One row of the ledger; `saldo` is debet minus credit."""

    grootboek_id: str
    dagboek_id: str
    saldo: Decimal
    factuurnummer: str
    boekstuk: str
    omschrijving: str
    modified_on: datetime | None


@dataclass(frozen=True, slots=True)
class Detail:
    """A whole booking: what its lines come to per ledger account and its VAT per kind, that of other countries too."""

    factuurnummer: str
    omschrijving: str
    boekstuk: str
    modified_on: datetime | None
    accounts: Mapping[str, Decimal]
    vat: Mapping[str, Decimal]


def invoices_between(snelstart: SnelStart, first: date, last: date) -> Iterator[Listed]:
    """The invoices dated from `first` up to and including `last`. Failures as `SnelStart.get`."""
    return map(_listed, snelstart.pages("verkoopfacturen", _between("FactuurDatum", first, last)))


def invoices_numbered(snelstart: SnelStart, numbers: Iterable[str]) -> Iterator[Listed]:
    """The invoices with these numbers, one call for every forty. Failures as `SnelStart.get`."""
    for some in batched(numbers, _NUMBERS, strict=False):
        clauses = " or ".join(f"Factuurnummer eq {literal(number)}" for number in some)
        yield from map(_listed, rows(snelstart.get("verkoopfacturen", {"$filter": clauses})))


def mutations_between(snelstart: SnelStart, first: date, last: date, may_ask: Callable[[], bool]) -> Iterator[Mutation]:
    """The ledger's mutations dated from `first` up to and including `last`, for as long as another page may be asked.

    Failures as `SnelStart.get`.
    """
    filter_, skip = _between("Datum", first, last), 0
    before: list[dict[str, Any]] = []
    while may_ask():
        page = rows(snelstart.get("grootboekmutaties", {"$top": PAGE, "$skip": skip, "$filter": filter_}))
        if page == before:
            # The document speaks of the first 500: where `$skip` does nothing, the rest stays unseen.
            return
        before = page
        yield from map(_mutation, page)
        if len(page) < PAGE:
            return
        skip += PAGE


def detail(snelstart: SnelStart, verkoopboeking_id: str, foreign_vat_account: str) -> Detail | None:
    """One booking, or None when it is there no longer. Failures as `SnelStart.get`.

    What stands on `foreign_vat_account` (a ledger account id, "" for none) is VAT, as it is in a plan.
    """
    try:
        row = mapping(snelstart.get(f"verkoopboekingen/{verkoopboeking_id}"))
    except UnknownId:
        return None
    return _read(partial(_detail, foreign=foreign_vat_account.casefold()), row, "verkoopboeking")


def _between(name: str, first: date, last: date) -> str:
    after = last + timedelta(days=1)
    return f"{name} ge datetime'{first}T00:00:00' and {name} lt datetime'{after}T00:00:00'"


def _read[T](read: Callable[[Mapping[str, Any]], T], row: Mapping[str, Any], field: str) -> T:
    try:
        return read(row)
    except ValueError:
        raise Unavailable(catalogue.reason("snelstart-unreadable", field=field)) from None


def _listed(row: Mapping[str, Any]) -> Listed:
    def read(row: Mapping[str, Any]) -> Listed:
        return Listed(
            factuurnummer=text(row.get("factuurnummer")),
            verkoopboeking_id=_id(row, "verkoopBoeking"),
            relatie_id=_id(row, "relatie"),
            on=day(row.get("factuurDatum")),
            bedrag=decimal(row.get("factuurBedrag")),
            openstaand=decimal(row.get("openstaandSaldo")),
            modified_on=_moment(row),
        )

    return _read(read, row, "verkoopfactuur")


def _mutation(row: Mapping[str, Any]) -> Mutation:
    def read(row: Mapping[str, Any]) -> Mutation:
        return Mutation(
            grootboek_id=_id(row, "grootboek"),
            dagboek_id=_id(row, "dagboek"),
            saldo=_amount(row, "debet") - _amount(row, "credit"),
            factuurnummer=text(row.get("factuurNummer")),
            boekstuk=text(row.get("boekstuk")),
            omschrijving=text(row.get("omschrijving")),
            modified_on=_moment(row),
        )

    return _read(read, row, "grootboekmutatie")


def _detail(row: Mapping[str, Any], foreign: str) -> Detail:
    accounts: dict[str, Decimal] = {}
    vat: dict[str, Decimal] = {}
    for regel in map(mapping, many(row.get("boekingsregels"))):
        account = _id(regel, "grootboek")
        of, name = (vat, FOREIGN) if foreign and account == foreign else (accounts, account)
        of[name] = of.get(name, Decimal(0)) + _amount(regel, "bedrag")
    for regel in map(mapping, many(row.get("btw"))):
        kind = text(regel.get("btwSoort"))
        vat[kind] = vat.get(kind, Decimal(0)) + _amount(regel, "btwBedrag")
    number, said, boekstuk = (text(row.get(name)) for name in ("factuurnummer", "omschrijving", "boekstuk"))
    return Detail(number, said, boekstuk, _moment(row), accounts, vat)


def _id(row: Mapping[str, Any], name: str) -> str:
    return text(mapping(row.get(name)).get("id")).casefold()


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    value = row.get(name)
    return Decimal(0) if value is None else decimal(value)


def _moment(row: Mapping[str, Any]) -> datetime | None:
    value = row.get("modifiedOn")
    return None if value is None else moment(value)
