"""Ten orders in one run of the deployed worker beside one, at 100 ms an answer, warm.

Every order is by a new customer, the dearest journey: one call to the shop and four to SnelStart. The floor is five
calls made bare in turn.
"""

import json
import statistics
import time
from collections.abc import Sequence
from typing import Final

import httpx

from sandbox.benchmarks import results
from sandbox.benchmarks.inside import orders_event
from sandbox.benchmarks.results import Chart, Measured, bar
from sandbox.benchmarks.sales import answers_after, by_strangers, sales
from sandbox.world import PARTNER_TOKEN, Connected, World

_BATCH: Final = 10
_RUNS: Final = 5
_CALLS: Final = 5
_ANSWER_SECONDS: Final = 0.1


def measure(made: World) -> Measured:
    """Five times one and ten, in turn."""
    connected = made.connect_since_yesterday("Bench batches")
    answers_after(made, _ANSWER_SECONDS)
    took: dict[int, list[float]] = {1: [], _BATCH: []}
    first = 100
    for round_, size in enumerate([1, *([1, _BATCH] * _RUNS)]):
        raws = by_strangers(sales(size, first=first))
        first += size
        made.place(connected, raws)
        seconds = _invoke(made, connected, [str(raw["number"]) for raw in raws])
        if round_:  # the first one reads the administration
            took[size].append(seconds)
    floor = _floor(made, connected)
    answers_after(made, 0)
    one, ten = statistics.median(took[1]), statistics.median(took[_BATCH])
    facts = (
        results.ratio("ten orders at once, x one", ten / one, f"{ten / one:.2f} x one ({ten:.2f} s)"),
        results.ratio("one order deployed, x its five calls made bare", one / floor),
        results.milliseconds("one order deployed, at 100 ms an answer", one),
    )
    bars = (bar("one order", 1.0), bar("ten at once", round(ten / one, 2)), bar("ten one by one", float(_BATCH)))
    return Measured(facts, Chart("Ten orders in one run of the worker", "x one order", bars))


def _floor(made: World, connected: Connected) -> float:
    url = f"{made.shop.url}/v1/store"
    params = {"token": connected.shop_token, "partner_token": PARTNER_TOKEN}
    with httpx.Client(params=params) as client:
        client.get(url)
        began = time.perf_counter()
        for _ in range(_CALLS):
            client.get(url).raise_for_status()
        return time.perf_counter() - began


def _invoke(made: World, connected: Connected, numbers: Sequence[str]) -> float:
    payload = json.dumps(orders_event(connected, numbers)).encode()
    began = time.perf_counter()
    answer = made.deployment.functions.invoke(
        FunctionName=made.deployment.outputs["WorkerFunctionName"], Payload=payload
    )
    seconds = time.perf_counter() - began
    failed = json.loads(answer["Payload"].read())["batchItemFailures"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(numbers)} orders were not done")
    return seconds
