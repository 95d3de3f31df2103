"""Closed periods: on which other days an invoice may be tried, where the profile allows that at all."""

from datetime import date
from typing import Final

_DECEMBER: Final = 12


def first_open_days(wanted: date, today: date) -> tuple[date, ...]:
    """The days to try, in this order, after SnelStart refused `wanted`: the first of each later month, then today.

    Periods are closed by month, quarter or year, so the first open day is the first of a month, or none before today.
    Never a day in the future; nothing when `wanted` is today or later.
    """
    days = []
    day = wanted
    while True:
        day = date(day.year + 1, 1, 1) if day.month == _DECEMBER else date(day.year, day.month + 1, 1)
        if day >= today:
            break
        days.append(day)
    return (*days, today) if wanted < today else ()
