"""Calls to SnelStart per order, as the simulated administration counted them: announced ones, and a shop's history."""

import time
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox import orders as generator
from sandbox.benchmarks import results
from sandbox.benchmarks.results import Bar, Chart, Fact, Measured
from sandbox.benchmarks.sales import sales, until_paid
from sandbox.world import Connected, World

_IMPORTED: Final = 150
_DAYS: Final = 10
_IMPORT_FROM_DAYS: Final = 12
_NOTHING: Final = {"orders": 0, "reference": 0, "token": 0}


def measure(made: World) -> Measured:
    """One order of a new customer, one of the same, the first once more; and an import of 150 in ten days."""
    live = _announced(made)
    known, new = _imported(made)
    facts = [
        *live,
        results.count(
            "SnelStart calls, imported, known customer", known, f"{known:.2f} of {_IMPORTED} in {_DAYS} days"
        ),
        results.count("SnelStart calls, imported, new customer", new, f"{new:.2f}"),
    ]
    bars = tuple(Bar(fact.name.removeprefix("SnelStart calls, "), (("calls", fact.value),)) for fact in facts)
    return Measured(tuple(facts), Chart("Calls to SnelStart", "calls an order", bars))


def _announced(made: World) -> list[Fact]:
    connected = made.connect_since_yesterday("Bench calls")
    [first] = sales(1, first=1)
    again = generator.makers_example(datetime.now(ZoneInfo("Europe/Amsterdam")).date())
    second = {**again.raw, "number": 2, "debtor": first["debtor"]}
    facts = []
    for name, raw in (("new customer", first), ("known customer", second)):
        made.place(connected, [raw])
        made.books.tell("calls/reset")
        made.announce(connected, raw["number"])
        until_paid(made, connected, [raw["number"]])
        facts.append(_counted(made, connected, name))
    made.books.tell("calls/reset")
    made.announce(connected, first["number"])
    time.sleep(2.0)
    return [*facts, _counted(made, connected, "order already done")]


def _counted(made: World, connected: Connected, name: str) -> Fact:
    calls = made.books.ask("calls").get(connected.administration, _NOTHING)
    shown = f"{calls['orders']} (and {calls['reference']} for reference data, {calls['token']} for a token)"
    return results.count(f"SnelStart calls, {name}", calls["orders"], shown)


def _imported(made: World) -> tuple[float, float]:
    """Calls an order of a known customer and of a new one; whatever an import costs besides is shared by them."""
    first = datetime.now(ZoneInfo("Europe/Amsterdam")).date() - timedelta(days=_IMPORT_FROM_DAYS)
    connected = made.connect("Bench import", profile=f"start_date = {first.isoformat()}\n")
    made.place(connected, sales(_IMPORTED, first=300_001, days=_DAYS))
    made.books.tell("calls/reset")
    made.koppeling("import", connected.id, "--from", first.isoformat())
    report: dict[str, Any] = made.books.ask("calls", administration=connected.administration)
    booked = len(made.invoices(connected))
    if booked != _IMPORTED:
        raise RuntimeError(f"{booked} of {_IMPORTED} orders were imported")
    made_anew = sum(
        each["count"] for each in report["calls"] if (each["method"], each["path"]) == ("POST", "/relaties")
    )
    known = (report["total"] - report["token"] - made_anew) / booked
    return known, known + 1
