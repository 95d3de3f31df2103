"""Each guard is what prevents a double booking: taken away, the simulator shows one."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from koppeling.sync import Later
from tests.exactly_once.rig import Connected, Stage, environment, order

_LATE_SECONDS = 1.0


@pytest.fixture
def connected(shared: Connected) -> Connected:
    """One administration for all of these: every test counts what its own order left there."""
    return shared


@pytest.fixture
def impatient(stage: Stage) -> Iterator[Stage]:
    """A deployment that does not wait until an unanswered write must have ended."""
    with environment({"SETTLE_SECONDS": "0"}):
        yield stage


def _placed(stage: Stage, connected: Connected) -> str:
    raw = order()
    raw["payment"] = {**raw["payment"], "gateway_name": "basic", "method_name": "advance"}
    stage.place(connected, raw | {"_payments": []})
    return str(raw["number"])


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_the_wait_a_late_settlement_is_booked_twice(impatient: Stage, connected: Connected) -> None:
    """SnelStart settles after we gave up and looked: only the settle time keeps us from settling too."""
    number = _placed(impatient, connected)
    impatient.trouble(connected, "late-commit", "/bankboekingen", seconds=_LATE_SECONDS)
    assert isinstance(impatient.deliver(connected, number), Later)
    assert impatient.deliver(connected, number) is None
    _wait_for(lambda: impatient.effects(connected, number)[2] == 2)
    assert impatient.effects(connected, number) == (1, 1, 2)


def test_without_the_wait_a_late_relatie_is_made_twice(impatient: Stage, connected: Connected) -> None:
    """The same for a customer: SnelStart takes a second relatie of one e-mail address."""
    number = _placed(impatient, connected)
    impatient.trouble(connected, "late-commit", "/relaties", seconds=_LATE_SECONDS)
    assert isinstance(impatient.deliver(connected, number), Later)
    assert impatient.deliver(connected, number) is None
    _wait_for(lambda: impatient.effects(connected, number)[0] == 2)
    assert impatient.effects(connected, number) == (2, 1, 1)


def test_even_without_the_wait_a_late_invoice_is_booked_once(impatient: Stage, connected: Connected) -> None:
    """Invoices have a second guard: SnelStart takes a number once, whoever comes second."""
    number = _placed(impatient, connected)
    impatient.trouble(connected, "late-commit", "/verkoopboekingen", seconds=_LATE_SECONDS)
    assert isinstance(impatient.deliver(connected, number), Later)
    assert impatient.deliver(connected, number) is None
    time.sleep(_LATE_SECONDS + 0.5)
    impatient.demand_once(connected, number)


def test_without_the_mark_a_late_settlement_is_booked_twice(stage: Stage, connected: Connected) -> None:
    """The mark written before sending is what makes the next run wait: taken out of the row, it does not."""
    number = _placed(stage, connected)
    stage.trouble(connected, "late-commit", "/bankboekingen", seconds=_LATE_SECONDS)
    assert isinstance(stage.deliver(connected, number), Later)
    stage.rewrite(connected, number, settlement=None)
    assert stage.deliver(connected, number) is None
    _wait_for(lambda: stage.effects(connected, number)[2] == 2)


def test_a_lost_answer_taken_for_a_refusal_would_settle_twice(stage: Stage, connected: Connected) -> None:
    """Marked as answered, as only a 429 may be, a late settlement is not waited for and comes on top of ours."""
    number = _placed(stage, connected)
    stage.trouble(connected, "late-commit", "/bankboekingen", seconds=_LATE_SECONDS)
    assert isinstance(stage.deliver(connected, number), Later)
    mark = stage.row(connected, number).settlement
    assert mark is not None
    stage.rewrite(connected, number, settlement=mark.as_dict() | {"answered": True})
    assert stage.deliver(connected, number) is None
    _wait_for(lambda: stage.effects(connected, number)[2] == 2)


def test_without_the_row_a_paid_order_still_makes_no_second_invoice(stage: Stage, connected: Connected) -> None:
    """The order's row lost after all was done: the number finds the invoice again, and its balance says paid."""
    number = _placed(stage, connected)
    assert stage.deliver(connected, number) is None
    _lose_row(stage, connected, number)
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)


def test_an_invoice_known_to_be_there_is_not_forgotten_because_the_look_failed(
    stage: Stage, connected: Connected
) -> None:
    """SnelStart says the number is taken and then does not answer: whose it is must still be found out.

    Else an order cancelled meanwhile would be skipped over an invoice of ours that nobody settles.
    """
    number = _placed(stage, connected)
    stage.trouble(connected, "429", "/bankboekingen")
    assert isinstance(stage.deliver(connected, number), Later)
    _lose_row(stage, connected, number)
    stage.room_again(connected)
    # Three answers of a read are waited for within one delivery.
    stage.trouble(connected, "503", "/verkoopfacturen", method="GET", times=3)
    assert isinstance(stage.deliver(connected, number), Later)
    stage.change(connected, number, status=5)
    assert stage.deliver(connected, number) is None
    assert stage.row(connected, number).state == "credited"
    found = {each["factuurnummer"]: each for each in stage.ledger(connected)["invoices"]}
    balances = [Decimal(found[name]["openstaandSaldo"]) for name in (f"MWW{number}", f"MWW{number}C")]
    assert balances == [0, 0], "paid, and taken back"


def _lose_row(stage: Stage, connected: Connected, number: str) -> None:
    """The row as a restore of an older table would leave it: announced, and nothing of what was sent."""
    known = ("booking", "invoice", "settlement", "verkoopboeking_id", "payment_id", "paid_at", "reason", "attempts")
    stage.rewrite(connected, number, state="received", **dict.fromkeys(known, None))
