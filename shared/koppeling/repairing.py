"""Repairing what a reconciliation found, where that is safe: booking what is missing, settling what is open.

Nothing is sent from here. An order is queued, its row opened again first where that says that it is done; the worker
then looks in SnelStart before it sends, as always. What a person changed is left to people.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from koppeling import clock, queues
from koppeling.compared import Difference
from koppeling.messages import OrderMessage
from koppeling.order_row import BOOKED_FIELDS
from koppeling.table import ConditionFailed
from koppeling.workplace import Workplace

_UNTOUCHED: Final = (
    "#state IN (:paid, :credited) AND #verkoopboeking_id = :booked AND attribute_not_exists(#owner)"
    " AND attribute_not_exists(#reversing) AND attribute_not_exists(#undoing)"
)
_DONE: Final = {"paid": "paid", "credited": "credited"}
_AGAIN: Final = "Factuur {number} stond niet meer in SnelStart en is na een vergelijking opnieuw geboekt."
_LOOK_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Repaired:
    """The orders that were queued, and the differences that are left to people.

    Known after waiting: `refused`, of what was queued, is in `left` again; `unfinished` is still under way.
    """

    queued: tuple[str, ...]
    left: tuple[Difference, ...]
    refused: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    def after(self, differences: Iterable[Difference], unfinished: tuple[str, ...]) -> "Repaired":
        """The same by what a new comparison found, once these orders were waited for in vain."""
        before = {(one.order_number, one.kind) for one in self.left}
        left, refused = [], []
        for one in differences:
            ours = one.order_number in self.queued and (one.order_number, one.kind) not in before
            if ours and one.order_number in unfinished:
                continue
            left.append(one)
            if ours:
                refused.append(one.order_number)
        return Repaired(self.queued, tuple(left), tuple(dict.fromkeys(refused)), unfinished)


def repair(place: Workplace, differences: Iterable[Difference]) -> Repaired:
    """Queue what is missing or open. `Unavailable` when the queue fails: then it can be done again."""
    queued: dict[str, None] = {}
    left = []
    for one in differences:
        if one.repair is None or not _opened(place, one):
            left.append(one)
        else:
            queued[one.order_number] = None
    messages = [OrderMessage(place.connection.id, number, "retry", clock.now(), uuid.uuid4().hex) for number in queued]
    queues.announce(messages)
    return Repaired(tuple(queued), tuple(left))


def settled_down(
    place: Workplace, numbers: Iterable[str], seconds: float, told: Callable[[int], None]
) -> tuple[str, ...]:
    """Wait until the worker has come to a verdict on these orders; those on which it has not after this long.

    `told`: how many are still under way, every time they were looked at.
    """
    waiting, until = list(numbers), time.monotonic() + seconds
    while waiting:
        waiting = [number for number in waiting if _under_way(place, number)]
        if waiting and time.monotonic() >= until:
            break
        if waiting:
            told(len(waiting))
            time.sleep(_LOOK_EVERY_SECONDS)
    return tuple(waiting)


def _under_way(place: Workplace, number: str) -> bool:
    row = place.orders.get(number)
    return row is None or row.state in ("received", "failed") or row.under_way(clock.now())


def _opened(place: Workplace, one: Difference) -> bool:
    """Whether the worker will take the order up; not when its row changed since it was compared."""
    if one.repair == "queue":
        return True
    row = place.orders.get(one.order_number)
    if row is None or row.booking is None or row.verkoopboeking_id is None:
        return False
    if row.verkoopboeking_id != one.verkoopboeking_id:
        # Its sale stands elsewhere on a row whose own invoice is the one that takes it back.
        return False
    given = {**_DONE, "booked": row.verkoopboeking_id}
    values: dict[str, object] = {"state": "booked", "updated_at": clock.iso(clock.now())}
    remove: tuple[str, ...] = ("settlement", "batch", "payment_id", "paid_at", "reason", "expires_at")
    condition = _UNTOUCHED
    if one.repair == "book-again":
        note = _AGAIN.format(number=row.booking.factuurnummer)
        values |= {"state": "received", "notes": list(dict.fromkeys((*row.own_notes, note)))}
        remove = (*BOOKED_FIELDS, "reason", "expires_at", "seen")
        condition += " AND attribute_not_exists(#sale) AND attribute_not_exists(#credited_by)"
    try:
        place.table.update(place.orders.key(one.order_number), values, remove=remove, condition=condition, given=given)
    except ConditionFailed:
        return False
    return True
