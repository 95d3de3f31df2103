"""Credit orders of history: what the shop took back is taken back in the books, however long ago that was."""

from datetime import datetime, timedelta

from koppeling import importing
from koppeling.connections import Connections
from koppeling.deadline import Deadline
from koppeling.messages import ImportMessage
from koppeling.poll import poll
from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage
from tests.regimes.winkel import credit_of, days_ago, invoices, on, thing

_OLD = 150
"""Days ago; a live credit order waits for its original 90 days at most."""


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
        for found in stage.queued():
            stage.deliver(connected, found.order_number)


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
