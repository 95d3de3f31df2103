"""Taking back what was booked: credit orders, and the reversal of an order that was cancelled after its booking.

Both are the sale's own plan with every sign turned, so that a credit mirrors its sale to the cent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from koppeling.booking import oss
from koppeling.booking.amounts import is_goods
from koppeling.booking.countries import destination
from koppeling.booking.plan import (
    Heading,
    Plan,
    Settlement,
    draw_up,
    invoice_date,
    paid_by,
    require_plain_euro,
    settlement,
)
from koppeling.booking.profile import NUMBER_LENGTH, Profile
from koppeling.booking.rated import turned
from koppeling.booking.vat import CENT, kind_of, with_vat, within
from koppeling.catalogue import euro, reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import LinePrice, Order, OrderLine, Payments
from koppeling.snelstart.models import Chart

REVERSED: Final = "C"
"""Stands behind the number of an invoice in the number of its reversal."""


@dataclass(frozen=True, slots=True)
class Original:
    """The booked order that is taken back, as its row knows it; `total` in euro as it was booked."""

    order_number: str
    factuurnummer: str
    factuurdatum: date
    total: Decimal
    gateway: str
    method: str


def credit_plan(
    credit: Order,
    original: Original,
    profile: Profile,
    chart: Chart,
    payments: Payments | None = None,
    *,
    booked_on: date | None = None,
) -> Plan:
    """The negative invoice for a credit order, on its own number and date, refunded through the original's journal.

    `payments`: those of the original, for one whose row does not know how it was paid. The shop's amounts may be
    negative or positive: the status says that it is a credit. VAT is that of the original's date, also where its rate
    or OSS went out of force since. Raises `Refused`.
    """
    require_plain_euro(credit)
    day, notes = invoice_date(credit, profile)
    heading = Heading(
        factuurnummer=profile.number_for(credit.number),
        omschrijving=f"Creditorder {credit.number} op factuur {original.factuurnummer} ({credit.uuid})",
        day=day,
        booked_on=booked_on,
        settlement=_refund(credit, original, payments, profile, chart),
        notes=notes,
        supplied_on=_supplied_on(credit, original, day, chart),
    )
    return negative(draw_up(as_sale(credit), heading, profile, chart))


def reversal(
    order: Order, original: Original, profile: Profile, chart: Chart, payments: Payments | None = None, *, on: date
) -> Plan:
    """The full negative of a booked order that was cancelled or refunded without a credit order.

    `on`: its date in the books. VAT is that of the original's date. Raises `Refused`, also when the order's total is
    no longer what was booked: then a reversal would leave a remainder.
    """
    require_plain_euro(order)
    if order.total != original.total:
        booked, expected, number = euro(original.total), euro(order.total), original.factuurnummer
        raise Refused(reason("amount-booked-differs", invoice_number=number, booked=booked, expected=expected))
    heading = Heading(
        factuurnummer=reversed_number(original.factuurnummer),
        omschrijving=f"Annulering van factuur {original.factuurnummer}, webwinkelorder {order.number} ({order.uuid})",
        day=on,
        booked_on=None,
        settlement=_refund(order, original, payments, profile, chart),
        supplied_on=original.factuurdatum,
    )
    return negative(draw_up(order, heading, profile, chart))


def _supplied_on(credit: Order, original: Original, day: date, chart: Chart) -> date:
    """The date whose VAT counts: the original's, so that what was sold under other rules goes back under those.

    The credit's own only where the original's does not know all of its rates: a shop may credit at the new one.
    """
    country = destination(credit, chart)
    rates = {price.rate for line in credit.lines for price in line.prices}
    on, known = original.factuurdatum, chart.rates
    supplied = all(kind_of(rate, on, known) or oss.codes(chart, country, rate, on) for rate in rates)
    return on if supplied else day


def reversed_number(number: str) -> str:
    """The number of the reversal of an invoice: C behind it, or in place of its first character where it is full."""
    return number + REVERSED if len(number) < NUMBER_LENGTH else REVERSED + number[1:]


def negative(sale: Plan) -> Plan:
    """The same plan with every amount's sign turned."""
    return replace(
        sale,
        regels=tuple(replace(regel, bedrag=-regel.bedrag) for regel in sale.regels),
        btw=tuple(replace(regel, bedrag=-regel.bedrag) for regel in sale.btw),
        total=-sale.total,
        rated=turned(sale.rated),
    )


def _refund(order: Order, original: Original, payments: Payments | None, profile: Profile, chart: Chart) -> Settlement:
    """The journal of the original's payment: a credit order carries no payment of its own."""
    gateway, method = original.gateway, original.method
    if not gateway:
        gateway, method = paid_by(order, payments)
    return settlement(gateway, method, profile, chart)


def as_sale(credit: Order) -> Order:
    """The credit order as if it were a sale: total, lines and VAT each turned where they came negative.

    Whether the shop writes them negative, positive or mixed is not documented. The total is told by its sign; the
    lines follow it, and the VAT follows the lines, unless they fit only the other way round.
    """
    # What `amounts` lets rounding explain, and as much again: only beyond it does a sign come into doubt.
    total, margin = abs(credit.total), 2 * CENT * sum(len(line.prices) for line in credit.lines)
    # A credit of goods that were paid whole by gift card comes to nothing: then the goods say which way it goes.
    negative_total = credit.total < 0 if total else _gross(filter(is_goods, credit.lines)) < 0
    turn = _turn(_gross(credit.lines), total, margin, expected=negative_total)
    lines = tuple(_turned(line) if turn else line for line in credit.lines)
    lines = tuple(line.model_copy(update={"quantity": abs(line.quantity)}) for line in lines)
    stated = sum((tax.amount for tax in credit.taxes), Decimal(0))
    if _turn(stated, sum(map(_vat, lines), Decimal(0)), margin, expected=turn):
        taxes = tuple(tax.model_copy(update={"amount": -tax.amount}) for tax in credit.taxes)
        return credit.model_copy(update={"total": total, "lines": lines, "taxes": taxes})
    return credit.model_copy(update={"total": total, "lines": lines})


def _turn(amount: Decimal, wanted: Decimal, margin: Decimal, *, expected: bool) -> bool:
    """Whether to turn this amount's sign: as expected, unless only the other way brings it to what is wanted."""
    off, other = abs((-amount if expected else amount) - wanted), abs((amount if expected else -amount) - wanted)
    return expected if off <= margin or off <= other else not expected


def _gross(lines: Iterable[OrderLine]) -> Decimal:
    return sum((_paid(price) for line in lines for price in line.prices), Decimal(0))


def _vat(line: OrderLine) -> Decimal:
    return sum((within(_paid(price), price.rate) for price in line.prices), Decimal(0))


def _paid(price: LinePrice) -> Decimal:
    return with_vat(price.amount, price.rate) if price.amount_including_tax is None else price.amount_including_tax


def _turned(line: OrderLine) -> OrderLine:
    prices = tuple(
        price.model_copy(
            update={
                "amount": -price.amount,
                "amount_including_tax": None if price.amount_including_tax is None else -price.amount_including_tax,
            }
        )
        for price in line.prices
    )
    return line.model_copy(update={"prices": prices})
