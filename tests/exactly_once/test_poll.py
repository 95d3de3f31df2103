"""What no webhook told: the poll finds it, queues it once, and asks the shop for no more than it must."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koppeling import poll, queues
from koppeling.connections import Connections
from koppeling.cursor import Cursor
from koppeling.failures import Unavailable
from koppeling.orders import Orders
from koppeling.poll import Polled
from koppeling.table import Key
from tests.exactly_once.crashes import Crash, wire
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, environment, order

_A_PAGE_AND_MORE = 250


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages after the first twenty are not spread over the minutes to come (`test_fairness` shows that they are)."""
    monkeypatch.setattr(queues, "_APART_SECONDS", 0)


def _poll(stage: Stage, connected: Connected) -> Polled:
    return poll.poll(stage.table, connected.id)


def _cursor(stage: Stage, connected: Connected) -> datetime:
    return Cursor(stage.table, connected.connection).until


def _changed_at(moment: datetime) -> dict[str, Any]:
    local = moment.astimezone(AMSTERDAM)
    return {"status_changed_date": f"{local:%Y-%m-%d}", "status_changed_time": f"{local:%H:%M:%S}"}


def _place(stage: Stage, connected: Connected, moment: datetime, payment_status: str = "captured") -> str:
    day = _changed_at(moment)
    return stage.sale(connected, payment_status=payment_status, **day)


def _numbers(stage: Stage) -> list[str]:
    return sorted(message.order_number for message in (*stage.queued(), *stage.queued(slow=True)))


def test_the_window_overlaps_the_one_before_and_is_closed(stage: Stage, connected: Connected) -> None:
    """From four hours before the last poll up to now: not older, and nothing of the future."""
    _poll(stage, connected)
    cursor = _cursor(stage, connected)
    inside = _place(stage, connected, cursor - timedelta(hours=3, minutes=50))
    _place(stage, connected, cursor - timedelta(hours=4, minutes=10))
    _place(stage, connected, cursor + timedelta(minutes=5))
    assert _poll(stage, connected) == Polled(found=1, queued=1)
    assert _numbers(stage) == [inside]


def test_a_shop_whose_filter_reads_utc_loses_nothing(stage: Stage, connected: Connected) -> None:
    """Amsterdam's wall clock taken for UTC shifts the window by one or two hours: the overlap covers it."""
    _poll(stage, connected)
    cursor = _cursor(stage, connected)
    stage.shop.tell("settings", {"filter_zone": "UTC"})
    since = [cursor + timedelta(seconds=second) for second in range(-3000, 1, 1000)]
    placed = sorted(_place(stage, connected, moment) for moment in since)
    _poll(stage, connected)
    assert _numbers(stage) == placed


@pytest.mark.usefixtures("at_once")
def test_all_pages_are_read(stage: Stage, connected: Connected) -> None:
    """250 orders at 100 a page are all queued, in five calls: counted, three pages, counted again."""
    orders = [order() for _ in range(_A_PAGE_AND_MORE)]
    stage.place(connected, *orders)
    stage.shop.tell("calls/reset")
    assert _poll(stage, connected) == Polled(found=_A_PAGE_AND_MORE, queued=_A_PAGE_AND_MORE)
    assert stage.shop.ask("calls")["total"] == 5
    assert _numbers(stage) == sorted(str(each["number"]) for each in orders)


@pytest.mark.usefixtures("at_once")
def test_an_order_that_changes_while_pages_are_read_hides_no_other(stage: Stage, connected: Connected) -> None:
    """The first order leaves the window after page one and shifts the rest: the reading is done again."""
    orders = [order(**_changed_at(datetime.now(AMSTERDAM) - timedelta(minutes=5))) for _ in range(150)]
    stage.place(connected, *orders)
    first = str(orders[0]["number"])
    later = _changed_at(datetime.now(AMSTERDAM) + timedelta(minutes=5))
    stage.shop.tell(
        "faults",
        {"path": "/v1/orders$", "kind": "change", "store": connected.shop_token, "number": first, "fields": later},
    )
    polled = _poll(stage, connected)
    assert polled.complete
    assert _numbers(stage) == sorted(str(each["number"]) for each in orders)


def test_a_list_that_never_holds_still_leaves_the_cursor(stage: Stage, connected: Connected) -> None:
    """Three readings, each disturbed: what was seen is queued, and the next poll asks for all of it again."""
    moment = datetime.now(AMSTERDAM) - timedelta(minutes=5)
    orders = [order(**_changed_at(moment)) for _ in range(5)]
    stage.place(connected, *orders)
    for raw in orders[:3]:
        away = _changed_at(datetime.now(AMSTERDAM) + timedelta(hours=1))
        fault = {"path": "/v1/orders$", "kind": "change", "store": connected.shop_token}
        stage.shop.tell("faults", fault | {"number": str(raw["number"]), "fields": away})
    before = _cursor(stage, connected)
    polled = _poll(stage, connected)
    assert not polled.complete
    assert _cursor(stage, connected) == before
    assert _numbers(stage) == sorted(str(each["number"]) for each in orders)


def test_the_cursor_stays_while_the_queue_takes_nothing(stage: Stage, connected: Connected) -> None:
    """No order is forgotten because the queue was away: the next poll asks from the same moment."""
    number = stage.sale(connected)
    before = _cursor(stage, connected)
    with environment({"ORDER_QUEUE_URL": f"{stage.queue_url}-nowhere"}), pytest.raises(Unavailable):
        _poll(stage, connected)
    assert _cursor(stage, connected) == before
    assert _poll(stage, connected).queued == 1
    assert _cursor(stage, connected) != before
    assert _numbers(stage) == [number]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/orders/count$", "500"),
        ("/v1/orders$", "garbage"),
        ("/v1/orders$", "empty-200"),
        ("/v1/orders$", "cut"),
    ],
)
def test_the_cursor_stays_while_the_shop_makes_no_sense(
    stage: Stage, connected: Connected, kind: str, path: str
) -> None:
    """A shop that does not answer, or not with a list, costs a poll and no order."""
    number = stage.sale(connected)
    before = _cursor(stage, connected)
    # Three answers of a read are waited for within one poll.
    stage.shop.tell("faults", {"path": path, "kind": kind, "store": connected.shop_token, "times": 3})
    with pytest.raises(Unavailable):
        _poll(stage, connected)
    assert _cursor(stage, connected) == before
    stage.shop.untell("faults")
    _poll(stage, connected)
    assert _numbers(stage) == [number]


def test_an_idle_poll_costs_one_call_of_the_shop_and_none_of_snelstart(stage: Stage, connected: Connected) -> None:
    """Nothing changed: the shop counts once, SnelStart hears nothing."""
    stage.shop.tell("calls/reset")
    stage.books.tell("calls/reset")
    assert _poll(stage, connected) == Polled()
    assert stage.shop.ask("calls")["total"] == 1
    assert stage.books.ask("calls", administration=connected.administration)["total"] == 0


def test_known_and_unchanged_orders_are_not_queued_again(stage: Stage, connected: Connected) -> None:
    """Paid, waiting, skipped or refused: found in the overlap every time, queued only when it changed."""
    paid, waiting = stage.sale(connected), stage.sale(connected, payment_status="pending", _payments=[])
    skipped, refused = stage.sale(connected, status=5), stage.sale(connected, currency="USD")
    for number in (paid, waiting, skipped, refused):
        assert stage.deliver(connected, number) is None
    states = [stage.row(connected, number).state for number in (paid, waiting, skipped, refused)]
    assert states == ["paid", "waiting", "skipped", "refused"]
    assert _poll(stage, connected) == Polled(found=4)
    for number in (paid, waiting, skipped, refused):
        stage.change(connected, number, payment_status="captured" if number != paid else "refunded", status=3)
    _poll(stage, connected)
    assert _numbers(stage) == sorted([paid, waiting, skipped, refused])


def test_an_unreadable_order_is_queued_once_and_hides_no_other(stage: Stage, connected: Connected) -> None:
    """The worker gives it a visible state; it is asked for again when it has become readable."""
    broken, whole = stage.sale(connected, price={}), stage.sale(connected)
    assert _poll(stage, connected) == Polled(found=2, queued=2)
    for number in (broken, whole):
        assert stage.deliver(connected, number) is None
    row = stage.row(connected, broken)
    assert (row.state, row.reason and row.reason.code) == ("refused", "shop-order-unreadable")
    assert _poll(stage, connected) == Polled(found=2)
    stage.change(connected, broken, price=order()["price"])
    assert _poll(stage, connected) == Polled(found=2, queued=1)


def test_an_order_whose_run_never_ended_is_queued_again(stage: Stage, connected: Connected) -> None:
    """Received and no more: its connection stood still, or its worker died, however far it had come."""
    kept, died = stage.sale(connected), stage.sale(connected)
    Orders(stage.table, connected.id).keep(kept, datetime.now(AMSTERDAM))
    stage.deliver(connected, stage.sale(connected))
    with wire() as tapped:
        stage.deliver(connected, stage.sale(connected))
    with wire(tapped.calls.index("POST /v2/verkoopboekingen"), "after"), pytest.raises(Crash):
        stage.deliver(connected, died)
    assert _poll(stage, connected) == Polled(found=4, queued=2)
    assert _numbers(stage) == sorted([kept, died])


def test_a_waiting_order_is_asked_again_when_it_is_due(stage: Stage, connected: Connected) -> None:
    """Paid without a change of status, so that no window holds it: its own due time brings it back."""
    number = _place(stage, connected, datetime.now(AMSTERDAM) - timedelta(hours=5), payment_status="pending")
    stage.change(connected, number, _payments=[])
    assert stage.deliver(connected, number) is None
    assert stage.row(connected, number).state == "waiting"
    assert _poll(stage, connected) == Polled()
    stage.time_passes(connected, 15 * 60 - 60)
    assert _poll(stage, connected) == Polled()
    stage.time_passes(connected, 61)
    stage.change(connected, number, payment_status="captured")
    assert _poll(stage, connected) == Polled(again=1)
    [message] = stage.queued()
    assert (message.order_number, message.cause) == (number, "waiting")
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)
    assert _poll(stage, connected).again == 0


@pytest.mark.parametrize(
    ("waited", "until_next"),
    [
        (timedelta(), timedelta(minutes=15)),
        (timedelta(hours=2), timedelta(minutes=15)),
        (timedelta(hours=8), timedelta(hours=1)),
        (timedelta(days=4), timedelta(hours=12)),
        (timedelta(days=30), timedelta(hours=24)),
    ],
)
def test_the_longer_an_order_waits_the_less_often_it_is_asked(
    stage: Stage, connected: Connected, waited: timedelta, until_next: timedelta
) -> None:
    """An eighth of how long it waits already: every quarter of an hour at first, once a day in the end."""
    number = stage.sale(connected, payment_status="pending", _payments=[])
    stage.deliver(connected, number)
    stage.time_passes(connected, waited.total_seconds())
    stage.deliver(connected, number)
    row = stage.row(connected, number)
    assert row.due_at is not None
    due_in = datetime.fromisoformat(row.due_at) - datetime.fromisoformat(row.updated_at)
    assert abs(due_in - until_next) < timedelta(seconds=30)


def test_an_order_unpaid_for_ninety_days_is_asked_no_more(stage: Stage, connected: Connected) -> None:
    """Skipped with its reason, and never due again; a change in the shop still brings it back."""
    placed = datetime.now(AMSTERDAM) - timedelta(days=91)
    number = stage.sale(
        connected, payment_status="pending", _payments=[], date=f"{placed:%Y-%m-%d}", time=f"{placed:%H:%M:%S}"
    )
    stage.deliver(connected, number)
    row = stage.row(connected, number)
    assert (row.state, row.reason and row.reason.code, row.due_at) == ("skipped", "shop-unpaid-too-long", None)
    assert _poll(stage, connected) == Polled(found=1)
    stage.change(connected, number, payment_status="captured", status=4)
    assert _poll(stage, connected) == Polled(found=1, queued=1)
    stage.deliver(connected, number)
    assert stage.row(connected, number).state == "paid"


def test_a_failed_order_is_brought_back_by_its_due_time(stage: Stage, connected: Connected) -> None:
    """When its message came back often enough it is done with; the poll takes over, once it is due."""
    number = stage.sale(connected)
    stage.trouble(connected, "503", "/verkoopboekingen", times=1)
    assert stage.deliver(connected, number) is not None
    assert _poll(stage, connected).again == 0
    stage.time_passes(connected, 16 * 60)
    assert _poll(stage, connected).again == 1
    assert [message.cause for message in stage.queued()] == ["waiting"]


def test_archived_orders_of_a_shop_that_hides_them_are_found(stage: Stage) -> None:
    """A shop whose list leaves archived orders out is asked for both, and that was learnt when it was added."""
    stage.shop.tell("settings", {"archived_default": "active"})
    connected = stage.connect(orders=[order(archived=True)])
    assert connected.connection.archived_listing == "active-only"
    stage.time_passes(connected)
    archived, active = stage.sale(connected, archived=True), stage.sale(connected)
    _poll(stage, connected)
    assert {archived, active} <= set(_numbers(stage))
    stage.disconnect(connected)


def test_what_a_shop_hides_is_learnt_within_a_day_and_caught_up_with(stage: Stage, connected: Connected) -> None:
    """Nothing was archived when the shop was added; what was archived since is found, also when a poll fails first."""
    stage.shop.tell("settings", {"archived_default": "active"})
    assert connected.connection.archived_listing == "unknown"
    archived = stage.sale(connected, archived=True, **_changed_at(datetime.now(AMSTERDAM) - timedelta(days=2)))
    partition = f"CONNECTION#{connected.id}"
    stage.table.update(Key(partition, "CONNECTION"), {"created_at": _days_ago(3)})
    stage.table.put({"pk": partition, "sk": "CURSOR", "until": _days_ago(1)})
    with environment({"ORDER_QUEUE_URL": f"{stage.queue_url}-nowhere"}), pytest.raises(Unavailable):
        _poll(stage, connected)
    # The window alone begins a day after the order: only catching up finds it.
    assert _poll(stage, connected).queued == 1
    assert _numbers(stage) == [archived]
    learnt = Connections(stage.table).get(connected.id)
    assert learnt is not None
    assert learnt.archived_listing == "active-only"


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_refused_token_pauses_its_own_connection_alone(stage: Stage, connected: Connected) -> None:
    """The shop no longer takes one shop's token: that one stands still with a reason, its neighbour is polled."""
    other = stage.connect()
    theirs, ours = stage.sale(other), stage.sale(connected)
    before = _cursor(stage, connected)
    stage.shop.tell("faults", {"path": "/v1/", "kind": "403", "store": connected.shop_token, "times": 20})
    assert _poll(stage, connected) == Polled(complete=False)
    assert _poll(stage, other) == Polled(found=1, queued=1)
    assert _numbers(stage) == [theirs]
    paused = Connections(stage.table).get(connected.id)
    assert paused is not None
    assert paused.paused is not None
    assert paused.paused.code == "shop-token-refused"
    assert Connections(stage.table).get(other.id) == other.connection
    assert _cursor(stage, connected) == before
    stage.shop.tell("calls/reset")
    assert _poll(stage, connected) == Polled(), "a paused connection asks its shop nothing"
    assert stage.shop.ask("calls")["total"] == 0
    assert ours
    stage.disconnect(other)
