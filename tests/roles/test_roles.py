"""Every way in works with nothing but the rights of its role: the local AWS refuses all others."""

import json
import time
from collections.abc import Iterator

import pytest

from koppeling.connections import REGISTRY
from sandbox.world import World, wait_until, world
from tests.journey.steps import announce, connect, fault, reach, rows_of, sale

pytestmark = pytest.mark.localaws


@pytest.fixture(scope="module")
def stage() -> Iterator[World]:
    """The deployed template, its roles enforced."""
    with world(parameters={"SettleSeconds": "3"}, enforce_roles=True) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_denied(stage: World) -> Iterator[None]:
    """Our code turns what AWS refuses into trouble with the storage or a queue, and tries again."""
    yield
    trouble = (
        *("koppeling-storage-unavailable", "koppeling-queue-unavailable", "koppeling-error", "AccessDenied"),
        *("could not be hidden", "not announced", "activation not kept"),
    )
    assert [line for line in stage.deployment.log_lines() if any(code in line for code in trouble)] == []


def _tick(stage: World, source: str) -> None:
    name, payload = stage.deployment.outputs["PollerFunctionName"], json.dumps({"source": source}).encode()
    answer = stage.deployment.functions.invoke(FunctionName=name, Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_orders_are_booked_by_webhook_poll_and_import(stage: World) -> None:
    """Webhook function, worker and poller: announced, found and brought over, all are paid."""
    connected = connect(stage, "Rechten")
    stage.place(connected, [sale(1001), sale(1002), sale(1003, payment_status="pending", _payments=[])])
    announce(stage, connected, ["1001", "1003"])
    reach(stage, connected, {"1001": "paid", "1003": "waiting"})
    stage.deployment.poll()
    reach(stage, connected, {"1002": "paid"})
    stage.place(connected, [sale(1004)])
    first = time.strftime("%Y-%m-01", time.gmtime(time.time() - 7 * 86_400))
    stage.koppeling("import", connected.id, "--from", first, "--wait")
    reach(stage, connected, {"1004": "paid"})


def test_an_order_comes_back_after_trouble(stage: World) -> None:
    """The worker may hide a message for a while, and put one in the slow lane."""
    connected = connect(stage, "Tegenslag")
    stage.place(connected, [sale(1001), sale(1002)])
    for number, kind in (("1001", "503"), ("1002", "429")):
        with fault(stage, "books", kind=kind, path="/verkoopboekingen", times=1):
            announce(stage, connected, [number])
            reach(stage, connected, {number: "paid"})


def test_a_night_is_compared(stage: World) -> None:
    """The poller reads both sides and keeps the outcome."""
    connected = connect(stage, "Nacht")
    _tick(stage, "reconcile")
    wait_until(lambda: any("RECONCILED#" in row["sk"]["S"] for row in rows_of(stage, connected.id)), 60, "the night")


def test_a_removed_connection_is_swept(stage: World) -> None:
    """The poller may delete what was left behind, and the place in its list."""
    connected = connect(stage, "Afscheid")
    stage.koppeling("remove", connected.id)
    table, name = stage.deployment.dynamodb, stage.deployment.outputs["TableName"]
    left = {"pk": {"S": f"CONNECTION#{connected.id}"}, "sk": {"S": "ORDER#1"}}
    listed = {"pk": {"S": REGISTRY}, "sk": {"S": connected.id}, "removed_at": {"S": "2026-01-01T00:00:00.000Z"}}
    for row in (left, listed):
        table.put_item(TableName=name, Item=row)
    stage.deployment.poll()
    wait_until(lambda: rows_of(stage, connected.id) == [], 60, "the sweep")
    wait_until(
        lambda: "Item" not in table.get_item(TableName=name, Key={"pk": listed["pk"], "sk": listed["sk"]}),
        20,
        "the list",
    )


def test_an_owners_approval_is_carried_out(stage: World) -> None:
    """The activation function keeps it, the poller proves the key and seals it."""
    token = "shop-token-goedkeuring"
    stage.shop.tell("stores", {"token": token, "name": "Goedkeuring", "primary_domain": "goedkeuring.example.nl"})
    made = stage.books.tell("administrations", {"koppelsleutel": "sleutel-goedkeuring", "naam": "Goedkeuring"})
    linked = stage.koppeling("link", "--name", "Goedkeuring", "--shop-token", token)
    stage.books.tell("coupling/approve", {"administration": made["id"], "url": linked["activation_url"]})
    wait_until(lambda: stage.koppeling("show", linked["connection_id"])["status"] == "active", 60, "the approval")
