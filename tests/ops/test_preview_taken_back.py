"""What `preview` says of a credit whose invoice somebody removed in SnelStart, and what it costs to know."""

from collections import Counter
from typing import Any

import pytest

from tests.exactly_once.rig import order
from tests.ops.desk import Books
from tests.ops.test_preview import CANCELLED, credit_of


def _sold(books: Books, raw: dict[str, Any]) -> str:
    [number] = books.place(raw)
    books.deliver(number)
    return number


def _taken_back(books: Books, how: str) -> tuple[str, str]:
    """A booked order that the shop takes back: its number, and that of the order that says so."""
    raw = order()
    number = _sold(books, raw)
    if how == "cancelled":
        books.place(raw | {"status": CANCELLED})
        return number, number
    [credit] = books.place(credit_of(raw))
    return number, credit


def _booking(books: Books, number: str) -> str:
    [row] = [row for row in books.books.rows("/verkoopfacturen") if row["factuurnummer"] == f"MWW{number}"]
    return f"/verkoopboekingen/{row['verkoopBoeking']['id']}"


def _remove(books: Books, number: str) -> None:
    """A person takes the order's invoice out of the books, its payment first."""
    booking = _booking(books, number)
    for path in ("/bankboekingen", "/kasboekingen"):
        for row in books.books.rows(path):
            if any(line["boekingId"]["id"] in booking for line in row["verkoopboekingBoekingsRegels"]):
                assert books.books.call("DELETE", f"{path}/{row['id']}").is_success
    assert books.books.call("DELETE", booking).is_success


def _calls(books: Books) -> Counter[str]:
    calls = books.books.sim("GET", "/calls", administration=books.books.id)["calls"]
    return Counter({f"{call['method']} {call['path']}": call["count"] for call in calls})


@pytest.mark.parametrize("how", ["cancelled", "credit order"])
def test_a_credit_of_a_removed_invoice_is_refused_ahead(books: Books, how: str) -> None:
    """As the worker will: there is nothing to take back."""
    number, credit = _taken_back(books, how)
    assert books.one(credit)["outcome"] == "credit"
    _remove(books, number)
    looked = books.one(credit)
    assert (looked["outcome"], looked["reason"]["code"]) == ("refuse", "number-gone")
    assert f"MWW{number}" in looked["reason"]["sentence"]
    books.deliver(credit)
    assert (books.one(credit)["outcome"], books.one(credit)["reason"]["code"]) == ("refuse", "number-gone")


def test_a_credit_of_a_renumbered_invoice_is_planned(books: Books) -> None:
    """It is there by its id, and the worker takes it back."""
    number, credit = _taken_back(books, "credit order")
    booking = _booking(books, number)
    held = books.books.call("GET", booking).json()
    assert books.books.call("PUT", booking, held | {"factuurnummer": "H-9"}).is_success
    assert books.one(credit)["outcome"] == "credit"


def test_a_removed_invoice_that_was_entered_anew_by_hand_is_gone_too(books: Books) -> None:
    """Under its own number stands another booking: not what the worker looks for."""
    number, credit = _taken_back(books, "credit order")
    _remove(books, number)
    books.books.plant("invoices", factuurnummer=f"MWW{number}", bedrag="10.00")
    assert books.one(credit)["reason"]["code"] == "number-gone"


def test_that_the_invoices_of_credits_are_there_costs_no_call_for_each(books: Books) -> None:
    """One for twenty-five orders, of which fewer would do without credits."""
    for _ in range(3):
        _taken_back(books, "credit order")
    before = _calls(books)
    assert {one["outcome"] for one in books.preview("--json").json["orders"]} == {"booked", "credit"}
    made = _calls(books) - before
    assert made["GET /verkoopfacturen"] == 2
    assert made["GET /verkoopboekingen/{id}"] == 0
