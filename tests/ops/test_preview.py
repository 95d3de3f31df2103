"""What `preview`, `order --explain` and `orders --state refused` say, and that a look ahead writes nothing anywhere."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from koppeling import catalogue, clock
from koppeling.orders import Orders
from koppeling.table import Table
from tests.exactly_once.rig import order
from tests.ops.desk import Books

BEFORE, CREDIT, CANCELLED = 1, 10, 5


def credit_of(raw: dict[str, Any]) -> dict[str, Any]:
    """A credit order for all of another one."""
    credit = order(credited_order_number=raw["number"], credit_order_numbers=[], status=CREDIT)
    for name in ("orderlines", "price", "discount_code"):
        if name in raw:
            credit[name] = raw[name]
    del credit["payment"], credit["payment_status"], credit["_payments"]
    return credit


def test_a_preview_shows_every_order_of_the_period_and_writes_nothing(books: Books) -> None:
    """Booked, waiting, skipped and refused side by side; the rows and the administration stay as they were."""
    sale, waiting, cancelled, dollars = order(), order(status=BEFORE), order(status=CANCELLED), order(currency="USD")
    books.place(sale, waiting, cancelled, dollars)
    books.claim(str(waiting["number"])).give_back()
    rows, ledger, writes = books.rows(), books.books.books(), books.writes()
    said = books.preview("--last", "30d", "--json")
    assert (books.rows(), books.books.books()) == (rows, ledger)
    assert {path: count for path, count in books.writes().items() if path != "/b2b/token"} == {
        path: count for path, count in writes.items() if path != "/b2b/token"
    }
    assert said.code == 1
    assert [(one["order_number"], one["outcome"]) for one in said.json["orders"]] == [
        (str(sale["number"]), "book"),
        (str(waiting["number"]), "waiting"),
        (str(cancelled["number"]), "skip"),
        (str(dollars["number"]), "refuse"),
    ]
    assert [one["reason"] and one["reason"]["code"] for one in said.json["orders"]] == [
        None,
        "shop-not-completed",
        "shop-cancelled",
        "currency-not-eur",
    ]
    summary = said.json["summary"]
    assert (summary["book"], summary["refused_by_code"]) == (1, {"currency-not-eur": 1})
    assert summary["book_total"] == said.json["orders"][0]["invoice"]["total"]


def test_what_is_previewed_is_what_is_booked(books: Books) -> None:
    """Lines, accounts, VAT, date, number and journal are those that SnelStart then has."""
    [number] = books.place(order())
    planned = books.one(number)["invoice"]
    books.deliver(number)
    ledger = books.books.books()
    [invoice] = ledger["invoices"]
    assert planned["invoice_number"] == invoice["factuurnummer"] == f"MWW{number}"
    assert planned["date"] == invoice["factuurdatum"][:10]
    assert Decimal(planned["total"]) == Decimal(invoice["factuurbedrag"])
    [booking] = [
        books.books.call("GET", f"/verkoopboekingen/{row['verkoopBoeking']['id']}").json()
        for row in books.books.rows("/verkoopfacturen")
    ]
    accounts = {row["id"]: (row["nummer"], row["omschrijving"]) for row in books.books.rows("/grootboeken")}
    booked = [(*accounts[regel["grootboek"]["id"]], regel["btwSoort"]) for regel in booking["boekingsregels"]]
    assert [(line["account"], line["account_name"], line["vat_kind"]) for line in planned["lines"]] == booked
    assert [Decimal(line["amount"]) for line in planned["lines"]] == [
        Decimal(str(regel["bedrag"])) for regel in booking["boekingsregels"]
    ]
    assert [one["kind"] for one in planned["vat"]] == [one["btwSoort"] for one in booking["btw"]]


def test_a_paused_connection_can_be_previewed(books: Books) -> None:
    """Before it is active is when a preview is wanted most."""
    [number] = books.place(order())
    assert books.run("pause", books.id).code == 0
    said = books.preview()
    assert said.code == 0
    assert f"Order {number}" in said.out
    assert "1 would be booked" in said.out
    assert books.run("show", books.id, "--json").json["status"] == "paused"


def test_people_read_lines_under_each_order_and_a_summary(books: Books) -> None:
    """Account with its name, kind of VAT, amount, journal and regime; refused with sentence and advice."""
    sale, dollars = order(), order(currency="USD")
    books.place(sale, dollars)
    said = books.preview("--last", "1d")
    assert said.code == 1
    line = books.one(str(sale["number"]))["invoice"]["lines"][0]
    assert f"{line['account']} {line['account_name']}" in said.out
    assert "domestic NL" in said.out
    assert "settled in" in said.out
    assert "currency-not-eur: " in said.out
    assert "1 refused (1 currency-not-eur)" in said.out
    assert said.err == "1 of 2 would be refused.\n"


def test_orders_of_before_the_period_are_left_out(books: Books) -> None:
    """`--last` goes by the day an order was placed."""
    old = (clock.now() - timedelta(days=20)).astimezone(clock.AMSTERDAM)
    books.place(order(date=f"{old:%Y-%m-%d}"))
    assert books.preview("--last", "7d", "--json").json["summary"]["looked_at"] == 0
    assert books.preview("--last", "21d", "--json").json["summary"]["looked_at"] == 1


def test_archived_orders_are_previewed_too(books: Books) -> None:
    """Also of a shop whose list leaves them out unless asked."""
    archived, active = books.place(order(archived=True), order())
    books.shop.tell("settings", {"archived_default": "active"})
    try:
        said = books.preview("--json").json
    finally:
        books.shop.tell("settings", {"archived_default": "both"})
    assert {one["order_number"] for one in said["orders"]} == {archived, active}


def test_more_orders_than_a_page_all_come_by(books: Books) -> None:
    """Page by page and in bunches, each order once."""
    numbers = books.place(*(order() for _ in range(120)))
    said = books.preview("--json")
    assert [one["order_number"] for one in said.json["orders"]] == numbers
    calls = books.books.sim("GET", "/calls", administration=books.books.id)["calls"]
    assert [call["count"] for call in calls if call["path"] == "/verkoopfacturen"] == [5]


def test_an_order_without_shape_does_not_hide_its_neighbours(books: Books) -> None:
    """It is refused by itself, with the field that is missing."""
    broken = order()
    del broken["uuid"]
    _, number = books.place(broken, order())
    said = books.preview("--json").json
    assert [one["outcome"] for one in said["orders"]] == ["refuse", "book"]
    assert said["orders"][0]["reason"]["code"] == "shop-order-unreadable"
    assert said["orders"][1]["order_number"] == number


@pytest.mark.parametrize(("number", "code"), [("987654321", "shop-order-not-found"), ("27T", "shop-test-order")])
def test_an_order_that_is_none_says_so(books: Books, number: str, code: str) -> None:
    """Not in the shop, or a test order: nothing is planned."""
    looked = books.one(number)
    assert looked["reason"]["code"] == code
    assert looked["invoice"] is None


def test_a_number_that_another_booking_has_is_refused_ahead(books: Books) -> None:
    """SnelStart is asked which numbers it has; a booking of a stranger is no order of ours."""
    [number] = books.place(order())
    books.books.plant("invoices", factuurnummer=f"MWW{number}", bedrag="10.00")
    looked = books.one(number)
    assert (looked["outcome"], looked["reason"]["code"]) == ("refuse", "number-taken")


def test_a_booking_of_ours_that_no_row_knows_is_adopted(books: Books) -> None:
    """Its uuid and amount are the order's: a note says that it is not booked twice."""
    [number] = books.place(order())
    books.deliver(number)
    rows = Table(boto3.client("dynamodb"), books.table_name)
    rows.delete(Orders(rows, books.id).key(number))
    looked = books.one(number)
    assert looked["outcome"] == "book"
    assert f"MWW{number}" in looked["notes"][-1]
    books.place(order(number=int(number), price={"total": "1.00", "tax": []}, uuid="another"))
    assert books.one(number)["outcome"] == "refuse"


def test_a_credit_order_is_planned_on_an_original_still_to_be_booked(books: Books) -> None:
    """Both would be booked, one after the other: the credit is the negative of the sale."""
    sale = order()
    credit = credit_of(sale)
    books.place(sale, credit)
    of, by = books.preview("--json").json["orders"]
    assert (of["outcome"], by["outcome"]) == ("book", "credit")
    assert Decimal(by["invoice"]["total"]) == -Decimal(of["invoice"]["total"])
    assert by["invoice"]["journal"] == of["invoice"]["journal"]
    assert of["invoice"]["invoice_number"] in by["invoice"]["description"]


@pytest.mark.parametrize(
    ("changes", "outcome", "code"),
    [
        ({"status": CANCELLED}, "skip", "shop-credit-of-unbooked"),
        ({"currency": "USD"}, "waiting", "shop-credit-waits"),
        ({"status": BEFORE}, "waiting", "shop-credit-waits"),
    ],
)
def test_a_credit_order_follows_what_becomes_of_its_original(
    books: Books, changes: dict[str, Any], outcome: str, code: str
) -> None:
    """Never booked: nothing to take back. Refused or not yet: it waits."""
    sale = order(**changes)
    _, number = books.place(sale, credit_of(sale))
    looked = books.one(number)
    assert (looked["outcome"], looked["reason"]["code"]) == (outcome, code)


def test_a_booked_order_says_so_and_a_cancelled_one_would_be_taken_back(books: Books) -> None:
    """In the books is in the books; cancelled in the shop afterwards means one credit booking."""
    [number] = books.place(order())
    books.deliver(number)
    looked = books.one(number)
    assert (looked["outcome"], looked["state"]) == ("booked", "paid")
    assert looked["booked"]["invoice_number"] == f"MWW{number}"
    assert "1 booked already" in books.preview().out
    books.shop.patch(f"orders/{books.token}/{number}", {"status": CANCELLED})
    taken_back = books.one(number)
    assert taken_back["outcome"] == "credit"
    assert taken_back["invoice"]["invoice_number"] == f"MWW{number}C"
    books.deliver(number)
    after = books.one(number)
    assert (after["outcome"], after["state"]) == ("booked", "credited")


def test_an_order_that_waited_too_long_would_be_given_up(books: Books) -> None:
    """As the worker does it."""
    old = (clock.now() - timedelta(days=120)).astimezone(clock.AMSTERDAM)
    [number] = books.place(order(status=BEFORE, date=f"{old:%Y-%m-%d}"))
    assert books.one(number)["reason"]["code"] == "shop-unpaid-too-long"


def test_explain_shows_that_an_order_was_booked_as_it_would_be_now(books: Books) -> None:
    """Row and plan beside each other, and that nothing differs."""
    [number] = books.place(order())
    books.deliver(number)
    said = books.run("order", books.id, number, "--explain")
    assert said.code == 0
    assert "nothing differs" in said.out
    assert "domestic NL" in said.out
    told = books.run("order", books.id, number, "--explain", "--json").json
    assert told["state"] == "paid"
    assert told["differences"] == []
    assert told["now"]["invoice"]["lines"]


def test_explain_says_what_differs_since(books: Books) -> None:
    """Another form of numbers and another date in the shop: both are told, old and new."""
    [number] = books.place(order())
    books.deliver(number)
    assert books.run("profile", books.id, "--set", "invoice_number=W{number}").code == 0
    earlier = (clock.now() - timedelta(days=3)).astimezone(clock.AMSTERDAM)
    books.shop.patch(f"orders/{books.token}/{number}", {"date": f"{earlier:%Y-%m-%d}"})
    told = books.run("order", books.id, number, "--explain", "--json").json
    found = {one["what"]: (one["then"], one["now"]) for one in told["differences"]}
    assert found["invoice"] == (f"MWW{number}", f"W{number}")
    assert found["date"][1] == f"{earlier:%Y-%m-%d}"
    said = books.run("order", books.id, number, "--explain")
    assert f"W{number}" in said.out
    assert "is not what would be done now" in said.out


def test_explain_of_an_order_that_would_be_refused_now_says_why(books: Books) -> None:
    """It stays booked; the reason is told."""
    [number] = books.place(order())
    books.deliver(number)
    books.shop.patch(f"orders/{books.token}/{number}", {"currency": "USD"})
    said = books.run("order", books.id, number, "--explain")
    assert said.code == 0
    assert "Planned again now it would be refused" in said.out
    assert "currency-not-eur" in said.out


def test_explain_of_a_refused_order_says_that_its_cause_is_gone(books: Books) -> None:
    """Refused then, bookable now: both are told, so that a retry makes sense."""
    [number] = books.place(order(currency="USD"))
    books.deliver(number)
    assert books.run("order", books.id, number, "--explain", "--json").json["differences"] == []
    books.shop.patch(f"orders/{books.token}/{number}", {"currency": "EUR"})
    told = books.run("order", books.id, number, "--explain", "--json").json
    assert told["differences"] == [{"what": "reason", "then": "currency-not-eur", "now": "book"}]


def test_refused_orders_are_grouped_by_cause(books: Books) -> None:
    """A line a cause, the most frequent first; the JSON stays the flat list."""
    for number in ("1", "2", "3"):
        books.claim(number).refuse(catalogue.reason("shop-order-not-found"), forget=None)
    for number in ("11", "12", "13", "14", "15"):
        reason = catalogue.reason("number-taken", invoice_number=f"MWW{number}")
        books.claim(number).refuse(reason, forget=None)
    said = books.run("orders", books.id, "--state", "refused")
    assert said.code == 1
    assert said.out.index("number-taken") < said.out.index("shop-order-not-found")
    assert said.out.count("number-taken") == said.out.count("shop-order-not-found") == 1
    assert "1, 2, 3" in said.out
    listed = books.run("orders", books.id, "--state", "refused", "--json").json
    assert [one["order_number"] for one in listed] == ["1", "2", "3", "11", "12", "13", "14", "15"]
