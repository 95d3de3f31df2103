"""The runs of history import: where each stands, what it has booked and not yet settled. One row a run."""

import json
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from koppeling import clock, connections, retention
from koppeling.claim import Busy
from koppeling.failures import Reason
from koppeling.ledger import FREE, MINE, Lease
from koppeling.order_row import OrderRow, SettledIn
from koppeling.table import ConditionFailed, Key, Row, Table

State = Literal["running", "paused", "cancelled", "done"]

FINISHED: tuple[State, ...] = ("cancelled", "done")

_ROOM = frozenset({"snelstart-budget", "snelstart-busy"})
"""What a run may wait for and still be going on: SnelStart's limits are its speed limit."""

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Open:
    """An invoice of this run that is not settled yet."""

    number: str
    verkoopboeking_id: str
    factuurnummer: str
    factuurdatum: str
    total: str
    gateway: str
    method: str

    @classmethod
    def of(cls, row: OrderRow) -> Self:
        """Of an order that is `for_batch`."""
        booking = row.booking
        if booking is None or row.verkoopboeking_id is None:
            raise TypeError("an order without its invoice")
        return cls(
            row.number,
            row.verkoopboeking_id,
            booking.factuurnummer,
            booking.factuurdatum,
            str(booking.total),
            booking.gateway,
            booking.method,
        )

    @property
    def amount(self) -> Decimal:
        """In euro."""
        return Decimal(self.total)


@dataclass(frozen=True, slots=True)
class Batch:
    """Payments booked together. `sent_at`: since when that may be under way; None while it certainly is not.

    `settled_in`: in which journal and on which day it was sent.
    """

    id: str
    invoices: tuple[Open, ...]
    sent_at: str | None = None
    settled_in: SettledIn | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the orders read so far."""

    read: int = 0
    known: int = 0
    """Done before this run came by."""
    booked: int = 0
    refused: int = 0
    skipped: int = 0
    later: int = 0
    """Waiting, failed or under way elsewhere: the poll brings them back by itself."""

    def with_(self, other: "Counts") -> "Counts":
        """Both together."""
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Run:
    """One import as it stands. Orders placed from the day `start` up to and including `end`."""

    id: str
    start: date
    end: date
    state: State
    started_at: str
    updated_at: str
    part: int = 0
    """Which of the shop's lists is being read: archived orders may come apart."""
    offset: int = 0
    last_number: str = ""
    expected: int = 0
    rereads: int = 0
    read_whole: bool = False
    customers_at: str = ""
    calls: int = 0
    batches: int = 0
    worked_seconds: float = 0.0
    """What it took so far, waiting for room in SnelStart's limits included and standing still not."""
    counts: Counts = field(default_factory=Counts)
    unsettled: tuple[Open, ...] = ()
    sending: Batch | None = None
    reason: Reason | None = None
    finished_at: str = ""
    asked: bool = False
    """Whether somebody told it to stand still, go on or end since it was last saved."""

    @property
    def finished(self) -> bool:
        """Whether nothing is to be done for it any more."""
        return bool(self.finished_at)

    @property
    def went_on_seconds(self) -> float:
        """Seconds since it was last saved, between two steps; 0 where it stood still, as far as that is known."""
        stood_still = self.asked or (self.reason is not None and self.reason.code not in _ROOM)
        return 0.0 if stood_still else max(0.0, age(self.updated_at))

    @property
    def per_hour(self) -> float | None:
        """Orders in an hour of work so far; those that were done before cost nothing. None before the first page."""
        own = self.counts.read - self.counts.known
        return own * _HOUR / self.worked_seconds if own and self.worked_seconds else None

    @property
    def seconds_left(self) -> float | None:
        """Work until all orders are read, at the pace so far; None while that is not known."""
        if self.finished or self.read_whole or self.state == "cancelled":
            return 0.0
        return max(0, self.expected - self.counts.read) * _HOUR / self.per_hour if self.per_hour else None

    def as_json(self) -> dict[str, Any]:
        """The run as the command line prints it."""
        return {
            "import": self.id,
            "state": self.state,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "orders": self.expected,
            **asdict(self.counts),
            "unsettled": len(self.unsettled) + (len(self.sending.invoices) if self.sending else 0),
            "calls": self.calls,
            "payment_bookings": self.batches,
            "worked_seconds": round(self.worked_seconds),
            "per_hour": _whole(self.per_hour),
            "seconds_left": _whole(self.seconds_left),
            "started_at": self.started_at,
            "updated_at": self.updated_at,
            "finished_at": self.finished_at or None,
            "reason": self.reason.as_dict() if self.reason else None,
        }


@dataclass(slots=True)
class Held:
    """A run under our lease; `run` is as it was last saved."""

    _table: Table
    _key: Key
    _lease: Lease
    run: Run

    def save(self, run: Run, *, release: bool = False) -> bool:
        """Write where the run stands. False when it was paused, cancelled or taken over meanwhile: read it anew.

        What somebody asked for meanwhile (`state`) stays as they asked.
        """
        run = replace(run, updated_at=clock.iso(clock.now()))
        gone = ("asked", "owner", "lease_until") if release else ("asked",)
        values: Row = _write(run) | ({"finished_at": run.finished_at} if run.finished_at else {})
        if run.state in FINISHED and run.finished_at:
            values |= {"state": run.state, "expires_at": retention.expiry(retention.NOT_BOOKED)}
        try:
            row = self._table.update(self._key, values, remove=gone, condition=MINE, given={"owner": self._lease.owner})
        except ConditionFailed:
            return False
        self.run = _read(row)
        return True


class Imports:
    """The imports of one connection."""

    def __init__(self, table: Table, connection_id: str) -> None:
        self._table = table
        self._pk = connections.partition(connection_id)

    def start(self, start: date, end: date) -> Run:
        """A new run."""
        now = clock.now()
        run_id = f"{now.astimezone(clock.AMSTERDAM):%Y%m%d}-{uuid.uuid4().hex[:8]}"
        run = Run(run_id, start, end, "running", clock.iso(now), clock.iso(now))
        key = self._key(run_id)
        self._table.put({"pk": key.pk, "sk": key.sk, "id": run_id, "state": run.state, **_write(run)})
        return run

    def get(self, run_id: str) -> Run | None:
        """The run, or None."""
        row = self._table.get(self._key(run_id))
        return _read(row) if row else None

    def all(self) -> Iterator[Run]:
        """All runs, the newest last."""
        return iter(sorted((_read(row) for row in self._table.rows(self._pk, "IMPORT#")), key=lambda r: r.started_at))

    def ask(self, run_id: str, state: Literal["running", "paused", "cancelled"]) -> Run | None:
        """Have a run go on, stand still or end; None when there is none or it has ended."""
        try:
            row = self._table.update(
                self._key(run_id),
                {"state": state, "asked": True},
                condition="attribute_exists(#id) AND attribute_not_exists(#finished_at) AND NOT #state = :cancelled",
                given={"cancelled": "cancelled"},
            )
        except ConditionFailed:
            return None
        return _read(row)

    def hold(self, run_id: str) -> Held | None:
        """Take a run to work on it; None when it is gone or ended, `Busy` when another worker has it."""
        now = clock.now()
        lease = Lease.take(now)
        try:
            row = self._table.update(
                self._key(run_id),
                lease.values(),
                condition=f"attribute_exists(#id) AND attribute_not_exists(#finished_at) AND {FREE}",
                given={"now": clock.iso(now)},
            )
        except ConditionFailed as error:
            if "finished_at" in error.row or "lease_until" not in error.row:
                return None
            raise Busy(datetime.fromisoformat(error.row["lease_until"])) from error
        return Held(self._table, self._key(run_id), lease, _read(row))

    def _key(self, run_id: str) -> Key:
        return Key(self._pk, f"IMPORT#{run_id}")


def _write(run: Run) -> Row:
    """All but what others may change: the state, that it was asked for, and that it ended."""
    body = asdict(run) | {"start": run.start.isoformat(), "end": run.end.isoformat()}
    body |= {"reason": run.reason.as_dict() if run.reason else None}
    for name in ("state", "finished_at", "asked"):
        del body[name]
    return {"body": zlib.compress(json.dumps(body).encode())}


def _read(row: Mapping[str, Any]) -> Run:
    body = json.loads(zlib.decompress(row["body"]))
    sending, reason = body["sending"], body["reason"]
    return Run(
        **{
            **body,
            "start": date.fromisoformat(body["start"]),
            "end": date.fromisoformat(body["end"]),
            "counts": Counts(**body["counts"]),
            "unsettled": tuple(Open(**one) for one in body["unsettled"]),
            "sending": _batch(sending) if sending else None,
            "reason": Reason.from_dict(reason) if reason else None,
        },
        state=row["state"],
        finished_at=row.get("finished_at") or "",
        asked=bool(row.get("asked")),
    )


def _batch(stored: Mapping[str, Any]) -> Batch:
    invoices = tuple(Open(**one) for one in stored["invoices"])
    return Batch(stored["id"], invoices, stored["sent_at"], SettledIn.read(stored.get("settled_in")))


def age(moment: str) -> float:
    """Seconds since a stored moment."""
    return (clock.now() - datetime.fromisoformat(moment)).total_seconds()


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
