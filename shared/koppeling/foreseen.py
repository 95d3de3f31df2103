"""What a look ahead comes to: for each order its outcome, its invoice as far as one can be planned, and why."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from koppeling.booking.plan import Plan
from koppeling.booking.vat import LineKind
from koppeling.failures import Reason
from koppeling.fingerprint import fingerprint
from koppeling.mijnwebwinkel.models import Order
from koppeling.order_row import Booking, OrderRow

Outcome = Literal["book", "credit", "booked", "waiting", "again", "skip", "refuse"]
"""What would become of an order now. `credit`: a credit booking, of a credit order or to take a booked order back.
`booked`: its invoice is in the books and stays as it is. `again`: somebody who must be asked first gives no answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the invoice, its account with its name; `bedrag` in euro without VAT."""

    omschrijving: str
    grootboek_nummer: int
    grootboek_omschrijving: str
    bedrag: Decimal
    btw_soort: LineKind


@dataclass(frozen=True, slots=True)
class Invoice:
    """A planned invoice with the names of its accounts and its journal."""

    plan: Plan
    lines: tuple[Line, ...]
    dagboek_omschrijving: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An invoice that is in the books as far as our rows know."""

    factuurnummer: str
    verkoopboeking_id: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What was done otherwise than it would be done now; `name` in words of the command line."""

    name: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Preview:
    """One order: what would become of it, and the invoice as far as one can be planned.

    `reason` says why an order is waiting, tried again, skipped or refused; of one that is in the books, why it would be
    refused if it were booked now. `row` is what we know of it so far. `takes_back`: the booked invoice that a credit is
    of.
    """

    number: str
    outcome: Outcome
    reason: Reason | None = None
    order: Order | None = field(default=None, repr=False)
    invoice: Invoice | None = None
    row: OrderRow | None = None
    notes: tuple[str, ...] = ()
    takes_back: Standing | None = None

    @property
    def sends(self) -> Plan | None:
        """The invoice that would be sent now; None for every outcome but `book` and `credit`."""
        return self.invoice.plan if self.invoice and self.outcome in ("book", "credit") else None

    @property
    def booking(self) -> Booking | None:
        """What was booked for this order (of one taken back since: its own invoice); None when nothing was."""
        if self.row is None or self.row.verkoopboeking_id is None:
            return None
        return self.row.sale.booking if self.row.sale else self.row.booking

    def differences(self) -> tuple[Difference, ...]:
        """Where what would be done now is not what was done; of an order never booked, the reason it stands still."""
        booking, order, row = self.booking, self.order, self.row
        if row is None:
            return ()
        if booking is None:
            then, now = row.reason.code if row.reason else "", self.reason.code if self.reason else self.outcome
            return (Difference("reason", then, now),) if then and then != now else ()
        pairs = [("order", row.seen, fingerprint(order))] if order and row.seen else []
        if self.invoice and self.outcome != "credit":
            planned = self.invoice.plan
            pairs += [
                ("invoice", booking.factuurnummer, planned.factuurnummer),
                ("date", booking.factuurdatum, planned.factuurdatum.isoformat()),
                ("total", str(booking.total), str(planned.total)),
                ("payment", _way(booking.gateway, booking.method), _way_of(planned)),
            ]
        return tuple(Difference(name, then, now) for name, then, now in pairs if then != now)


def _way(gateway: str, method: str) -> str:
    return ":".join(part for part in (gateway, method) if part)


def _way_of(planned: Plan) -> str:
    return _way(planned.settlement.gateway, planned.settlement.method)
