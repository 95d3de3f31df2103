"""Secrets that are renewed while work with the old ones is under way: nothing stands still, nothing is overwritten."""

import json
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from koppeling import activation, aws, clock, connections, linking, onboard, poll, vault
from koppeling.allowance import Spent
from koppeling.connections import Connection, Connections
from koppeling.failures import Unavailable
from koppeling.messages import ActivationMessage
from koppeling.table import Key, Table
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY
from tests.exactly_once.crashes import meanwhile
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage, environment

_TOKEN = "/b2b/token"
_COMPANY = "/companyInfo"


def _now(stage: Stage, connected: Connected) -> Connection:
    """The connection as it is by now."""
    found = Connections(stage.table).get(connected.id)
    assert found is not None
    return found


def _another_key(stage: Stage, connected: Connected) -> str:
    """The owner made another koppelsleutel; the one before it died at once, its tokens with it."""
    key = secrets.token_urlsafe(32)
    stage.books.tell(f"administrations/{connected.administration}", {"koppelsleutel": key})
    stage.books.tell("tokens/expire", {"administration": connected.administration})
    return key


def _told(stage: Stage, connection_id: str, action: str, koppelsleutel: str) -> ActivationMessage:
    """What functions/activation leaves when SnelStart calls."""
    name = f"{int(clock.now().timestamp() * 1000):012x}{secrets.token_hex(10)}"
    stage.table.put(
        {
            "pk": connections.partition(connection_id),
            "sk": f"ACTIVATION#{name}",
            "action": action,
            "state": "received",
            "received_at": clock.iso(clock.now()),
            "attempts": 0,
            "sealed": vault.seal(connection_id, "credentials", {"koppelsleutel": koppelsleutel}),
            "due_pk": activation.DUE,
            "due_at": clock.iso(clock.now()),
        }
    )
    return ActivationMessage(connection_id, name)


def _carried_out(stage: Stage, message: ActivationMessage) -> None:
    activation.carry_out(stage.table, message, stage.backlog_url)


def test_an_order_begun_with_the_old_key_does_not_pause_the_renewed_connection(
    stage: Stage, connected: Connected
) -> None:
    """Refused with the key that was renewed this very moment, the order is tried again and paid."""
    number, key = stage.sale(connected), _another_key(stage, connected)
    with meanwhile(_TOKEN, lambda: onboard.resume(stage.table, connected.connection, koppelsleutel=key)):
        assert stage.deliver(connected, number) is not None
    assert stage.row(connected, number).state == "failed"
    assert _now(stage, connected).paused is None
    assert stage.until_done(connected, number).state == "paid"


def test_a_key_that_is_still_the_connections_does_pause_it(stage: Stage, connected: Connected) -> None:
    """Nobody renewed it: the connection stands still, and a second order does not say otherwise."""
    _another_key(stage, connected)
    for _ in range(2):
        number = stage.sale(connected)
        assert stage.deliver(connected, number) is None
        reason = _now(stage, connected).paused
        assert reason is not None
        assert reason.code == "snelstart-key-refused"


def test_a_new_key_takes_away_a_pause_of_the_same_moment(stage: Stage, connected: Connected) -> None:
    """While SnelStart's `Regenerate` is proven, an order with the old key pauses the connection: it goes on again."""
    number, key = stage.sale(connected), _another_key(stage, connected)
    message = _told(stage, connected.id, "Regenerate", key)
    with meanwhile(_COMPANY, lambda: stage.deliver(connected, number)):
        _carried_out(stage, message)
    _carried_out(stage, message)
    assert _now(stage, connected).paused is None
    assert number in {one.order_number for one in stage.queued()}
    assert stage.until_done(connected, number).state == "paid"


def test_a_key_typed_by_the_operator_does_not_replace_a_newer_one(stage: Stage, connected: Connected) -> None:
    """SnelStart tells a koppelsleutel once: one that came while another was proven stays, and the operator hears so."""
    typed, newer = _another_key(stage, connected), secrets.token_urlsafe(32)

    def regenerated() -> None:
        stage.books.tell(f"administrations/{connected.administration}", {"koppelsleutel": newer})
        _carried_out(stage, _told(stage, connected.id, "Regenerate", newer))

    with pytest.raises(Unavailable), meanwhile(_COMPANY, regenerated):
        onboard.resume(stage.table, connected.connection, koppelsleutel=typed)
    assert _now(stage, connected).credentials().koppelsleutel == newer


def test_an_end_that_was_told_before_a_new_key_came_ends_nothing(stage: Stage, connected: Connected) -> None:
    """The old key is refused as SnelStart's `Delete` says, but the connection has another one by then."""
    key = _another_key(stage, connected)
    message = _told(stage, connected.id, "Delete", "")
    with meanwhile(_TOKEN, lambda: onboard.resume(stage.table, connected.connection, koppelsleutel=key)):
        _carried_out(stage, message)
    latest = activation.latest(stage.table, connected.id)
    assert latest is not None
    assert (latest.state, _now(stage, connected).paused) == ("superseded", None)


def test_an_activation_delivered_twice_at_once_is_done_once(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery that comes second writes nothing on what the first has done: it is due no more, for no reason."""
    message = _told(stage, connected.id, "Regenerate", connected.connection.credentials().koppelsleutel)
    read, others = Table.get, [lambda: _carried_out(stage, message)]

    def get(table: Table, key: Key) -> object:
        row = read(table, key)
        if key.sk.startswith("ACTIVATION#") and others:
            others.pop()()
        return row

    monkeypatch.setattr(Table, "get", get)
    _carried_out(stage, message)
    row = stage.table.get(Key(connections.partition(connected.id), f"ACTIVATION#{message.activation}"))
    assert row is not None
    assert (row["state"], row["reason"]) == ("done", None)
    assert not {"due_pk", "due_at", "sealed"} & row.keys()


@pytest.fixture
def with_links(stage: Stage) -> Iterator[None]:
    """A deployment that SnelStart knows by name."""
    name = f"partner-{secrets.token_hex(4)}"
    known = {"subscription_key": SUBSCRIPTION_KEY, "partner_token": PARTNER_TOKEN, "app_name": "Koppeling"}
    aws.secretsmanager().create_secret(Name=name, SecretString=json.dumps({**known, "link_signing_key": "made-up"}))
    assert stage.table_name
    with environment({"PARTNER_SECRET_NAME": name}):
        yield


@pytest.mark.usefixtures("with_links")
def test_the_calls_of_an_activation_are_counted(stage: Stage) -> None:
    """What was asked before it was known whose administration it is, is paid for afterwards."""
    shop = f"winkel-{secrets.token_hex(4)}"
    stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
    made = stage.books.tell("administrations", {"naam": shop})
    added, _ = linking.begin(stage.table, shop, shop, None)
    _carried_out(stage, _told(stage, added.connection.id, "Create", made["koppelsleutel"]))
    taken = Connections(stage.table).get(added.connection.id)
    assert taken is not None
    assert taken.status == "active"
    connected = Connected(taken, shop, made["id"])
    asked = sum(count for call, count in stage.calls(connected).items() if "token" not in call)
    row = stage.table.get(stage.budget(connected))
    assert row is not None
    assert sum(Spent.from_json(row["spent"]).coarse.values()) >= asked > 6
    stage.disconnect(connected)


@pytest.mark.usefixtures("with_links")
def test_a_shop_that_is_approved_into_an_administration_tells_the_one_there(stage: Stage, connected: Connected) -> None:
    """From then on the two take turns at new customers, as those that were added with a koppelsleutel."""
    shop = f"winkel-{secrets.token_hex(4)}"
    stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
    key = str(connected.connection.credentials().koppelsleutel)
    added, _ = linking.begin(stage.table, shop, shop, None)
    assert _now(stage, connected).shared_since == ""
    _carried_out(stage, _told(stage, added.connection.id, "Create", key))
    approved = Connected(added.connection, shop, connected.administration)
    assert "" < _now(stage, connected).shared_since == _now(stage, approved).shared_since
    stage.disconnect(approved)


@pytest.mark.usefixtures("with_links")
def test_a_shop_that_was_added_under_another_form_while_its_approval_is_carried_out_is_not_connected_twice(
    stage: Stage,
) -> None:
    """Reading the customers takes a while; looked at before that alone, every order would be booked twice."""
    shop = f"winkel-{secrets.token_hex(4)}"
    stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
    key = stage.books.tell("administrations", {"naam": shop})["koppelsleutel"]
    pending = linking.begin(stage.table, shop, shop, PROFILE)[0].connection
    added: list[Connection] = []

    def add() -> None:
        added.append(onboard.add(stage.table, shop, shop, key, PROFILE.replace("MWW", "WEB")).connection)

    message = _told(stage, pending.id, "Create", key)
    with meanwhile("/relaties", add):
        _carried_out(stage, message)
    row = stage.table.get(Key(connections.partition(pending.id), f"ACTIVATION#{message.activation}"))
    assert row is not None
    assert (row["state"], row["reason"]["code"]) == ("refused", "number-two-forms")
    found = Connections(stage.table).get(pending.id)
    assert found is not None
    assert found.pending
    for one in (pending, *added):
        Connections(stage.table).remove(one.id)


def test_a_paid_order_announced_during_a_pause_is_looked_at_after_it(stage: Stage, connected: Connected) -> None:
    """A refund changes no status, so no poll finds it: the announcement is kept, also where nothing is to be booked."""
    long_ago = datetime.now(AMSTERDAM) - timedelta(days=5)
    day = {"status_changed_date": f"{long_ago:%Y-%m-%d}", "status_changed_time": f"{long_ago:%H:%M:%S}"}
    refunded, untouched = stage.sale(connected, **day), stage.sale(connected, **day)
    for number in (refunded, untouched):
        assert stage.until_done(connected, number).state == "paid"
    onboard.pause(stage.table, connected.connection)
    stage.change(connected, refunded, payment_status="refunded")
    assert stage.deliver(connected, refunded) is None
    onboard.resume(stage.table, _now(stage, connected))
    poll.poll(stage.table, connected.id)
    assert [one.order_number for one in stage.queued()] == [refunded]
    assert stage.until_done(connected, refunded).state == "credited"
    onboard.resume(stage.table, _now(stage, connected))
    assert stage.queued() == []


@pytest.mark.parametrize("change", [{"payment_status": "refunded"}, {"status": 5}], ids=["refunded", "cancelled"])
def test_an_order_taken_back_while_its_payment_waits_is_taken_back_in_the_books(
    stage: Stage, connected: Connected, change: dict[str, object]
) -> None:
    """Announced when its invoice was there and unpaid: it is paid first, and then looked at once more."""
    number = stage.sale(connected)
    stage.trouble(connected, "429", "/bankboekingen")
    assert stage.deliver(connected, number) is not None
    assert stage.row(connected, number).state == "booked"
    stage.change(connected, number, **change)
    stage.room_again(connected)
    assert stage.until_done(connected, number).state == "credited"
