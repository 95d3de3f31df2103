"""A side that hangs is left alone for a while: per connection and side, in this process.

A call that is never answered costs its whole time-out, and its order one of the places among those under way. After
three of them within a minute every order of the connection is put off at once, which takes milliseconds. One call
then finds out whether the side is back: after half a minute, later every minute. Any answer says so, a 503 too: what
answers quickly is in nobody's way, and the orders' own pauses are polite enough.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Literal

from koppeling import catalogue, clock
from koppeling.failures import Reason, Throttled
from koppeling.telemetry import logger
from koppeling.transport import SILENT, Answered

Side = Literal["shop", "snelstart"]

TIMES: Final = 3
"""As many calls without an answer, and no answer in between."""

_WITHIN_SECONDS = 60.0
_FIRST_SECONDS, _LONGEST_SECONDS = 30.0, 60.0
"""Both longer than a call may take, 23 s: so there is never more than one that finds out."""

_CODES: dict[Side, str] = {"shop": "shop-unavailable", "snelstart": "snelstart-unavailable"}


@dataclass(slots=True)
class Patience:
    """With one side of one connection. For any number of threads; all times are seconds since 1970."""

    connection_id: str
    side: Side
    _turn: Lock = field(default_factory=Lock)
    _silent: int = 0
    _silent_at: float = 0.0
    _shut_until: float = 0.0
    _shut_times: int = 0
    """How often in a row; 0 while calls are made as ever."""
    _finding_out: bool = False

    @property
    def reason(self) -> Reason:
        """Why nothing is asked."""
        return catalogue.reason(_CODES[self.side])

    def shut(self) -> float | None:
        """Seconds for which this side is not asked; None when it may be."""
        left = self._shut_until - clock.now().timestamp()
        return left if left > 0 else None

    @contextmanager
    def call(self) -> Iterator[Answered]:
        """Around one call. `Throttled` while the side is left alone; nothing was sent then."""
        with self._turn:
            left = self.shut()
            if left is not None:
                raise Throttled(self.reason, left)
            if self._shut_times:
                self._finding_out = True
                self._shut_until = clock.now().timestamp() + _LONGEST_SECONDS
        yield self._answered

    def _answered(self, status: int, _retry_after: float | None) -> None:
        with self._turn:
            if status != SILENT:
                self._silent = self._shut_times = 0
                self._shut_until, self._finding_out = 0.0, False
            elif self._finding_out or not self._shut_times:
                # Else it was sent before: of ten orders that hang together three were enough.
                self._count()

    def _count(self) -> None:
        now = clock.now().timestamp()
        recently = now - self._silent_at <= _WITHIN_SECONDS
        self._silent = self._silent + 1 if recently else 1
        self._silent_at = now
        if not self._finding_out and self._silent < TIMES:
            return
        self._finding_out = False
        pause = min(_FIRST_SECONDS * 2**self._shut_times, _LONGEST_SECONDS)
        self._shut_times += 1
        self._shut_until = now + pause
        logger.warning(
            "left alone because it does not answer",
            extra={"connection_id": self.connection_id, "side": self.side, "seconds": pause},
        )


_known: dict[tuple[str, Side], Patience] = {}
_lock = Lock()


def patience(connection_id: str, side: Side) -> Patience:
    """This process's patience with one side of a connection."""
    with _lock:
        return _known.setdefault((connection_id, side), Patience(connection_id, side))


def shut(connection_id: str) -> Throttled | None:
    """Why and for how long no order of this connection can be worked on, as far as this process knows."""
    sides: tuple[Side, ...] = ("shop", "snelstart")
    with _lock:
        known = [_known[connection_id, side] for side in sides if (connection_id, side) in _known]
    waits = [Throttled(one.reason, left) for one in known if (left := one.shut()) is not None]
    return max(waits, key=lambda wait: wait.retry_after or 0.0, default=None)


def forget() -> None:
    """Ask everybody again, as a new process would."""
    with _lock:
        _known.clear()
