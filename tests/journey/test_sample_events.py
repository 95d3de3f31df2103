import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.world import World, wait_until
from tests.journey.steps import PATIENCE_SECONDS, connect, reach, rows_under, sale

EVENTS = Path(__file__).parents[2] / "events"
SAMPLE_ID = "00112233445566aa"


def sample(name: str, connection_id: str = SAMPLE_ID) -> bytes:
    """A sample event with this connection filled in."""
    return (EVENTS / name).read_text(encoding="utf-8").replace(SAMPLE_ID, connection_id).encode()


def invoke(stage: World, function: str, event: bytes) -> Any:  # noqa: ANN401 -- JSON
    """What a deployed function answers to an event."""
    name = stage.deployment.outputs[f"{function}FunctionName"]
    answer = stage.deployment.functions.invoke(FunctionName=name, Payload=event)
    payload = answer["Payload"].read()
    assert b"errorType" not in payload
    return json.loads(payload)


def test_the_poller_sample_asks_every_shop(stage: World) -> None:
    """events/poller.json makes the deployed poller ask every connection, and an order nobody announced is booked.

    A connection that was removed within a day has a poll too, which sweeps.
    """
    connected = connect(stage, "Klok")
    stage.place(connected, [sale()])
    kept = stage.koppeling("list")
    gone = [row for row in rows_under(stage, "CONNECTIONS") if "removed_at" in row]

    assert invoke(stage, "Poller", sample("poller.json"))["polls"] == len(kept) + len(gone)
    reach(stage, connected, {"1001": "paid"})


def test_the_sample_poll_of_one_shop_asks_that_shop(stage: World) -> None:
    """events/poller_connection.json with a connection filled in makes the deployed poller ask that shop."""
    connected = connect(stage, "Eén winkel")
    stage.place(connected, [sale()])

    assert invoke(stage, "Poller", sample("poller_connection.json", connected.id)) == {"batchItemFailures": []}
    reach(stage, connected, {"1001": "paid"})


def test_the_nightly_sample_compares_every_connection(stage: World) -> None:
    """events/poller_nightly.json: each connection is compared with its books, and `koppeling show` tells."""
    connected = connect(stage, "Nachtploeg")
    assert invoke(stage, "Poller", sample("poller_nightly.json"))["reconciles"] == len(stage.koppeling("list"))

    def told() -> Any:  # noqa: ANN401 -- JSON
        return stage.koppeling("show", connected.id)["reconciled"]

    wait_until(lambda: told() is not None, PATIENCE_SECONDS, "the comparison")
    assert told()["closes"] is True


def test_the_worker_sample_books_an_order(stage: World) -> None:
    """events/worker.json with a connection filled in makes the deployed worker book order 1001."""
    connected = connect(stage, "Werkbank")
    stage.place(connected, [sale()])

    assert invoke(stage, "Worker", sample("worker.json", connected.id)) == {"batchItemFailures": []}
    assert stage.orders(connected)["1001"]["state"] == "paid"


@pytest.mark.parametrize(
    "name", ["worker.json", "poller_connection.json", "poller_activation.json", "poller_reconcile.json"]
)
def test_samples_as_they_are_do_no_harm(stage: World, name: str) -> None:
    """The samples as they are name a connection that does not exist: answered as done, nothing happens."""
    function = "Worker" if name.startswith("worker") else "Poller"
    assert invoke(stage, function, sample(name)) == {"batchItemFailures": []}


def test_the_webhook_sample_is_let_in_with_a_real_key(stage: World) -> None:
    """events/webhook.json is 401 as it is; with a connection and its key filled in it is taken and booked."""
    connected = connect(stage, "Monster")
    stage.place(connected, [sale()])
    assert invoke(stage, "Webhook", sample("webhook.json"))["statusCode"] == 401

    event = sample("webhook.json", connected.id).decode()
    event = event.replace("replace-with-the-webhook_key-that-koppeling-add-printed", connected.webhook_key)
    answer = invoke(stage, "Webhook", event.encode())

    assert (answer["statusCode"], json.loads(answer["body"])) == (202, {"accepted": True})
    reach(stage, connected, {"1001": "paid"})
