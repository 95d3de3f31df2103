import base64
import json
import logging
import string
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from functions.webhook import app
from koppeling.messages import OrderMessage
from koppeling.signature import new_secret, new_url_key
from tests.functions.rig import ROOT, Connection, Rig, call

BODY = (
    '{"type": "order.status_changed", "timestamp": "2026-11-23T14:00:00Z", "data": {"order_number": 1001, "status": 4}}'
)
UNAUTHORISED = {"error": "unknown connection, or no valid signature or key"}


def event(connection_id: str, body: str | None = BODY, **parts: object) -> dict[str, object]:
    """A REST proxy event as API Gateway makes it; `parts` replaces any of its members."""
    return {
        "resource": "/webhooks/mijnwebwinkel/{connection_id}",
        "httpMethod": "POST",
        "headers": None,
        "multiValueHeaders": None,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"connection_id": connection_id},
        "body": body,
        "isBase64Encoded": False,
    } | parts


def by_key(connection: Connection, body: str = BODY, **parts: object) -> dict[str, object]:
    """A webhook of a sender that cannot sign."""
    return event(connection.id, body, queryStringParameters={"key": connection.key}, **parts)


def headers(connection: Connection, body: str = BODY, secret: str = "", age: int = 0) -> dict[str, str]:
    """The headers of a sender that signs, made by the reference library."""
    at = int(time.time()) - age
    signature = Webhook(secret or connection.secrets[0]).sign("msg_1", datetime.fromtimestamp(at, UTC), body)
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def signed(connection: Connection, body: str = BODY, **parts: object) -> dict[str, object]:
    """A signed webhook."""
    return event(connection.id, body, headers=headers(connection, body), **parts)


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


def test_a_shop_that_sends_a_flood_keeps_the_live_lane_free_for_others(fresh: Rig) -> None:
    """Of 60 orders of one shop in a minute 50 stand among others', ten in the slow lane; nobody else's does."""
    noisy, quiet = fresh.connect(), fresh.connect()
    with time_machine.travel(datetime(2026, 6, 1, 12, 0, 12, tzinfo=UTC), tick=False), _delays() as delays:
        for number in range(1001, 1061):
            assert call(by_key(noisy, json.dumps({"order_number": number})))[0] == 202
        assert call(by_key(quiet))[0] == 202
    assert delays == [*[0] * 54, 1, 1, 1, 1, 2, 2, 0], "no faster than SnelStart takes them"
    time.sleep(2.5)
    live, slow = fresh.taken(fresh.queue_url), fresh.taken(fresh.backlog_url)
    assert Counter(group for group, _ in live) == {noisy.id: app.LIVE_A_MINUTE, quiet.id: 1}
    assert [group for group, _ in slow] == [noisy.id] * 10
    numbers = [int(content["order_number"]) for group, content in (*live, *slow) if group == noisy.id]
    assert sorted(numbers) == list(range(1001, 1061))


def test_a_shop_that_sells_as_fast_as_snelstart_takes_it_waits_for_nothing(fresh: Rig) -> None:
    """A sale of 2 orders a second: the slow lane has room, and no order is kept back."""
    busy = fresh.connect()
    start = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock, _delays() as delays:
        for number in range(1, 111):
            clock.move_to(start + timedelta(seconds=number / 2))
            assert call(by_key(busy, json.dumps({"order_number": number})))[0] == 202
    assert delays == [0] * 110
    assert len(fresh.queued()) == 110


@contextmanager
def _delays() -> Iterator[list[int]]:
    """The delays that messages are sent with meanwhile, in seconds."""
    seen: list[int] = []

    def sent(params: dict[str, object], **_: object) -> None:
        seen.append(int(str(params["DelaySeconds"])))

    events = app.clients().queue.meta.events
    events.register("provide-client-params.sqs.SendMessage", sent)
    try:
        yield seen
    finally:
        events.unregister("provide-client-params.sqs.SendMessage", sent)


def test_a_signed_webhook_is_in_the_queue_before_it_is_accepted(fresh: Rig) -> None:
    """A signed webhook is answered 202, and its order then stands in the queue under its connection's group."""
    connection = fresh.connect()
    assert call(signed(connection)) == (202, {"accepted": True})
    [(group, content)] = fresh.queued()
    message = OrderMessage.from_body(json.dumps(content))
    assert group == message.connection_id == connection.id
    assert (message.order_number, message.cause, len(message.trace)) == ("1001", "webhook", 32)
    assert abs(datetime.now(UTC) - message.received_at) < timedelta(seconds=10)
    assert content["received_at"].endswith("+00:00")


def test_the_url_key_stands_in_for_a_signature(fresh: Rig) -> None:
    """A sender that cannot sign is known by its key, in either shape that API Gateway gives a query."""
    connection = fresh.connect()
    assert call(by_key(connection))[0] == 202
    assert call(event(connection.id, multiValueQueryStringParameters={"key": [connection.key]}))[0] == 202
    assert len(fresh.queued()) == 2


def test_headers_may_come_as_lists(fresh: Rig) -> None:
    """The three headers count in the shape of lists too, in any case."""
    connection = fresh.connect()
    lists = {name.upper(): [value] for name, value in headers(connection).items()}
    assert call(event(connection.id, multiValueHeaders=lists))[0] == 202


def test_the_bytes_are_verified_as_sent(fresh: Rig) -> None:
    """A body in base64 is verified as the bytes it stands for, and one space more is another body."""
    connection = fresh.connect()
    encoded = base64.b64encode(BODY.encode()).decode()
    proof = headers(connection)
    assert call(event(connection.id, encoded, headers=proof, isBase64Encoded=True))[0] == 202
    assert call(event(connection.id, BODY + " ", headers=proof)) == (401, UNAUTHORISED)
    assert call(event(connection.id, encoded, headers=proof)) == (401, UNAUTHORISED)


def test_strangers_all_hear_the_same(fresh: Rig) -> None:
    """An unknown connection, a bad id, a missing, bad or old signature and a bad key get one identical answer."""
    connection = fresh.connect()
    unknown = replace(connection, id="f" * 16)
    answers = [
        app.handler(stranger, None)
        for stranger in (
            signed(unknown),
            by_key(unknown),
            signed(replace(connection, id=connection.id.upper() + "é")),
            by_key(replace(connection, id="")),
            event(connection.id, pathParameters=None, queryStringParameters={"key": connection.key}),
            event(connection.id),
            event(connection.id, headers={}, queryStringParameters={}),
            event(connection.id, headers=headers(connection, secret=new_secret())),
            event(connection.id, headers=headers(connection, age=400)),
            event(connection.id, headers=headers(connection, age=-400)),
            event(connection.id, headers={"webhook-signature": "v1,é \x00"}),
            by_key(replace(connection, key=new_url_key())),
            by_key(replace(connection, key="é")),
            by_key(replace(connection, key="")),
            by_key(connection, headers={"webhook-signature": ""}),
            event(connection.id, "not JSON", queryStringParameters={"key": "wrong"}),
            event(connection.id, "%%%", headers=headers(connection), isBase64Encoded=True),
        )
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["statusCode"] == 401
    assert fresh.queued() == []


def test_a_signature_outranks_the_key(fresh: Rig) -> None:
    """Where a signature is given it alone counts: a good key makes up for nothing, a bad key harms nothing."""
    connection = fresh.connect()
    bad = headers(connection, secret=new_secret())
    assert call(by_key(connection, headers=bad))[0] == 401
    assert call(signed(connection, queryStringParameters={"key": "wrong"}))[0] == 202


def test_size_is_looked_at_first(fresh: Rig) -> None:
    """A body over 65,536 bytes, counted as sent, is refused with 413 whoever sends it; exactly 65,536 is not."""
    connection = fresh.connect()
    fits = BODY[:-1] + " " * (65_536 - len(BODY)) + "}"
    assert len(fits) == 65_536
    assert call(signed(connection, fits))[0] == 202
    assert call(signed(connection, fits + " "))[0] == 413
    assert call(event("nobody", fits + " "))[0] == 413
    assert call(event("nobody", fits))[0] == 401
    assert call(event("nobody", "é" * 32_769))[0] == 413
    encoded = base64.b64encode(fits.encode()).decode()
    assert call(by_key(connection, encoded, isBase64Encoded=True))[0] == 202
    encoded = base64.b64encode(fits.encode() + b" ").decode()
    assert call(by_key(connection, encoded, isBase64Encoded=True))[0] == 413
    assert call(by_key(connection, "%" * 65_537, isBase64Encoded=True))[0] == 413


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "not JSON"),
        ("order_number=1001", "not JSON"),
        ('{"order_number": 1001', "not JSON"),
        ('{"order_number": NaN}', "not JSON"),
        ('{"order_number": -Infinity}', "not JSON"),
        ('{"order_number": ' + "9" * 5_000 + "}", "not JSON"),
        ("\ufeff" + BODY, "not JSON"),
        ("\ud800", "not UTF-8"),
        ("[" * 60_000, "nested too deeply"),
        ('{"a":' * 12_000, "nested too deeply"),
        ("[]", "not a JSON object"),
        ('[{"order_number": 1001}]', "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "order_number is missing"),
        ('{"data": {}}', "order_number is missing"),
        ('{"data": [1001]}', "order_number is missing"),
        ('{"data": {"order_number": null}}', "order_number is missing"),
        ('{"order_number": ' + "9" * 4_000 + "}", "order_number is neither"),
        *(
            (f'{{"order_number": {value}}}', "order_number is neither")
            for value in ("true", "0", "-1", "1.5", "1e3", "1e999", "[]", "{}", '""', '"é"', '"a b"', '"\\ud800"')
        ),
    ],
)
def test_a_malformed_body_hears_what_is_wrong(fresh: Rig, body: str, says: str) -> None:
    """Whoever may send but sends nonsense is told in a 400 what is wrong with it, and nothing is queued."""
    status, content = call(by_key(fresh.connect(), body))
    assert status == 400
    assert says in str(content["error"])
    assert fresh.queued() == []


@pytest.mark.parametrize("raw", [b"\xff\xfe", '{"order_number": "é"}'.encode("latin-1"), BODY.encode("utf-16")])
def test_a_body_must_be_utf_8(fresh: Rig, raw: bytes) -> None:
    """Bytes that are no UTF-8 are a malformed body, not a crash, and no guess at another encoding."""
    encoded = base64.b64encode(raw).decode()
    status, content = call(by_key(fresh.connect(), encoded, isBase64Encoded=True))
    assert (status, content["error"]) == (400, "the body is not UTF-8")


def test_base64_that_is_none_is_a_malformed_body(fresh: Rig) -> None:
    """Once the key has proven the sender, a body that is no base64 is answered 400."""
    status, content = call(by_key(fresh.connect(), "%%%", isBase64Encoded=True))
    assert status == 400
    assert "base64" in str(content["error"])


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ('{"data": {"order_number": "0001001"}}', "1001"),
        ('{"order_number": 1001}', "1001"),
        ('{"data": "x", "order_number": "1001"}', "1001"),
        ('{"data": {"order_number": 7}, "order_number": 8}', "7"),
        ('{"data": {"order_number": "27t"}}', "27T"),
    ],
)
def test_only_the_order_number_is_believed(fresh: Rig, body: str, number: str) -> None:
    """The number may be text, may stand at the top level, and may be a test order's; data goes first."""
    assert call(by_key(fresh.connect(), body))[0] == 202
    [(_, content)] = fresh.queued()
    assert content["order_number"] == number


def test_a_paused_connection_still_accepts(fresh: Rig) -> None:
    """Pausing stops the booking, not the listening."""
    connection = fresh.connect()
    sealed = fresh.dynamodb.get_item(
        TableName=fresh.table_name, Key={"pk": {"S": f"CONNECTION#{connection.id}"}, "sk": {"S": "CONNECTION"}}
    )["Item"]["sealed_webhook"]["B"]
    fresh.put(connection.id, sealed, status="paused")
    assert call(signed(connection))[0] == 202


def test_a_rotated_secret_works_at_once(fresh: Rig) -> None:
    """After a rotation the new secret is accepted within a second or so, and the old one as long as it is stored."""
    old = fresh.connect()
    assert call(signed(old))[0] == 202
    new = replace(old, secrets=(new_secret(), *old.secrets))
    fresh.store(new)
    time.sleep(app.FRESH_SECONDS + 0.1)
    assert call(signed(new))[0] == 202
    assert call(signed(old))[0] == 202
    fresh.store(replace(new, secrets=new.secrets[:1]))
    app.forget()
    assert call(signed(old))[0] == 401


def test_a_new_connection_works_at_once(fresh: Rig) -> None:
    """That a connection is unknown is remembered for a second, as a wrong signature is."""
    connection = Connection("ab" * 8, (new_secret(),), new_url_key())
    fresh.dynamodb.delete_item(
        TableName=fresh.table_name, Key={"pk": {"S": f"CONNECTION#{connection.id}"}, "sk": {"S": "CONNECTION"}}
    )
    assert call(signed(connection))[0] == 401
    fresh.store(connection)
    time.sleep(app.FRESH_SECONDS + 0.1)
    assert call(signed(connection))[0] == 202


def test_secrets_are_read_once_a_minute(fresh: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a minute a known sender costs no read of its row; after it, its secrets are read again."""
    connection = fresh.connect()
    assert call(signed(connection))[0] == 202
    fresh.dynamodb.delete_item(
        TableName=fresh.table_name, Key={"pk": {"S": f"CONNECTION#{connection.id}"}, "sk": {"S": "CONNECTION"}}
    )
    assert call(signed(connection))[0] == 202
    later = time.time() + app.CACHE_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    assert call(by_key(connection))[0] == 401


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


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NUMBERS = (
    ANYTHING | st.integers(1, 10**20).map(str) | st.text(string.ascii_letters + string.digits + "._-é", max_size=34)
)
BODIES = st.one_of(
    st.none(),
    st.text(max_size=200),
    ANYTHING.map(json.dumps),
    NUMBERS.map(lambda number: json.dumps({"data": {"order_number": number}})),
    NUMBERS.map(lambda number: json.dumps({"data": 1, "order_number": number})),
    st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
    st.just("x" * 65_537),
)
PAIRS = st.dictionaries(
    st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "key", "x"]) | st.text(max_size=5),
    st.text(max_size=30) | st.sampled_from(["v1,", "1795442400"]),
    max_size=4,
)
LISTS = st.dictionaries(st.sampled_from(["webhook-signature", "key"]), st.lists(st.text(max_size=9), max_size=2))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES, encoded=st.booleans(), pairs=PAIRS, lists=LISTS, proof=st.sampled_from(["none", "key", "signature"])
)
def test_no_event_breaks_it(
    fresh: Rig,
    body: str | None,
    encoded: bool,  # noqa: FBT001 (drawn, not passed)
    pairs: dict[str, str],
    lists: dict[str, list[str]],
    proof: str,
) -> None:
    """Whatever arrives is answered 202, 400, 401 or 413, and 202 only to a proven sender of a number."""
    connection = Connection("1f" * 8, ("whsec_" + base64.b64encode(bytes(32)).decode(),), "sleutel")
    if not app._held:  # noqa: SLF001 (stored once, not 300 times)
        fresh.store(connection)
    query, head = dict(pairs), dict(pairs)
    if proof == "key":
        head = {name: value for name, value in head.items() if name.lower() != "webhook-signature"}
        lists = {}
        query = {"key": connection.key}
    if proof == "signature" and body is not None and body.isascii() and not encoded:
        head = headers(connection, body)
    status, _ = call(
        event(
            connection.id,
            body,
            isBase64Encoded=encoded,
            headers=head or None,
            multiValueHeaders=lists or None,
            queryStringParameters=query or None,
            multiValueQueryStringParameters=lists or None,
        )
    )
    assert status in {202, 400, 401, 413}
    if proof == "none":
        assert status in {401, 413}
    if proof == "key":
        assert status != 401


def test_a_cold_start_carries_no_ballast() -> None:
    """Importing the function loads no boto3, Powertools, httpx or pydantic, and makes no client."""
    heavy = "boto3 s3transfer aws_lambda_powertools httpx pydantic standardwebhooks"
    found = f"[m for m in {heavy.split()} if m in sys.modules]"
    script = f"import sys, functions.webhook.app as app; print({found}, app.clients.cache_info().currsize)"
    printed = subprocess.run(  # noqa: S603 (our own interpreter)
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/shared"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.strip() == "[] 0"


def test_the_sample_event_is_the_documented_request(fresh: Rig) -> None:
    """events/webhook.json goes through once its connection exists and its key is filled in."""
    sample = json.loads((ROOT / "events/webhook.json").read_text())
    key = sample["queryStringParameters"]["key"]
    fresh.store(Connection(sample["pathParameters"]["connection_id"], (new_secret(),), key))
    assert call(sample)[0] == 202
    [(group, content)] = fresh.queued()
    worker = json.loads((ROOT / "events/worker.json").read_text())["Records"][0]
    expected = OrderMessage.from_body(worker["body"])
    assert worker["attributes"]["MessageGroupId"] == group == expected.connection_id
    assert content["order_number"] == expected.order_number
