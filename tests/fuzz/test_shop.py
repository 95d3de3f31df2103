import json
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from koppeling import poll
from koppeling.booking.decide import Ready, decide
from koppeling.booking.plan import plan
from koppeling.failures import Refused, Unavailable
from koppeling.messages import order_number
from koppeling.mijnwebwinkel.models import Order, OrderStatus, Payments, ShapeError, ShopStatuses
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from sandbox.orders import generate
from tests.booking.world import chart, profile
from tests.exactly_once.rig import Connected, Stage, environment, order
from tests.fuzz.proxy import Between, Reply, Rewrite, between, honest
from tests.fuzz.running import examples
from tests.fuzz.values import broken, json_values, written

_NOTHING_BOOKED = ("refused", "skipped", "waiting")
_ONLY_ASKS = ("GET ", "POST /b2b/token")
STATES = {"received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"}
STATUSES = ShopStatuses(
    (OrderStatus(status=4, description="Afgerond"), OrderStatus(status=5, description="Geannuleerd"))
)
CHART, PROFILE = chart(), profile(completed_statuses=(4,))
PAYMENT = {"id": "p", "gateway": "mollie", "mutations": [{"type": "capture", "price": "1250"}]}
NOW = "2026-11-23T12:00:00.000Z"
MODEL_NUMBER = "987654321"
MODEL = {**order(), "number": int(MODEL_NUMBER)}
MODEL.pop("_payments")
SALES = tuple(made.raw for made in generate(1, 12, mix={"sale": 1}))


def received(document: Any) -> Any:  # noqa: ANN401 -- any JSON
    """A document as it is once it went over the wire and our transport read it."""
    return json.loads(written(document), parse_float=Decimal)


@examples(400)
@given(raw=st.sampled_from(SALES).flatmap(broken))
def test_an_order_is_planned_to_the_cent_or_refused(raw: dict[str, Any]) -> None:
    """Whatever is wrong with an order: it has a plan of which lines and VAT make its total, or a reason why not."""
    try:
        read = Order.parse(received(raw))
        verdict = decide(read, PROFILE, STATUSES, None)
        drawn = plan(read, PROFILE, CHART) if isinstance(verdict, Ready) else None
    except (ShapeError, Refused):
        return
    if drawn is None:
        return
    lines = sum((regel.bedrag for regel in drawn.regels), Decimal(0))
    vat = sum((regel.bedrag for regel in drawn.btw), Decimal(0))
    assert lines + vat == drawn.total == read.total
    for amount in (*(regel.bedrag for regel in drawn.regels), *(regel.bedrag for regel in drawn.btw)):
        assert amount == amount.quantize(Decimal("0.01")) != 0


@examples(200)
@given(
    raw=json_values | broken([{"id": "p", "gateway": "mollie", "mutations": [{"type": "capture", "price": "1250"}]}])
)
def test_payments_are_read_or_refused(raw: Any) -> None:  # noqa: ANN401 -- any JSON
    """Whatever the payments call answers is an amount, or a ShapeError that names a field."""
    try:
        read = Payments.parse(received({"payments": raw}))
    except ShapeError:
        return
    assert all(amount.is_finite() and amount >= 0 for amount in (read.captured, read.refunded, read.authorized))


@pytest.fixture(scope="module")
def shop(module_stage: Stage) -> Iterator[Between]:
    """Between us and the simulated shop; retries of reads come at once."""
    with between(module_stage.shop.url) as made, environment({"MIJNWEBWINKEL_API_URL": made.url}):
        stamina.set_testing(True, attempts=2, cap=True)
        # Hundreds of orders a minute in one administration.
        module_stage.books.tell("settings", {"limits": False})
        try:
            yield made
        finally:
            stamina.set_testing(False)
            module_stage.books.tell("settings", {"limits": True})


def lies(content: str, where: str) -> Rewrite:
    """The shop answers this at one path, and the truth elsewhere."""

    def rewrite(_method: str, path: str, reply: Reply) -> Reply:
        return Reply(200, content.encode(), {"Content-Type": "application/json"}) if path == where else reply

    return rewrite


def new_order() -> tuple[str, str, dict[str, Any]]:
    """A new paid order of a customer of its own: its number, its uuid and itself."""
    raw = order()
    return str(raw["number"]), str(uuid4()), raw


def as_of(document: Any, number: str, own_uuid: str) -> str:  # noqa: ANN401 -- any JSON
    """The text of a document that was made from `MODEL`, as of this order: its number, and a uuid of its own."""
    return written(document).replace(MODEL_NUMBER, number).replace(MODEL["uuid"], own_uuid)


def demand_balanced(stage: Stage, connected: Connected, row: OrderRow) -> None:
    """At most one invoice of the order is in the books; its lines and VAT are its total, which is what we planned."""
    books = stage.ledger(connected)
    invoices = [invoice for invoice in books["invoices"] if row.number == invoice["factuurnummer"].removeprefix("MWW")]
    assert len(invoices) <= 1
    for invoice in invoices:
        assert row.booking is not None
        lines = sum(Decimal(line["bedrag"]) for line in invoice["regels"])
        vat = sum(Decimal(line["btwBedrag"]) for line in invoice["btw"])
        assert lines + vat == Decimal(invoice["factuurbedrag"]) == row.booking.total
        assert sum(Decimal(each["bedrag"]) for each in invoice["betalingen"]) in (0, row.booking.total)
    if row.state in _NOTHING_BOOKED:
        assert invoices == []


def writes(stage: Stage, connected: Connected) -> int:
    """How many calls so far were to change something in the books."""
    return sum(count for call, count in stage.calls(connected).items() if not call.startswith(_ONLY_ASKS))


@examples(30)
@given(told=broken(MODEL))
def test_a_broken_order_ends_in_a_state(stage: Stage, shop: Between, shared: Connected, told: Any) -> None:  # noqa: ANN401 -- any JSON
    """Whatever the shop says an order is, it comes to a visible state with a reason, and nothing crooked is booked.

    Of what is refused, skipped or left waiting nothing at all is written in SnelStart, a customer neither.
    """
    number, own_uuid, raw = new_order()
    stage.place(shared, raw)
    written_before = writes(stage, shared)
    shop.rewrite = lies(as_of(told, number, own_uuid), f"/v1/orders/{number}")
    try:
        for _ in range(2):
            stage.deliver(shared, number)
        row = stage.row(shared, number)
    finally:
        shop.rewrite = honest
    assert row.state in STATES - {"received"}
    assert row.state in ("paid", "credited") or row.reason is not None
    assert row.reason is None or row.reason.code != "koppeling-error"
    demand_balanced(stage, shared, row)
    assert row.state not in _NOTHING_BOOKED or writes(stage, shared) == written_before
    for message in stage.queued():
        assert order_number(message.order_number) == message.order_number


@examples(12)
@given(
    answer=st.tuples(st.just("/v1/orders/count"), broken({"count": 1}) | json_values)
    | st.tuples(st.just("/v1/orders"), broken([MODEL]) | json_values)
)
def test_a_broken_list_loses_nothing(
    stage: Stage, shop: Between, connected: Connected, answer: tuple[str, Any]
) -> None:
    """Whatever the shop's list or count says once, the next honest poll queues the order that was to be found."""
    where, told = answer
    number, own_uuid, raw = new_order()
    stage.place(connected, raw)
    shop.rewrite = lies(as_of(told, number, own_uuid), where)
    try:
        with suppress(Unavailable):
            poll.poll(stage.table, connected.id)
    finally:
        shop.rewrite = honest
    queued = [message.order_number for message in stage.queued()]
    poll.poll(stage.table, connected.id)
    queued += [message.order_number for message in stage.queued()]
    assert number in queued
    # So that no later poll queues it.
    key = Orders(stage.table, connected.id).key(number)
    row = {"order_number": number, "state": "credited", "received_at": NOW, "updated_at": NOW}
    stage.table.put({"pk": key.pk, "sk": key.sk, **row})
