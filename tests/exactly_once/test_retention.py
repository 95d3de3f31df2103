"""What is forgotten when, and that forgetting books nothing twice."""

import time
from pathlib import Path
from typing import Any

import pytest

from koppeling import clock, poll
from koppeling.claim import Claim
from koppeling.connections import Connections
from koppeling.orders import Orders
from koppeling.table import Key, Row, read_row
from tests.exactly_once.crashes import meanwhile
from tests.exactly_once.rig import Connected, Stage

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
    known.move_cursor(connected.connection, clock.now())
    partition = f"CONNECTION#{connected.id}"
    for sort in ("ACTIVATION#2026-11-23T00:00:00Z#x", "CHOICES", "LINK#x", "RECONCILED#2026-11-22"):
        stage.table.put({"pk": partition, "sk": sort})
    kinds = {row["sk"].partition("#")[0] for row in stage.table.rows(partition)}
    assert kinds >= {"CONNECTION", "ORDER", "CUSTOMER", "CURSOR", "CHART", "DIRECTORY", "ACTIVATION", "RECONCILED"}

    explained = (ROOT / "docs" / "privacy.md").read_text("utf-8")
    assert [kind for kind in {*kinds, "REMOVED", "CONNECTIONS", "BUDGET"} if f"`{kind}" not in explained] == []

    known.remove(connected.id)

    relatie = stage.ledger(connected)["invoices"][0]["klant"]["id"]
    left = [row for row in everything(stage) if connected.id in str(row) or relatie in str(row)]
    assert left == []
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


def test_a_poll_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed while the shop is asked: no row of it comes back."""
    connected = stage.connect()
    with meanwhile("/v1/orders/count", lambda: Connections(stage.table).remove(connected.id)):
        poll.poll(stage.table, connected.id)
    assert [row for row in everything(stage) if connected.id in str(row)] == []


def test_an_order_that_outlives_its_connection_leaves_nothing(stage: Stage) -> None:
    """Removed while an order is worked on: it ends, and what it remembered of its customer goes as well."""
    connected = stage.connect()
    number = stage.sale(connected)
    with meanwhile(f"/v1/orders/{number}", lambda: Connections(stage.table).remove(connected.id)):
        assert stage.deliver(connected, number) is None
    assert [row for row in everything(stage) if connected.id in str(row)] == []
    assert stage.effects(connected, number)[1:] == (0, 0)
