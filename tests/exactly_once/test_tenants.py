"""Two shops in one deployment: whatever is tried, nothing of the one ever reaches the other."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.webhook import app
from koppeling import clock, poll, vault
from koppeling.connections import Connections
from koppeling.credentials import seal_credentials
from koppeling.failures import Unavailable
from koppeling.messages import OrderMessage
from koppeling.orders import Orders
from koppeling.table import Row
from tests.exactly_once.rig import Connected, Stage, message, order

if TYPE_CHECKING:
    from collections.abc import Iterator

EMAIL = "zelfde.klant@example.nl"


@pytest.fixture
def pair(stage: Stage) -> "Iterator[tuple[Connected, Connected]]":
    """Two shops with administrations of their own."""
    both = stage.connect(), stage.connect()
    yield both
    for one in both:
        stage.disconnect(one)


def rows(stage: Stage, connected: Connected) -> list[Row]:
    """All that the table holds of a connection."""
    return list(stage.table.rows(f"CONNECTION#{connected.id}"))


def traces(stage: Stage, connected: Connected) -> tuple[list[Row], object, object]:
    """All that a deed to a connection would change: its rows, its administration, what its administration was asked."""
    return rows(stage, connected), stage.ledger(connected), stage.calls(connected)


def test_same_numbers_and_same_customer_in_two_shops(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """Two shops sell order 5001 to one person: each books its own in its own administration, on its own customer."""
    totals = {}
    for one in pair:
        raw = order(EMAIL) | {"number": "5001"}
        stage.place(one, raw)
        totals[one.id] = str(raw["price"]["total"])
    for one in pair:
        assert stage.until_done(one, "5001").state == "paid"
    a, b = (stage.ledger(one)["invoices"] for one in pair)
    assert [len(a), len(b)] == [1, 1]
    assert a[0]["id"] != b[0]["id"]
    assert a[0]["klant"]["id"] != b[0]["klant"]["id"]
    # The same address is another hash at another shop: the table does not tell that it is the same person.
    hashes = [{row["sk"] for row in rows(stage, one) if row["sk"].startswith("CUSTOMER#")} for one in pair]
    assert all(hashes)
    assert hashes[0].isdisjoint(hashes[1])


def test_a_message_with_anothers_number_finds_nothing(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """A's message about a number only B's shop has is an order A does not have; B is asked nothing."""
    a, b = pair
    number = stage.sale(b)
    before = traces(stage, b)
    stage.deliver(a, number)
    row = stage.row(a, number)
    assert (row.state, row.reason and row.reason.code) == ("refused", "shop-order-not-found")
    assert traces(stage, b) == before
    assert stage.ledger(a)["invoices"] == []


@pytest.mark.parametrize("forged", ["A#ORDER", "../B", "CONNECTION#B", "", "B\n", "B "])
def test_a_message_cannot_reach_into_another_partition(pair: tuple[Connected, Connected], forged: str) -> None:
    """The connection of a message is sixteen hexadecimal digits: it cannot be made into another row's place."""
    a, b = pair
    body = json.loads(message(a, "1001").to_body())
    body["connection_id"] = forged.replace("A", a.id).replace("B", b.id)
    with pytest.raises(ValueError, match="connection_id"):
        OrderMessage.from_body(json.dumps(body))


@pytest.mark.parametrize("part", ["sealed_credentials", "sealed_webhook"])
def test_secrets_copied_into_anothers_row_do_not_open(
    stage: Stage, pair: tuple[Connected, Connected], part: str
) -> None:
    """Text sealed for A does not open in B's row, not even in a process that opened it for A a moment ago."""
    a, b = pair
    known = Connections(stage.table)
    a.connection.credentials()
    a.connection.webhook_secrets()
    stolen = a.connection.sealed_credentials if part == "sealed_credentials" else a.connection.sealed_webhook
    key = {"pk": f"CONNECTION#{b.id}", "sk": "CONNECTION"}
    row = next(row for row in rows(stage, b) if row["sk"] == "CONNECTION")
    stage.table.put(row | key | {part: stolen})
    seen = known.get(b.id)
    assert seen is not None
    with pytest.raises(Unavailable):
        _ = seen.credentials() if part == "sealed_credentials" else seen.webhook_secrets()
    stage.table.put(row)


def test_an_order_with_anothers_credentials_books_nowhere(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """With A's credentials in its row B books nothing, neither in its own administration nor in A's."""
    a, b = pair
    number = stage.sale(b)
    stage.place(a, order() | {"number": number})
    a.connection.credentials()
    row = next(row for row in rows(stage, b) if row["sk"] == "CONNECTION")
    stage.table.put(row | {"sealed_credentials": a.connection.sealed_credentials})
    before = traces(stage, a), stage.ledger(b)
    stage.deliver(b, number)
    failed = stage.row(b, number)
    assert (failed.state, failed.reason and failed.reason.code) == ("failed", "koppeling-storage-unavailable")
    assert (traces(stage, a), stage.ledger(b)) == before
    stage.table.put(row)


@pytest.mark.parametrize("purpose", ["webhook", "credentials"])
def test_a_seal_opens_for_its_purpose_alone(pair: tuple[Connected, Connected], purpose: vault.Purpose) -> None:
    """What is sealed as credentials does not open as webhook secrets, nor the reverse, opened before or not."""
    a, _ = pair
    right = a.connection.sealed_webhook if purpose == "webhook" else a.connection.sealed_credentials
    wrong = a.connection.sealed_credentials if purpose == "webhook" else a.connection.sealed_webhook
    assert vault.unseal(a.id, purpose, right)
    with pytest.raises(Unavailable):
        vault.unseal(a.id, purpose, wrong)


def test_a_poll_asks_one_shop_only(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """A's poll queues A's new orders and A's due ones; of B, with as many of both, nothing is read, asked or queued."""
    a, b = pair
    numbers = {one.id: stage.sale(one) for one in pair}
    waiting = {one.id: stage.sale(one, payment_status="pending", _payments=[]) for one in pair}
    for one in pair:
        stage.deliver(one, waiting[one.id])
        stage.time_passes(one, 24 * 3600)
    stage.queued()
    before = traces(stage, b)
    polled = poll.poll(stage.table, a.id)
    assert (polled.queued, polled.again) == (1, 1)
    assert {(one.connection_id, one.order_number) for one in stage.queued()} == {
        (a.id, numbers[a.id]),
        (a.id, waiting[a.id]),
    }
    assert traces(stage, b) == before


def test_due_orders_are_found_per_connection(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """The index of what is due is asked for one connection: another's due orders are not in its answer."""
    a, b = pair
    number = stage.sale(b, payment_status="pending", _payments=[])
    stage.deliver(b, number)
    stage.time_passes(b, 24 * 3600)
    assert list(Orders(stage.table, b.id).due(clock.now())) == [number]
    assert list(Orders(stage.table, a.id).due(clock.now())) == []


def test_trouble_at_one_stays_with_one(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """A connection whose koppelsleutel is refused stands still; the other one books on, with its own token."""
    a, b = pair
    wrong = replace(a.connection.credentials(), koppelsleutel="verlopen")
    sealed = replace(a.connection, sealed_credentials=seal_credentials(a.id, wrong))
    Connections(stage.table).save(sealed, "sealed_credentials")
    numbers = {one.id: stage.sale(one) for one in pair}
    for one in pair:
        stage.deliver(one, numbers[one.id])
    paused = Connections(stage.table).get(a.id)
    assert paused is not None
    assert paused.paused is not None
    assert stage.ledger(a)["invoices"] == []
    stage.demand_once(b, numbers[b.id])


def test_removing_one_leaves_the_other(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """`koppeling remove` of A leaves every row of B as it was, and B books its next order."""
    a, b = pair
    for one in pair:
        stage.until_done(one, stage.sale(one))
    before = rows(stage, b)
    Connections(stage.table).remove(a.id)
    assert rows(stage, a) == []
    assert rows(stage, b) == before
    number = stage.sale(b)
    assert stage.until_done(b, number).state == "paid"


def test_a_webhook_is_for_the_connection_of_its_address(stage: Stage, pair: tuple[Connected, Connected]) -> None:
    """A proven webhook of A that names B's connection and number in its body is about A's order of that number."""
    a, b = pair
    number = stage.sale(b)
    body = {"connection_id": b.id, "shop": b.connection.shop_id, "data": {"order_number": number, "connection": b.id}}
    key = a.connection.webhook_secrets().key
    answer = app.handler(
        {
            "pathParameters": {"connection_id": a.id},
            "queryStringParameters": {"key": key, "connection_id": b.id},
            "body": json.dumps(body),
        },
        None,
    )
    app.forget()
    assert answer["statusCode"] == 202
    [queued] = stage.queued()
    assert (queued.connection_id, queued.order_number) == (a.id, number)
