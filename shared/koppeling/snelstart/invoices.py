"""Sales bookings: sending one, and finding one again by its number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from typing import Any

from koppeling import catalogue
from koppeling.booking.plan import Plan
from koppeling.failures import Unavailable
from koppeling.shapes import decimal
from koppeling.snelstart.client import SnelStart, is_id, literal, rows

_NUMBERS = 40
"""Invoice numbers asked for in one call: what a URL holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """An invoice as SnelStart has it; `omschrijving` tells whose it is."""

    verkoopboeking_id: str
    bedrag: Decimal
    openstaand: Decimal
    relatie_id: str
    omschrijving: str

    def is_of(self, order_uuid: str) -> bool:
        """Whether this invoice is provably our booking of that order: its uuid stands in it."""
        return bool(order_uuid) and order_uuid.casefold() in self.omschrijving.casefold()


def send(snelstart: SnelStart, plan: Plan, relatie_id: str) -> str:
    """Send the invoice; the id of the verkoopboeking. Failures as `SnelStart.post`."""
    body: dict[str, object] = {
        "factuurnummer": plan.factuurnummer,
        "klant": {"id": relatie_id},
        "factuurdatum": f"{plan.factuurdatum:%Y-%m-%d}T00:00:00",
        "omschrijving": plan.omschrijving,
        "betalingstermijn": plan.betalingstermijn,
        "factuurbedrag": plan.total,
        "boekingsregels": [
            {
                "omschrijving": regel.omschrijving,
                "grootboek": {"id": regel.grootboek_id},
                "bedrag": regel.bedrag,
                "btwSoort": regel.btw_soort,
            }
            | ({"kostenplaats": {"id": regel.kostenplaats_id}} if regel.kostenplaats_id else {})
            for regel in plan.regels
        ],
        "btw": [{"btwSoort": regel.btw_soort, "btwBedrag": regel.bedrag} for regel in plan.btw],
    }
    if plan.markering:
        body["markering"] = True
    return str(snelstart.post("verkoopboekingen", body)["id"])


def find(snelstart: SnelStart, factuurnummer: str) -> Found | None:
    """The invoice with this number, or None. Two calls: the list has no description, the booking has."""
    listed = rows(
        snelstart.get("verkoopfacturen", {"$filter": f"Factuurnummer eq {literal(factuurnummer)}", "$top": 2})
    )
    match = [row for row in listed if str(row.get("factuurnummer", "")).casefold() == factuurnummer.casefold()]
    if not match:
        return None
    row = match[0]
    verkoopboeking_id = _text(row, "verkoopBoeking", "id")
    booking = snelstart.get(f"verkoopboekingen/{verkoopboeking_id}")
    if not isinstance(booking, dict):
        raise Unavailable(catalogue.reason("snelstart-unavailable"))
    return Found(
        verkoopboeking_id=verkoopboeking_id,
        bedrag=_money(row, "factuurBedrag"),
        openstaand=_money(row, "openstaandSaldo"),
        relatie_id=_text(row, "relatie", "id"),
        omschrijving=str(booking.get("omschrijving") or ""),
    )


def taken(snelstart: SnelStart, numbers: Iterable[str]) -> frozenset[str]:
    """Which of these invoice numbers, some dozens at most, SnelStart has already: one call for all of them."""
    wanted = {number.casefold(): number for number in numbers}
    if not wanted:
        return frozenset()
    clauses = " or ".join(f"Factuurnummer eq {literal(number)}" for number in wanted.values())
    listed = rows(snelstart.get("verkoopfacturen", {"$filter": clauses}))
    found = {str(row.get("factuurnummer", "")).casefold() for row in listed}
    return frozenset(number for folded, number in wanted.items() if folded in found)


def open_balances(snelstart: SnelStart, numbers: Mapping[str, str]) -> dict[str, Decimal]:
    """What is still open of our invoices (number → verkoopboeking id), by id, as far as they are there.

    One call for every forty of them.
    """
    wanted = {number.casefold(): booking_id for number, booking_id in numbers.items()}
    found = {}
    for some in batched(numbers, _NUMBERS, strict=False):
        clauses = " or ".join(f"Factuurnummer eq {literal(number)}" for number in some)
        for row in rows(snelstart.get("verkoopfacturen", {"$filter": clauses})):
            ours = wanted.get(str(row.get("factuurnummer", "")).casefold())
            if ours and ours.casefold() == _text(row, "verkoopBoeking", "id").casefold():
                found[ours] = _money(row, "openstaandSaldo")
    return found


def open_balance(snelstart: SnelStart, factuurnummer: str, verkoopboeking_id: str) -> Decimal | None:
    """What is still open of our invoice, or None when it is no longer there under its number."""
    listed = rows(
        snelstart.get("verkoopfacturen", {"$filter": f"Factuurnummer eq {literal(factuurnummer)}", "$top": 2})
    )
    for row in listed:
        if _text(row, "verkoopBoeking", "id").casefold() == verkoopboeking_id.casefold():
            return _money(row, "openstaandSaldo")
    return None


def _text(row: dict[str, Any], outer: str, inner: str) -> str:
    holder = row.get(outer)
    value = holder.get(inner) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not is_id(value):
        raise Unavailable(catalogue.reason("snelstart-unavailable"))
    return value


def _money(row: dict[str, Any], name: str) -> Decimal:
    try:
        return decimal(row.get(name))
    except ValueError:
        raise Unavailable(catalogue.reason("snelstart-unavailable")) from None
