"""What an order means in the books: the whole invoice and where its payment goes, before anything is sent."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from koppeling.booking.amounts import Amounts, amounts
from koppeling.booking.ledgers import account_for, cost_centre, journal_for
from koppeling.booking.profile import NUMBER_LENGTH, Profile
from koppeling.booking.regime import require_domestic
from koppeling.booking.vat import CENT, DOCUMENT, DocumentKind, LineKind, kind_of
from koppeling.catalogue import euro, on, percentage, reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order, Payments
from koppeling.snelstart.models import Chart

_EURO: Final = "EUR"


@dataclass(frozen=True, slots=True)
class Regel:
    """One booking line; `bedrag` in euro without VAT, two decimals, never zero."""

    omschrijving: str
    grootboek_id: str
    grootboek_nummer: int
    bedrag: Decimal
    btw_soort: LineKind
    kostenplaats_id: str | None


@dataclass(frozen=True, slots=True)
class BtwRegel:
    """The invoice's VAT of one kind, in the document's vocabulary."""

    btw_soort: DocumentKind
    bedrag: Decimal


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
    """A sales booking but for its customer; `regels` and `btw` add up to `total`, which is the order's."""

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


def plan(order: Order, profile: Profile, chart: Chart, payments: Payments | None = None) -> Plan:
    """The plan for an order that `decide` found ready; `payments`, where they were read, name the way of paying.

    Raises `Refused` for what cannot be booked as it is: nothing is guessed, nothing is left out.
    """
    _require_plain_euro(order)
    require_domestic(order, chart)
    number = profile.number_for(order.number)
    if len(number) > NUMBER_LENGTH:
        raise Refused(reason("number-too-long", invoice_number=number, length=len(number)))
    figures = amounts(order, vouchers_are_discounts=profile.gift_cards == "discount")
    day, date_notes = _invoice_date(order, profile)
    kinds = _kinds(figures, day, chart)
    return Plan(
        factuurnummer=number,
        factuurdatum=day,
        omschrijving=f"Webwinkelorder {order.number} ({order.uuid})",
        betalingstermijn=profile.payment_term_days,
        regels=_regels(figures, kinds, profile, chart),
        btw=tuple(BtwRegel(DOCUMENT[kinds[rate]], amount) for rate, amount in figures.vat),
        total=order.total.quantize(CENT),
        settlement=_settlement(order, profile, chart, payments),
        markering=profile.mark_doubtful and bool(figures.doubts),
        notes=(*figures.doubts, *figures.notes, *date_notes),
    )


def _require_plain_euro(order: Order) -> None:
    if order.currency != _EURO:
        known = len(order.currency) == len(_EURO) and order.currency.isalpha()
        raise Refused(reason("currency-not-eur", currency=order.currency if known else "een onbekende munt"))
    if order.total % CENT:
        raise Refused(reason("amount-decimals", total=euro(order.total)))
    if order.total < 0:
        raise Refused(reason("amount-negative-total", total=euro(order.total)))


def _invoice_date(order: Order, profile: Profile) -> tuple[date, tuple[str, ...]]:
    if profile.invoice_date == "order":
        return order.placed_at.date(), ()
    if order.status_changed_at is not None:
        return order.status_changed_at.date(), ()
    return order.placed_at.date(), ("De dag van afronden is niet bekend; de factuur heeft de dag van bestellen.",)


def _kinds(figures: Amounts, day: date, chart: Chart) -> dict[Decimal, LineKind]:
    kinds: dict[Decimal, LineKind] = {}
    rates = [part.rate for part, _ in figures.nets] + [rate for rate, _ in figures.vat]
    for rate in dict.fromkeys(rates):
        kind = kind_of(rate, day, chart.rates)
        if kind is None:
            raise Refused(reason("vat-rate-unknown", rate=percentage(rate), date=on(day)))
        kinds[rate] = kind
    return kinds


def _regels(figures: Amounts, kinds: dict[Decimal, LineKind], profile: Profile, chart: Chart) -> tuple[Regel, ...]:
    centre = cost_centre(profile, chart)
    regels = []
    for part, net in figures.nets:
        kind = kinds[part.rate]
        account = account_for(part.category, kind, profile, chart)
        centre_id = centre.id if centre else None
        regels.append(Regel(part.description, account.id, account.nummer, net, kind, centre_id))
    return tuple(regels)


def _settlement(order: Order, profile: Profile, chart: Chart, payments: Payments | None) -> Settlement:
    gateway, method = (order.payment.gateway, order.payment.method) if order.payment else ("", "")
    if payments is not None and payments.gateway:
        gateway, method = payments.gateway, payments.method
    return settlement(gateway, method, profile, chart)


def settlement(gateway: str, method: str, profile: Profile, chart: Chart) -> Settlement:
    """The journal the profile chooses for a way of paying. Raises `Refused`."""
    journal = journal_for(gateway, method, profile, chart)
    return Settlement(journal.id, journal.nummer, "Kas" if journal.soort == "Kas" else "Bank", gateway, method)
