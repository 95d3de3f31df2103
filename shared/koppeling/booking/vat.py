"""VAT: which kind a percentage is on a day, in SnelStart's two vocabularies, and what the lines make of it."""

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from koppeling.snelstart.models import BtwTarief

LineKind = Literal["Geen", "Laag", "Hoog", "Overig"]
DocumentKind = Literal["VerkopenLaag", "VerkopenHoog", "VerkopenOverig"]
Suffix = Literal["high", "low", "zero", "other"]

DOCUMENT: Final[dict[LineKind, DocumentKind]] = {
    "Laag": "VerkopenLaag",
    "Hoog": "VerkopenHoog",
    "Overig": "VerkopenOverig",
}
"""A line's vocabulary and the document's differ; swapping them answers BOE-0082."""

SUFFIX: Final[dict[LineKind, Suffix]] = {"Hoog": "high", "Laag": "low", "Geen": "zero", "Overig": "other"}
"""How the profile's account names end."""

CENT: Final = Decimal("0.01")
_KINDS: Final[tuple[LineKind, ...]] = ("Hoog", "Laag", "Overig")


def kind_of(rate: Decimal, on: date, rates: Iterable[BtwTarief]) -> LineKind | None:
    """The kind of VAT that has this percentage on this day in the administration's own table; None when none has.

    0 % is always Geen. Low was 6 % until 2018-12-31 and is 9 % since, so the day decides.
    """
    if rate == 0:
        return "Geen"
    in_force = {known.btw_soort for known in rates if known.holds(on) and known.btw_percentage == rate}
    return next((kind for kind in _KINDS if kind in in_force), None)


def cents(amount: Decimal) -> Decimal:
    """Rounded to the cent, half away from zero, as both vendors and the tax office do."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def within(gross: Decimal, rate: Decimal) -> Decimal:
    """The exact VAT inside an amount that includes it."""
    return gross * rate / (100 + rate)


def with_vat(net: Decimal, rate: Decimal) -> Decimal:
    """The exact amount including VAT."""
    return net * (100 + rate) / 100
