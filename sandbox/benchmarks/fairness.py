"""What hundreds of orders that one shop brings at once cost the shop next door, on the deployed stack.

The local AWS has no fair queues: it delivers first in, first out. So this shows what holds without them: whoever
brings many orders puts the first of them alone among other shops', the rest in the slow lane, as far apart as
SnelStart takes them.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Final
from zoneinfo import ZoneInfo

from koppeling.allowance import LIMITS
from koppeling.messages import PollMessage
from sandbox.benchmarks import results
from sandbox.benchmarks.results import Chart, Fact, Goal, Measured, bar
from sandbox.benchmarks.sales import answers_after
from sandbox.orders import generate
from sandbox.world import Connected, World, wait_until

NOISY: Final = 1000
"""Eight times what SnelStart takes in a minute of new customers."""
_JOURNEYS = 40
_WEBHOOKS_AT_ONCE = 8
_EVERY_SECONDS = 0.5
_PATIENCE_SECONDS = 300.0
_MANY: Final = 50_000
_CALLS_EACH: Final = 4
_ANSWER_SECONDS: Final = 0.05
_ENOUGH: Final = 100
_FEW: Final = 3
"""Orders of the quiet shop that are under way at any moment."""

_GOAL: Final = Goal(
    1.2,
    if_missed="noisy orders are booked meanwhile as fast as SnelStart's limits allow, and local functions share the "
    "processors of this machine with the local AWS and both simulated APIs; at AWS each has its own",
)


@dataclass(frozen=True)
class Fairness:
    """Seconds from webhook to paid of the quiet shop, 95 of 100 orders faster; and what the noisy one had meanwhile."""

    alone: float
    at_first: float
    """Beside the noisy shop, for twenty seconds from the moment on at which its orders are found."""
    beside: float
    """After that, while most of its orders still wait for room in SnelStart's limits, as they may do for hours."""
    flooded: float
    """Beside another one that announced as many orders by webhook just before."""
    passed_in: float
    """Seconds until none of the noisy orders stood in the live lane."""
    booked: int
    """Noisy orders that were booked while the quiet shop was measured."""


def measure(made: World) -> Measured:
    """The quiet shop's p95 alone and beside hundreds of orders of another, from their first second on."""
    found = fairness(made)
    ratio, at_first = found.beside / found.alone, found.at_first / found.alone
    flooded = found.flooded / found.alone
    hours = _MANY * _CALLS_EACH / LIMITS["productie"].per_hour
    told = f"{found.passed_in:.1f} s, of the {hours:.0f} hours that {_MANY:,} orders of new customers take"
    facts = (
        results.ratio("quiet shop's p95 beside a noisy one, x alone", ratio, _shown(found.beside, found.alone), _GOAL),
        results.ratio("its p95 in the first 20 s, x alone", at_first, _shown(found.at_first, found.alone), _GOAL),
        results.ratio("its p95 after a flood of webhooks, x alone", flooded, _shown(found.flooded, found.alone), _GOAL),
        Fact(f"noisy orders booked meanwhile, of {NOISY}", found.booked, "time"),
        Fact("noisy orders stand in the live lane, s", round(found.passed_in, 1), "time", told),
    )
    shown = (("alone", 1.0), ("first 20 s", at_first), ("then, for hours", ratio), ("after webhooks", flooded))
    bars = tuple(bar(name, round(figure, 2)) for name, figure in shown)
    return Measured(facts, Chart("A quiet shop, webhook to paid, 95 of 100", "x alone", bars, (("goal", _GOAL.most),)))


def _shown(beside: float, alone: float) -> str:
    return f"{beside / alone:.2f} ({beside:.2f} : {alone:.2f} s)"


def fairness(made: World) -> Fairness:
    """Measure the quiet shop alone, have the noisy shop's orders found by a poll, measure again at once."""
    quiet, noisy, first = (made.connect_since_yesterday(f"Bench {name}") for name in ("quiet", "noisy", "first"))
    # The first ones wait for functions that start, as many as two lanes may have.
    _place(made, first, _ENOUGH, 50_000)
    _poll(made, first)
    _p95(made, quiet, 1_000)
    answers_after(made, _ANSWER_SECONDS)
    alone = _p95(made, quiet, 2_000)
    _place(made, noisy, NOISY, 10_000)
    with ThreadPoolExecutor(1) as beside:
        _poll(made, noisy)
        passed = beside.submit(_passed_in, made)
        at_first, then = _p95(made, quiet, 3_000), _p95(made, quiet, 4_000)
        booked, seconds = len(made.invoices(noisy)), passed.result()
    _flood(made)
    flooded = _p95(made, quiet, 5_000)
    answers_after(made, 0)
    return Fairness(alone, at_first, then, flooded, seconds, booked)


def _flood(made: World) -> None:
    """As many orders of one shop as `NOISY`, each told of by a webhook, as fast as the API takes them."""
    flood = made.connect_since_yesterday("Bench flood")
    numbers = _place(made, flood, NOISY, 20_000)
    with ThreadPoolExecutor(_WEBHOOKS_AT_ONCE) as senders:
        for answer in senders.map(lambda number: made.announce(flood, number), numbers):
            answer.raise_for_status()


def _passed_in(made: World) -> float:
    """Seconds from now until the live lane, that the noisy orders are put in first, no longer holds more than some."""
    live, slow = (made.deployment.outputs[name] for name in ("OrderQueueUrl", "BacklogQueueUrl"))
    started = time.monotonic()
    # Once the slow lane fills, all are in the live lane that will ever be.
    wait_until(lambda: _left(made, slow) > 0 and _left(made, live) <= _FEW, _PATIENCE_SECONDS, "the live lane")
    return time.monotonic() - started


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


def _poll(made: World, connected: Connected) -> None:
    """Have this shop asked what changed, as the clock does every quarter of an hour."""
    made.deployment.sqs.send_message(
        QueueUrl=made.deployment.outputs["PollQueueUrl"], MessageBody=PollMessage(connected.id).to_body()
    )


def _left(made: World, url: str) -> int:
    told = made.deployment.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(told["ApproximateNumberOfMessages"]) + int(told["ApproximateNumberOfMessagesNotVisible"])
