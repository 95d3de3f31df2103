"""The order row: its one visible state, why it is there, and the marks of its two effects in the books.

Both effects of an order (invoice, settlement) live on the order's own row, so that a state and a mark are always
one atomic write: claim, invoice sent, invoice there and settlement sent, paid. Four writes an order.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from koppeling import catalogue, clock, connections
from koppeling.failures import Reason, Unavailable
from koppeling.ledger import FREE, MINE, Lease, Mark
from koppeling.table import ConditionFailed, Key, Table

State = Literal["received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"]

Kind = Literal["sale", "credit", "reversal"]
"""What was sent as an invoice: the order's own, a credit order's, or the taking back of an order's own."""

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

    @property
    def notes(self) -> tuple[str, ...]:
        """All there is to know besides the state: of the order, and of the invoice last sent."""
        return (*self.own_notes, *(note for note in self.plan_notes if note not in self.own_notes))

    def own_sale(self) -> Sale | None:
        """The order's own invoice, wherever on the row it stands; None when it was never booked."""
        if self.sale:
            return self.sale
        if self.booking is None or self.booking.kind != "sale" or self.verkoopboeking_id is None:
            return None
        return Sale(self.booking, self.verkoopboeking_id, self.payment_id, self.paid_at)

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


def _read(row: Mapping[str, Any]) -> OrderRow:
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
    )


class Busy(Exception):
    """Another run works on this order until `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__("another run works on this order")
        self.until = until


class LeaseLost(Exception):
    """Our time on this order ran out and another run took it over: write nothing more."""


@dataclass(slots=True)
class Claim:
    """An order under our lease. Every method is one conditional write; `row` is the order as it then is."""

    _table: Table
    _key: Key
    _lease: Lease
    row: OrderRow
    _notes: list[str] = field(default_factory=list)
    _facts: dict[str, str] = field(default_factory=dict)

    def stated(self, *, total: str, currency: str) -> None:
        """What the shop states, for the order's state to show; written with the next step."""
        if self.row.own_sale() is None:
            self._facts = {"total": total, "currency": currency}

    def note(self, *notes: str) -> None:
        """Remember notes; they are written with the next step."""
        self._notes += [note for note in notes if note not in self._notes and note not in self.row.own_notes]

    def sending_invoice(self, booking: Booking, *, currency: str, seen: str, notes: tuple[str, ...]) -> None:
        """Before the invoice is sent: the mark, and what it will hold."""
        values = {
            "booking": booking.as_dict(),
            "invoice": Mark(clock.now()).as_dict(),
            "total": str(booking.total),
            "currency": currency,
            "seen": seen,
            "plan_notes": list(notes),
        }
        self._facts.clear()
        sale = self.row.own_sale() if booking.kind == "reversal" else None
        if sale:
            # An order is taken back by one credit booking: by this one, or by credit orders.
            values |= {"sale": sale.as_dict(), "total": self.row.total}
            self.note(*self.row.plan_notes)
        self._write(
            values,
            remove=("verkoopboeking_id", "settlement", "reason", "payment_id"),
            condition=f"{MINE} AND attribute_not_exists(#credited_by)" if sale else MINE,
        )

    def booked(self, verkoopboeking_id: str) -> None:
        """The invoice is there; its settlement is sent next. One write for both."""
        self._write(
            {
                "state": "booked",
                "verkoopboeking_id": verkoopboeking_id,
                "settlement": Mark(clock.now()).as_dict(),
            },
            remove=("reason",),
        )

    def found_booked(self, verkoopboeking_id: str, *, by_us: bool) -> None:
        """The invoice is there already. `by_us`: this row's own earlier attempt, so nobody else can be settling it.

        Otherwise another connection of the same shop, or one that was removed, may be settling it this very moment:
        the mark makes us wait as long as for an attempt of our own.
        """
        values: dict[str, Any] = {"state": "booked", "verkoopboeking_id": verkoopboeking_id}
        if not by_us:
            values["settlement"] = Mark(clock.now()).as_dict()
        self._write(values, remove=("reason",))

    def sending_settlement(self) -> None:
        """Before the settlement is sent (again)."""
        self._write({"settlement": Mark(clock.now()).as_dict()})

    def settled(self, payment_id: str | None) -> None:
        """The open balance is 0: done."""
        is_sale = self.row.booking is None or self.row.booking.kind == "sale"
        values = {"paid_at": clock.iso(clock.now()), "payment_id": payment_id, "reason": None}
        self._release("paid" if is_sale else "credited", values, remove=("reversing",))

    def stay_paid(self, *, seen: str) -> None:
        """Not to be taken back after all, and nothing of a reversal is in the books: the sale in its own place."""
        values: dict[str, Any] = {"seen": seen, "reason": None}
        if self.row.sale:
            values |= self.row.sale.as_dict()
        self._release("paid", values, remove=("reversing", "sale", "invoice", "settlement"))

    def skip(self, reason: Reason, *, seen: str) -> None:
        """Nothing to book."""
        self._release("skipped", {"reason": reason.as_dict(), "seen": seen})

    def refuse(
        self, reason: Reason, *, seen: str | None = None, forget: Literal["invoice", "settlement"] | None
    ) -> None:
        """Somebody must act. `forget`: the effect that was definitely refused, so its mark goes.

        An order whose invoice is there keeps the state `booked`, with the reason: it is not unbooked by a
        settlement that somebody must help along.
        """
        values: dict[str, Any] = {"reason": reason.as_dict()}
        if seen is not None:
            values["seen"] = seen
        self._release(self._booked_or("refused"), values, remove=_of(forget))

    def wait(self, reason: Reason, due: datetime, *, seen: str, total: str, currency: str) -> None:
        """Not yet to be booked: asked again at `due`."""
        values = {"reason": reason.as_dict(), "seen": seen, "total": total, "currency": currency}
        self._release("waiting", values, due=due, keep={"first_waited_at": clock.iso(clock.now())})

    def fail(
        self,
        reason: Reason,
        due: datetime,
        *,
        answered: Literal["invoice", "settlement"] | None = None,
        forget: Literal["invoice", "settlement"] | None = None,
    ) -> None:
        """Our trouble: tried again at `due` at the latest. `answered`: the effect's attempt has certainly ended."""
        values: dict[str, Any] = {"reason": reason.as_dict(), "attempts": self.row.attempts + 1}
        mark = getattr(self.row, answered) if answered else None
        if answered and mark:
            values[answered] = Mark(mark.sent_at, answered=True).as_dict()
        self._release(self._booked_or("failed"), values, due=due, remove=_of(forget))

    def _booked_or(self, state: State) -> State:
        """An order whose invoice stands in the books is booked, unless that invoice is to be taken back."""
        return "booked" if self.row.verkoopboeking_id and not self.row.reversing else state

    def give_back(self) -> None:
        """Let go without a verdict, as if never claimed."""
        self._release(self.row.state, {})

    def _release(
        self,
        state: State,
        values: dict[str, Any],
        *,
        due: datetime | None = None,
        remove: tuple[str, ...] = (),
        keep: dict[str, Any] | None = None,
    ) -> None:
        if due:
            values |= {"due_pk": self._key.pk, "due_at": clock.iso(due)}
        gone = {"owner", "lease_until", "due_pk", "due_at", *remove} - values.keys()
        self._write({"state": state, **values}, remove=tuple(gone), keep=keep)

    def _write(
        self,
        values: dict[str, Any],
        *,
        remove: tuple[str, ...] = (),
        keep: dict[str, Any] | None = None,
        condition: str = MINE,
    ) -> None:
        notes = {"notes": [*self.row.own_notes, *self._notes]} if self._notes else {}
        try:
            row = self._table.update(
                self._key,
                {**self._facts, **values, **notes, "updated_at": clock.iso(clock.now())},
                keep=keep,
                remove=remove,
                condition=condition,
                given={"owner": self._lease.owner},
            )
        except ConditionFailed as error:
            raise LeaseLost from error
        self._notes.clear()
        self._facts.clear()
        self.row = _read(row)


def _of(effect: Literal["invoice", "settlement"] | None) -> tuple[str, ...]:
    """What goes with an effect that certainly was not: its mark, and the notes on an invoice that is none."""
    return ("invoice", "plan_notes") if effect == "invoice" else (effect,) if effect else ()


class Orders:
    """The orders of one connection."""

    def __init__(self, table: Table, connection_id: str) -> None:
        self._table = table
        self._pk = connections.partition(connection_id)

    def key(self, number: str) -> Key:
        """Where an order's row is: plain numbers sort as numbers."""
        return Key(self._pk, f"ORDER#{number:0>20}")

    def get(self, number: str) -> OrderRow | None:
        """The order, or None when it was never announced."""
        row = self._table.get(self.key(number))
        return _read(row) if row else None

    def all(self, state: State | None = None) -> Iterator[OrderRow]:
        """All orders, by number."""
        return (_read(row) for row in self._table.rows(self._pk, "ORDER#") if state is None or row["state"] == state)

    def known(self, numbers: list[str]) -> dict[str, OrderRow]:
        """Those of up to 100 orders that have a row."""
        rows = self._table.get_many([self.key(number) for number in numbers])
        return {row["order_number"]: _read(row) for row in rows.values()}

    def due(self, now: datetime) -> Iterator[str]:
        """The numbers of orders to be asked again by now, longest overdue first."""
        return (key.sk.removeprefix("ORDER#").lstrip("0") for key in self._table.due(self._pk, clock.iso(now)))

    def claim(self, number: str, received_at: datetime) -> Claim | OrderRow:
        """Take the order to work on it. A finished one comes back as its row; `Busy` when another run has it."""
        now = clock.now()
        lease = Lease.take(now)
        try:
            row = self._table.update(
                self.key(number),
                {**lease.values(), "order_number": number, "updated_at": clock.iso(now)},
                keep={"state": "received", "received_at": clock.iso(received_at)},
                condition=f"(attribute_not_exists(#state) OR NOT #state IN (:paid, :credited)) AND {FREE}",
                given={"paid": "paid", "credited": "credited", "now": clock.iso(now)},
            )
        except ConditionFailed as error:
            if error.row.get("state") in DONE:
                return _read(error.row)
            raise Busy(datetime.fromisoformat(error.row["lease_until"])) from error
        return Claim(self._table, self.key(number), lease, _read(row))

    def reopen(self, number: str) -> Claim:
        """Take a paid order to take its invoice back. `Busy` when another run has it or it is no longer paid."""
        now = clock.now()
        lease = Lease.take(now)
        try:
            row = self._table.update(
                self.key(number),
                {**lease.values(), "reversing": True, "updated_at": clock.iso(now)},
                condition=f"#state = :paid AND attribute_not_exists(#credited_by) AND {FREE}",
                given={"paid": "paid", "now": clock.iso(now)},
            )
        except ConditionFailed as error:
            raise Busy(now) from error
        return Claim(self._table, self.key(number), lease, _read(row))

    def saw(self, number: str, seen: str, reason: Reason | None) -> None:
        """Remember that a finished order was looked at, and what somebody should know of how it differs now."""
        with suppress(ConditionFailed):
            self._table.update(
                self.key(number),
                {"seen": seen, "reason": reason.as_dict() if reason else None},
                condition="#state IN (:paid, :credited) AND attribute_not_exists(#owner)",
                given={"paid": "paid", "credited": "credited"},
            )

    def credit(self, number: str, by: str) -> None:
        """Note on an order that stands in the books that the credit order `by` takes back of it, before that is sent.

        `Unavailable` when the order changes this very moment or is being taken back itself: never both.
        """
        original = self.get(number)
        if original is None:
            raise LookupError("a paid order without a row")
        if by in original.credited_by:
            return
        try:
            self._table.update(
                self.key(number),
                {"credited_by": [*original.credited_by, by], "updated_at": clock.iso(clock.now())},
                condition="#state IN (:paid, :credited) AND attribute_not_exists(#sale)"
                " AND attribute_not_exists(#reversing) AND #updated_at = :seen_at",
                given={"paid": "paid", "credited": "credited", "seen_at": original.updated_at},
            )
        except ConditionFailed as error:
            raise Unavailable(catalogue.reason("koppeling-order-busy")) from error

    def taken_back(self, number: str) -> None:
        """Call an order credited once its credit orders have taken back all of it."""
        original = self.get(number)
        if original is None or original.state != "paid" or original.total is None:
            return
        booked = [row for row in self.known(list(original.credited_by)).values() if row.state == "credited"]
        if -sum((Decimal(row.total or 0) for row in booked), Decimal(0)) < Decimal(original.total):
            return
        with suppress(ConditionFailed):
            self._table.update(
                self.key(number), {"state": "credited"}, condition="#state = :paid", given={"paid": "paid"}
            )

    def keep(self, number: str, received_at: datetime) -> None:
        """Remember an order of a connection that stands still; nothing is asked or sent for it now."""
        values = {"order_number": number, "state": "received", "updated_at": clock.iso(clock.now())}
        # What is in the books stays where it is, and a run that began before the pause ends by itself.
        untouched = "NOT #state IN (:booked, :paid, :credited) AND attribute_not_exists(#owner)"
        with suppress(ConditionFailed):
            self._table.update(
                self.key(number),
                values,
                keep={"received_at": clock.iso(received_at)},
                remove=("reason",),
                condition=f"attribute_not_exists(#state) OR ({untouched})",
                given={"booked": "booked", "paid": "paid", "credited": "credited"},
            )
