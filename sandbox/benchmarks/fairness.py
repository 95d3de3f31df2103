"""What a thousand queued orders of one shop cost the shop next door, on the deployed stack.

The local AWS has no fair queues: it delivers first in, first out. So this shows what holds without them, the slow
lane and the price of putting an order off; with them the quiet shop does not wait for the noisy one at all.
"""

import json
import math
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from sandbox.benchmarks import results
from sandbox.benchmarks.results import Chart, Fact, Measured, bar
from sandbox.orders import generate
from sandbox.world import Connected, World, wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

NOISY = 1_000
_JOURNEYS = 40
_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 300.0
_MANY: Final = 50_000
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Fairness:
    """Seconds from webhook to paid of the quiet shop, 95 of 100 orders faster; and how the noisy one was passed."""

    alone: float
    beside: float
    """While the noisy shop's orders are worked on as far as SnelStart's limits allow, and put off beyond."""
    passed_in: float
    """Seconds until the live lane was rid of the noisy orders."""
    put_off: int
    """How many of them found no room in SnelStart's limits."""

    @property
    def each(self) -> float:
        """Seconds that one noisy order takes of the live lane: of all of its functions together."""
        return self.passed_in / NOISY


def measure(made: World) -> Measured:
    """The quiet shop's p95 alone and beside a thousand queued orders of another."""
    found = fairness(made)
    ratio, busy = found.beside / found.alone, found.each * _MANY
    shown = f"{ratio:.2f} ({found.beside:.2f} : {found.alone:.2f} s)"
    told = f"{busy:.0f} s = {busy / _DAY_SECONDS * 100:.2f} % of a day, without fair queues"
    facts = (
        results.ratio("quiet shop's p95 beside a noisy one, x alone", ratio, shown),
        Fact("noisy orders put off, of a thousand", found.put_off, "time"),
        results.milliseconds("live lane, for one noisy order", found.each),
        Fact(f"live lane busy with {_MANY:,} noisy orders, s", round(busy), "time", told),
    )
    bars = (bar("alone", 1.0), bar("beside a noisy shop", round(ratio, 2)))
    return Measured(facts, Chart("A quiet shop, webhook to paid, 95 of 100", "x alone", bars))


def fairness(made: World) -> Fairness:
    """Measure the quiet shop alone, queue the noisy shop's orders, wait until they are passed, measure again."""
    quiet, noisy = made.connect_since_yesterday("Bench quiet"), made.connect_since_yesterday("Bench noisy")
    _p95(made, quiet, 1_000)  # the first ones wait for functions that start
    alone = _p95(made, quiet, 2_000)
    numbers = _place(made, noisy, NOISY, 10_000)
    started = time.monotonic()
    _queue(made, noisy, numbers)
    live = made.deployment.outputs["OrderQueueUrl"]
    wait_until(lambda: _left(made, live) == 0, _PATIENCE_SECONDS, "the live lane")
    passed_in = time.monotonic() - started
    # So many are still to be booked that limits hold while the quiet shop is measured again.
    booked = len(made.invoices(noisy))
    beside = _p95(made, quiet, 3_000)
    return Fairness(alone, beside, passed_in, NOISY - booked)


def _p95(made: World, connected: Connected, first: int) -> float:
    numbers = _place(made, connected, _JOURNEYS, first)
    for number in numbers:
        made.announce(connected, number)
        time.sleep(_EVERY_SECONDS)

    def all_paid() -> bool:
        invoices = made.invoices(connected)
        return all(f"MWW{number}" in invoices for number in numbers)

    wait_until(all_paid, _PATIENCE_SECONDS, "the quiet shop's orders")
    time.sleep(1.0)
    rows = made.orders(connected)
    took = sorted(
        datetime.fromisoformat(rows[number]["paid_at"]) - datetime.fromisoformat(rows[number]["received_at"])
        for number in numbers
    )
    return took[math.ceil(len(took) * 0.95) - 1].total_seconds()


def _place(made: World, connected: Connected, count: int, first: int) -> list[str]:
    start = datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(minutes=10)
    orders = generate(first, count, first_number=first, start=start, span=timedelta(minutes=5), mix={"sale": 1})
    for part in batched(orders, 500, strict=False):
        made.place(connected, [order.raw for order in part])
    return [str(order.number) for order in orders]


def _queue(made: World, connected: Connected, numbers: Sequence[str]) -> None:
    """As the webhook leaves them, sooner than a thousand webhooks could be sent here."""
    for part in batched(numbers, 10, strict=False):
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": number,
                "MessageGroupId": connected.id,
                "MessageBody": json.dumps(
                    {
                        "connection_id": connected.id,
                        "order_number": number,
                        "cause": "webhook",
                        "received_at": datetime.now(UTC).isoformat(),
                        "trace": uuid.uuid4().hex,
                    }
                ),
            }
            for number in part
        ]
        made.deployment.sqs.send_message_batch(QueueUrl=made.deployment.outputs["OrderQueueUrl"], Entries=entries)


def _left(made: World, url: str) -> int:
    told = made.deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])
