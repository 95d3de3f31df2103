"""An order under a lease: every step of its story is one conditional write of its row.

Claim, invoice sent, invoice there and settlement sent, paid: four writes an order.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from koppeling import clock, retention
from koppeling.failures import Reason
from koppeling.ledger import LEASE, MINE, Lease, Mark
from koppeling.order_row import BOOKED_FIELDS, DONE, Booking, OrderRow, State, read_order
from koppeling.table import ConditionFailed, Key, Table


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

    def sending_invoice(
        self, booking: Booking, *, currency: str, seen: str, notes: tuple[str, ...], run: str = ""
    ) -> None:
        """Before the invoice is sent: the mark, and what it will hold. `run`: the import it is sent by."""
        values = {
            "booking": booking.as_dict(),
            "invoice": Mark(clock.now()).as_dict(),
            "total": str(booking.total),
            "currency": currency,
            "seen": seen,
            "plan_notes": list(notes),
        }
        if run:
            values["run"] = run
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

    def booked(self, verkoopboeking_id: str, *, settling: bool = True) -> None:
        """The invoice is there; its settlement is sent next, unless that is for later. One write for both."""
        values: dict[str, Any] = {"state": "booked", "verkoopboeking_id": verkoopboeking_id}
        if settling:
            values["settlement"] = Mark(clock.now()).as_dict()
        self._write(values, remove=("reason", "batch"))

    def leave_booked(self, due: datetime) -> None:
        """The invoice is there and will be settled together with others; by itself at `due`, should that not happen."""
        self._release("booked", {"reason": None}, due=due)

    def found_booked(self, verkoopboeking_id: str, *, by_us: bool) -> None:
        """The invoice is there already. `by_us`: this row's own earlier attempt, so nobody else can be settling it.

        Otherwise another connection of the same shop, or one that was removed, may be settling it this very moment:
        the mark makes us wait as long as for an attempt of our own at the end of the time that run may take.
        """
        values: dict[str, Any] = {"state": "booked", "verkoopboeking_id": verkoopboeking_id}
        if not by_us:
            values["settlement"] = Mark(clock.now() + LEASE).as_dict()
        self._write(values, remove=("reason", "batch"))

    def sending_settlement(self) -> None:
        """Before the settlement is sent (again)."""
        self._write({"settlement": Mark(clock.now()).as_dict()}, remove=("batch",))

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
        self._release("paid", values, remove=("reversing", "asked", "sale", "invoice", "settlement"))

    def undone(self, reason: Reason, note: str) -> None:
        """Its invoice and its payment are out of the books: as if it had never been booked, but for what is told."""
        self.note(note)
        self._release(
            "skipped", {"reason": reason.as_dict(), "undone_at": clock.iso(clock.now())}, remove=BOOKED_FIELDS
        )

    def undo_later(self, due: datetime) -> None:
        """Its invoice is still to be taken out of the books: gone on with at `due`, by whoever meets it then."""
        self._release(self.row.state, {}, due=due)

    def undo_given_up(self, due: datetime | None, reason: Reason | None = None) -> None:
        """Its invoice stays in the books. `due`: when it is to be settled, unless it is paid.

        `reason`: its payment may be gone, for this is why the rest of it stopped half-way.
        """
        values: dict[str, Any] = {"reason": reason.as_dict()} if reason else {}
        gone = ("settlement", "batch", "paid_at") if reason else ()
        self._release("booked" if due else "paid", values, due=due, remove=("undoing", *gone))

    def skip(self, reason: Reason, *, seen: str) -> None:
        """Nothing to book."""
        self._release("skipped", {"reason": reason.as_dict(), "seen": seen}, remove=("undone_at",))

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
        forget: Literal["invoice", "settlement"] | None = None,
    ) -> None:
        """Our trouble: tried again at `due` at the latest."""
        values: dict[str, Any] = {"reason": reason.as_dict(), "attempts": self.row.attempts + 1}
        self._release(self._booked_or("failed"), values, due=due, remove=_of(forget))

    def put_off(
        self,
        reason: Reason,
        due: datetime,
        *,
        answered: Literal["invoice", "settlement"] | None = None,
        forget: Literal["invoice", "settlement"] | None = None,
    ) -> None:
        """No call is made now: not an attempt. `answered`: the effect's attempt has certainly ended."""
        values: dict[str, Any] = {"reason": reason.as_dict()}
        mark = getattr(self.row, answered) if answered else None
        if answered and mark:
            values[answered] = Mark(mark.sent_at, answered=True).as_dict()
        self._release(self._booked_or("received"), values, due=due, remove=_of(forget))

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
        values |= self._expiry(state)
        anew = () if state == "skipped" else ("undone_at",)
        gone = {"owner", "lease_until", "due_pk", "due_at", "expires_at", *anew, *remove} - values.keys()
        self._write({"state": state, **values}, remove=tuple(gone), keep=keep)

    def _expiry(self, state: State) -> dict[str, int]:
        """When the row may go: never while somebody or something still has to do with it."""
        if state in DONE or (state == "skipped" and (self.row.invoice or self.row.undone_at)):
            return {"expires_at": retention.expiry(retention.BOOKS)}
        return {"expires_at": retention.expiry(retention.NOT_BOOKED)} if state == "skipped" else {}

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
        self.row = read_order(row)


def _of(effect: Literal["invoice", "settlement"] | None) -> tuple[str, ...]:
    """What goes with an effect that certainly was not: its mark, and the notes on an invoice that is none."""
    return ("invoice", "plan_notes") if effect == "invoice" else (effect,) if effect else ()
