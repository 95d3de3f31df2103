"""One order under our lease, as every step of its story needs it: the claim, the place of work, what is underway."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from koppeling import backoff, catalogue, clock
from koppeling.booking.plan import Settlement
from koppeling.booking.vat import CENT
from koppeling.claim import Claim
from koppeling.connections import Connection
from koppeling.deadline import Deadline
from koppeling.failures import Reason
from koppeling.fingerprint import fingerprint
from koppeling.messages import OrderMessage
from koppeling.mijnwebwinkel.models import Order
from koppeling.neighbours import Neighbours
from koppeling.order_row import Booking
from koppeling.settings import settings
from koppeling.table import Table
from koppeling.verdict import waited_too_long
from koppeling.workplace import Workplace

Effect = Literal["invoice", "settlement"]


@dataclass(frozen=True, slots=True)
class Later:
    """The message is to come back after this many seconds.

    `anew`: as a new message. Waiting for room in SnelStart's limits is no failing, and SQS counts every receive.
    """

    seconds: float
    anew: bool = False


@dataclass(slots=True)
class Job:
    """One order under our lease."""

    table: Table
    connection: Connection
    claim: Claim
    deadline: Deadline
    message: OrderMessage
    seen: str | None = None
    underway: Effect | None = None
    """The effect whose call is out right now: what an answer that it was not carried out takes the mark of."""
    journal: Settlement | None = None
    """Set straight after our own invoice: then nobody can have settled it yet."""
    later: Later | None = None
    persons: tuple[str, ...] | None = field(default=None, repr=False)
    """What the order says of its customer: not to be told on. None until the order is read."""
    given: Order | None = None
    """The order as the shop's list told it, whole: it need not be read once more."""
    in_batch: bool = False
    """Its invoice is settled later, together with others: a sale then stays `booked`."""
    run: str = ""
    """The import it is carried by."""
    _place: Workplace | None = field(default=None, init=False)

    @property
    def place(self) -> Workplace:
        """The connection, opened at its first use. `Unavailable` when that fails."""
        if self._place is None:
            self._place = Workplace.open(self.table, self.connection, live=self.message.cause != "import")
        return self._place

    @property
    def neighbours(self) -> Neighbours:
        """The connections that book in the same administration."""
        return Neighbours(self.table, self.connection.administration_id, self.connection.shared_since)

    @property
    def twins(self) -> Neighbours:
        """Those among them that are of the same shop."""
        return Neighbours(self.table, self.connection.administration_id, self.connection.twin_since)

    def close(self) -> None:
        """Done with SnelStart for now."""
        if self._place is not None:
            self._place.meter.close()

    def calls(self) -> int:
        """How many calls to SnelStart this order has cost so far."""
        return self._place.meter.made if self._place else 0

    def waits_since(self) -> datetime:
        """When the order first had to wait; now, when it does so for the first time."""
        return datetime.fromisoformat(self.claim.row.first_waited_at or clock.iso(clock.now()))

    def wait(self, order: Order, reason: Reason, *, of: str = "") -> bool:
        """Have the order asked again by the poll; or give it up, when that has been done for long enough: False.

        `of`: the number of the order that a credit order waits for.
        """
        given_up = waited_too_long(order, self.waits_since(), of)
        if given_up:
            self.claim.skip(given_up, seen=fingerprint(order))
            return False
        self.claim.wait(
            reason,
            backoff.waiting_due(clock.now(), self.waits_since()),
            seen=fingerprint(order),
            total=str(order.total.quantize(CENT)),
            currency=order.currency,
        )
        return True


def differs(code: str, booking: Booking, **found: Decimal) -> Reason:
    """The reason `code` of an invoice whose amount is not what it should be; the amounts found by their names."""
    amounts = {name: catalogue.euro(amount) for name, amount in found.items()}
    expected = catalogue.euro(booking.total)
    return catalogue.reason(code, invoice_number=booking.factuurnummer, expected=expected, **amounts)


def settle_time() -> timedelta:
    """How long a write may still be under way after nobody heard of it any more."""
    return timedelta(seconds=settings().settle_seconds)


def names(message: OrderMessage) -> dict[str, str]:
    """What every log line about an order says, and nobody's name."""
    return {
        "connection_id": message.connection_id,
        "order_number": message.order_number,
        "cause": message.cause,
        "trace": message.trace,
    }
