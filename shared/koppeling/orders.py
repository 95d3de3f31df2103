"""The orders of one connection: taking one on, and what is written of an order that nobody holds."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from koppeling import catalogue, clock, connections, retention
from koppeling.claim import Busy, Claim
from koppeling.failures import Reason, Unavailable
from koppeling.ledger import FREE, Lease, Mark, Undoing
from koppeling.order_row import DONE, OrderRow, SettledIn, State, read_order
from koppeling.table import ConditionFailed, Key, Table

_PARTLY = "shop-partly-credited"
_TRIES = 5


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
        return read_order(row) if row else None

    def all(self, state: State | None = None) -> Iterator[OrderRow]:
        """All orders, by number."""
        return (
            read_order(row) for row in self._table.rows(self._pk, "ORDER#") if state is None or row["state"] == state
        )

    def known(self, numbers: list[str]) -> dict[str, OrderRow]:
        """Those of up to 100 orders that have a row."""
        rows = self._table.get_many([self.key(number) for number in numbers])
        return {row["order_number"]: read_order(row) for row in rows.values()}

    def due(self, now: datetime) -> Iterator[str]:
        """The numbers of orders to be asked again by now, longest overdue first."""
        return (key.sk.removeprefix("ORDER#").lstrip("0") for key in self._table.due(self._pk, clock.iso(now)))

    def claim(
        self, number: str, received_at: datetime, trace: str = "", *, announced: bool = False
    ) -> Claim | OrderRow:
        """Take the order to work on it. A finished one comes back as its row; `Busy` when another run has it.

        `trace`: of who wants it worked on; the row keeps the one it has, unless it was `announced` anew.
        """
        now = clock.now()
        traced = {"trace": trace} if trace else {}
        lease = Lease.take(now)
        try:
            row = self._table.update(
                self.key(number),
                {
                    **lease.values(),
                    "order_number": number,
                    "updated_at": clock.iso(now),
                    **(traced if announced else {}),
                },
                keep={
                    "state": "received",
                    "received_at": clock.iso(received_at),
                    **({} if announced else traced),
                },
                remove=("expires_at",),
                condition=f"(attribute_not_exists(#state) OR NOT #state IN (:paid, :credited)) AND {FREE}",
                given={"paid": "paid", "credited": "credited", "now": clock.iso(now)},
            )
        except ConditionFailed as error:
            if error.row.get("state") in DONE:
                return read_order(error.row)
            raise Busy(datetime.fromisoformat(error.row["lease_until"])) from error
        return Claim(self._table, self.key(number), lease, read_order(row))

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
        return Claim(self._table, self.key(number), lease, read_order(row))

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
        return Claim(self._table, self.key(number), lease, read_order(row))

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

    def settled_in_batch(
        self, number: str, batch: str, payment_id: str | None, settled_in: SettledIn | None = None
    ) -> None:
        """The batch is in the books: its order is paid, unless another run is just finding that out by itself."""
        told = {"settled_in": settled_in.as_dict()} if settled_in else {}
        with suppress(ConditionFailed):
            self._table.update(
                self.key(number),
                {
                    "state": "paid",
                    "paid_at": clock.iso(clock.now()),
                    "updated_at": clock.iso(clock.now()),
                    "payment_id": payment_id,
                    **told,
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

    def keep(self, number: str, received_at: datetime, trace: str = "") -> None:
        """Remember an order of a connection that stands still; nothing is asked or sent for it now."""
        values = {"order_number": number, "state": "received", "updated_at": clock.iso(clock.now())}
        if trace:
            values["trace"] = trace
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
