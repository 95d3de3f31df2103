"""What of an order in the books is provably ours, and still as we left it: only that may be taken out again.

Whatever leaves a doubt is a refusal with its reason. What cannot be known beforehand is whether SnelStart's period is
still open: it says so when asked to remove something, and then nothing has changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from koppeling import catalogue, clock
from koppeling.failures import Refused
from koppeling.job import settle_time
from koppeling.order_row import Booking, OrderRow, SettledIn
from koppeling.snelstart import removal
from koppeling.snelstart.client import SnelStart
from koppeling.snelstart.listing import Listed
from koppeling.snelstart.removal import Paid, Standing

_SLACK: Final = timedelta(minutes=5)
"""How far SnelStart's clock may be ahead of ours, and its write behind our mark."""

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ours:
    """An order whose invoice may go, with the payment that settles it; None for one that has none."""

    row: OrderRow
    booking: Booking
    verkoopboeking_id: str
    payment: Paid | None


def booked(row: OrderRow) -> tuple[Booking, str]:
    """The order's invoice, when it is one that nothing else was built on. Raises `Refused`."""
    if row.state == "credited" or row.sale or row.credited_by or row.reversing or _is_credit(row):
        raise Refused(catalogue.reason("shop-undo-credited"))
    if _under_way(row):
        raise Refused(catalogue.reason("koppeling-order-busy"))
    if row.booking is None or row.verkoopboeking_id is None or row.state not in ("paid", "booked"):
        raise Refused(catalogue.reason("shop-undo-nothing"))
    return row.booking, row.verkoopboeking_id


def ours(snelstart: SnelStart, row: OrderRow, listed: Listed | None, payments: dict[str, Paid]) -> Ours:
    """Hold an order's row against the books as they are now. Raises `Refused`; other failures as `SnelStart.get`.

    `listed`: what the list of invoices has under its number. `payments`: those that were read already; read ones are
    added.
    """
    booking, booking_id = booked(row)
    number = booking.factuurnummer
    standing = identified(snelstart, booking, booking_id)
    renumbered = listed is None or listed.verkoopboeking_id.casefold() != booking_id.casefold()
    if renumbered or _changed(row, booking, standing):
        raise Refused(catalogue.reason("number-changed-by-hand", invoice_number=number))
    paid = _payment(snelstart, row, booking, payments) if row.state == "paid" and booking.total else None
    still_open = _ZERO if row.state == "paid" else booking.total
    unpaid = listed is not None and listed.openstaand == still_open
    if not unpaid or (paid and not _settles(paid, row, booking, booking_id)) or (paid is None and _needs_one(row)):
        raise Refused(catalogue.reason("number-payment-by-hand", invoice_number=number))
    return Ours(row, booking, booking_id, paid)


def identified(snelstart: SnelStart, booking: Booking, booking_id: str) -> Standing:
    """The invoice in the books, when it is of this order and of its amount. Raises `Refused`."""
    number = booking.factuurnummer
    standing = removal.sale(snelstart, booking_id)
    if standing is None:
        raise Refused(catalogue.reason("number-gone", invoice_number=number))
    if not booking.order_uuid or booking.order_uuid.casefold() not in standing.omschrijving.casefold():
        raise Refused(catalogue.reason("number-taken", invoice_number=number))
    if standing.bedrag != booking.total:
        raise Refused(catalogue.reason("number-changed-by-hand", invoice_number=number))
    return standing


def is_one_of_ours(paid: Paid) -> bool:
    """Whether a payment is one that only settles sales, by amounts that add up, and that no accountant has touched."""
    return paid.plain and not paid.by_accountant and bool(paid.lines)


def _is_credit(row: OrderRow) -> bool:
    return row.booking is not None and row.booking.kind != "sale"


def _under_way(row: OrderRow) -> bool:
    now = clock.now()
    worked_on = row.lease_until is not None and datetime.fromisoformat(row.lease_until) > now
    sent = row.invoice is not None and row.verkoopboeking_id is None
    settling = row.state == "booked" and row.settlement and not row.settlement.may_repeat(now, settle_time())
    return worked_on or sent or bool(settling)


def _changed(row: OrderRow, booking: Booking, standing: Standing) -> bool:
    """Whether anybody touched it: the accountant's flag, what we know of its content, or a later moment of change."""
    same = (
        standing.factuurnummer == booking.factuurnummer
        and standing.on.isoformat() == booking.factuurdatum
        and standing.relatie_id == booking.relatie_id.casefold()
        and bool(booking.content)
        and standing.content == booking.content
    )
    return standing.by_accountant or not same or _later(standing.modified_on, row)


def _later(modified_on: datetime | None, row: OrderRow) -> bool:
    ends = [row.invoice.sent_at] if row.invoice else []
    if row.paid_at:
        ends.append(datetime.fromisoformat(row.paid_at))
    return modified_on is None or not ends or modified_on > max(ends) + _SLACK


def _in_place(paid: Paid, settled_in: SettledIn | None) -> bool:
    """Whether a payment of many still stands where we booked it, as far as the row knows."""
    if settled_in is None:
        return True
    return (paid.head.dagboek_id, paid.head.datum[:10]) == (settled_in.dagboek_id.casefold(), settled_in.datum)


def _needs_one(row: OrderRow) -> bool:
    return row.state == "paid" and row.booking is not None and row.booking.total != _ZERO


def _payment(snelstart: SnelStart, row: OrderRow, booking: Booking, payments: dict[str, Paid]) -> Paid | None:
    """The payment our row knows; where its answer was lost, the one that bears the name we sent."""
    if row.payment_id:
        if row.payment_id not in payments:
            found = removal.payment(snelstart, row.payment_id)
            if found is None:
                return None
            payments[row.payment_id] = found
        return payments[row.payment_id]
    name = row.batch or booking.factuurnummer
    if name not in payments:
        named = list(removal.payments_named(snelstart, name))
        if len(named) != 1:
            return None
        payments[name] = named[0]
    return payments[name]


def _settles(paid: Paid, row: OrderRow, booking: Booking, booking_id: str) -> bool:
    """Whether a payment is the one we sent, for the whole of this invoice."""
    if not is_one_of_ours(paid) or paid.of(booking_id) != booking.total:
        return False
    if row.batch:
        # When others were taken out of it, that was its last change: its moment tells nothing. Its place stays.
        return paid.boekstuk == row.batch and row.batch in paid.omschrijving and _in_place(paid, row.settled_in)
    alone = len(paid.lines) == 1 and paid.boekstuk == booking.factuurnummer
    return alone and booking.factuurnummer in paid.omschrijving and not _later(paid.modified_on, row)
