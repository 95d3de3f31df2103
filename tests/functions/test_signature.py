import base64
import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from koppeling.signature import key_matches, new_secret, new_url_key, secret_is_sound, verify

NOW = 1_795_442_400
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = b'{"data": {"order_number": 1001}}'


def signed(secret: str = SECRET, body: bytes = BODY, at: int = NOW, message_id: str = "msg_1") -> dict[str, str]:
    """The headers as the reference library signs them."""
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_a_known_answer() -> None:
    """A signature worked out once with openssl is accepted, and nothing that differs from it in one bit."""
    known = "v1,UL9ahp9SU1/dvdLCXoX9LfPd9iAI8BQewxB5jMxJiQo="
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": known}
    assert verify(headers, BODY, [SECRET], NOW)
    assert not verify({**headers, "webhook-signature": known.replace("UL9a", "UL9b")}, BODY, [SECRET], NOW)


@given(
    st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable()),
    st.text(),
    st.binary(min_size=24, max_size=64),
)
def test_what_the_reference_signs_is_accepted(message_id: str, body: str, key: bytes) -> None:
    """Whatever the reference library signs verifies here, and under another secret, body or id it does not."""
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed(secret, body.encode(), message_id=message_id)
    assert verify(headers, body.encode(), [secret], NOW)
    assert not verify(headers, body.encode(), [OTHER], NOW)
    assert not verify(headers, body.encode() + b" ", [secret], NOW)
    assert not verify({**headers, "webhook-id": message_id + "x"}, body.encode(), [secret], NOW)


def test_header_names_come_in_any_case() -> None:
    """API Gateway hands on the sender's own spelling of header names."""
    assert verify({name.title(): value for name, value in signed().items()}, BODY, [SECRET], NOW)
    assert verify({name.upper(): value for name, value in signed().items()}, BODY, [SECRET], NOW)


def test_during_rotation_either_secret_will_do() -> None:
    """With two secrets on our side or two signatures on theirs, one match is enough."""
    headers = signed(OTHER)
    assert verify(headers, BODY, [SECRET, OTHER], NOW)
    assert verify(headers, BODY, [OTHER, SECRET], NOW)
    both = f"{signed()['webhook-signature']} {headers['webhook-signature']}"
    assert verify({**headers, "webhook-signature": both}, BODY, [SECRET], NOW)
    assert verify({**headers, "webhook-signature": both}, BODY, [OTHER], NOW)
    assert not verify({**headers, "webhook-signature": both}, BODY, [new_secret()], NOW)
    assert not verify(headers, BODY, [], NOW)


def test_other_versions_are_passed_over() -> None:
    """A v1a or v2 signature proves nothing, and stands in the way of nothing."""
    value = signed()["webhook-signature"]
    mac = value.removeprefix("v1,")
    for beside in (f"v1a,{mac} {value}", f"v2,x  {value} nonsense", f", ,, {value}", f"v1,  {value}"):
        assert verify({**signed(), "webhook-signature": beside}, BODY, [SECRET], NOW)
    for alone in (f"v1a,{mac}", f"V1,{mac}", mac, f"v1{mac}", f"v1,{mac},", f"v1,{mac[:-1]}", "v1,", "v1", ""):
        assert not verify({**signed(), "webhook-signature": alone}, BODY, [SECRET], NOW)


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_holds_five_minutes(age: int, accepted: bool) -> None:  # noqa: FBT001 (a table of cases)
    """A signature is good from five minutes before until five minutes after its moment, as in the reference."""
    assert verify(signed(at=NOW - age), BODY, [SECRET], NOW) is accepted
    assert verify(signed(at=NOW - age), BODY, [SECRET], NOW, tolerance=1000)


@pytest.mark.parametrize(
    "timestamp",
    [
        *("", " ", "abc", "0x10", "1e9", "nan", "inf", "9" * 13, "9" * 5_000),
        *(f"{NOW}.9", f" {NOW}", f"{NOW} ", f"{NOW}\n", f"+{NOW}", f"-{NOW}", f"{NOW:_}"),
        "".join(chr(0x660 + int(digit)) for digit in str(NOW)),
    ],
)
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    """A timestamp that is anything but plain digits of this age is refused, also when it was signed as such."""
    content = b".".join((b"msg_1", timestamp.encode(), BODY))
    mac = base64.b64encode(hmac.digest(bytes(range(32)), content, "sha256")).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": f"v1,{mac}"}
    assert not verify(headers, BODY, [SECRET], NOW)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_all_three_headers_are_needed(missing: str) -> None:
    """Without its id, its moment or its signature a message is not signed, and neither with an empty one."""
    assert not verify({name: value for name, value in signed().items() if name != missing}, BODY, [SECRET], NOW)
    assert not verify({**signed(), missing: ""}, BODY, [SECRET], NOW)


WEIRD = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="v1a,= ABCé\ud800\x00", max_size=60),
    st.sampled_from([str(NOW), "v1,", "v1," + "A" * 43 + "=", "msg_1", " " * 5_000]),
)
NAMES = st.sampled_from(["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE", "webhook-signature", "é", ""])


@given(st.dictionaries(NAMES, WEIRD), st.binary(max_size=40), st.lists(st.one_of(st.just(SECRET), WEIRD), max_size=3))
def test_no_header_makes_it_raise(headers: Mapping[str, str], body: bytes, secrets: list[str]) -> None:
    """Whatever the headers, the body and even the secrets are: the answer is no, never an exception."""
    assert verify(headers, body, secrets, NOW) is False


@given(st.dictionaries(NAMES.map(str.lower), WEIRD, max_size=2), st.sampled_from([b"1", b"1 ", b"2"]))
def test_never_more_lenient_than_the_reference(changed: Mapping[str, str], body: bytes) -> None:
    """What we accept of a tampered message, the reference accepts too."""
    now = int(time.time())
    headers = {**signed(body=b"1", at=now), **changed}
    try:
        Webhook(SECRET).verify(body, headers, json_parse=False)
        theirs = True
    except (WebhookVerificationError, ValueError):
        theirs = False
    assert theirs or not verify(headers, body, [SECRET], now)


def test_secrets_are_sound() -> None:
    """A new secret is 32 bytes and never the same; 24 to 64 bytes in base64 behind whsec_ are taken, no others."""
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(base64.b64decode(new_secret().removeprefix("whsec_"), validate=True)) == 32
    assert secret_is_sound(new_secret())
    for size in (24, 64):
        assert secret_is_sound("whsec_" + base64.b64encode(bytes(size)).decode())
    for size in (0, 1, 23, 65):
        assert not secret_is_sound("whsec_" + base64.b64encode(bytes(size)).decode())
    mac = SECRET.removeprefix("whsec_")
    for unsound in ("", "whsec_", mac, "whsk_" + mac, SECRET[:-1], SECRET + "é", SECRET + "!", "whsec_" + "é" * 44):
        assert not secret_is_sound(unsound)


def test_an_unsound_secret_verifies_nothing() -> None:
    """A message signed under a one-byte secret, which the reference takes, is refused."""
    assert not verify(signed("whsec_QQ=="), BODY, ["whsec_QQ=="], NOW)


def test_keys_match_exactly() -> None:
    """A URL key matches itself alone; an empty one matches nothing, and odd characters do no harm."""
    key = new_url_key()
    assert len(key) >= 40
    assert key != new_url_key()
    assert key_matches(key, key)
    for given_key in ("", key[:-1], key + " ", key.swapcase(), "é", "\ud800", "\x00" * 99):
        assert not key_matches(given_key, key)
    assert not key_matches("", "")
    assert key_matches("sleutel-é", "sleutel-é")
