"""Under which VAT rules an order falls: told from where the goods go, what the shop charged and who buys.

Sources: SnelStart's documentation for what the administration is set up for; Dutch VAT practice for the rest. What
contradicts itself is refused, never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from koppeling.booking import oss
from koppeling.booking.amounts import is_voucher
from koppeling.booking.countries import EU, HOME, destination, region, shown
from koppeling.booking.vat import cents, kind_of
from koppeling.booking.vatnumbers import checked, country_of, stated
from koppeling.catalogue import euro, reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import LinePrice, Order
from koppeling.snelstart.models import Chart

Name = Literal["domestic", "kor", "reverse_charge", "export", "oss"]

_STRATEGIES: Final = ("", "zero_percent", "reverse_charged_vat")


@dataclass(frozen=True, slots=True)
class Regime:
    """The VAT rules of one order. `country`: where the goods go, two capitals.

    `vat_number`: what the customer in SnelStart must carry for the booking to be right, else None.
    """

    name: Name
    country: str = HOME
    vat_number: str | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def regime_of(order: Order, day: date, chart: Chart) -> Regime:
    """The rules under which an order of this day is booked. Raises `Refused`."""
    if order.tax_strategy not in _STRATEGIES:
        raise Refused(reason("vat-strategy-unknown"))
    country = destination(order, chart)
    if chart.company.kor_actief:
        return _kor(order, country)
    if order.tax_strategy == "reverse_charged_vat":
        return _reverse_charge(order, country, chart)
    if order.tax_strategy == "zero_percent" and country in EU:
        raise Refused(reason("vat-zero-percent-place", country=shown(country)))
    if country == HOME:
        _require_region(order, HOME)
        return Regime("domestic")
    if country not in EU:
        return _export(order, country)
    number = checked(order, chart)
    if number:
        return _business(order, country, number, day, chart)
    return _consumer(order, country, day, chart)


def _kor(order: Order, country: str) -> Regime:
    """The small business scheme: no VAT at all, in the Netherlands only."""
    if country != HOME:
        raise Refused(reason("vat-kor-abroad", country=shown(country)))
    if _charged(order):
        raise Refused(reason("vat-kor-charged", stated=euro(_charged(order))))
    return Regime("kor")


def _reverse_charge(order: Order, country: str, chart: Chart) -> Regime:
    """An intra-community supply: goods to another EU country, for a business that is known there."""
    if country == HOME or country not in EU:
        raise Refused(reason("vat-reverse-charged-place", country=shown(country)))
    if _charged(order):
        raise Refused(reason("vat-reverse-charged-with-vat", stated=euro(_charged(order))))
    if not stated(order):
        raise Refused(reason("vat-number-missing"))
    number = checked(order, chart)
    if number is None:
        raise Refused(reason("vat-number-malformed"))
    if country_of(number) == HOME:
        raise Refused(reason("vat-number-dutch"))
    return Regime("reverse_charge", country, number)


def _export(order: Order, country: str) -> Regime:
    """Goods that leave the EU: no VAT. Dutch VAT that was invoiced all the same is owed, so it is booked as such."""
    if _charged(order):
        _require_region(order, HOME)
        doubt = (
            f"De levering gaat naar {shown(country)}, buiten de EU, maar er is Nederlandse btw berekend: zo geboekt."
        )
        return Regime("domestic", country, doubts=(doubt,))
    if order.tax_strategy:
        return Regime("export", country)
    doubt = f"De webwinkel noemt geen btw-regeling; zonder btw naar {shown(country)} is als uitvoer geboekt."
    return Regime("export", country, doubts=(doubt,))


def _business(order: Order, country: str, number: str, day: date, chart: Chart) -> Regime:
    """A business elsewhere in the EU with normal VAT: owed as invoiced, though it could have been reverse-charged."""
    _require_region(order, HOME)
    doubt = f"De klant in {shown(country)} heeft een btw-nummer, maar de btw is niet verlegd: als binnenlands geboekt."
    # With OSS on, SnelStart takes Dutch VAT only for a customer who carries a VAT number.
    return Regime("domestic", country, number if oss.enabled(chart.company, day) else None, doubts=(doubt,))


def _consumer(order: Order, country: str, day: date, chart: Chart) -> Regime:
    """A consumer elsewhere in the EU: that country's VAT under OSS, Dutch VAT below the threshold."""
    _require_region(order, HOME, country)
    doubts = tuple(_business_like(order))
    rates = {price.rate for price in _prices(order) if price.rate}
    dutch = all(kind_of(rate, day, chart.rates) for rate in rates)
    if oss.enabled(chart.company, day):
        foreign = all(oss.codes(chart, country, rate, day) for rate in rates)
        if (rates and region(order) == HOME) or (dutch and not foreign):
            raise Refused(reason("oss-dutch-vat", country=shown(country)))
        return Regime("oss", country, doubts=doubts)
    if (rates and region(order) == country) or not dutch:
        raise Refused(reason("oss-not-enabled", country=shown(country)))
    if not rates:
        return Regime("domestic", country, doubts=(*_untaxed(order, country), *doubts))
    note = f"Verkoop aan een consument in {shown(country)}, met Nederlandse btw (onder de drempel; OSS staat uit)."
    return Regime("domestic", country, notes=(note,), doubts=doubts)


def _untaxed(order: Order, country: str) -> Iterable[str]:
    """A voucher has no VAT when it is sold; anything else without is worth a look."""
    if any(price.amount for line in order.lines if not is_voucher(line) for price in line.prices):
        yield f"Aan een consument in {shown(country)} is geen btw berekend: als binnenlands zonder btw geboekt."


def _business_like(order: Order) -> Iterable[str]:
    if stated(order):
        yield "Het btw-nummer bij de bestelling is niet geldig; zij is als verkoop aan een consument geboekt."
    elif order.business_model == "B2B":
        yield "De zakelijke klant heeft geen btw-nummer opgegeven; als verkoop aan een consument geboekt."


def _require_region(order: Order, *expected: str) -> None:
    if region(order) not in ("", *expected):
        raise Refused(reason("vat-region-abroad", country=shown(region(order))))


def _prices(order: Order) -> Iterable[LinePrice]:
    """The shares that have an amount; what is free of charge tells nothing about VAT."""
    for line in order.lines:
        yield from (price for price in line.prices if cents(price.amount) or price.amount_including_tax)


def _charged(order: Order) -> Decimal:
    """VAT that the customer was charged, as the shop states it or as the lines have it; 0 for none at all."""
    stated_vat = sum((abs(cents(tax.amount)) for tax in order.taxes), Decimal(0))
    in_lines = sum((abs(cents(price.amount * price.rate / 100)) for price in _prices(order)), Decimal(0))
    return stated_vat or in_lines
