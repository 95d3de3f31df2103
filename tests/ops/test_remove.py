"""Removing a connection while orders are under way: it is said first, in the owner's language."""

import io
from decimal import Decimal

import pytest

from koppeling import catalogue, clock
from koppeling.claim import Claim
from koppeling.order_row import Booking
from ops.cli import run
from tests.ops.desk import Books


class Terminal(io.StringIO):
    """Somebody who can be asked."""

    def isatty(self) -> bool:
        """Whether somebody can."""
        return True


def sent(books: Books, number: str) -> Claim:
    """An order whose invoice is on its way to SnelStart."""
    claim = books.claim(number)
    booking = Booking(f"MWW{number}", "uuid", Decimal("1.00"), "2026-11-23", "relatie", "mollie", "ideal")
    claim.sending_invoice(booking, currency="EUR", seen="x", notes=())
    return claim


def under_way(books: Books) -> None:
    """One order that is worked on, one whose invoice is not settled, one of which nobody knows, and four at rest."""
    books.claim("1001")
    settling = sent(books, "1002")
    settling.booked("boeking")
    settling.refuse(catalogue.reason("shop-order-not-found"), forget=None)
    sent(books, "1003").fail(catalogue.reason("shop-unavailable"), clock.now())
    done = sent(books, "1004")
    done.booked("boeking")
    done.settled("betaling")
    books.claim("1005").refuse(catalogue.reason("shop-order-not-found"), forget=None)
    sent(books, "1006").refuse(catalogue.reason("shop-order-not-found"), forget="invoice")
    books.claim("1007").fail(catalogue.reason("shop-unavailable"), clock.now())


SAID = "3 bestellingen zijn nog niet helemaal verwerkt: bestelling 1001, MWW1002, MWW1003."


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_script_that_did_not_say_yes_is_stopped(books: Books, more: tuple[str, ...]) -> None:
    """Also with --json, which otherwise does not ask; nothing is erased."""
    under_way(books)
    said = books.run("remove", books.id, *more)
    assert said.code == 2
    assert said.err.startswith(SAID)
    assert "--yes" in said.err
    if more:
        assert said.json["error"]["code"] == "orders-under-way"
    assert books.run("show", books.id).code == 0


def test_with_yes_it_is_removed_and_told(books: Books) -> None:
    """Done, but not well: whose invoices nobody settles any more is told, and in the document."""
    under_way(books)
    said = books.run("remove", books.id, "--yes", "--json")
    assert said.code == 1
    assert said.err.startswith(SAID)
    assert said.json["under_way"] == [
        {"order_number": "1001", "state": "received", "invoice_number": None},
        {"order_number": "1002", "state": "booked", "invoice_number": "MWW1002"},
        {"order_number": "1003", "state": "failed", "invoice_number": "MWW1003"},
    ]
    assert said.json["removed"] is True


def test_at_a_terminal_it_is_said_before_the_question(
    books: Books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who answers no keeps the connection."""
    sent(books, "1003").fail(catalogue.reason("shop-unavailable"), clock.now())
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    # `koppeling` of the other tests allows one line on standard error only
    assert run(["remove", books.id]) == 3
    told = capsys.readouterr().err
    assert told.startswith("1 bestelling is nog niet helemaal verwerkt: MWW1003.")
    assert books.run("show", books.id).code == 0


def test_without_orders_under_way_nothing_is_said_of_them(books: Books) -> None:
    """A document with an empty list, without asking, as before."""
    books.claim("1005").refuse(catalogue.reason("shop-order-not-found"), forget=None)
    said = books.run("remove", books.id, "--json")
    assert (said.code, said.err, said.json["under_way"]) == (0, "", [])


def test_many_are_counted_and_the_first_ten_named(books: Books) -> None:
    """The sentence stays one that is read."""
    for number in range(1001, 1013):
        sent(books, str(number))
    said = books.run("remove", books.id)
    assert said.err.startswith("12 bestellingen zijn nog niet helemaal verwerkt: MWW1001, ")
    assert "MWW1010 en nog 2." in said.err
