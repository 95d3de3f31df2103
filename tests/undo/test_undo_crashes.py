"""A command that dies, or hears nothing, at any call: the order ends out of the books, once and whole."""

from contextlib import suppress
from datetime import timedelta

import pytest

from koppeling import budget, clock
from koppeling.poll import poll
from tests.exactly_once.crashes import Crash, When, wire
from tests.exactly_once.rig import Connected, Stage
from tests.undo.hand import (
    demand_gone,
    demand_paid,
    history,
    imported,
    lease_over,
    of_run,
    retry,
    undo,
    undo_orders,
)

_CALLS = 8
"""Fewer than an undisturbed command makes."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("finisher", ["command", "message", "poll"])
def test_a_crash_around_any_call_ends_in_one_state(
    stage: Stage, connected: Connected, when: When, finisher: str
) -> None:
    """The command again, a live message or the poll goes on with what was begun; what was not begun stays paid."""
    struck, at = True, -1
    while struck:
        at += 1
        number = stage.sale(connected)
        stage.deliver(connected, number)
        budget.forget()
        with wire(at, when) as tapped, suppress(Crash):
            undo_orders(stage, connected, number)
        struck = tapped.struck
        begun = stage.row(connected, number).undoing is not None or stage.row(connected, number).undone
        lease_over(stage, connected)
        if finisher == "command":
            begun = True
            if not stage.row(connected, number).undone:
                undo_orders(stage, connected, number)
        elif finisher == "message":
            stage.deliver(connected, number)
        else:
            _poll_goes_on(stage, connected, number)
        if begun:
            demand_gone(stage, connected, number)
            retry(connected, number)
        demand_paid(stage, connected, number)
        stage.demand_once(connected, number)
    assert at > _CALLS, "it must have died at each call, and then at none"


def _poll_goes_on(stage: Stage, connected: Connected, number: str) -> None:
    if stage.row(connected, number).due_at:
        stage.rewrite(connected, number, due_at=clock.iso(clock.now() - timedelta(minutes=1)))
    poll(stage.table, connected.id)
    for queued in stage.queued():
        if queued.order_number == number:
            stage.deliver(connected, number)


@pytest.mark.parametrize("kind", ["cut-before", "cut-after", "500-before", "500-after", "429", "late-commit"])
@pytest.mark.parametrize("path", ["bankboekingen", "verkoopboekingen"])
def test_any_trouble_with_a_removal_removes_once(stage: Stage, connected: Connected, path: str, kind: str) -> None:
    """Whatever comes back, or nothing: the command looks, and in the end both are gone."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    stage.trouble(connected, kind, f"/{path}/.*", method="DELETE", times=2, seconds=0.2)
    taken = undo_orders(stage, connected, number)
    if taken[number].outcome != "undone":
        stage.books.untell("faults")
        lease_over(stage, connected)
        undo_orders(stage, connected, number)
    demand_gone(stage, connected, number)
    retry(connected, number)
    stage.demand_once(connected, number)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_in_a_payment_of_many_ends_in_one_state(stage: Stage, connected: Connected, when: When) -> None:
    """Half an import is taken back, the command dying every few calls: those go, the others stay paid throughout."""
    numbers = history(stage, connected, 8, days=1)
    run = imported(stage, connected)
    rows = of_run(stage, connected, run)
    go = sorted(row.number for row in rows)[::2]
    stay = sorted(set(numbers) - set(go))
    for at in range(6, 66, 4):
        budget.forget()
        still = [row for number in go if not (row := stage.row(connected, number)).undone]
        with wire(at, when), suppress(Crash):
            undo(stage, connected, still)
        demand_paid(stage, connected, *stay)
        lease_over(stage, connected)
    undo(stage, connected, [row for number in go if not (row := stage.row(connected, number)).undone])
    demand_gone(stage, connected, *go)
    demand_paid(stage, connected, *stay)
    imported(stage, connected)
    demand_paid(stage, connected, *numbers)


def test_a_live_message_in_the_middle_does_not_book_it_again(stage: Stage, connected: Connected) -> None:
    """The number is free the moment the invoice is gone: whoever comes by finishes, and books nothing."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    budget.forget()
    with wire() as tapped:
        undo_orders(stage, connected, number)
    removal = max(at for at, call in enumerate(tapped.calls) if call.startswith("DELETE"))
    retry(connected, number)
    budget.forget()
    with wire(removal, "after"), suppress(Crash):
        undo_orders(stage, connected, number)
    assert stage.effects(connected, number)[1:] == (0, 0)
    later = stage.deliver(connected, number)
    assert later, "whoever died may still be at it"
    assert stage.effects(connected, number)[1:] == (0, 0)
    lease_over(stage, connected)
    retry(connected, number)
    demand_gone(stage, connected, number)
