"""What an order means in the books: the whole invoice and where its payment goes, before anything is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from koppeling.booking import oss
from koppeling.booking.amounts import amounts
from koppeling.booking.countries import HOME
from koppeling.booking.ledgers import journal_for
from koppeling.booking.postings import BtwRegel, Regel, post
from koppeling.booking.profile import NUMBER_LENGTH, Profile
from koppeling.booking.rated import Rated
from koppeling.booking.regime import Name, Regime, regime_of
from koppeling.booking.vat import CENT, kind_of
from koppeling.catalogue import euro, on, percentage, reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order, Payments
from koppeling.snelstart.models import Chart

_EURO: Final = "EUR"
_PAST: Final = "Het btw-tarief van {rates} geldt niet meer op {booked_on}; de btw is die van de levering."
_MOVED: Final = "De periode van {day} is gesloten; de factuur is geboekt op {booked_on}."

MOVED_FROM: Final = ", factuur van "
"""What the description of an invoice says before its own date, where it stands on another for a closed period."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The journal that receives the payment, and the way of paying that chose it."""

    dagboek_id: str
    dagboek_nummer: int
    soort: Literal["Bank", "Kas"]
    gateway: str
    method: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A sales booking but for its customer; `regels` and `btw` add up to `total`.

    `total` is the order's; 0.00 for one paid whole by gift card, which leaves nothing to settle; negative for a
    credit. `regime` and `country` (where the goods go, two capitals) say under which VAT rules it was planned;
    `vat_number` is what the customer must carry in SnelStart for this booking to be right, else None. `past_rates` are
    the percentages of the supply's own day that no longer hold on `factuurdatum`: SnelStart may refuse them.
    `rated` is what it comes to per rate of that day, `supplied_on`, and `redeemed` what of it vouchers without VAT paid
    or took off, without a sign; for a comparison.
    """

    factuurnummer: str
    factuurdatum: date
    omschrijving: str
    betalingstermijn: int
    regels: tuple[Regel, ...]
    btw: tuple[BtwRegel, ...]
    total: Decimal
    settlement: Settlement
    markering: bool
    notes: tuple[str, ...]
    regime: Name = "domestic"
    country: str = HOME
    vat_number: str | None = None
    past_rates: tuple[Decimal, ...] = ()
    rated: tuple[Rated, ...] = ()
    redeemed: Decimal = Decimal(0)
    supplied_on: date = date.min


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of an invoice. `booked_on` is its date in the books where that is not `day`.

    `supplied_on`: the date whose VAT counts, where that is not `day` either: of the supply that is taken back.
    """

    factuurnummer: str
    omschrijving: str
    day: date
    booked_on: date | None
    settlement: Settlement
    notes: tuple[str, ...] = ()
    supplied_on: date | None = None


def plan(
    order: Order, profile: Profile, chart: Chart, payments: Payments | None = None, *, booked_on: date | None = None
) -> Plan:
    """The plan for an order that `decide` found ready; `payments`, where they were read, name the way of paying.

    `booked_on`: the date in the books when that of the order itself lies in a closed period; the rates stay those of
    the order's own date. Raises `Refused` for what cannot be booked as it is: nothing is guessed, nothing is left out.
    """
    require_plain_euro(order)
    if order.total < 0:
        raise Refused(reason("amount-negative-total", total=euro(order.total)))
    gateway, method = paid_by(order, payments)
    day, notes = invoice_date(order, profile)
    heading = Heading(
        factuurnummer=profile.number_for(order.number),
        omschrijving=f"Webwinkelorder {order.number} ({order.uuid})",
        day=day,
        booked_on=booked_on,
        settlement=settlement(gateway, method, profile, chart),
        notes=notes,
    )
    return draw_up(order, heading, profile, chart)


def draw_up(order: Order, heading: Heading, profile: Profile, chart: Chart) -> Plan:
    """The invoice of an order under this heading. Raises `Refused`."""
    number = heading.factuurnummer
    if len(number) > NUMBER_LENGTH:
        raise Refused(reason("number-too-long", invoice_number=number, length=len(number)))
    vat_day, booked_on = heading.supplied_on or heading.day, heading.booked_on or heading.day
    regime = regime_of(order, vat_day, chart)
    figures = amounts(order, vouchers_are_discounts=profile.gift_cards == "discount")
    postings = post(figures, regime, vat_day, profile, chart)
    doubts = (*regime.doubts, *figures.doubts)
    past = _past(figures.vat, regime, (vat_day, booked_on), chart)
    moved = booked_on != heading.day
    notes = [*doubts, *regime.notes, *figures.notes, *heading.notes]
    if past:
        notes.append(_PAST.format(rates=" en ".join(map(percentage, past)), booked_on=on(booked_on)))
    if moved:
        notes.append(_MOVED.format(day=on(heading.day), booked_on=on(booked_on)))
    return Plan(
        factuurnummer=number,
        factuurdatum=booked_on,
        # What was moved says so in the books too: the date of the customer's own invoice is another.
        omschrijving=f"{heading.omschrijving}{MOVED_FROM}{on(heading.day)}" if moved else heading.omschrijving,
        betalingstermijn=profile.payment_term_days,
        regels=postings.regels,
        btw=postings.btw,
        total=order.total.quantize(CENT),
        settlement=heading.settlement,
        markering=profile.mark_doubtful and bool(doubts),
        notes=tuple(notes),
        regime=regime.name,
        country=regime.country,
        vat_number=regime.vat_number,
        past_rates=past,
        rated=postings.rated,
        redeemed=postings.redeemed,
        supplied_on=vat_day,
    )


def _past(
    vat: Iterable[tuple[Decimal, Decimal]], regime: Regime, days: tuple[date, date], chart: Chart
) -> tuple[Decimal, ...]:
    """The rates that mean on the supply's day what they no longer mean on the day in the books."""

    def meant(rate: Decimal, on: date) -> set[str | None]:
        if regime.name == "oss":
            return set(oss.codes(chart, regime.country, rate, on))
        return {kind_of(rate, on, chart.rates)}

    supplied_on, booked_on = days
    return tuple(rate for rate, _ in vat if meant(rate, supplied_on).isdisjoint(meant(rate, booked_on)))


def require_plain_euro(order: Order) -> None:
    """Raise `Refused` unless the order's total is in whole cents of a euro."""
    if order.currency != _EURO:
        known = len(order.currency) == len(_EURO) and order.currency.isalpha()
        raise Refused(reason("currency-not-eur", currency=order.currency if known else "een onbekende munt"))
    if order.total % CENT:
        raise Refused(reason("amount-decimals", total=euro(order.total)))


def invoice_date(order: Order, profile: Profile) -> tuple[date, tuple[str, ...]]:
    """The order's own date as the profile reads it, and what must be noted about it."""
    if profile.invoice_date == "order":
        return order.placed_at.date(), ()
    if order.status_changed_at is not None:
        return order.status_changed_at.date(), ()
    return order.placed_at.date(), ("De dag van afronden is niet bekend; de factuur heeft de dag van bestellen.",)


def paid_by(order: Order, payments: Payments | None) -> tuple[str, str]:
    """Gateway and method: of the payments where they were read, else as the order itself says."""
    if payments is not None and payments.gateway:
        return payments.gateway, payments.method
    return (order.payment.gateway, order.payment.method) if order.payment else ("", "")


def settlement(gateway: str, method: str, profile: Profile, chart: Chart) -> Settlement:
    """The journal the profile chooses for a way of paying. Raises `Refused`."""
    journal = journal_for(gateway, method, profile, chart)
    return Settlement(journal.id, journal.nummer, "Kas" if journal.soort == "Kas" else "Bank", gateway, method)
