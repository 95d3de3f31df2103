"""What DynamoDB and SQS do for an order, and what a thousand orders cost by AWS's list prices.

Every order is announced and worked on alone, by functions that are there, for a shop that had none for minutes: the
dearest way. Ten at once share the queue's requests, buy SnelStart's calls together, and open nothing that is open.
What our own clients ask is counted by its name; what Lambda asks by itself is assumed, and said to be.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from sandbox.benchmarks import prices, results
from sandbox.benchmarks.inside import Context, Said, inside, webhook_event, work
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

_ASSUMED: Final = (
    f"{prices.QUEUE_ASSUMED:g} SQS, {prices.KEY_ASSUMED:g} KMS and {prices.SECRET_ASSUMED:g} Secrets Manager request, "
    f"{_OTHER_LOG_BYTES} bytes of log, {prices.ANSWER_SECONDS:g} s an answer"
)


@dataclass(frozen=True, slots=True)
class _Of:
    """An order, on the average of ten."""

    operations: Counter[str]
    """Of ten: what webhook and worker asked of AWS, by name."""
    requests: float
    """Of the worker, to the table."""
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
        queue, key = of.operations["SendMessage"] / _ORDERS, of.operations["Decrypt"] / _ORDERS
        usage = Usage(_CALLS[name], queue, key, of.write_units, of.read_units, of.log_bytes)
        dollars = {what: each * 1000 for what, each in usage.dollars().items()}
        total = sum(dollars.values())
        told = f"$ {total:.4f} ({prices.REGION}, list prices of {prices.LISTED})"
        facts += [
            results.count(f"DynamoDB write units, {name}", of.write_units, shown, goal),
            results.count(f"DynamoDB requests, {name}", of.requests),
            results.count(f"DynamoDB read units, {name}", of.read_units),
            results.count(f"SQS requests, {name}", queue + prices.QUEUE_ASSUMED, _of_queue(queue)),
            *(
                results.count(f"counted: {operation}, {name}", times / _ORDERS)
                for operation, times in sorted(of.operations.items())
            ),
            Fact(f"AWS for 1,000 orders, {name}, $", round(total, 4), "price", told),
        ]
        bars.append(Bar(name, tuple((what, round(each, 4)) for what, each in dollars.items())))
    title = f"AWS for a thousand orders ({prices.REGION}, list prices of {prices.LISTED})"
    chart = Chart(title, "US dollar", tuple(bars))
    return Measured(
        tuple(facts), chart, {"list prices of": prices.LISTED, "region": prices.REGION, "assumed": _ASSUMED}
    )


def _of_queue(counted: float) -> str:
    assumed = prices.QUEUE_ASSUMED
    return f"{counted:g} counted, {assumed:g} of Lambda's own assumed; {counted + assumed / 10:g} among ten"


def _measured(made: World, said: Said, first: int, *, known: bool) -> _Of:
    from functions.webhook import app  # inside: they read the environment
    from koppeling import aws

    connected = made.connect_since_yesterday(f"Bench cost {first}")
    raws = alike(_ORDERS + 1, first=first, known=known)
    made.place(connected, raws)
    numbers = [str(raw["number"]) for raw in raws]
    queue_url = made.deployment.sqs.create_queue(QueueName=f"bench-cost-{first}")["QueueUrl"]
    webhook, worker, others, units = Meter(), Meter(), Meter(), []
    # The first one reads the administration, and makes the customer of all of them where they have one.
    work(connected, numbers[:1])
    operations: Counter[str] = Counter()
    requests, reads, before = 0, 0.0, said.size
    for number in numbers[1:]:
        app.forget()
        with inside(made, ORDER_QUEUE_URL=queue_url):
            doorway = app.clients()
            with webhook.watching(doorway.table, doorway.keys, doorway.queue):
                app.handler(webhook_event(connected, number), Context())
        with (
            worker.watching(aws.dynamodb()),
            others.watching(aws.sqs(), aws.kms(), aws.secretsmanager()),
        ):
            work(connected, [number])
        units.append(worker.write_units)
        requests, reads = requests + worker.operations.total(), reads + worker.read_units + webhook.read_units
        for meter in (webhook, worker, others):
            operations += meter.operations
            meter.reset()
    app.forget()
    return _Of(
        operations=operations,
        requests=requests / _ORDERS,
        write_units=sum(units) / _ORDERS,
        most_write_units=max(units),
        read_units=reads / _ORDERS,
        log_bytes=(said.size - before) / _ORDERS + _OTHER_LOG_BYTES,
    )
