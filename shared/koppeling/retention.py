"""How long the table keeps what it has: docs/privacy.md says why. Nothing relies on it; DynamoDB is days late.

A row that is gone loses no order: announced again, it is read anew, and an invoice of ours is found by its number.
"""

from datetime import timedelta
from typing import Final

from koppeling import clock

BOOKS: Final = timedelta(days=8 * 366)
"""What stands in the books. Those are kept for seven years after the financial year (art. 52 AWR), so at most eight
after the order. The row is what keeps an order from being booked twice, and it holds the evidence of VIES."""

NOT_BOOKED: Final = timedelta(days=400)
"""What there was nothing to book for: over a year, so that the annual accounts can still be asked about it."""

TURN: Final = timedelta(hours=2)
"""Whose turn it is among the connections of one administration: it lapses within minutes."""


def expiry(period: timedelta) -> int:
    """The moment a period from now, as DynamoDB's TTL wants it: seconds since 1970."""
    return int((clock.now() + period).timestamp())
