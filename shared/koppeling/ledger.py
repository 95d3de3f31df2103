"""The intent ledger: what we were about to send is written before it is sent, what came back after.

Whoever finds the mark of an earlier attempt looks in SnelStart first. Found: done. Not found: it may send again only
once the earlier attempt must have ended. Powertools' idempotency utility cannot do this: it forgets a run that
raised, which is just the run whose outcome is not known.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from koppeling import clock

LEASE = timedelta(seconds=90)
"""How long a claim holds: longer than a function may run, so a live holder is never overtaken."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The mark of an attempt: since when, and whether the other side answered that it did nothing (429)."""

    sent_at: datetime
    answered: bool = False

    def may_repeat(self, now: datetime, settle: timedelta) -> bool:
        """Whether the attempt must have ended, so that not finding its effect means it had none."""
        return self.answered or now >= self.sent_at + settle

    def wait(self, now: datetime, settle: timedelta) -> float:
        """Seconds until `may_repeat`."""
        return 0.0 if self.answered else max(0.0, (self.sent_at + settle - now).total_seconds())

    def as_dict(self) -> dict[str, object]:
        """As stored."""
        return {"sent_at": clock.iso(self.sent_at), "answered": self.answered}

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """From a row; None where no attempt was made."""
        if not isinstance(stored, dict):
            return None
        return cls(datetime.fromisoformat(stored["sent_at"]), bool(stored["answered"]))


@dataclass(frozen=True, slots=True)
class Undoing:
    """The mark of an invoice that is being taken out of the books on request: since when, and how it is paid.

    Whoever finds it goes on with it; removing by id can be repeated without looking. `was`: the order's state before.
    """

    id: str
    since: datetime
    was: str
    journal: str = ""
    """Where its payment is; "" where it has none."""
    payment_id: str = ""

    def as_dict(self) -> dict[str, object]:
        """As stored."""
        stored = {"id": self.id, "since": clock.iso(self.since), "was": self.was}
        return {**stored, "journal": self.journal, "payment_id": self.payment_id}

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """From a row; None where nothing is being taken back."""
        if not isinstance(stored, dict):
            return None
        return cls(**{**stored, "since": datetime.fromisoformat(stored["since"])})


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on a row, until when. Every write of the holder demands that it still holds."""

    owner: str
    until: datetime

    @classmethod
    def take(cls, now: datetime) -> Self:
        """A new lease from now."""
        return cls(uuid.uuid4().hex, now + LEASE)

    def values(self) -> dict[str, object]:
        """As stored."""
        return {"owner": self.owner, "lease_until": clock.iso(self.until)}


FREE = "(attribute_not_exists(#owner) OR #lease_until < :now OR #owner = :owner)"
"""Condition of taking a lease: nobody holds it, it ran out, or the reply to our own taking was lost."""

MINE = "#owner = :owner"
"""Condition of every write under a lease."""
