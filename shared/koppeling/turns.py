"""When each of many orders is to ask again that were sent away together."""

import random
from dataclasses import dataclass
from typing import Final

MOST_SECONDS: Final = 900.0
"""As far ahead as turns are given: SQS keeps no message back for longer."""


@dataclass(slots=True)
class Turns:
    """One process's turns at one administration; all times are seconds since 1970.

    Were all to come back when SnelStart has room again, all but the first would find that it is over.
    """

    _next: float = 0.0

    def give(self, earliest: float, apart: float, now: float) -> float:
        """When one more order is to ask again: not before `earliest`, and `apart` seconds after the last turn given.

        Where the turns are all given, a random moment up to the last of them: who comes early finds the room that
        others leave.
        """
        turn, last = max(self._next, earliest), now + MOST_SECONDS
        if turn > last:
            return random.uniform(min(earliest, last), last)  # noqa: S311 -- spreading, no secret
        self._next = turn + apart
        return turn
