"""The story of one order under our lease: read, plan, customer, invoice, settle, record.

This file alone knows the order of events. Whatever stops an order on the way becomes its visible state, and
whatever repeats looks first at what an earlier run left behind.
"""

from koppeling import backoff, catalogue, clock, partner, watch
from koppeling.booking.decide import Credit, Skip, Waiting
from koppeling.booking.plan import plan
from koppeling.booking.vat import CENT
from koppeling.claim import LeaseLost
from koppeling.crediting import book_credit, reverse
from koppeling.discretion import without_customer
from koppeling.failures import ConnectionRefused, Reason, Refused, Throttled, Unavailable, Unknown, Unsettled
from koppeling.fingerprint import UNREADABLE, fingerprint
from koppeling.job import Effect, Job, Later
from koppeling.ledger import LEASE
from koppeling.mijnwebwinkel.models import Order
from koppeling.sending import look_for_earlier_invoice, send_sale
from koppeling.settling import settle, settled_in_batch
from koppeling.verdict import queue_orders, verdict_on

_OPERATORS = frozenset({"snelstart-subscription-key-refused", "shop-access-refused"})
"""Refusals that may be of a secret the operator has renewed meanwhile: read it anew."""

_CREDITS_AFTER_SECONDS = LEASE.total_seconds()

_SKIPPED = frozenset({"period-too-old"})
"""Refusals of SnelStart that nobody needs to act on: more than five years before the book year."""


def carry(job: Job) -> Later | None:
    """Carry the order as far as it will go, and turn whatever stops it into its state."""
    try:
        if job.claim.row.undoing:
            # Marked in the very moment it was taken: taking it out of the books is another's story.
            job.claim.undo_later(clock.now())
            return None
        return _carried(job)
    finally:
        job.close()


def _carried(job: Job) -> Later | None:
    try:
        _carry(job)
    except Refused as refused:
        return _refused(job, refused)
    except Throttled as throttled:
        return _put_off(job, throttled.reason, throttled.retry_after, forget=job.underway)
    except Unsettled as unsettled:
        return _failed(job, unsettled.reason, at_most=unsettled.retry_after)
    except Unavailable as unavailable:
        if unavailable.reason.code in _OPERATORS:
            partner.forget()
        return _failed(job, unavailable.reason, at_least=unavailable.retry_after, forget=job.underway)
    except Unknown as unknown:
        return _unknown(job, unknown)
    except LeaseLost:
        raise
    except Exception:
        # A mistake of ours: the order shows it, its marks stay, and the error goes on to the log and the alarm.
        job.claim.fail(catalogue.reason("koppeling-error"), backoff.due(clock.now(), job.claim.row.attempts + 1))
        raise
    return job.later


def _carry(job: Job) -> None:
    number = job.message.order_number
    if not number.isdigit():
        is_test = number.endswith("T") and number[:-1].isdigit()
        job.claim.skip(catalogue.reason("shop-test-order" if is_test else "shop-number-unknown"), seen="")
        watch.not_booked(job)
        return
    look_for_earlier_invoice(job)
    if _to_be_sent(job) and not _book(job):
        watch.not_booked(job)
        return
    if settled_in_batch(job):
        job.claim.leave_booked(backoff.put_off_due(clock.now()))
        return
    settle(job)
    watch.done(job)
    booking = job.claim.row.booking
    if booking and booking.of:
        job.place.orders.taken_back(booking.of)


def _to_be_sent(job: Job) -> bool:
    row = job.claim.row
    sale_stands = row.booking is not None and row.booking.kind == "sale"
    return row.verkoopboeking_id is None or (row.reversing and sale_stands)


def _book(job: Job) -> bool:
    """Read, plan, find the customer, send the invoice. False when there is nothing to book (yet)."""
    order = _read(job)
    verdict, paid = verdict_on(job.place, order)
    if job.claim.row.reversing:
        return reverse(job, order, paid)
    if isinstance(verdict, Credit):
        return book_credit(job, order, verdict)
    if isinstance(verdict, Skip):
        job.claim.skip(verdict.reason, seen=fingerprint(order))
        return False
    if isinstance(verdict, Waiting):
        job.wait(order, verdict.reason)
        return False
    # Those that came before it found nothing to take back and were skipped; an import reads none of other days. Sent
    # now, so that a run that dies after the invoice leaves them behind; and for once this run must be over.
    history = job.message.cause == "import"
    queue_orders(job.place, order.credit_order_numbers, history=history, seconds=_CREDITS_AFTER_SECONDS)
    profile = job.connection.profile
    send_sale(job, order, lambda chart, day: plan(order, profile, chart, paid, booked_on=day))
    return True


def _read(job: Job) -> Order:
    try:
        order = job.given or job.place.shop.order(job.message.order_number)
    except Refused as refused:
        if refused.reason.code == "shop-order-unreadable":
            job.seen = UNREADABLE
        raise
    job.seen, job.persons = fingerprint(order), order.debtor.told()
    job.claim.stated(total=str(order.total.quantize(CENT)), currency=order.currency)
    return order


def _refused(job: Job, refused: Refused) -> Later | None:
    if isinstance(refused, ConnectionRefused):
        otherwise = job.place.connection_refused(refused)
        if otherwise is not None:
            return _failed(job, otherwise, forget=job.underway)
    if refused.reason.code in _SKIPPED:
        job.claim.skip(refused.reason, seen=job.seen or "")
    else:
        job.claim.refuse(_told(job, refused), seen=job.seen, forget=job.underway)
    watch.refused(job, refused.reason)
    return None


def _told(job: Job, refused: Refused) -> Reason:
    """SnelStart's sentence may repeat what it was sent, or what it knows of the customer."""
    if job.persons is None:
        return without_customer(job.place, job.claim.row.number, refused, job.deadline)
    return catalogue.without(refused.reason, job.persons)


def _failed(
    job: Job,
    reason: Reason,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    forget: Effect | None = None,
) -> Later | None:
    attempts = job.claim.row.attempts + 1
    job.claim.fail(reason, backoff.due(clock.now(), attempts), forget=forget)
    watch.failed(job, reason)
    seconds = backoff.in_queue(attempts)
    if at_most is not None:
        return Later(min(at_most + 0.5, seconds or at_most))
    if seconds is None:
        return None
    return Later(max(seconds, at_least or 0.0))


def _unknown(job: Job, unknown: Unknown) -> Later | None:
    if unknown.answered:
        # A 429: nothing was done, and nothing failed.
        return _put_off(job, unknown.reason, unknown.retry_after, answered=job.underway)
    return _failed(job, unknown.reason, at_least=unknown.retry_after)


def _put_off(
    job: Job,
    reason: Reason,
    seconds: float | None,
    *,
    answered: Effect | None = None,
    forget: Effect | None = None,
) -> Later:
    """No call can be made now: back in the queue as a new message, and no attempt is counted."""
    job.claim.put_off(reason, backoff.put_off_due(clock.now()), answered=answered, forget=forget)
    later = Later(backoff.put_off(seconds or 0.0, job.message.put_off), anew=True)
    watch.put_off(job.message, reason, later.seconds)
    return later
