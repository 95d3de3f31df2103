"""Deliveries at the same moment: duplicates, two orders of one new customer, ten orders of one shop."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest

from koppeling.deadline import WRITE_SECONDS, Deadline
from koppeling.sync import Later
from tests.exactly_once.rig import Connected, Stage, order

_THREADS = 10


def _together[T](works: list[Callable[[], T]]) -> list[T]:
    with ThreadPoolExecutor(len(works)) as threads:
        return [future.result() for future in [threads.submit(work) for work in works]]


def _until_paid(stage: Stage, connected: Connected, number: str) -> int:
    """Deliver until the message is done with, a moment in between; how many deliveries that took."""
    for delivery in range(1, 200):
        if stage.deliver(connected, number) is None:
            return delivery
        time.sleep(0.1)
    raise AssertionError("the message keeps coming back")


def test_one_order_delivered_ten_times_at_once_is_booked_once(stage: Stage, connected: Connected) -> None:
    """However many copies of a message run at the same moment: one relatie, one invoice, one payment."""
    number = stage.sale(connected)
    stage.books.tell("settings", {"latency_ms": 50})
    stage.books.tell("calls/reset")
    _together([partial(_until_paid, stage, connected, number)] * _THREADS)
    stage.demand_once(connected, number)
    assert stage.order_calls(connected) == 4


def test_two_orders_of_one_new_customer_at_once_make_one_relatie(stage: Stage, connected: Connected) -> None:
    """E-mail in other letter case, same moment: the second waits for the first's relatie; neither comes back."""
    stage.books.tell("settings", {"latency_ms": 100})
    first, second = order("nieuw@example.nl"), order("Nieuw@Example.NL")
    stage.place(connected, first, second)
    numbers = [str(first["number"]), str(second["number"])]
    stage.books.tell("calls/reset")
    assert _together([partial(stage.deliver, connected, number) for number in numbers]) == [None, None]
    stage.demand_once(connected, *numbers)
    calls = stage.calls(connected)
    assert (calls["GET /relaties"], calls["POST /relaties"]) == (1, 1)


def test_ten_orders_of_one_new_customer_at_once_make_one_relatie(stage: Stage, connected: Connected) -> None:
    """A whole batch of one new customer: one relatie, ten invoices, ten payments."""
    orders = [order("gretig@example.nl") for _ in range(_THREADS)]
    stage.place(connected, *orders)
    numbers = [str(each["number"]) for each in orders]
    _together([partial(_until_paid, stage, connected, number) for number in numbers])
    stage.demand_once(connected, *numbers)
    assert stage.calls(connected)["POST /relaties"] == 1


def test_ten_orders_are_under_way_at_the_same_time(stage: Stage, connected: Connected) -> None:
    """Ten orders wait for SnelStart together, not one after the other."""
    numbers = [stage.sale(connected) for _ in range(_THREADS)]
    stage.deliver(connected, stage.sale(connected))
    stage.books.tell("settings", {"latency_ms": 500})
    stage.books.tell("calls/reset")
    assert _together([partial(stage.deliver, connected, number) for number in numbers]) == [None] * 10
    report = stage.books.ask("calls", administration=connected.administration)
    assert report["max_concurrent"] >= _THREADS
    stage.demand_once(connected, *numbers)


def test_an_order_whose_shop_answer_hangs_holds_up_no_other(stage: Stage, connected: Connected) -> None:
    """Nine neighbours are paid while the shop is still silent about the tenth, which is paid afterwards."""
    numbers = [stage.sale(connected) for _ in range(_THREADS)]
    stage.deliver(connected, stage.sale(connected))
    stage.shop.tell("settings", {"timeout_seconds": 4})
    stage.shop.tell("faults", {"path": f"/orders/{numbers[0]}$", "kind": "timeout", "store": connected.shop_token})
    with ThreadPoolExecutor(_THREADS) as threads:
        hanging = threads.submit(stage.deliver, connected, numbers[0])
        others = [threads.submit(stage.deliver, connected, number) for number in numbers[1:]]
        wait(others)
        assert not hanging.done()
        assert [other.result() for other in others] == [None] * 9
        stage.demand_once(connected, *numbers[1:])
        assert hanging.result() is None
    stage.demand_once(connected, *numbers)


@pytest.mark.parametrize("path", ["relaties", "verkoopboekingen", "bankboekingen"])
def test_a_run_overtaken_while_its_write_is_out_changes_nothing_any_more(
    stage: Stage, connected: Connected, path: str
) -> None:
    """Its time ran out while SnelStart took long: the next run waits or finds, the old one's verdict is dropped."""
    number = _placed(stage, connected)
    stage.trouble(connected, "timeout-after", f"/{path}", seconds=1.0)
    with ThreadPoolExecutor(1) as threads:
        before = stage.calls(connected)
        old = threads.submit(stage.deliver, connected, number)
        while not (stage.calls(connected) - before)[f"POST /{path}"]:
            time.sleep(0.02)
        stage.time_passes(connected, 100)
        assert stage.deliver(connected, number) is None
        assert not old.done()
        assert isinstance(old.result(), Later)
    stage.demand_once(connected, number)
    assert stage.deliver(connected, number) is None
    assert (stage.calls(connected) - before)[f"POST /{path}"] == 1


def test_a_run_without_time_left_sends_nothing_half_way(stage: Stage, connected: Connected) -> None:
    """A write is started only with time for its answer; what was to be sent later is sent by the next run, once."""
    number = _placed(stage, connected)
    before = stage.calls(connected)
    assert isinstance(stage.deliver(connected, number, Deadline.after(5)), Later)
    assert not stage.calls(connected) - before
    stage.books.tell("settings", {"latency_ms": 800})
    assert isinstance(stage.deliver(connected, number, Deadline.after(WRITE_SECONDS + 2)), Later)
    stage.books.tell("settings", {"latency_ms": 0})
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)


def _placed(stage: Stage, connected: Connected) -> str:
    raw = order()
    raw["payment"] = {**raw["payment"], "gateway_name": "basic", "method_name": "advance"}
    stage.place(connected, raw | {"_payments": []})
    return str(raw["number"])
