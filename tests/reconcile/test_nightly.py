"""Every night: a message per connection, an outcome that is kept and shown, and nothing that live orders would miss."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from koppeling import clock, nightly, queues
from koppeling.compared import NotCompared, Reconciled
from koppeling.connections import REGISTRY
from koppeling.messages import ReconcileMessage, poll_queue_message
from koppeling.nightly import Kept
from koppeling.onboard import pause
from koppeling.table import Key
from tests.exactly_once.rig import AMSTERDAM
from tests.reconcile.planting import PLANTED
from tests.reconcile.shop import Shop
from tests.regimes.winkel import days_ago, on

YESTERDAY = datetime.now(AMSTERDAM).date() - timedelta(days=1)


def _message(shop: Shop, *, days: int = 35, put_off: int = 0) -> ReconcileMessage:
    return ReconcileMessage(shop.connected.id, YESTERDAY, days, put_off)


def _night(shop: Shop, **changes: int) -> Kept | None:
    return nightly.carry_out(shop.stage.table, _message(shop, **changes), shop.stage.backlog_url)


def _day(days: int) -> dict[str, str]:
    return on(days_ago(days))


def _received(shop: Shop, seconds: int = 0) -> list[object]:
    """What was queued, gone from the queue; asked again for as long as something comes."""
    sqs, url = shop.stage.sqs, shop.stage.backlog_url
    found: list[object] = []
    while batch := sqs.receive_message(QueueUrl=url, WaitTimeSeconds=seconds).get("Messages"):
        for one in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            found.append(poll_queue_message(one["Body"]))
    return found


def test_the_outcome_is_kept_for_over_a_year_and_renewed(shop: Shop) -> None:
    """Totals and differences under the day; a second run of that day takes the first one's place."""
    number = shop.sale()
    first = _night(shop)
    assert first is not None
    assert first.closes
    assert nightly.latest(shop.stage.table, shop.connected.id) == first
    PLANTED["not-paid"][0](shop, number)
    second = _night(shop)
    assert second is not None
    assert (second.count, second.shop_total, second.orders) == (1, "121.00", 1)
    assert [one["kind"] for one in second.differences] == ["not-paid"]
    assert nightly.latest(shop.stage.table, shop.connected.id) == second
    [row] = shop.stage.table.rows(f"CONNECTION#{shop.connected.id}", "RECONCILED#")
    kept_days = (int(row["expires_at"]) - datetime.now(AMSTERDAM).timestamp()) / 86400
    assert 399 < kept_days <= 400


def test_what_was_not_compared_is_kept_too(shop: Shop) -> None:
    """Nobody who looks later takes a night that saw no payments for one that closed."""
    shop.sale()
    refused = {"times": 1, "error_code": "ALG-0001", "message": "Geen recht"}
    shop.stage.trouble(shop.connected, "refused", "/grootboekmutaties", "GET", **refused)
    done = _night(shop)
    assert done is not None
    assert done.not_compared.journal == 1
    assert (done.closes, done.verdict) == (True, "sluitend voor zover vergeleken")
    assert done.as_json()["not_compared"] == {"vat": 0, "journal": 1, "unread": 0, "date": 0, "rate": 0}
    assert nightly.latest(shop.stage.table, shop.connected.id) == done


def test_totals_that_do_not_close_are_kept_as_such(shop: Shop) -> None:
    """Also where no order differs."""
    day = YESTERDAY
    one, other = Decimal("1.00"), Decimal("1.01")
    done = Reconciled(day, day, 1, one, other, (), (), (), (), (), NotCompared())
    kept = nightly.keep(shop.stage.table, shop.connected.connection, done)
    assert (kept.count, kept.closes, kept.verdict) == (0, False, "niet sluitend")
    assert nightly.latest(shop.stage.table, shop.connected.id) == kept


def test_yesterday_is_the_last_day_and_five_weeks_the_longest(shop: Shop) -> None:
    """An order of today is not yet compared, one of six weeks ago no more."""
    shop.sale(**_day(0))
    shop.sale(**_day(42))
    shop.sale(**_day(34))
    done = _night(shop)
    assert done is not None
    assert (done.orders, done.end) == (1, days_ago(1))


def test_a_connection_that_stands_still_or_is_gone_is_passed_over(shop: Shop) -> None:
    """Nothing is asked and nothing kept."""
    pause(shop.stage.table, shop.connected.connection)
    assert _night(shop) is None
    gone = ReconcileMessage("00112233445566aa", YESTERDAY, 35)
    assert nightly.carry_out(shop.stage.table, gone, shop.stage.backlog_url) is None
    assert nightly.latest(shop.stage.table, shop.connected.id) is None


def test_live_orders_go_first(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """While they want SnelStart's calls, the comparison is put off; nothing is asked of SnelStart."""
    shop.sale()
    with caplog.at_level("INFO"):
        shop.stage.trouble(shop.connected, "429", "/companyInfo", "GET", times=9, seconds=60.0)
        assert _night(shop) is None
    assert "reconciliation put off" in caplog.text
    assert nightly.latest(shop.stage.table, shop.connected.id) is None


def test_what_cannot_be_done_in_time_is_done_over_fewer_days(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put off with half the days, at most so many times."""
    shop.sale()
    monkeypatch.setattr(nightly, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(nightly, "_RUN_SECONDS", 0.0)
    assert _night(shop) is None
    assert _received(shop) == [ReconcileMessage(shop.connected.id, YESTERDAY, 17, 1)]
    assert _night(shop, put_off=11) is None
    assert _received(shop) == []


def test_more_orders_than_a_night_is_meant_for_are_compared_over_fewer_days(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest ones, and the outcome says from when."""
    monkeypatch.setattr(nightly, "MOST_ORDERS", 1)
    shop.sale(**_day(2))
    shop.sale(**_day(20))
    done = _night(shop)
    assert done is not None
    assert (done.orders, done.start) == (1, days_ago(17))


def test_a_message_per_connection(shop: Shop) -> None:
    """Every night one for each, of the day before and five weeks back; it survives the queue."""
    assert nightly.dispatch(shop.stage.table, shop.stage.backlog_url) >= 1
    assert _message(shop) in _received(shop, seconds=3)


def test_ten_thousand_comparisons_come_one_after_the_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are to come later than SQS can hold a message back: else they came all at once, before polls."""
    monkeypatch.setattr(nightly, "_APART_SECONDS", 1000.0)
    monkeypatch.setattr(queues, "_LONGEST_DELAY", 1)
    ids = [f"00000000000000{index:02x}" for index in range(3)]
    for one in ids:
        shop.stage.table.put({"pk": REGISTRY, "sk": one})
    began = clock.now()
    try:
        nightly.dispatch(shop.stage.table, shop.stage.backlog_url)
    finally:
        for one in ids:
            shop.stage.table.delete(Key(REGISTRY, one))
    found = {each.connection_id: each for each in _received(shop, seconds=3) if isinstance(each, ReconcileMessage)}
    waits = [(each.not_before or began) - began for each in (found[one] for one in ids)]
    assert [round(wait.total_seconds(), -2) for wait in waits] == [0, 1000, 2000]


def test_a_comparison_that_comes_too_early_goes_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked before its time, and the message is as it was; at its time it is done."""
    shop.sale()
    monkeypatch.setattr(nightly, "_LONGEST_SECONDS", 0.0)
    soon = replace(_message(shop), not_before=clock.now() + timedelta(hours=1))
    assert nightly.carry_out(shop.stage.table, soon, shop.stage.backlog_url) is None
    assert _received(shop, seconds=1) == [soon]
    due = replace(soon, not_before=clock.now())
    assert nightly.carry_out(shop.stage.table, due, shop.stage.backlog_url) is not None


def test_a_garbled_message_names_its_field() -> None:
    """Its content is not repeated."""
    good = json.loads(ReconcileMessage("00112233445566aa", YESTERDAY, 35).to_body())
    for field, value in (
        ("reconcile", "gisteren"),
        ("days", 0),
        ("put_off", -1),
        ("not_before", "straks"),
        ("connection_id", "x"),
    ):
        with pytest.raises(ValueError, match=field):
            poll_queue_message(json.dumps(good | {field: value}))
