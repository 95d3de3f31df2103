"""What DynamoDB and SQS do for an order, and what a thousand orders cost by AWS's list prices.

Every order is worked on alone, by a function that is there, for a shop that had none for minutes: the dearest way.
Ten at once share the queue's requests, buy SnelStart's calls together, and open nothing that is open.
"""

from dataclasses import dataclass
from typing import Final

from sandbox.benchmarks import prices, results
from sandbox.benchmarks.inside import Said, inside, work
from sandbox.benchmarks.meter import Meter
from sandbox.benchmarks.prices import Usage
from sandbox.benchmarks.results import Bar, Chart, Fact, Goal, Measured
from sandbox.benchmarks.sales import alike
from sandbox.world import World

_ORDERS: Final = 10
_CALLS: Final = {"new customer": 5, "known customer": 3}
_GOALS: Final = {"new customer": Goal(12), "known customer": Goal(8)}
_OTHER_LOG_BYTES: Final = 2500
"""Beside the worker's own: the webhook's line, the API's, and Lambda's start and report of two runs, roughly."""

_WEBHOOK_READS: Final = 1.0
"""The connection's row, which the webhook reads once a minute."""


@dataclass(frozen=True, slots=True)
class _Of:
    """An order, on the average of ten."""

    requests: float
    write_units: float
    most_write_units: float
    read_units: float
    log_bytes: float


def measure(made: World) -> Measured:
    """Ten orders of customers of their own, ten of one customer."""
    with inside(made) as said:
        found = {
            "new customer": _measured(made, said, 800_001, known=False),
            "known customer": _measured(made, said, 810_001, known=True),
        }
    facts: list[Fact] = []
    bars: list[Bar] = []
    for name, of in found.items():
        goal = _GOALS[name]
        shown = f"{of.write_units:g} (at most {of.most_write_units:g}; {of.requests:g} requests)"
        usage = Usage(_CALLS[name], of.write_units, of.read_units, of.log_bytes)
        dollars = {what: each * 1000 for what, each in usage.dollars().items()}
        total = sum(dollars.values())
        told = f"$ {total:.4f} ({prices.REGION}, list prices of {prices.LISTED})"
        facts += [
            results.count(f"DynamoDB write units, {name}", of.write_units, shown, goal),
            results.count(f"DynamoDB requests, {name}", of.requests),
            results.count(f"DynamoDB read units, {name}", of.read_units),
            results.count(f"SQS requests, {name}", prices.REQUESTS_OF_QUEUE, "3 alone, 1.2 among ten"),
            Fact(f"AWS for 1,000 orders, {name}, $", round(total, 4), "price", told),
        ]
        bars.append(Bar(name, tuple((what, round(each, 4)) for what, each in dollars.items())))
    title = f"AWS for a thousand orders ({prices.REGION}, list prices of {prices.LISTED})"
    return Measured(tuple(facts), Chart(title, "US dollar", tuple(bars)))


def _measured(made: World, said: Said, first: int, *, known: bool) -> _Of:
    from koppeling import aws  # inside: it reads the environment

    connected = made.connect_since_yesterday(f"Bench cost {first}")
    raws = alike(_ORDERS + 1, first=first, known=known)
    made.place(connected, raws)
    numbers = [str(raw["number"]) for raw in raws]
    meter, units = Meter(), []
    # The first one reads the administration, and makes the customer of all of them where they have one.
    work(connected, numbers[:1])
    requests, reads, before = 0, 0.0, said.size
    with meter.watching(aws.dynamodb(), aws.sqs()):
        for number in numbers[1:]:
            work(connected, [number])
            units.append(meter.write_units)
            requests, reads = requests + meter.operations.total(), reads + meter.read_units
            meter.reset()
    return _Of(
        requests=requests / _ORDERS,
        write_units=sum(units) / _ORDERS,
        most_write_units=max(units),
        read_units=reads / _ORDERS + _WEBHOOK_READS,
        log_bytes=(said.size - before) / _ORDERS + _OTHER_LOG_BYTES,
    )
