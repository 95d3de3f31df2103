"""Bringing a shop's history over: page after page, in a lane of its own, with as few calls to SnelStart as it takes.

The shop's list carries whole orders, so a page of a hundred costs one call there. The administration's customers are
read in pages up front, so a known one costs nothing and a new one no look-up. Invoices go out one by one, payments by
journal and day. A worker does a step at a time and sends the run's message on; whatever it dies at, the next one finds
the page where it was and every order where its own row says it is.
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from koppeling import catalogue, clock, onboard, queues
from koppeling.batches import Batches
from koppeling.carry import carry
from koppeling.claim import Busy, LeaseLost
from koppeling.connections import Connection, Connections
from koppeling.deadline import Deadline
from koppeling.directory import Directory
from koppeling.failures import ConnectionRefused, Refused, Throttled, Unavailable, Unsettled
from koppeling.imports import Counts, Held, Imports, Open, Run, age
from koppeling.job import Job, Later
from koppeling.messages import ImportMessage, OrderMessage, order_number
from koppeling.mijnwebwinkel.client import Placed, archived_choices
from koppeling.mijnwebwinkel.models import Order, ShapeError
from koppeling.neighbours import Neighbours
from koppeling.order_row import DONE, OrderRow
from koppeling.settings import settings
from koppeling.table import Table
from koppeling.telemetry import logger
from koppeling.workplace import Workplace

_AT_ONCE = 6
"""Orders of an import under way at the same time: the budget sets the pace, not this."""

_STEP_SECONDS = 20.0
"""How long one step goes on reading pages; a page that was begun is finished."""

_CUSTOMERS_SECONDS = 1800.0
_LOOK_SECONDS = 1.0
"""How often a page under way looks whether its connection is still there."""

_PAUSED_SECONDS = 900.0
_TROUBLE_SECONDS = 60.0
_REREADS = 3


class _TakenOver(Exception):
    """Another worker has the run."""


def start(table: Table, connection: Connection, first: date, last: date | None = None) -> Run:
    """Begin an import of the orders placed from `first` up to and including `last` (today, unless told).

    The connection's profile goes with it: what was too old to book no longer is, and no other day is opened. `Refused`
    where a connection that is gone may have booked those days under other numbers, and for one that is pending: it gets
    its start date only once it is approved.
    """
    if connection.pending:
        raise Refused(catalogue.reason("koppeling-not-activated"))
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    last = min(last or today, today)
    known = Connections(table)

    def opened(now: Connection) -> Connection:
        new = replace(now, profile=now.profile.with_import(first, last))
        if new != now:
            onboard.twice(known, new)
        return new

    connection = known.change(connection.id, opened, "profile")
    run = Imports(table, connection.id).start(first, last)
    go_on(connection, run)
    return run


def go_on(connection: Connection, run: Run) -> None:
    """Send a run's message: it was paused, cancelled with payments still to book, or its message was lost."""
    queues.send_import(settings().import_queue_url, ImportMessage(connection.id, run.id))


def step(table: Table, message: ImportMessage, deadline: Deadline) -> Later | None:
    """Go on with an import for some seconds. None: it ended or stands still, or was taken over meanwhile."""
    connection = Connections(table).get(message.connection_id)
    try:
        held = Imports(table, message.connection_id).hold(message.run) if connection else None
    except Busy as busy:
        # That worker may be dead, and its message this very one.
        return Later(max(0.0, (busy.until - clock.now()).total_seconds()) + 1.0, anew=True)
    if connection is None or held is None:
        return None
    if held.run.state == "paused":
        held.save(held.run, release=True)
        return None
    if connection.paused:
        held.save(replace(held.run, reason=catalogue.reason("koppeling-paused")), release=True)
        return Later(_PAUSED_SECONDS, anew=True)
    # It was asked for with its days: a profile that was written since closes them for others only.
    connection = replace(connection, profile=connection.profile.with_import(held.run.start, held.run.end))
    return _stepped(table, connection, held, deadline)


def _stepped(table: Table, connection: Connection, held: Held, deadline: Deadline) -> Later | None:
    with Workplace.open(table, connection, live=False) as place:
        importer = _Importer(place, held, deadline)
        try:
            later = importer.go()
        except _TakenOver:
            return None
        except Unavailable as trouble:
            later = _after(trouble)
            logger.warning(
                "import stands still",
                extra={"connection_id": connection.id, "import": held.run.id, "code": trouble.reason.code},
            )
            importer.keep(replace(held.run, reason=trouble.reason))
        except ConnectionRefused as refused:
            place.connection_refused(refused)
            later = Later(_TROUBLE_SECONDS, anew=True)
        importer.account()
    return later


def _after(trouble: Unavailable) -> Later:
    known = isinstance(trouble, Throttled | Unsettled)
    return Later((trouble.retry_after or 1.0) if known else _TROUBLE_SECONDS, anew=True)


@dataclass(slots=True)
class _Importer:
    """One step of one run."""

    place: Workplace
    held: Held
    deadline: Deadline
    costs: list[int] = field(default_factory=list)
    """Calls of the orders' own, order by order; the step's own are counted by the place's meter."""
    _before: Run = field(init=False)
    _there: bool = True
    _began: float = field(init=False)
    _looked_at: float = field(init=False)

    def __post_init__(self) -> None:
        """Take what it cost until now from where the run stands."""
        self._began = self._looked_at = time.monotonic()
        run = self.held.run
        self._before = replace(run, worked_seconds=run.worked_seconds + run.went_on_seconds)

    def go(self) -> Later | None:
        """Work until the step is over. None when the run has ended."""
        ends = Deadline.after(_STEP_SECONDS)
        batches = Batches(self.place, self._saved)
        run = self._saved(replace(self.held.run, reason=None))
        if run.state == "cancelled":
            self._end(batches.settle(run, everything=True))
            return None
        run = batches.settle(run)
        self._demand_turns()
        run = self._customers(run)
        while not run.read_whole:
            if ends.over() or self.deadline.over(_STEP_SECONDS) or run.state != "running":
                return Later(0.0, anew=True)
            run = batches.settle(self._page(run))
        self._end(batches.settle(run, everything=True))
        return None

    def _demand_turns(self) -> None:
        """`Unsettled` while no order may make its customer: each would fail over it, and come back as one of now."""
        connection = self.place.connection
        early = Neighbours(self.place.table, connection.administration_id, connection.shared_since).early
        if early:
            raise Unsettled(catalogue.reason("customer-being-made"), early)

    def keep(self, run: Run) -> None:
        """Remember where it stands, whoever has it."""
        self.held.save(self._with_cost(run))

    def account(self) -> None:
        """Let the run go, with what it cost so far."""
        self.held.save(self._with_cost(self.held.run), release=True)

    def _with_cost(self, run: Run) -> Run:
        """With the calls and the time it took up to this moment: who dies loses those of a page at the most."""
        calls = self._before.calls + sum(self.costs) + self.place.meter.made
        worked = self._before.worked_seconds + time.monotonic() - self._began
        return replace(run, calls=calls, worked_seconds=round(worked, 3))

    def _end(self, run: Run) -> None:
        ended = run if run.state == "cancelled" else replace(run, state="done")
        self._saved(replace(ended, finished_at=clock.iso(clock.now()), reason=None))

    def _saved(self, run: Run) -> Run:
        if not self.held.save(self._with_cost(run)):
            raise _TakenOver
        return self.held.run

    def _customers(self, run: Run) -> Run:
        """Know all customers of the administration, so that who is not known is new."""
        if run.customers_at and age(run.customers_at) < _CUSTOMERS_SECONDS:
            return run
        place, began = self.place, clock.iso(clock.now())
        directory = Directory(place.table, place.connection.id, place.credentials, place.snelstart)
        if run.customers_at:
            directory.read_changes(self.deadline)
        else:
            directory.read_whole(self.deadline)
        return self._saved(replace(run, customers_at=began))

    def _page(self, run: Run) -> Run:
        """Read a page of orders and bring each as far as its invoice."""
        windows = self._windows(run)
        window = windows[run.part]
        if run.offset == 0:
            run = replace(run, expected=sum(self.place.shop.count(each) for each in windows))
        count, raws = self.place.shop.count(window), self.place.shop.page(window, run.offset)
        numbers = [order_number(raw.get("number")) for raw in raws]
        fresh = raws[1:] if run.last_number else raws
        read = run.offset + len(raws)
        # A page begins with the last order of the one before: if it does not, the list shifted.
        shifted = bool(run.last_number) and run.last_number not in numbers[:1]
        if shifted or (read < count and not fresh):
            return self._again(run)
        run = self._book(run, fresh)
        if read >= count:
            return self._saved(_next_part(run, len(windows)))
        return self._saved(replace(run, offset=read - 1, last_number=numbers[-1] or ""))

    def _windows(self, run: Run) -> list[Placed]:
        listing = self.place.connection.archived_listing
        if listing == "unknown":
            listing = self.place.shop.archived_listing()
        return [Placed(run.start, run.end, archived) for archived in archived_choices(listing)]

    def _again(self, run: Run) -> Run:
        """The list shifted while it was read: from the start; what is booked already costs nothing."""
        again = replace(run, offset=0, last_number="", rereads=run.rereads + 1, counts=Counts())
        if again.rereads > _REREADS:
            # Somebody is at work in the list: let it rest, and then from the start once more.
            self._saved(replace(again, rereads=0))
            raise Unavailable(catalogue.reason("shop-unavailable"))
        return self._saved(again)

    def _book(self, run: Run, raws: Sequence[Mapping[str, Any]]) -> Run:
        orders, unreadable = _parsed(self._numbered(raws))
        if unreadable:
            # Each by itself: the worker gives it a visible state.
            queues.send_orders(settings().backlog_queue_url, (self._message(number) for number in unreadable))
        known = self.place.orders.known(list(orders))
        todo = [order for number, order in orders.items() if _to_do(known.get(number), run.started_at)]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            shut = [later for later in threads.map(self._one, todo) if later]
        rows = self.place.orders.known(list(orders))
        held = {invoice.number for invoice in run.unsettled}
        booked = [Open.of(row) for row in rows.values() if row.for_batch and row.number not in held and _idle(row)]
        run = replace(run, unsettled=(*run.unsettled, *booked))
        if shut:
            self._saved(run)
            raise Throttled(catalogue.reason("snelstart-budget"), max(later.seconds for later in shut))
        return replace(run, counts=run.counts.with_(_counted(run, orders, rows, len(unreadable))))

    def _numbered(self, raws: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str]]:
        for raw in raws:
            number = order_number(raw.get("number"))
            if number is None:
                told = {"connection_id": self.place.connection.id, "import": self.held.run.id}
                logger.warning("the shop lists an order without a number", extra=told)
            else:
                yield raw, number

    def _one(self, order: Order) -> Later | None:
        """One order as far as its invoice; when there is no room for it, after how long there may be."""
        place = self.place
        if not self._is_there():
            return None
        left = place.meter.shut()
        if left is not None:
            return Later(left, anew=True)
        message = self._message(order.number)
        try:
            claim = place.orders.claim(order.number, clock.now(), message.trace)
            if isinstance(claim, OrderRow):
                return None
            if _taken_back(claim.row, self.held.run.started_at):
                # Booked and taken back by others since this page was read.
                claim.give_back()
                return None
            job = Job(
                place.table,
                place.connection,
                claim,
                self.deadline,
                replace(message, trace=claim.row.trace),
                given=order,
                # A twin settles by itself what it finds open for long, and a payment of many does not look.
                in_batch=not place.connection.twin_since,
                run=self.held.run.id,
            )
            try:
                later = carry(job)
            finally:
                self.costs.append(job.calls())
        except (Busy, LeaseLost):
            # Another run has it; should that one have died, somebody must come back for it.
            queues.send_orders(settings().backlog_queue_url, [self._message(order.number)])
            return None
        return later if later and later.anew else None

    def _is_there(self) -> bool:
        """Whether the connection was not removed: nobody would settle what is booked for it."""
        if self._there and time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._there = Connections(self.place.table).get(self.place.connection.id) is not None
        return self._there

    def _message(self, number: str) -> OrderMessage:
        return OrderMessage(self.place.connection.id, number, "import", clock.now(), uuid.uuid4().hex)


def _next_part(run: Run, parts: int) -> Run:
    last = run.part + 1 >= parts
    return replace(run, part=run.part + (not last), offset=0, last_number="", read_whole=last)


def _parsed(numbered: Iterable[tuple[Mapping[str, Any], str]]) -> tuple[dict[str, Order], list[str]]:
    orders: dict[str, Order] = {}
    unreadable: list[str] = []
    for raw, number in numbered:
        try:
            orders[number] = Order.parse(raw)
        except ShapeError:
            unreadable.append(number)
    return orders, unreadable


def _to_do(row: OrderRow | None, began: str) -> bool:
    """Whether an order is to be carried: not when it is done, its invoice is there, or it was taken back meanwhile.

    An invoice somebody has in hand may be that of a worker that died: its lease is over when its message comes back.
    """
    if row is None:
        return True
    return row.state not in DONE and not _taken_back(row, began) and not (row.for_batch and _idle(row))


def _taken_back(row: OrderRow, began: str) -> bool:
    return row.undone and (row.undone_at or "") > began


def _idle(row: OrderRow) -> bool:
    return row.state == "booked" and row.lease_until is None


def _counted(run: Run, orders: Mapping[str, Order], rows: Mapping[str, OrderRow], unreadable: int) -> Counts:
    """What became of a page; of its orders some may have been booked by an earlier step that found no more room."""
    known = sum(1 for row in rows.values() if row.state in DONE and (row.paid_at or "") < run.started_at)
    states = Counter(rows[number].state if number in rows else "received" for number in orders)
    done = states["paid"] + states["credited"] + states["booked"]
    return Counts(
        read=len(orders) + unreadable,
        known=known,
        booked=done - known,
        refused=states["refused"],
        skipped=states["skipped"],
        later=states["waiting"] + states["failed"] + states["received"] + unreadable,
    )
