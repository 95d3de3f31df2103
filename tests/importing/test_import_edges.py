"""History beside people at work: orders taken back while a page is under way, a list that keeps shifting."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock

import httpx
import pytest

from koppeling import aws, clock, importing, onboard, poll, transport
from koppeling.connections import REGISTRY, Connection, Connections
from koppeling.deadline import Deadline
from koppeling.imports import Imports, Run
from koppeling.messages import ImportMessage
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage
from tests.undo.hand import demand_gone, demand_paid, history, undo_orders

_SHIFTS = 5
"""More than an import begins anew for in one go."""


@contextmanager
def _before(is_it: Callable[[httpx.Request], bool], act: Callable[[], bool]) -> Iterator[None]:
    """Before each such call, until `act` says that this was the last time; all other threads' calls wait meanwhile."""
    http, turn = transport.client(), RLock()
    acting, over = False, False

    def request(sent: httpx.Request) -> None:
        nonlocal acting, over
        with turn:
            if acting or over or not is_it(sent):
                return
            acting = True
            over = not act()
            acting = False

    http.event_hooks = {"request": [request]}
    try:
        yield
    finally:
        http.event_hooks = {}


def _ended(stage: Stage, connected: Connected) -> Run:
    first = (datetime.now(AMSTERDAM) - timedelta(days=30)).date()
    run = importing.start(stage.table, connected.connection, first)
    for _ in range(20):
        if importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58)) is None:
            break
        stage.room_again(connected)
    found = Imports(stage.table, connected.id).get(run.id)
    assert found is not None
    return found


def test_an_order_taken_back_while_its_page_is_under_way_stays_out(stage: Stage, connected: Connected) -> None:
    """Not there when the page was read, booked by its webhook and taken back since: the import leaves it so."""
    *others, last = history(stage, connected, 12, days=1)

    def booked_and_taken_back() -> bool:
        stage.deliver(connected, last)
        assert undo_orders(stage, connected, last)[last].outcome == "undone"
        return False

    with _before(
        lambda sent: sent.method == "POST" and sent.url.path.endswith("/verkoopboekingen"), booked_and_taken_back
    ):
        run = _ended(stage, connected)
    assert run.finished
    demand_gone(stage, connected, last)
    demand_paid(stage, connected, *others)


def test_a_connection_removed_in_the_middle_of_a_page_is_booked_for_no_longer(
    stage: Stage, connected: Connected
) -> None:
    """The rest of the page stays out of the books, where nobody would settle it, and nothing is remembered of it.

    What this step wrote since is the sweep's to erase: the worker's role may delete nothing.
    """
    stage.books.tell("settings", {"limits": False})
    history(stage, connected, 60, days=1)
    sent, by_worker = 0, True
    deleted: list[bool] = []

    def remove_at_the_tenth() -> bool:
        nonlocal sent, by_worker
        sent += 1
        if sent == 10:
            by_worker = False
            Connections(stage.table).remove(connected.id)
            by_worker = True
            time.sleep(1.1)
        return sent < 10

    def deletes(**_: object) -> None:
        deleted.append(by_worker)

    run = importing.start(stage.table, connected.connection, (datetime.now(AMSTERDAM) - timedelta(days=30)).date())
    with _before(
        lambda asked: asked.method == "POST" and asked.url.path.endswith("/verkoopboekingen"), remove_at_the_tenth
    ):
        aws.dynamodb().meta.events.register("before-send.dynamodb.DeleteItem", deletes, "deletes")
        assert importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58)) is None
        aws.dynamodb().meta.events.unregister("before-send.dynamodb.DeleteItem", deletes, "deletes")
    # Some were under way when it went.
    assert len(stage.ledger(connected)["invoices"]) < 30
    assert not any(deleted)
    stage.table.put({"pk": REGISTRY, "sk": connected.id, "removed_at": clock.iso(clock.now() - timedelta(hours=1))})
    poll.poll(stage.table, connected.id)
    assert list(stage.table.rows(f"CONNECTION#{connected.id}")) == []


def test_a_list_that_keeps_shifting_holds_an_import_up_and_does_not_end_it(stage: Stage, connected: Connected) -> None:
    """Orders are archived away before page after page: read from the start as often as it takes."""
    stage.books.tell("settings", {"limits": False})
    stage.shop.tell("settings", {"archived_default": "active"})
    numbers = history(stage, connected, 130)
    away = iter(numbers[:_SHIFTS])

    def archive_one() -> bool:
        number = next(away, None)
        if number:
            stage.change(connected, number, archived=True)
        return number is not None

    def next_page(sent: httpx.Request) -> bool:
        return sent.url.path.endswith("/orders") and sent.url.params.get("offset", "0") != "0"

    with _before(next_page, archive_one):
        run = _ended(stage, connected)
    assert next(away, None) is None
    assert run.state == "done"
    demand_paid(stage, connected, *numbers[_SHIFTS:])


def _twin(stage: Stage, connected: Connected) -> Connected:
    """The same shop connected to the same administration once more."""
    key = connected.connection.credentials().koppelsleutel
    added = onboard.add(stage.table, "tweeling", connected.shop_token, key, PROFILE)
    return replace(connected, connection=added.connection)


@pytest.mark.parametrize("added", ["before", "meanwhile"])
def test_what_a_twin_paid_meanwhile_is_in_no_payment_of_many(stage: Stage, connected: Connected, added: str) -> None:
    """The shop is connected to the administration twice, and SnelStart has no room for the import's payments just then.

    The other connection finds the invoices open, waits and pays them.
    """
    twin = _twin(stage, connected) if added == "before" else None
    numbers = history(stage, connected, 3, days=1)
    stage.trouble(connected, "429", "/bankboekingen")
    run = importing.start(stage.table, connected.connection, datetime.now(AMSTERDAM).date() - timedelta(days=30))
    message = ImportMessage(connected.id, run.id)
    later = importing.step(stage.table, message, Deadline.after(58))
    stage.room_again(connected)
    twin = twin or _twin(stage, connected)
    for number in numbers:
        stage.until_done(twin, number)
    while later is not None:
        later = importing.step(stage.table, message, Deadline.after(58))
        stage.time_passes(connected)
    for number in numbers:
        stage.until_done(connected, number)
    demand_paid(stage, connected, *numbers)
    stage.disconnect(twin)


def test_a_customer_that_snelstart_no_longer_takes_is_looked_for_before_another_is_made(
    stage: Stage, connected: Connected
) -> None:
    """An id in the invoice is gone, whichever that is: the customer is known to be there, import or not."""
    first, second = (stage.sale(connected, "vast@example.nl") for _ in range(2))
    assert stage.deliver(connected, first) is None
    made = stage.calls(connected)["POST /relaties"]
    stage.trouble(connected, "404", "/verkoopboekingen")
    assert _ended(stage, connected).state == "done"
    assert stage.calls(connected)["POST /relaties"] == made
    demand_paid(stage, connected, first, second)


@pytest.mark.parametrize("written", ["start_date = {today}\nimported = []\n", "payment_term_days = 30\n"])
def test_a_profile_changed_during_an_import_takes_none_of_its_orders(
    stage: Stage, connected: Connected, written: str
) -> None:
    """From a file of before the import began, or by somebody who read the connection then: what was asked is booked."""
    today = datetime.now(AMSTERDAM).date()
    before = onboard.change_profile(stage.table, connected.connection, f"start_date = {today}\n")
    numbers = history(stage, connected, 3, days=1)
    run = importing.start(stage.table, before, today - timedelta(days=30), today - timedelta(days=1))
    changed = onboard.change_profile(stage.table, before, written.format(today=today))
    while importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58)):
        stage.room_again(connected)
    demand_paid(stage, connected, *numbers)
    assert changed.profile.payment_term_days == (30 if "term" in written else before.profile.payment_term_days)
    assert changed.profile.begins == (today if "imported" in written else today - timedelta(days=30))


def test_an_import_that_begins_leaves_what_was_changed_in_the_profile_meanwhile(
    stage: Stage, connected: Connected
) -> None:
    """The connection was read before somebody else chose another term: both are in the profile then."""
    today = datetime.now(AMSTERDAM).date()
    before = onboard.change_profile(stage.table, connected.connection, f"start_date = {today}\n")
    onboard.change_profile(stage.table, before, "payment_term_days = 30\n")
    importing.start(stage.table, before, today - timedelta(days=30), today - timedelta(days=9))
    stored = Connections(stage.table).get(connected.id)
    assert stored is not None
    assert (stored.profile.payment_term_days, len(stored.profile.imported)) == (30, 1)


def test_two_that_change_a_profile_at_one_moment_both_have_their_way(stage: Stage, connected: Connected) -> None:
    """What one of them stored while the other was about to store his is in what that one then stores."""
    known, today = Connections(stage.table), datetime.now(AMSTERDAM).date()
    onboard.change_profile(stage.table, connected.connection, f"start_date = {today}\n")
    first = iter((True, False))

    def other_term(now: Connection) -> Connection:
        if next(first):
            importing.start(stage.table, connected.connection, today - timedelta(days=30), today - timedelta(days=9))
        return replace(now, profile=now.profile.changed_by("payment_term_days = 30\n"))

    stored = known.change(connected.id, other_term, "profile")
    assert stored == known.get(connected.id)
    assert (stored.profile.payment_term_days, len(stored.profile.imported)) == (30, 1)
