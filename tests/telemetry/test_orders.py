"""What is told of an order at each end its story can have: one line and its figures, by the worker's own code."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from koppeling import catalogue, importing, onboard, poll, telemetry
from koppeling.connections import Connections
from koppeling.cursor import Cursor
from koppeling.deadline import Deadline
from koppeling.failures import Unavailable
from koppeling.imports import Imports
from koppeling.messages import Cause, ImportMessage, OrderMessage
from koppeling.mijnwebwinkel.client import Placed, Shop, Window
from koppeling.snelstart import client
from koppeling.sync import sync_order
from koppeling.table import Key
from koppeling.telemetry import logger
from sandbox.world import SUBSCRIPTION_KEY
from tests.exactly_once.crashes import meanwhile
from tests.exactly_once.rig import Connected, Stage

if TYPE_CHECKING:
    import logging

pytestmark = pytest.mark.localaws

_SECONDS_AGO = 5


class Told(NamedTuple):
    """What one delivery printed: figures by name, with `whose` behind those that have it, and lines."""

    figures: dict[str, list[float]]
    lines: list[dict[str, Any]]

    def of(self, message: str) -> dict[str, Any]:
        """The one line that says this."""
        (line,) = (line for line in self.lines if line["message"] == message)
        return line


type Telling = Callable[[], Told]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Telling:
    """Everything printed since the last time it was asked."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Koppeling/test")
    lines: list[dict[str, Any]] = []
    (handler,) = logger.handlers

    def kept(record: "logging.LogRecord") -> None:
        lines.append(json.loads(handler.format(record)))

    monkeypatch.setattr(handler, "emit", kept)
    telemetry.flush()

    def ask() -> Told:
        capsys.readouterr()
        telemetry.flush()
        figures: dict[str, list[float]] = {}
        for line in capsys.readouterr().out.splitlines():
            document = json.loads(line)
            for metric in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                name = " ".join(filter(None, (metric["Name"], document.get("whose"))))
                figures.setdefault(name, []).extend(document[metric["Name"]])
        found = Told(figures, lines.copy())
        lines.clear()
        return found

    return ask


def _deliver(connected: Connected, number: str, cause: Cause = "webhook") -> str:
    """One delivery of a message of some seconds ago; its trace."""
    trace, since = uuid.uuid4().hex, datetime.now(UTC) - timedelta(seconds=_SECONDS_AGO)
    sync_order(OrderMessage(connected.id, number, cause, since, trace), Deadline.after(58.0))
    return trace


def test_a_paid_order_is_told_with_its_payment(stage: Stage, connected: Connected, told: Telling) -> None:
    """The line names order, trace, invoice and payment; the time since the webhook is measured."""
    number = stage.sale(connected)
    trace = _deliver(connected, number)
    tale = told()
    row = stage.row(connected, number)
    line = tale.of("order done")
    assert {name: line[name] for name in ("connection_id", "order_number", "trace", "state", "payment_id")} == {
        "connection_id": connected.id,
        "order_number": number,
        "trace": trace,
        "state": "paid",
        "payment_id": row.payment_id,
    }
    (took,) = tale.figures.pop("WebhookToPaid")
    assert _SECONDS_AGO * 1000 <= took < 60_000
    assert tale.figures == {"OrdersPaid": [1], "OrdersRefused": [0], "OrdersFailed": [0]}


def test_one_trace_survives_what_the_poll_goes_on_with(stage: Stage, connected: Connected, told: Telling) -> None:
    """What failed until its message was gone is paid under the trace of its webhook; a newer webhook has its own."""
    number = stage.sale(connected)
    stage.trouble(connected, "503", "/(relaties|verkoopboekingen)", method="*", times=9)
    first = _deliver(connected, number)
    assert told().of("order stands still")["trace"] == first
    stage.books.untell("faults")
    stage.time_passes(connected)
    _deliver(connected, number, "waiting")
    assert told().of("order done")["trace"] == first

    number = stage.sale(connected, payment_status="pending")
    first = _deliver(connected, number)
    _deliver(connected, number, "poll")
    assert {line["trace"] for line in told().lines} == {first}
    stage.change(connected, number, payment_status="captured")
    second = _deliver(connected, number)
    assert told().of("order done")["trace"] == second


def test_a_trace_survives_a_pause(stage: Stage, connected: Connected, told: Telling) -> None:
    """What a webhook told of while its connection stood still is paid under the same trace when it goes on."""
    known, number = Connections(stage.table), stage.sale(connected)
    known.pause(connected.connection, catalogue.reason("koppeling-paused"))
    trace = _deliver(connected, number)
    paused = known.get(connected.id)
    assert paused is not None
    onboard.resume(stage.table, paused)
    [message] = stage.queued()
    sync_order(message, Deadline.after(58.0))
    assert {line["trace"] for line in told().lines if "trace" in line} == {trace}


def test_an_order_the_poll_found_is_no_latency_of_a_webhook(stage: Stage, connected: Connected, told: Telling) -> None:
    """What no webhook told of counts as paid, and not in the time from webhook to paid."""
    _deliver(connected, stage.sale(connected), "poll")
    assert told().figures == {"OrdersPaid": [1], "OrdersRefused": [0], "OrdersFailed": [0]}


def test_a_refused_order_is_told_once(stage: Stage, connected: Connected, told: Telling) -> None:
    """One line with the code and whose it is, one count."""
    number = stage.sale(connected, currency="USD")
    trace = _deliver(connected, number)
    tale = told()
    line = tale.of("order stands still")
    assert (line["code"], line["state"], line["trace"]) == ("currency-not-eur", "refused", trace)
    assert line["order_number"] == number
    assert tale.figures == {"OrdersRefused": [1], "OrdersFailed": [0]}


def test_a_waiting_order_is_told_without_a_figure(stage: Stage, connected: Connected, told: Telling) -> None:
    """Not paid yet is no trouble: a line, so that its trace does not end in nothing."""
    trace = _deliver(connected, stage.sale(connected, payment_status="pending", _payments=[]))
    tale = told()
    assert tale.of("order not booked")["trace"] == trace
    assert tale.of("order not booked")["state"] == "waiting"
    assert tale.figures == {}


def test_a_failing_order_is_told(stage: Stage, connected: Connected, told: Telling) -> None:
    """SnelStart does not answer: one failed attempt, and nobody's credential."""
    number = stage.sale(connected)
    stage.trouble(connected, "503", "/verkoopboekingen")
    _deliver(connected, number)
    tale = told()
    assert tale.of("order stands still")["order_number"] == number
    assert tale.figures == {"OrdersFailed": [1]}


def test_an_unanswered_write_rings_only_when_nobody_could_look(
    stage: Stage, connected: Connected, told: Telling
) -> None:
    """A cut during the booking is ordinary; half an hour on, with SnelStart still away, it is counted."""
    number = stage.sale(connected)
    stage.trouble(connected, "cut-after", "/verkoopboekingen")
    _deliver(connected, number)
    assert told().figures == {"OrdersFailed": [1]}
    stage.time_passes(connected, 1900.0)
    stage.trouble(connected, "503", "/verkoopfacturen", "GET", times=3)
    _deliver(connected, number)
    assert told().figures == {"OrdersFailed": [1], "OrdersUnknown": [1]}
    stage.time_passes(connected)
    _deliver(connected, number)
    assert told().figures["OrdersPaid"] == [1]


def test_an_order_put_off_is_told_with_how_long(stage: Stage, connected: Connected, told: Telling) -> None:
    """A 429: the order is put off, not failed, and how long it waits already is measured for orders of now."""
    number = stage.sale(connected)
    stage.trouble(connected, "429", "/verkoopboekingen", seconds=30)
    trace = _deliver(connected, number)
    tale = told()
    assert tale.of("order put off")["trace"] == trace
    assert tale.figures["Throttled429"] == [1]
    assert tale.figures["OrdersPutOff"] == [1]
    assert tale.figures["PutOffFor"][0] >= _SECONDS_AGO
    assert "OrdersFailed" not in tale.figures
    # known to be shut by now: not even asked, and of history it is not told how long it waits
    _deliver(connected, number, "import")
    assert told().figures == {"OrdersPutOff": [1]}


def test_a_refused_koppelsleutel_is_told_when_it_pauses(stage: Stage, connected: Connected, told: Telling) -> None:
    """The connection is paused: one line that names it, one count under SnelStart, however many orders follow."""
    number, other = stage.sale(connected), stage.sale(connected)
    stage.books.tell("faults", {"kind": "401", "method": "POST", "path": "/b2b/token", "times": 9})
    client._tokens.clear()  # noqa: SLF001 -- a token held from before would still do
    _deliver(connected, number)
    _deliver(connected, other)
    tale = told()
    assert tale.of("connection paused")["connection_id"] == connected.id
    assert tale.figures["CredentialsRefused snelstart"] == [1]
    assert tale.of("order kept while its connection stands still")["order_number"] == other


def test_the_operators_own_key_is_told_as_such(stage: Stage, connected: Connected, told: Telling) -> None:
    """A refused subscription key pauses nobody, and is counted under the operator."""
    number = stage.sale(connected)
    stage.books.tell("subscription-key", {"key": "another"})
    try:
        _deliver(connected, number)
    finally:
        stage.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})
    tale = told()
    assert tale.figures == {"OrdersFailed": [1], "CredentialsRefused operator": [1]}
    assert tale.of("order stands still")["whose"] == "operator"


def test_the_poll_tells_how_far_behind_it_is_left(stage: Stage, connected: Connected, told: Telling) -> None:
    """After a poll that succeeds nothing; while the shop does not answer, all the time since the last that did."""
    poll.poll(stage.table, connected.id)
    (lag,) = told().figures["PollLag"]
    assert lag < 5
    hours = datetime.now(UTC) - timedelta(hours=3)
    stage.table.put(
        {"pk": f"CONNECTION#{connected.id}", "sk": "CURSOR", "until": hours.isoformat().replace("+00:00", "Z")}
    )
    stage.shop.tell("faults", {"kind": "503", "path": "/v1/orders", "times": 20, "store": connected.shop_token})
    with pytest.raises(Unavailable):
        poll.poll(stage.table, connected.id)
    (lag,) = told().figures["PollLag"]
    assert 10_800 <= lag < 10_900


def test_a_listed_order_without_a_number_is_told_with_its_shop(
    stage: Stage, connected: Connected, told: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be asked about it; whose list it stands in is what the operator can go by."""
    stage.sale(connected)
    read = Shop.page

    def page(shop: Shop, window: Window | Placed, offset: int) -> list[dict[str, Any]]:
        return [raw | {"number": None} for raw in read(shop, window, offset)]

    monkeypatch.setattr(Shop, "page", page)
    poll.poll(stage.table, connected.id)
    run = Imports(stage.table, connected.id).start(date(2026, 1, 1), date(2100, 1, 1))
    importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(50))
    lines = [line for line in told().lines if line["message"] == "the shop lists an order without a number"]
    assert [line.get("connection_id") for line in lines] == [connected.id] * len(lines)
    assert len(lines) >= 2


def test_a_shop_removed_during_its_poll_is_not_told_to_be_behind(stage: Stage, told: Telling) -> None:
    """With the connection its cursor is gone: that is no shop that was not asked since it was connected."""
    connected = stage.connect()
    place = Key(f"CONNECTION#{connected.id}", "CONNECTION")
    stage.table.update(place, {"created_at": "2026-01-01T00:00:00.000Z"})
    ahead = datetime.now(UTC) + timedelta(seconds=1)
    Cursor(stage.table, connected.connection).move(ahead, ahead)
    with meanwhile("/v1/orders/count", lambda: Connections(stage.table).remove(connected.id)):
        poll.poll(stage.table, connected.id)
    assert "PollLag" not in told().figures


def test_nothing_told_names_a_person_or_a_secret(stage: Stage, connected: Connected, told: Telling) -> None:
    """Neither the lines nor the figures of an order hold its customer or a credential."""
    number = stage.sale(connected, email := "kanarie@vogel.example")
    _deliver(connected, number)
    tale = told()
    assert tale.lines
    assert tale.figures
    text = json.dumps([*tale.lines, tale.figures]).casefold()
    for canary in (email, "kanarie", connected.shop_token, connected.connection.credentials().koppelsleutel):
        assert canary.casefold() not in text
