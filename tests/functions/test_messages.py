import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koppeling.messages import ActivationMessage, OrderMessage, PollMessage, order_number, poll_queue_message

MESSAGE = OrderMessage("00112233445566aa", "1001", "webhook", datetime(2026, 11, 23, 14, tzinfo=UTC), "3f2b8c1e")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1001, "1001"),
        ("1001", "1001"),
        ("0001001", "1001"),
        (10**18 - 1, "9" * 18),
        ("0" * 14 + "9" * 18, "9" * 18),
        ("27T", "27T"),
        ("27t", "27T"),
        ("WEB-2026.11_7", "WEB-2026.11_7"),
        ("A" * 32, "A" * 32),
    ],
)
def test_one_order_has_one_number(value: object, expected: str) -> None:
    """An order number has one spelling: no leading zeros, capitals, whether it came as a number or as text."""
    assert order_number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 10**18, 1001.0, float("nan"), [1001], {"n": 1001}),
        *("", "0", "000", "9" * 19, "A" * 33, "10 01", " 1001", "1001\n", "1001#", "1/2"),
        *("²", "é", "\ud800", "\x00", "\u0661\u0660\u0660\u0661"),
    ],
)
def test_what_is_no_order_number_is_refused(value: object) -> None:
    """Booleans, fractions, nothing, zero, containers and text with anything but plain characters are refused."""
    assert order_number(value) is None


@given(st.one_of(st.integers(), st.text(max_size=40), st.from_regex(r"\A[0-9A-Za-z._-]{1,33}\Z")))
def test_normalising_twice_changes_nothing(value: object) -> None:
    """The spelling of an order number is final: asked again, it stays."""
    number = order_number(value)
    assert number is None or (order_number(number) == number and 1 <= len(number) <= 32 and number.isascii())


def test_an_order_message_survives_the_queue() -> None:
    """What is put in the queue comes out equal, with its time in UTC."""
    here = OrderMessage(
        MESSAGE.connection_id, "27T", "retry", MESSAGE.received_at.astimezone(ZoneInfo("Europe/Amsterdam")), "t"
    )
    assert OrderMessage.from_body(MESSAGE.to_body()) == MESSAGE
    assert OrderMessage.from_body(here.to_body()) == here
    assert json.loads(here.to_body())["received_at"] == "2026-11-23T14:00:00+00:00"


@pytest.mark.parametrize("field", ["connection_id", "order_number", "cause", "received_at", "trace"])
@pytest.mark.parametrize("value", [None, "", "sécret", 0, [], {}, "absent"])
def test_a_garbled_order_message_names_its_field(field: str, value: object) -> None:
    """A message with a missing or malformed field is refused under that field's name, and its content not repeated."""
    fields = json.loads(MESSAGE.to_body()) | {field: "?!" if value == "absent" else value}
    if value == "absent":
        del fields[field]
    with pytest.raises(ValueError, match=field) as caught:
        OrderMessage.from_body(json.dumps(fields))
    assert "sécret" not in str(caught.value)


def test_a_time_without_a_zone_is_refused() -> None:
    """A time that does not say where it holds is no time."""
    with pytest.raises(ValueError, match="received_at"):
        OrderMessage.from_body(MESSAGE.to_body().replace("+00:00", ""))


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "[" * 60_000, "1" * 5_000])
def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    """Anything but a JSON object raises one kind of error, whose text and cause do not carry the body."""
    for parse in (OrderMessage.from_body, PollMessage.from_body, ActivationMessage.from_body, poll_queue_message):
        with pytest.raises(ValueError, match="the message is not") as caught:
            parse(body)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_poll_message_survives_the_queue() -> None:
    """A poll message comes out as it went in, and a garbled one names its field."""
    message = PollMessage("00112233445566aa")
    assert PollMessage.from_body(message.to_body()) == message
    with pytest.raises(ValueError, match="connection_id"):
        PollMessage.from_body('{"connection_id": "00112233445566AA"}')


def test_the_poll_queue_carries_two_messages() -> None:
    """Polls and activations come out of the one queue as what they went in; a garbled activation names its field."""
    message = ActivationMessage("00112233445566aa", "0123456789abcdef" * 2)
    for sent in (message, PollMessage("00112233445566aa")):
        assert poll_queue_message(sent.to_body()) == sent
    for garbled in (message.to_body().replace("0123", "01"), message.to_body().replace("abcdef", "ABCDEF")):
        with pytest.raises(ValueError, match="activation"):
            poll_queue_message(garbled)
