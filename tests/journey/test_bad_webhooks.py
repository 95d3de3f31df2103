import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.sign import signed_headers
from sandbox.world import Connected, World
from tests.journey.steps import book, connect, reach, sale, until

GOOD = b'{"data": {"order_number": 1001}}'
STRANGER = "whsec_" + "c3RyYW5nZXI" * 4
type Headers = dict[str, str]
type Forge = Callable[[Connected], Headers]


@pytest.fixture(scope="module")
def guarded(stage: World) -> Connected:
    """A shop whose door everybody knocks on."""
    connected = connect(stage, "Poortwachter")
    stage.place(connected, [sale(1001), sale(1002)])
    return connected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"1001"',
        b"null",
        b"{}",
        b'{"data": {}}',
        b'{"order_number": null}',
        b'{"order_number": true}',
        b'{"order_number": 0}',
        b'{"order_number": -1}',
        b'{"order_number": 1001.5}',
        b'{"order_number": NaN}',
        b'{"order_number": 9' + b"9" * 40 + b"}",
        b'{"order_number": "10 01"}',
        b'{"order_number": "../1001"}',
        b'{"order_number": ["1001"]}',
        b'{"data": {"order_number": "' + b"1" * 40 + b'"}}',
        b"[" * 30_000,
    ],
)
def test_a_malformed_body_is_told_what_is_wrong(guarded: Connected, http: httpx.Client, body: bytes) -> None:
    """A signed body that names no order is answered 400 with what is wrong with it."""
    answer = http.post(guarded.webhook_url, content=body, headers=signed_headers(guarded.webhook_secret, body))

    assert answer.status_code == 400
    assert any(word in answer.json()["error"] for word in ("body", "order_number"))


def test_a_body_that_is_no_text_is_malformed(guarded: Connected, http: httpx.Client) -> None:
    """Bytes that are no UTF-8 are answered 400."""
    answer = http.post(guarded.webhook_url, params={"key": guarded.webhook_key}, content=b'{"order_number": "\xff"}')

    assert answer.status_code == 400


def test_a_body_over_64_kib_is_too_large(stage: World, guarded: Connected, http: httpx.Client) -> None:
    """A body over 64 KiB is answered 413, whoever sent it; one of just that size is taken."""
    body = GOOD.replace(b"1001", b"1002").ljust(65_536)

    signed = http.post(guarded.webhook_url, content=body, headers=signed_headers(guarded.webhook_secret, body))
    too_large = body + b" "
    signed_too = signed_headers(guarded.webhook_secret, too_large)

    assert signed.status_code == 202
    assert http.post(guarded.webhook_url, content=too_large, headers=signed_too).status_code == 413
    assert http.post(guarded.webhook_url, content=too_large).status_code == 413
    reach(stage, guarded, {"1002": "paid"})


def _without(name: str) -> Forge:
    def forge(connected: Connected) -> Headers:
        return {key: value for key, value in signed_headers(connected.webhook_secret, GOOD).items() if key != name}

    return forge


def _with(name: str, value: str) -> Forge:
    return lambda connected: signed_headers(connected.webhook_secret, GOOD) | {name: value}


def _sent(ago: timedelta) -> Forge:
    return lambda connected: signed_headers(connected.webhook_secret, GOOD, sent_at=datetime.now(UTC) - ago)


FORGERIES: dict[str, Forge] = {
    "nothing": lambda _: {},
    "another's secret": lambda _: signed_headers(STRANGER, GOOD),
    "another body": lambda connected: signed_headers(connected.webhook_secret, GOOD.replace(b"1001", b"1003")),
    "another id": _with("webhook-id", "msg_other"),
    "sent an hour ago": _sent(timedelta(hours=1)),
    "sent an hour from now": _sent(timedelta(hours=-1)),
    "no id": _without("webhook-id"),
    "no timestamp": _without("webhook-timestamp"),
    "no signature": _without("webhook-signature"),
    "a timestamp that is none": _with("webhook-timestamp", "yesterday"),
    "an empty signature": _with("webhook-signature", ""),
    "no base64": _with("webhook-signature", "v1,!!!"),
    "no version": _with("webhook-signature", "nonsense"),
    "several wrong ones": lambda connected: (
        signed_headers(connected.webhook_secret, GOOD) | {"webhook-signature": "v1,AAAA v1,BBBB v1a,CCCC"}
    ),
    "a version that is not used": lambda connected: {
        name: value.replace("v1,", "v2,") for name, value in signed_headers(connected.webhook_secret, GOOD).items()
    },
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_who_cannot_prove_himself_is_not_let_in(guarded: Connected, http: httpx.Client, forge: Forge) -> None:
    """A missing, wrong, old or altered signature is answered 401, just as an unknown connection is."""
    unknown = http.post(guarded.webhook_url.replace(guarded.id, "0" * 16), content=GOOD, headers=forge(guarded))

    answer = http.post(guarded.webhook_url, content=GOOD, headers=forge(guarded))

    assert answer.status_code == unknown.status_code == 401
    assert answer.content == unknown.content
    assert answer.headers["content-type"] == unknown.headers["content-type"]


@pytest.mark.parametrize("connection_id", ["0" * 16, "unknown", "0" * 15, "CONNECTION", "%2e%2e"])
def test_an_unknown_connection_is_not_told_from_a_known_one(
    guarded: Connected, http: httpx.Client, connection_id: str
) -> None:
    """A well signed webhook for a connection that does not exist gets the answer of a bad signature."""
    url = guarded.webhook_url.replace(guarded.id, connection_id)
    known = http.post(guarded.webhook_url, content=GOOD, headers=signed_headers(STRANGER, GOOD))

    for answer in (
        http.post(url, content=GOOD, headers=signed_headers(guarded.webhook_secret, GOOD)),
        http.post(url, params={"key": guarded.webhook_key}, content=GOOD),
    ):
        assert answer.status_code == 401
        assert answer.content == known.content


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_wrong_url_key_is_not_let_in(guarded: Connected, http: httpx.Client, key: str) -> None:
    """A wrong or empty URL key is answered 401."""
    assert http.post(guarded.webhook_url, params={"key": key}, content=GOOD).status_code == 401


def test_a_stranger_learns_nothing_about_bodies(guarded: Connected, http: httpx.Client) -> None:
    """Who cannot prove himself is not told that his body is malformed either."""
    assert http.post(guarded.webhook_url, content=b"{", headers=signed_headers(STRANGER, b"{")).status_code == 401


def test_one_right_signature_of_several_is_enough(stage: World, guarded: Connected, http: httpx.Client) -> None:
    """A signature header with several signatures is good when one of them is; what was refused booked nothing."""
    assert "1001" not in stage.orders(guarded)
    headers = signed_headers(guarded.webhook_secret, GOOD)
    headers["webhook-signature"] = f"v1,AAAA v1a,BBBB {headers['webhook-signature']}"

    assert http.post(guarded.webhook_url, content=GOOD, headers=headers).status_code == 202
    assert until(stage, guarded, {"1001": "paid"}).keys() <= {"1001", "1002"}


def test_a_shop_with_bad_webhooks_harms_nobody(stage: World, guarded: Connected, http: httpx.Client) -> None:
    """While one shop's webhooks are malformed, its good ones and those of its neighbour are booked."""
    neighbour = connect(stage, "Buurman van de poort")
    for body in (b"{", json.dumps({"order_number": "?"}).encode()):
        http.post(guarded.webhook_url, content=body, headers=signed_headers(guarded.webhook_secret, body))

    book(stage, guarded, sale(1004))
    book(stage, neighbour, sale(1004))
