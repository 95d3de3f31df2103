import base64
import json
import logging
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.activation import app
from koppeling.links import activation_url, new_reference_key, read_reference_key, remembered_as
from koppeling.messages import ActivationMessage, poll_queue_message
from koppeling.table import read_row
from tests.functions.rig import ROOT, Rig

SIGNING_KEY = "made-up-signing-key"
SECRET = "koppeling-partner-of-activation"
KOPPELSLEUTEL = "kanarie-koppelsleutel"
RECEIVED = (200, {"received": True})


@dataclass(frozen=True)
class Door:
    """The function with what it keeps things in."""

    rig: Rig
    queue_url: str

    def link(self, *, days: float = 7, signing_key: str = SIGNING_KEY, remembered: bool = True) -> tuple[str, str]:
        """A new connection's id, and a reference key for it that it remembers."""
        connection_id = secrets.token_hex(8)
        key = new_reference_key(connection_id, datetime.now(UTC) + timedelta(days=days), signing_key)
        if remembered:
            self.rig.dynamodb.put_item(
                TableName=self.rig.table_name,
                Item={"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": remembered_as(key)}},
            )
        return connection_id, key

    def rows(self, connection_id: str) -> list[dict[str, Any]]:
        """The activations kept for a connection."""
        found = self.rig.dynamodb.query(
            TableName=self.rig.table_name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": {"S": f"CONNECTION#{connection_id}"}, ":sk": {"S": "ACTIVATION#"}},
        )
        return [read_row(item) for item in found["Items"]]

    def everything(self) -> int:
        """How many rows the table holds."""
        return self.rig.dynamodb.scan(TableName=self.rig.table_name, Select="COUNT")["Count"]

    def queued(self) -> list[str]:
        """Take all messages out of the poll queue."""
        found: list[str] = []
        while batch := self.rig.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in batch:
                self.rig.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found


@pytest.fixture(scope="module")
def furnished(rig: Rig) -> str:
    """The partner secret and the poll queue; the queue's address."""
    boto3.client("secretsmanager").create_secret(
        Name=SECRET, SecretString=json.dumps({"link_signing_key": SIGNING_KEY, "partner_token": "x"})
    )
    return rig.sqs.create_queue(QueueName="polls-of-activation")["QueueUrl"]


@pytest.fixture
def door(rig: Rig, furnished: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A process that has just started."""
    monkeypatch.setenv("KEY_ID", rig.key_id)
    monkeypatch.setenv("POLL_QUEUE_URL", furnished)
    monkeypatch.setenv("PARTNER_SECRET_NAME", SECRET)
    app.forget()
    made = Door(rig, furnished)
    made.queued()
    yield made
    app.forget()


def body(reference_key: object, action: object = "Create", koppelsleutel: object = KOPPELSLEUTEL) -> str:
    """What SnelStart sends."""
    return json.dumps({"KoppelSleutel": koppelsleutel, "ActionType": action, "ReferenceKey": reference_key})


def call(text: str | None, *, encoded: bool = False) -> tuple[int, dict[str, object]]:
    """The function's answer to a body."""
    answer = app.handler({"body": text, "isBase64Encoded": encoded}, None)
    status, said, headers = answer["statusCode"], answer["body"], answer["headers"]
    assert isinstance(status, int)
    assert isinstance(said, str)
    assert isinstance(headers, Mapping)
    assert headers["Content-Type"] == "application/json"
    return status, json.loads(said)


def test_a_call_is_kept_sealed_and_announced_before_it_is_answered(door: Door) -> None:
    """The koppelsleutel lies sealed in the connection's own row, due by itself; the message only points at it."""
    connection_id, key = door.link()
    assert call(body(key)) == RECEIVED
    [row] = door.rows(connection_id)
    assert (row["action"], row["state"], row["attempts"], row["due_pk"]) == ("Create", "received", 0, "ACTIVATIONS")
    assert row["due_at"] > row["received_at"]
    assert KOPPELSLEUTEL not in repr(row)
    assert key not in repr(row)
    opened = door.rig.kms.decrypt(
        CiphertextBlob=row["sealed"], EncryptionContext={"connection": connection_id, "purpose": "credentials"}
    )
    assert json.loads(opened["Plaintext"]) == {"koppelsleutel": KOPPELSLEUTEL}
    [message] = door.queued()
    assert poll_queue_message(message) == ActivationMessage(connection_id, row["sk"].removeprefix("ACTIVATION#"))
    assert KOPPELSLEUTEL not in message


@pytest.mark.parametrize(
    "names",
    [
        ("KoppelSleutel", "ActionType", "ReferenceKey"),
        ("koppelSleutel", "actionType", "referenceKey"),
        ("KOPPELSLEUTEL", "actiontype", "referencekey"),
    ],
)
@pytest.mark.parametrize("action", ["Create", "regenerate", "DELETE"])
def test_names_come_in_any_case(door: Door, names: tuple[str, str, str], action: str) -> None:
    """SnelStart's fields are understood however they are cased, also as base64 and with a byte order mark."""
    connection_id, key = door.link()
    text = json.dumps(dict(zip(names, (KOPPELSLEUTEL, action, key), strict=True)) | {"Extra": [1]})
    assert call(base64.b64encode(b"\xef\xbb\xbf" + text.encode()).decode(), encoded=True) == RECEIVED
    assert [row["action"] for row in door.rows(connection_id)] == [action.capitalize()]


@pytest.mark.parametrize("koppelsleutel", ["", None])
def test_a_delete_needs_no_key(door: Door, koppelsleutel: str | None) -> None:
    """What is gone need not be named: a Delete without a koppelsleutel is kept."""
    connection_id, key = door.link()
    assert call(body(key, "Delete", koppelsleutel)) == RECEIVED
    assert len(door.rows(connection_id)) == 1


def test_forged_calls_change_nothing_and_hear_what_all_hear(door: Door) -> None:
    """A bad signature, another key's signature, a forgotten or expired link: the same answer as a good call."""
    connection_id, key = door.link()
    payload, signature = key.split(".")
    before = door.everything()
    forged = [
        "x",
        "é" * 40,
        f"{payload}.",
        f".{signature}",
        f"{payload}.{signature[:-1]}",
        f"{payload}.{signature}=",
        f"{payload}.{signature[::-1]}",
        f"{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}.{signature}",
        door.link(signing_key="another", remembered=False)[1],
        door.link(remembered=False)[1],
    ]
    for one in forged:
        for action in ("Create", "Regenerate", "Delete"):
            assert call(body(one, action)) == RECEIVED
    assert call(body(key, "Purchase")) == RECEIVED
    assert door.everything() == before
    assert door.rows(connection_id) == []
    assert door.queued() == []


def test_an_expired_link_creates_nothing(door: Door) -> None:
    """After its week a link no longer connects, and one that nobody used does nothing at all any more."""
    connection_id, key = door.link(days=-0.001)
    for action in ("Create", "Regenerate", "Delete"):
        assert call(body(key, action)) == RECEIVED
    assert door.rows(connection_id) == []


def test_what_comes_later_is_kept_for_the_link_that_was_used(door: Door) -> None:
    """Regenerate and Delete come long after the link's week; one that SnelStart used in time still counts."""
    connection_id, key = door.link(days=-100)
    door.rig.dynamodb.update_item(
        TableName=door.rig.table_name,
        Key={"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": remembered_as(key)}},
        UpdateExpression="SET approved_at = :then",
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    for action in ("Create", "Regenerate", "Delete"):
        assert call(body(key, action)) == RECEIVED
    assert [row["action"] for row in door.rows(connection_id)] == ["Regenerate", "Delete"]


def test_the_last_call_stands_last(door: Door) -> None:
    """Calls of one connection are kept side by side in the order they came; none overwrites another."""
    connection_id, key = door.link()
    actions = ["Create", "Regenerate", "Regenerate", "Delete", "Create"]
    for action in actions:
        assert call(body(key, action)) == RECEIVED
    assert [row["action"] for row in door.rows(connection_id)] == actions


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "KoppelSleutel=1",
        '{"KoppelSleutel": "k", "ActionType": "Create"',
        "[]",
        "null",
        '"text"',
        "{}",
        "[" * 60_000,
        '{"a":' * 12_000,
        '{"ReferenceKey": NaN}',
        "\ud800",
        body("r" * 501),
        body(""),
        body(1),
        body(None),
        body(["r"]),
        body("r", ""),
        body("r", 5),
        body("r", "x" * 65),
        body("r", "Create", ""),
        body("r", "Create", "   "),
        body("r", "Create", None),
        body("r", "Create", 12),
        body("r", "Create", {"k": "v"}),
        body("r", "Create", "k" * 2_049),
        body("r", "Create", "sleutél"),
        body("r", "Create", "\x01" * 700),
        body("r", "Delete", '"' * 2_048),
        '{"KoppelSleutel": "a", "koppelSleutel": "b", "ActionType": "Create", "ReferenceKey": "r"}',
    ],
)
@pytest.mark.usefixtures("door")
def test_a_malformed_call_is_refused_before_anything_is_looked_at(
    text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no call of SnelStart's is 400 without asking any service: there is none here to ask."""
    monkeypatch.setenv("PARTNER_SECRET_NAME", "nowhere")
    assert call(text)[0] == 400
    assert app.clients.cache_info().currsize == 0


def test_a_large_body_is_refused(door: Door) -> None:
    """More than 65,536 bytes is 413, exactly that many is read."""
    connection_id, key = door.link()
    fits = body(key)[:-1] + " " * (65_536 - len(body(key))) + "}"
    assert call(fits) == RECEIVED
    assert call(fits + " ")[0] == 413
    assert call("%" * 65_537, encoded=True)[0] in {400, 413}
    assert len(door.rows(connection_id)) == 1


@pytest.mark.parametrize("missing", ["PARTNER_SECRET_NAME", "TABLE_NAME", "KEY_ID"])
def test_what_cannot_be_kept_is_not_said_to_be(door: Door, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When secret, table or key does not answer, a good call hears 503 and nothing is half kept."""
    connection_id, key = door.link()
    monkeypatch.setenv(missing, "00000000-0000-0000-0000-000000000000")
    assert call(body(key)) == (503, {"error": "not received just now"})
    assert door.rows(connection_id) == []
    assert door.queued() == []


def test_a_queue_that_does_not_answer_loses_nothing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is what is kept: without its message it falls due by itself, so SnelStart hears that it arrived."""
    connection_id, key = door.link()
    monkeypatch.setenv("POLL_QUEUE_URL", door.queue_url + "-elsewhere")
    assert call(body(key)) == RECEIVED
    assert [row["due_pk"] for row in door.rows(connection_id)] == ["ACTIVATIONS"]


def test_a_renewed_signing_key_is_seen_at_once(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link signed with a key that is newer than the one held is taken: SnelStart will not say it twice."""
    assert call(body(door.link()[1])) == RECEIVED
    monkeypatch.setattr(app, "FRESH_SECONDS", 0)
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"link_signing_key": "renewed"}))
    try:
        connection_id, key = door.link(signing_key="renewed")
        assert call(body(key)) == RECEIVED
        assert len(door.rows(connection_id)) == 1
    finally:
        client.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"link_signing_key": SIGNING_KEY}))


@pytest.mark.parametrize("stored", ["{}", "[]", "no JSON", '{"link_signing_key": ""}'])
def test_without_a_signing_key_nothing_is_taken(door: Door, stored: str) -> None:
    """An empty or broken partner secret is 503; it never makes an unsigned key good."""
    key = door.link()[1]
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId=SECRET, SecretString=stored)
    try:
        assert call(body(key))[0] == 503
    finally:
        client.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"link_signing_key": SIGNING_KEY}))


def test_the_log_tells_neither_key(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept, ignored, malformed or not kept: no line holds the koppelsleutel or the reference key."""
    caplog.set_level(logging.DEBUG, "koppeling")
    connection_id, key = door.link()
    assert call(body(key))[0] == 200
    assert call(body(key + "x"))[0] == 200
    assert call(body(key)[:-1])[0] == 400
    assert call(body(key, 7))[0] == 400
    monkeypatch.setenv("TABLE_NAME", "elsewhere")
    assert call(body(key))[0] == 503
    lines = [vars(record) for record in caplog.records]
    assert [line["message"] for line in lines] == ["activation kept", *["activation not kept"] * 4]
    assert lines[0]["connection_id"] == connection_id
    for secret in (KOPPELSLEUTEL, key, key.split(".")[0], key.split(".")[1], SIGNING_KEY):
        assert secret not in repr(lines) + caplog.text
    assert KOPPELSLEUTEL not in repr(app.Call("Create", key, KOPPELSLEUTEL))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMED = st.dictionaries(
    st.sampled_from(["KoppelSleutel", "koppelsleutel", "ActionType", "ReferenceKey", "referenceKey"]), ANYTHING
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.none() | st.text(max_size=100) | ANYTHING.map(json.dumps) | NAMED.map(json.dumps), encoded=st.booleans())
def test_no_event_breaks_it(door: Door, text: str | None, encoded: bool) -> None:  # noqa: FBT001 (drawn, not passed)
    """Whatever arrives without a key of ours is answered 200 or 400, and nothing is queued."""
    assert call(text, encoded=encoded)[0] in {200, 400}
    assert door.queued() == []


def test_a_reference_key_says_what_it_was_made_for() -> None:
    """A link's key is short, different every time, names its connection and moment, and only our key reads it."""
    expires_at = datetime(2026, 11, 30, 14, tzinfo=UTC)
    key = new_reference_key("00112233445566aa", expires_at, SIGNING_KEY)
    assert len(key) == 87
    assert new_reference_key("00112233445566aa", expires_at, SIGNING_KEY) != key
    read = read_reference_key(key, SIGNING_KEY)
    assert read is not None
    assert (read.connection_id, read.expires_at) == ("00112233445566aa", expires_at)
    assert read_reference_key(key, "another") is None
    assert read_reference_key(key, "") is None
    with pytest.raises(ValueError, match="sign"):
        new_reference_key("00112233445566aa", expires_at, "")
    url = urlsplit(activation_url("app", key, "https://winkel.example/?a=b&c"))
    assert parse_qs(url.query) == {"referenceKey": [key], "successUrl": ["https://winkel.example/?a=b&c"]}
    assert url.path == "/couplings/activate/app"


@pytest.mark.parametrize("name", ["create", "regenerate", "delete"])
def test_the_sample_events_are_the_documented_calls(door: Door, name: str) -> None:
    """events/activation-*.json hear 200 as they are and do nothing; with a real reference key they are kept."""
    text = (ROOT / f"events/activation-{name}.json").read_text()
    before = door.everything()
    assert app.handler(json.loads(text), None)["statusCode"] == 200
    assert door.everything() == before
    connection_id, key = door.link()
    placeholder = "replace-with-the-referenceKey-in-the-link-that-koppeling-link-printed"
    assert app.handler(json.loads(text.replace(placeholder, key)), None)["statusCode"] == 200
    assert [row["action"] for row in door.rows(connection_id)] == [name.capitalize()]


def test_a_cold_start_carries_no_ballast() -> None:
    """Importing the function loads no boto3, Powertools, httpx or pydantic, and makes no client."""
    found = "[m for m in 'boto3 s3transfer aws_lambda_powertools httpx pydantic'.split() if m in sys.modules]"
    script = f"import sys, functions.activation.app as app; print({found}, app.clients.cache_info().currsize)"
    printed = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/shared"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == "[] 0"
