"""Bank and cash bookings settle invoices in the simulated SnelStart, as often as they are sent."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.books_run import BooksClient


def payment(
    books: BooksClient, booking: str, amount: str = "10.00", journal: int = 1103, **changes: object
) -> dict[str, Any]:
    """A receipt that settles one sales booking."""
    return {
        "datum": "2026-11-23T00:00:00",
        "dagboek": {"id": books.dagboek(journal)},
        "omschrijving": "Betaling",
        "bedragOntvangen": amount,
        "bedragUitgegeven": 0,
        "verkoopboekingBoekingsRegels": [{"boekingId": {"id": booking}, "debet": 0, "credit": amount}],
    } | changes


def refusal(books: BooksClient, body: object, path: str = "/bankboekingen") -> list[str]:
    """The codes of a refusal, empty when it was taken."""
    answer = books.call("POST", path, body)
    return [] if answer.is_success else [entry["errorCode"] for entry in answer.json()]


def test_a_receipt_lowers_the_open_balance_and_a_second_one_pays_twice(books: BooksClient) -> None:
    """A receipt closes the invoice; the same receipt again takes the balance below zero."""
    booking = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    answer = books.call("POST", "/bankboekingen", payment(books, booking))
    assert answer.status_code == 201
    assert '"bedragOntvangen":10.00' in answer.text
    assert books.open_balance("1") == 0
    books.call("POST", "/bankboekingen", payment(books, booking)).raise_for_status()
    assert books.open_balance("1") == Decimal("-10.00")
    assert [p["bedrag"] for p in books.books()["invoices"][0]["betalingen"]] == ["10.00", "10.00"]


def test_one_receipt_settles_many_invoices(books: BooksClient) -> None:
    """One bank booking may carry a line per invoice."""
    keys = [books.plant("invoices", factuurnummer=str(n), bedrag="10.00")["id"] for n in range(3)]
    lines = [{"boekingId": {"id": key}, "debet": 0, "credit": "10.00"} for key in keys]
    body = payment(books, keys[0], bedragOntvangen="30.00", verkoopboekingBoekingsRegels=lines)
    assert refusal(books, body) == []
    assert [books.open_balance(str(n)) for n in range(3)] == [0, 0, 0]


def test_costs_of_the_provider_may_be_a_ledger_line(books: BooksClient) -> None:
    """A receipt less the provider's costs balances with a line on a cost account."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    costs = {"omschrijving": "Kosten", "grootboek": {"id": books.grootboek(4311)}, "debet": "0.29", "credit": 0}
    body = payment(books, key, bedragOntvangen="9.71", grootboekBoekingsRegels=[costs])
    assert refusal(books, body) == []
    assert books.open_balance("1") == 0


def test_a_refund_is_the_mirror_image(books: BooksClient) -> None:
    """Spending with a debit line opens the invoice again."""
    key = books.plant("invoices", factuurnummer="1", bedrag="-10.00")["id"]
    lines = [{"boekingId": {"id": key}, "debet": "10.00", "credit": 0}]
    body = payment(books, key, bedragOntvangen=0, bedragUitgegeven="10.00", verkoopboekingBoekingsRegels=lines)
    assert refusal(books, body) == []
    assert books.open_balance("1") == 0


def test_a_cash_booking_needs_a_cash_journal(books: BooksClient) -> None:
    """Cash goes into a journal of kind Kas, bank into one of kind Bank, and neither into the other."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    assert refusal(books, payment(books, key), "/kasboekingen") == ["BOE-0025"]
    assert refusal(books, payment(books, key, journal=1000)) == ["BOE-0096"]
    assert refusal(books, payment(books, key, journal=1000), "/kasboekingen") == []
    assert books.books()["kasboekingen"][0]["dagboeknummer"] == 1000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bedragUitgegeven": "10.00"}, "BOE-0027"),
        ({"bedragOntvangen": "9.99"}, "BOE-0039"),
        ({"bedragOntvangen": "-10.00"}, "SIM-0005"),
        ({"bedragOntvangen": None}, "SIM-0002"),
        ({"verkoopboekingBoekingsRegels": []}, "BOE-0023"),
        ({"boekstuk": "x" * 26}, "BOE-0068"),
        ({"omschrijving": "x" * 251}, "BOE-0071"),
        ({"valuta": "EUR"}, "SIM-0001"),
        ({"datum": "23-11-2026"}, "BOE-0070"),
        ({"datum": "2019-11-23T00:00:00"}, "BOE-0033"),
        (
            {
                "verkoopboekingBoekingsRegels": [
                    {"boekingId": {"id": "7d1a3c1e-0000-4000-8000-000000000001"}, "credit": "10.00"}
                ]
            },
            "BOE-0001",
        ),
        ({"dagboek": {"id": "7d1a3c1e-0000-4000-8000-000000000001"}}, "BOE-0096"),
    ],
)
def test_a_wrong_receipt_is_refused(books: BooksClient, changes: dict[str, object], code: str) -> None:
    """A receipt that breaks a rule is refused with its code and settles nothing."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    assert refusal(books, payment(books, key) | changes) == [code]
    assert books.open_balance("1") == Decimal("10.00")


def test_a_paid_invoice_cannot_be_removed_until_its_payment_is(books: BooksClient) -> None:
    """An invoice with a payment stays; without the payment it is open again and may go."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    paid = books.call("POST", "/bankboekingen", payment(books, key)).json()["id"]
    answer = books.call("DELETE", f"/verkoopboekingen/{key}")
    assert answer.json()[0]["errorCode"] == "BOE-0083"
    assert books.call("DELETE", f"/bankboekingen/{paid}").status_code == 200
    assert books.open_balance("1") == Decimal("10.00")
    assert books.call("DELETE", f"/verkoopboekingen/{key}").status_code == 200


@pytest.mark.parametrize("day", ["blocked", "vat_filed", "accountant"])
def test_nothing_is_removed_from_a_closed_day(books: BooksClient, day: str) -> None:
    """Blocked, filed or locked by the accountant: neither the payment nor the invoice goes, and nothing changes."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00", factuurdatum="2026-11-23T00:00:00")["id"]
    paid = books.call("POST", "/bankboekingen", payment(books, key)).json()["id"]
    books.sim("POST", f"/administrations/{books.id}", {day: [["2026-11-23", "2026-11-23"]]})
    code = {"blocked": "BOE-0042", "vat_filed": "BOE-0046", "accountant": "BOE-0051"}[day]
    before = books.books()
    for path in (f"/verkoopboekingen/{key}", f"/bankboekingen/{paid}"):
        assert [entry["errorCode"] for entry in books.call("DELETE", path).json()] == [code]
    assert books.books() == before


def test_removing_needs_the_right_and_an_id_that_is_there(books: BooksClient) -> None:
    """Without the right to write it is a 403, an id nobody knows a 404; a second removal is one of those."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    assert books.call("DELETE", f"/kasboekingen/{key}").status_code == 404
    books.sim("POST", f"/administrations/{books.id}", {"scopes": ["boekhouden:read", "bankieren:read"]})
    books.login()
    for path in ("verkoopboekingen", "bankboekingen", "kasboekingen"):
        assert books.call("DELETE", f"/{path}/{key}").status_code == 403
    books.sim("POST", f"/administrations/{books.id}", {"scopes": ["boekhouden:write"]})
    books.login()
    assert [books.call("DELETE", f"/verkoopboekingen/{key}").status_code for _ in range(2)] == [200, 404]


def test_a_receipt_that_is_replaced_settles_what_it_now_says(books: BooksClient) -> None:
    """Without one of its lines that invoice is open again, the other stays paid; a wrong one changes nothing."""
    keys = [books.plant("invoices", factuurnummer=str(n), bedrag="10.00")["id"] for n in range(2)]
    lines = [{"boekingId": {"id": key}, "debet": 0, "credit": "10.00"} for key in keys]
    body = payment(books, keys[0], bedragOntvangen="20.00", verkoopboekingBoekingsRegels=lines)
    paid = books.call("POST", "/bankboekingen", body).json()["id"]
    path = f"/bankboekingen/{paid}"
    assert books.call("PUT", path, payment(books, keys[0], "9.99", bedragOntvangen="10.00")).status_code == 400
    other = {"id": "7d1a3c1e-0000-4000-8000-000000000001"}
    assert books.call("PUT", path, payment(books, keys[0]) | other).json()[0]["errorCode"] == "BOE-0078"
    assert [books.open_balance(str(n)) for n in range(2)] == [0, 0]
    assert books.call("PUT", path, payment(books, keys[0]) | {"id": paid}).status_code == 200
    assert [books.open_balance(str(n)) for n in range(2)] == [0, Decimal("10.00")]
    assert books.call("PUT", f"/kasboekingen/{paid}", payment(books, keys[0])).status_code == 404


def test_a_booking_the_accountant_changed_says_so(books: BooksClient) -> None:
    """SnelStart's own flag, on the sale and on the payment."""
    key = books.plant("invoices", factuurnummer="1", bedrag="10.00")["id"]
    paid = books.call("POST", "/bankboekingen", payment(books, key)).json()["id"]
    for path in (f"/verkoopboekingen/{key}", f"/bankboekingen/{paid}"):
        assert books.call("GET", path).json()["gewijzigdDoorAccountant"] is False
        books.plant("accountant", id=path.rpartition("/")[2])
        assert books.call("GET", path).json()["gewijzigdDoorAccountant"] is True
