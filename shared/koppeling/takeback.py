"""Taking back what was booked: what a credit order finds of its original, and whether a paid order was taken back.

An order is taken back once: by its credit orders, or, where the shop has none, by one reversal of its own. The two
exclude each other on the original's row.
"""

from dataclasses import dataclass
from datetime import date

from koppeling import catalogue
from koppeling.booking.credit import Original
from koppeling.booking.decide import Ready, Skip, Waiting
from koppeling.failures import Reason
from koppeling.order_row import OrderRow, Sale


@dataclass(frozen=True, slots=True)
class Takeable:
    """The original is paid in the books: the credit order can be booked, on the same relatie."""

    original: Original
    relatie_id: str
    verkoopboeking_id: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """The original is on its way, or not announced yet (`queue`): the credit order comes after it."""

    reason: Reason
    queue: bool


def of_row(row: OrderRow) -> Takeable | NotYet | Skip:
    """What a credit order finds when its original has a row."""
    sale = row.own_sale()
    if row.state == "credited" and row.sale is not None:
        return Skip(catalogue.reason("shop-credit-already-reversed", of=row.number))
    if row.state in ("paid", "credited") and sale is not None and not row.reversing:
        return Takeable(original_of(row.number, sale), sale.booking.relatie_id, sale.verkoopboeking_id)
    if row.state == "skipped":
        return Skip(catalogue.reason("shop-credit-of-unbooked", of=row.number))
    return NotYet(catalogue.reason("shop-credit-waits", of=row.number), queue=False)


def of_shop(number: str, verdict: Ready | Skip | Waiting | None) -> NotYet | Skip:
    """What a credit order finds when nobody announced its original yet; the verdict is that on the original."""
    if isinstance(verdict, Skip):
        return Skip(catalogue.reason("shop-credit-of-unbooked", of=number))
    # None: the shop did not know it just now, which may pass.
    return NotYet(catalogue.reason("shop-credit-waits", of=number), queue=verdict is not None)


def original_of(number: str, sale: Sale) -> Original:
    """A booked sale as the pure part knows it."""
    booking = sale.booking
    return Original(
        order_number=number,
        factuurnummer=booking.factuurnummer,
        factuurdatum=date.fromisoformat(booking.factuurdatum),
        total=booking.total,
        gateway=booking.gateway,
        method=booking.method,
    )
