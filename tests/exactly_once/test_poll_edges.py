"""The edges of polling: clock changes, clocks apart, a poll that dies, days without the shop, ten thousand at once."""

import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koppeling import clock, poll, queues
from koppeling.connections import Connections, partition
from koppeling.cursor import Cursor
from koppeling.failures import Unavailable
from koppeling.mijnwebwinkel.client import Placed, Shop, Window
from koppeling.orders import Orders
from koppeling.table import Key
from tests.exactly_once.crashes import Crash, When, wire
from tests.exactly_once.lanes import POLL, Lanes, lanes
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, order

_TEN_THOUSAND = 10_000
_TIMEOUT_SECONDS = 120.0
"""Of the poller, in the template."""

_CHANGES = {
    "spring-2026": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "autumn-2026": datetime(2026, 10, 25, 1, tzinfo=UTC),
    "spring-2027": datetime(2027, 3, 28, 1, tzinfo=UTC),
    "autumn-2027": datetime(2027, 10, 31, 1, tzinfo=UTC),
}
"""Every clock change in the EU is at 1:00 UTC."""


def _stamped(moment: datetime) -> dict[str, Any]:
    """As the shop states it: the wall clock of Amsterdam, which does not say which of two hours it means."""
    local = moment.astimezone(AMSTERDAM)
    stamps = {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M:%S}"}
    return stamps | {f"status_changed_{name}": text for name, text in stamps.items()}


def _taken(played: Lanes) -> list[str]:
    """What was queued, in order; the queue is empty afterwards."""
    numbers = [waiting.number for waiting in played.waiting]
    played.waiting.clear()
    return numbers


def _cursor(stage: Stage, connected: Connected) -> datetime:
    return Cursor(stage.table, connected.connection).until


@pytest.fixture
def played(stage: Stage) -> Iterator[Lanes]:
    """The queue, at this moment."""
    with lanes(stage, datetime.now(UTC)) as made:
        yield made


@pytest.fixture
def connected(played: Lanes) -> Iterator[Connected]:
    """A shop of this test alone."""
    made = played.stage.connect()
    yield made
    played.stage.disconnect(made)


@pytest.mark.parametrize("apart", [timedelta(hours=-1), timedelta(), timedelta(hours=1)], ids=["behind", "", "ahead"])
@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "UTC"])
@pytest.mark.parametrize("change", _CHANGES)
def test_no_order_of_a_clock_change_is_missed(stage: Stage, change: str, zone: str, apart: timedelta) -> None:
    """An order every five minutes of that night, the shop's filter in either zone, its clock right or an hour off."""
    at = _CHANGES[change]
    stage.shop.tell("settings", {"filter_zone": zone})
    with lanes(stage, at - timedelta(hours=3)) as played:
        connected = stage.connect()
        placed, found = set[str](), set[str]()
        while datetime.now(UTC) < at + timedelta(hours=3):
            happened = [datetime.now(UTC) + timedelta(minutes=minutes, seconds=7) for minutes in (0, 5, 10)]
            played.pass_time(POLL)
            orders = [order(**_stamped(moment + apart)) for moment in happened]
            stage.place(connected, *orders)
            placed |= {str(raw["number"]) for raw in orders}
            poll.poll(stage.table, connected.id)
            found |= set(_taken(played))
        # A shop whose clock is ahead tells of the last hour when ours has come there.
        played.pass_time(timedelta(hours=1))
        poll.poll(stage.table, connected.id)
        assert placed == found | set(_taken(played))
        stage.disconnect(connected)


def _of_three_slices(played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Twelve orders of the last two days, to be read in slices of at most four."""
    monkeypatch.setattr(poll, "_SLICE", 4)
    now = datetime.now(UTC)
    played.stage.table.put(
        {"pk": f"CONNECTION#{connected.id}", "sk": "CURSOR", "until": (now - timedelta(days=2)).isoformat()}
    )
    orders = [order(**_stamped(now - timedelta(hours=4 * turn, minutes=1))) for turn in range(12)]
    played.stage.place(connected, *orders)
    return sorted(str(raw["number"]) for raw in orders)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_poll_that_dies_anywhere_leaves_everything_to_the_next(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch, when: When
) -> None:
    """Around each of its calls in turn: what it queued and what the next poll queues is all there was."""
    key = f"CONNECTION#{connected.id}"
    numbers = _of_three_slices(played, connected, monkeypatch)
    began = _cursor(stage, connected)
    with wire() as tapped:
        poll.poll(stage.table, connected.id)
    assert tapped.calls.count("dynamodb.UpdateItem") >= 3, "the cursor moves slice by slice"
    assert sorted(_taken(played)) == numbers
    moved = 0
    for at in range(len(tapped.calls)):
        stage.table.put({"pk": key, "sk": "CURSOR", "until": began.isoformat()})
        with wire(at, when), pytest.raises(Crash):
            poll.poll(stage.table, connected.id)
        first = set(_taken(played))
        moved += began < _cursor(stage, connected)
        assert poll.poll(stage.table, connected.id).complete
        assert sorted(first | set(_taken(played))) == numbers
        assert _cursor(stage, connected) == datetime.now(UTC).replace(microsecond=0)
    assert moved, "some died with a part of it behind them"


def test_polls_that_are_all_cut_off_come_to_the_end_of_a_crowded_hour(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More changed within the overlap than one poll can read of a slow shop: each goes on where the last one got to."""
    monkeypatch.setattr(poll, "_SLICE", 4)
    now = datetime.now(UTC)
    orders = [order(**_stamped(now - timedelta(minutes=4 * turn, seconds=9))) for turn in range(12)]
    stage.place(connected, *orders)
    with wire() as tapped:
        poll.poll(stage.table, connected.id)
    _taken(played)
    found, cut = set[str](), int(len(tapped.calls) * 0.6)
    played.pass_time(POLL)
    for _ in range(5):
        with suppress(Crash), wire(cut):
            poll.poll(stage.table, connected.id)
        found |= set(_taken(played))
        played.pass_time(POLL)
    assert found == {str(raw["number"]) for raw in orders}
    # As far as the first of them saw: a clock that is behind may tell of the time since in what was read by then.
    assert timedelta(minutes=14) < _cursor(stage, connected) - now < timedelta(minutes=16)
    late = order(**_stamped(now - timedelta(minutes=50)))
    stage.place(connected, late)
    poll.poll(stage.table, connected.id)
    assert str(late["number"]) in _taken(played)


def test_a_crowd_of_one_minute_too_is_read_in_parts(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner who gives all orders another status at once: what was read before the shop falls silent is queued."""
    monkeypatch.setattr(poll, "_SLICE", 4)
    now = datetime.now(UTC)
    orders = [order(**_stamped(now - timedelta(seconds=3 * turn + 9))) for turn in range(12)]
    stage.place(connected, *orders)
    silent = {"path": "/v1/orders$", "kind": "404", "store": connected.shop_token, "times": 1_000_000, "after": 1}
    stage.shop.tell("faults", silent)
    with pytest.raises(Unavailable):
        poll.poll(stage.table, connected.id)
    first = set(_taken(played))
    assert 0 < len(first) <= 5
    stage.shop.untell("faults")
    assert poll.poll(stage.table, connected.id).complete
    assert first | set(_taken(played)) == {str(raw["number"]) for raw in orders}


def test_a_shop_that_was_away_for_days_is_caught_up_with_in_slices(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor stays for four days; then part after part is queued, and a poll that fails half-way did its part."""
    monkeypatch.setattr(poll, "_SLICE", 10)
    poll.poll(stage.table, connected.id)
    began = _cursor(stage, connected)
    away = {"path": "/v1/", "kind": "404", "store": connected.shop_token, "times": 1_000_000}
    stage.shop.tell("faults", away)
    numbers = []
    for _ in range(48):
        played.pass_time(timedelta(hours=2))
        raw = order(**_stamped(datetime.now(UTC) - timedelta(minutes=1)))
        stage.place(connected, raw)
        numbers.append(str(raw["number"]))
        with pytest.raises(Unavailable):
            poll.poll(stage.table, connected.id)
    assert _cursor(stage, connected) == began
    assert not played.waiting

    stage.shop.untell("faults")
    stage.shop.tell("faults", away | {"path": "/v1/orders$", "after": 3})
    with pytest.raises(Unavailable):
        poll.poll(stage.table, connected.id)
    part = _taken(played)
    cursor = _cursor(stage, connected)
    assert began < cursor < datetime.now(UTC) - timedelta(days=1)
    assert part == numbers[: len(part)], "oldest first"
    assert 10 <= len(part) < len(numbers)

    stage.shop.untell("faults")
    assert poll.poll(stage.table, connected.id).complete
    rest = _taken(played)
    assert set(part) | set(rest) == set(numbers)
    # The four hours before the cursor are looked at again.
    assert len(rest) <= len(numbers) - len(part) + 3


def test_a_part_that_cannot_be_read_whole_hides_no_later_part(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest order has no number, however often it is asked for: the cursor stays, all others are queued."""
    numbers = _of_three_slices(played, connected, monkeypatch)
    began, read = _cursor(stage, connected), Shop.page

    def page(shop: Shop, window: Window | Placed, offset: int) -> list[dict[str, Any]]:
        listed = read(shop, window, offset)
        return [raw | {"number": None} if str(raw["number"]) == numbers[-1] else raw for raw in listed]

    monkeypatch.setattr(Shop, "page", page)
    assert not poll.poll(stage.table, connected.id).complete
    assert set(_taken(played)) == set(numbers[:-1])
    assert _cursor(stage, connected) == began


def test_what_a_shop_hid_since_it_was_connected_is_caught_up_with_in_several_polls(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins to archive after years: more than one poll can read, and every poll goes on where the last was cut."""
    monkeypatch.setattr(poll, "_SLICE", 4)
    stage.shop.tell("settings", {"archived_default": "active"})
    assert connected.connection.archived_listing == "unknown"
    now = datetime.now(UTC)
    orders = [order(archived=True, **_stamped(now - timedelta(hours=40 + turn))) for turn in range(20)]
    stage.place(connected, *orders)
    days = [clock.iso(now - timedelta(days=each)) for each in (1, 3)]
    stage.table.update(Key(partition(connected.id), "CONNECTION"), {"created_at": days[1]})
    stage.table.put({"pk": partition(connected.id), "sk": "CURSOR", "until": days[0]})
    away = {"path": "/v1/orders$", "kind": "404", "store": connected.shop_token, "times": 1_000_000, "after": 6}
    found: set[str] = set()
    for _ in range(9):
        stage.shop.tell("faults", away)
        with suppress(Unavailable):
            poll.poll(stage.table, connected.id)
        stage.shop.untell("faults")
        found |= set(_taken(played))
    assert found == {str(raw["number"]) for raw in orders}


def test_archived_orders_too_are_read_in_slices(
    stage: Stage, played: Lanes, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop that archives what is done has all of it outside its list: the cursor moves part by part all the same."""
    stage.shop.tell("settings", {"archived_default": "active"})
    Connections(stage.table).learn(connected.connection, "active-only")
    numbers = _of_three_slices(played, connected, monkeypatch)
    for number in numbers:
        stage.change(connected, number, archived=True)
    began = _cursor(stage, connected)
    away = {"path": "/v1/orders$", "kind": "404", "store": connected.shop_token, "times": 1_000_000, "after": 2}
    stage.shop.tell("faults", away)
    with pytest.raises(Unavailable):
        poll.poll(stage.table, connected.id)
    first = set(_taken(played))
    assert first
    assert _cursor(stage, connected) > began
    stage.shop.untell("faults")
    assert poll.poll(stage.table, connected.id).complete
    assert sorted(first | set(_taken(played))) == numbers


@pytest.fixture
def ten_thousand(stage: Stage, connected: Connected) -> list[str]:
    """As many orders, all changed within the last two hours."""
    now, like = datetime.now(UTC), order()
    numbers = range(1_000_000, 1_000_000 + _TEN_THOUSAND)
    for start in range(0, _TEN_THOUSAND, 500):
        moments = (now - timedelta(hours=2) * (start + turn) / _TEN_THOUSAND for turn in range(500))
        stage.place(
            connected,
            *({**like, "number": numbers[start + turn], **_stamped(moment)} for turn, moment in enumerate(moments)),
        )
    return [str(number) for number in numbers]


def test_ten_thousand_changed_orders_fit_into_one_poll(
    stage: Stage, played: Lanes, connected: Connected, ten_thousand: list[str]
) -> None:
    """Read once in pages of a hundred, queued in batches of ten, well within the function's time and memory."""
    stage.shop.tell("calls/reset")
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert poll.poll(stage.table, connected.id).complete
    seconds = time.monotonic() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    calls = stage.shop.ask("calls")["total"]
    taken = _taken(played)
    assert set(taken) == set(ten_thousand)
    # One on the border of two slices belongs to both.
    assert len(taken) <= _TEN_THOUSAND + 50
    # 100 pages, one more per slice, and counts: before each half is cut, before and after each slice.
    assert calls <= 180
    assert played.batches <= _TEN_THOUSAND / 10 + 20
    # What a call to the real shop takes comes on top: at 0.3 s each that is less than a minute.
    assert seconds + 0.3 * calls < _TIMEOUT_SECONDS
    assert grown < 100


def test_ten_thousand_that_do_not_fit_go_on_where_the_function_was_cut_off(
    stage: Stage, played: Lanes, connected: Connected, ten_thousand: list[str]
) -> None:
    """The poller is killed midway: what is queued stays queued, the cursor has moved, the next poll does the rest."""
    began = _cursor(stage, connected)
    with wire(700), pytest.raises(Crash):
        poll.poll(stage.table, connected.id)
    first = set(_taken(played))
    assert 1_000 <= len(first) < _TEN_THOUSAND
    assert _cursor(stage, connected) > began - timedelta(hours=3)
    poll.poll(stage.table, connected.id)
    assert first | set(_taken(played)) == set(ten_thousand)


def test_what_sqs_does_not_take_of_a_batch_is_sent_again(stage: Stage, played: Lanes) -> None:
    """One entry in ten fails once: every shop's poll is queued, none twice, within a quarter of an hour."""
    shops = [f"{number:016x}" for number in range(10_000)]
    failed = set[str]()

    def once(entry: dict[str, Any]) -> bool:
        strikes = entry["Id"] == "3" and entry["MessageGroupId"] not in failed
        failed.add(entry["MessageGroupId"]) if strikes else None
        return strikes

    played.refuses = once
    assert queues.send_polls(stage.queue_url, shops, per_second=12) == len(shops)
    assert len(failed) == 1_000
    bodies = [waiting.body for waiting in played.waiting]
    assert len(bodies) == len(set(bodies)) == len(shops)
    start = datetime.now(UTC).timestamp()
    assert max(waiting.visible_at for waiting in played.waiting) - start < POLL.total_seconds()


def test_what_sqs_never_takes_is_told(stage: Stage, played: Lanes) -> None:
    """After three times the caller hears of it: the tick is repeated by the scheduler, a poll leaves its cursor."""
    played.refuses = lambda entry: entry["Id"] == "3"
    with pytest.raises(Unavailable):
        queues.send_polls(stage.queue_url, [f"{number:016x}" for number in range(20)], per_second=12)
    assert len(played.waiting) == 9
    assert played.batches == 3


def test_an_order_that_falls_due_twice_while_it_is_read_is_looked_up_once(stage: Stage, connected: Connected) -> None:
    """A due time that moves between two pages of the index shows its order on both; DynamoDB takes no key twice."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    known = Orders(stage.table, connected.id).known([number, number])
    assert list(known) == [number]
