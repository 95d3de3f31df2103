"""The calls of one order to SnelStart, each bought out of its process's purse before it is made."""

from collections.abc import Iterator
from contextlib import contextmanager

from koppeling.budget import Chunk, Purse
from koppeling.failures import Throttled
from koppeling.transport import Answered

_TOO_MANY = 429


class Tally:
    """Counts calls that nobody can pay for yet."""

    def __init__(self) -> None:
        self.made = 0

    @contextmanager
    def call(self) -> Iterator[Answered]:
        """Around one call."""
        self.made += 1
        yield lambda _status, _retry_after: None


class Meter:
    """One order's calls to SnelStart: each is bought before it is made."""

    def __init__(self, purse: Purse, *, live: bool) -> None:
        self._purse = purse
        self._live = live
        self._chunk: Chunk | None = None
        self._entered = False
        self.made = 0
        """Calls made so far."""

    @contextmanager
    def call(self) -> Iterator[Answered]:
        """Around one call. `Throttled` when it cannot be made now; nothing was sent then."""
        if not self._entered:
            if away := self.away():
                raise away
            self._purse.enter()
            self._entered = True
        if self._chunk is not None and self._chunk.lapsed:
            self._purse.give_back(self._chunk)
            self._chunk = None
        if self._chunk is None or self._chunk.calls == 0:
            self._chunk = self._purse.chunk(live=self._live)
        self._chunk.calls -= 1
        self.made += 1
        yield self._answered

    def owe(self, calls: int) -> None:
        """Pay for calls that were made before it was known which administration they were to."""
        self._purse.owe(calls)

    def close(self) -> None:
        """The order is done with SnelStart for now."""
        if self._entered:
            self._entered = False
            chunk, self._chunk = self._chunk, None
            self._purse.leave(chunk)

    def shut(self) -> float | None:
        """Seconds for which it is known that no call can be made; None when it may be tried."""
        return self._purse.shut(live=self._live)

    def away(self) -> Throttled | None:
        """The order sent away, where it is known that no call can be made; None when it may be tried."""
        left = self.shut()
        return None if left is None else self._purse.away(left, live=self._live)

    def _answered(self, status: int, retry_after: float | None) -> None:
        if status == _TOO_MANY:
            self._purse.refused(retry_after)
