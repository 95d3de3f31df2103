"""The webhook's answer beside a handler that puts one message on a queue and does nothing else, in turn.

Both run in this process on a queue of their own that nobody reads, with clients that are warm. What ours does besides:
it proves the sender, reads the order's number and writes a line of log.
"""

import logging
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.config import Config

from sandbox.benchmarks import results
from sandbox.benchmarks.inside import Context, Said, inside, webhook_event
from sandbox.benchmarks.results import Chart, Fact, Goal, Measured, bar
from sandbox.world import Connected, World

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_ROUNDS: Final = 1500
_WARM: Final = 50
_ACCEPTED: Final = 202
_GOAL: Final = Goal(
    2.0, if_missed="proving the sender is two hashes; the rest is one request to SQS, as in the bare one"
)


def measure(made: World) -> Measured:
    """The same webhook again and again, ours and bare in turn."""
    connected = made.connect_since_yesterday("Bench webhook")
    queue_url = made.deployment.sqs.create_queue(QueueName="bench-acknowledged")["QueueUrl"]
    with inside(made, ORDER_QUEUE_URL=queue_url) as said, _logged(said):
        pairs = _pairs(connected, queue_url)
    ours, floor = ([one[side] for one in pairs] for side in (1, 0))
    ratio = statistics.median(one / other for other, one in pairs)
    shown = (
        f"{ratio:.2f} x a bare handler ({statistics.median(ours) * 1e3:.1f} : {statistics.median(floor) * 1e3:.1f} ms)"
    )
    facts = (
        results.ratio("webhook, x a bare handler", ratio, shown, _GOAL),
        results.ratio("webhook p99, x a bare handler's", _p99(ours) / _p99(floor)),
        results.milliseconds("webhook, median", statistics.median(ours)),
        results.milliseconds("webhook, p99", _p99(ours)),
        results.milliseconds("bare handler, median", statistics.median(floor)),
        results.milliseconds("bare handler, p99", _p99(floor)),
        _a_second("webhook, requests a second of one function", ours),
        _a_second("bare handler, requests a second of one function", floor),
    )
    bars = (bar("a bare handler", 1.0), bar("our webhook", round(ratio, 2)))
    return Measured(facts, Chart("A webhook's answer", "x a bare handler", bars, (("goal", _GOAL.most),)))


def _pairs(connected: Connected, queue_url: str) -> list[tuple[float, float]]:
    from functions.webhook import app  # inside: it reads the environment

    # As ours, so that the same connection and the same time-outs are compared.
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    client = cast("SQSClient", botocore.session.get_session().create_client("sqs", config=config))
    pairs = []
    for number in range(_WARM + _ROUNDS):
        event = webhook_event(connected, str(700_001 + number))
        bare = _seconds(_bare, event, client, queue_url)
        ours = _seconds(app.handler, event, Context())
        if number >= _WARM:
            pairs.append((bare, ours))
    app.forget()
    return pairs


def _bare(event: Mapping[str, Any], client: "SQSClient", queue_url: str) -> Mapping[str, Any]:
    client.send_message(QueueUrl=queue_url, MessageBody=event["body"])
    return {"statusCode": _ACCEPTED, "body": "{}"}


def _seconds(handler: Any, *arguments: object) -> float:  # noqa: ANN401 -- handlers of two signatures
    began = time.perf_counter()
    answer = handler(*arguments)
    took = time.perf_counter() - began
    if answer["statusCode"] != _ACCEPTED:
        raise RuntimeError(f"a webhook was answered {answer['statusCode']}")
    return took


@contextmanager
def _logged(said: Said) -> Iterator[None]:
    """Lambda prints every line of the log; so is it here, in JSON as there."""
    logger, printer = logging.getLogger("koppeling.webhook"), logging.StreamHandler(said)
    printer.setFormatter(logging.Formatter('{"message": "%(message)s", "time": "%(asctime)s"}'))
    before = logger.level
    logger.addHandler(printer)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(printer)
        logger.setLevel(before)


def _p99(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def _a_second(name: str, times: Sequence[float]) -> Fact:
    rate = len(times) / sum(times)
    return Fact(name, round(rate), "time", f"{rate:.0f}")
