"""One shop's queue in front of another's: what the noisy shop costs the quiet one, in deliveries and in calls."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from koppeling import budget, clock, importing, poll, queues
from koppeling.allowance import Spent
from koppeling.imports import Imports
from koppeling.messages import ImportMessage
from tests.exactly_once.crashes import wire
from tests.exactly_once.lanes import Lanes, Waiting, lanes
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, message

_NOISY = 500
_WRITE, _READ, _SEND = "dynamodb.UpdateItem", "dynamodb.GetItem", "sqs.SendMessageBatch"


@pytest.fixture
def played(stage: Stage) -> Iterator[Lanes]:
    """All lanes, at a moment that stands still, in front of a SnelStart that is held to its limits."""
    stage.books.tell("settings", {"limits": True})
    with lanes(stage, datetime.now(UTC)) as made:
        yield made


@pytest.fixture
def noisy(played: Lanes) -> Iterator[Connected]:
    """A shop whose administration has no call left for two hours."""
    made = played.stage.connect()
    _spend(played.stage, made)
    yield made
    played.stage.disconnect(made)


@pytest.fixture
def quiet(played: Lanes) -> Iterator[Connected]:
    """Its neighbour, of which nobody wants anything."""
    made = played.stage.connect()
    yield made
    played.stage.disconnect(made)


def _spend(stage: Stage, connected: Connected, until: timedelta = timedelta(hours=2)) -> None:
    spent = Spent().refused(until.total_seconds(), clock.now().timestamp())
    stage.table.put({"pk": stage.budget(connected).pk, "sk": "BUDGET", "version": 1, "spent": spent.to_json()})
    budget.forget()


def _calls(stage: Stage, connected: Connected) -> int:
    return int(stage.books.ask("calls", administration=connected.administration)["total"])


def test_five_hundred_orders_in_front_are_passed_in_one_delivery_each_without_a_call(
    stage: Stage, played: Lanes, noisy: Connected, quiet: Connected
) -> None:
    """First in, first out, as without fair queues: every order in front is delivered once, and only the first asks."""
    first = stage.sale(noisy)
    assert stage.deliver(noisy, first) is not None, "one order of this process finds out that there is no room"
    in_front = [str(9_000_000 + number) for number in range(_NOISY)]
    for number in in_front:
        played.announce(noisy, number)
    number = stage.sale(quiet)
    played.announce(quiet, number)
    stage.shop.tell("calls/reset")
    before = _calls(stage, noisy)

    for waiting in played.lane(stage.queue_url):
        assert played.deliver(waiting)

    stage.demand_once(quiet, number)
    assert played.received == dict.fromkeys([*in_front, number], 1)
    assert _calls(stage, noisy) == before
    assert {call["store"] for call in stage.shop.ask("calls")["calls"]} == {quiet.shop_token}
    assert not played.lane(stage.queue_url), "none is left in the lane of what was only just announced"
    assert [waiting.number for waiting in played.lane(stage.backlog_url)] == in_front


def test_what_waits_for_room_never_returns_to_the_live_lane(stage: Stage, played: Lanes, noisy: Connected) -> None:
    """An hour without room: each order comes back in the slow lane alone, ever less often, and makes no call."""
    numbers = [stage.sale(noisy) for _ in range(20)]
    for number in numbers:
        played.announce(noisy, number)
    before = _calls(stage, noisy)
    for _ in range(6):
        played.pass_time(timedelta(minutes=10))
        # A new process: it asks once before it knows.
        budget.forget()
        assert not played.lane(stage.queue_url)
    assert sorted(waiting.number for waiting in played.lane(stage.backlog_url)) == sorted(numbers)
    assert played.most_receives == 1
    assert max(played.received.values()) < 20
    assert _calls(stage, noisy) == before
    assert {stage.row(noisy, number).attempts for number in numbers} == {0}


def test_putting_an_order_off_costs_one_read_one_write_and_one_message_and_after_that_no_write(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """Connection read, order shown as put off, a new message sent; the next seven times nothing is written."""
    stage.deliver(noisy, stage.sale(noisy))
    number = stage.sale(noisy)
    played.announce(noisy, number)
    [waiting] = played.lane(stage.queue_url)
    with wire() as tapped:
        assert played.deliver(waiting)
    assert sorted(tapped.calls) == sorted([_READ, _WRITE, _SEND])
    for _ in range(7):
        [waiting] = played.lane(stage.backlog_url)
        with wire() as tapped:
            assert played.deliver(waiting)
        assert sorted(tapped.calls) == sorted([_READ, _SEND])


def test_an_order_that_failed_before_is_not_announced_by_every_poll_while_it_is_put_off(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """Its due time moves along: else each poll would put one more message of it into the slow lane."""
    number = stage.sale(noisy)
    stage.room_again(noisy)
    stage.trouble(noisy, "503", ".*", "GET", times=20)
    assert stage.deliver(noisy, number) is not None
    assert stage.row(noisy, number).state == "failed"
    stage.calm()
    stage.rewrite(noisy, number, due_at=clock.iso(clock.now() - timedelta(seconds=1)))
    _spend(stage, noisy)
    stage.deliver(noisy, stage.sale(noisy))
    played.polled_from_now(noisy)
    played.announce(noisy, number)
    for waiting in list(played.waiting):
        played.deliver(waiting)
    row = stage.row(noisy, number)
    assert row.state == "failed", "what it says of itself stays"
    assert row.due_at is not None
    assert datetime.fromisoformat(row.due_at) - clock.now() > timedelta(hours=3)


def test_a_poll_that_finds_many_orders_leaves_the_live_lane_to_other_shops(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """Of 120 orders 20 stand among other shops', the rest in the slow lane; all are booked once there is room."""
    numbers = [stage.sale(noisy) for _ in range(120)]
    assert poll.poll(stage.table, noisy.id).queued == 120
    now = clock.now().timestamp()
    assert {round(waiting.visible_at - now) for waiting in played.lane(stage.queue_url)} == {0}
    apart = Counter(round(waiting.visible_at - now) for waiting in played.lane(stage.backlog_url))
    assert set(apart) == set(range(24)), "as fast as SnelStart takes them"
    assert max(apart.values()) <= 5
    in_front = [waiting.number for waiting in played.lane(stage.queue_url)]
    assert len(in_front) == queues.LIVE_SHARE
    behind = [waiting.number for waiting in played.lane(stage.backlog_url)]
    assert sorted([*in_front, *behind]) == sorted(numbers)
    stage.room_again(noisy)
    played.pass_time(timedelta(minutes=30))
    assert {stage.row(noisy, number).state for number in numbers} == {"paid"}
    assert not played.waiting


def test_however_many_a_poll_finds_each_has_had_its_turn_before_the_next_poll(
    noisy: Connected, stage: Stage, played: Lanes
) -> None:
    """Spread over five minutes, and no more of them at one moment than at another."""
    announced = queues.announce((message(noisy, str(number)) for number in range(1, 6001)), before=1000)
    assert announced == 6000
    now = clock.now().timestamp()
    at = Counter(round(waiting.visible_at - now) for waiting in played.lane(stage.backlog_url))
    assert set(at) == set(range(300))
    assert (min(at.values()), max(at.values())) == (16, 25), "four or five of each 1,250"
    assert not played.lane(stage.queue_url)


def test_orders_that_are_sent_away_together_do_not_come_back_together(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """Each with its turn, a known customer's two calls apart: half the lane would else come back for nothing."""
    _spend(stage, noisy, timedelta(minutes=1))
    assert stage.deliver(noisy, stage.sale(noisy)) is not None, "one order of this process finds out"
    for number in range(9_000_000, 9_000_500):
        played.announce(noisy, str(number))
    for waiting in played.lane(stage.queue_url):
        played.deliver(waiting)
    now = clock.now().timestamp()
    back = sorted(waiting.visible_at - now for waiting in played.lane(stage.backlog_url))
    assert len(back) == 500
    assert back[0] >= 60
    assert 500 * 0.24 - 1 < back[-1] - back[0] < 500 * 0.24 + 6
    assert max(Counter(moment // 10 for moment in back).values()) < 60


def test_every_message_names_its_shop_as_its_group(stage: Stage, played: Lanes, noisy: Connected) -> None:
    """By the group SQS's fair queues know the noisy shop, in all lanes and at the doors that announce orders."""
    groups: list[str] = []

    def seen(entry: dict[str, object]) -> bool:
        groups.append(str(entry["MessageGroupId"]))
        return False

    played.refuses = seen
    queues.send_orders(stage.queue_url, [message(noisy, "1")])
    queues.send_again(stage.backlog_url, message(noisy, "1"), 1.0)
    queues.send_import(stage.import_url, ImportMessage(noisy.id, "20261127-0123abcd"))
    queues.send_polls(stage.queue_url, [noisy.id], 12)
    assert groups == [noisy.id] * 4


def _begun(played: Lanes, connected: Connected) -> str:
    """An import of today's orders; its name."""
    return importing.start(played.stage.table, connected.connection, datetime.now(AMSTERDAM).date()).id


def test_two_imports_under_way_take_no_place_in_the_slow_lane(
    stage: Stage, played: Lanes, noisy: Connected, quiet: Connected
) -> None:
    """Step after step stands in a lane of its own; in the slow one an order that was put off has none before it."""
    beside = stage.connect()
    _spend(stage, beside)
    runs = sorted(_begun(played, shop) for shop in (noisy, beside))
    number = stage.sale(quiet)
    queues.send_again(stage.backlog_url, message(quiet, number), 1.0)
    for _ in range(3):
        assert sorted(waiting.number for waiting in played.lane(stage.import_url)) == runs
        for waiting in played.lane(stage.import_url):
            assert played.deliver(waiting), "the step is over, the next one sent"
        assert [waiting.number for waiting in played.lane(stage.backlog_url)] == [number]
    assert not played.lane(stage.queue_url)
    [waiting] = played.lane(stage.backlog_url)
    assert played.deliver(waiting)
    stage.demand_once(quiet, number)
    stage.disconnect(beside)


def test_an_imports_step_that_cannot_send_the_next_comes_back_in_its_own_lane(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """SQS takes nothing: the message is hidden where it came from, for as long as it would have waited."""
    run = _begun(played, noisy)
    [waiting] = played.lane(stage.import_url)
    played.refuses = lambda _entry: True
    assert not played.deliver(waiting)
    assert [(one.number, one.receives) for one in played.lane(stage.import_url)] == [(run, 1)]
    assert waiting.visible_at - clock.now().timestamp() == 900, "no longer, and the limits stay shut for two hours"


def test_an_import_that_still_lies_in_the_slow_lane_is_worked_on_and_goes_on_in_its_own(
    stage: Stage, played: Lanes, noisy: Connected
) -> None:
    """Begun before imports had a lane: one more step there, the next ones where they belong, to the end."""
    number = stage.sale(noisy)
    run = _begun(played, noisy)
    played.waiting.clear()
    body = ImportMessage(noisy.id, run).to_body()
    played.waiting.append(Waiting(stage.backlog_url, body, clock.now().timestamp()))
    [waiting] = played.lane(stage.backlog_url)
    assert played.deliver(waiting)
    assert not played.lane(stage.backlog_url)
    assert [waiting.number for waiting in played.lane(stage.import_url)] == [run]
    stage.room_again(noisy)
    played.pass_time(timedelta(minutes=30))
    assert not played.waiting
    [ended] = Imports(stage.table, noisy.id).all()
    assert (ended.state, ended.counts.booked) == ("done", 1)
    stage.demand_once(noisy, number)
