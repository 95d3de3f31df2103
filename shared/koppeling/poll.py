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

from koppeling import clock, queues
from koppeling.connections import Connections
from koppeling.failures import ConnectionRefused
from koppeling.fingerprint import UNREADABLE, fingerprint
from koppeling.messages import Cause, OrderMessage, order_number
from koppeling.mijnwebwinkel.client import Shop, Window, archived_choices
from koppeling.mijnwebwinkel.models import Order, ShapeError
from koppeling.orders import OrderRow
from koppeling.settings import settings
from koppeling.table import Table
from koppeling.telemetry import logger
from koppeling.workplace import Workplace

_OVERLAP = timedelta(hours=3)
"""The zone of the shop's filter is not known (Amsterdam or UTC: two hours in summer), clocks are set back an hour in
autumn, and clocks differ: three hours cover all of it. What is found twice is not queued twice."""

_READINGS = 3
_SLICE = 1000
_SHORTEST_SLICE = timedelta(minutes=1)
_ROWS = 100


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll of one connection found and queued."""

    found: int = 0
    queued: int = 0
    again: int = 0
    complete: bool = True


def dispatch(table: Table, poll_queue_url: str, per_second: int = 12) -> int:
    """Queue one poll per connection: one shop's trouble never delays another's. How many."""
    return queues.send_polls(poll_queue_url, list(Connections(table).all_ids()), per_second)


def poll(table: Table, connection_id: str) -> Polled:
    """Ask one shop, and queue what is new or due.

    Raises `Unavailable` when the shop or the queue fails: the cursor then stays where it is, and the next poll asks
    for everything since. A shop token that is refused pauses the connection.
    """
    connections = Connections(table)
    connection = connections.get(connection_id)
    if connection is None or connection.paused:
        return Polled()
    place = Workplace.open(table, connection)
    # First what is known to be due: it needs no answer of the shop.
    again = _queue(place, place.orders.due(clock.now()), "waiting")
    try:
        return replace(_poll_window(place, connections), again=again)
    except ConnectionRefused as refused:
        place.connection_refused(refused)
        return Polled(again=again, complete=False)


def _poll_window(place: Workplace, connections: Connections) -> Polled:
    until = clock.now().replace(microsecond=0)
    cursor = connections.cursor(place.connection)
    connection, start = place.connection, cursor - _OVERLAP
    if connection.archived_listing == "unknown" and cursor.date() != until.date():
        connection = replace(connection, archived_listing=place.shop.archived_listing())
        if connection.archived_listing == "active-only":
            # Orders that were archived meanwhile were not in what the polls so far were told.
            start = datetime.fromisoformat(connection.created_at) - _OVERLAP
    polled = Polled()
    # A shop without archived orders cannot show what its list does with them; it is asked anew once a day.
    first, *others = archived_choices(connection.archived_listing)
    for window, count in _slices(place.shop, Window(start, until, first)):
        found: dict[str, str] = {}
        complete = _read_window(place, window, count, found)
        for archived in others:
            also = replace(window, archived=archived)
            complete &= _read_window(place, also, place.shop.count(also), found)
        queued = _queue(place, _changed(place, found), "poll")
        polled = Polled(found=polled.found + len(found), queued=polled.queued + queued, complete=complete)
        if not complete:
            logger.warning("the shop's list kept changing while it was read", extra={"connection_id": connection.id})
            return polled
        connections.move_cursor(connection, window.end)
    if connection != place.connection:
        # Not sooner: a poll that failed half-way must catch up again.
        connections.learn(connection, connection.archived_listing)
    return polled


def _slices(shop: Shop, window: Window) -> Iterator[tuple[Window, int]]:
    """The window in parts of at most a thousand orders, oldest first, each with its count.

    After days without an answer one reading would outlive the function; so each part is queued and the cursor moved
    before the next is read. Both ends belong to a part: what changed on the border is found twice, not missed.
    """
    count = shop.count(window)
    if count <= _SLICE or window.end - window.start <= _SHORTEST_SLICE:
        yield window, count
        return
    middle = window.start + (window.end - window.start) / 2
    yield from _slices(shop, replace(window, end=middle.replace(microsecond=0)))
    yield from _slices(shop, replace(window, start=middle.replace(microsecond=0)))


def _read_window(place: Workplace, window: Window, before: int, found: dict[str, str]) -> bool:
    """Read a window of `before` orders into `found` (number → fingerprint); whether it was certainly read whole.

    Pages are cut by offset: an order that leaves the window while they are read shifts the rest, and one is skipped.
    So the count must be the same before and after, and as many different orders must have come.
    """
    for _ in range(_READINGS):
        if before == 0:
            return True
        read = dict(_numbered(place.shop.orders(window, before)))
        found.update(read)
        after = place.shop.count(window)
        if after == before and len(read) >= before:
            return True
        before = after
    return False


def _numbered(listed: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for raw in listed:
        number = order_number(raw.get("number"))
        if number is None:
            # The worker could not ask for it either; the count then tells that the window was not read whole.
            logger.warning("the shop lists an order without a number")
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
    if row.state == "credited" and row.sale is None:
        return False
    return row.state == "received" or row.seen != seen_now


def _queue(place: Workplace, numbers: Iterable[str], cause: Cause) -> int:
    def messages() -> Iterator[OrderMessage]:
        for number in numbers:
            yield OrderMessage(place.connection.id, number, cause, clock.now(), uuid.uuid4().hex)

    return queues.send_orders(settings().order_queue_url, messages())
