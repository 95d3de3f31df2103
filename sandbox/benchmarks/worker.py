"""Orders through the worker beside the same HTTP calls made bare, in turn, in this process, at 50 ms an answer.

What the worker adds is its requests to the table and its own thinking. Both take a processor, the calls mostly wait:
so what else the machine does weighs on this ratio, and the fastest pair says what it is without. The same calls with
the requests to the table among them, made bare too, say how much of it is the table's: ten orders at once queue up for
a local AWS that answers one request after the other.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Final

import httpx

from sandbox.benchmarks import bare, results
from sandbox.benchmarks.inside import inside, work
from sandbox.benchmarks.meter import Meter
from sandbox.benchmarks.results import Bar, Chart, Fact, Goal, Measured
from sandbox.benchmarks.sales import alike, answers_after, email_of
from sandbox.benchmarks.timing import seconds
from sandbox.world import Connected, World

_ANSWER_SECONDS: Final = 0.05
_ROUNDS: Final = 25
_BATCH: Final = 10
_BATCHES: Final = 6
_MOST: Final = 1.25


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of the worker and of its calls alone, pair by pair; `in_table`: of the worker's, waiting for DynamoDB."""

    pairs: Sequence[tuple[float, float]]
    with_table: Sequence[float]
    """Seconds of the calls alone with the worker's requests to the table among them, pair by pair."""
    in_table: float
    requests: float
    """To the table, of one order."""

    @property
    def ours(self) -> float:
        """Median seconds of the worker."""
        return statistics.median(ours for _, ours in self.pairs)

    @property
    def floor(self) -> float:
        """Median seconds of the calls alone."""
        return statistics.median(floor for floor, _ in self.pairs)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(ours / floor for floor, ours in self.pairs)

    @property
    def table_ratio(self) -> float:
        """The median of the ratios of the calls with their requests to the table to the calls alone."""
        both = zip(self.with_table, self.pairs, strict=True)
        return statistics.median(with_table / floor for with_table, (floor, _) in both)

    @property
    def own_ratio(self) -> float:
        """The median of the worker's ratios to its calls and its requests to the table: its own thinking."""
        both = zip(self.with_table, self.pairs, strict=True)
        return statistics.median(ours / with_table for with_table, (_, ours) in both)

    @property
    def fastest(self) -> float:
        """The fastest run beside the fastest calls: the least disturbed."""
        return min(ours for _, ours in self.pairs) / min(floor for floor, _ in self.pairs)


@dataclass(frozen=True, slots=True)
class _Bench:
    """Orders of one shop, placed and never announced, and the calls that each of them takes."""

    connected: Connected
    numbers: Iterator[int]
    recorded_of: int
    calls: Sequence[bare.Call]
    """Those to the table among them."""
    client: httpx.Client
    threads: ThreadPoolExecutor

    def pair(self, orders: int) -> tuple[float, float, float]:
        """Seconds for so many orders at once: bare, bare with the requests to the table, and through the worker."""
        alone, both = ([self._changes(next(self.numbers)) for _ in range(orders)] for _ in range(2))
        numbers = [str(next(self.numbers)) for _ in range(orders)]
        calls = [call for call in self.calls if not call.of_table]
        return (
            seconds(lambda: self._bare(calls, alone)),
            seconds(lambda: self._bare(self.calls, both)),
            seconds(lambda: work(self.connected, numbers)),
        )

    def _bare(self, calls: Sequence[bare.Call], changes: Sequence[Mapping[str, str]]) -> None:
        # Awaited one by one: what is refused is to be heard.
        list(self.threads.map(lambda one: bare.make(self.client, calls, one), changes))

    def _changes(self, number: int) -> dict[str, str]:
        old = self.recorded_of
        return {email_of(old): email_of(number), str(old): str(number)}


def measure(made: World) -> Measured:
    """One order at a time of a new and of a known customer, and ten at a time."""
    answers_after(made, _ANSWER_SECONDS)
    # The bare calls are SnelStart's too, and the simulated limits would count both.
    made.books.tell("settings", {"limits": False})
    with inside(made):
        new = _measured(made, "new customer", 610_001, rounds=_ROUNDS)
        known = _measured(made, "known customer", 620_001, rounds=_ROUNDS, known=True)
        ten = _measured(made, "ten at once", 630_001, rounds=_BATCHES, orders=_BATCH)
    made.books.tell("settings", {"limits": True})
    answers_after(made, 0)
    named = (("a new customer", new, 1), ("a known customer", known, 1), ("ten at once, new customers", ten, _BATCH))
    title = "An order through the worker, at 50 ms an answer"
    return Measured(
        tuple(fact for name, pairs, orders in named for fact in _facts(name, pairs, orders)),
        Chart(title, "x its calls made bare", tuple(_bar(*each) for each in named), (("goal", _MOST),)),
    )


def _facts(name: str, pairs: Pairs, orders: int) -> tuple[Fact, ...]:
    shown = f"{pairs.ratio:.2f} x its calls made bare ({pairs.ours * 1000:.0f} : {pairs.floor * 1000:.0f} ms)"
    a_second, bare_a_second = orders / pairs.ours, orders / pairs.floor
    told = f"{a_second:.1f} (the calls alone {bare_a_second:.1f})"
    goal = Goal(_MOST, if_missed=_why(pairs, orders))
    return (
        results.ratio(f"worker, {name}, x its calls made bare", pairs.ratio, shown, goal),
        results.ratio(f"worker, {name}, fastest x fastest bare", pairs.fastest),
        results.ratio(f"the same calls and table requests bare, {name}, x the calls", pairs.table_ratio),
        results.ratio(f"worker, {name}, x its calls and table requests made bare", pairs.own_ratio),
        Fact(f"worker, {name}, orders a second", round(a_second, 2), "time", told),
        Fact(f"its calls made bare, {name}, orders a second", round(bare_a_second, 2), "time", f"{bare_a_second:.1f}"),
        results.milliseconds(f"its calls made bare, {name}, median", pairs.floor),
        results.milliseconds(f"worker, {name}, of an order's time for the table", pairs.in_table / orders),
    )


def _why(pairs: Pairs, orders: int) -> str:
    """Where the floor lies, as it was measured beside: a goal below it cannot be reached here."""
    each = pairs.in_table / orders / pairs.requests * 1000
    why = (
        f"the floor in this run is {pairs.table_ratio:.2f}: the same calls made bare, with an order's "
        f"{pairs.requests:g} requests to the table among them. In the worker one such request took {each:.1f} ms; "
        f"{pairs.own_ratio:.2f} x that floor is its own thinking, and whoever else wants the processors"
    )
    if orders == 1:
        return why
    return (
        f"{why}. Ten orders share one process, of which one computes at a time, and the local AWS answers one request "
        "after the other. SnelStart's limits allow an administration two to four orders a second"
    )


def _bar(name: str, pairs: Pairs, orders: int) -> Bar:
    own = max(0.0, pairs.ratio - 1)
    # Ten wait for the table side by side.
    table = min(own, pairs.in_table / orders / pairs.floor)
    parts = (("its calls made bare", 1.0), ("the table", round(table, 2)), ("thinking", round(own - table, 2)))
    return Bar(name, parts)


def _measured(made: World, name: str, first: int, *, rounds: int, orders: int = 1, known: bool = False) -> Pairs:
    from koppeling import aws  # inside: it reads the environment

    meter = Meter()
    with _bench(made, f"Bench worker {name}", first, 3 * (rounds + 1) * orders, known=known) as bench:
        bench.pair(orders)
        with meter.watching(aws.dynamodb()):
            times = [bench.pair(orders) for _ in range(rounds)]
    pairs = [(floor, ours) for floor, _, ours in times]
    requests = meter.operations.total() / rounds / orders
    return Pairs(pairs, [both for _, both, _ in times], meter.seconds / rounds, requests)


@contextmanager
def _bench(made: World, name: str, first: int, count: int, *, known: bool) -> Iterator[_Bench]:
    connected = made.connect_since_yesterday(name)
    raws = alike(count + 2, first=first, known=known)
    for part in batched(raws, 100, strict=False):
        made.place(connected, part)
    numbers = [raw["number"] for raw in raws]
    from koppeling import aws, transport  # inside: with it comes the functions' logger

    # The first one reads the administration.
    work(connected, [str(numbers[0])])
    with bare.recorded(transport.client(), aws.dynamodb()) as calls:
        work(connected, [str(numbers[1])])
    with httpx.Client() as client, ThreadPoolExecutor(_BATCH) as threads:
        yield _Bench(connected, iter(numbers[2:]), numbers[1], calls, client, threads)
