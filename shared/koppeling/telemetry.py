"""The one place that makes the logger and the metrics. Told are codes, connection ids, order numbers: nobody's data.

Metrics are counted in memory, by any number of threads, and printed as CloudWatch's embedded metric format when an
invocation ends, so that no API is called for them. Their dimensions have few values: which connection or order it was
stands in the log line beside them.
"""

import os
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import wraps
from threading import Lock
from typing import Final, Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from koppeling.failures import Reason

logger = Logger()

SERVICE: Final = "koppeling"
"""The dimension `service` of every metric, whichever function counted: an alarm is about the whole."""

Credential = Literal["shop", "snelstart", "operator"]
"""Whose credential is refused: the dimension `whose`."""

_REFUSED: Final[dict[str, Credential]] = {
    "shop-token-refused": "shop",
    "snelstart-key-refused": "snelstart",
    "snelstart-disconnected": "snelstart",
    "shop-access-refused": "operator",
    "snelstart-subscription-key-refused": "operator",
    "koppeling-partner-empty": "operator",
}


class Metric(Enum):
    """Everything counted or measured; the value is its name in CloudWatch and its unit."""

    ORDERS_PAID = ("OrdersPaid", MetricUnit.Count)
    ORDERS_CREDITED = ("OrdersCredited", MetricUnit.Count)
    ORDERS_REFUSED = ("OrdersRefused", MetricUnit.Count)
    """1 for an order that is refused, 0 for one that is done: the sum is how many, the average which share."""
    ORDERS_FAILED = ("OrdersFailed", MetricUnit.Count)
    """1 for an attempt that failed, 0 for one that did what it could, as above."""
    ORDERS_UNKNOWN = ("OrdersUnknown", MetricUnit.Count)
    """Attempts on an order of which a write is unanswered for longer than it takes to find out."""
    ORDERS_PUT_OFF = ("OrdersPutOff", MetricUnit.Count)
    PUT_OFF_FOR = ("PutOffFor", MetricUnit.Seconds)
    """How long an order of now is put off already: no room in SnelStart's limits, or a side that does not answer."""
    WEBHOOK_TO_PAID = ("WebhookToPaid", MetricUnit.Milliseconds)
    THROTTLED = ("Throttled429", MetricUnit.Count)
    CREDENTIALS_REFUSED = ("CredentialsRefused", MetricUnit.Count)
    """By `whose`. The shop's and SnelStart's are counted when they pause a connection, so once."""
    POLL_LAG = ("PollLag", MetricUnit.Seconds)
    """How far behind a shop its poll is left."""
    POLLS_PUT_OFF = ("PollsPutOff", MetricUnit.Count)
    ACTIVATIONS_REFUSED = ("ActivationsRefused", MetricUnit.Count)
    MISTAKES = ("KoppelingErrors", MetricUnit.Count)
    """Errors nobody foresaw: mistakes of ours."""

    def __init__(self, title: str, unit: MetricUnit) -> None:
        self.title = title
        self.unit = unit


_counted: list[tuple[Metric, float, Credential | None]] = []
_lock = Lock()


def count(metric: Metric, value: float = 1, *, whose: Credential | None = None) -> None:
    """Add to a metric, in its unit; printed by `flush`."""
    with _lock:
        _counted.append((metric, value, whose))


def refused(code: str) -> None:
    """Count a reason that says that a credential is refused; others are not counted here."""
    whose = _REFUSED.get(code)
    if whose:
        count(Metric.CREDENTIALS_REFUSED, whose=whose)


def paused(connection_id: str, reason: Reason) -> None:
    """A connection stands still from now on, over a credential that is truly refused."""
    refused(reason.code)
    told = {"connection_id": connection_id, "code": reason.code, "whose": reason.whose}
    logger.error("connection paused", extra=told)


def flush() -> None:
    """Print what was counted since the last time, and forget it."""
    with _lock:
        counted = _counted.copy()
        _counted.clear()
    by_whose: dict[Credential | None, list[tuple[Metric, float]]] = defaultdict(list)
    for metric, value, whose in counted:
        by_whose[whose].append((metric, value))
    # Of the stack: two deployments in one account must not ring each other's alarms.
    namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Koppeling")
    for whose, values in by_whose.items():
        told = EphemeralMetrics(service=SERVICE, namespace=namespace)
        if whose:
            told.add_dimension("whose", whose)
        for metric, value in values:
            told.add_metric(metric.title, metric.unit, value)
        if told.metric_set:
            # else the last of exactly so many hundreds of values has been printed already
            told.flush_metrics()


def flushed[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """Around a handler: what it counted is printed when it ends, however it ends."""

    @wraps(handler)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with _flushing():
            return handler(*args, **kwargs)

    return wrapped


@contextmanager
def _flushing() -> Iterator[None]:
    try:
        yield
    finally:
        flush()


def where(error: BaseException) -> dict[str, object]:
    """Type and place of an error, never its text: texts of other people's errors may hold URLs and names."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return {
        "error": type(error).__name__,
        "where": [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames],
    }
