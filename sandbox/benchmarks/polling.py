"""Asking idle shops what changed: the calls it costs, its time and memory for a thousand and ten thousand of them.

All connections stand in a table of their own; the tick queues a poll for each, and a process of its own carries polls
out one after the other, as a function does: of a part of them, evenly spread. What one costs must not depend on how
many there are, and the ratio of the two says whether it does.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox import localaws
from sandbox.benchmarks import results
from sandbox.benchmarks.inside import environment
from sandbox.benchmarks.polling_process import COUNTED, TRACED
from sandbox.benchmarks.results import Chart, Fact, Goal, Measured, bar
from sandbox.benchmarks.sales import answers_after
from sandbox.world import Connected, World

_FEW: Final = 1_000
_MANY: Final = 10_000
_SHOP: Final = "Bench polls"
_TIMED: Final = 200
_SLOT_SECONDS: Final = 15 * 60
_MOST_FUNCTIONS: Final = 20
_ANSWER_SECONDS: Final = 0.05
_CALLS: Final = Goal(1, exactly=True)
_NONE: Final = Goal(0, exactly=True)
_FUNCTIONS: Final = Goal(_MOST_FUNCTIONS)


@dataclass(frozen=True, slots=True)
class Polls:
    """What the process that polled says of it, and the simulated APIs of its calls."""

    connections: int
    timed: int
    dispatch_seconds: float
    seconds: float
    """Of those that were timed."""
    peak_mb: float
    left_kb: float
    """What the first poll of one connection leaves in memory."""
    left_again_kb: float
    """And the second: what is kept grows with the shops, not with the polls."""
    shop_calls: float
    """Of one poll."""
    snelstart_calls: int
    requests: float
    """To DynamoDB, of one poll."""
    write_units: float
    read_units: float

    @property
    def each(self) -> float:
        """Seconds of one poll."""
        return self.seconds / self.timed


def measure(made: World) -> Measured:
    """A thousand, then ten thousand."""
    connected = made.connect_since_yesterday(_SHOP)
    answers_after(made, _ANSWER_SECONDS)
    few, many = (_polled(made, connected, count) for count in (_FEW, _MANY))
    answers_after(made, 0)
    functions = many.each * _MANY / _SLOT_SECONDS
    told = f"{functions:.2f} busy all the time"
    facts = [fact for polls in (few, many) for fact in _facts(polls)]
    facts += [
        results.ratio(f"one poll among {_MANY:,}, x among {_FEW:,}", many.each / few.each),
        Fact(f"functions for {_MANY:,} polls in 15 minutes", round(functions, 2), "time", told, _FUNCTIONS),
    ]
    bars = (bar("busy, as measured", round(functions, 2)),)
    title = f"Functions for {_MANY:,} idle shops every 15 minutes, at 50 ms an answer"
    below = _each_drawn((few, many))
    return Measured(tuple(facts), Chart(title, "functions", bars, (("goal", _MOST_FUNCTIONS),), below))


def _each_drawn(both: Sequence[Polls]) -> tuple[Chart, ...]:
    """What one poll takes among a thousand and among ten thousand: it must not depend on that."""

    def drawn(title: str, unit: str, value: Callable[[Polls], float], *goals: tuple[str, float]) -> Chart:
        bars = tuple(bar(f"among {polls.connections:,}", round(value(polls), 2)) for polls in both)
        return Chart(title, unit, bars, goals)

    return (
        drawn("Calls to the shop", "calls a poll", lambda polls: polls.shop_calls, ("goal", _CALLS.most)),
        drawn("Time", "ms a poll", lambda polls: polls.each * 1000),
        drawn("Memory of the process at its most", "MB", lambda polls: polls.peak_mb),
        drawn("Memory kept of a shop asked for the first time", "KB", lambda polls: polls.left_kb),
        drawn("Memory kept more of a shop asked again", "KB", lambda polls: polls.left_again_kb),
    )


def _facts(polls: Polls) -> list[Fact]:
    name = f"idle poll of {polls.connections:,}"
    part = f" ({polls.timed} carried out)"
    whole = polls.each * polls.connections
    return [
        results.count(f"{name}, shop calls each", polls.shop_calls, f"{polls.shop_calls:g}{part}", _CALLS),
        results.count(f"{name}, SnelStart calls", polls.snelstart_calls, goal=_NONE),
        results.count(f"{name}, DynamoDB requests each", polls.requests),
        results.count(f"{name}, DynamoDB write units each", polls.write_units),
        results.count(f"{name}, DynamoDB read units each", polls.read_units),
        results.milliseconds(f"{name}, one poll", polls.each),
        Fact(f"{name}, s of one function", round(whole, 1), "time", f"{whole:.0f} s{part}"),
        Fact(f"{name}, s to queue them", round(polls.dispatch_seconds, 2), "time", f"{polls.dispatch_seconds:.1f} s"),
        _memory(f"{name}, peak memory, MB", polls.peak_mb, f"MB after {COUNTED + polls.timed} polls"),
        _memory(f"{name}, left in memory by each, KB", polls.left_kb, "KB"),
        _memory(f"{name}, left in memory by each asked again, KB", polls.left_again_kb, "KB"),
    ]


def _memory(name: str, value: float, unit: str) -> Fact:
    return Fact(name, round(value, 2), "time", f"{value:.1f} {unit}")


def _polled(made: World, connected: Connected, count: int) -> Polls:
    before = _shop_calls(made)
    made.books.tell("calls/reset")
    done = subprocess.run(  # noqa: S603 -- our own module
        [sys.executable, "-m", "sandbox.benchmarks.polling_process", connected.id, str(count), str(_TIMED)],
        cwd=localaws.ROOT,
        env={**os.environ, **environment(made)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    asked = made.books.ask("calls").get(connected.administration, {})
    return Polls(
        connections=count,
        timed=_TIMED,
        shop_calls=(_shop_calls(made) - before) / (COUNTED + _TIMED + 2 * TRACED),
        snelstart_calls=sum(asked.get(part, 0) for part in ("orders", "reference", "token")),
        **said,
    )


def _shop_calls(made: World) -> int:
    # Of this shop alone: the deployed worker may still be busy with what other figures left.
    calls = made.shop.ask("calls")["calls"]
    return sum(each["count"] for each in calls if each["store"] == _SHOP)
