"""The door to one order: claim it and have it carried; look again at one that is finished."""

from dataclasses import replace

from koppeling import backoff, catalogue, clock, partner, patience, undoing, watch
from koppeling.booking.decide import Ready
from koppeling.carry import carry
from koppeling.claim import Busy, LeaseLost
from koppeling.connections import Connection, Connections
from koppeling.deadline import Deadline
from koppeling.failures import ConnectionRefused, Reason, Refused, Throttled, Unavailable
from koppeling.fingerprint import fingerprint
from koppeling.job import Job, Later, differs, names
from koppeling.messages import OrderMessage
from koppeling.mijnwebwinkel.models import Order
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from koppeling.table import Table, table
from koppeling.telemetry import logger
from koppeling.verdict import Verdict, queue_orders, verdict_on, was_taken_back
from koppeling.workplace import Workplace, meter_of

__all__ = ["Later", "sync_order"]

_ASKED_FOR = frozenset({"import", "retry"})
"""Causes of somebody who wants the order booked, not of something that was seen to happen."""

_ANNOUNCED = frozenset({"webhook", "retry"})
"""Causes with a trace of their own; what comes by itself goes on under the one the order has."""

_BUSY_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 60.0


def sync_order(message: OrderMessage, deadline: Deadline) -> Later | None:
    """Bring one order as far as it will go. None: done with this message; the order's row says what became of it.

    Raises `Unavailable` only when not even the row could be written.
    """
    rows = table()
    connection = Connections(rows).get(message.connection_id)
    if connection is None:
        logger.info("order of a connection that is gone", extra=names(message))
        return None
    orders = Orders(rows, connection.id)
    if connection.paused:
        orders.keep(message.order_number, message.received_at, message.trace)
        logger.info("order kept while its connection stands still", extra=names(message))
        return None
    shut = patience.shut(connection.id) or _no_room(rows, connection, message)
    if shut is not None:
        return _put_off(orders, message, shut)
    try:
        return _claimed(rows, connection, deadline, message)
    except Busy:
        return Later(_BUSY_SECONDS)
    except LeaseLost:
        return _overtaken(rows, message)


def _claimed(rows: Table, connection: Connection, deadline: Deadline, message: OrderMessage) -> Later | None:
    claim = Orders(rows, connection.id).claim(
        message.order_number, message.received_at, message.trace, announced=message.cause in _ANNOUNCED
    )
    if isinstance(claim, OrderRow):
        with Workplace.open(rows, connection) as place:
            return _look_again(place, claim, deadline, message)
    # What the poll goes on with is told under the trace of its webhook, up to the payment.
    message = replace(message, trace=claim.row.trace)
    if claim.row.undone and not _asked_for(claim.row, message):
        # It was taken out of the books on request: it does not come back by itself.
        claim.give_back()
        return None
    if claim.row.undoing:
        with Workplace.open(rows, connection, live=False) as place:
            return undoing.go_on(place, claim, deadline)
    job = Job(rows, connection, claim, deadline, message)
    later = carry(job)
    if later is None and claim.row.state == "paid" and job.seen is None:
        # Settled by what its row knew of it: this message may be that it was cancelled or refunded since.
        return _look_in_shop(job.place, claim.row, deadline, message)
    return later


def _overtaken(rows: Table, message: OrderMessage) -> Later | None:
    if Connections(rows).get(message.connection_id):
        logger.warning("another run took this order over", extra=names(message))
        return Later(_BUSY_SECONDS)
    # The connection was removed: what this run remembered of a customer since, the poll sweeps away.
    logger.info("connection removed while its order was under way", extra=names(message))
    return None


def _asked_for(row: OrderRow, message: OrderMessage) -> bool:
    """Whether somebody wants an order booked again that was taken out of the books, and said so after that."""
    return message.cause in _ASKED_FOR and clock.iso(message.received_at) > (row.undone_at or "")


def _no_room(rows: Table, connection: Connection, message: OrderMessage) -> Throttled | None:
    try:
        return meter_of(rows, connection, partner.partner(), live=message.cause != "import").away()
    except Unavailable:
        # Without the operator's own keys: the order's row is going to say so.
        return None


def _put_off(orders: Orders, message: OrderMessage, shut: Throttled) -> Later:
    """No call could be made now, that is known: nothing is claimed, read or asked, and no other shop waits."""
    if message.put_off % backoff.RENEW_PUT_OFF == 0:
        due = backoff.put_off_due(clock.now())
        orders.put_off(message.order_number, message.received_at, shut.reason, due)
    later = Later(backoff.put_off(shut.retry_after or 0.0, message.put_off), anew=True)
    watch.put_off(message, shut.reason, later.seconds)
    return later


def _look_again(place: Workplace, row: OrderRow, deadline: Deadline, message: OrderMessage) -> Later | None:
    """A finished order was announced once more: nothing to do, unless it changed in the shop."""
    if row.undoing:
        return undoing.go_on(place, place.orders.hold_undoing(row.number), deadline)
    if row.booking and row.booking.of:
        # The run that settled a credit order may have died before it looked at the original.
        place.orders.taken_back(row.booking.of)
        return None
    if row.state == "paid" and row.reversing:
        # A run died while it took this order back: its invoice may be in the books.
        return _take_back(place, row, deadline, message)
    if row.state == "credited" and row.sale is None:
        return None
    return _look_in_shop(place, row, deadline, message)


def _look_in_shop(place: Workplace, row: OrderRow, deadline: Deadline, message: OrderMessage) -> Later | None:
    try:
        order = place.shop.order(row.number)
        verdict, asked = verdict_on(place, order)
        back = was_taken_back(place, order, asked)
    except ConnectionRefused as refused:
        place.connection_refused(refused)
        return _ask_again(message)
    except Unavailable as unavailable:
        watch.not_looked_at(message, unavailable.reason)
        return _ask_again(message)
    except Refused:
        # It no longer says anything that could change what is in the books.
        return None
    if row.state == "paid" and back and not order.credit_order_numbers and not row.credited_by:
        return _take_back(place, row, deadline, message)
    if fingerprint(order) != row.seen:
        queue_orders(place, order.credit_order_numbers)
        if row.state == "paid" and back:
            # It is left to its credit orders: what they leave of it must not stay behind in silence.
            place.orders.taken_back(row.number, seen=fingerprint(order))
        else:
            place.orders.saw(row.number, fingerprint(order), _changed(row, order, verdict, back=back))
    return None


def _ask_again(message: OrderMessage) -> Later:
    """No attempt is counted on a finished order's row, and SQS's count must not end in the dead letters."""
    return Later(backoff.put_off(_ASK_AGAIN_SECONDS, message.put_off), anew=True)


def _take_back(place: Workplace, row: OrderRow, deadline: Deadline, message: OrderMessage) -> Later | None:
    return carry(Job(place.table, place.connection, place.orders.reopen(row.number), deadline, message))


def _changed(row: OrderRow, order: Order, verdict: Verdict, *, back: bool) -> Reason | None:
    """What somebody should know of an order that no longer is what was booked, and that nothing here may touch."""
    sale = row.own_sale()
    if row.sale and not row.asked and isinstance(verdict, Ready):
        return catalogue.reason("shop-restored")
    if sale and not back and order.total != sale.booking.total:
        return differs("amount-booked-differs", replace(sale.booking, total=order.total), booked=sale.booking.total)
    return None
