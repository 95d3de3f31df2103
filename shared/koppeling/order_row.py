"""The order row as values: its one visible state, why it is there, and what is known of its invoice.

Both effects of an order (invoice, settlement) live on the order's own row, so that a state and a mark are always
one atomic write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from koppeling.failures import Reason
from koppeling.ledger import Mark, Undoing

State = Literal["received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"]

Kind = Literal["sale", "credit", "reversal"]
"""What was sent as an invoice: the order's own, a credit order's, or the taking back of an order's own."""

BOOKED_FIELDS = (
    *("asked", "batch", "booking", "invoice", "paid_at", "payment_id", "plan_notes", "run", "settled_in", "settlement"),
    *("undoing", "verkoopboeking_id"),
)
"""What a row knows of an invoice."""

DONE: tuple[State, ...] = ("paid", "credited")
"""States an order does not leave by being announced again; a paid one does when it was taken back in the shop."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What was sent to SnelStart as an invoice: enough to find it again and to settle it, and nobody's name."""

    factuurnummer: str
    order_uuid: str
    total: Decimal
    factuurdatum: str
    relatie_id: str
    gateway: str
    method: str
    kind: Kind = "sale"
    of: str = ""
    """The number of the order a credit order takes back."""
    content: str = ""
    """What it holds, as `booking.content` makes it; "" where an earlier version of this software sent it."""

    @property
    def for_batch(self) -> bool:
        """Whether its payment may be booked together with others': money that came in for a sale."""
        return self.kind == "sale" and self.total > 0

    def as_dict(self) -> dict[str, str]:
        """As stored."""
        return {
            "kind": self.kind,
            "of": self.of,
            "factuurnummer": self.factuurnummer,
            "order_uuid": self.order_uuid,
            "total": str(self.total),
            "factuurdatum": self.factuurdatum,
            "relatie_id": self.relatie_id,
            "gateway": self.gateway,
            "method": self.method,
            "content": self.content,
        }

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """From a row; None where nothing was sent yet."""
        if not isinstance(stored, dict):
            return None
        return cls(**{**stored, "total": Decimal(stored["total"])})


@dataclass(frozen=True, slots=True)
class Sale:
    """What an order's own invoice was, once its taking back has taken that place on the row."""

    booking: Booking
    verkoopboeking_id: str
    payment_id: str | None
    paid_at: str | None

    def as_dict(self) -> dict[str, Any]:
        """As stored."""
        return {
            "booking": self.booking.as_dict(),
            "verkoopboeking_id": self.verkoopboeking_id,
            "payment_id": self.payment_id,
            "paid_at": self.paid_at,
        }

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """From a row; None where the order's own invoice stands in its own place."""
        if not isinstance(stored, dict):
            return None
        booking = Booking.read(stored["booking"])
        if booking is None:
            raise TypeError("a sale without its booking")
        return cls(booking, stored["verkoopboeking_id"], stored["payment_id"], stored["paid_at"])


@dataclass(frozen=True, slots=True)
class SettledIn:
    """Where a payment of many invoices was booked: its journal and its day."""

    dagboek_nummer: int
    dagboek_id: str
    datum: str

    def as_dict(self) -> dict[str, Any]:
        """As stored."""
        return {"dagboek_nummer": self.dagboek_nummer, "dagboek_id": self.dagboek_id, "datum": self.datum}

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """From a row; None where it was settled by itself, or by an earlier version of this software."""
        if not isinstance(stored, dict):
            return None
        return cls(int(stored["dagboek_nummer"]), stored["dagboek_id"], stored["datum"])


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as it stands."""

    number: str
    state: State
    received_at: str
    updated_at: str
    paid_at: str | None = None
    seen: str = ""
    first_waited_at: str | None = None
    attempts: int = 0
    total: str | None = None
    currency: str | None = None
    booking: Booking | None = None
    invoice: Mark | None = None
    settlement: Mark | None = None
    verkoopboeking_id: str | None = None
    payment_id: str | None = None
    reason: Reason | None = None
    own_notes: tuple[str, ...] = ()
    plan_notes: tuple[str, ...] = ()
    """What to know about the invoice last sent; the next attempt's take their place."""
    due_at: str | None = None
    reversing: bool = False
    sale: Sale | None = None
    credited_by: tuple[str, ...] = ()
    lease_until: str | None = None
    """Until when a run may be working on it; None when none is."""
    run: str = ""
    """The import that sent its invoice."""
    batch: str = ""
    """The name of the payment it was settled in together with others."""
    settled_in: SettledIn | None = None
    """Where we booked that payment."""
    undoing: Undoing | None = None
    undone_at: str | None = None
    asked: bool = False
    """Taken back because the operator asked for it, whatever the shop says."""
    trace: str = ""
    """Of the webhook or retry that last told of it; of whoever came first where none did."""

    @property
    def notes(self) -> tuple[str, ...]:
        """All there is to know besides the state: of the order, and of the invoice last sent."""
        return (*self.own_notes, *(note for note in self.plan_notes if note not in self.own_notes))

    @property
    def for_batch(self) -> bool:
        """Whether its invoice is there, may be settled together with others, and nobody has begun to settle it."""
        stands = self.booking is not None and self.booking.for_batch and self.verkoopboeking_id is not None
        return stands and self.settlement is None and not self.reversing and self.undoing is None

    @property
    def undone(self) -> bool:
        """Whether its invoice was taken out of the books on request: booked again only when that is asked for."""
        return self.state == "skipped" and self.undone_at is not None

    def own_sale(self) -> Sale | None:
        """The order's own invoice, wherever on the row it stands; None when it was never booked."""
        if self.sale:
            return self.sale
        if self.booking is None or self.booking.kind != "sale" or self.verkoopboeking_id is None:
            return None
        return Sale(self.booking, self.verkoopboeking_id, self.payment_id, self.paid_at)

    def under_way(self, now: datetime) -> bool:
        """Whether a run works on it, or it may be in the books without all that belongs to it: settled, taken back."""
        worked_on = self.lease_until is not None and datetime.fromisoformat(self.lease_until) > now
        sent = self.invoice is not None and self.verkoopboeking_id is None
        return worked_on or sent or self.reversing or self.undoing is not None or self.state == "booked"

    def as_json(self) -> dict[str, Any]:
        """The order as the command line prints it; amounts are text."""
        return {
            "order_number": self.number,
            "state": self.state,
            "invoice_number": self.booking.factuurnummer if self.booking and self.verkoopboeking_id else None,
            "total": self.total,
            "currency": self.currency,
            "relatie_id": self.booking.relatie_id if self.booking else None,
            "verkoopboeking_id": self.verkoopboeking_id,
            "payment_id": self.payment_id,
            "reason": self.reason.as_dict() if self.reason else None,
            "notes": list(self.notes),
            "received_at": self.received_at,
            "paid_at": self.paid_at,
        }


def read_order(row: Mapping[str, Any]) -> OrderRow:
    """From a row of the table."""
    reason = row.get("reason")
    return OrderRow(
        number=row["order_number"],
        state=row["state"],
        received_at=row["received_at"],
        updated_at=row["updated_at"],
        paid_at=row.get("paid_at"),
        seen=row.get("seen") or "",
        first_waited_at=row.get("first_waited_at"),
        attempts=int(row.get("attempts") or 0),
        total=row.get("total"),
        currency=row.get("currency"),
        booking=Booking.read(row.get("booking")),
        invoice=Mark.read(row.get("invoice")),
        settlement=Mark.read(row.get("settlement")),
        verkoopboeking_id=row.get("verkoopboeking_id"),
        payment_id=row.get("payment_id"),
        reason=Reason.from_dict(reason) if reason else None,
        own_notes=tuple(row.get("notes") or ()),
        plan_notes=tuple(row.get("plan_notes") or ()),
        due_at=row.get("due_at"),
        reversing=bool(row.get("reversing")),
        sale=Sale.read(row.get("sale")),
        credited_by=tuple(row.get("credited_by") or ()),
        lease_until=row.get("lease_until"),
        run=row.get("run") or "",
        batch=row.get("batch") or "",
        settled_in=SettledIn.read(row.get("settled_in")),
        undoing=Undoing.read(row.get("undoing")),
        undone_at=row.get("undone_at"),
        asked=bool(row.get("asked")),
        trace=row.get("trace") or "",
    )
