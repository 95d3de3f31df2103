"""What is told of each order: one line and its figures wherever its story ends, halts or fails."""

from datetime import timedelta
from typing import Final

from koppeling import clock, telemetry
from koppeling.failures import Reason
from koppeling.job import Job, names
from koppeling.ledger import Mark
from koppeling.messages import OrderMessage
from koppeling.order_row import OrderRow
from koppeling.telemetry import Metric, logger

UNKNOWN_TOO_LONG: Final = timedelta(minutes=30)
"""Of a write that nobody heard of any more it is known after `SettleSeconds`, when SnelStart can be asked."""


def done(job: Job) -> None:
    """An order is in the books and settled, or taken back. Zeros, so that averages are shares of all orders."""
    row, message = job.claim.row, job.message
    telemetry.count(Metric.ORDERS_CREDITED if row.state == "credited" else Metric.ORDERS_PAID)
    telemetry.count(Metric.ORDERS_REFUSED, 0)
    telemetry.count(Metric.ORDERS_FAILED, 0)
    took = clock.now() - message.received_at
    if message.cause == "webhook" and row.state == "paid":
        telemetry.count(Metric.WEBHOOK_TO_PAID, round(took / timedelta(milliseconds=1)))
    logger.info(
        "order done",
        extra=names(message)
        | {
            "state": row.state,
            "invoice_number": row.booking.factuurnummer if row.booking else None,
            "verkoopboeking_id": row.verkoopboeking_id,
            "payment_id": row.payment_id,
            "seconds": round(took.total_seconds(), 3),
        },
    )


def not_booked(job: Job) -> None:
    """Nothing to book, or not yet; also where an order stays as it was."""
    reason = job.claim.row.reason
    told = {"state": job.claim.row.state, "code": reason.code if reason else ""}
    logger.info("order not booked", extra=names(job.message) | told)


def refused(job: Job, reason: Reason) -> None:
    """Somebody must act."""
    telemetry.count(Metric.ORDERS_REFUSED)
    telemetry.count(Metric.ORDERS_FAILED, 0)
    _stands_still(job, reason)


def failed(job: Job, reason: Reason) -> None:
    """Nobody need act, as long as it does not last."""
    telemetry.count(Metric.ORDERS_FAILED)
    telemetry.refused(reason.code)
    if unknown_too_long(job.claim.row):
        telemetry.count(Metric.ORDERS_UNKNOWN)
    _stands_still(job, reason)


def not_looked_at(message: OrderMessage, reason: Reason) -> None:
    """A finished order was announced once more, and the shop does not tell what changed."""
    telemetry.refused(reason.code)
    logger.warning("finished order not looked at", extra=names(message) | {"code": reason.code, "whose": reason.whose})


def put_off(message: OrderMessage, reason: Reason, seconds: float) -> None:
    """No call can be made now. How long that lasts already counts for orders of now alone, not for history."""
    telemetry.count(Metric.ORDERS_PUT_OFF)
    if message.cause != "import":
        telemetry.count(Metric.PUT_OFF_FOR, (clock.now() - message.received_at).total_seconds())
    told = {"code": reason.code, "times": message.put_off + 1, "seconds": round(seconds, 3)}
    logger.info("order put off", extra=names(message) | told)


def unknown_too_long(row: OrderRow) -> bool:
    """Whether a write of this order is unanswered for so long that something keeps us from looking."""
    open_mark = row.settlement if row.verkoopboeking_id else row.invoice
    return _unanswered(open_mark) and row.state not in ("paid", "credited")


def _unanswered(mark: Mark | None) -> bool:
    return mark is not None and not mark.answered and clock.now() - mark.sent_at > UNKNOWN_TOO_LONG


def _stands_still(job: Job, reason: Reason) -> None:
    logger.warning(
        "order stands still",
        extra=names(job.message) | {"state": job.claim.row.state, "code": reason.code, "whose": reason.whose},
    )
