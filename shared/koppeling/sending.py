"""Sending an invoice: planned, on its customer, on a day that is open, and never while an earlier one may be there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from koppeling import catalogue, clock, vies
from koppeling.booking import oss
from koppeling.booking.content import content_of
from koppeling.booking.countries import EU, HOME
from koppeling.booking.periods import first_open_days
from koppeling.booking.plan import Plan
from koppeling.customers import Customers
from koppeling.deadline import WRITE_SECONDS
from koppeling.failures import Refused, Unsettled
from koppeling.fingerprint import fingerprint
from koppeling.job import Job, differs, settle_time
from koppeling.mijnwebwinkel.models import Order
from koppeling.order_row import Booking, Kind
from koppeling.snelstart import invoices, relaties
from koppeling.snelstart.errors import NUMBER_EXISTS, RELATION_UNUSABLE, SnelStartRefused, UnknownId
from koppeling.snelstart.models import Chart
from koppeling.snelstart.relaties import Relatie

DOUBT_THE_CHART = frozenset(
    {
        *("account-cost-centre-inactive", "account-cost-centre-required", "account-cost-centre-unknown"),
        *("account-function-mismatch", "account-inactive", "account-unknown", "account-vat-mismatch"),
        *("journal-inactive", "journal-not-bank-or-cash", "journal-unknown"),
        *("oss-account-missing", "oss-dutch-vat", "oss-not-enabled", "oss-rate-unknown", "oss-vat-account-missing"),
        *("vat-kor-abroad", "vat-kor-charged", "vat-rate-unknown"),
    }
)
"""Refusals of ours that newer reference data may undo: an account, a rate, KOR or OSS changed in SnelStart just now."""

_ALONE = frozenset({"reverse_charge", "oss"})
"""Regimes that SnelStart allows by who the customer is and where: not for a relatie that stands for many."""

_CLOSED = frozenset({"period-blocked", "period-vat-filed", "period-accountant-lock"})
_MOST_DAYS = 13
"""A year of months and today: every try is a call, and what is further back is closed all the more."""

Draw = Callable[[Chart, date | None], Plan]
"""A plan, given the administration's reference data and, out of a closed period, another date in the books."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice about to be sent: what it holds, on whom, and what it is to the order."""

    order: Order
    plan: Plan
    customer: Relatie
    kind: Kind = "sale"
    of: str = ""


def look_for_earlier_invoice(job: Job) -> None:
    """An invoice was sent before and nobody knows how that ended: look, before anything is sent again.

    `Unsettled` when it is not there and may still come.
    """
    row = job.claim.row
    if row.invoice is None or row.booking is None or row.verkoopboeking_id:
        return
    found = invoices.find(job.place.snelstart, row.booking.factuurnummer)
    if found:
        # Beside another connection of the shop it may as well be of that one's sending. And somebody else paid it where
        # it is paid: a connection that was removed, say. A payment together with others would not look.
        by_us = not job.connection.twin_since and found.openstaand == found.bedrag
        _adopt(job, found, row.booking, by_us=by_us)
    elif not row.invoice.may_repeat(clock.now(), settle_time()):
        wait = row.invoice.wait(clock.now(), settle_time())
        raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), wait)


def planned(job: Job, draw: Draw) -> Plan:
    """The plan, by newer reference data where that may undo a refusal."""
    chart = job.place.charts.get()
    try:
        return draw(chart, None)
    except Refused as refused:
        newer = job.place.charts.renewed(chart) if refused.reason.code in DOUBT_THE_CHART else None
        if newer is None:
            raise
        return draw(newer, None)


def send_sale(job: Job, order: Order, draw: Draw) -> None:
    """Send an order's own invoice, on the customer found or made for it."""
    plan = planned(job, draw)
    job.claim.note(*_proven(plan))
    customer = _customer(job, order, plan)
    try:
        send_on_open_day(job, Draft(order, plan, customer), draw)
    except SnelStartRefused as refused:
        if not RELATION_UNUSABLE.intersection(refused.codes):
            raise
        # The remembered customer was made inactive or is no customer any more: take or make another, once.
        _customers(job).forget(order, alone=_alone(plan))
        send_on_open_day(job, Draft(order, plan, _customer(job, order, plan)), draw)
    except UnknownId:
        # An account, journal or customer is gone since we read about it: read anew and try once more.
        _customers(job).forget(order, alone=_alone(plan))
        plan = _renewed(job, draw) or plan
        send_on_open_day(job, Draft(order, plan, _customer(job, order, plan)), draw)


def send_back(job: Job, draft: Draft, draw: Draw) -> None:
    """Send what takes an order back, on the relatie of its sale."""
    try:
        send_on_open_day(job, draft, draw)
    except UnknownId:
        # An account or journal is gone since we read about it: read anew and try once more.
        plan = _renewed(job, draw)
        if plan is None:
            raise
        send_on_open_day(job, replace(draft, plan=plan), draw)


def _renewed(job: Job, draw: Draw) -> Plan | None:
    """The plan by newer reference data; None when that was read only just now."""
    newer = job.place.charts.renewed(job.place.charts.get())
    return draw(newer, None) if newer else None


def send_on_open_day(job: Job, draft: Draft, draw: Draw) -> None:
    """Send; out of a closed period to the first open day, where the profile allows that."""
    try:
        send(job, draft)
    except SnelStartRefused as closed:
        if closed.reason.code not in _CLOSED or job.connection.profile.closed_period != "first-open-day":
            raise
        refused = closed
    else:
        return
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    for day in first_open_days(draft.plan.factuurdatum, today)[-_MOST_DAYS:]:
        try:
            send(job, replace(draft, plan=draw(job.place.charts.get(), day)))
        except SnelStartRefused as closed:
            if closed.reason.code not in _CLOSED:
                raise
            refused = closed
        else:
            return
    raise refused


def send(job: Job, draft: Draft) -> None:
    """Mark, send, record. An invoice that turns out to be there already is adopted when it is ours."""
    order, plan, customer = draft.order, draft.plan, draft.customer
    booking = _booking(draft)
    job.deadline.demand(WRITE_SECONDS)
    notes = (*plan.notes, *customer.notes)
    if draft.kind == "reversal":
        notes = (f"Teruggeboekt met factuur {plan.factuurnummer}.", *notes)
    job.claim.sending_invoice(booking, currency=order.currency, seen=fingerprint(order), notes=notes, run=job.run)
    job.underway = "invoice"
    try:
        verkoopboeking_id = invoices.send(job.place.snelstart, plan, customer.relatie_id)
    except SnelStartRefused as refused:
        if NUMBER_EXISTS not in refused.codes:
            raise _told(job, draft, refused) from refused
        # An invoice of this number is there, ours perhaps: the mark stays until it has been looked at.
        job.underway = None
        found = invoices.find(job.place.snelstart, booking.factuurnummer)
        if found is None:
            job.underway = "invoice"
            raise
        _adopt(job, found, booking, by_us=False)
        return
    job.underway = None
    job.claim.booked(verkoopboeking_id, settling=not (job.in_batch and booking.for_batch))
    job.journal = plan.settlement


def _told(job: Job, draft: Draft, refused: SnelStartRefused) -> SnelStartRefused:
    """The refusal, with the reason behind it where we know more than SnelStart says."""
    plan = draft.plan
    if refused.reason.code == "vat-refused" and plan.past_rates:
        rate, day = catalogue.percentage(plan.past_rates[0]), catalogue.on(plan.factuurdatum)
        return SnelStartRefused(catalogue.reason("vat-rate-past", rate=rate, date=day), refused.codes)
    if refused.reason.code in ("vat-refused", "account-refused") and _oss_changed(job, plan):
        day = catalogue.on(plan.factuurdatum)
        return SnelStartRefused(catalogue.reason("oss-changed", country=plan.country, date=day), refused.codes)
    reversed_eu = refused.reason.code == "account-eu-not-allowed" and plan.regime == "reverse_charge"
    if reversed_eu and not relaties.has_vat_number(job.place.snelstart, draft.customer.relatie_id):
        # It was there before us: it is the bookkeeper's, and a PUT would replace all of it.
        return SnelStartRefused(catalogue.reason("customer-without-vat-number"), refused.codes)
    return refused


def _oss_changed(job: Job, plan: Plan) -> bool:
    """Whether a consumer abroad falls under other rules on the day in the books than on that of the supply."""
    consumer = plan.country != HOME and plan.country in EU and plan.vat_number is None
    return consumer and (plan.regime == "oss") != oss.enabled(job.place.charts.get().company, plan.factuurdatum)


def _booking(draft: Draft) -> Booking:
    plan = draft.plan
    return Booking(
        factuurnummer=plan.factuurnummer,
        order_uuid=draft.order.uuid,
        total=plan.total,
        factuurdatum=plan.factuurdatum.isoformat(),
        relatie_id=draft.customer.relatie_id,
        gateway=plan.settlement.gateway,
        method=plan.settlement.method,
        kind=draft.kind,
        of=draft.of,
        content=content_of(plan),
    )


def _adopt(job: Job, found: invoices.Found, booking: Booking, *, by_us: bool) -> None:
    """The number exists: ours by uuid and amount, or somebody else's and not to be touched."""
    if not found.is_of(booking.order_uuid):
        job.underway = "invoice"
        raise Refused(catalogue.reason("number-taken", invoice_number=booking.factuurnummer))
    if found.bedrag != booking.total:
        job.underway = "invoice"
        raise Refused(differs("amount-booked-differs", booking, booked=found.bedrag))
    job.claim.found_booked(found.verkoopboeking_id, by_us=by_us)


def _customer(job: Job, order: Order, plan: Plan) -> Relatie:
    return _customers(job).ensure(order, plan.vat_number, alone=_alone(plan))


def _customers(job: Job) -> Customers:
    job.deadline.demand(WRITE_SECONDS)
    place = job.place
    return Customers(
        place.table,
        job.connection.id,
        job.connection.profile,
        place.credentials,
        place.snelstart,
        place.charts.get,
        job.neighbours,
        all_read=job.in_batch,
    )


def _alone(plan: Plan) -> bool:
    return plan.regime in _ALONE or plan.vat_number is not None


def _proven(plan: Plan) -> tuple[str, ...]:
    """Before VAT is reverse-charged: what VIES says of the customer's number, where that is asked for."""
    if plan.regime != "reverse_charge" or plan.vat_number is None:
        return ()
    answer = vies.check(plan.vat_number)
    return (answer.as_note(),) if answer else ()
