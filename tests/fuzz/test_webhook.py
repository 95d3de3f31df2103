import base64
import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from koppeling.messages import OrderMessage, order_number
from tests.functions.rig import Connection, Rig, call
from tests.fuzz.running import examples
from tests.fuzz.values import NASTY_NUMBERS, broken, deep, json_values, scalars, texts, written

STATUSES = {202, 400, 401, 413, 503}
"""All that the webhook answers; 503 only when AWS does not."""
GOOD = {
    "type": "order.status_changed",
    "timestamp": "2026-11-23T14:00:00Z",
    "data": {"order_number": 1001, "status": 4},
}

numbers = scalars | st.sampled_from(NASTY_NUMBERS) | st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True)
bodies = st.one_of(
    numbers.map(lambda number: written({"data": {"order_number": number}})),
    numbers.map(lambda number: written({"order_number": number, "data": None})),
    broken(GOOD).map(written),
    json_values.map(written),
    st.sampled_from((1, 50, 900, 20_000)).map(lambda levels: "[" * levels + "]" * levels),
    st.just(written({"data": {"order_number": 1, "more": deep(400)}})),
    st.sampled_from((65_536, 65_537, 200_000)).map(
        lambda size: json.dumps({"order_number": 7, "x": "y" * size})[:size]
    ),
    st.text(max_size=40),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
    st.sampled_from(
        ("", "NaN", "1e999", '{"order_number": NaN}', "\ufeff{}", '{"order_number": 1}\0', '"\\ud800"', "\ud800")
    ),
)
junk = json_values | st.dictionaries(
    st.sampled_from(("webhook-id", "Webhook-Signature", "WEBHOOK-TIMESTAMP", "key", "connection_id", "X")) | texts,
    scalars | st.lists(scalars, max_size=3),
    max_size=4,
)


def signed(connection: Connection, body: str) -> dict[str, str]:
    """The headers of a sender that may."""
    at = int(time.time())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": Webhook(connection.secrets[0]).sign("msg_1", datetime.fromtimestamp(at, UTC), body),
    }


def told(event: Any) -> int:  # noqa: ANN401 -- any JSON
    """The status of the answer, which is one of the five."""
    status, _ = call(event)
    assert status in STATUSES
    return status


def one_message(rig: Rig, connection: Connection) -> None:
    """Exactly one message stands in the queue, of this connection, and the worker can read it."""
    [(group, content)] = rig.queued()
    message = OrderMessage.from_body(json.dumps(content))
    assert group == message.connection_id == connection.id
    assert order_number(message.order_number) == message.order_number


@pytest.fixture(scope="module")
def known(door: Rig) -> Connection:
    """A connection whose secret and key the fuzzing knows."""
    return door.connect()


@examples(150)
@given(body=bodies, encoded=st.sampled_from(("no", "yes", "wrongly")), by_key=st.booleans())
def test_a_known_sender_may_write_anything(
    door: Rig, known: Connection, body: str, encoded: str, *, by_key: bool
) -> None:
    """Whatever a sender we know puts in the body: 400, 413, or 202 with exactly one readable message in the queue."""
    raw = body.encode("utf-8", "surrogatepass")
    event: dict[str, Any] = {
        "pathParameters": {"connection_id": known.id},
        "body": base64.b64encode(raw).decode() if encoded == "yes" else body,
        "isBase64Encoded": encoded != "no",
    }
    if by_key or encoded == "wrongly" or "\ud800" in body:
        event["queryStringParameters"] = {"key": known.key}
    else:
        event["headers"] = signed(known, body)
    status = told(event)
    assert status in {202, 400, 413}
    if status == 202:
        one_message(door, known)
    else:
        assert door.queued() == []


@examples(150)
@given(
    event=st.dictionaries(
        st.sampled_from(
            (
                *("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"),
                *("pathParameters", "body", "isBase64Encoded", "requestContext"),
            )
        ),
        junk | bodies,
        max_size=8,
    ),
    at_ours=st.booleans(),
)
def test_a_stranger_may_send_anything(door: Rig, known: Connection, event: dict[str, Any], *, at_ours: bool) -> None:
    """An event of any shape whatever, also at a connection that exists, is 401 or 413 and leaves no message."""
    if at_ours:
        event["pathParameters"] = {"connection_id": known.id}
    assert told(event) in {401, 413}
    assert door.queued() == []


@examples(150)
@given(data=st.data())
def test_a_good_webhook_that_was_touched(door: Rig, known: Connection, data: st.DataObject) -> None:
    """A whole event of a known sender with something broken in it: taken once, or refused and nothing in the queue."""
    body = written(GOOD)
    good = {
        "resource": "/webhooks/mijnwebwinkel/{connection_id}",
        "headers": signed(known, body),
        "multiValueHeaders": {name: [value] for name, value in signed(known, body).items()},
        "queryStringParameters": {"key": known.key},
        "multiValueQueryStringParameters": {"key": [known.key]},
        "pathParameters": {"connection_id": known.id},
        "body": body,
        "isBase64Encoded": False,
    }
    if told(data.draw(broken(good))) == 202:
        one_message(door, known)
    else:
        assert door.queued() == []


def test_every_answer_occurs(door: Rig, known: Connection) -> None:
    """The fuzzing can tell the five apart: each of them is given to what deserves it."""
    key = {"key": known.key}
    mine = {"pathParameters": {"connection_id": known.id}, "queryStringParameters": key}
    answers = Counter(
        told(event)
        for event in (
            {**mine, "body": written(GOOD)},
            {**mine, "body": "{}"},
            {**mine, "queryStringParameters": {"key": "x"}},
            {**mine, "body": "y" * 65_537},
        )
    )
    assert answers == Counter((202, 400, 401, 413))
    one_message(door, known)
