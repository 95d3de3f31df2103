"""Nothing secret and nobody in what the two doors log, and in the messages that our code sends of any kind."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.activation import app as activation_door
from functions.webhook import app as webhook_door
from koppeling import aws, importing, nightly, poll
from koppeling.links import new_reference_key, remembered_as
from koppeling.messages import OrderMessage, order_queue_message, poll_queue_message
from sandbox.sign import signed_headers
from tests.exactly_once.rig import AMSTERDAM, SIGNING_KEY, Connected, Stage
from tests.exactly_once.test_nothing_is_told import PEOPLE, PERSON, TALKERS, everything_logged, secrets_of
from tests.leaks import found

_SENDING = ("SendMessage", "SendMessageBatch")
_FORGED = "verzonnen-koppelsleutel-4711"
_MISTYPED = "vertikte-sleutel-0815"


@pytest.fixture
def polls(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both doors as in processes that have just started; the poll queue's address."""
    queue_url = stage.sqs.create_queue(QueueName=f"{stage.table_name}-polls")["QueueUrl"]
    monkeypatch.setenv("POLL_QUEUE_URL", queue_url)
    doors = (webhook_door, activation_door)
    for door in doors:
        door.forget()
    yield queue_url
    for door in doors:
        door.forget()


def _announced(connected: Connected, content: dict[str, Any], key: str = "") -> object:
    """What the webhook's door says to this, signed unless there is a `key`."""
    body, path = json.dumps(content), {"connection_id": connected.id}
    [secret, *_] = connected.connection.webhook_secrets().secrets
    proof: dict[str, Any] = {"headers": signed_headers(str(secret), body.encode())}
    if key:
        proof = {"queryStringParameters": {"key": key}}
    return webhook_door.handler({"pathParameters": path, "body": body, **proof}, None)["statusCode"]


def _told(reference: str, koppelsleutel: str) -> object:
    """What the door for activations says to a call of SnelStart."""
    called = {"KoppelSleutel": koppelsleutel, "ActionType": "Create", "ReferenceKey": reference}
    return activation_door.handler({"body": json.dumps(called)}, None)["statusCode"]


def _reference(stage: Stage, connected: Connected) -> str:
    """A reference key that the connection remembers."""
    made = new_reference_key(connected.id, datetime.now(UTC) + timedelta(days=1), SIGNING_KEY)
    stage.table.put({"pk": f"CONNECTION#{connected.id}", "sk": remembered_as(made)})
    return made


def _as_in_a_new_process() -> None:
    """Every library talks until our own code sees to it."""
    for name in TALKERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.usefixtures("polls")
def test_the_doors_log_no_secret_and_nobody(stage: Stage, connected: Connected) -> None:
    """Webhooks and activations, good and bad, each in a new process on DEBUG: ids in the records, and nothing else."""
    reference = _reference(stage, connected)
    koppelsleutel = str(connected.connection.credentials().koppelsleutel)
    secrets = secrets_of(connected) | {reference, _FORGED, _MISTYPED}
    with everything_logged() as said:
        _as_in_a_new_process()
        assert _announced(connected, {"order_number": "4711", "debtor": PERSON}) == 202
        assert _announced(connected, {"order_number": "4711", "debtor": PERSON}, _MISTYPED) == 401
        assert _announced(connected, {"order_number": "Tureluur Wulpstra"}) == 400
        _as_in_a_new_process()
        assert _told(reference, koppelsleutel) == 200
        assert _told(f"{reference}x", _FORGED) == 200
        assert _told(reference, "") == 400
    for sentence in ("webhook accepted", "webhook refused", "activation kept", "activation not kept"):
        assert any(line.startswith(sentence) for line in said), f"{sentence} is among them"
    assert any("4711" in line and connected.id in line for line in said)
    assert found(secrets | {connected.shop_token} | PEOPLE, "\n".join(said)) == []


@contextmanager
def _everything_sent() -> Iterator[list[dict[str, Any]]]:
    """What our clients hand to SQS to be sent: the doors' own and the one that all else shares."""
    sent: list[dict[str, Any]] = []
    clients: list[Any] = [webhook_door.clients().queue, activation_door.clients().queue, aws.sqs()]
    hooks = [(one.meta.events, f"provide-client-params.sqs.{name}") for one in clients for name in _SENDING]

    def keep(params: dict[str, Any], **_: object) -> None:
        sent.append(params)

    for events, name in hooks:
        events.register(name, keep)
    try:
        yield sent
    finally:
        for events, name in hooks:
            events.unregister(name, keep)


def _kind(body: str) -> str:
    """Which message of ours this is: an order's by its cause, and apart when it was put off. ValueError when none."""
    try:
        message: object = order_queue_message(body)
    except ValueError:
        message = poll_queue_message(body)
    if isinstance(message, OrderMessage):
        return "put off" if message.put_off else message.cause
    return type(message).__name__


def test_no_message_holds_a_secret_or_a_person(stage: Stage, connected: Connected, polls: str) -> None:
    """Everything that is queued, by both doors, the worker, the poll, an import and the clock, names ids only."""
    reference = _reference(stage, connected)
    koppelsleutel = str(connected.connection.credentials().koppelsleutel)
    number, listed = (stage.sale(connected, debtor=PERSON) for _ in range(2))
    today = datetime.now(AMSTERDAM).date()
    with _everything_sent() as sent:
        assert _announced(connected, {"order_number": number, "debtor": PERSON}) == 202
        assert _told(reference, koppelsleutel) == 200
        stage.trouble(connected, "429", "/relaties", method="*", seconds=7)
        stage.queued()
        assert stage.work(*stage.enqueue(connected, number))
        assert poll.poll(stage.table, connected.id).queued
        poll.dispatch(stage.table, polls)
        nightly.dispatch(stage.table, polls)
        importing.start(stage.table, connected.connection, today, today)
    bodies = [one["MessageBody"] for params in sent for one in params.get("Entries", [params])]
    assert {_kind(body) for body in bodies} == {
        *("webhook", "put off", "poll"),
        *("PollMessage", "ActivationMessage", "ReconcileMessage", "ImportMessage"),
    }
    for told in (number, listed):
        assert any(f'"{told}"' in body and connected.id in body for body in bodies)
    canaries = secrets_of(connected) | {reference, connected.shop_token} | PEOPLE
    assert found(canaries, f"{sent}\n" + "\n".join(bodies)) == []
