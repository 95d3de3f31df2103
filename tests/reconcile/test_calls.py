"""What a comparison costs of SnelStart's calls: for 3,000 orders a tenth of an hour's at most, whatever it meets."""

import uuid
from collections.abc import Iterator
from decimal import Decimal
from itertools import batched
from typing import TYPE_CHECKING, cast

import pytest
from boto3.dynamodb.types import TypeSerializer

from koppeling import clock
from koppeling.allowance import LIMITS, Limits
from koppeling.compared import Reconciled
from koppeling.connections import REGISTRY
from koppeling.orders import Orders
from koppeling.table import Key
from tests.booking.world import line, paid
from tests.exactly_once.rig import Stage
from tests.reconcile.bookkeeper import bookkeeper
from tests.reconcile.shop import Shop
from tests.regimes.winkel import connect

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

_TENTH = 500
_CHART = 6
_MUTATIONS = 8
"""Of an order: its customer, three lines, two kinds of VAT, the bank and the customer again."""

_TOTAL = Decimal("77.45")
_TAX = [{"amount": "11.55", "rate": "21"}, {"amount": "0.90", "rate": "9"}]
_REST = ("id", "uri", "modifiedOn", "gewijzigdDoorAccountant", "documents")


def _many(shop: Shop, count: int) -> None:
    """One order booked as ever, and its likes beside it: in the shop, in the books and among our rows."""
    lines = [line(paid("60.50")), line(paid("10.90", "9")), line(paid("6.05"), kind="shipping")]
    number = shop.sale(orderlines=lines, price={"tax": _TAX, "total": str(_TOTAL)})
    [raw] = shop.stage.shop.ask("orders", store=shop.connected.shop_token)
    [(_, payment)] = shop.books.payments(f"MWW{number}")
    likes = [str(900_000 + index) for index in range(count - 1)]
    uuids = [str(uuid.uuid4()) for _ in likes]
    for some in batched(zip(likes, uuids, strict=True), 500, strict=False):
        shop.stage.place(shop.connected, *({**raw, "number": int(like), "uuid": own} for like, own in some))
    booking = {name: value for name, value in shop.books.booking(f"MWW{number}").items() if name not in _REST}
    payment = {name: value for name, value in payment.items() if name not in _REST}
    bodies = []
    for like, own in zip(likes, uuids, strict=True):
        invoice = booking | {"factuurnummer": f"MWW{like}", "omschrijving": f"Webwinkelorder {like} ({own})"}
        [settled] = payment["verkoopboekingBoekingsRegels"]
        said = {"omschrijving": f"Betaling factuur MWW{like}"}
        bodies.append(
            {"invoice": invoice, "payment": payment | said | {"verkoopboekingBoekingsRegels": [settled | said]}}
        )
    made = shop.stage.books.tell("bookings", {"administration": shop.connected.administration, "bookings": bodies})
    _rows(shop, number, list(zip(likes, uuids, made["ids"], strict=True)))


def _rows(shop: Shop, number: str, likes: list[tuple[str, str, str]]) -> None:
    orders, serialize = Orders(shop.stage.table, shop.connected.id), TypeSerializer().serialize
    row = shop.stage.table.get(orders.key(number))
    assert row is not None
    for some in batched(likes, 25, strict=False):
        puts: list[WriteRequestTypeDef] = []
        for like, own, booked in some:
            booking = row["booking"] | {"factuurnummer": f"MWW{like}", "order_uuid": own}
            like_row = row | {"sk": orders.key(like).sk, "order_number": like, "booking": booking}
            like_row |= {"verkoopboeking_id": booked, "paid_at": clock.iso(clock.now())}
            puts.append({"PutRequest": {"Item": {name: serialize(value) for name, value in like_row.items()}}})
        shop.stage.dynamodb.batch_write_item(RequestItems={shop.stage.table_name: puts})


def _spent(shop: Shop) -> int:
    """Calls to the administration but for its tokens."""
    calls = shop.stage.calls(shop.connected)
    return sum(count for call, count in calls.items() if "/b2b/" not in call)


@pytest.fixture
def shop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An hour's calls may all be made within a minute; its thousands of rows stay behind, in nobody's list."""
    monkeypatch.setitem(cast("dict[str, Limits]", LIMITS), "productie", Limits(5000, 5000, 50))
    connected = connect(stage, limits=[5000, 5000, 50])
    with bookkeeper(connected) as by_hand:
        yield Shop(stage, connected, by_hand)
    stage.books.tell("settings", {"mutation_numbers": "all"})
    stage.table.delete(Key(REGISTRY, connected.id))


def _compared(shop: Shop) -> Reconciled:
    """Compared, and every call that was made is counted."""
    before = _spent(shop)
    done = shop.compared()
    assert done.calls == _spent(shop) - before
    return done


def test_three_thousand_orders_are_compared_by_lists_alone(shop: Shop) -> None:
    """Of three lines at two rates each: eight mutations an order, 500 a call; a fifth of the tenth is enough."""
    _many(shop, 3000)
    done = _compared(shop)
    assert done.differences == ()
    assert (done.orders, done.shop_total) == (3000, _TOTAL * 3000)
    assert done.verdict == "sluitend"
    assert done.calls == _CHART + 3000 // 500 + 1 + 3000 * _MUTATIONS // 500 + 1
    assert done.calls <= _TENTH // 5


def test_doubts_about_every_order_stay_within_the_tenth(shop: Shop) -> None:
    """Where mutations do not say whose they are, bookings are read singly until the calls are used up; it is told."""
    _many(shop, 600)
    shop.stage.books.tell("settings", {"mutation_numbers": "none"})
    done = _compared(shop)
    assert done.differences == ()
    assert done.calls == _TENTH
    assert 0 < done.not_compared.vat < 600
    assert (done.closes, done.verdict) == (True, "sluitend voor zover vergeleken")
