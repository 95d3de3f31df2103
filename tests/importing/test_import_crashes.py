"""A worker that dies at any call of an import: whoever comes next brings it to its end, every order once."""

from collections import Counter
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from koppeling import budget, importing
from koppeling.imports import Run
from tests.exactly_once.crashes import Crash, wire
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, customers, order
from tests.importing.hand import now, step, time_passes
from tests.undo.hand import demand_paid

_ORDERS = 3
_CALLS = 40
"""Fewer than an undisturbed import of so many makes."""

_STEPS = 20


def _history(stage: Stage, connected: Connected, day: date) -> list[str]:
    """Orders of one day: two of a new customer and one of another, all paid into one journal."""
    raws = [_paid_by_mollie(f"{name}-{day}@example.nl", day) for name in ("een", "een", "twee")]
    stage.place(connected, *raws)
    return [str(raw["number"]) for raw in raws]


def _paid_by_mollie(email: str, day: date) -> dict[str, Any]:
    raws = (order(email, date=f"{day}") for _ in count())
    return next(raw for raw in raws if raw["payment"]["gateway_name"] == "mollie")


def test_an_import_that_dies_at_any_call_is_resumed(stage: Stage, connected: Connected) -> None:
    """Each call in turn, until none is left to die at: one invoice, one payment and one customer of each, always.

    After a call is before the next one: of what the process knew in between nothing is left.
    """
    stage.books.tell("settings", {"limits": False})
    for at in count():
        day = datetime.now(AMSTERDAM).date() - timedelta(days=at + 1)
        numbers = _history(stage, connected, day)
        run = importing.start(stage.table, connected.connection, day, day)
        budget.forget()
        with wire(at, "after", all_die=True) as tapped, suppress(Crash):
            step(stage, connected, run)
        ended = _resumed(stage, connected, run)
        assert (ended.state, ended.counts.read) == ("done", _ORDERS)
        demand_paid(stage, connected, *numbers)
        if not tapped.struck:
            assert at > _CALLS, "it must have died at each call, and then at none"
            break
    emails = Counter(str(each["email"]).casefold() for each in customers(stage.ledger(connected)))
    assert set(emails.values()) == {1}
    assert len(emails) == 2 * (at + 1)


def _resumed(stage: Stage, connected: Connected, run: Run) -> Run:
    """Carried on by others until it has ended."""
    for _ in range(_STEPS):
        time_passes(stage, connected, run)
        if step(stage, connected, run) is None:
            return now(stage, connected, run)
    raise AssertionError(f"still not done: {now(stage, connected, run).as_json()}")
