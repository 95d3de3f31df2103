"""Asking a shop what changed: the safety net under webhooks that never came.

A closed window that overlaps the one before, all its pages, counted before and after. The cursor moves only after
every order found is on the queue. Orders that wait are asked again at their own due times.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from koppeling import backoff, clock, queues, telemetry
from koppeling.connections import Connection, Connections
from koppeling.cursor import Cursor
from koppeling.failures import ConnectionRefused, Refused, Unavailable
from koppeling.fingerprint import UNREADABLE, fingerprint
from koppeling.messages import Cause, OrderMessage, order_number
from koppeling.mijnwebwinkel.client import Shop, Window, archived_choices
from koppeling.mijnwebwinkel.models import Order, ShapeError
from koppeling.order_row import OrderRow
from koppeling.sweeping import sweep
from koppeling.table import Table
from koppeling.telemetry import Metric, logger
from koppeling.workplace import Workplace

_OVERLAP = timedelta(hours=4)
"""The zone of the shop's filter is not known (Amsterdam or UTC: two hours in summer), clocks are set back an hour in
autumn, and clocks differ, by an hour say: four hours cover all of it at once. What is found twice is not queued twice.
"""

_DUE_SOON = timedelta(hours=1)
"""As far ahead as an order that failed is ever due."""

_OF_SNELSTART = frozenset(
    {
        *("snelstart-busy", "snelstart-outcome-unknown", "snelstart-unavailable"),
        "snelstart-subscription-key-refused",
    }
)
"""Why an order failed that may be booked as soon as SnelStart answers."""

_CHECK_PROFILE = timedelta(days=1)

_NOT_BEHIND = timedelta(hours=1)
"""Half of what rings the alarm."""

_READINGS = 3
_SLICE = 1000
_SHORTEST_SLICE = timedelta(seconds=2)
_ROWS = 100


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll of one connection found and queued."""

    found: int = 0
    queued: int = 0
    again: int = 0
    complete: bool = True


def dispatch(table: Table, poll_queue_url: str, per_second: int = 12) -> int:
    """Queue one poll per connection: one shop's trouble never delays another's. How many.

    Also of those removed within a day: their polls sweep.
    """
    return queues.send_polls(poll_queue_url, list(Connections(table).all_ids(removed=True)), per_second)


def poll(table: Table, connection_id: str) -> Polled:
    """Ask one shop, and queue what is new or due; of a removed connection, erase what was left behind.

    Raises `Unavailable` when the shop or the queue fails: the cursor then stays where it is, and the next poll asks
    for everything since. A shop token that is refused pauses the connection.
    """
    connections = Connections(table)
    connection = connections.get(connection_id)
    if connection is None:
        swept = sweep(table, connection_id)
        if swept:
            logger.info("swept after a removed connection", extra={"connection_id": connection_id, "rows": swept})
        return Polled()
    if connection.paused:
        return Polled()
    try:
        return _polled(table, connections, connection)
    finally:
        behind = clock.now() - Cursor(table, connection).until
        # Of one that was removed meanwhile the cursor is gone: it would seem never to have been asked.
        if behind < _NOT_BEHIND or connections.get(connection_id):
            telemetry.count(Metric.POLL_LAG, round(behind.total_seconds(), 3))


def _polled(table: Table, connections: Connections, connection: Connection) -> Polled:
    with Workplace.open(table, connection) as place:
        # First what is known to be due: it needs no answer of the shop.
        now = clock.now()
        due = set(place.orders.due(now))
        due.update(_possible_again(place, due, now))
        again = _queue(place, due, "waiting")
        try:
            polled = replace(_poll_window(place, connections, due), again=again)
        except ConnectionRefused as refused:
            place.connection_refused(refused)
            return Polled(again=again, complete=False)
        _check_profile(place, connections)
        return polled


def _possible_again(place: Workplace, due: set[str], now: datetime) -> list[str]:
    """Orders that SnelStart kept from being booked and that are due later, once it answers: one call finds out."""
    later = [number for number in place.orders.due(now + _DUE_SOON) if number not in due]
    kept: list[str] = []
    for numbers in batched(later, _ROWS, strict=False):
        rows = place.orders.known(list(numbers)).values()
        kept += [row.number for row in rows if _left_to_its_due_time(row)]
    return kept if kept and _answers(place) else []


def _left_to_its_due_time(row: OrderRow) -> bool:
    """Whether SnelStart kept it from being booked so often that its message is gone from the queue."""
    of_snelstart = row.reason is not None and row.reason.code in _OF_SNELSTART
    return of_snelstart and row.state != "received" and backoff.in_queue(row.attempts) is None


def _answers(place: Workplace) -> bool:
    try:
        place.snelstart.get("companyInfo")
    except (Refused, Unavailable):
        # Whatever it is, the orders meet it themselves when they are due.
        return False
    return True


def _check_profile(place: Workplace, connections: Connections) -> None:
    """Where nobody read the administration for a day: does the profile still fit it? No trouble of it is the poll's."""
    checked_at = place.connection.profile_checked_at
    if checked_at and clock.now() - datetime.fromisoformat(checked_at) < _CHECK_PROFILE:
        return
    try:
        # Reading it anew is what checks the profile.
        place.charts.get()
    except ConnectionRefused as refused:
        place.connection_refused(refused)
    except Refused as refused:
        connections.checked(place.connection, (f"{refused.reason.sentence} {refused.reason.advice}",))
    except Unavailable as unavailable:
        # Asked again by the next poll.
        logger.warning(
            "profile not checked", extra={"connection_id": place.connection.id, "code": unavailable.reason.code}
        )


def _poll_window(place: Workplace, connections: Connections, queued_already: set[str]) -> Polled:
    until, connection = clock.now().replace(microsecond=0), place.connection
    cursor = Cursor(place.table, connection)
    asked_until, rest = cursor.read()
    # Else every poll would begin with the crowd that one poll cannot read of a slow shop, and be cut off in it.
    start, began = (rest.start, rest.began) if rest else (asked_until - _OVERLAP, until)
    if connection.archived_listing == "unknown" and asked_until.date() != until.date():
        connection = replace(connection, archived_listing=place.shop.archived_listing())
        if connection.archived_listing == "active-only":
            # Orders that were archived meanwhile were not in what the polls so far were told.
            start, began = datetime.fromisoformat(connection.created_at) - _OVERLAP, until
            cursor.go_back(start, began)
        if connection != place.connection:
            # Not sooner: what is to be caught up with must be remembered first.
            connections.learn(connection, connection.archived_listing)
    polled = Polled()
    # A shop without archived orders cannot show what its list does with them; it is asked anew once a day.
    listings = archived_choices(connection.archived_listing)
    for part, counts in _slices(place.shop, [Window(start, until, archived) for archived in listings]):
        found: dict[str, str] = {}
        whole = True
        for window, count in zip(part, counts, strict=True):
            whole &= _read_window(place, window, count, found)
        changed = (one for one in _changed(place, found) if one not in queued_already)
        queued = _queue(place, changed, "poll", before=len(queued_already) + polled.queued)
        complete = polled.complete and whole
        polled = Polled(found=polled.found + len(found), queued=polled.queued + queued, complete=complete)
        if not whole:
            logger.warning("the shop's list kept changing while it was read", extra={"connection_id": connection.id})
        # The parts after one that was not read whole are queued too: what ails that one may never end.
        if complete:
            cursor.move(part[0].end, began, to_the_end=part[0].end == until)
    return polled


def _slices(shop: Shop, windows: list[Window]) -> Iterator[tuple[list[Window], list[int]]]:
    """Windows of the same time, in parts of at most a thousand orders together, oldest first, each with its counts.

    After days without an answer one reading would outlive the function; so each part is queued and the cursor moved
    before the next is read. Both ends belong to a part: what changed on the border is found twice, not missed.
    """
    counts = [shop.count(window) for window in windows]
    start, end = windows[0].start, windows[0].end
    if sum(counts) <= _SLICE or end - start <= _SHORTEST_SLICE:
        yield windows, counts
        return
    middle = (start + (end - start) / 2).replace(microsecond=0)
    yield from _slices(shop, [replace(window, end=middle) for window in windows])
    yield from _slices(shop, [replace(window, start=middle) for window in windows])


def _read_window(place: Workplace, window: Window, before: int, found: dict[str, str]) -> bool:
    """Read a window of `before` orders into `found` (number → fingerprint); whether it was certainly read whole.

    Pages are cut by offset: an order that leaves the window while they are read shifts the rest, and one is skipped.
    So the count must be the same before and after, and as many different orders must have come.
    """
    for _ in range(_READINGS):
        if before == 0:
            return True
        read = dict(_numbered(place, place.shop.orders(window, before)))
        found.update(read)
        after = place.shop.count(window)
        if after == before and len(read) >= before:
            return True
        before = after
    return False


def _numbered(place: Workplace, listed: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for raw in listed:
        number = order_number(raw.get("number"))
        if number is None:
            # The worker could not ask for it either; the count then tells that the window was not read whole.
            logger.warning("the shop lists an order without a number", extra={"connection_id": place.connection.id})
            continue
        try:
            yield number, fingerprint(Order.parse(raw))
        except ShapeError:
            # Queued, so that the worker reads it by itself and gives it a visible state.
            yield number, UNREADABLE


def _changed(place: Workplace, found: dict[str, str]) -> Iterator[str]:
    """Those that have no row yet, or whose row was written on another state of the order."""
    for numbers in batched(found, _ROWS, strict=False):
        known = place.orders.known(list(numbers))
        for number in numbers:
            row = known.get(number)
            if row is None or _stale(row, found[number]):
                yield number


def _stale(row: OrderRow, seen_now: str) -> bool:
    """Whether the order changed since the row was written, or its run never came to a verdict."""
    if (row.state == "credited" and row.sale is None) or row.undone:
        return False
    if row.due_at and row.due_at > clock.iso(clock.now()):
        if row.state == "received":
            # It was put off and is in the queue; what it then is will be read then.
            return False
        if row.state == "failed" and row.reason and not row.seen:
            # It is asked again when it is due; sooner only where the shop was silent, which is heard again now.
            return row.reason.code.startswith("shop-")
    return row.state == "received" or row.seen != seen_now


def _queue(place: Workplace, numbers: Iterable[str], cause: Cause, before: int = 0) -> int:
    def messages() -> Iterator[OrderMessage]:
        for number in numbers:
            yield OrderMessage(place.connection.id, number, cause, clock.now(), uuid.uuid4().hex)

    return queues.announce(messages(), before)
