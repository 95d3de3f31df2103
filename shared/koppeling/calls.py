"""A reconciliation's own calls to SnelStart: counted, within a tenth of an hour's, and waited for where one may."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from koppeling import partner
from koppeling.allowance import LIMITS
from koppeling.deadline import Deadline
from koppeling.failures import Throttled
from koppeling.transport import Answered
from koppeling.workplace import Workplace

_PART: Final = 10
_PER_ORDERS: Final = 3000
_A_CALL_SECONDS: Final = 12.0

type Wait = Callable[[float], None]
"""Told how many seconds SnelStart's limits leave no room; comes back after them."""


@dataclass(slots=True)
class Calls:
    """How many were made, of how many at the most: a tenth of what SnelStart allows in an hour for 3,000 orders."""

    tenth: int
    orders: int = 0
    made: int = 0

    @classmethod
    def allowed(cls) -> "Calls":
        """By the product of the operator's subscription key. `Unavailable` when that cannot be read."""
        limits = LIMITS.get(partner.partner().product, LIMITS["ontwikkeling"])
        return cls(limits.per_hour // _PART)

    @property
    def left(self) -> int:
        """How many more; more orders may cost more."""
        return max(self.tenth, self.tenth * self.orders // _PER_ORDERS) - self.made

    def counting(self, place: Workplace, wait: Wait | None, deadline: Deadline | None) -> Workplace:
        """The same place of work, whose calls to SnelStart are counted here.

        Without `wait`, `Throttled` when there is no room; with a `deadline`, `Unavailable` when it is near.
        """

        @contextmanager
        def around() -> Iterator[Answered]:
            if deadline:
                deadline.demand(_A_CALL_SECONDS)
            with ExitStack() as stack:
                answered = None
                while answered is None:
                    try:
                        answered = stack.enter_context(place.snelstart.around())
                    except Throttled as throttled:
                        if wait is None:
                            raise
                        wait(throttled.retry_after or 1.0)
                self.made += 1
                yield answered

        return replace(place, snelstart=replace(place.snelstart, around=around))
