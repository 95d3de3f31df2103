"""The order row: its one visible state, why it is there, and the marks of its two effects in the books.

Both effects of an order (invoice, settlement) live on the order's own row, so that a state and a mark are always
one atomic write: claim, invoice sent, invoice there and settlement sent, paid. Four writes an order.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from koppeling import catalogue, clock, connections, retention
from koppeling.failures import Reason, Unavailable
from koppeling.ledger import FREE, MINE, Lease, Mark, Undoing
from koppeling.table import ConditionFailed, Key, Table

State = Literal["received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"]

Kind = Literal["sale", "credit", "reversal"]
"""What was sent as an invoice: the order's own, a credit order's, or the taking back of an order's own."""

_PARTLY = "shop-partly-credited"
_TRIES = 5

BOOKED_FIELDS = (
    *("asked", "batch", "booking", "invoice", "paid_at", "payment_id", "plan_notes", "run", "settlement", "undoing"),
    "verkoopboeking_id",
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
    undoing: Undoing | None = None
    undone_at: str | None = None
    asked: bool = False
    """Taken back because the operator asked for it, whatever the shop says."""

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
        lease_until=row.get("lease_until"),
        run=row.get("run") or "",
        batch=row.get("batch") or "",
        undoing=Undoing.read(row.get("undoing")),
        undone_at=row.get("undone_at"),
        asked=bool(row.get("asked")),
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
        the mark makes us wait as long as for an attempt of our own.
        """
        values: dict[str, Any] = {"state": "booked", "verkoopboeking_id": verkoopboeking_id}
        if not by_us:
            values["settlement"] = Mark(clock.now()).as_dict()
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
        self.row = _read(row)


def _of(effect: Literal["invoice", "settlement"] | None) -> tuple[str, ...]:
    """What goes with an effect that certainly was not: its mark, and the notes on an invoice that is none."""
    return ("invoice", "plan_notes") if effect == "invoice" else (effect,) if effect else ()


def _taken(credits_: Iterable[OrderRow]) -> Decimal:
    """What these credit orders take back; their totals are negative."""
    return -sum((Decimal(row.total or 0) for row in credits_), Decimal(0))


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
                remove=("expires_at",),
                condition=f"(attribute_not_exists(#state) OR NOT #state IN (:paid, :credited)) AND {FREE}",
                given={"paid": "paid", "credited": "credited", "now": clock.iso(now)},
            )
        except ConditionFailed as error:
            if error.row.get("state") in DONE:
                return _read(error.row)
            raise Busy(datetime.fromisoformat(error.row["lease_until"])) from error
        return Claim(self._table, self.key(number), lease, _read(row))

    def reopen(self, number: str, *, asked: datetime | None = None) -> Claim:
        """Take a paid order to take its invoice back. `Busy` when another run has it or it is no longer paid.

        `asked`: the operator asked for it, whatever the shop says; when the poll goes on with it, should nobody else.
        """
        now = clock.now()
        lease = Lease.take(now)
        told = {"asked": True, "due_pk": self._pk, "due_at": clock.iso(asked)} if asked else {}
        try:
            row = self._table.update(
                self.key(number),
                {**lease.values(), "reversing": True, "updated_at": clock.iso(now), **told},
                remove=("expires_at",),
                condition="#state = :paid AND attribute_not_exists(#credited_by) AND attribute_not_exists(#undoing)"
                f" AND {FREE}",
                given={"paid": "paid", "now": clock.iso(now)},
            )
        except ConditionFailed as error:
            raise Busy(now) from error
        return Claim(self._table, self.key(number), lease, _read(row))

    def undo(self, row: OrderRow, undoing: Undoing, due: datetime) -> bool:
        """Mark an order whose invoice is to be taken out of the books; whether it is still as it was looked at.

        Nobody's lease: who takes the order next goes on with it, the poll at `due` if nobody else.
        """
        condition = (
            "#state = :was AND #verkoopboeking_id = :booked AND attribute_not_exists(#credited_by)"
            " AND attribute_not_exists(#reversing) AND attribute_not_exists(#sale)"
            " AND (attribute_not_exists(#owner) OR #lease_until < :now)"
            f" AND {'#settlement = :settling' if row.settlement else 'attribute_not_exists(#settlement)'}"
            " AND (attribute_not_exists(#undoing) OR #undoing = :undoing)"
        )
        given: dict[str, Any] = {"was": row.state, "booked": row.verkoopboeking_id, "now": clock.iso(clock.now())}
        if row.settlement:
            given["settling"] = row.settlement.as_dict()
        try:
            self._table.update(
                self.key(row.number),
                {"undoing": undoing.as_dict(), "due_pk": self._pk, "due_at": clock.iso(due)},
                remove=("expires_at",),
                condition=condition,
                given=given,
            )
        except ConditionFailed:
            return False
        return True

    def hold_undoing(self, number: str) -> Claim:
        """Take an order that is marked so. `Busy` when another run has it or it no longer is."""
        now = clock.now()
        lease = Lease.take(now)
        try:
            row = self._table.update(
                self.key(number),
                lease.values(),
                condition=f"attribute_exists(#undoing) AND {FREE}",
                given={"now": clock.iso(now)},
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
                " AND attribute_not_exists(#reversing) AND attribute_not_exists(#undoing) AND #updated_at = :seen_at",
                given={"paid": "paid", "credited": "credited", "seen_at": original.updated_at},
            )
        except ConditionFailed as error:
            raise Unavailable(catalogue.reason("koppeling-order-busy")) from error

    def taken_back(self, number: str, *, seen: str | None = None) -> None:
        """Call an order credited once its credit orders have taken back all of it.

        `seen`: its fingerprint when it was cancelled or refunded whole: what they leave of it is then told on its row,
        and renewed with each of them.
        """
        for _ in range(_TRIES):
            original = self.get(number)
            if original is None or original.state not in DONE or original.sale or original.total is None:
                return
            values = self._after_credits(original, Decimal(original.total), seen)
            if not values:
                return
            try:
                self._table.update(
                    self.key(number),
                    {**values, "updated_at": clock.iso(clock.now())},
                    condition="#state = :was AND #updated_at = :seen_at AND attribute_not_exists(#reversing)",
                    given={"was": original.state, "seen_at": original.updated_at},
                )
            except ConditionFailed:
                # Another credit order or look at it came first: what is to be told may be another by now.
                continue
            return

    def _after_credits(self, original: OrderRow, total: Decimal, seen: str | None) -> dict[str, Any]:
        """What changes on an order by what its credit orders are."""
        credits_ = self.known(list(original.credited_by)).values()
        settled = [row for row in credits_ if row.state == "credited"]
        whole = original.state == "credited" or bool(settled and _taken(settled) >= total)
        left = total - _taken(row for row in credits_ if row.state in ("credited", "booked"))
        told = original.reason is not None and original.reason.code == _PARTLY
        values: dict[str, Any] = {} if seen is None else {"seen": seen}
        if whole and original.state != "credited":
            values["state"] = "credited"
        if told or seen is not None:
            rest = catalogue.reason(_PARTLY, booked=catalogue.euro(total), open=catalogue.euro(left))
            values["reason"] = rest.as_dict() if left > 0 and not whole else None
        return values

    def mark_batch(self, number: str, batch: str) -> bool:
        """Before the payment is sent in this batch (again): whether nobody else has begun to settle the order."""
        try:
            self._table.update(
                self.key(number),
                {"settlement": Mark(clock.now()).as_dict(), "batch": batch},
                condition="#state = :booked AND attribute_not_exists(#owner) AND attribute_not_exists(#reversing)"
                " AND attribute_not_exists(#undoing) AND (attribute_not_exists(#settlement) OR #batch = :batch)",
                given={"booked": "booked"},
            )
        except ConditionFailed:
            return False
        return True

    def settled_in_batch(self, number: str, batch: str, payment_id: str | None) -> None:
        """The batch is in the books: its order is paid, unless another run is just finding that out by itself."""
        with suppress(ConditionFailed):
            self._table.update(
                self.key(number),
                {
                    "state": "paid",
                    "paid_at": clock.iso(clock.now()),
                    "updated_at": clock.iso(clock.now()),
                    "payment_id": payment_id,
                    "expires_at": retention.expiry(retention.BOOKS),
                },
                remove=("reason", "due_pk", "due_at"),
                condition="#state = :booked AND attribute_not_exists(#owner) AND #batch = :batch",
                given={"booked": "booked", "batch": batch},
            )

    def put_off(self, number: str, received_at: datetime, reason: Reason, due: datetime) -> None:
        """Show an order that is put off before anything was done about it; the poll leaves it alone until `due`."""
        due_at = {"due_at": clock.iso(due)}
        shown = {"state": "received", "updated_at": clock.iso(clock.now()), "reason": reason.as_dict()}
        try:
            self._table.update(
                self.key(number),
                {"order_number": number, "due_pk": self._pk, **shown, **due_at},
                keep={"received_at": clock.iso(received_at)},
                condition="attribute_not_exists(#state) OR (#state = :received AND attribute_not_exists(#owner))",
                given={"received": "received"},
            )
        except ConditionFailed:
            # One that failed or waits keeps what it says of itself, but must not be announced by every poll.
            with suppress(ConditionFailed):
                self._table.update(
                    self.key(number), due_at, condition="attribute_exists(#due_at) AND attribute_not_exists(#owner)"
                )

    def keep(self, number: str, received_at: datetime) -> None:
        """Remember an order of a connection that stands still; nothing is asked or sent for it now."""
        values = {"order_number": number, "state": "received", "updated_at": clock.iso(clock.now())}
        # What is in the books stays where it is, and a run that began before the pause ends by itself.
        # What was taken out of the books on request is not booked again by itself.
        untouched = (
            "NOT #state IN (:booked, :paid, :credited) AND attribute_not_exists(#owner)"
            " AND attribute_not_exists(#undone_at)"
        )
        try:
            self._table.update(
                self.key(number),
                values,
                keep={"received_at": clock.iso(received_at)},
                remove=("reason", "expires_at"),
                condition=f"attribute_not_exists(#state) OR ({untouched})",
                given={"booked": "booked", "paid": "paid", "credited": "credited"},
            )
        except ConditionFailed:
            # What it is in the shop now nobody has seen: a refund shows in no list of changes.
            with suppress(ConditionFailed):
                self._table.update(self.key(number), {"seen": ""}, condition="#state = :paid", given={"paid": "paid"})
