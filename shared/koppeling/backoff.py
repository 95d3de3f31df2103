"""When to try again. Attempts are counted on the row, never taken from SQS's receive count."""

import random
from datetime import datetime, timedelta

_IN_QUEUE = (5.0, 15.0, 45.0, 120.0, 300.0)
"""Seconds the message itself stays hidden after the first failures; after these the row's due time takes over."""

_DUE_LONGEST = timedelta(hours=1)
_POLL = timedelta(minutes=15)
_PUT_OFF = timedelta(hours=4)

RENEW_PUT_OFF = 8
"""After how many times of putting off the due time on the row is set anew: by then an hour at the least has passed."""

_WAITING_LONGEST = timedelta(hours=24)
WAITING_GIVEN_UP = timedelta(days=90)


def in_queue(attempts: int) -> float | None:
    """Seconds until the message should come back after this many failures; None: leave it to the due time.

    A tenth is added at random, so that orders that failed together do not return together.
    """
    if attempts > len(_IN_QUEUE):
        return None
    return _IN_QUEUE[max(0, attempts - 1)] * random.uniform(1.0, 1.1)  # noqa: S311 -- spreading, no secret


def put_off(wait: float, times: int) -> float:
    """Seconds until an order that found no room in SnelStart's limits asks again, having done so `times` times.

    The wait itself and a random part that doubles: so many as wait must not all ask at once.
    """
    return wait + random.uniform(0.0, min(5.0 * 2.0 ** min(times, 10), 600.0))  # noqa: S311 -- spreading, no secret


def put_off_due(now: datetime) -> datetime:
    """When the poll should ask for an order that was put off, should its message be lost: far later than it takes."""
    return now + _PUT_OFF


def due(now: datetime, attempts: int) -> datetime:
    """When the poll should ask again, should the message never come back."""
    return now + min(_POLL * (1 << max(0, min(attempts, 10) - len(_IN_QUEUE))), _DUE_LONGEST)


def waiting_due(now: datetime, since: datetime) -> datetime:
    """When to ask again after an order that waits for its payment: an eighth of how long it waits already.

    Every poll at first, once a day for an order of more than a week.
    """
    return now + min(max((now - since) / 8, _POLL), _WAITING_LONGEST)
