"""SnelStart's limits in practice: real table, strict simulator, several processes of ours."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from koppeling import budget, clock, partner
from koppeling.allowance import LIFETIME, LIMITS, Buyer, Spent
from koppeling.budget import Purse
from koppeling.failures import Throttled
from koppeling.meter import Meter
from koppeling.poll import poll
from koppeling.sync import Later
from tests.exactly_once.crashes import wire
from tests.exactly_once.rig import Connected, Stage, message, order

_WRITE = "dynamodb.UpdateItem"


@pytest.fixture
def connected(stage: Stage) -> Iterator[Connected]:
    """A shop with an administration that is held to its limits, as SnelStart does."""
    stage.books.tell("settings", {"limits": True})
    made = stage.connect()
    stage.room_again(made)
    yield made
    stage.disconnect(made)


def _exhaust(stage: Stage, connected: Connected) -> None:
    """Have all of a minute's calls be bought."""
    limits = LIMITS["productie"]
    spent = Spent().buy(490, Buyer("another", 1), limits, clock.now().timestamp())
    assert isinstance(spent, Spent)
    stage.table.put({"pk": stage.budget(connected).pk, "sk": "BUDGET", "version": 1, "spent": spent.to_json()})
    budget.forget()


def _row(stage: Stage, connected: Connected) -> Spent:
    row = stage.table.get(stage.budget(connected))
    assert row is not None
    return Spent.from_json(row["spent"])


def test_an_order_costs_one_write_for_its_calls_at_the_most(stage: Stage, connected: Connected) -> None:
    """Ten orders of new and of known customers, one after the other: never two writes for one, and fewer than ten."""
    writes = []
    for turn in range(10):
        raw = order("vast@example.nl" if turn % 2 else "")
        stage.place(connected, raw)
        before = int((stage.table.get(stage.budget(connected)) or {"version": 0})["version"])
        assert stage.deliver(connected, str(raw["number"])) is None
        writes.append(int((stage.table.get(stage.budget(connected)) or {"version": 0})["version"]) - before)
    assert max(writes) == 1
    assert sum(writes) < 10
    assert stage.books.ask("calls", administration=connected.administration)["refused_429"] == 0


def test_ten_orders_at_once_buy_together(stage: Stage, connected: Connected) -> None:
    """A whole batch: no more writes than orders, no more bought than their calls and one order's to spare."""
    orders = [order() for _ in range(10)]
    stage.place(connected, *orders)
    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(lambda raw: stage.deliver(connected, str(raw["number"])), orders))
    assert done == [None] * 10
    row = stage.table.get(stage.budget(connected))
    assert row is not None
    assert row["version"] <= 10
    assert sum(_row(stage, connected).fine.values()) <= 44
    assert stage.books.ask("calls", administration=connected.administration)["refused_429"] == 0


def test_calls_that_lapsed_unused_are_taken_out_with_the_next_purchase(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of the purse or out of an order's hand: one write, and only what may still be used counts."""
    purse = Purse(stage.table, connected.administration, LIMITS["productie"])
    meter = Meter(purse, live=True)
    with meter.call():
        pass
    ended = purse.chunk(live=True)
    purse.give_back(ended)
    assert sum(_row(stage, connected).fine.values()) == 8
    later = time.time() + LIFETIME + 1
    monkeypatch.setattr(budget, "_now", lambda: later)
    with meter.call():
        pass
    row = _row(stage, connected)
    # One was made of the first eight; four more were bought now.
    assert (sum(row.fine.values()), sum(row.coarse.values())) == (5, 5)
    assert (stage.table.get(stage.budget(connected)) or {})["version"] == 3


def test_an_order_that_finds_no_room_is_put_off_unharmed_and_counts_as_no_failure(
    stage: Stage, connected: Connected
) -> None:
    """No call to SnelStart, no attempt, a visible state, a new message in the old one's place; booked when there is."""
    number = stage.sale(connected)
    _exhaust(stage, connected)
    stage.books.tell("calls/reset")
    body, handle = stage.enqueue(connected, number)
    assert stage.work(body, handle), "the old message is done with"
    row = stage.row(connected, number)
    assert (row.state, row.attempts) == ("received", 0)
    assert row.reason
    assert row.reason.code == "snelstart-budget"
    assert stage.books.ask("calls", administration=connected.administration)["total"] == 0
    hidden = stage.sqs.get_queue_attributes(
        QueueUrl=stage.backlog_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert int(hidden["ApproximateNumberOfMessagesDelayed"]) >= 1
    stage.room_again(connected)
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)


def test_once_known_to_be_without_room_an_administration_costs_a_message_and_no_order_write(
    stage: Stage, connected: Connected
) -> None:
    """The second order of a throttled administration is put off without a claim, a read at the shop or a look."""
    first, second = stage.sale(connected), stage.sale(connected)
    _exhaust(stage, connected)
    assert isinstance(stage.deliver(connected, first), Later)
    stage.shop.tell("calls/reset")
    with wire() as tapped:
        later = stage.deliver(connected, second)
    assert isinstance(later, Later)
    assert later.anew
    assert stage.row(connected, second).state == "received"
    assert tapped.calls.count(_WRITE) == 1
    assert stage.shop.ask("calls")["total"] == 0
    with wire() as tapped:
        stage.deliver(connected, second)
    assert _WRITE not in tapped.calls or tapped.calls.count(_WRITE) == 1


def test_a_throttled_administration_holds_up_no_other(stage: Stage, connected: Connected) -> None:
    """The orders of another shop are booked while the first has no room."""
    other = stage.connect()
    number = stage.sale(connected)
    _exhaust(stage, connected)
    assert isinstance(stage.deliver(connected, number), Later)
    theirs = stage.sale(other)
    assert stage.deliver(other, theirs) is None
    stage.demand_once(other, theirs)
    stage.disconnect(other)


def test_a_poll_leaves_orders_alone_that_wait_for_room(stage: Stage, connected: Connected) -> None:
    """They are in the queue already: announced once more they would multiply with every poll."""
    number = stage.sale(connected)
    _exhaust(stage, connected)
    assert isinstance(stage.deliver(connected, number), Later)
    stage.queued()
    assert poll(stage.table, connected.id).queued == 0
    stage.rewrite(connected, number, due_at="2026-01-01T00:00:00.000Z")
    polled = poll(stage.table, connected.id)
    assert (polled.again, polled.found) == (1, 1)
    assert number in {each.order_number for each in stage.queued()}


def test_history_is_put_off_while_orders_of_now_find_no_room(stage: Stage, connected: Connected) -> None:
    """After an order of now was sent away, history buys nothing, whatever there may be again."""
    limits, row = LIMITS["productie"], stage.budget(connected)
    _exhaust(stage, connected)
    live = budget.purse(stage.table, connected.connection.administration_id, limits)
    live.enter()
    with pytest.raises(Throttled):
        live.chunk(live=True)
    stored = stage.table.get(row)
    assert stored
    wanting = Spent.from_json(stored["spent"])
    assert wanting.live_wants_until > clock.now().timestamp()
    emptied = Spent(live_wants_until=wanting.live_wants_until)
    stage.table.put({**stored, "spent": emptied.to_json(), "version": 99})
    history = Purse(stage.table, connected.connection.administration_id, limits)
    history.enter()
    with pytest.raises(Throttled):
        history.chunk(live=False)
    assert history.chunk(live=True).calls == budget.CHUNK


def test_an_answer_lost_on_the_way_back_buys_nothing_twice(stage: Stage, connected: Connected) -> None:
    """The write was done and its answer lost: the client's own repetition is known for ours."""
    purse = Purse(stage.table, connected.connection.administration_id, LIMITS["productie"])
    purse.enter()
    with wire(1, "lost") as tapped:
        assert purse.chunk(live=True).calls == budget.CHUNK
    assert tapped.struck
    assert sum(_row(stage, connected).fine.values()) == budget.CHUNK


def test_a_silence_that_was_asked_for_is_remembered_to_its_end(stage: Stage, connected: Connected) -> None:
    """SnelStart names a day: the row that says so does not go before, however quiet it stays."""
    purse = budget.purse(stage.table, connected.connection.administration_id, LIMITS["productie"])
    purse.refused(86_400.0)
    row = stage.table.get(stage.budget(connected))
    assert row is not None
    assert row["expires_at"] >= clock.now().timestamp() + 86_400


def test_history_stands_aside_where_it_takes_the_places_of_orders_of_now(stage: Stage, connected: Connected) -> None:
    """With a development key's five places two imports have four for as long as they buy: then they buy no more."""
    administration, limits = connected.connection.administration_id, LIMITS["ontwikkeling"]
    one, other, now = (Purse(stage.table, administration, limits) for _ in range(3))
    for purse in (one, other, now):
        purse.enter()
        purse.enter()
    for purse in (one, other):
        purse.chunk(live=False)
    with pytest.raises(Throttled):
        now.chunk(live=True)
    with pytest.raises(Throttled):
        Purse(stage.table, administration, limits, one.name).chunk(live=False)


def test_processes_that_buy_at_the_same_moment_never_buy_the_same(stage: Stage, connected: Connected) -> None:
    """Eight purses on one row: every chunk handed out is counted."""
    purses = [Purse(stage.table, connected.connection.administration_id, LIMITS["productie"]) for _ in range(8)]

    def buy(purse: Purse) -> int:
        purse.enter()
        bought = 0
        for _ in range(5):
            try:
                bought += purse.chunk(live=True).calls
            except Throttled:
                time.sleep(0.05)
        return bought

    with ThreadPoolExecutor(8) as threads:
        bought = sum(threads.map(buy, purses))
    assert bought >= 80
    assert sum(_row(stage, connected).fine.values()) >= bought


_PROCESS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from koppeling.deadline import Deadline
from koppeling.messages import OrderMessage
from koppeling.sync import sync_order
bodies = json.load(sys.stdin)
with ThreadPoolExecutor(10) as threads:
    done = list(threads.map(lambda body: sync_order(OrderMessage.from_body(body), Deadline.after(58)), bodies))
print(json.dumps([later is None for later in done]))
"""


@pytest.mark.parametrize("product", ["productie", "ontwikkeling"])
def test_no_429_whatever_the_concurrency(stage: Stage, product: str) -> None:
    """Four processes of ten threads fall upon one administration: SnelStart never has to say no."""
    stage.books.tell("settings", {"limits": True, "latency_ms": 30})
    connected = stage.connect(product=product)
    partner.store(stage.table_name, {"product": product})
    try:
        count = 30 if product == "ontwikkeling" else 150
        orders = [order() for _ in range(count)]
        stage.place(connected, *orders)
        bodies = [message(connected, str(raw["number"])).to_body() for raw in orders]
        run = partial(subprocess.run, [sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=True)
        with ThreadPoolExecutor(4) as threads:
            ended = list(threads.map(lambda part: run(input=json.dumps(part)), [bodies[i::4] for i in range(4)]))
        # before it, a line for every order
        done = [one for each in ended for one in json.loads(each.stdout.splitlines()[-1])]
        report = stage.books.ask("calls", administration=connected.administration)
        limits = LIMITS[product]
        assert report["refused_429"] == 0
        assert report["max_concurrent"] <= limits.at_once
        assert report["max_per_minute"] <= limits.per_minute
        assert sum(done) >= min(count, (limits.per_minute - 40) // 8)
    finally:
        partner.store(stage.table_name, {"product": "productie"})
        stage.disconnect(connected)
