import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from sandbox.orders import makers_example
from sandbox.world import World, wait_until
from tests.journey.steps import (
    AMSTERDAM,
    announce,
    book,
    booked,
    connect,
    customers,
    generated,
    line,
    priced,
    reach,
    sale,
    settled,
    until,
    vat_of,
    with_email,
)

THIRTY = {
    "sale": 19,
    "unpaid": 2,
    "authorized": 1,
    "incomplete": 2,
    "test": 1,
    "zero": 1,
    "cancelled": 1,
    "refunded": 1,
    "dollars": 1,
    "mismatch": 1,
}


def test_a_signed_webhook_becomes_a_paid_invoice(stage: World) -> None:
    """A signed webhook becomes a paid invoice: lines, accounts, VAT per rate, journal, relation with its address."""
    connected = connect(stage, "Theewinkel")
    order = sale(
        payment={"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1, "text": "Successful"}},
        business_model="B2C",
        debtor={
            "email": "saar@mail.example",
            "name": "Saar Kuiper",
            "address": {
                "invoice": {
                    "name": "Saar Kuiper",
                    "street": "Kade",
                    "number": "7a",
                    "zipcode": "1234 AB",
                    "city": "Delft",
                    "country": "Nederland",
                    "country_code": "NL",
                    "phone": "06-11223344",
                }
            },
        },
        **priced(
            [
                line("article", "Theepot blauw", 2, 6050, 21),
                line("article", "Kookboek", 1, 2180, 9),
                line("shipping", "Verzendkosten", 1, 605, 21),
            ]
        ),
    )

    row = booked(stage, connected, order)["1001"]

    ledger = stage.ledger(connected)
    (invoice,) = ledger["invoices"]
    settled(invoice, "88.35")
    assert invoice["factuurnummer"] == row["invoice_number"] == "MWW1001"
    assert vat_of(invoice) == {"VerkopenHoog": Decimal("11.55"), "VerkopenLaag": Decimal("1.80")}
    lines = {
        (one["grootboek"], one["btwSoort"], Decimal(one["bedrag"])): one["omschrijving"] for one in invoice["regels"]
    }
    assert lines.keys() == {
        (8200, "Hoog", Decimal("50.00")),
        (8210, "Laag", Decimal("20.00")),
        (8202, "Hoog", Decimal("5.00")),
    }
    sold = lines[8200, "Hoog", Decimal("50.00")]
    assert "2" in sold
    assert "Theepot blauw" in sold
    assert "1001" in invoice["omschrijving"]
    assert invoice["factuurdatum"][:10] == order["date"]
    assert [payment["dagboek"] for payment in invoice["betalingen"]] == [1103]
    (customer,) = customers(stage, connected)
    assert customer["naam"] == "Saar Kuiper"
    assert customer["email"] == "saar@mail.example"
    address = customer["vestigingsAdres"]
    assert (address["straat"], address["postcode"], address["plaats"]) == ("Kade 7a", "1234 AB", "Delft")
    assert {name: row[name] for name in ("state", "total", "currency", "reason", "notes")} == {
        "state": "paid",
        "total": "88.35",
        "currency": "EUR",
        "reason": None,
        "notes": [],
    }
    assert row["verkoopboeking_id"] == invoice["id"]
    assert row["relatie_id"] == customer["id"]
    assert row["payment_id"] == invoice["betalingen"][0]["id"]
    assert datetime.fromisoformat(row["received_at"]) <= datetime.fromisoformat(row["paid_at"])


def test_the_url_key_stands_in_for_a_signature(stage: World, http: httpx.Client) -> None:
    """A sender that cannot sign is let in by the URL key, and its order is booked like any other."""
    connected = connect(stage, "Sleutelwinkel")
    stage.place(connected, [sale()])
    body = json.dumps({"order_number": "1001"})

    answer = http.post(connected.webhook_url, params={"key": connected.webhook_key}, content=body)

    assert answer.status_code == 202
    assert answer.json() == {"accepted": True}
    assert until(stage, connected, {"1001": "paid"})["1001"]["invoice_number"] == "MWW1001"


def test_the_makers_own_example_books_to_the_cent(stage: World) -> None:
    """The maker's order 27 is booked as 47.45 with VAT 0.83 and 6.50, as the customer's invoice says."""
    connected = connect(stage, "Voorbeeldwinkel")
    order = makers_example(datetime.now(AMSTERDAM).date())

    book(stage, connected, order.raw)

    invoice = stage.invoices(connected)["MWW27"]
    settled(invoice, "47.45")
    assert vat_of(invoice) == {"VerkopenLaag": Decimal("0.83"), "VerkopenHoog": Decimal("6.50")}
    assert sum(Decimal(one["bedrag"]) for one in invoice["regels"]) == Decimal("40.12")


def test_thirty_orders_of_all_kinds_end_as_they_should(stage: World) -> None:
    """Thirty orders of all kinds each end in their own state, and the books hold the sales to the cent."""
    connected = connect(stage, "Allerlei")
    orders = [
        order
        for place, (kind, count) in enumerate(THIRTY.items())
        for order in generated(place, count, first=1001 + 100 * place, **{kind: 1})
    ]
    stage.place(connected, [order.raw for order in orders])

    announce(stage, connected, [order.number for order in orders])

    rows = until(stage, connected, {order.number: order.expected_state for order in orders})
    invoices = stage.invoices(connected)
    sales = [order for order in orders if order.eligible]
    assert len(orders) == 30
    assert invoices.keys() == {f"MWW{order.number}" for order in sales}
    for order in sales:
        invoice = invoices[f"MWW{order.number}"]
        settled(invoice, order.total)
        assert sum(vat_of(invoice).values()) == sum(order.vat.values())
        assert rows[order.number]["total"] == str(order.total)
    for order in orders:
        assert (rows[order.number]["reason"] is None) == order.eligible


def test_the_journal_follows_the_way_of_paying(stage: World) -> None:
    """Each way of paying is settled in the journal of its own service, cash in the cash journal."""
    connected = connect(stage, "Betaalwijzen")
    ways = {
        ("mollie", "ideal"): 1103,
        ("paypal", "paypal"): 1104,
        ("klarna_checkout", "klarna_paylater"): 1105,
        ("basic", "cash"): 1000,
        ("basic", "advance"): 1100,
    }
    status = {"id": 1, "text": "Successful"}
    orders = [
        sale(number, payment={"gateway_name": gateway, "method_name": method, "status": status}, _payments=[])
        for number, (gateway, method) in enumerate(ways, 1001)
    ]

    book(stage, connected, *orders)

    ledger = stage.ledger(connected)
    assert {
        invoice["factuurnummer"]: [payment["dagboek"] for payment in invoice["betalingen"]]
        for invoice in ledger["invoices"]
    } == {f"MWW{number}": [journal] for number, journal in enumerate(ways.values(), 1001)}
    assert len(ledger["kasboekingen"]) == 1


def test_an_order_told_of_many_times_is_booked_once(stage: World) -> None:
    """Five webhooks at once and a poll at the same time make one invoice and one payment."""
    connected = connect(stage, "Vijfmaal")
    stage.place(connected, [sale()])

    with ThreadPoolExecutor(1) as other:
        polled = other.submit(stage.deployment.poll)
        announce(stage, connected, [1001, "1001", "0001001", 1001, "1001"])
        polled.result()
    reach(stage, connected, {"1001": "paid"})
    announce(stage, connected, [1001])
    stage.deployment.poll()
    book(stage, connected, sale(1002))

    ledger = stage.ledger(connected)
    assert [invoice["factuurnummer"] for invoice in ledger["invoices"]] == ["MWW1001", "MWW1002"]
    assert len(ledger["bankboekingen"]) + len(ledger["kasboekingen"]) == 2


def test_an_order_nobody_told_of_is_found_by_the_poll(stage: World) -> None:
    """An order no webhook told of is found and booked by the next poll, an archived one too."""
    connected = connect(stage, "Stille winkel")
    stage.place(connected, [sale(1001), sale(1002, archived=True)])

    stage.deployment.poll()

    rows = until(stage, connected, {"1001": "paid", "1002": "paid"})
    assert set(stage.invoices(connected)) == {row["invoice_number"] for row in rows.values()}


def test_an_order_waits_for_its_payment_and_is_then_booked(stage: World) -> None:
    """An order completed before it is paid waits, with the reason why, and the poll books it once it is paid."""
    connected = connect(stage, "Later betaald")
    (order,) = generated(5, unpaid=1)
    stage.place(connected, [order.raw])
    announce(stage, connected, [1001])
    waiting = until(stage, connected, {"1001": "waiting"})["1001"]
    assert waiting["reason"]["code"] == "shop-not-paid"
    assert "nog niet betaald" in waiting["reason"]["sentence"]
    assert waiting["invoice_number"] is None
    assert stage.invoices(connected) == {}

    stage.shop.patch(f"orders/{connected.shop_token}/1001", {"payment_status": "captured"})
    stage.deployment.poll()

    paid = until(stage, connected, {"1001": "paid"})["1001"]
    assert paid["reason"] is None
    settled(stage.invoices(connected)["MWW1001"], order.total)


def test_an_order_waits_for_its_status_and_is_then_booked(stage: World) -> None:
    """An order paid before it is completed waits, and the webhook of its completion books it."""
    connected = connect(stage, "Later afgerond")
    (order,) = generated(6, incomplete=1)
    stage.place(connected, [order.raw])
    announce(stage, connected, [1001])
    assert until(stage, connected, {"1001": "waiting"})["1001"]["reason"]["code"] == "shop-not-completed"

    stage.shop.patch(f"orders/{connected.shop_token}/1001", {"status": 4})
    announce(stage, connected, [1001])

    reach(stage, connected, {"1001": "paid"})
    settled(stage.invoices(connected)["MWW1001"], order.total)


def test_what_is_not_to_be_booked_is_skipped_with_the_reason(stage: World) -> None:
    """A test order, one of nothing, one of before the start date, a cancelled and a refunded one are skipped."""
    today = datetime.now(AMSTERDAM).date()
    connected = stage.connect("Overgeslagen", profile=f"start_date = {today - timedelta(days=3)}\n")
    early = today - timedelta(days=4)
    (zero,) = generated(1, first=1002, zero=1)
    (cancelled,) = generated(1, first=1004, cancelled=1)
    (refunded,) = generated(1, first=1005, refunded=1)
    stage.place(
        connected, [{**sale(), "number": "27T"}, zero.raw, sale(1003, date=f"{early}"), cancelled.raw, refunded.raw]
    )

    announce(stage, connected, ["27t", 1002, 1003, 1004, 1005])

    numbers = ("27T", "1002", "1003", "1004", "1005")
    rows = until(stage, connected, dict.fromkeys(numbers, "skipped"))
    assert {number: row["reason"]["code"] for number, row in rows.items()} == {
        "27T": "shop-test-order",
        "1002": "shop-zero-total",
        "1003": "shop-before-start-date",
        "1004": "shop-cancelled",
        "1005": "shop-refunded",
    }
    assert stage.ledger(connected)["invoices"] == []
    assert customers(stage, connected) == []


def test_a_known_customer_is_used_and_left_alone(stage: World) -> None:
    """A relation with the order's e-mail address in other letters is booked on and not changed in any field."""
    connected = connect(stage, "Vaste klant")
    known = stage.books.tell(
        "relaties", {"administration": connected.administration, "naam": "Oude naam", "email": "saar@mail.example"}
    )

    row = booked(stage, connected, with_email(sale(), "Saar@Mail.Example"))["1001"]

    assert row["relatie_id"] == known["id"]
    assert customers(stage, connected) == [known]


def test_of_several_customers_the_oldest_active_one_is_used(stage: World) -> None:
    """Of several relations with one e-mail address the oldest active one is booked on, and a note says so."""
    connected = connect(stage, "Dubbele klant")
    email = "saar@mail.example"
    for code, inactive in ((5003, False), (5001, True), (5002, False)):
        stage.books.tell(
            "relaties",
            {
                "administration": connected.administration,
                "naam": f"Klant {code}",
                "email": email,
                "relatiecode": code,
                "nonactief": inactive,
            },
        )

    row = booked(stage, connected, with_email(sale(), email))["1001"]

    assert stage.invoices(connected)["MWW1001"]["klant"]["naam"] == "Klant 5002"
    (note,) = row["notes"]
    assert "2 klanten met dit e-mailadres" in note


def test_a_customer_made_inactive_is_replaced(stage: World) -> None:
    """A remembered customer that was made inactive since is replaced by a new one, and the order is booked."""
    connected = connect(stage, "Slapende klant")
    email = "saar@mail.example"
    first = booked(stage, connected, with_email(sale(1001), email))["1001"]["relatie_id"]
    (customer,) = customers(stage, connected)
    stage.books.tell("relaties", {**customer, "nonactief": True, "administration": connected.administration})

    second = booked(stage, connected, with_email(sale(1002), email))["1002"]["relatie_id"]

    assert second != first
    assert [row["id"] for row in customers(stage, connected) if not row["nonactief"]] == [second]


def test_two_orders_of_a_new_customer_make_one_relation(stage: World) -> None:
    """Two orders of one new customer at the same moment make one relation and are both booked within 10 seconds."""
    connected = connect(stage, "Twee tegelijk")
    book(stage, connected, sale(1000))
    stage.books.tell("settings", {"latency_ms": 200})
    try:
        email = "nieuw@mail.example"
        stage.place(connected, [with_email(sale(1001), email), with_email(sale(1002), email.upper())])

        announce(stage, connected, [1001, 1002])

        wait_until(lambda: len(stage.invoices(connected)) == 3, 10, "both invoices")
        rows = until(stage, connected, {"1001": "paid", "1002": "paid"}, seconds=10)
    finally:
        stage.books.tell("settings", {"latency_ms": 0})
    assert rows["1001"]["relatie_id"] == rows["1002"]["relatie_id"]
    assert len([row for row in customers(stage, connected) if (row["email"] or "").casefold() == email]) == 1
    for number in ("1001", "1002"):
        row = rows[number]
        took = datetime.fromisoformat(row["paid_at"]) - datetime.fromisoformat(row["received_at"])
        assert took < timedelta(seconds=10)
