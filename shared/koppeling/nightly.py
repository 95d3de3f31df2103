"""Every night each connection is compared with its books, and what came of it is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from koppeling import clock, connections, queues, retention
from koppeling.compared import NotCompared, Reconciled, Verdict, verdict
from koppeling.connections import Connection, Connections
from koppeling.deadline import Deadline
from koppeling.failures import Refused, Throttled, Unavailable
from koppeling.messages import ReconcileMessage
from koppeling.mijnwebwinkel.client import Placed
from koppeling.reconcile import reconcile
from koppeling.table import Key, Table
from koppeling.telemetry import logger
from koppeling.workplace import Workplace

DAYS: Final = 35
"""A month and some: what changes in the books or the shop while a month is being closed is seen the night after."""

MOST_ORDERS: Final = 3000
_SORT: Final = "RECONCILED#"
_LOOK_BACK_DAYS = 15
_MOST_KEPT = 50
_MOST_TIMES = 12
_APART_SECONDS = 2.0
"""So of the poller's ten places some four compare, and polls have the rest; of ten thousand the last begins at nine."""

_AGAIN_SECONDS, _LONGEST_SECONDS = 300.0, 900.0
"""The longest is SQS's own."""

_RUN_SECONDS = 100.0
"""Of the poller's two minutes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of one comparison as it is kept; amounts are text."""

    start: str
    end: str
    made_at: str
    orders: int
    shop_total: str
    books_total: str
    differences: tuple[dict[str, Any], ...]
    """The first fifty."""
    count: int
    """Of all differences."""
    closes: bool
    """Whether there is none, and every total is the same on both sides; of what was compared."""
    not_compared: NotCompared

    @property
    def verdict(self) -> Verdict:
        """The same in words, with what was not compared."""
        return verdict(self.not_compared, closes=self.closes)

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "closes": self.closes,
            "verdict": self.verdict,
            "from": self.start,
            "to": self.end,
            "made_at": self.made_at,
            "orders": self.orders,
            "shop_total": self.shop_total,
            "books_total": self.books_total,
            "count": self.count,
            "differences": list(self.differences),
            "not_compared": self.not_compared.as_json(),
        }


def dispatch(table: Table, poll_queue_url: str) -> int:
    """Queue a comparison per connection, some seconds apart, however many there are. How many."""
    now = clock.now()
    until = now.astimezone(clock.AMSTERDAM).date() - timedelta(days=1)

    def messages() -> Iterator[tuple[ReconcileMessage, float]]:
        for index, one in enumerate(Connections(table).all_ids()):
            wait = index * _APART_SECONDS
            later = now + timedelta(seconds=wait) if wait > _LONGEST_SECONDS else None
            yield ReconcileMessage(one, until, DAYS, not_before=later), wait

    return queues.send_reconciles(poll_queue_url, messages())


def carry_out(table: Table, message: ReconcileMessage, poll_queue_url: str) -> Kept | None:
    """Compare one connection and keep the outcome.

    None when there is nothing to compare or it was put off: no room in SnelStart's limits, which live orders go before,
    a side that does not answer, or too many orders for the time there is, which next time are half as many days.
    Also where its time has not come: it is sent on.
    """
    early = (message.not_before - clock.now()).total_seconds() if message.not_before else 0.0
    if early >= 1.0:
        queues.send_reconciles(poll_queue_url, [(message, min(early, _LONGEST_SECONDS))])
        return None
    connection = Connections(table).get(message.connection_id)
    if connection is None or connection.paused or connection.pending:
        return None
    try:
        with Workplace.open(table, connection, live=False) as place:
            start, end = _window(place, message)
            done = reconcile(place, start, end, deadline=Deadline.after(_RUN_SECONDS))
    except Refused as refused:
        # A credential that is truly refused pauses the connection when the poll or an order meets it.
        logger.warning("not reconciled", extra={"connection_id": connection.id, "code": refused.reason.code})
        return None
    except Unavailable as unavailable:
        _put_off(message, unavailable, poll_queue_url)
        return None
    return keep(table, connection, done)


def keep(table: Table, connection: Connection, done: Reconciled) -> Kept:
    """Keep an outcome under the day up to which it goes, over an earlier one of that day."""
    kept = Kept(
        start=done.start.isoformat(),
        end=done.end.isoformat(),
        made_at=clock.iso(clock.now()),
        orders=done.orders,
        shop_total=str(done.shop_total),
        books_total=str(done.books_total),
        differences=tuple(one.as_json() for one in done.differences[:_MOST_KEPT]),
        count=len(done.differences),
        closes=done.closes,
        not_compared=done.not_compared,
    )
    row = {
        "pk": connections.partition(connection.id),
        "sk": f"{_SORT}{kept.end}",
        "from": kept.start,
        "to": kept.end,
        "made_at": kept.made_at,
        "orders": kept.orders,
        "shop_total": kept.shop_total,
        "books_total": kept.books_total,
        "differences": list(kept.differences),
        "count": kept.count,
        "closes": kept.closes,
        "not_compared": kept.not_compared.as_json(),
        "calls": done.calls,
        "expires_at": retention.expiry(retention.NOT_BOOKED),
    }
    table.put(row)
    told = {"connection_id": connection.id, "orders": done.orders, "differences": kept.count, "calls": done.calls}
    # The hook for a metric or an alarm on differences.
    (logger.info if kept.closes else logger.warning)("reconciled", extra=told)
    return kept


def latest(table: Table, connection_id: str) -> Kept | None:
    """What the last comparison came to, None when there was none in two weeks."""
    today = clock.now().astimezone(clock.AMSTERDAM).date()
    days = ((today - timedelta(days=back)).isoformat() for back in range(_LOOK_BACK_DAYS))
    found = table.get_many([Key(connections.partition(connection_id), f"{_SORT}{day}") for day in days])
    return _read(found[max(found, key=lambda key: key.sk)]) if found else None


def _read(row: dict[str, Any]) -> Kept:
    return Kept(
        start=row["from"],
        end=row["to"],
        made_at=row["made_at"],
        orders=int(row["orders"]),
        shop_total=row["shop_total"],
        books_total=row["books_total"],
        differences=tuple(row["differences"]),
        count=int(row["count"]),
        # A night of an earlier version kept neither.
        closes=bool(row.get("closes", not row["count"])),
        not_compared=NotCompared.read(row.get("not_compared", {})),
    )


def _window(place: Workplace, message: ReconcileMessage) -> tuple[date, date]:
    """As many days back as the message says, fewer where that would be more orders than a night is meant for."""
    days, end = message.days, message.until
    while days > 1 and place.shop.count(Placed(end - timedelta(days=days - 1), end)) > MOST_ORDERS:
        days //= 2
    return end - timedelta(days=days - 1), end


def _put_off(message: ReconcileMessage, unavailable: Unavailable, poll_queue_url: str) -> None:
    named = {"connection_id": message.connection_id, "code": unavailable.reason.code, "times": message.put_off + 1}
    if message.put_off + 1 >= _MOST_TIMES:
        logger.warning("not reconciled", extra=named)
        return
    in_vain = unavailable.reason.code == "koppeling-no-time-left"
    days = max(1, message.days // 2) if in_vain else message.days
    wait = unavailable.retry_after if isinstance(unavailable, Throttled) else None
    again = ReconcileMessage(message.connection_id, message.until, days, message.put_off + 1)
    seconds = min(max(wait or 0.0, _AGAIN_SECONDS), _LONGEST_SECONDS)
    queues.send_reconciles(poll_queue_url, [(again, seconds)])
    logger.info("reconciliation put off", extra=named)
