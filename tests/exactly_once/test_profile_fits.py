"""An account of the profile that disappears is told of before an order needs it: whoever reads the chart checks."""

from datetime import timedelta

import pytest

from koppeling import clock, poll
from koppeling.connections import Connection, Connections, partition
from koppeling.table import Key
from tests.exactly_once.rig import Connected, Stage


def now_is(stage: Stage, connected: Connected) -> Connection:
    """The connection as stored."""
    connection = Connections(stage.table).get(connected.id)
    assert connection is not None
    return connection


def export_account(stage: Stage, connected: Connected, *, gone: bool) -> int:
    """Take the account for export, which a Dutch sale does not need, out of use, or back into it; its number."""
    number = connected.connection.profile.accounts.revenue_export
    assert number is not None
    account = {"nummer": number, "omschrijving": "Uitvoer", "grootboekfunctie": "VerkopenExportBuitenEU"}
    stage.books.tell("grootboeken", {"administration": connected.administration, "nonactief": gone} | account)
    return number


def hours_pass(stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    """What was read of the administration, and the check of the profile, are that much older."""
    earlier = clock.iso(clock.now() - timedelta(hours=hours))
    chart = stage.table.get(Key(partition(connected.id), "CHART"))
    assert chart is not None
    stage.table.put({**chart, "read_at": earlier})
    stage.table.update(Key(partition(connected.id), "CONNECTION"), {"profile_checked_at": earlier})
    # What this process remembers for minutes.
    monkeypatch.setattr("koppeling.charts._memory", {})


def reference_calls(stage: Stage, connected: Connected) -> int:
    """The calls that reading the administration took."""
    return int(stage.books.ask("calls", administration=connected.administration)["reference"])


def test_an_order_that_reads_the_chart_anew_checks_the_profile(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order itself is booked; the choice it did not need is on the connection's row, and gone once repaired."""
    number = export_account(stage, connected, gone=True)
    stage.deliver(connected, stage.sale(connected))
    assert now_is(stage, connected).profile_problems == (), "nobody read the chart"
    hours_pass(stage, connected, monkeypatch, 7)
    sale = stage.sale(connected)
    assert stage.deliver(connected, sale) is None
    assert stage.row(connected, sale).state == "paid"
    [problem] = now_is(stage, connected).profile_problems
    assert f"Grootboek {number}" in problem
    assert "revenue_export" in problem
    export_account(stage, connected, gone=False)
    hours_pass(stage, connected, monkeypatch, 7)
    stage.deliver(connected, stage.sale(connected))
    assert now_is(stage, connected).profile_problems == ()


def test_the_poll_checks_a_quiet_shops_profile_once_a_day(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a day it asks SnelStart nothing; after a day it reads the administration once, and the next does not."""
    export_account(stage, connected, gone=True)
    hours_pass(stage, connected, monkeypatch, 23)
    stage.books.tell("calls/reset")
    poll.poll(stage.table, connected.id)
    assert stage.books.ask("calls", administration=connected.administration)["total"] == 0
    assert now_is(stage, connected).profile_problems == ()
    hours_pass(stage, connected, monkeypatch, 25)
    poll.poll(stage.table, connected.id)
    assert reference_calls(stage, connected) == 6
    assert len(now_is(stage, connected).profile_problems) == 1
    poll.poll(stage.table, connected.id)
    assert reference_calls(stage, connected) == 6


def test_an_administration_that_does_not_answer_is_no_trouble_of_the_poll(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the shop has is queued all the same, and the next poll checks the profile after all."""
    hours_pass(stage, connected, monkeypatch, 25)
    checked_at = now_is(stage, connected).profile_checked_at
    number = stage.sale(connected)
    stage.trouble(connected, "500", "/dagboeken", "GET", times=9)
    assert poll.poll(stage.table, connected.id).queued == 1
    assert [message.order_number for message in stage.queued()] == [number]
    assert now_is(stage, connected).profile_checked_at == checked_at
    stage.books.untell("faults")
    poll.poll(stage.table, connected.id)
    assert now_is(stage, connected).profile_checked_at > checked_at


def test_a_right_that_was_taken_away_is_told_as_a_problem(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profile cannot be checked: the reason stands where its problems would, and it is tried again in a day."""
    hours_pass(stage, connected, monkeypatch, 25)
    stage.trouble(connected, "403", "/companyInfo", "GET", times=9)
    poll.poll(stage.table, connected.id)
    connection = now_is(stage, connected)
    assert connection.paused is None
    assert len(connection.profile_problems) == 1
    stage.books.untell("faults")
    stage.books.tell("calls/reset")
    poll.poll(stage.table, connected.id)
    assert reference_calls(stage, connected) == 0


@pytest.mark.parametrize("written", ["nothing", "an empty text"])
def test_a_connection_that_was_never_checked_is_checked_by_the_next_reading(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    """One of before there were checks, or made without one."""
    export_account(stage, connected, gone=True)
    hours_pass(stage, connected, monkeypatch, 7)
    key = Key(partition(connected.id), "CONNECTION")
    row = stage.table.get(key)
    assert row is not None
    del row["profile_checked_at"], row["profile_problems"]
    stage.table.put(row if written == "nothing" else {**row, "profile_checked_at": ""})
    poll.poll(stage.table, connected.id)
    assert len(now_is(stage, connected).profile_problems) == 1


def test_a_check_that_is_overtaken_writes_nothing(stage: Stage, connected: Connected) -> None:
    """A run that began with an older profile does not say anything about the newer one."""
    connections, older = Connections(stage.table), now_is(stage, connected)
    connections.checked(older, ["eerste"])
    connections.checked(older, ["tweede"])
    assert now_is(stage, connected).profile_problems == ("eerste",)
    connections.remove(connected.id)
    connections.checked(older, ["derde"])
    assert connections.get(connected.id) is None
