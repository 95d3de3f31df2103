"""An order that is cancelled or refunded after its booking is taken back once: by one reversal, or by its credits."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from koppeling import poll
from koppeling.sync import Later
from tests.booking.world import line, paid
from tests.exactly_once.crashes import Crash, wire
from tests.exactly_once.rig import Connected, Stage
from tests.regimes.crediting import paid_order, state, taken_back_once
from tests.regimes.winkel import (
    CANCELLED,
    connect,
    credit_of,
    invoices,
    of,
    reversed_to,
    run,
    to,
    untaxed,
)

_DELIVERIES = 8
CANCEL: Mapping[str, Any] = {"status": CANCELLED}
REFUND: Mapping[str, Any] = {"payment_status": "refunded"}


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


@pytest.mark.parametrize("change", [CANCEL, REFUND])
def test_taken_back_by_webhooks(stage: Stage, home: Connected, change: Mapping[str, Any]) -> None:
    """Cancelled or refunded after its booking, announced ten times at once and again: one reversal."""
    number = paid_order(stage, home)
    stage.change(home, number, **change)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: stage.deliver(home, number), range(10)))
    stage.until_done(home, number)
    assert stage.deliver(home, number) is None
    taken_back_once(stage, home, number)


def test_taken_back_by_poll(stage: Stage) -> None:
    """What no webhook told: the poll finds the cancellation, once, and has nothing to do after that."""
    connected = connect(stage)
    number = paid_order(stage, connected)
    stage.change(connected, number, **CANCEL)
    poll.poll(stage.table, connected.id)
    assert [message.order_number for message in stage.queued()] == [number]
    assert stage.deliver(connected, number) is None
    taken_back_once(stage, connected, number)
    poll.poll(stage.table, connected.id)
    assert stage.queued() == []


@pytest.mark.parametrize("path", ["/verkoopboekingen", "/bankboekingen"])
@pytest.mark.parametrize("kind", ["cut-after", "500-after", "cut-before", "429", "late-commit"])
def test_taken_back_with_trouble(stage: Stage, home: Connected, path: str, kind: str) -> None:
    """A lost answer, a refusal to work or a late commit at either write of a reversal: one reversal, settled once."""
    number = paid_order(stage, home)
    stage.change(home, number, **CANCEL)
    stage.trouble(home, kind, path, seconds=1)
    assert isinstance(stage.deliver(home, number), Later)
    if kind == "late-commit":
        _wait_for_late(stage, home, path, number)
    stage.time_passes(home)
    stage.until_done(home, number)
    taken_back_once(stage, home, number)


def _wait_for_late(stage: Stage, connected: Connected, path: str, number: str) -> None:
    name = f"MWW{number}C"

    def done() -> bool:
        invoice = invoices(stage, connected).get(name)
        return invoice is not None and (path == "/verkoopboekingen" or bool(invoice["betalingen"]))

    _until(done)


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def test_taken_back_by_a_worker_that_dies(stage: Stage) -> None:
    """Whichever call of a reversal the worker dies after: delivered again, one reversal."""
    home = connect(stage)  # so many calls that they have a minute's allowance to themselves
    for at in range(40):
        number = paid_order(stage, home)
        stage.change(home, number, **CANCEL)
        body, handle = stage.enqueue(home, number)
        with wire(at, "after") as tapped, suppress(Crash):
            stage.work(body, handle)
        if not tapped.struck:
            assert at > 8
            return
        for _ in range(_DELIVERIES):
            _reversal_time_passes(stage, home, number)
            if stage.work(body, handle):
                break
        taken_back_once(stage, home, number)
    raise AssertionError("a reversal of more than 40 calls")


def _reversal_time_passes(stage: Stage, connected: Connected, number: str) -> None:
    """As `time_passes`, for an order that is still called paid while it is taken back."""
    row = stage.row(connected, number)
    if row.state == "paid":
        stage.rewrite(connected, number, lease_until="2020-01-01T00:00:00.000Z")
        if row.invoice:
            stage.rewrite(connected, number, invoice={"sent_at": "2020-01-01T00:00:00.000Z", "answered": False})
    stage.time_passes(connected)


def test_restored_before_it_was_taken_back(stage: Stage, home: Connected) -> None:
    """Cancelled, refused by SnelStart, and restored in the shop: the order is paid as before; cancelled again, once."""
    number = paid_order(stage, home)
    before = stage.row(home, number)
    stage.change(home, number, **CANCEL)
    closed = [["2000-01-01", "2999-12-31"]]
    stage.books.tell(f"administrations/{home.administration}", {"blocked": closed})
    assert stage.deliver(home, number) is None
    assert state(stage, home, number) == ("refused", "period-blocked")
    stage.books.tell(f"administrations/{home.administration}", {"blocked": []})
    stage.change(home, number, status=4)
    assert stage.deliver(home, number) is None
    after = stage.row(home, number)
    assert (after.state, after.reason) == ("paid", None)
    assert (after.booking, after.verkoopboeking_id, after.sale) == (before.booking, before.verkoopboeking_id, None)
    assert of(stage, home, number) == [f"MWW{number}"]
    stage.change(home, number, **CANCEL)
    assert stage.deliver(home, number) is None
    taken_back_once(stage, home, number)


def test_restored_after_a_worker_died(stage: Stage) -> None:
    """The reversal was sent, the worker died and the shop restored the order: the reversal is found and settled."""
    home = connect(stage)
    cancelled = [paid_order(stage, home) for _ in range(7)]
    for number in cancelled:
        stage.change(home, number, **CANCEL)
    sends = "POST /v2/verkoopboekingen"
    with wire() as tapped:
        stage.deliver(home, cancelled[0])
    # A run may ask for its share of SnelStart's limits before it sends, one call more, as this one may have done.
    sent_at = tapped.calls.index(sends)
    for off, number in zip((0, 0, -1, -1, 1, 1), cancelled[1:], strict=True):
        with wire(sent_at + off, "after") as tapped, suppress(Crash):
            stage.deliver(home, number)
        if tapped.calls[-1] == sends:
            break
    assert tapped.calls[-1] == sends
    assert state(stage, home, number) == ("paid", None)
    stage.change(home, number, status=4)
    _reversal_time_passes(stage, home, number)
    stage.until_done(home, number)
    taken_back_once(stage, home, number)


def test_credit_order_after_a_reversal(stage: Stage, home: Connected) -> None:
    """Once reversed, an order is taken back: a credit order that comes later is skipped."""
    number = paid_order(stage, home)
    stage.change(home, number, **CANCEL)
    assert stage.deliver(home, number) is None
    credit = run(stage, home, credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"}))
    assert state(stage, home, credit) == ("skipped", "shop-credit-already-reversed")
    taken_back_once(stage, home, number)


def test_cancelled_with_a_credit_order(stage: Stage, home: Connected) -> None:
    """An order that was cancelled and has a credit order is left to it, whichever is announced first."""
    for credit_first in (True, False):
        number = paid_order(stage, home)
        raw = credit_of(number, line(paid("60.50")), total="60.50", tax={"21": "10.50"})
        credit = str(raw["number"])
        stage.place(home, raw)
        stage.change(home, number, **CANCEL, credit_order_numbers=[int(credit)])
        for each in (credit, number) if credit_first else (number, credit):
            assert stage.deliver(home, each) is None
        assert of(stage, home, number) == sorted((f"MWW{number}", f"MWW{credit}"))
        assert [state(stage, home, each)[0] for each in (number, credit)] == ["paid", "credited"]
        stage.queued()


def test_refunded_after_a_credit_order_the_shop_does_not_list(stage: Stage, home: Connected) -> None:
    """An order with a credit order in the books is not reversed on top of it: what is left is told, not booked."""
    number = paid_order(stage, home)
    credit = run(stage, home, credit_of(number, line(paid("60.50")), total="60.50", tax={"21": "10.50"}))
    stage.change(home, number, **REFUND)
    assert stage.deliver(home, number) is None
    assert of(stage, home, number) == sorted((f"MWW{number}", f"MWW{credit}"))
    assert state(stage, home, number) == ("paid", "shop-partly-credited")


def test_a_credit_order_after_a_refused_reversal(stage: Stage, home: Connected) -> None:
    """A reversal that was refused gives way to the credit order the shop made meanwhile."""
    number = paid_order(stage, home)
    # Changed in the shop after its booking: reversing what stands there now would leave a remainder.
    changed = {"price": {"tax": [{"amount": "10.50", "rate": "21"}], "total": "60.50"}}
    stage.change(home, number, **CANCEL, **changed)
    assert stage.deliver(home, number) is None
    assert state(stage, home, number) == ("refused", "amount-booked-differs")
    raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
    credit = str(raw["number"])
    stage.place(home, raw)
    stage.change(home, number, credit_order_numbers=[int(credit)])
    assert stage.deliver(home, number) is None
    assert [message.order_number for message in stage.queued()] == [credit]
    assert state(stage, home, number) == ("paid", "shop-partly-credited")
    assert stage.deliver(home, credit) is None
    assert of(stage, home, number) == sorted((f"MWW{number}", f"MWW{credit}"))
    assert [state(stage, home, each) for each in (number, credit)] == [("credited", None)] * 2


def test_reversal_and_credit_order_at_the_same_moment(stage: Stage, home: Connected) -> None:
    """A cancellation and a credit order the shop does not list with it, worked on at once: one of both, never both."""
    for _ in range(3):
        number = paid_order(stage, home)
        raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
        credit = str(raw["number"])
        stage.place(home, raw)
        stage.change(home, number, **CANCEL)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: stage.deliver(home, each), (credit, number)))
        for each in (number, credit, number):
            _reversal_time_passes(stage, home, number)
            stage.until_done(home, each)
        assert len(of(stage, home, number)) == 2
        assert state(stage, home, number) == ("credited", None)
        assert state(stage, home, credit) in (("credited", None), ("skipped", "shop-credit-already-reversed"))


def test_reversal_of_every_regime(stage: Stage, home: Connected) -> None:
    """A reversal of a reverse-charged and of an exported order has no VAT either, on the same accounts."""
    for raw in (untaxed(**reversed_to("BE")), untaxed(**to("US"), tax_strategy="zero_percent")):
        number = paid_order(stage, home, raw)
        stage.change(home, number, **CANCEL)
        assert stage.deliver(home, number) is None
        taken_back_once(stage, home, number)


def test_a_duplicate_webhook_is_cheap(stage: Stage, home: Connected) -> None:
    """A message about a paid, unchanged order costs the shop one call and SnelStart none."""
    number = paid_order(stage, home)
    stage.books.tell("calls/reset")
    stage.shop.tell("calls/reset")
    assert stage.deliver(home, number) is None
    assert stage.shop.ask("calls")["total"] == 1
    assert stage.books.ask("calls", administration=home.administration)["total"] == 0
