"""Two shops that book in one administration: a customer of both is made once, whatever goes wrong on the way."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest

from koppeling import importing, onboard
from koppeling.deadline import Deadline
from koppeling.ledger import LEASE
from koppeling.messages import ImportMessage
from koppeling.orders import Orders
from koppeling.sync import Later
from koppeling.table import ConditionFailed
from tests.exactly_once.crashes import Crash, When, meanwhile, wire
from tests.exactly_once.rig import AMSTERDAM, PROFILE, SETTLE_SECONDS, Connected, Stage, customers


def _makes(stage: Stage, connected: Connected) -> int:
    return stage.calls(connected)["POST /relaties"]


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_shops_that_bring_one_new_customer_at_once_make_one_relatie(
    stage: Stage, connected: Connected, beside: Connected
) -> None:
    """While one shop's order is making the relatie the other's waits, and then finds it."""
    first, second = stage.sale(connected, "samen@example.nl"), stage.sale(beside, "Samen@Example.nl")
    stage.books.tell("settings", {"latency_ms": 300})
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(stage.deliver, connected, first)
        other = threads.submit(stage.deliver, beside, second)
        assert [one.result(), other.result()] == [None, None]
    assert _makes(stage, connected) == 1
    stage.demand_once(connected, first)
    stage.demand_once(beside, second)


def test_a_relatie_that_comes_late_is_not_made_by_the_other_shop(
    stage: Stage, connected: Connected, beside: Connected
) -> None:
    """One shop's call gets no answer and is carried out later: the other waits until it must have ended, and looks."""
    first, second = stage.sale(connected, "laat@example.nl"), stage.sale(beside, "laat@example.nl")
    stage.trouble(connected, "late-commit", "/relaties", seconds=2.0)
    assert isinstance(stage.deliver(connected, first), Later)
    assert isinstance(stage.deliver(beside, second), Later)
    _wait_for(lambda: bool(customers(stage.ledger(connected))))
    for one, number in ((beside, second), (connected, first)):
        stage.until_done(one, number)
        stage.demand_once(one, number)
    assert _makes(stage, connected) == 1


@pytest.mark.parametrize("kind", ["429", "refused"])
def test_what_was_certainly_not_made_holds_nobody_up(
    stage: Stage, connected: Connected, beside: Connected, kind: str
) -> None:
    """SnelStart said at once that it did nothing: the other shop makes the customer without waiting."""
    first, second = stage.sale(connected, f"{kind}@example.nl"), stage.sale(beside, f"{kind}@example.nl")
    more = {"error_code": "REL-0007"} if kind == "refused" else {}
    stage.trouble(connected, kind, "/relaties", times=2 if more else 1, **more)
    stage.deliver(connected, first)
    assert stage.row(connected, first).state in ("received", "refused")
    stage.room_again(connected)
    began = time.monotonic()
    assert stage.deliver(beside, second) is None
    assert time.monotonic() - began < 5
    stage.demand_once(beside, second)
    stage.until_done(connected, first)
    stage.demand_once(connected, first)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_a_run_that_died_was_making_is_waited_for(
    stage: Stage, connected: Connected, beside: Connected, moment: When
) -> None:
    """Nobody ends its turn: the other shop finds what it made, or makes it once that can no longer come."""
    email = f"{moment}@example.nl"
    first, second = stage.sale(connected, email), stage.sale(beside, email)
    # It costs a token, which the others do without.
    stage.deliver(connected, stage.sale(connected))
    with wire() as tapped:
        stage.deliver(connected, stage.sale(connected))
    [at] = [index for index, call in enumerate(tapped.calls) if call == "POST /v2/relaties"]
    made = _makes(stage, connected)
    with pytest.raises(Crash), wire(at, moment):
        stage.deliver(connected, first)
    later = stage.deliver(beside, second)
    assert (later is None) == (moment == "after")
    stage.time_passes(beside, SETTLE_SECONDS - 10)
    assert (stage.deliver(beside, second) is None) == (moment == "after")
    for one, number in ((beside, second), (connected, first)):
        stage.until_done(one, number)
        stage.demand_once(one, number)
    assert _makes(stage, connected) == made + 1


def test_a_shop_that_is_added_waits_for_what_the_first_does_as_if_alone(stage: Stage, connected: Connected) -> None:
    """A run that read its connection before there was a second one takes no turn: the new one waits for its end."""
    first = stage.sale(connected, "eerste@example.nl")
    added: list[tuple[Connected, str]] = []

    def another_shop() -> None:
        beside = stage.connect_beside(connected)
        added.append((beside, stage.sale(beside, "eerste@example.nl")))
        assert isinstance(stage.deliver(*added[0]), Later)

    with meanwhile("/relaties", another_shop):
        stage.deliver(connected, first)
    [(beside, second)] = added
    for one, number in ((connected, first), (beside, second)):
        stage.until_done(one, number)
        stage.demand_once(one, number)
    assert _makes(stage, connected) == 1
    stage.disconnect(beside)


def test_an_import_finds_the_customer_the_other_shop_made_since(
    stage: Stage, connected: Connected, beside: Connected
) -> None:
    """All customers were read just before, and yet the one that is not among them may be there by now."""
    first, second = stage.sale(connected, "vroeger@example.nl"), stage.sale(beside, "vroeger@example.nl")
    run = importing.start(stage.table, connected.connection, datetime.now(AMSTERDAM).date())
    with meanwhile("/orders", lambda: stage.deliver(beside, second)):
        importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58))
    stage.demand_once(beside, second)
    stage.demand_once(connected, first)
    assert _makes(stage, connected) == 1


def test_history_begins_once_every_run_knows_that_its_shop_is_not_alone(stage: Stage, connected: Connected) -> None:
    """A second shop is added with its history: no customer may be made for some minutes, and no order fails over that.

    Each would cost a look-up, and come back by the poll, among orders of now.
    """
    beside = stage.connect_beside(connected)
    numbers = [stage.sale(beside) for _ in range(3)]
    run = importing.start(stage.table, beside.connection, datetime.now(AMSTERDAM).date())
    message = ImportMessage(beside.id, run.id)
    stage.books.tell("calls/reset")
    later = importing.step(stage.table, message, Deadline.after(58))
    assert later is not None
    assert later.anew
    assert LEASE.total_seconds() <= later.seconds <= LEASE.total_seconds() + SETTLE_SECONDS
    assert stage.books.ask("calls", administration=beside.administration)["total"] == 0
    assert not list(Orders(stage.table, beside.id).all())
    stage.time_passes(beside)
    while importing.step(stage.table, message, Deadline.after(58)):
        pass
    for number in numbers:
        stage.demand_once(beside, number)
    stage.disconnect(beside)


def test_a_shop_alone_in_its_administration_takes_no_turns(stage: Stage, connected: Connected) -> None:
    """Nothing is written for neighbours it has not got."""
    stage.deliver(connected, stage.sale(connected))
    assert list(stage.table.rows(stage.budget(connected).pk, "TURN#")) == []


def test_a_turn_says_nothing_of_whose_it_was(stage: Stage, connected: Connected, beside: Connected) -> None:
    """One of 256 rows that many addresses share, and that goes by itself."""
    stage.deliver(beside, stage.sale(beside, "iemand@example.nl"))
    [row] = stage.table.rows(stage.budget(connected).pk, "TURN#")
    assert row.keys() == {"pk", "sk", "ended_at", "expires_at"}
    assert len(row["sk"]) == len("TURN#00")
    assert 0 < float(row["expires_at"]) - time.time() <= 2 * 3600


def test_one_that_is_added_just_after_another_was_removed_does_not_make_the_customer_that_one_is_making(
    stage: Stage, connected: Connected
) -> None:
    """What the removed one has under way goes on for a minute: a shop that moves to a new connection is not alone."""
    email = "verhuizer@example.nl"
    first, second = stage.sale(connected, email), stage.sale(connected, email)
    moved: list[Connected] = []
    came: list[Later | None] = []

    def move() -> None:
        stage.disconnect(connected)
        key = connected.connection.credentials().koppelsleutel
        added = onboard.add(stage.table, "verhuisd", connected.shop_token, key, PROFILE)
        moved.append(replace(connected, connection=added.connection))
        came.append(stage.deliver(moved[0], second))

    with meanwhile("/relaties", move, method="POST"), suppress(ConditionFailed):
        stage.deliver(connected, first)
    [new] = moved
    assert came != [None]
    stage.time_passes(new)
    stage.until_done(new, second)
    books = stage.ledger(connected)
    assert [one["email"] for one in customers(books)] == [email]
    stage.disconnect(new)
