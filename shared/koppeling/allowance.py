"""SnelStart's limits on one administration as arithmetic: who may buy how many calls now. No clock, no I/O.

Calls are bought in chunks before they are made and lose their worth after `LIFETIME` seconds. What was bought is
counted in buckets of time; a bucket counts in full for as long as any call bought in it may still be inside the
vendor's window, so that no sliding window of the vendor ever holds more calls than it allows. A process takes out
again what it bought and let lapse. An hour's calls so last 3,643 s at the most instead of 3,600, which with the
spare part leaves 97 % of them to use.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final, Self

LIFETIME: Final = 10.0
"""Seconds a bought call may lie unused; every window is longer by as much."""

CALL_SECONDS: Final = 24.0
"""The longest a call may be under way: 3 s to connect, 20 s for a write's answer."""

_CONNECTS = 3.0
_FINE, _COARSE = 5, 30
_MINUTE, _HOUR = 60, 3600
_SPARE = 0.02
"""Of every limit, left unbought: clocks of functions differ, and adding a connection asks before it can pay."""

_HISTORY_LEAVES_OF_A_MINUTE, _HISTORY_LEAVES_OF_AN_HOUR = 0.10, 0.01
"""What history must leave for orders of now. Small, for as soon as those find too little they shut history out."""

_LIVE_WANTS_SECONDS = 90.0
_SLOWEST, _SLOWER, _RECOVERS_IN = 0.25, 0.7, 3600.0
_BLOCKED_SECONDS = 30.0
"""How long to keep still after a 429 that does not say how long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What SnelStart allows one administration: calls a minute, calls an hour, calls at once."""

    per_minute: int
    per_hour: int
    at_once: int

    @property
    def a_process(self) -> int:
        """Orders that one process may have under way with one administration: a fifth, so that no process takes all."""
        return max(2, self.at_once // 5)


LIMITS: Final[Mapping[str, Limits]] = {
    "productie": Limits(per_minute=500, per_hour=5000, at_once=50),
    "ontwikkeling": Limits(per_minute=100, per_hour=1000, at_once=5),
}
"""By the product of the operator's subscription key. Source: SnelStart's developer portal."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to be had for this many seconds. `over`: why (`minute`, `hour`, `at-once`, `blocked`, `live-first`)."""

    seconds: float
    over: str


@dataclass(frozen=True, slots=True)
class Buyer:
    """A process that buys, and how many orders it has under way: each makes one call at a time."""

    name: str
    under_way: int
    live: bool = True
    """For orders of now, not for history."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Calls at once that a process may still be making, and until when (seconds since 1970)."""

    at_once: int
    until: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What one administration's calls were bought for, as it lies in the table; all times are seconds since 1970."""

    fine: Mapping[int, int] = field(default_factory=dict)
    coarse: Mapping[int, int] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    """By process: what it may have under way."""
    blocked_until: float = 0.0
    live_wants_until: float = 0.0
    pace: float = 1.0
    """The part of the limits still believed in after a 429; it recovers within the hour after `paced_at`."""
    paced_at: float = 0.0

    def buy(self, calls: int, buyer: Buyer, limits: Limits, now: float) -> "Spent | Wait":
        """This many calls for this process, or how long to wait before asking again."""
        if now < self.blocked_until:
            return Wait(self.blocked_until - now, "blocked")
        if not buyer.live and now < self.live_wants_until:
            return Wait(self.live_wants_until - now, "live-first")
        others = {one: hold for one, hold in self.holds.items() if hold.until > now and one != buyer.name}
        if sum(hold.at_once for hold in others.values()) + buyer.under_way > limits.at_once:
            return Wait(min((hold.until - now for hold in others.values()), default=1.0), "at-once")
        pace = self._pace(now) * (1 - _SPARE)
        minute = limits.per_minute * pace * (1 if buyer.live else 1 - _HISTORY_LEAVES_OF_A_MINUTE)
        hour = limits.per_hour * pace * (1 if buyer.live else 1 - _HISTORY_LEAVES_OF_AN_HOUR)
        fine, coarse = _lately(self.fine, now, _FINE, _MINUTE), _lately(self.coarse, now, _COARSE, _HOUR)
        waits = (
            Wait(_wait(coarse, _COARSE, _HOUR, hour - calls, now), "hour"),
            Wait(_wait(fine, _FINE, _MINUTE, minute - calls, now), "minute"),
        )
        longest = max(waits, key=lambda wait: wait.seconds)
        if longest.seconds:
            return longest
        return replace(
            self,
            fine=_counted(fine, int(now // _FINE), calls),
            coarse=_counted(coarse, int(now // _COARSE), calls),
            holds=others | {buyer.name: Hold(buyer.under_way, now + LIFETIME + CALL_SECONDS)},
        )

    def owed(self, calls: int, now: float) -> Self:
        """Calls that were made before anybody knew whose they were."""
        fine, coarse = _lately(self.fine, now, _FINE, _MINUTE), _lately(self.coarse, now, _COARSE, _HOUR)
        return replace(
            self,
            fine=_counted(fine, int(now // _FINE), calls),
            coarse=_counted(coarse, int(now // _COARSE), calls),
        )

    def returned(self, calls: int, bought_at: float) -> Self:
        """Calls that were bought then and never made, nor ever will be; what no longer counts is left as it is."""
        return replace(
            self,
            fine=_less(self.fine, int(bought_at // _FINE), calls),
            coarse=_less(self.coarse, int(bought_at // _COARSE), calls),
        )

    def let_go(self, name: str) -> Self:
        """A process has nothing under way any more."""
        return replace(self, holds={one: hold for one, hold in self.holds.items() if one != name})

    def live_wants(self, now: float) -> Self:
        """An order of now found nothing left: history stands aside until a window has passed."""
        return replace(self, live_wants_until=now + _LIVE_WANTS_SECONDS)

    def refused(self, retry_after: float | None, now: float) -> Self:
        """SnelStart said 429 all the same: somebody else uses this administration too. Stand still, then go slower."""
        still = _BLOCKED_SECONDS if retry_after is None else retry_after
        pace = max(_SLOWEST, self._pace(now) * _SLOWER)
        return replace(self, blocked_until=max(self.blocked_until, now + still), pace=pace, paced_at=now)

    def _pace(self, now: float) -> float:
        healed = max(0.0, now - self.paced_at) / _RECOVERS_IN
        return min(1.0, self.pace + (1.0 - self.pace) * healed)

    def to_json(self) -> str:
        """As stored: under 1 kB, so that a write costs one unit."""
        return json.dumps(
            {
                "fine": _packed(self.fine),
                "coarse": _packed(self.coarse),
                "holds": {one: [hold.at_once, ceil(hold.until)] for one, hold in self.holds.items()},
                "blocked_until": ceil(self.blocked_until),
                "live_wants_until": ceil(self.live_wants_until),
                "pace": round(self.pace, 3),
                "paced_at": ceil(self.paced_at),
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The reverse of `to_json`."""
        stored = json.loads(text)
        return cls(
            fine=_unpacked(stored["fine"]),
            coarse=_unpacked(stored["coarse"]),
            holds={str(one): Hold(at_once, until) for one, (at_once, until) in stored["holds"].items()},
            blocked_until=float(stored["blocked_until"]),
            live_wants_until=float(stored["live_wants_until"]),
            pace=float(stored["pace"]),
            paced_at=float(stored["paced_at"]),
        )


def _lately(bought: Mapping[int, int], now: float, size: int, window: int) -> dict[int, int]:
    """The buckets out of which a call may still count in the vendor's window."""
    return {bucket: calls for bucket, calls in bought.items() if _until(bucket, size, window) > now}


def _until(bucket: int, size: int, window: int) -> float:
    """When the last call bought in a bucket has left the vendor's window."""
    return (bucket + 1) * size + window + LIFETIME + _CONNECTS


def _wait(bought: Mapping[int, int], size: int, window: int, room: float, now: float) -> float:
    """Seconds until no more than `room` calls count; 0 when that is so now."""
    count = sum(bought.values())
    if count <= room:
        return 0.0
    for bucket in sorted(bought):
        count -= bought[bucket]
        if count <= room:
            return _until(bucket, size, window) - now
    # More is asked for than is ever allowed at once: as long as an empty window takes.
    return float(window)


def _counted(bought: Mapping[int, int], bucket: int, calls: int) -> dict[int, int]:
    return {**bought, bucket: bought.get(bucket, 0) + calls}


def _less(bought: Mapping[int, int], bucket: int, calls: int) -> dict[int, int]:
    return {**bought, bucket: max(0, bought[bucket] - calls)} if bucket in bought else dict(bought)


def _packed(bought: Mapping[int, int]) -> list[int]:
    """The first bucket and the counts from there on."""
    if not bought:
        return []
    first = min(bought)
    return [first, *(bought.get(bucket, 0) for bucket in range(first, max(bought) + 1))]


def _unpacked(packed: list[int]) -> dict[int, int]:
    return {packed[0] + index: calls for index, calls in enumerate(packed[1:]) if calls} if packed else {}
