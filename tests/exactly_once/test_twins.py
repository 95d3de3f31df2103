import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from koppeling import catalogue, importing, onboard
from koppeling.connections import Connections
from koppeling.failures import Refused
from tests.exactly_once.rig import PROFILE, Connected, Stage


def _again(stage: Stage, connected: Connected, profile: str) -> Connected:
    """The same shop connected to the same administration once more."""
    key = connected.connection.credentials().koppelsleutel
    added = onboard.add(stage.table, "tweeling", connected.shop_token, key, profile)
    return replace(connected, connection=added.connection)


def test_a_twin_does_not_pay_what_the_other_may_be_paying(stage: Stage, connected: Connected) -> None:
    """An invoice found under our number that this row never sent is settled only after the settle time."""
    twin = _again(stage, connected, PROFILE)
    number = stage.sale(connected)
    stage.trouble(connected, "cut-before", "/bankboekingen")
    assert stage.deliver(connected, number) is not None
    before = stage.calls(connected)["POST /bankboekingen"]
    assert stage.deliver(twin, number) is not None
    assert stage.calls(connected)["POST /bankboekingen"] == before
    for one in (connected, twin):
        stage.time_passes(one)
        assert stage.until_done(one, number).state == "paid"
    stage.demand_once(connected, number)
    stage.disconnect(twin)


def test_a_twin_does_not_pay_at_once_what_it_finds_where_it_had_no_answer_itself(
    stage: Stage, connected: Connected
) -> None:
    """Its own attempt got lost on the way and the other's is there: whose it is nobody knows, so it waits as well."""
    twin = _again(stage, connected, PROFILE)
    for one in (connected, twin):
        stage.time_passes(one)
    number = stage.sale(connected)
    stage.trouble(connected, "cut-before", "/verkoopboekingen")
    assert stage.deliver(connected, number) is not None
    stage.trouble(connected, "late-commit", "/bankboekingen", seconds=2.0)
    assert stage.deliver(twin, number) is not None
    assert stage.deliver(connected, number) is not None
    time.sleep(2.5)
    for one in (connected, twin):
        stage.time_passes(one)
        assert stage.until_done(one, number).state == "paid"
    stage.demand_once(connected, number)
    stage.disconnect(twin)


def test_twins_that_find_an_invoice_open_at_the_same_moment_pay_it_once(stage: Stage, connected: Connected) -> None:
    """SnelStart answers again after a while and both come back at once: the second looks when the first is done."""
    twin = _again(stage, connected, PROFILE)
    for one in (connected, twin):
        stage.time_passes(one)
    number = stage.sale(connected)
    stage.trouble(connected, "cut-before", "/bankboekingen")
    for one in (connected, twin):
        assert stage.deliver(one, number) is not None
    for one in (connected, twin):
        stage.time_passes(one)
    before = stage.calls(connected)["POST /bankboekingen"]
    stage.books.tell("settings", {"latency_ms": 300})
    with ThreadPoolExecutor(2) as threads:
        works = [threads.submit(stage.deliver, one, number) for one in (connected, twin)]
        assert [work.result() for work in works] == [None, None]
    assert stage.calls(connected)["POST /bankboekingen"] == before + 1
    stage.demand_once(connected, number)
    stage.disconnect(twin)


def test_another_form_of_numbers_after_a_removal_is_refused(stage: Stage) -> None:
    """The orders of before would be booked twice; the same form, or a start after that day, is fine."""
    connected = stage.connect()
    stage.disconnect(connected)
    other = PROFILE.replace("MWW", "WEB")
    with pytest.raises(Refused) as raised:
        _again(stage, connected, other)
    assert raised.value.reason.code == "number-two-forms"
    stage.disconnect(_again(stage, connected, PROFILE))
    later = 'invoice_number = "WEB{number}"\nstart_date = 2999-01-01\n'
    stage.disconnect(_again(stage, connected, later))


def test_an_import_of_days_that_were_booked_under_other_numbers_is_refused(stage: Stage) -> None:
    """After a removal the shop begins anew under another form of numbers: its history would be booked twice."""
    connected = stage.connect()
    stage.disconnect(connected)
    anew = _again(stage, connected, 'invoice_number = "WEB{number}"\nstart_date = 2999-01-01\n')
    with pytest.raises(Refused) as raised:
        importing.start(stage.table, anew.connection, date(2026, 1, 1))
    assert raised.value.reason.code == "number-two-forms"
    kept = Connections(stage.table).get(anew.id)
    assert kept is not None
    assert kept.profile.start_date == date(2999, 1, 1)
    stage.disconnect(anew)


def test_another_shop_under_the_same_form_of_numbers_is_told_of(stage: Stage, connected: Connected) -> None:
    """Both have an order 1001: the second would be refused, so whoever adds it hears of that beforehand."""
    key = connected.connection.credentials().koppelsleutel
    for profile, told in ((PROFILE, True), (PROFILE.replace("MWW", "WEB"), False)):
        shop = f"winkel-{uuid.uuid4().hex[:12]}"
        stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
        added = onboard.add(stage.table, shop, shop, key, profile)
        assert [connected.connection.shop_name in warning for warning in added.warnings] == [True] * told
        assert all("MWW{number}" in warning for warning in added.warnings)
        Connections(stage.table).remove(added.connection.id)


def test_a_pause_survives_an_edit_that_began_before_it(stage: Stage, connected: Connected) -> None:
    """An edit writes what it is about, and nothing it read before somebody else changed it."""
    known = Connections(stage.table)
    stale = known.get(connected.id)
    assert stale is not None
    known.pause(stale, catalogue.reason("koppeling-paused"))
    known.save(replace(stale, profile=stale.profile.changed_by("payment_term_days = 30")), "profile")
    now = known.get(connected.id)
    assert now is not None
    assert now.paused is not None
    assert now.profile.payment_term_days == 30
