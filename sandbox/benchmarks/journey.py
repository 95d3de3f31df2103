"""From webhook to paid on the deployed stack, one order after the other, at 50 ms an answer."""

import math
import statistics
from datetime import datetime
from typing import Final

from sandbox.benchmarks import results
from sandbox.benchmarks.results import Chart, Measured, bar
from sandbox.benchmarks.sales import answers_after, sales, until_paid
from sandbox.world import World

_JOURNEYS: Final = 40
_ANSWER_SECONDS: Final = 0.05


def measure(made: World) -> Measured:
    """Forty orders, as their rows tell when they came and when they were paid."""
    connected = made.connect_since_yesterday("Bench journey")
    answers_after(made, _ANSWER_SECONDS)
    raws = sales(_JOURNEYS, first=500)
    made.place(connected, raws)
    for raw in raws:
        made.announce(connected, raw["number"])
        until_paid(made, connected, [raw["number"]], every=0.05)
    answers_after(made, 0)
    took = sorted(
        (datetime.fromisoformat(row["paid_at"]) - datetime.fromisoformat(row["received_at"])).total_seconds()
        for row in made.orders(connected).values()
    )
    median, p95 = statistics.median(took), took[math.ceil(len(took) * 0.95) - 1]
    facts = (
        results.milliseconds("webhook to paid at 50 ms an answer, median", median),
        results.milliseconds("webhook to paid at 50 ms an answer, p95", p95),
    )
    bars = (bar("median", round(median * 1000)), bar("95 of 100", round(p95 * 1000)))
    return Measured(facts, Chart("From webhook to paid, at 50 ms an answer", "ms on the machine that measured", bars))
