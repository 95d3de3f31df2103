"""A worker that dies around any of its I/O calls: delivered again, the order is booked once."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from koppeling import budget
from tests.exactly_once.crashes import Crash, When, wire
from tests.exactly_once.rig import Connected, Stage

_MOST_DELIVERIES = 8
_PAIRS = 30
_SEED = 20261123


def _journey(stage: Stage, connected: Connected) -> list[str]:
    """The I/O calls of one undisturbed order of a new customer."""
    number = stage.sale(connected)
    body, handle = stage.enqueue(connected, number)
    budget.forget()
    with wire() as tapped:
        assert stage.work(body, handle)
    assert stage.row(connected, number).state == "paid"
    return tapped.calls


def _crash(stage: Stage, body: str, handle: str, at: int, when: When) -> bool:
    """One delivery to a new process that dies around I/O call `at`; False when it made fewer calls than that."""
    budget.forget()
    with wire(at, when) as tapped, suppress(Crash):
        stage.work(body, handle)
    return tapped.struck


def _until_done(stage: Stage, connected: Connected, body: str, handle: str) -> None:
    for _ in range(_MOST_DELIVERIES):
        stage.time_passes(connected)
        if stage.work(body, handle):
            return
    raise AssertionError("the message keeps coming back")


def _every_call(stage: Stage, connected: Connected) -> Iterator[tuple[int, str, Connected]]:
    """Each I/O call of an order's journey with a connection to make it on; a new one where only its first order does.

    Those are the calls that open credentials and read what is kept in memory afterwards.
    """
    new = stage.connect()
    first = _journey(stage, new)
    stage.disconnect(new)
    _journey(stage, connected)
    later = _journey(stage, connected)
    assert len(later) > 10
    once = Counter(first) - Counter(later)
    assert once
    for at, call in enumerate(first):
        if call in once:
            new = stage.connect()
            yield at, call, new
            stage.disconnect(new)
    for at, call in enumerate(later):
        yield at, call, connected


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_any_call_books_an_order_once(stage: Stage, connected: Connected, when: When) -> None:
    """A new customer's order: whichever call the worker dies at, it ends paid, once."""
    for at, call, where in _every_call(stage, connected):
        number = stage.sale(where)
        body, handle = stage.enqueue(where, number)
        assert _crash(stage, body, handle, at, when), f"no crash {when} {call}"
        _until_done(stage, where, body, handle)
        stage.demand_once(where, number)


def test_two_crashes_in_a_row_book_an_order_once(stage: Stage, connected: Connected) -> None:
    """The run after a crash dies too, at any call: the order still ends paid, once. A seeded sample of all pairs."""
    _journey(stage, connected)
    length = len(_journey(stage, connected))
    rng = random.Random(_SEED)  # noqa: S311 -- a sample, no secret
    numbers: list[str] = []
    second = 0
    for _ in range(_PAIRS):
        number = stage.sale(connected)
        numbers.append(number)
        body, handle = stage.enqueue(connected, number)
        assert _crash(stage, body, handle, rng.randrange(length), rng.choice(("before", "after")))
        stage.time_passes(connected)
        second += _crash(stage, body, handle, rng.randrange(length), rng.choice(("before", "after")))
        _until_done(stage, connected, body, handle)
    assert second > _PAIRS / 2, "the second crash must strike often enough to prove something"
    stage.demand_once(connected, *numbers)


def test_a_crashed_run_holds_its_order_until_its_time_is_over(stage: Stage, connected: Connected) -> None:
    """Delivered again at once, an order whose run died is left alone: that run might still be alive."""
    _journey(stage, connected)
    journey = _journey(stage, connected)
    number = stage.sale(connected)
    body, handle = stage.enqueue(connected, number)
    assert _crash(stage, body, handle, journey.index("POST /v2/verkoopboekingen"), "after")
    stage.books.tell("calls/reset")
    assert not stage.work(body, handle)
    assert stage.order_calls(connected) == 0
    _until_done(stage, connected, body, handle)
    assert stage.row(connected, number).state == "paid"


@pytest.mark.parametrize("when", ["lost", "denied"])
def test_trouble_with_any_call_of_aws_books_an_order_once(stage: Stage, connected: Connected, when: When) -> None:
    """An answer of AWS that is lost (and asked for again by its client) or a call that fails: paid, once."""
    for at, call, where in _every_call(stage, connected):
        if "/" in call:
            continue
        number = stage.sale(where)
        body, handle = stage.enqueue(where, number)
        budget.forget()
        with wire(at, when) as tapped:
            stage.work(body, handle)
        assert tapped.struck, f"nothing {when} at {call}"
        # Done with, hidden, or sent anew to the slow lane: whichever, it comes once more.
        _until_done(stage, where, body, handle)
        stage.demand_once(where, number)
