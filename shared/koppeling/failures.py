"""The three ways an order can fail to go forward, and the catalogue of reasons people read.

*Refused*: somebody must change something first. *Unavailable*: nothing happened, try again later.
*Unknown*: a write was sent and its outcome is not known; look before sending it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

Whose = Literal["owner", "bookkeeper", "operator"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an order stands where it stands: a stable code, and Dutch for the one who must act."""

    code: str
    sentence: str
    advice: str
    whose: Whose

    def as_dict(self) -> dict[str, str]:
        """The shape of ``reason`` in `koppeling order --json` and on the order row."""
        return {"code": self.code, "sentence": self.sentence, "advice": self.advice, "whose": self.whose}

    @classmethod
    def from_dict(cls, stored: Mapping[str, str]) -> "Reason":
        """The reverse of `as_dict`."""
        return cls(stored["code"], stored["sentence"], stored["advice"], cast("Whose", stored["whose"]))


class Failure(Exception):
    """Base of the three kinds; its text is the code alone, so that a traceback names nobody."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


class Refused(Failure):
    """Cannot be done until somebody changes something."""


class ConnectionRefused(Refused):
    """A credential of this one connection is refused: every order of it would be, so it is paused."""


class Unavailable(Failure):
    """Did not happen; worth trying again, after `retry_after` seconds where the other side named them."""

    def __init__(self, reason: Reason, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Unsettled(Unavailable):
    """An earlier write may still be under way: it may be sent again after `retry_after` seconds, not before.

    Looking for its effect sooner is fine.
    """


class Throttled(Unavailable):
    """No call is made now, so nothing fails: SnelStart's limits leave no room, or a side does not answer at all."""


class Unknown(Failure):
    """A write whose outcome is not known.

    `answered`: the other side gave an immediate answer that it did nothing (429), so the attempt has ended;
    otherwise it may still be under way.
    """

    def __init__(self, reason: Reason, *, answered: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.answered = answered
        self.retry_after = retry_after
