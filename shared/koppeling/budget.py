"""SnelStart's limits on one administration, shared by every process that calls it.

A process buys calls in chunks: one conditional write on the administration's row, whose version keeps two buyers from
buying the same. What an order does not use goes to the process's purse for the next one, and ten orders of a batch
buy together. So an order costs one write at the most, and no call is made that was not bought.
"""

import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from threading import Condition, Lock
from typing import Final

from koppeling import catalogue, clock
from koppeling.allowance import LIFETIME, Buyer, Limits, Spent, Wait
from koppeling.failures import Throttled, Unavailable
from koppeling.table import ConditionFailed, Key, Row, Table
from koppeling.turns import Turns

CHUNK: Final = 4
"""The calls of an order of a new customer: find it, make it, book the invoice, settle it."""

_ENOUGH = 2
"""The calls of an order of a known customer: with so many in the purse nothing is bought."""

_TRIES = 12
_PATIENCE_SECONDS = 8.0
"""How long an order waits for another one of its process before it goes back to the queue."""

_AT_ONCE_SECONDS = 5.0
_SHARED: Final = frozenset({"minute", "hour", "at-once"})
"""Of what history may have taken so much that too little is left for orders of now."""

_WORTH_LETTING_GO = 5
_ROW_SECONDS = 2 * 3600


@dataclass(slots=True)
class Chunk:
    """Calls that were bought together, worthless after `until` (seconds since 1970)."""

    calls: int
    until: float

    @property
    def bought_at(self) -> float:
        """When it was bought (seconds since 1970)."""
        return self.until - LIFETIME

    @property
    def lapsed(self) -> bool:
        """Whether it is too late to make a call of it."""
        return self.until < _now()


@dataclass(slots=True)
class Purse:
    """What this process has bought of one administration's calls. For any number of threads."""

    table: Table
    administration_id: str
    limits: Limits
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _turn: Lock = field(default_factory=Lock)
    _room: Condition = field(default_factory=Condition)
    _wanting: int = 0
    _under_way: int = 0
    _loose: list[Chunk] = field(default_factory=list)
    _lapsed: list[Chunk] = field(default_factory=list)
    """What nobody used in time: taken out of the row with the next purchase."""
    _spent: Spent | None = None
    _version: int = 0
    _shut: dict[bool, tuple[float, str]] = field(default_factory=dict)
    _turns: Turns = field(default_factory=Turns)

    def enter(self) -> None:
        """One order more of this process. `Throttled` when it has as many under way as it may for too long."""
        with self._room:
            if not self._room.wait_for(lambda: self._under_way < self.limits.a_process, _PATIENCE_SECONDS):
                raise _throttled(1.0)
            self._under_way += 1

    def leave(self, chunk: Chunk | None) -> None:
        """An order less; what it did not use is for the next."""
        if chunk:
            self.give_back(chunk)
        with self._room:
            self._under_way -= 1
            idle = self._under_way == 0
            self._room.notify()
        if idle:
            self._let_go()

    def give_back(self, chunk: Chunk) -> None:
        """What an order did not use; the order may not use it any more."""
        if chunk.calls:
            with self._turn:
                self._loose.append(chunk)

    def chunk(self, *, live: bool) -> Chunk:
        """Calls for one order: out of the purse, or bought. `Throttled` when there are none to be had now."""
        with self._room:
            self._wanting += 1
        try:
            with self._turn:
                return self._out_of_purse() or self._bought(live=live)
        finally:
            with self._room:
                self._wanting -= 1

    def shut(self, *, live: bool) -> float | None:
        """Seconds for which it is known, without asking, that nothing can be had; None when it may be tried."""
        until, _ = self._shut.get(live, (0.0, ""))
        left = until - _now()
        return left if left > 0 else None

    def away(self, seconds: float, *, live: bool) -> Throttled:
        """Send an order away that finds nothing to be had for this long; one of now with a turn of its own.

        History is one run and comes back at once.
        """
        if not live:
            return _throttled(seconds)
        now = _now()
        processes = max(1, sum(hold.until > now for hold in (self._spent or Spent()).holds.values()))
        # As far apart as a known customer's orders may be: rather too many come than too few.
        apart = processes * _ENOUGH * 60 / self.limits.per_minute
        with self._room:
            return _throttled(self._turns.give(now + seconds, apart, now) - now)

    def owe(self, calls: int) -> None:
        """Count calls that were made before it was known which administration they were to."""
        with self._turn:
            self._change(lambda spent: spent.owed(calls, _now()))

    def refused(self, retry_after: float | None) -> None:
        """A 429 all the same: every process stands still for as long as it says, and goes slower afterwards."""
        with self._turn:
            self._loose.clear()
            changed = self._change(lambda spent: spent.refused(retry_after, _now()))
            self._shut = dict.fromkeys((True, False), (changed.blocked_until, "blocked"))

    def _out_of_purse(self) -> Chunk | None:
        now = _now()
        self._lapsed += [chunk for chunk in self._loose if chunk.until <= now]
        self._loose = [chunk for chunk in self._loose if chunk.until > now]
        hold = (self._spent or Spent()).holds.get(self.name)
        if self._at_hand() < _ENOUGH or not hold or hold.at_once < self._under_way:
            return None
        return self._taken()

    def _at_hand(self) -> int:
        return sum(chunk.calls for chunk in self._loose)

    def _taken(self) -> Chunk:
        # Of the oldest first; an order that needs more than these buys more.
        first = self._loose[0]
        taken = Chunk(min(first.calls, CHUNK), first.until)
        first.calls -= taken.calls
        self._loose = [chunk for chunk in self._loose if chunk.calls]
        return taken

    def _bought(self, *, live: bool) -> Chunk:
        left = self.shut(live=live)
        if left is not None:
            raise self.away(left, live=live)
        with self._room:
            wanted, buyer = CHUNK * max(1, self._wanting), Buyer(self.name, self._under_way, live)
        # None at all where only more orders are under way than were told of.
        bought = self._buy(max(0, wanted - self._at_hand()), buyer)
        if isinstance(bought, Wait) and wanted > CHUNK:
            bought = self._buy(max(0, CHUNK - self._at_hand()), buyer)
        if isinstance(bought, Wait):
            raise self._sent_away(bought, live=live)
        if bought.calls:
            self._loose.append(bought)
        return self._taken()

    def _buy(self, calls: int, buyer: Buyer) -> Chunk | Wait:
        """Buy, or how long to wait. What this process remembers is believed only as long as it says yes."""
        asked = self._spent is None
        for tried in range(_TRIES):
            spent, now = self._spent or self._read(), _now()
            for chunk in self._lapsed:
                spent = spent.returned(chunk.calls, chunk.bought_at)
            outcome = spent.buy(calls, buyer, self.limits, now)
            if isinstance(outcome, Wait):
                if asked:
                    return outcome
                self._spent, asked = None, True
                continue
            # Whether a write that failed was carried out is not always known, and nothing may be taken out twice.
            self._lapsed.clear()
            if self._write(outcome):
                return Chunk(calls, now + LIFETIME)
            asked = True
            time.sleep(random.uniform(0, 0.01) * tried)  # noqa: S311 -- spreading, no secret
        return Wait(1.0, "busy")

    def _sent_away(self, wait: Wait, *, live: bool) -> Throttled:
        seconds = min(wait.seconds, _AT_ONCE_SECONDS) if wait.over == "at-once" else wait.seconds
        self._shut[live] = (_now() + seconds, wait.over)
        if live and wait.over in _SHARED and (self._spent or Spent()).live_wants_until < _now() + seconds:
            with suppress(Throttled):
                self._change(lambda spent: spent.live_wants(_now()))
        return self.away(seconds, live=live)

    def _let_go(self) -> None:
        """A process that had much under way tells that it is idle; a small hold is left to lapse by itself."""
        with self._turn:
            hold = (self._spent or Spent()).holds.get(self.name)
            if hold is None or hold.at_once < _WORTH_LETTING_GO or self._under_way:
                return
            with suppress(Unavailable):
                self._change(lambda spent: spent.let_go(self.name))

    def _change(self, change: Callable[[Spent], Spent]) -> Spent:
        for tried in range(_TRIES):
            changed = change(self._spent or self._read())
            if self._write(changed):
                return changed
            time.sleep(random.uniform(0, 0.01) * tried)  # noqa: S311 -- spreading, no secret
        raise _throttled(1.0)

    def _key(self) -> Key:
        return Key(f"ADMINISTRATION#{self.administration_id}", "BUDGET")

    def _read(self) -> Spent:
        row = self.table.get(self._key())
        return self._remember(row) if row else self._remember({"version": 0, "spent": Spent().to_json()})

    def _remember(self, row: Row) -> Spent:
        self._version = int(row["version"])
        self._spent = Spent.from_json(row["spent"])
        return self._spent

    def _write(self, spent: Spent) -> bool:
        """Whether it was still as we knew it; if not, what it is now is known."""
        mark = uuid.uuid4().hex
        # SnelStart may ask for a day of silence.
        matters_until = max(_now(), spent.blocked_until)
        try:
            row = self.table.update(
                self._key(),
                {
                    "spent": spent.to_json(),
                    "version": self._version + 1,
                    "written": mark,
                    "expires_at": int(matters_until) + _ROW_SECONDS,
                },
                condition="attribute_not_exists(#version) OR #version = :was",
                given={"was": self._version},
            )
        except ConditionFailed as error:
            self._remember(error.row)
            # The answer to our own write may have been lost, and boto3 sent it once more.
            return bool(error.row.get("written") == mark)
        self._remember(row)
        return True


_purses: dict[tuple[str, Limits], Purse] = {}
_lock = Lock()


def purse(table: Table, administration_id: str, limits: Limits) -> Purse:
    """This process's one purse for an administration."""
    with _lock:
        key = (administration_id, limits)
        if key not in _purses:
            _purses[key] = Purse(table, administration_id, limits, _process())
        return _purses[key]


def forget() -> None:
    """Forget what this process bought, as a new one would start."""
    with _lock:
        _purses.clear()
        _process.cache_clear()


@cache
def _process() -> str:
    return uuid.uuid4().hex[:12]


def _now() -> float:
    return clock.now().timestamp()


def _throttled(seconds: float) -> Throttled:
    return Throttled(catalogue.reason("snelstart-budget"), seconds)
