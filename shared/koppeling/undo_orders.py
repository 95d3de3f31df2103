"""Orders to be taken out of the books together: which, whether each may, and then doing it.

Orders that one payment settles go together, so that it is changed once. Orders that are looked at are looked at just
before anything of them is removed.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, Literal

from koppeling import catalogue, clock
from koppeling.calls import Calls, Wait
from koppeling.carry import carry
from koppeling.claim import Busy, Claim, LeaseLost
from koppeling.deadline import Deadline
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable, Unknown
from koppeling.job import Job, Later
from koppeling.ledger import Undoing
from koppeling.messages import OrderMessage
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from koppeling.provable import Ours, booked, identified, ours
from koppeling.snelstart.listing import Listed, invoices_numbered
from koppeling.snelstart.removal import Paid
from koppeling.undoing import done, due, finish, give_up, open_again, removed
from koppeling.workplace import Workplace

Outcome = Literal["would-undo", "undone", "would-credit", "credited", "left"]

_AT_ONCE: Final = 40
"""As many invoices are listed in one call."""

_CREDITED_OTHERWISE: Final = frozenset({"amount-booked-differs"})
"""A credit of the order stands in the books, only not as it should be."""

_TRIES: Final = 5
_PAUSE_SECONDS: Final = 5.0
_SECONDS: Final = 58.0
"""As long as a worker has for an order."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one order, or would; `reason` says why it is left."""

    row: OrderRow
    outcome: Outcome
    reason: Reason | None = None


def selected(orders: Orders, *, run: str = "", day: date | None = None) -> list[OrderRow]:
    """The orders whose invoice an import sent, or whose invoice bears this date; by number."""
    return [row for row in orders.all() if (run and row.run == run) or (day and _dated(row) == day.isoformat())]


def _dated(row: OrderRow) -> str:
    sale = row.own_sale()
    if sale:
        return sale.booking.factuurdatum
    return row.booking.factuurdatum if row.booking and row.verkoopboeking_id else ""


@dataclass(slots=True)
class Undo:
    """One command's work on one connection. `wait`: told how many seconds there is no room; comes back after them."""

    place: Workplace
    wait: Wait
    _payments: dict[str, Paid] = field(default_factory=dict)

    @classmethod
    def at(cls, place: Workplace, wait: Wait) -> "Undo":
        """At this place of work, whose calls to SnelStart wait for room."""
        return cls(Calls.allowed().counting(place, wait, None), wait)

    def foreseen(self, rows: Sequence[OrderRow], *, credit: bool = False) -> Iterator[Taken]:
        """What would be taken back, and what not and why. Nothing is written.

        Not to be known: whether a period is closed. Raises `ConnectionRefused`, `Unavailable`.
        """
        for some in _chunks(rows):
            for looked in self._looked_at(some, credit=credit):
                if isinstance(looked, Taken):
                    yield looked
                else:
                    yield Taken(looked.row, "would-credit" if credit else "would-undo")

    def carried_out(self, rows: Sequence[OrderRow], *, credit: bool = False) -> Iterator[Taken]:
        """Take them back, or credit them instead; what came of each. Failures as `foreseen`."""
        for some in _chunks(rows):
            together: dict[str, list[Ours]] = {}
            for looked in self._looked_at(some, credit=credit):
                if isinstance(looked, Taken):
                    yield looked
                elif credit:
                    yield self._credited(looked)
                else:
                    together.setdefault(looked.payment.id if looked.payment else looked.row.number, []).append(looked)
            for group in together.values():
                yield from self._undone(group)

    def _looked_at(self, rows: Sequence[OrderRow], *, credit: bool) -> Iterator[Ours | Taken]:
        self._payments.clear()
        listed = {} if credit else self._trying(lambda: self._listed(rows))
        for row in rows:
            try:
                yield self._trying(partial(self._look, row, listed, credit=credit))
            except ConnectionRefused:
                raise
            except Refused as refused:
                yield Taken(row, "left", refused.reason)

    def _listed(self, rows: Sequence[OrderRow]) -> dict[str, Listed]:
        numbers = [row.booking.factuurnummer for row in rows if row.booking and row.verkoopboeking_id]
        found = invoices_numbered(self.place.snelstart, numbers)
        return {one.factuurnummer.casefold(): one for one in found}

    def _look(self, row: OrderRow, listed: dict[str, Listed], *, credit: bool) -> Ours:
        booking, booking_id = booked(row)
        if row.undoing:
            if credit:
                raise Refused(catalogue.reason("koppeling-order-busy"))
            return Ours(row, booking, booking_id, None)
        if not credit:
            return ours(self.place.snelstart, row, listed.get(booking.factuurnummer.casefold()), self._payments)
        if row.state != "paid":
            raise Refused(catalogue.reason("shop-undo-nothing"))
        identified(self.place.snelstart, booking, booking_id)
        return Ours(row, booking, booking_id, None)

    def _undone(self, group: list[Ours]) -> Iterator[Taken]:
        """Orders that one payment settles, or a single one."""
        marked = []
        for one in group:
            undoing = _mark(one)
            if one.row.undoing or self.place.orders.undo(one.row, undoing, due()):
                marked.append((one, undoing))
            else:
                yield Taken(one.row, "left", catalogue.reason("koppeling-order-busy"))
        if len(marked) > 1:
            paid = []
            for one, undoing in marked:
                taken = self._held(one, self._asked_first)
                if taken:
                    yield taken
                else:
                    paid.append((one, undoing))
            self._open_together(paid)
            marked = paid
        for one, _ in marked:
            yield self._held(one, self._finished) or Taken(one.row, "left", catalogue.reason("koppeling-order-busy"))

    def _open_together(self, paid: list[tuple[Ours, Undoing]]) -> None:
        if not paid:
            return
        sales = [one.verkoopboeking_id for one, _ in paid]
        # Refused or not done: each finds out by itself, and says so.
        with suppress(Refused, Unavailable, Unknown):
            self._trying(lambda: open_again(self.place, paid[0][1], sales))

    def _held(self, one: Ours, act: Callable[[Ours, Claim], Taken | None]) -> Taken | None:
        """Act on a marked order under our lease; whoever has it now goes on with it instead."""
        try:
            claim = self.place.orders.hold_undoing(one.row.number)
        except Busy:
            return self._as_it_is(one)
        try:
            return self._trying(lambda: act(one, claim))
        except LeaseLost:
            return self._as_it_is(one)
        except ConnectionRefused:
            with suppress(LeaseLost):
                claim.undo_later(due())
            raise
        except (Unavailable, Unknown) as trouble:
            with suppress(LeaseLost):
                claim.undo_later(due())
            return Taken(one.row, "left", trouble.reason)

    def _asked_first(self, one: Ours, claim: Claim) -> Taken | None:
        """Ask for the invoice while it is paid: None when that is all that keeps it."""
        try:
            gone = removed(self.place, one.verkoopboeking_id)
        except ConnectionRefused:
            raise
        except Refused as refused:
            return Taken(one.row, "left", give_up(self.place, claim, refused))
        if gone:
            done(claim)
            return Taken(one.row, "undone")
        claim.undo_later(due())
        return None

    def _finished(self, one: Ours, claim: Claim) -> Taken:
        reason = finish(self.place, claim)
        return Taken(one.row, "left", reason) if reason else Taken(one.row, "undone")

    def _as_it_is(self, one: Ours) -> Taken:
        row = self.place.orders.get(one.row.number)
        if row and row.undone:
            return Taken(one.row, "undone")
        return Taken(one.row, "left", catalogue.reason("koppeling-order-busy"))

    def _credited(self, one: Ours) -> Taken:
        """Book the whole of an order back, as for one that was cancelled in the shop."""
        number, orders = one.row.number, self.place.orders
        try:
            claim: Claim | OrderRow = orders.reopen(number, asked=due())
            while isinstance(claim, Claim):
                later = self._carried(claim)
                if later is None or not later.anew:
                    break
                self.wait(later.seconds)
                claim = orders.claim(number, clock.now())
        except (Busy, LeaseLost):
            return Taken(one.row, "left", catalogue.reason("koppeling-order-busy"))
        row = orders.get(number) or one.row
        if row.state == "credited":
            return Taken(row, "credited")
        self._stay_paid(row)
        return Taken(row, "left", row.reason or catalogue.reason("shop-undo-credited"))

    def _stay_paid(self, row: OrderRow) -> None:
        """Refused, nothing of the credit is in the books: the order is left as it was, not to be credited later."""
        sent = row.booking is not None and row.booking.kind == "reversal" and row.invoice is not None
        if row.state != "refused" or not row.asked or sent or (row.reason and row.reason.code in _CREDITED_OTHERWISE):
            return
        with suppress(Busy, LeaseLost):
            claim = self.place.orders.claim(row.number, clock.now())
            if isinstance(claim, Claim):
                claim.stay_paid(seen=row.seen)

    def _carried(self, claim: Claim) -> Later | None:
        # As of an import: history, behind the orders of now.
        message = OrderMessage(self.place.connection.id, claim.row.number, "import", clock.now(), uuid.uuid4().hex)
        return carry(Job(self.place.table, self.place.connection, claim, Deadline.after(_SECONDS), message))

    def _trying[T](self, act: Callable[[], T]) -> T:
        """Try some times what does not answer or has no room; the last failure is raised."""
        for tried in range(_TRIES):
            try:
                return act()
            except (Unavailable, Unknown) as trouble:
                if tried == _TRIES - 1:
                    raise
                self.wait(trouble.retry_after or _PAUSE_SECONDS)
        raise AssertionError("never tried")


def _mark(one: Ours) -> Undoing:
    """The mark of what is about to be removed; the one that is there of an order that was left half-way."""
    if one.row.undoing:
        return one.row.undoing
    paid = one.payment
    return Undoing(uuid.uuid4().hex, clock.now(), one.row.state, paid.journal if paid else "", paid.id if paid else "")


def _chunks(rows: Sequence[OrderRow]) -> Iterator[list[OrderRow]]:
    """Some dozens at a time, orders of one payment never apart."""
    groups: dict[str, list[OrderRow]] = {}
    for row in rows:
        groups.setdefault(row.batch or row.payment_id or row.number, []).append(row)
    some: list[OrderRow] = []
    for group in groups.values():
        some += group
        if len(some) >= _AT_ONCE:
            yield some
            some = []
    if some:
        yield some
