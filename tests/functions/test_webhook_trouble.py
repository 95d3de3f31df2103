"""When AWS or what is stored fails, a webhook is asked for again; and the log tells of it without a secret."""

import logging
import time

import pytest

from functions.webhook import app
from koppeling.signature import new_secret, new_url_key
from tests.functions.rig import Connection, Rig, call
from tests.functions.webhooks import by_key, event, headers, signed


@pytest.mark.parametrize(
    ("service", "operation", "part"), [("keys", "kms.Decrypt", "Plaintext"), ("queue", "sqs.SendMessage", "MessageId")]
)
def test_an_answer_of_aws_that_is_none_is_no_yes(fresh: Rig, service: str, operation: str, part: str) -> None:
    """A 200 without what it should hold: 503, so that the sender sends it again."""
    connection = fresh.connect()
    events = getattr(app.clients(), service).meta.events

    def garble(parsed: dict[str, object], **_: object) -> None:
        parsed.pop(part, None)

    events.register(f"after-call.{operation}", garble)
    assert call(signed(connection))[0] == 503
    events.unregister(f"after-call.{operation}", garble)
    assert call(signed(connection))[0] == 202


def test_a_full_queue_asks_for_a_repeat(fresh: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """When SQS does not take the message the sender hears 503 and when to come back, never 202."""
    connection = fresh.connect()
    monkeypatch.setenv("ORDER_QUEUE_URL", fresh.queue_url.replace("orders", "gone"))
    assert call(signed(connection))[0] == 503
    assert fresh.queued() == []


@pytest.mark.parametrize("service", ["DYNAMODB", "KMS", "SQS"])
def test_an_outage_is_never_the_senders_fault(fresh: Rig, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """With one of the three services unreachable the answer is 503, in less than half of the API's 29 seconds."""
    connection = fresh.connect()
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://127.0.0.1:9")
    app.forget()
    began = time.monotonic()
    assert call(signed(connection))[0] == 503
    assert time.monotonic() - began < 14
    monkeypatch.delenv(f"AWS_ENDPOINT_URL_{service}")
    app.forget()
    assert call(signed(connection))[0] == 202


def test_a_missing_table_is_never_the_senders_fault(fresh: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that DynamoDB answers is 503, not 401."""
    connection = fresh.connect()
    monkeypatch.setenv("TABLE_NAME", "elsewhere")
    assert call(signed(connection))[0] == 503


def test_another_connections_seal_opens_nothing(fresh: Rig) -> None:
    """Credentials copied from another connection's row cannot be opened: 503, and no sender gets in by them."""
    connection = Connection("cd" * 8, (new_secret(),), new_url_key())
    fresh.store(connection, sealed_for="ef" * 8)
    assert call(signed(connection))[0] == 503


@pytest.mark.parametrize("plain", [b"", b"\xff", b"[]", b"{}", b'{"secrets": 1, "key": "k"}'])
def test_a_damaged_seal_is_never_the_senders_fault(fresh: Rig, plain: bytes) -> None:
    """Credentials that open but make no sense are 503."""
    context = {"connection": "0d" * 8, "purpose": "webhook"}
    sealed = fresh.kms.encrypt(KeyId=fresh.key_id, Plaintext=plain, EncryptionContext=context)["CiphertextBlob"]
    fresh.put("0d" * 8, sealed)
    assert call(event("0d" * 8, queryStringParameters={"key": "k"}))[0] == 503


def test_a_connection_without_credentials_is_unknown(fresh: Rig) -> None:
    """Empty credentials let nobody in."""
    connection = Connection("0e" * 8, (), "")
    fresh.store(connection)
    assert call(by_key(connection))[0] == 401
    assert call(event(connection.id, headers=headers(fresh.connect())))[0] == 401


def test_the_log_names_order_and_trace_and_no_secret(fresh: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Each webhook leaves one line: connection, order and trace, or the reason of a refusal; never content."""
    caplog.set_level(logging.INFO, "koppeling")
    connection = fresh.connect()
    assert call(signed(connection))[0] == 202
    [(_, content)] = fresh.queued()
    [line] = caplog.records
    assert vars(line)["trace"] == content["trace"]
    assert (vars(line)["connection_id"], vars(line)["order_number"]) == (connection.id, "1001")

    caplog.clear()
    canary = "kanarie"
    assert call(event(canary, f'"{canary}"', queryStringParameters={"key": canary}))[0] == 401
    assert call(event(connection.id, headers={"webhook-signature": canary}))[0] == 401
    assert call(by_key(connection, f'{{"{canary}": "{canary}", "order_number": "{canary}!"}}'))[0] == 400
    lines = [vars(record) for record in caplog.records]
    assert [line["connection_id"] for line in lines] == [None, connection.id, connection.id]
    everything = repr(lines) + caplog.text
    for secret in (canary, connection.key, *connection.secrets):
        assert secret not in everything
    assert connection.key not in repr(app._held)  # noqa: SLF001 (what a crash report might print)
