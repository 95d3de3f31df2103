"""What is forgotten when, and that forgetting books nothing twice."""

import time
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from koppeling import clock, importing, nightly, poll
from koppeling.claim import Claim
from koppeling.connections import REGISTRY, Connections
from koppeling.cursor import Cursor
from koppeling.deadline import Deadline
from koppeling.imports import Imports
from koppeling.messages import ImportMessage, ReconcileMessage
from koppeling.orders import Orders
from koppeling.sweeping import sweep
from koppeling.table import Key, Row, read_row
from tests.exactly_once.crashes import Crash, before_write, meanwhile, wire
from tests.exactly_once.rig import Connected, Stage, customers

ROOT = Path(__file__).resolve().parents[2]
YEAR = 365 * 24 * 3600


def stored(stage: Stage, connected: Connected, number: str) -> Row:
    """The order's row as it is in the table."""
    row = stage.table.get(Orders(stage.table, connected.id).key(number))
    assert row is not None
    return row


def everything(stage: Stage) -> list[Row]:
    """The whole table."""
    pages = stage.dynamodb.get_paginator("scan").paginate(TableName=stage.table_name, ConsistentRead=True)
    return [read_row(wire) for page in pages for wire in page["Items"]]


def years_left(row: Row) -> float:
    """How long until the row may go."""
    return (float(row["expires_at"]) - time.time()) / YEAR


def test_what_is_booked_is_kept_as_long_as_the_books(stage: Stage, connected: Connected) -> None:
    """The row of a paid order goes after eight years."""
    number = stage.sale(connected)
    stage.until_done(connected, number)
    assert 8 <= years_left(stored(stage, connected, number)) < 8.1


def test_what_was_never_booked_goes_sooner(stage: Stage, connected: Connected) -> None:
    """The row of an order there was nothing to book for goes after 400 days."""
    number = stage.sale(connected, status=5)
    assert stage.until_done(connected, number).state == "skipped"
    assert 1 <= years_left(stored(stage, connected, number)) < 1.2


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"payment_status": "pending", "_payments": []}, "waiting"), ({"currency": "USD"}, "refused")],
)
def test_what_waits_for_somebody_stays(stage: Stage, connected: Connected, changes: dict[str, Any], state: str) -> None:
    """An order that waits or that somebody must act on does not go by itself."""
    number = stage.sale(connected, **changes)
    stage.deliver(connected, number)
    row = stored(stage, connected, number)
    assert row["state"] == state
    assert "expires_at" not in row


def test_what_is_taken_up_again_does_not_go_meanwhile(stage: Stage, connected: Connected) -> None:
    """A row that is claimed cannot disappear under the run that works on it."""
    number = stage.sale(connected, status=5)
    stage.until_done(connected, number)
    claim = Orders(stage.table, connected.id).claim(number, clock.now())
    assert isinstance(claim, Claim)
    assert "expires_at" not in stored(stage, connected, number)
    claim.give_back()
    assert "expires_at" in stored(stage, connected, number)


def test_what_is_taken_back_does_not_go_meanwhile(stage: Stage, connected: Connected) -> None:
    """A paid order that is reopened stays until it has come to its end again."""
    number = stage.sale(connected)
    stage.until_done(connected, number)
    claim = Orders(stage.table, connected.id).reopen(number)
    assert "expires_at" not in stored(stage, connected, number)
    claim.stay_paid(seen="")
    assert years_left(stored(stage, connected, number)) >= 8


def test_an_expired_row_books_nothing_twice(stage: Stage, connected: Connected) -> None:
    """An order announced again after its row went is found in the books and kept as what it is: no second anything."""
    number = stage.sale(connected)
    before = stage.until_done(connected, number)
    stage.table.delete(Orders(stage.table, connected.id).key(number))
    after = stage.until_done(connected, number)
    assert (after.state, after.verkoopboeking_id) == ("paid", before.verkoopboeking_id)
    assert stage.effects(connected, number) == (1, 1, 1)
    stage.demand_once(connected, number)


def test_a_late_deletion_changes_nothing(stage: Stage, connected: Connected) -> None:
    """A row past its time that DynamoDB has not deleted yet still counts: SnelStart is asked nothing."""
    number = stage.sale(connected)
    stage.until_done(connected, number)
    stage.rewrite(connected, number, expires_at=int(time.time()) - YEAR)
    before = stage.order_calls(connected)
    assert stage.until_done(connected, number).state == "paid"
    assert stage.order_calls(connected) == before
    assert stage.effects(connected, number) == (1, 1, 1)


def test_remove_erases_every_kind_of_row(stage: Stage) -> None:
    """After `koppeling remove` no row of the table names the connection, its orders or its customers."""
    connected = stage.connect()
    paid, waiting = stage.sale(connected), stage.sale(connected, payment_status="pending", _payments=[])
    for number in (paid, waiting):
        stage.deliver(connected, number)
    known = Connections(stage.table)
    Cursor(stage.table, connected.connection).move(clock.now(), clock.now())
    partition = f"CONNECTION#{connected.id}"
    for sort in ("ACTIVATION#2026-11-23T00:00:00Z#x", "CHOICES", "LINK#x", "RECONCILED#2026-11-22"):
        stage.table.put({"pk": partition, "sk": sort})
    kinds = {row["sk"].partition("#")[0] for row in stage.table.rows(partition)}
    assert kinds >= {"CONNECTION", "ORDER", "CUSTOMER", "CURSOR", "CHART", "DIRECTORY", "ACTIVATION", "RECONCILED"}

    explained = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    assert [kind for kind in {*kinds, "REMOVED", "CONNECTIONS", "BUDGET"} if f"`{kind}" not in explained] == []

    known.remove(connected.id)

    assert swept(stage, connected, timedelta(days=1)) == []
    administration = connected.connection.administration_id
    assert {row["pk"] for row in everything(stage) if administration in str(row)} <= {
        "REMOVED",
        f"ADMINISTRATION#{administration}",
    }


def test_what_stays_of_a_removed_connection(stage: Stage) -> None:
    """Its form of numbers, for as long as the books, and for two hours how many calls its administration took."""
    connected = stage.connect()
    stage.until_done(connected, stage.sale(connected))
    shop, administration = connected.connection.shop_id, connected.connection.administration_id
    Connections(stage.table).remove(connected.id)
    [form] = stage.table.rows("REMOVED", f"{shop}#{administration}#")
    assert form.keys() == {"pk", "sk", "invoice_number", "removed_on", "expires_at"}
    assert 8 <= years_left(form) < 8.1
    budget = stage.table.get(Key(f"ADMINISTRATION#{administration}", "BUDGET"))
    assert budget is not None
    assert budget.keys() == {"pk", "sk", "spent", "version", "written", "expires_at"}
    assert years_left(budget) * YEAR <= 2 * 3600


def swept(stage: Stage, connected: Connected, after: timedelta) -> list[Row]:
    """What still names the connection or its customers after a poll this long after its removal."""
    listed = stage.table.get(Key(REGISTRY, connected.id))
    assert listed is not None
    stage.table.put({**listed, "removed_at": clock.iso(clock.now() - after)})
    poll.poll(stage.table, connected.id)
    known = [connected.id, *(relatie["id"] for relatie in customers(stage.ledger(connected)))]
    return [row for row in everything(stage) if any(one in str(row) for one in known)]


def test_remove_leaves_a_place_in_the_list_for_a_day(stage: Stage) -> None:
    """It says when the connection was removed, so that its partition is looked at again; then it goes too."""
    connected = stage.connect()
    Connections(stage.table).remove(connected.id)
    [left] = [row for row in everything(stage) if connected.id in str(row)]
    assert left.keys() == {"pk", "sk", "removed_at", "administration_id", "shop_id"}
    assert connected.id not in Connections(stage.table).all_ids()
    assert connected.id in Connections(stage.table).all_ids(removed=True)
    assert [row["sk"] for row in swept(stage, connected, timedelta(hours=23))] == [connected.id]
    assert swept(stage, connected, timedelta(hours=24)) == []
    assert connected.id not in Connections(stage.table).all_ids(removed=True)


def test_a_removal_that_was_cut_off_at_any_call_is_finished_by_the_poll_or_has_not_begun(stage: Stage) -> None:
    """Nobody may repeat the command: where the connection is gone, all that is kept of its customers goes too."""
    at = 0
    while True:
        connected = stage.connect()
        stage.until_done(connected, stage.sale(connected))
        with wire(at, "before") as cut, suppress(Crash):
            Connections(stage.table).remove(connected.id)
        at += 1
        known = Connections(stage.table)
        if known.get(connected.id):
            assert connected.id in known.all_ids(), "and it is polled"
            poll.poll(stage.table, connected.id)
            assert known.get(connected.id)
            known.remove(connected.id)
        listed = stage.table.get(Key(REGISTRY, connected.id))
        assert listed is not None
        long_ago = {name: "2026-01-01T00:00:00.000Z" for name in listed if name not in ("pk", "sk")}
        stage.table.put({**listed, **long_ago})
        for _ in range(2):
            poll.poll(stage.table, connected.id)
        assert not [row for row in everything(stage) if connected.id in str(row)], cut.calls
        if not cut.struck:
            return


def test_a_connection_that_is_there_is_never_swept(stage: Stage, connected: Connected) -> None:
    """Nor one whose removal stopped before its own row was gone."""
    stage.until_done(connected, stage.sale(connected))
    before = list(stage.table.rows(f"CONNECTION#{connected.id}"))
    assert sweep(stage.table, connected.id) == 0
    stage.table.put({"pk": REGISTRY, "sk": connected.id, "removed_at": "2026-01-01T00:00:00.000Z"})
    assert sweep(stage.table, connected.id) == 0
    assert list(stage.table.rows(f"CONNECTION#{connected.id}")) == before
    stage.table.put({"pk": REGISTRY, "sk": connected.id})


def test_a_poll_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed while the shop is asked: no row of it comes back."""
    connected = stage.connect()
    with meanwhile("/v1/orders/count", lambda: Connections(stage.table).remove(connected.id)):
        poll.poll(stage.table, connected.id)
    assert swept(stage, connected, timedelta(days=1)) == []


def test_an_order_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed while an order is worked on: it ends, and what it remembered of its customer is swept away."""
    connected = stage.connect()
    number = stage.sale(connected)
    with meanwhile(f"/v1/orders/{number}", lambda: Connections(stage.table).remove(connected.id)):
        assert stage.deliver(connected, number) is None
    assert swept(stage, connected, timedelta(days=1)) == []
    assert stage.effects(connected, number)[1:] == (0, 0)


def test_an_order_claimed_just_after_the_removal_leaves_nothing(stage: Stage) -> None:
    """Removed between a run's reading of the connection and its claim: booked whole, and then swept away."""
    connected = stage.connect()
    number = stage.sale(connected)
    with before_write(lambda: Connections(stage.table).remove(connected.id)):
        stage.deliver(connected, number)
    stage.demand_once(connected, number)
    remains = {"CUSTOMER", "ORDER"}
    left = swept(stage, connected, timedelta(minutes=9))
    assert {row["sk"].partition("#")[0] for row in left} >= remains, "a run that began before it may be at work still"
    assert [row["pk"] for row in swept(stage, connected, timedelta(minutes=11))] == [REGISTRY]


def test_a_removal_that_was_cut_off_is_finished_in_parts(stage: Stage) -> None:
    """Tens of thousands of rows are more than one run of the poller erases; it comes back until none is left."""
    connected = stage.connect()
    stage.until_done(connected, stage.sale(connected))
    Connections(stage.table).remove(connected.id)
    for number in range(1, 8):
        stage.table.put({"pk": f"CONNECTION#{connected.id}", "sk": f"ORDER#{number}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("koppeling.sweeping._AT_ONCE", 4)
        assert len(swept(stage, connected, timedelta(days=1))) == 4, "three orders and the place in the list"
        assert swept(stage, connected, timedelta(days=1)) == []


def test_an_import_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed between an import's reading of the connection and its taking the run: it ends, and nothing stays."""
    connected = stage.connect()
    stage.sale(connected)
    run = Imports(stage.table, connected.id).start(date(2026, 1, 1), date(2026, 12, 31))
    with before_write(lambda: Connections(stage.table).remove(connected.id)):
        assert importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(50)) is None
    assert swept(stage, connected, timedelta(days=1)) == []


def test_a_comparison_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed while shop and books are compared at night: the outcome is kept, and swept away."""
    connected = stage.connect()
    message = ReconcileMessage(connected.id, clock.now().date(), 3)
    with meanwhile("/v1/orders/count", lambda: Connections(stage.table).remove(connected.id)):
        assert nightly.carry_out(stage.table, message, stage.queue_url) is not None
    assert [row["pk"] for row in swept(stage, connected, timedelta(minutes=11))] == [REGISTRY]
