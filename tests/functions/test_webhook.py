import base64
import json
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

from functions.webhook import app
from koppeling.messages import OrderMessage
from koppeling.signature import new_secret, new_url_key
from tests.functions.rig import ROOT, Connection, Rig, call
from tests.functions.webhooks import BODY, UNAUTHORISED, by_key, event, headers, signed


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
