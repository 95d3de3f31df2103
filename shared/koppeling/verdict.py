"""The verdict on an order as the shop states it now, its payments read where the order itself does not tell enough."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from koppeling import backoff, catalogue, clock, queues
from koppeling.booking.decide import AskPayments, Credit, Ready, Skip, Waiting, decide, taken_back
from koppeling.connections import Connections
from koppeling.failures import Reason, Refused
from koppeling.messages import Cause, OrderMessage
from koppeling.mijnwebwinkel.models import Order, Payments, ShopStatuses
from koppeling.settings import settings
from koppeling.workplace import Workplace

Verdict = Ready | Skip | Waiting | Credit


def verdict_on(place: Workplace, order: Order) -> tuple[Verdict, Payments | None]:
    """What to do with an order as it stands, and its payments where they had to be read.

    Raises as the calls of `Shop`, and `Refused` for what cannot be decided.
    """
    return verdict_by(place, order, _statuses(place, order.status))


def verdict_by(place: Workplace, order: Order, statuses: ShopStatuses) -> tuple[Verdict, Payments | None]:
    """The same by these statuses of the shop; only reads."""
    profile = place.connection.profile
    verdict, asked = decide(order, profile, statuses, None), None
    if isinstance(verdict, Skip):
        _demand_credited(place, order, verdict.reason)
    if isinstance(verdict, AskPayments):
        asked = place.shop.payments(order.number)
        verdict = decide(order, profile, statuses, asked)
    if isinstance(verdict, AskPayments):
        raise TypeError("the payments were asked for twice")
    if isinstance(verdict, Ready) and asked is None and order.payment is None and order.total:
        # Paid, but the order does not say how: the journal depends on it.
        asked = place.shop.payments(order.number)
    return verdict, asked


def _demand_credited(place: Workplace, order: Order, why: Reason) -> None:
    """`Refused` for a credit order that is too old, of an order that we booked: as an import does with its days alone.

    Whether another program booked the credit nobody here can know; left in silence the sale might stand whole.
    """
    of, start = order.credited_order_number, place.connection.profile.start_date
    if why.code != "shop-before-start-date" or of is None or start is None:
        return
    original = place.orders.get(of)
    if original is None or original.sale or order.number in original.credited_by:
        return
    sent = original.invoice is not None and original.state != "skipped"
    if sent or original.own_sale():
        placed, begins = catalogue.on(order.placed_at.date()), catalogue.on(start)
        raise Refused(catalogue.reason("shop-credit-before-start-date", of=of, date=placed, start_date=begins))


def was_taken_back(place: Workplace, order: Order, payments: Payments | None) -> bool:
    """Whether an order that was booked has been cancelled or refunded since."""
    return taken_back(order, place.connection.profile, _statuses(place, order.status), payments)


def _statuses(place: Workplace, status: int) -> ShopStatuses:
    """The shop's statuses, read anew when the order has one that was made since."""
    known = ShopStatuses(place.connection.statuses)
    if known.knows(status):
        return known
    listed = place.shop.order_statuses()
    Connections(place.table).learn_statuses(place.connection, listed)
    return ShopStatuses(listed)


def waited_too_long(order: Order, since: datetime, of: str = "") -> Reason | None:
    """Why an order is asked no more, once it has waited for long enough: from when it was placed.

    `of`: what a credit order waits for, from `since`. One of long ago finds its original under way as it is imported.
    """
    if clock.now() - (max(order.placed_at, since) if of else order.placed_at) <= backoff.WAITING_GIVEN_UP:
        return None
    days = backoff.WAITING_GIVEN_UP.days
    if of:
        return catalogue.reason("shop-credit-waited-too-long", days=days, of=of)
    return catalogue.reason("shop-unpaid-too-long", days=days)


def queue_orders(place: Workplace, numbers: Iterable[str], *, history: bool = False, seconds: float = 0.0) -> None:
    """Queue orders that another order led to, to come after this long, those of `history` in the slow lane.

    `Unavailable` when SQS does not take them.
    """
    cause: Cause = "import" if history else "poll"
    url = settings().backlog_queue_url if history else settings().order_queue_url
    messages = [OrderMessage(place.connection.id, number, cause, clock.now(), uuid.uuid4().hex) for number in numbers]
    queues.send_orders(url, messages, seconds)
