"""The orders the figures are measured on: one paid sale, again and again under another number and another customer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import orders as generator
from sandbox.world import Connected, World, wait_until

PATIENCE_SECONDS = 60.0

type Raw = dict[str, Any]


def sales(count: int, *, first: int, days: int = 0) -> list[Raw]:
    """So many paid sales numbered from `first`, of ten minutes ago or spread over so many days before."""
    start = datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(days=days, minutes=10)
    span = timedelta(days=days) if days else timedelta(minutes=5)
    made = generator.generate(first, count, first_number=first, start=start, span=span, mix={"sale": 1})
    return [dict(order.raw) for order in made]


def by_strangers(raws: Sequence[Raw]) -> list[Raw]:
    """The same, each by a customer nobody knows: the dearest journey."""
    return [{**raw, "debtor": {**raw["debtor"], "email": email_of(raw["number"])}} for raw in raws]


def alike(count: int, *, first: int, known: bool = False) -> list[Raw]:
    """The same sale so many times, of one customer where `known`, else of one each."""
    [pattern] = sales(1, first=first)
    email = email_of(first)
    return [
        {
            **pattern,
            "number": number,
            "uuid": f"{number:08d}-0000-4000-8000-{number:012d}",
            "debtor": {**pattern["debtor"], "email": email if known else email_of(number)},
        }
        for number in range(first, first + count)
    ]


def email_of(number: object) -> str:
    """The customer of this order alone."""
    return f"customer-{number}@example.nl"


def until_paid(made: World, connected: Connected, numbers: Sequence[str | int], *, every: float = 0.2) -> None:
    """Wait until the books show these orders' invoices settled."""
    wanted = [f"MWW{number}" for number in numbers]

    def settled() -> bool:
        found = made.invoices(connected)
        return all(one in found and float(found[one]["openstaandSaldo"]) == 0 for one in wanted)

    wait_until(settled, PATIENCE_SECONDS, "an order", every=every)


def answers_after(made: World, seconds: float) -> None:
    """Let both simulated APIs take this long for every answer."""
    made.shop.tell("settings", {"round_trip_ms": round(seconds * 1000)})
    made.books.tell("settings", {"latency_ms": round(seconds * 1000)})
