"""Webhooks of senders who are not who they say: none gets in, and none learns which connections there are."""

import base64
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from functions.webhook import app
from koppeling import signature
from koppeling.signature import new_secret, new_url_key
from tests.functions.rig import Connection, Rig, call

BODY = '{"data": {"order_number": 1001}}'
FORGERIES = 2_000


def event(
    connection_id: str, body: str = BODY, *, key: str = "", headers: dict[str, str] | None = None
) -> dict[str, object]:
    """A REST proxy event as API Gateway makes it."""
    return {
        "pathParameters": {"connection_id": connection_id},
        "headers": headers,
        "queryStringParameters": {"key": key} if key else None,
        "body": base64.b64encode(body.encode("utf-8", "surrogatepass")).decode(),
        "isBase64Encoded": True,
    }


def proof(secret: str, body: str = BODY, age: int = 0) -> dict[str, str]:
    """A signature by this secret."""
    at = int(time.time()) - age
    signed = Webhook(secret).sign("msg_1", datetime.fromtimestamp(at, UTC), body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signed}


@contextmanager
def calls() -> Iterator[list[str]]:
    """The calls to AWS that are made in the block, in order."""
    made: list[str] = []
    clients = app.clients()
    hooked = [("dynamodb", clients.table), ("kms", clients.keys), ("sqs", clients.queue)]

    def heard(model: object, **_: object) -> None:
        made.append(str(getattr(model, "name", "")))

    for name, client in hooked:
        client.meta.events.register(f"before-call.{name}", heard)
    yield made
    for name, client in hooked:
        client.meta.events.unregister(f"before-call.{name}", heard)


def test_one_shop_cannot_speak_for_another(fresh: Rig) -> None:
    """A's secret, A's key and A's own signed webhook are worth nothing at B's address, and nothing is queued."""
    a, b = fresh.connect(), fresh.connect()
    assert call(event(a.id, headers=proof(a.secrets[0])))[0] == 202
    fresh.queued()
    attempts = [
        event(b.id, headers=proof(a.secrets[0])),
        event(b.id, key=a.key),
        event(b.id, key=a.key, headers=proof(a.secrets[0])),
        event(b.id, key=b.key, headers=proof(a.secrets[0])),
        event(f"{b.id}#{a.id}", key=a.key),
        event(f"{a.id}/../{b.id}", key=a.key),
    ]
    assert [call(attempt)[0] for attempt in attempts] == [401] * len(attempts)
    assert fresh.queued() == []


def test_a_secret_that_was_rotated_away_signs_nothing(fresh: Rig) -> None:
    """A webhook signed anew with a secret of two rotations ago is refused, the one of the last rotation is not."""
    oldest = fresh.connect()
    now = replace(oldest, secrets=(new_secret(), new_secret()), key=new_url_key())
    fresh.store(now)
    app.forget()
    assert call(event(now.id, headers=proof(oldest.secrets[0])))[0] == 401
    assert call(event(now.id, key=oldest.key))[0] == 401
    assert [call(event(now.id, headers=proof(secret)))[0] for secret in now.secrets] == [202, 202]


def test_a_replay_is_one_order_again_and_then_none(fresh: Rig) -> None:
    """A webhook sent again within five minutes announces its own order again, after that it is refused."""
    connection = fresh.connect()
    heard = proof(connection.secrets[0], age=200)
    assert [call(event(connection.id, headers=heard))[0] for _ in range(3)] == [202] * 3
    assert {content["order_number"] for _, content in fresh.queued()} == {"1001"}
    assert call(event(connection.id, headers=proof(connection.secrets[0], age=301)))[0] == 401


Forge = Callable[[random.Random, Connection, Connection], dict[str, object]]


def _altered(chance: random.Random, text: str) -> str:
    """The same text with one character another."""
    place = chance.randrange(len(text))
    other = chance.choice([letter for letter in "abcdefgh01234567+/=,. " if letter != text[place]])
    return text[:place] + other + text[place + 1 :]


def _altered_header(name: str) -> Forge:
    def forge(chance: random.Random, known: Connection, _: Connection) -> dict[str, object]:
        good = proof(known.secrets[0])
        if name == "webhook-signature":
            # The last character of base64 holds bits nobody reads, but here the text is compared.
            good[name] = "v1," + _altered(chance, good[name].removeprefix("v1,"))
        elif name == "webhook-timestamp":
            good[name] = str(int(good[name]) + chance.choice([-400, -300, -2, -1, 1, 2, 299, 400]))
        else:
            good[name] = _altered(chance, good[name])
        return event(known.id, headers=good)

    return forge


FORGES: dict[str, Forge] = {
    "id": _altered_header("webhook-id"),
    "timestamp": _altered_header("webhook-timestamp"),
    "signature": _altered_header("webhook-signature"),
    "body": lambda chance, known, _: event(known.id, _altered(chance, BODY), headers=proof(known.secrets[0])),
    "truncated": lambda chance, known, _: event(
        known.id, BODY[: chance.randrange(len(BODY))], headers=proof(known.secrets[0])
    ),
    "secret": lambda _, known, __: event(known.id, headers=proof(new_secret())),
    "another's secret": lambda _, known, other: event(known.id, headers=proof(other.secrets[0])),
    "key": lambda chance, known, _: event(known.id, key=_altered(chance, known.key)),
    "short key": lambda chance, known, _: event(known.id, key=known.key[: chance.randrange(1, len(known.key))]),
    "another's key": lambda _, known, other: event(known.id, key=other.key),
    "old": lambda chance, known, _: event(
        known.id, headers=proof(known.secrets[0], age=chance.choice([-1, 1]) * chance.randrange(302, 10**6))
    ),
    "unknown": lambda chance, known, _: event(f"{chance.getrandbits(64):016x}", headers=proof(known.secrets[0])),
    "enormous": lambda chance, known, _: event(known.id, "x" * chance.randrange(1_000, 65_537), key="wrong"),
    "deep": lambda chance, known, _: event(known.id, "[" * chance.randrange(10_000, 60_000), key="wrong"),
    "no UTF-8": lambda _, known, __: event(known.id, "\ud800", key="wrong"),
}


def test_forgeries(fresh: Rig) -> None:
    """Two thousand forged webhooks, of fifteen kinds: all are answered 401 in the same words, and none is queued."""
    chance = random.Random(20_261_123)  # noqa: S311 -- to be repeated, not to be secret
    known, other = fresh.connect(), fresh.connect()
    answers = set()
    for number in range(FORGERIES):
        forge = list(FORGES.values())[number % len(FORGES)]
        answers.add(str(app.handler(forge(chance, known, other), None)))
    assert len(answers) == 1, answers
    assert "'statusCode': 401" in answers.pop()
    assert fresh.queued() == []
    assert call(event(known.id, headers=proof(known.secrets[0])))[0] == 202


@pytest.mark.parametrize("prove", ["signature", "key"])
def test_an_unknown_connection_takes_the_same_road(fresh: Rig, monkeypatch: pytest.MonkeyPatch, prove: str) -> None:
    """Call by call, first and later, an unknown connection costs what a wrong proof for a known one costs."""
    known = fresh.connect()
    fresh.kms.encrypt(KeyId=fresh.key_id, Plaintext=b"x")
    roads = []
    for connection_id in (known.id, "f" * 16):
        app.forget()
        wrong = (
            event(connection_id, headers=proof(new_secret())) if prove == "signature" else event(connection_id, key="x")
        )
        road = []
        now = time.time()
        for later in (0.0, 0.5, 2.0, 70.0, 70.5):
            monkeypatch.setattr(time, "time", lambda moment=now + later: moment)
            with calls() as made:
                assert call(wrong)[0] == 401
            road.append(made)
        monkeypatch.undo()
        fresh.queued()
        roads.append(road)
    assert roads[0] == roads[1]
    # Found out, remembered for a second, looked whether it changed; after a minute from the start again.
    assert roads[0] == [["GetItem", "Decrypt"], [], ["GetItem"], ["GetItem", "Decrypt"], []]


def test_an_outage_does_not_tell_them_apart(fresh: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While KMS is out of reach both the unknown and the known connection are answered 503."""
    known = fresh.connect()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    app.forget()
    assert [call(event(one, key="x"))[0] for one in (known.id, "f" * 16)] == [503, 503]


def test_made_up_connections_do_not_fill_the_memory(fresh: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ids a stranger makes up, no more than a fixed number is remembered."""
    monkeypatch.setattr(app, "MOST_HELD", 20)
    known = fresh.connect()
    for number in range(50):
        assert call(event(f"{number:016x}", key="x"))[0] == 401
        assert len(app._held) <= 20  # noqa: SLF001 -- what would grow
    assert call(event(known.id, key=known.key))[0] == 202


def test_proofs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures and keys go through hmac.compare_digest and nothing else, right or wrong, whole and not bit by bit."""
    compared: list[tuple[bytes, bytes]] = []

    def never(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return False

    monkeypatch.setattr("hmac.compare_digest", never)
    secret = new_secret()
    assert not signature.verify(proof(secret), BODY.encode(), [secret], time.time())
    assert not signature.key_matches("sleutel", "sleutel")
    assert [len(ours) == len(theirs) for ours, theirs in compared] == [True, True]
