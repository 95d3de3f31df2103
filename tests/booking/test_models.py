import contextlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koppeling.clock import AMSTERDAM
from koppeling.mijnwebwinkel.models import Order, OrderStatus, Payments, ShapeError, ShopStatuses, Store
from koppeling.snelstart.models import BtwTarief, Chart
from tests.booking.world import STATUSES, chart, line, order, order_27, paid, payload, simple


def test_the_makers_order_reads() -> None:
    """The maker's own example is understood down to its lines of two rates."""
    read = Order.parse(order_27())
    assert (read.number, read.test, read.total) == ("27", False, Decimal("47.45"))
    assert read.placed_at == datetime(2026, 11, 23, 13, 37, 12, tzinfo=AMSTERDAM)
    assert [price.rate for price in read.lines[4].prices] == [9, 21]
    assert read.credited_order_number == "28"
    assert read.credit_order_numbers == ("99", "101")
    assert read.debtor.bank_account == "NL39RABO0300065264"
    assert read.shipping_countries == ("NL",)
    assert read.payment_status == "captured"


def test_text_or_number() -> None:
    """The same order with every number as text reads the same."""
    as_text = json.loads(json.dumps(order_27(), default=str), parse_int=str)
    assert Order.parse(as_text) == Order.parse(order_27())


@pytest.mark.parametrize(
    ("written", "number", "test"),
    [(27, "27", False), ("27", "27", False), ("00027", "27", False), ("27T", "27", True), ("27t", "27", True)],
)
def test_order_numbers(written: object, number: str, *, test: bool) -> None:
    """A number is bare digits without leading zeros, and a T says test order."""
    read = simple(number=written)
    assert (read.number, read.test) == (number, test)


@pytest.mark.parametrize("empty", [None, [], {}, ""])
def test_the_ways_to_say_nothing(empty: object) -> None:
    """null, [], {} and "" all mean nothing, wherever they stand."""
    absent = ("debtor", "payment", "payment_status", "shipping", "locale", "archived", "credited_order_number")
    read = simple(**dict.fromkeys((*absent, "credit_order_numbers", "tax_strategy", "time", "discountcode"), empty))
    assert read.debtor.email == ""
    assert read.debtor.invoice is None
    assert read.payment is None
    assert read.credited_order_number is None
    assert read.placed_at.hour == 0
    assert order(total="1", tax=empty).taxes == ()


def test_one_tax_as_object() -> None:
    """One rate may stand as an object, several as a list or as an object numbered like one."""
    one = order(total="1", tax={"amount": "0.17", "rate": "21"})
    numbered = order(total="1", tax={"0": {"amount": "0.17", "rate": 21}})
    assert one.taxes == numbered.taxes
    assert one.taxes[0].amount == Decimal("0.17")


def test_strange_lines() -> None:
    """Unknown types and fields, missing prices and descriptions are read, not refused."""
    read = order(
        {"type": "Hologram", "quantity": None, "price": [], "nieuw": 1},
        {"type": None, "quantity": "2", "articles": [{"description": "Uit het artikel"}], "price": paid("1.00")},
        total="1.00",
    )
    assert [(item.type, item.quantity) for item in read.lines] == [("hologram", Decimal(1)), ("", Decimal(2))]
    assert read.lines[0].prices == ()
    assert read.lines[1].description == "Uit het artikel"


def test_net_amount_missing() -> None:
    """A line that states only what was paid gets its net amount in the shop's own six decimals."""
    read = order(line({"amount_including_tax": "1.00", "rate": 21}), total="1.00")
    assert read.lines[0].prices[0].amount == Decimal("0.826446")


def test_country_of_many_shapes() -> None:
    """A country may be text, an empty list or an object."""
    for country, expected in (("Nederland", "Nederland"), ([], ""), ({"description": "België"}, "België")):
        read = simple(debtor={"address": {"invoice": {"name": "K", "country": country, "country_code": "nl"}}})
        assert read.debtor.invoice is not None
        assert (read.debtor.invoice.country, read.debtor.invoice.country_code) == (expected, "NL")


def test_invoice_address_first() -> None:
    """The invoice address wins over the debtor's deprecated fields, which fill what it leaves open."""
    invoice = {"name": "Nieuw", "company": ""}
    debtor = simple(debtor={"name": "Oud", "company": "Oud BV", "phone": "1", "address": {"invoice": invoice}}).debtor
    assert (debtor.name, debtor.company, debtor.phone) == ("Nieuw", "Oud BV", "1")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": None}, "number"),
        ({"number": "A-12"}, "number"),
        ({"number": -3}, "number"),
        ({"number": True}, "number"),
        ({"uuid": ""}, "uuid"),
        ({"date": "gisteren"}, "date"),
        ({"date": None}, "date"),
        ({"time": "25:00:00"}, "date"),
        ({"status": "geheim"}, "status"),
        ({"status": None}, "status"),
        ({"price": []}, "price"),
        ({"price": {"total": "geheim"}}, "price.total"),
        ({"price": {"total": 121.0}}, "price.total"),
        ({"price": {"total": "NaN"}}, "price.total"),
        ({"price": {"total": Decimal("Infinity")}}, "price.total"),
        ({"price": {"total": "1e5"}}, "price.total"),
        ({"price": {"total": "1", "tax": [{"amount": "x", "rate": 21}]}}, "price.tax.0.amount"),
        ({"orderlines": [{"type": "article", "price": {"amount": "1"}}]}, "orderlines.0.price.0.rate"),
        ({"orderlines": [{"type": "article", "price": {"amount": "1", "rate": "-100"}}]}, "orderlines.0.price.0.rate"),
        ({"orderlines": ["geheim"]}, "orderlines.0"),
    ],
)
def test_garbage_is_named_not_repeated(changes: dict[str, Any], field: str) -> None:
    """What is missing or garbage gives an error with the field's name and nothing of what stood there."""
    with pytest.raises(ShapeError) as raised:
        simple(**changes)
    assert str(raised.value) == field
    assert raised.value.__context__ is None or "geheim" not in str(raised.value.__context__)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(sorted(payload(line(paid("1.00")), total="1.00", shipping=[], archived=False, business_model=""))),
)
def test_any_garbage_anywhere(garbage: object, field: str) -> None:
    """Whatever stands in a field, an order is read or the field is named: no other error, no float."""
    with contextlib.suppress(ShapeError):
        read = simple(**{field: garbage})
        assert isinstance(read.total, Decimal)
        assert all(isinstance(price.amount, Decimal) for item in read.lines for price in item.prices)


def test_orders_keep_people_to_themselves() -> None:
    """An order's text for logs shows no customer and no reference, and an order cannot be changed."""
    read = simple(reference="voor tante")
    assert "klant@example.org" not in repr(read)
    assert "tante" not in repr(read)
    with pytest.raises(ValueError, match="frozen"):
        read.status = 5


def test_payments_in_cents() -> None:
    """Payments are summed in euro over their mutations; tests do not count, a refund's sign does not matter."""
    read = Payments.parse(
        {
            "payments": [
                {
                    "gateway": "mollie",
                    "method": "ideal",
                    "isTest": False,
                    "price": 5339,
                    "mutations": [
                        {"type": "authorize", "price": 5339},
                        {"type": "capture", "price": "5339"},
                        {"type": "refund", "price": "-339"},
                    ],
                },
                {
                    "gateway": "paypal",
                    "method": "paypal",
                    "price": 100,
                    "mutations": [{"type": "failed", "price": 100}],
                },
                {"gateway": "basic", "method": "x", "isTest": True, "mutations": [{"type": "capture", "price": 9999}]},
                {
                    "gateway": "klarna",
                    "method": "later",
                    "mutations": [
                        {"type": "authorize", "price": 1000},
                        {"type": "void", "price": 1000},
                    ],
                },
            ]
        }
    )
    assert (read.captured, read.refunded, read.authorized) == (Decimal("53.39"), Decimal("3.39"), Decimal("53.39"))
    assert (read.gateway, read.method, read.count) == ("mollie", "ideal", 3)


def test_reserved_payment() -> None:
    """A payment that is only reserved names its service all the same."""
    read = Payments.parse({"payments": [{"gateway": "klarna", "mutations": [{"type": "authorize", "price": 100}]}]})
    assert (read.captured, read.authorized, read.gateway) == (Decimal(0), Decimal("1.00"), "klarna")


def test_payments_without_anything() -> None:
    """No payments, or payments without mutations, are nothing received."""
    written: dict[str, Any]
    for written in ({}, {"payments": []}, {"payments": [{"gateway": "mollie", "price": 100}]}):
        assert Payments.parse(written).captured == 0


def test_payments_of_half_a_cent() -> None:
    """A price that is not in whole cents is refused by name."""
    with pytest.raises(ShapeError) as raised:
        Payments.parse({"payments": [{"mutations": [{"type": "capture", "price": "10.5"}]}]})
    assert str(raised.value) == "payments.mutations.price"


def test_statuses_by_description() -> None:
    """Statuses are known by their Dutch or English text, credit ones by their flag alone."""
    assert STATUSES.completed() == (4,)
    assert STATUSES.cancelled() == (5,)
    assert STATUSES.credit() == (9,)
    assert STATUSES.describe(4) == "Afgerond"
    assert STATUSES.describe(44) == "44"
    listed = [
        {"status": "2", "description": "Order Completed", "credit_order": 0},
        {"status": 3, "description": "Cancelled"},
    ]
    english = ShopStatuses(tuple(map(OrderStatus.parse, listed)))
    assert (english.completed(), english.cancelled()) == ((2,), (3,))


def test_store() -> None:
    """The store reads with or without what it may leave out."""
    assert Store.parse({"id": "s", "name": "Winkel", "currency": "EUR"}).name == "Winkel"
    with pytest.raises(ShapeError):
        Store.parse({"id": 1.5})


def test_chart_survives_the_cache() -> None:
    """Reference data written for the cache reads back the same, and another version's text is refused."""
    kept = chart()
    assert Chart.from_json(kept.to_json()) == kept
    assert kept.countries["BE"].landcode_iso == "BEL"
    with pytest.raises(ShapeError):
        Chart.from_json('{"accounts": {}}')


def test_chart_prefers_the_active() -> None:
    """Where an account's number occurs twice the active one counts."""
    rows = [{"id": "a", "nummer": 1}, {"id": "b", "nummer": 1, "nonactief": True}]
    built = Chart.build(grootboeken=rows, dagboeken=[], btwtarieven=[], kostenplaatsen=[], landen=[], company_info={})
    assert built.accounts[1].id == "a"


def test_rate_holds_on_its_last_day() -> None:
    """A rate is in force up to and including its last day."""
    rate = BtwTarief.read({"btwSoort": "Laag", "btwPercentage": "6", "datumTotEnMet": "2018-12-31T00:00:00"})
    last = datetime(2018, 12, 31, tzinfo=UTC).date()
    assert rate.holds(last)
    assert not rate.holds(last + timedelta(days=1))
