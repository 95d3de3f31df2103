"""Credit orders of history: what the shop took back is taken back in the books, however long ago that was."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from koppeling import importing, onboard
from koppeling.connections import Connections
from koppeling.deadline import Deadline
from koppeling.messages import ImportMessage, OrderMessage
from koppeling.poll import poll
from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage
from tests.regimes.winkel import credit_of, days_ago, invoices, on, thing

_OLD = 150
"""Days ago; a live credit order waits for its original 90 days at most."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of a credit order comes once the run that booked its original is over; here without the wait."""
    monkeypatch.setattr("koppeling.carry._CREDITS_AFTER_SECONDS", 0.0)


def _imported(stage: Stage, connected: Connected, first: int, last: int) -> None:
    """Import the orders of so many days ago, and do what that leaves to the queues and the poll."""
    today = datetime.now(AMSTERDAM).date()
    connection = Connections(stage.table).get(connected.id)
    assert connection is not None
    run = importing.start(stage.table, connection, today - timedelta(days=first), today - timedelta(days=last))
    while importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58)):
        stage.room_again(connected)
    for _ in range(3):
        stage.time_passes(connected)
        poll(stage.table, connected.id)
        for number in [*_announced(stage), *(found.order_number for found in stage.queued())]:
            stage.deliver(connected, number)


def _announced(stage: Stage) -> Iterator[str]:
    """The orders in the slow lane, taken out of it."""
    while found := stage.sqs.receive_message(QueueUrl=stage.backlog_url, MaxNumberOfMessages=10).get("Messages"):
        for received in found:
            stage.sqs.delete_message(QueueUrl=stage.backlog_url, ReceiptHandle=received["ReceiptHandle"])
            yield OrderMessage.from_body(received["Body"]).order_number


def _pair(stage: Stage, connected: Connected, sold_on: int, credited_on: int) -> tuple[str, str]:
    """A sale of 121.00 and a credit order of half of it, so many days ago."""
    sale = thing(**on(days_ago(sold_on)))
    number = str(sale["number"])
    half = credit_of(
        number, line(paid("-60.50", "21")), total="-60.50", tax={"21": "-10.50"}, **on(days_ago(credited_on))
    )
    stage.place(connected, sale | {"credit_order_numbers": [int(half["number"])]}, half)
    return number, str(half["number"])


def test_a_credit_order_of_long_ago_is_booked_with_its_original(stage: Stage, connected: Connected) -> None:
    """Both are of the imported days; the original is paid together with others, after the credit order was read."""
    sale, half = _pair(stage, connected, _OLD, _OLD - 2)
    _imported(stage, connected, _OLD + 5, _OLD - 10)
    assert stage.row(connected, sale).state == "paid"
    assert (stage.row(connected, half).state, stage.row(connected, half).reason) == ("credited", None)
    assert f"MWW{half}" in invoices(stage, connected)


def test_a_credit_order_that_came_before_its_original_was_imported_is_booked_after_it(
    stage: Stage, connected: Connected
) -> None:
    """Announced while its original was too old to book, it was skipped; the original's import brings it back."""
    onboard.change_profile(stage.table, connected.connection, f"start_date = {days_ago(20)}\n")
    sale, half = _pair(stage, connected, 30, 10)
    stage.deliver(connected, half)
    assert stage.row(connected, half).state == "skipped"
    _imported(stage, connected, 40, 25)
    assert stage.row(connected, sale).state == "paid"
    assert stage.row(connected, half).state == "credited"
    assert f"MWW{half}" in invoices(stage, connected)


def test_a_credit_order_between_the_imported_days_and_the_start_date_is_told_of(
    stage: Stage, connected: Connected
) -> None:
    """What it takes back we booked; whether another program booked it we cannot know."""
    onboard.change_profile(stage.table, connected.connection, f"start_date = {days_ago(5)}\n")
    sale, half = _pair(stage, connected, 30, 10)
    _imported(stage, connected, 40, 25)
    assert stage.row(connected, sale).state == "paid"
    row = stage.row(connected, half)
    assert (row.state, row.reason and row.reason.code) == ("refused", "shop-credit-before-start-date")
    # The advice: its day is imported too.
    _imported(stage, connected, 10, 10)
    assert stage.row(connected, half).state == "credited"


def test_a_credit_order_comes_only_after_the_run_that_books_its_original(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Met sooner, it would find its original skipped, as it was before, and be skipped once more.

    Its message is sent before the invoice, so that a run that dies leaves it behind, and hidden for that long.
    """
    monkeypatch.undo()
    onboard.change_profile(stage.table, connected.connection, f"start_date = {days_ago(20)}\n")
    sale, half = _pair(stage, connected, 30, 10)
    stage.deliver(connected, sale)
    _imported(stage, connected, 40, 25)
    assert stage.row(connected, sale).state == "paid"
    assert half not in [*_announced(stage), *(each.order_number for each in stage.queued())]
    hidden = stage.sqs.get_queue_attributes(
        QueueUrl=stage.backlog_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )["Attributes"]
    assert int(hidden["ApproximateNumberOfMessagesDelayed"]) == 1
