"""History: every order once, with few calls, whatever happens on the way and whoever else has it in hand."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import pytest

from koppeling import budget, clock, importing, transport
from koppeling.allowance import LIMITS, Buyer, Spent
from koppeling.connections import Connections
from koppeling.imports import Imports, Run
from koppeling.ledger import LEASE
from koppeling.messages import ImportMessage
from koppeling.onboard import pause, resume
from koppeling.orders import Orders
from koppeling.poll import poll
from sandbox.orders import Kind, generate
from tests.exactly_once.crashes import Crash, When, wire
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, customers, order
from tests.importing.hand import now, start, step, time_passes

_DAYS = 4
_SALES: dict[Kind, int] = {"sale": 1}
_STEPS = 60


def _history(
    stage: Stage, connected: Connected, orders: int, *, mix: dict[Kind, int] | None = None, known: bool = False
) -> list[str]:
    """Orders of the last days in the shop; their numbers. `known`: all by three customers."""
    start = datetime.now(AMSTERDAM) - timedelta(days=_DAYS)
    made = generate(7, orders, first_number=100_001, start=start, span=timedelta(days=_DAYS - 1), mix=mix or _SALES)
    raws = []
    for index, each in enumerate(made):
        email = f"vast{index % 3}@example.nl" if known else f"klant{each.number}@example.nl"
        raw: dict[str, Any] = dict(each.raw)
        raws.append(raw | {"debtor": {**raw["debtor"], "email": email}})
    stage.place(connected, *raws)
    return [each.number for each in made]


def _run(stage: Stage, connected: Connected, run: Run) -> Run:
    """Step after step until it has ended, time passing in between where it asks for that."""
    for _ in range(_STEPS):
        later = step(stage, connected, run)
        if later is None:
            return now(stage, connected, run)
        if later.seconds > 0.1:
            # What a fault commits late is in the books by then.
            time.sleep(0.25)
            time_passes(stage, connected, run)
    raise AssertionError(f"still not done: {now(stage, connected, run).as_json()}")


def _demand_once(stage: Stage, connected: Connected, numbers: list[str]) -> None:
    """Every order one invoice, nothing open, payments that add up to it, one relatie per e-mail address."""
    books = stage.ledger(connected)
    found = Counter(invoice["factuurnummer"] for invoice in books["invoices"])
    assert found == Counter(f"MWW{number}" for number in numbers)
    for invoice in books["invoices"]:
        assert Decimal(invoice["openstaandSaldo"]) == 0, invoice["factuurnummer"]
        assert sum(Decimal(each["bedrag"]) for each in invoice["betalingen"]) == Decimal(invoice["factuurbedrag"])
    emails = Counter(str(relatie["email"]).casefold() for relatie in customers(books))
    assert set(emails.values()) == {1}
    rows = {number: stage.row(connected, number).state for number in numbers}
    assert set(rows.values()) == {"paid"}, rows


def test_history_is_booked_once_with_few_calls(stage: Stage, connected: Connected) -> None:
    """250 orders of new customers: two calls an order and a little, two orders' calls for all of their payments."""
    stage.books.tell("settings", {"limits": False})
    numbers = _history(stage, connected, 250)
    stage.books.tell("calls/reset")
    run = _run(stage, connected, start(stage, connected))
    assert (run.state, run.counts.read, run.counts.booked) == ("done", 250, 250)
    report = stage.books.ask("calls", administration=connected.administration)
    assert report["total"] - report["token"] <= 2.15 * 250
    assert run.calls == report["total"] - report["token"]
    _demand_once(stage, connected, numbers)


def test_a_known_customers_order_costs_one_call_and_a_bit(stage: Stage, connected: Connected) -> None:
    """Customers known beforehand cost nothing, and payments go by journal and day: at most 1.15 calls an order."""
    stage.books.tell("settings", {"limits": False})
    numbers = _history(stage, connected, 250, known=True)
    for index in range(3):
        stage.deliver(connected, stage.sale(connected, email=f"vast{index}@example.nl"))
    stage.books.tell("calls/reset")
    run = _run(stage, connected, start(stage, connected))
    report = stage.books.ask("calls", administration=connected.administration)
    assert report["total"] - report["token"] <= 1.15 * 250
    assert run.counts.known == 3
    assert run.batches < 25
    assert all(stage.row(connected, number).state == "paid" for number in numbers)


def test_imported_announced_and_polled_is_booked_once(stage: Stage, connected: Connected) -> None:
    """A webhook before, in the middle and after; a poll in the middle: one invoice, one payment each."""
    numbers = _history(stage, connected, 60)
    stage.deliver(connected, numbers[0])
    run = start(stage, connected)
    at = {20: numbers[5], 60: numbers[30], 120: numbers[59]}
    for number in at.values():
        stage.deliver(connected, number)
    poll(stage.table, connected.id)
    for queued in stage.queued()[:10]:
        stage.deliver(connected, queued.order_number)
    run = _run(stage, connected, run)
    for number in numbers:
        stage.deliver(connected, number)
    _demand_once(stage, connected, numbers)
    assert run.counts.read == 60


def test_an_order_met_by_a_live_run_between_invoice_and_payment_is_settled_once(
    stage: Stage, connected: Connected
) -> None:
    """Booked by the import and not settled yet: a webhook settles it by itself, and the batch leaves it out."""
    numbers = _history(stage, connected, 30)
    stage.trouble(connected, "429", "/bankboekingen", times=50)
    run = start(stage, connected)
    step(stage, connected, run)
    assert "booked" in {stage.row(connected, number).state for number in numbers}
    stage.books.untell("faults")
    stage.time_passes(connected)
    for number in numbers[:10]:
        stage.until_done(connected, number)
    _run(stage, connected, run)
    for number in numbers:
        stage.until_done(connected, number)
    _demand_once(stage, connected, numbers)


@pytest.mark.parametrize(
    "kind",
    ["cut-before", "cut-after", "timeout-after", "500-before", "500-after", "malformed-200", "429", "late-commit"],
)
@pytest.mark.parametrize("path", ["bankboekingen", "verkoopboekingen", "relaties"])
def test_any_trouble_with_a_write_leaves_one_of_each(stage: Stage, connected: Connected, path: str, kind: str) -> None:
    """Payments of many orders at once, an invoice, a customer: whatever the answer, once in the books."""
    numbers = _history(stage, connected, 24)
    stage.trouble(connected, kind, f"/{path}", times=2, seconds=0.2)
    run = _run(stage, connected, start(stage, connected))
    assert run.state == "done"
    _later(stage, connected, numbers)
    _demand_once(stage, connected, numbers)


def _later(stage: Stage, connected: Connected, numbers: list[str]) -> None:
    """What the run left to the poll is brought back by it, once it is due."""
    stage.time_passes(connected, 6 * 3600)
    poll(stage.table, connected.id)
    for queued in {each.order_number for each in stage.queued()}:
        if queued in numbers:
            stage.until_done(connected, queued)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_loses_and_doubles_nothing(stage: Stage, connected: Connected, when: When) -> None:
    """Crashes at calls all over the run, seeded: it goes on from where its row and the orders' rows stand."""
    numbers = _history(stage, connected, 40)
    run = start(stage, connected)
    dice = random.Random(20261123)  # noqa: S311 -- a sample, no secret
    struck = 0
    for _ in range(12):
        budget.forget()
        with wire(dice.randrange(5, 70), when) as tapped, suppress(Crash):
            step(stage, connected, run)
        struck += tapped.struck
        time_passes(stage, connected, run)
    assert struck >= 4
    _run(stage, connected, run)
    _later(stage, connected, numbers)
    _demand_once(stage, connected, numbers)


def test_what_cannot_be_booked_is_counted_and_shown(stage: Stage, connected: Connected) -> None:
    """Refused, skipped and waiting orders keep their rows with reasons; nothing of them is in the books."""
    mix: dict[Kind, int] = {"sale": 6, "cancelled": 1, "unpaid": 1}
    numbers = _history(stage, connected, 50, mix=mix)
    dollars = order(currency="USD")
    stage.place(connected, dollars)
    run = _run(stage, connected, start(stage, connected))
    counts = run.counts
    assert counts.read == 51
    assert counts.refused == 1
    assert min(counts.booked, counts.skipped, counts.later) > 0
    assert counts.booked + counts.refused + counts.skipped + counts.later == 51
    states = Counter(stage.row(connected, number).state for number in numbers)
    assert states["paid"] == counts.booked
    assert len(stage.ledger(connected)["invoices"]) == counts.booked


def test_a_run_can_be_paused_gone_on_with_and_cancelled(stage: Stage, connected: Connected) -> None:
    """Paused it does nothing; cancelled it settles what it booked and ends; what is booked stays booked."""
    numbers = _history(stage, connected, 30)
    run, runs = start(stage, connected), Imports(stage.table, connected.id)
    assert runs.ask(run.id, "paused")
    stage.books.tell("calls/reset")
    assert step(stage, connected, run) is None
    assert stage.books.ask("calls", administration=connected.administration)["total"] == 0
    assert runs.ask(run.id, "running")
    importing.go_on(connected.connection, run)
    stage.trouble(connected, "429", "/bankboekingen", times=50)
    step(stage, connected, run)
    stage.books.untell("faults")
    stage.room_again(connected)
    assert runs.ask(run.id, "cancelled")
    ended = _run(stage, connected, run)
    assert ended.state == "cancelled"
    assert ended.finished
    assert runs.ask(run.id, "running") is None
    _demand_once(stage, connected, numbers)


def test_a_paused_connections_import_waits(stage: Stage, connected: Connected) -> None:
    """Nothing is asked of anybody while the connection stands still; afterwards it goes on."""
    numbers = _history(stage, connected, 10)
    run = start(stage, connected)
    paused = pause(stage.table, connected.connection)
    later = step(stage, connected, run)
    assert later
    assert later.seconds >= 600
    resume(stage.table, paused)
    _run(stage, connected, run)
    _demand_once(stage, connected, numbers)


def test_the_start_date_moves_back_with_the_import(stage: Stage, connected: Connected) -> None:
    """Orders from before the start date were skipped; asked for, they are booked."""
    numbers = _history(stage, connected, 5)
    profile = connected.connection.profile.model_copy(update={"start_date": datetime.now(AMSTERDAM).date()})
    connection = replace(connected.connection, profile=profile)
    Connections(stage.table).save(connection, "profile")
    for number in numbers:
        stage.deliver(connected, number)
        assert stage.row(connected, number).state == "skipped"
    run = importing.start(stage.table, connection, (datetime.now(AMSTERDAM) - timedelta(days=30)).date())
    _run(stage, connected, run)
    _demand_once(stage, connected, numbers)


def test_a_list_that_shifts_while_it_is_read_hides_no_order(stage: Stage, connected: Connected) -> None:
    """An order of the first page is archived away between two pages: the list is read anew, every order is booked."""
    stage.shop.tell("settings", {"archived_default": "active"})
    numbers = _history(stage, connected, 230)
    run = start(stage, connected)
    with _before_page(1, lambda: stage.change(connected, numbers[3], archived=True)):
        run = _run(stage, connected, run)
    assert run.rereads <= 3
    states = {stage.row(connected, number).state for number in numbers if number != numbers[3]}
    assert states == {"paid"}


def test_history_stands_aside_when_there_is_no_room_and_goes_on_by_itself(stage: Stage, connected: Connected) -> None:
    """With a minute's calls all bought the step says for how long, having asked SnelStart nothing; live goes first."""
    numbers = _history(stage, connected, 12)
    run = start(stage, connected)
    spent = Spent().buy(450, Buyer("another", 1), LIMITS["productie"], clock.now().timestamp())
    assert isinstance(spent, Spent)
    stage.table.put({"pk": stage.budget(connected).pk, "sk": "BUDGET", "version": 1, "spent": spent.to_json()})
    budget.forget()
    stage.books.tell("calls/reset")
    later = step(stage, connected, run)
    assert later
    assert later.anew
    assert later.seconds > 10
    assert stage.books.ask("calls", administration=connected.administration)["orders"] == 0
    live = stage.sale(connected)
    assert stage.deliver(connected, live) is None
    stage.room_again(connected)
    ended = _run(stage, connected, run)
    _demand_once(stage, connected, [*numbers, live])
    assert (ended.counts.known, ended.counts.booked) == (0, 13)


def test_what_an_interrupted_step_booked_is_counted_as_booked(stage: Stage, connected: Connected) -> None:
    """A page that ends half-way for want of room is read again; what the first half booked was not known before."""
    numbers = _history(stage, connected, 40)
    run = start(stage, connected)
    stage.trouble(connected, "429", "/verkoopboekingen", after=20)
    assert step(stage, connected, run)
    stage.time_passes(connected)
    halfway = [number for number in numbers if Orders(stage.table, connected.id).get(number)]
    assert {stage.until_done(connected, number).state for number in halfway[:5]} == {"paid"}
    ended = _run(stage, connected, run)
    assert (ended.counts.known, ended.counts.booked) == (0, 40)
    _later(stage, connected, numbers)
    _demand_once(stage, connected, numbers)


def test_two_messages_of_one_run_do_not_work_beside_each_other(stage: Stage, connected: Connected) -> None:
    """A run under a lease is left alone; the message comes back once that is over, for who holds it may have died."""
    _history(stage, connected, 3)
    run = start(stage, connected)
    held = Imports(stage.table, connected.id).hold(run.id)
    assert held
    later = step(stage, connected, run)
    assert later
    assert later.anew
    assert LEASE.total_seconds() - 30 < later.seconds <= LEASE.total_seconds() + 1
    held.save(held.run, release=True)
    assert _run(stage, connected, run).counts.booked == 3
    assert step(stage, connected, run) is None


@contextmanager
def _before_page(page: int, act: Callable[[], None]) -> Iterator[None]:
    """Do something just before the page with this index is asked for."""
    asked = count()

    def request(sent: httpx.Request) -> None:
        if sent.url.path.endswith("/orders") and next(asked) == page:
            act()

    http = transport.client()
    http.event_hooks = {"request": [request]}
    try:
        yield
    finally:
        http.event_hooks = {}


def test_an_import_of_an_unreadable_order_gives_it_a_state_and_goes_on(stage: Stage, connected: Connected) -> None:
    """An order the shop lists in another shape goes to the worker by itself; its neighbours are booked."""
    numbers = _history(stage, connected, 5)
    stage.place(connected, order() | {"price": "veel"})
    run = _run(stage, connected, start(stage, connected))
    assert (run.counts.booked, run.counts.later) == (5, 1)
    _demand_once(stage, connected, numbers)


def test_a_message_of_an_import_is_worked_on_like_any_other(stage: Stage, connected: Connected) -> None:
    """Through the worker's own door: the message goes on as a new one until the run has ended."""
    numbers = _history(stage, connected, 3)
    run = start(stage, connected)
    body = ImportMessage(connected.id, run.id).to_body()
    received = next(each for each in _received(stage) if each["Body"] == body)
    assert stage.work(received["Body"], received["ReceiptHandle"])
    _run(stage, connected, run)
    _demand_once(stage, connected, numbers)


def _received(stage: Stage) -> Iterator[Any]:
    while found := stage.sqs.receive_message(QueueUrl=stage.import_url, MaxNumberOfMessages=10).get("Messages"):
        yield from found
