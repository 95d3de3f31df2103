"""Connections that book in one administration: one at a time makes a relatie, or pays an invoice it did not just send.

Each remembers customers under a hash key of its own, so their rows cannot tell that two shops have the same new
customer. So before one is looked for and made they take turns, by a few bits of the address, which name nobody. A turn
that nobody ended, because the run died or SnelStart did not answer, lapses only once whatever was sent during it must
have ended: who comes next then finds it. The same for an invoice that two connections of one shop find open. One that
is alone takes no turns and writes nothing.
"""

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from koppeling import catalogue, clock, retention
from koppeling.connections import REGISTRY, Connection, Connections
from koppeling.failures import Unavailable
from koppeling.ledger import FREE, LEASE, MINE, Lease, Mark
from koppeling.order_row import DONE, OrderRow
from koppeling.orders import Orders
from koppeling.settings import settings
from koppeling.table import ConditionFailed, Key, Table

RUNS_END = timedelta(minutes=10)
"""After which no function is at work any more that read a connection's row before it was removed."""

_LOOK_EVERY_SECONDS = 0.1
_HELD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One run's turn, or nobody's need of one. `wait`: seconds after which to try again, because it is not our turn."""

    table: Table
    key: Key | None = None
    lease: Lease | None = None
    wait: float = 0.0

    @property
    def alone(self) -> bool:
        """Whether no other connection can be making a relatie in this administration."""
        return self.key is None

    def demand(self) -> None:
        """`Unavailable` where it is not our turn."""
        if self.wait:
            raise Unavailable(catalogue.reason("customer-being-made"), self.wait)

    def end(self, mark: Mark | None = None) -> None:
        """Let the others in; where a `mark` is left of what may still come, not before that must have ended."""
        if self.key is None or self.lease is None:
            return
        with suppress(ConditionFailed, Unavailable):
            # Failing, it lapses by itself, later.
            if mark is None or mark.answered:
                gone = ("owner", "lease_until")
                self._write({"ended_at": clock.iso(clock.now())}, gone)
            else:
                self._write({"left": True, "lease_until": clock.iso(mark.sent_at + _settle())})

    def _write(self, values: dict[str, object], remove: tuple[str, ...] = ()) -> None:
        if self.key and self.lease:
            given = {"owner": self.lease.owner}
            self.table.update(self.key, values, remove=remove, condition=MINE, given=given)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The connections beside one in its administration, or for its shop there.

    `since`: from when there are any, empty where there are none.
    """

    table: Table
    administration_id: str
    since: str

    @property
    def early(self) -> float:
        """Seconds until no run is at work any more that took no turn: it began before its connection had neighbours."""
        if not self.since:
            return 0.0
        ends = datetime.fromisoformat(self.since) + LEASE + _settle()
        return max(0.0, (ends - clock.now()).total_seconds())

    def turn(self, who: str, deadline: float) -> Turn:
        """A turn at this customer or invoice number, waited for until `deadline` on the monotonic clock."""
        if not self.since:
            return Turn(self.table)
        key = self._key(who)
        early = self.early
        if early:
            return Turn(self.table, key, wait=early)
        while True:
            taken = Lease.take(clock.now())
            lease = Lease(taken.owner, taken.until + _settle())
            values = {**lease.values(), "expires_at": retention.expiry(retention.TURN)}
            given = {"now": clock.iso(clock.now())}
            try:
                self.table.update(key, values, remove=("left",), condition=FREE, given=given)
            except ConditionFailed as held:
                # Left: nobody is at work any more, but what was sent may still come.
                if held.row.get("left") or time.monotonic() >= deadline:
                    return Turn(self.table, key, wait=_HELD_SECONDS)
                time.sleep(_LOOK_EVERY_SECONDS)
            else:
                return Turn(self.table, key, lease)

    def _key(self, who: str) -> Key:
        """One of 256 rows of the administration: hundreds of thousands of addresses come to each."""
        bucket = hashlib.sha256(who.strip().casefold().encode()).hexdigest()[:2]
        return Key(f"ADMINISTRATION#{self.administration_id}", f"TURN#{bucket}")


def tell(table: Table, connection: Connection) -> Connection:
    """Tell a connection, and all others of its administration, that it is not alone, if it is not; as it then is.

    Before it books, so that none of the others is alone any more; and after it is stored, for one that is added at the
    same moment. It is not alone either beside one that was removed just now, whose runs may not have ended.
    """
    known, since = Connections(table), clock.iso(clock.now())
    beside, twins = dict(connection.beside_since), dict(connection.twins_since)
    for other in known.beside(connection):
        us = {connection.id: since}
        beside.setdefault(other.id, since)
        if other.shop_id == connection.shop_id:
            twins.setdefault(other.id, since)
        known.beside_others(other.id, us, us if other.shop_id == connection.shop_id else {})
    for other_id, same_shop in _leaving(table, connection).items():
        beside.setdefault(other_id, since)
        if same_shop:
            twins.setdefault(other_id, since)
    if beside:
        known.beside_others(connection.id, beside, twins)
    return replace(connection, beside_since=beside, twins_since=twins)


def _leaving(table: Table, connection: Connection) -> dict[str, bool]:
    """Whose runs in this administration may not have ended although they were removed; whether of the same shop."""
    begun = clock.iso(clock.now() - RUNS_END)
    return {
        row["sk"]: row["shop_id"] == connection.shop_id
        for row in table.rows(REGISTRY)
        if row.get("administration_id") == connection.administration_id
        and begun < (row.get("removed_at") or row["removing_at"])
    }


def part(table: Table, gone: str) -> None:
    """Forget of all connections that one was beside them which has been gone for so long that nothing comes of it.

    A twin stays remembered where an invoice sent beside it is not settled yet: it may have paid that one.
    """
    known = Connections(table)
    for connection in known.all():
        if gone in connection.beside_since or gone in connection.twins_since:
            twin = gone in connection.twins_since and not _unsettled(Orders(table, connection.id).all())
            known.parted(connection, gone, twin=twin)


def _unsettled(rows: Iterable[OrderRow]) -> bool:
    return any(row.invoice is not None and row.state not in DONE for row in rows)


def _settle() -> timedelta:
    return timedelta(seconds=settings().settle_seconds)
