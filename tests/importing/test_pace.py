"""How fast an import goes and what it cost: known at every moment, whatever stood still or died in between."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import httpx
import pytest

from koppeling import budget, catalogue, clock, transport
from koppeling.allowance import LIMITS, Buyer, Spent
from koppeling.imports import Counts, Imports, Run
from koppeling.onboard import pause, resume
from tests.exactly_once.crashes import Crash
from tests.exactly_once.rig import Connected, Stage
from tests.importing.hand import now, start, step, taken_over
from tests.undo.hand import demand_paid, history

_HOURS = 3 * 3600


def _was_saved_earlier(
    stage: Stage, connected: Connected, run: Run, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much time passes since the run was last saved; what was asked of it since then stays asked."""
    asked = now(stage, connected, run).asked
    held, moment = taken_over(stage, connected, run), clock.now()
    assert held
    with monkeypatch.context() as earlier:
        earlier.setattr(clock, "now", lambda: moment - timedelta(seconds=seconds))
        held.save(held.run, release=True)
    if asked:
        Imports(stage.table, connected.id).ask(run.id, "running")


def _full(stage: Stage, connected: Connected) -> None:
    """SnelStart's calls of this minute are all bought."""
    spent = Spent().buy(450, Buyer("another", 1), LIMITS["productie"], clock.now().timestamp())
    assert isinstance(spent, Spent)
    stage.table.put({"pk": stage.budget(connected).pk, "sk": "BUDGET", "version": 1, "spent": spent.to_json()})
    budget.forget()


def test_an_import_that_stood_still_goes_no_slower_for_it(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three hours paused by the operator are no work, nor is the time until its message comes back."""
    numbers = history(stage, connected, 12)
    run, runs = start(stage, connected), Imports(stage.table, connected.id)
    assert runs.ask(run.id, "paused")
    assert step(stage, connected, run) is None
    assert runs.ask(run.id, "running")
    _was_saved_earlier(stage, connected, run, _HOURS, monkeypatch)
    while step(stage, connected, run):
        stage.room_again(connected)
    ended = now(stage, connected, run)
    assert 0 < ended.worked_seconds < 60
    assert ended.per_hour == pytest.approx(12 * 3600 / ended.worked_seconds)
    assert ended.seconds_left == 0
    demand_paid(stage, connected, *numbers)


@pytest.mark.parametrize("what", ["connection", "shop"])
def test_what_an_import_waits_for_in_vain_is_no_work(
    stage: Stage, connected: Connected, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is paused, a shop that does not answer: hours of it say nothing of its pace."""
    history(stage, connected, 3)
    run = start(stage, connected)
    paused = pause(stage.table, connected.connection) if what == "connection" else None
    if not paused:
        stage.shop.tell("faults", {"kind": "503", "path": "/v1/orders", "times": 50})
    assert step(stage, connected, run)
    assert now(stage, connected, run).reason
    if paused:
        resume(stage.table, paused)
    else:
        stage.shop.untell("faults")
    _was_saved_earlier(stage, connected, run, _HOURS, monkeypatch)
    while step(stage, connected, run):
        stage.room_again(connected)
    assert 0 < now(stage, connected, run).worked_seconds < 60


def test_waiting_for_room_in_snelstarts_limits_is_part_of_the_pace(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are what an import goes by: without that wait it would promise to be done long before it is."""
    history(stage, connected, 3)
    run = start(stage, connected)
    _full(stage, connected)
    later = step(stage, connected, run)
    assert later
    _was_saved_earlier(stage, connected, run, later.seconds, monkeypatch)
    stage.room_again(connected)
    while step(stage, connected, run):
        stage.room_again(connected)
    ended = now(stage, connected, run)
    assert ended.worked_seconds >= later.seconds > 10
    assert ended.per_hour
    assert ended.per_hour <= 3 * 3600 / later.seconds


@contextmanager
def _dies_at_invoice(at: int) -> Iterator[None]:
    """The process is gone just before it sends the invoice with this index."""
    sent, http = count(), transport.client()

    def request(asked: httpx.Request) -> None:
        if asked.method == "POST" and asked.url.path.endswith("/verkoopboekingen") and next(sent) >= at:
            raise Crash

    http.event_hooks = {"request": [request]}
    try:
        yield
    finally:
        http.event_hooks = {}


def test_a_step_that_dies_loses_the_calls_of_its_last_page_alone(stage: Stage, connected: Connected) -> None:
    """A whole page was read and booked before: what that cost, and how long it took, is known all the same."""
    stage.books.tell("settings", {"limits": False})
    history(stage, connected, 130)
    run = start(stage, connected)
    with _dies_at_invoice(105), suppress(Crash):
        step(stage, connected, run)
    died = now(stage, connected, run)
    assert (died.counts.read, died.finished) == (100, False)
    assert died.calls >= 100
    assert died.worked_seconds > 0
    assert died.per_hour == pytest.approx(100 * 3600 / died.worked_seconds)
    assert died.seconds_left == pytest.approx(30 * died.worked_seconds / 100)


def test_orders_that_were_done_before_say_nothing_of_the_pace() -> None:
    """They are read a hundred a call; nothing is said before there is anything to say it of, nor once it has ended."""
    day, moment = date(2026, 11, 23), "2026-11-23T10:00:00.000Z"
    run = Run("r", day, day, "running", moment, moment, expected=1000, worked_seconds=1800.0)
    assert (run.per_hour, run.seconds_left) == (None, None)
    known = replace(run, counts=Counts(read=400, known=400))
    assert (known.per_hour, known.seconds_left) == (None, None)
    some = replace(run, counts=Counts(read=600, known=400, booked=200))
    assert (some.per_hour, some.seconds_left) == (400.0, 3600.0)
    told = some.as_json()
    assert (told["worked_seconds"], told["per_hour"], told["seconds_left"]) == (1800, 400, 3600)
    assert replace(run, read_whole=True).seconds_left == 0
    assert replace(run, state="cancelled").seconds_left == 0


def test_only_waiting_for_room_goes_on() -> None:
    """Of a run that was saved an hour ago and let go over something else, the hour does not count."""
    moment = clock.iso(clock.now() - timedelta(hours=1))
    day = date(2026, 11, 23)
    run = Run("r", day, day, "running", moment, moment)
    assert run.went_on_seconds == pytest.approx(3600, abs=60)
    for code, counts in (("snelstart-budget", True), ("snelstart-busy", True), ("shop-unavailable", False)):
        assert (replace(run, reason=catalogue.reason(code)).went_on_seconds > 0) is counts
    assert replace(run, asked=True).went_on_seconds == 0
