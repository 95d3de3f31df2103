"""Bookings as they stand, and taking them out of the books again: the payment first, then the invoice.

SnelStart removes by id, so a removal that is sent twice removes nothing else. What it settled is open again. Of a
payment of several invoices one is taken out by replacing the payment: the others stay paid all the while.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, Literal

from koppeling import catalogue
from koppeling.booking.content import content
from koppeling.failures import Unavailable
from koppeling.shapes import day, decimal, flag, many, mapping, moment, text
from koppeling.snelstart.client import SnelStart, literal, rows
from koppeling.snelstart.errors import SnelStartRefused, UnknownId

Journal = Literal["bankboekingen", "kasboekingen"]
JOURNALS: Final[tuple[Journal, Journal]] = ("bankboekingen", "kasboekingen")

_HAS_PAYMENTS: Final = "BOE-0083"
_OTHER_LINES: Final = ("grootboekBoekingsRegels", "inkoopboekingBoekingsRegels", "btwBoekingsregels")
_ZERO: Final = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Standing:
    """A sales booking as it is in SnelStart now; `content` as `booking.content` makes it."""

    factuurnummer: str
    omschrijving: str
    relatie_id: str
    on: date
    bedrag: Decimal
    by_accountant: bool
    modified_on: datetime | None
    content: str


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """What of a payment settles one sale; `amount` positive for money that came in."""

    verkoopboeking_id: str
    omschrijving: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a bank or cash booking, as it is sent back when a line is taken out."""

    datum: str
    dagboek_id: str
    markering: bool


@dataclass(frozen=True, slots=True)
class Paid:
    """A bank or cash booking as it is in SnelStart now. `plain`: it settles sales and does nothing else."""

    journal: Journal
    id: str
    boekstuk: str
    omschrijving: str
    received: Decimal
    by_accountant: bool
    modified_on: datetime | None
    plain: bool
    lines: tuple[PaymentLine, ...]
    head: Head

    def of(self, verkoopboeking_id: str) -> Decimal:
        """What it settles of a sale."""
        key = verkoopboeking_id.casefold()
        return sum((line.amount for line in self.lines if line.verkoopboeking_id == key), _ZERO)


def sale(snelstart: SnelStart, verkoopboeking_id: str) -> Standing | None:
    """One sales booking, or None when it is there no longer. Failures as `SnelStart.get`."""
    return _one(snelstart, f"verkoopboekingen/{verkoopboeking_id}", _standing)


def payment(snelstart: SnelStart, payment_id: str, journals: Collection[Journal] = JOURNALS) -> Paid | None:
    """The payment with this id, bank or cash, or None. Failures as `SnelStart.get`."""
    for journal in journals:
        found = _one(snelstart, f"{journal}/{payment_id}", partial(_paid, journal=journal))
        if found:
            return found
    return None


def payments_named(snelstart: SnelStart, boekstuk: str) -> Iterator[Paid]:
    """All payments under this name, bank and cash. Failures as `SnelStart.get`."""
    for journal in JOURNALS:
        for row in rows(snelstart.get(journal, {"$filter": f"Boekstuk eq {literal(boekstuk)}"})):
            yield _read(row, partial(_paid, journal=journal))


def remove_sale(snelstart: SnelStart, verkoopboeking_id: str) -> bool:
    """Take a sales booking out of the books, gone already is fine; False when it still has a payment.

    Other failures as `SnelStart.delete`: nothing is changed when its period is closed.
    """
    try:
        snelstart.delete(f"verkoopboekingen/{verkoopboeking_id}")
    except UnknownId:
        return True
    except SnelStartRefused as refused:
        if _HAS_PAYMENTS not in refused.codes:
            raise
        return False
    return True


def take_out(snelstart: SnelStart, paid: Paid, sales: Collection[str]) -> None:
    """Open these sales again; a payment that settles no others goes as a whole. Failures as `SnelStart.put`."""
    gone = {one.casefold() for one in sales}
    left = [line for line in paid.lines if line.verkoopboeking_id not in gone]
    path = f"{paid.journal}/{paid.id}"
    try:
        if left:
            snelstart.put(path, _body(paid, left))
        else:
            snelstart.delete(path)
    except UnknownId:
        # Gone already.
        return


def _body(paid: Paid, left: list[PaymentLine]) -> dict[str, object]:
    total = sum((line.amount for line in left), _ZERO)
    return {
        "id": paid.id,
        "datum": paid.head.datum,
        "dagboek": {"id": paid.head.dagboek_id},
        "markering": paid.head.markering,
        "omschrijving": f"Betaling van {len(left)} facturen ({paid.boekstuk})",
        "boekstuk": paid.boekstuk,
        "bedragOntvangen": max(total, _ZERO),
        "bedragUitgegeven": max(-total, _ZERO),
        "verkoopboekingBoekingsRegels": [
            {
                "boekingId": {"id": line.verkoopboeking_id},
                "omschrijving": line.omschrijving,
                "debet": max(-line.amount, _ZERO),
                "credit": max(line.amount, _ZERO),
            }
            for line in left
        ],
    }


def _one[T](snelstart: SnelStart, path: str, read: Callable[[Mapping[str, Any]], T]) -> T | None:
    try:
        row = snelstart.get(path)
    except UnknownId:
        return None
    return _read(mapping(row), read)


def _read[T](row: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return read(row)
    except ValueError:
        raise Unavailable(catalogue.reason("snelstart-unreadable", field="boeking")) from None


def _standing(row: Mapping[str, Any]) -> Standing:
    regels = [mapping(one) for one in many(row.get("boekingsregels"))]
    btw = [mapping(one) for one in many(row.get("btw"))]
    return Standing(
        factuurnummer=text(row.get("factuurnummer")),
        omschrijving=text(row.get("omschrijving")),
        relatie_id=_id(row, "klant"),
        on=day(row.get("factuurdatum")),
        bedrag=decimal(row.get("factuurbedrag")),
        by_accountant=flag(row.get("gewijzigdDoorAccountant")),
        modified_on=_moment(row),
        content=content(
            (
                (_id(one, "grootboek"), text(one.get("btwSoort")), _id(one, "kostenplaats"), _amount(one, "bedrag"))
                for one in regels
            ),
            ((text(one.get("btwSoort")), _amount(one, "btwBedrag")) for one in btw),
        ),
    )


def _paid(row: Mapping[str, Any], journal: Journal) -> Paid:
    lines = tuple(
        PaymentLine(
            _id(one, "boekingId"), text(one.get("omschrijving")), _amount(one, "credit") - _amount(one, "debet")
        )
        for one in map(mapping, many(row.get("verkoopboekingBoekingsRegels")))
    )
    received = _amount(row, "bedragOntvangen") - _amount(row, "bedragUitgegeven")
    return Paid(
        journal=journal,
        id=text(row.get("id")),
        boekstuk=text(row.get("boekstuk")),
        omschrijving=text(row.get("omschrijving")),
        received=received,
        by_accountant=flag(row.get("gewijzigdDoorAccountant")),
        modified_on=_moment(row),
        plain=not any(many(row.get(name)) for name in _OTHER_LINES)
        and sum((line.amount for line in lines), _ZERO) == received,
        lines=lines,
        head=Head(text(row.get("datum")), _id(row, "dagboek"), flag(row.get("markering"))),
    )


def _id(row: Mapping[str, Any], name: str) -> str:
    return text(mapping(row.get(name)).get("id")).casefold()


def _amount(row: Mapping[str, Any], name: str) -> Decimal:
    value = row.get(name)
    return _ZERO if value is None else decimal(value)


def _moment(row: Mapping[str, Any]) -> datetime | None:
    value = row.get("modifiedOn")
    return None if value is None else moment(value)
