"""Taking an invoice out of the books again, on request: marked on the order's row, then the payment, then the invoice.

The row is marked before anything is removed, and from then on whoever meets the order goes on with it: the command, a
live message, the poll. Removing is by id, so it can be repeated. The invoice is asked for first, while it is paid:
SnelStart then says whether its period is open, and nothing has changed.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from koppeling import catalogue, clock
from koppeling.claim import Claim
from koppeling.deadline import WRITE_SECONDS, Deadline
from koppeling.discretion import without_customer
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable, Unknown
from koppeling.job import Later
from koppeling.ledger import Undoing
from koppeling.order_row import Booking, OrderRow
from koppeling.provable import is_one_of_ours
from koppeling.snelstart import removal
from koppeling.snelstart.errors import SnelStartRefused
from koppeling.telemetry import logger
from koppeling.verdict import queue_orders
from koppeling.workplace import Workplace

if TYPE_CHECKING:
    from koppeling.snelstart.removal import Journal

_TRIES: Final = 4
_CLOSED: Final = frozenset({"period-accountant-lock", "period-blocked", "period-too-old", "period-vat-filed"})
_GO_ON: Final = timedelta(minutes=15)
_AGAIN_SECONDS: Final = 60.0
_NOTE: Final = "Factuur {number} is op verzoek teruggedraaid."


def due() -> datetime:
    """When the poll goes on with what was begun, should nobody else."""
    return clock.now() + _GO_ON


def go_on(place: Workplace, claim: Claim, deadline: Deadline) -> Later | None:
    """Go on with an order that a command left half-way. None: it ended, or the connection stands still."""
    try:
        finish(place, claim, deadline)
    except ConnectionRefused as refused:
        claim.undo_later(due())
        place.connection_refused(refused)
    except (Unavailable, Unknown) as trouble:
        claim.undo_later(due())
        logger.warning(
            "an order is not taken back yet",
            extra={"connection_id": place.connection.id, "order_number": claim.row.number, "code": trouble.reason.code},
        )
        return Later(max(trouble.retry_after or 0.0, _AGAIN_SECONDS), anew=True)
    return None


def finish(place: Workplace, claim: Claim, deadline: Deadline | None = None) -> Reason | None:
    """Take a marked order's invoice out of the books; why not, when it stays.

    Raises `ConnectionRefused`, `Unavailable` and `Unknown`: the mark then stays as it is.
    """
    try:
        _remove(place, claim.row, deadline)
    except ConnectionRefused:
        raise
    except Refused as refused:
        return give_up(place, claim, refused)
    done(claim)
    return None


def done(claim: Claim) -> None:
    """Record that an order's invoice is out of the books."""
    booking = claim.row.booking
    claim.undone(catalogue.reason("shop-undone"), _NOTE.format(number=booking.factuurnummer if booking else "?"))


def give_up(place: Workplace, claim: Claim, refused: Refused) -> Reason:
    """Leave an order as it was; one whose payment went already is settled again by its own run."""
    row = claim.row
    reason = _told(place, row, refused)
    if row.undoing and row.undoing.was == "booked":
        claim.undo_given_up(clock.now())
    elif _is_paid(place, row):
        claim.undo_given_up(None)
        return reason
    else:
        claim.undo_given_up(clock.now(), reason)
    with suppress(Unavailable):
        # Else the poll: it is due.
        queue_orders(place, (row.number,))
    return reason


def removed(place: Workplace, verkoopboeking_id: str) -> bool:
    """Have SnelStart remove an invoice; False when it still has a payment. Failures as `SnelStart.delete`."""
    try:
        return removal.remove_sale(place.snelstart, verkoopboeking_id)
    except Unknown as unknown:
        if unknown.answered or removal.sale(place.snelstart, verkoopboeking_id) is not None:
            raise
        return True


def open_again(place: Workplace, undoing: Undoing, sales: Collection[str]) -> None:
    """Take these sales out of the payment of a marked order; the others in it stay paid.

    Raises `Refused` when it is not there or no longer as we left it. Other failures as `SnelStart.delete`.
    """
    paid = _payment(place, undoing)
    if paid is None or not is_one_of_ours(paid) or not any(map(paid.of, sales)):
        raise Refused(catalogue.reason("number-payment-by-hand", invoice_number=paid.boekstuk if paid else "…"))
    try:
        removal.take_out(place.snelstart, paid, sales)
    except Unknown as unknown:
        now = None if unknown.answered else _payment(place, undoing)
        if unknown.answered or (now and any(map(now.of, sales))):
            raise


def _remove(place: Workplace, row: OrderRow, deadline: Deadline | None) -> None:
    if row.verkoopboeking_id is None or row.undoing is None:
        return
    for _ in range(_TRIES):
        if deadline:
            deadline.demand(WRITE_SECONDS)
        if removed(place, row.verkoopboeking_id):
            return
        if deadline:
            deadline.demand(WRITE_SECONDS)
        open_again(place, row.undoing, (row.verkoopboeking_id,))
    raise Unavailable(catalogue.reason("snelstart-outcome-unknown"))


def _payment(place: Workplace, undoing: Undoing) -> removal.Paid | None:
    if not undoing.payment_id:
        return None
    return removal.payment(place.snelstart, undoing.payment_id, (cast("Journal", undoing.journal),))


def _is_paid(place: Workplace, row: OrderRow) -> bool:
    """Whether the payment is untouched; not when that cannot be read now: then the order's own run finds out."""
    if row.undoing is None or row.verkoopboeking_id is None or not row.undoing.payment_id:
        return True
    try:
        paid = _payment(place, row.undoing)
    except (Refused, Unavailable):
        return False
    return paid is not None and paid.of(row.verkoopboeking_id) != 0


def _told(place: Workplace, row: OrderRow, refused: Refused) -> Reason:
    booking: Booking | None = row.booking
    if booking is None:
        return without_customer(place, row.number, refused)
    if isinstance(refused, SnelStartRefused) and refused.reason.code in _CLOSED:
        day = catalogue.on(date.fromisoformat(booking.factuurdatum))
        return catalogue.reason(
            "period-undo-closed", invoice_number=booking.factuurnummer, date=day, error_code=refused.codes[0]
        )
    if refused.reason.code == "number-payment-by-hand":
        return catalogue.reason("number-payment-by-hand", invoice_number=booking.factuurnummer)
    return without_customer(place, row.number, refused)
