"""Taking back under our lease: a credit order after its original, or the whole of an order of our own."""

from datetime import date, timedelta
from decimal import Decimal

from koppeling import catalogue, clock
from koppeling.booking.content import content_of
from koppeling.booking.credit import credit_plan, negative, reversal
from koppeling.booking.decide import Credit, Skip
from koppeling.booking.plan import Plan
from koppeling.failures import ConnectionRefused, Refused
from koppeling.fingerprint import fingerprint
from koppeling.job import Job, Later
from koppeling.mijnwebwinkel.models import Order, Payments
from koppeling.sending import Draft, planned, send_back
from koppeling.snelstart.listing import FOREIGN, Detail, detail
from koppeling.snelstart.models import Chart
from koppeling.snelstart.relaties import Relatie
from koppeling.takeback import NotYet, Takeable, of_row, of_shop, original_of
from koppeling.verdict import queue_orders, verdict_on, was_taken_back

_ORIGINAL_SOON, _ORIGINAL_SECONDS = timedelta(minutes=10), 20.0
"""A credit order that came before its original looks for it every so often at first, then with the poll."""


def book_credit(job: Job, credit: Order, verdict: Credit) -> bool:
    """Take back a part of another order, on its relatie and through the journal it was paid in.

    False when there is nothing to book (yet).
    """
    found = _original(job, verdict.of)
    if isinstance(found, Skip):
        job.claim.skip(found.reason, seen=fingerprint(credit))
        return False
    if isinstance(found, NotYet):
        if found.queue:
            queue_orders(job.place, (verdict.of,))
        waits = job.wait(credit, found.reason, of=verdict.of)
        if waits and job.waits_since() > clock.now() - _ORIGINAL_SOON:
            job.later = Later(_ORIGINAL_SECONDS)
        return False
    asked = None if found.original.gateway else job.place.shop.payments(verdict.of)
    profile = job.connection.profile

    def draw(chart: Chart, day: date | None) -> Plan:
        return credit_plan(credit, found.original, profile, chart, asked, booked_on=day)

    plan = planned(job, draw)
    if -plan.total > found.original.total:
        total, booked = catalogue.euro(-plan.total), catalogue.euro(found.original.total)
        raise Refused(catalogue.reason("amount-credit-exceeds", total=total, booked=booked))
    _standing(job, found.original.factuurnummer, found.verkoopboeking_id)
    job.place.orders.credit(verdict.of, credit.number)
    send_back(job, Draft(credit, plan, Relatie(found.relatie_id), "credit", verdict.of), draw)
    return True


def _original(job: Job, number: str) -> Takeable | NotYet | Skip:
    row = job.place.orders.get(number)
    if row is not None:
        return of_row(row)
    try:
        verdict, _ = verdict_on(job.place, job.place.shop.order(number))
    except ConnectionRefused:
        raise
    except Refused as refused:
        if refused.reason.code != "shop-order-not-found":
            # Queued, so that its own row says what somebody must do.
            return NotYet(catalogue.reason("shop-credit-waits", of=number), queue=True)
        verdict = None
    return of_shop(number, None if isinstance(verdict, Credit) else verdict)


def reverse(job: Job, order: Order, paid: Payments | None) -> bool:
    """Take back the whole of an order that was cancelled or refunded after its booking.

    False when there is nothing to book.
    """
    sale = job.claim.row.own_sale()
    if sale is None:
        raise TypeError("an order to take back that was never booked")
    # Asked for by the operator it is taken back, whatever the shop says.
    back = job.claim.row.asked or was_taken_back(job.place, order, paid)
    if order.credit_order_numbers or not back:
        # Restored in the shop, or taken back there by credit orders, before anything of ours was booked.
        queue_orders(job.place, order.credit_order_numbers)
        # Cancelled and not taken back by us: looked at again, should this run end before it is told.
        job.claim.stay_paid(seen="" if back else fingerprint(order))
        if back:
            job.place.orders.taken_back(order.number, seen=fingerprint(order))
        return False
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    original = original_of(order.number, sale)
    profile = job.connection.profile

    def draw(chart: Chart, _: date | None) -> Plan:
        return reversal(order, original, profile, chart, paid, on=today)

    plan = planned(job, draw)
    standing = _standing(job, original.factuurnummer, sale.verkoopboeking_id)
    if content_of(negative(plan)) != sale.booking.content and not _same_vat(plan, standing, job.place.charts.get()):
        raise Refused(catalogue.reason("vat-booked-differs", invoice_number=original.factuurnummer))
    send_back(job, Draft(order, plan, Relatie(sale.booking.relatie_id), "reversal"), draw)
    return True


def _standing(job: Job, factuurnummer: str, verkoopboeking_id: str) -> Detail:
    """The invoice that is taken back, as it is in SnelStart now. `Refused` when somebody removed it."""
    standing = detail(job.place.snelstart, verkoopboeking_id, _foreign(job.place.charts.get()))
    if standing is None:
        raise Refused(catalogue.reason("number-gone", invoice_number=factuurnummer))
    return standing


def _same_vat(plan: Plan, standing: Detail, chart: Chart) -> bool:
    """Whether a reversal takes back exactly the VAT that stands there, that of another country included."""
    foreign = _foreign(chart)
    vat = {str(one.btw_soort): -one.bedrag for one in plan.btw}
    abroad = -sum((one.bedrag for one in plan.regels if one.grootboek_id.casefold() == foreign), Decimal(0))
    if abroad:
        vat[FOREIGN] = abroad
    return vat == {kind: amount for kind, amount in standing.vat.items() if amount}


def _foreign(chart: Chart) -> str:
    return chart.company.buitenlandse_btw_grootboek_id.casefold()
