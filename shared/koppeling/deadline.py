"""How long this run may still take; asked before every step that must not be cut off half-way."""

import time
from dataclasses import dataclass

from koppeling import catalogue
from koppeling.failures import Unavailable

WRITE_SECONDS = 26.0
"""A write may take its whole time-out (connect 3 s, answer 20 s), and what came back must still be recorded."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """That many seconds from now."""
        return cls(time.monotonic() + seconds)

    def over(self, seconds: float = 0.0) -> bool:
        """Whether fewer than this many seconds are left."""
        return time.monotonic() + seconds > self.at

    def demand(self, seconds: float) -> None:
        """`Unavailable` unless this many seconds are left."""
        if self.over(seconds):
            raise Unavailable(catalogue.reason("koppeling-no-time-left"), 1.0)
