"""SnelStart or the shop away for six hours: nothing is lost, nobody is pestered, and all of it is caught up with."""

import json
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import stamina

from koppeling import aws, partner, transport
from koppeling.connections import Connections
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY
from tests.exactly_once.lanes import Lanes, lanes
from tests.exactly_once.rig import Connected, Stage

_HOURS = timedelta(hours=6)
_ORDERS = 30
_HUNDREDS = 200
_ALLOWED_A_MINUTE, _NOT_FAR_UNDER = 500, 400
"""Calls to SnelStart; the first is what its portal says of an administration."""

_FAR_UNDER_FIFTY = 10
_POLLS_TO_CATCH_UP = 2


@pytest.fixture
def played(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lanes]:
    """Twelve hours ago, so that nothing of the hours played is in the simulators' future; every token is used once."""
    # A hang of ten seconds is one of a moment here; how often is what counts.
    monkeypatch.setattr(transport, "READ_TIMEOUT", httpx.Timeout(0.1))
    monkeypatch.setattr(transport, "WRITE_TIMEOUT", httpx.Timeout(0.1))
    stage.books.tell("settings", {"token_seconds": 60})
    with lanes(stage, datetime.now(UTC) - timedelta(hours=12)) as made, stamina.set_testing(True, attempts=3):
        yield made
    stage.books.tell("settings", {"token_seconds": 3600})


@pytest.fixture
def connected(played: Lanes) -> Iterator[Connected]:
    """A shop of this test alone, polled every quarter of an hour."""
    made = played.stage.connect()
    played.polled_from_now(made)
    yield made
    played.stage.disconnect(made)


def _announced_through(played: Lanes, connected: Connected, orders: int = _ORDERS) -> list[str]:
    """So many orders over six hours, each announced as it is made."""
    numbers = []
    for _ in range(orders):
        numbers.append(played.stage.sale(connected))
        played.announce(connected, numbers[-1])
        played.pass_time(_HOURS / orders)
    return numbers


def _polls_until_paid(played: Lanes, connected: Connected, numbers: list[str]) -> int:
    for polls in range(1, 12):
        played.pass_time(timedelta(minutes=15))
        if all(played.stage.row(connected, number).state == "paid" for number in numbers):
            return polls
    raise AssertionError([played.stage.row(connected, number).state for number in numbers])


def _calls(stage: Stage, connected: Connected, side: str) -> int:
    if side == "shop":
        return int(stage.shop.ask("calls")["total"])
    return int(stage.books.ask("calls", administration=connected.administration)["total"])


def _away(stage: Stage, connected: Connected, side: str, kind: str, *, seconds: float = 1.0) -> None:
    """From now on every call to this side of the connection ends like this, the token's too.

    `seconds`: the Retry-After of a 429 from SnelStart.
    """
    always: dict[str, object] = {"times": 1_000_000}
    if side == "shop":
        stage.shop.tell("settings", {"timeout_seconds": 1})
        stage.shop.tell("faults", always | {"kind": kind, "path": "/v1/", "store": connected.shop_token})
        return
    kind = {"timeout": "timeout-before", "cut": "cut-before"}.get(kind, kind)
    fault = {"kind": kind, "path": ".*", "administration": connected.administration, "seconds": seconds}
    stage.books.tell("faults", always | fault)


_MOST_CALLS = {
    ("snelstart", "429"): 15,
    ("snelstart", "503"): 15,
    ("snelstart", "cut"): 15,
    ("snelstart", "timeout"): 12,
}
"""An order, over the hours it waited, three on average; at the shop a read is three calls, and polls are among them."""


@pytest.mark.parametrize("kind", ["503", "timeout", "cut", "429"])
@pytest.mark.parametrize("side", ["snelstart", "shop"])
def test_six_hours_without_a_side(stage: Stage, played: Lanes, connected: Connected, side: str, kind: str) -> None:
    """Thirty orders of those hours and one announced again: no dead letter, few calls, all paid once soon after."""
    before = stage.sale(connected)
    assert stage.deliver(connected, before) is None
    stage.shop.tell("calls/reset")
    asked = _calls(stage, connected, side)
    _away(stage, connected, side, kind)
    played.announce(connected, before)
    numbers = _announced_through(played, connected)
    assert not played.dead
    assert played.most_receives <= _FAR_UNDER_FIFTY
    assert (_calls(stage, connected, side) - asked) / _ORDERS <= _MOST_CALLS.get((side, kind), 45)
    stage.shop.untell("faults")
    stage.books.untell("faults")
    assert _polls_until_paid(played, connected, numbers) <= _POLLS_TO_CATCH_UP
    stage.demand_once(connected, before, *numbers)
    played.pass_time(timedelta(hours=1))
    assert not played.waiting
    assert not played.dead


def test_hundreds_of_orders_are_caught_up_with_at_the_speed_of_the_limits(
    stage: Stage, played: Lanes, connected: Connected
) -> None:
    """Six hours of a shop that sells much: once SnelStart is back, never over its limits and near them at once."""
    # Counted here and by the time that passes: in the simulator's own all of it happens within a minute.
    stage.books.tell("settings", {"limits": False})
    _away(stage, connected, "snelstart", "429", seconds=600.0)
    numbers = _announced_through(played, connected, _HUNDREDS)
    stage.books.untell("faults")
    with _calls_made() as made:
        polls = _polls_until_paid(played, connected, numbers)
    busiest = max(bisect_left(made, at + 60.0) - index for index, at in enumerate(made))
    assert polls <= _POLLS_TO_CATCH_UP
    assert _NOT_FAR_UNDER <= busiest <= _ALLOWED_A_MINUTE
    stage.demand_once(connected, *numbers)
    assert not played.dead


@contextmanager
def _calls_made() -> Iterator[list[float]]:
    """When each call to SnelStart is made, in seconds since 1970 of the time that is played."""
    made: list[float] = []

    def leaves(sent: httpx.Request) -> None:
        if sent.url.path.startswith("/v2/"):
            made.append(datetime.now(UTC).timestamp())

    http = transport.client()
    http.event_hooks = {"request": [leaves]}
    try:
        yield made
    finally:
        http.event_hooks = {}


def test_six_hours_with_a_refused_subscription_key(stage: Stage, played: Lanes, connected: Connected) -> None:
    """It is the operator's: no shop is paused, and once the secret is renewed all orders are booked by themselves."""
    stage.books.tell("subscription-key", {"key": "renewed"})
    try:
        numbers = _announced_through(played, connected, 10)
        _demand_running(stage, connected, numbers, "snelstart-subscription-key-refused")
        _renewed(stage, "subscription_key", "renewed")
        assert _polls_until_paid(played, connected, numbers) <= _POLLS_TO_CATCH_UP
        stage.demand_once(connected, *numbers)
        assert (played.dead, played.most_receives) == ([], 6)
    finally:
        stage.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})
        _renewed(stage, "subscription_key", SUBSCRIPTION_KEY)
        partner.forget()


def test_six_hours_with_a_wrong_partner_token(stage: Stage, played: Lanes, connected: Connected) -> None:
    """No shop's own token is blamed for it, and once the secret is renewed all orders are booked by themselves."""
    stage.shop.tell("partner-token", {"partner_token": "renewed"})
    try:
        numbers = _announced_through(played, connected, 10)
        _demand_running(stage, connected, numbers, "shop-access-refused")
        _renewed(stage, "partner_token", "renewed")
        # As the poller's process does by itself five minutes later.
        partner.forget()
        assert _polls_until_paid(played, connected, numbers) <= _POLLS_TO_CATCH_UP
        stage.demand_once(connected, *numbers)
        assert (played.dead, played.most_receives) == ([], 6)
    finally:
        stage.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
        _renewed(stage, "partner_token", PARTNER_TOKEN)
        partner.forget()


def test_a_failed_order_of_a_shop_that_answers_is_left_to_its_due_time(
    stage: Stage, played: Lanes, connected: Connected
) -> None:
    """SnelStart kept it from being booked, and still does: the polls find it in their window and leave it alone."""
    _away(stage, connected, "snelstart", "503")
    number = stage.sale(connected)
    played.announce(connected, number)
    played.pass_time(timedelta(hours=3))
    # Six deliveries of its first message, then at most one an hour; each poll adds one call that finds out.
    assert played.received[number] <= 6 + 4
    assert played.polls == {"complete": 11}


def _demand_running(stage: Stage, connected: Connected, numbers: list[str], code: str) -> None:
    """The connection is not paused, and each order says what keeps it."""
    stored = Connections(stage.table).get(connected.id)
    assert stored is not None
    assert stored.paused is None
    reasons = {row.reason.code for number in numbers if (row := stage.row(connected, number)).reason}
    assert reasons == {code}


def _renewed(stage: Stage, name: str, value: str) -> None:
    """Another process stores a new secret: nobody tells this one."""
    client = aws.secretsmanager()
    stored = json.loads(client.get_secret_value(SecretId=stage.table_name)["SecretString"])
    client.put_secret_value(SecretId=stage.table_name, SecretString=json.dumps({**stored, name: value}))
