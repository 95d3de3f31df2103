"""Settling an invoice through the journal of its payment, so that its open balance is 0."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from koppeling import catalogue, clock
from koppeling.booking.plan import Settlement, settlement
from koppeling.deadline import WRITE_SECONDS
from koppeling.failures import Refused, Unavailable, Unknown, Unsettled
from koppeling.job import Job, differs, settle_time
from koppeling.order_row import Booking
from koppeling.snelstart import invoices, payments
from koppeling.snelstart.payments import Payment

_ZERO = Decimal(0)
_WAIT_SECONDS = 8.0


def settle(job: Job) -> None:
    """Book the payment, so that the open balance is 0."""
    row = job.claim.row
    booking, verkoopboeking_id = row.booking, row.verkoopboeking_id
    if booking is None or verkoopboeking_id is None:
        raise TypeError("a booked order without its booking")
    if booking.total == _ZERO:
        # Paid whole by gift card: there is nothing to settle.
        job.claim.settled(None)
        return
    if job.journal is None:
        # An earlier run, another connection of this shop or a person may have settled it already.
        with _turn(job, booking):
            _settle_what_is_open(job, booking, verkoopboeking_id)
    else:
        _send(job, booking, verkoopboeking_id, booking.total, job.journal)


def _settle_what_is_open(job: Job, booking: Booking, verkoopboeking_id: str) -> None:
    job.underway = None
    balance = _open_balance(job, booking, verkoopboeking_id)
    if balance == _ZERO:
        job.claim.settled(job.claim.row.payment_id)
        return
    # The profile of today: an owner who was told that a journal would not do has chosen another.
    journal = settlement(booking.gateway, booking.method, job.connection.profile, job.place.charts.get())
    verkoopboeking_id = job.claim.row.verkoopboeking_id or verkoopboeking_id
    job.claim.sending_settlement()
    _send(job, booking, verkoopboeking_id, balance, journal)


def _send(job: Job, booking: Booking, verkoopboeking_id: str, amount: Decimal, journal: Settlement) -> None:
    job.underway = "settlement"
    job.deadline.demand(WRITE_SECONDS)
    payment = Payment(verkoopboeking_id, booking.factuurnummer, booking.factuurdatum, amount)
    payment_id = payments.send(job.place.snelstart, payment, journal, clock.now())
    job.underway = None
    job.claim.settled(payment_id)


@contextmanager
def _turn(job: Job, booking: Booking) -> Iterator[None]:
    """Between looking and settling no other connection of the shop does so; `Unsettled` while another has its turn."""
    turn = job.twins.turn(booking.factuurnummer, time.monotonic() + _WAIT_SECONDS)
    if turn.wait:
        raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), turn.wait)
    try:
        yield
    except Unknown as unknown:
        turn.end(None if unknown.answered else job.claim.row.settlement)
        raise
    except Unsettled:
        turn.end(job.claim.row.settlement)
        raise
    except (Refused, Unavailable):
        turn.end()
        raise
    turn.end()


def settled_in_batch(job: Job) -> bool:
    """Whether this invoice is to be settled later, together with others: one that nobody has begun to settle."""
    return job.in_batch and job.claim.row.for_batch


def _open_balance(job: Job, booking: Booking, verkoopboeking_id: str) -> Decimal:
    """What is open of the invoice, when that is a settlement we may send now."""
    balance = invoices.open_balance(job.place.snelstart, booking.factuurnummer, verkoopboeking_id)
    if balance is None:
        balance = _found_anew(job, booking).openstaand
    mark = job.claim.row.settlement
    if balance != _ZERO and mark and not mark.may_repeat(clock.now(), settle_time()):
        raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), mark.wait(clock.now(), settle_time()))
    if not _ZERO <= balance / booking.total <= 1:
        raise Refused(differs("amount-open-differs", booking, open=balance))
    return balance


def _found_anew(job: Job, booking: Booking) -> invoices.Found:
    """Our invoice under another id than we were told, known by its number and the order's uuid; else it is gone."""
    found = invoices.find(job.place.snelstart, booking.factuurnummer)
    if found is None or not found.is_of(booking.order_uuid) or found.bedrag != booking.total:
        raise Refused(catalogue.reason("number-gone", invoice_number=booking.factuurnummer))
    job.claim.found_booked(found.verkoopboeking_id, by_us=True)
    return found
