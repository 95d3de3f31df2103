"""A side that hangs: three calls find out, everybody else is put off at once, and one call at a time looks again."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import time_machine

from koppeling import transport
from koppeling.failures import Throttled
from koppeling.patience import TIMES, Patience, forget, patience, shut
from koppeling.sync import Later
from koppeling.table import Key
from koppeling.transport import SILENT
from tests.exactly_once.rig import Connected, Stage

_HANG_SECONDS = 0.3
_OK, _DOWN = 200, 503


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still."""
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC), tick=False) as made:
        yield made


@pytest.fixture
def with_shop() -> Patience:
    """Patience with a side that was never asked before."""
    return Patience("0123456789abcdef", "shop")


def _ask(one: Patience, status: int) -> None:
    with one.call() as answered:
        answered(status, None)


def _hang_until_shut(one: Patience) -> None:
    for _ in range(TIMES):
        assert one.shut() is None
        _ask(one, SILENT)


def test_three_calls_without_an_answer_are_enough(clock: time_machine.Traveller, with_shop: Patience) -> None:
    """After three the side is left alone for half a minute, and a call is refused before anything is sent."""
    _hang_until_shut(with_shop)
    assert with_shop.shut() == pytest.approx(30)
    with pytest.raises(Throttled) as refused, with_shop.call():
        pytest.fail("it was sent")
    assert refused.value.reason.code == "shop-unavailable"
    assert refused.value.retry_after == pytest.approx(30)
    clock.shift(30)
    assert with_shop.shut() is None


@pytest.mark.parametrize("status", [_OK, _DOWN, 429, 401])
@pytest.mark.usefixtures("clock")
def test_any_answer_in_between_begins_the_count_anew(with_shop: Patience, status: int) -> None:
    """One order that hangs among others that are answered, a 503 too, shuts nobody out."""
    for _ in range(5):
        _ask(with_shop, SILENT)
        _ask(with_shop, SILENT)
        _ask(with_shop, status)
    assert with_shop.shut() is None


def test_time_outs_far_apart_do_not_add_up(clock: time_machine.Traveller, with_shop: Patience) -> None:
    """A quiet shop that hangs now and then, more than a minute apart, is asked as ever."""
    for _ in range(5):
        _ask(with_shop, SILENT)
        clock.shift(61)
    assert with_shop.shut() is None


def test_one_call_at_a_time_finds_out_and_the_pauses_grow(clock: time_machine.Traveller, with_shop: Patience) -> None:
    """While it is under way all others are put off; silence: a minute from then on; an answer: as ever."""
    _hang_until_shut(with_shop)
    for pause in (60, 60):
        clock.shift(61)
        with with_shop.call() as answered:
            assert with_shop.shut() is not None
            with pytest.raises(Throttled), with_shop.call():
                pytest.fail("a second one was sent")
            answered(SILENT, None)
        assert with_shop.shut() == pytest.approx(pause)
    clock.shift(61)
    _ask(with_shop, _DOWN)
    assert with_shop.shut() is None
    _hang_until_shut(with_shop)
    assert with_shop.shut() == pytest.approx(30)


@pytest.mark.usefixtures("clock")
def test_of_ten_that_hang_together_only_three_count(with_shop: Patience) -> None:
    """A whole batch sent before anybody knew makes the first pause no longer."""
    entered = [with_shop.call() for _ in range(10)]
    told = [one.__enter__() for one in entered]
    for answered in told:
        answered(SILENT, None)
    assert with_shop.shut() == pytest.approx(30)


def test_one_that_never_told_how_it_ended_is_followed_by_another(
    clock: time_machine.Traveller, with_shop: Patience
) -> None:
    """No calls were left to buy for it, say: a minute later the next one finds out."""
    _hang_until_shut(with_shop)
    clock.shift(31)
    with pytest.raises(ZeroDivisionError), with_shop.call():
        raise ZeroDivisionError
    assert with_shop.shut() == pytest.approx(60)
    clock.shift(61)
    _ask(with_shop, _OK)
    assert with_shop.shut() is None


@pytest.mark.usefixtures("clock")
def test_sides_and_connections_are_apart() -> None:
    """A shop that hangs is no reason to leave SnelStart alone, nor another shop."""
    forget()
    _hang_until_shut(patience("a", "shop"))
    assert patience("a", "snelstart").shut() is None
    assert shut("b") is None
    waits = shut("a")
    assert waits is not None
    assert waits.reason.code == "shop-unavailable"


@pytest.fixture
def connected(stage: Stage) -> Iterator[Connected]:
    """A shop of this test alone, at whose SnelStart a token is used once."""
    stage.books.tell("settings", {"token_seconds": 60})
    made = stage.connect()
    yield made
    stage.books.tell("settings", {"token_seconds": 3600})
    stage.disconnect(made)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of a moment instead of ten and twenty seconds; how many of them is what counts."""
    monkeypatch.setattr(transport, "READ_TIMEOUT", httpx.Timeout(_HANG_SECONDS))
    monkeypatch.setattr(transport, "WRITE_TIMEOUT", httpx.Timeout(2 * _HANG_SECONDS))


@pytest.mark.parametrize("path", ["/b2b/token", "/companyInfo"])
@pytest.mark.usefixtures("hurried")
def test_ten_orders_do_not_wait_one_behind_the_other_for_what_hangs(
    stage: Stage, connected: Connected, path: str
) -> None:
    """Token and reference data are read by one order for all: a batch is over after three time-outs, not ten."""
    numbers = [stage.sale(connected) for _ in range(10)]
    stage.table.delete(Key(f"CONNECTION#{connected.id}", "CHART"))
    stage.trouble(connected, "timeout-before", path, "*", times=1000, seconds=5.0)
    stage.books.tell("calls/reset")
    started = time.monotonic()
    with ThreadPoolExecutor(10) as threads:
        laters = list(threads.map(lambda number: stage.deliver(connected, number), numbers))
    took = time.monotonic() - started
    assert all(isinstance(later, Later) for later in laters)
    assert took < 3 * _HANG_SECONDS + 3.0
    assert sum(count for call, count in stage.calls(connected).items() if call.endswith(path)) == TIMES


@pytest.mark.usefixtures("hurried")
def test_a_shop_that_hangs_costs_its_orders_no_attempt_and_no_time(stage: Stage, connected: Connected) -> None:
    """Once it is known, its orders are put off in milliseconds, say why, and count no attempt."""
    stage.shop.tell("settings", {"timeout_seconds": 2})
    stage.shop.tell("faults", {"path": "/v1/", "kind": "timeout", "store": connected.shop_token, "times": 1000})
    numbers = [stage.sale(connected) for _ in range(10)]
    for number in numbers[:2]:
        stage.deliver(connected, number)
    stage.shop.tell("calls/reset")
    started = time.monotonic()
    for number in numbers[2:]:
        later = stage.deliver(connected, number)
        assert later is not None
        assert later.anew
        assert later.seconds >= timedelta(seconds=25).total_seconds()
    assert time.monotonic() - started < 8 * _HANG_SECONDS
    row = stage.row(connected, numbers[-1])
    assert (row.state, row.attempts, row.reason and row.reason.code) == ("received", 0, "shop-unavailable")
    assert stage.shop.ask("calls")["total"] == 0
