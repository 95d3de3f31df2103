"""Turnover without VAT per rate: also what stands in no table of VAT, for there is none on it."""

from decimal import Decimal

import pytest

from koppeling import calls
from koppeling.compared import NotCompared, Reconciled
from tests.booking.world import line, paid
from tests.exactly_once.rig import Stage
from tests.reconcile.bookkeeper import bookkeeper
from tests.reconcile.shop import Shop
from tests.regimes.winkel import (
    CARDS,
    connect,
    credit_of,
    days_ago,
    german,
    on,
    reversed_to,
    sold,
    thing,
    to,
    untaxed,
)

NUMBERS = ["all", "debtors", "none"]
_CARD = line(paid("-21.00", "0"), kind="gift_card")


def _lines(done: Reconciled) -> list[tuple[str, str, str]]:
    return [(one.name, str(one.shop), str(one.books)) for one in done.rates]


def _moved(shop: Shop, number: str, account: int) -> None:
    """The first line of an invoice on another account, by hand."""
    first, *rest = shop.books.booking(f"MWW{number}")["boekingsregels"]
    [found] = [row for row in shop.connected.snelstart.get("grootboeken") if row["nummer"] == account]
    shop.books.change(f"MWW{number}", boekingsregels=[first | {"grootboek": {"id": found["id"]}}, *rest])


@pytest.mark.parametrize("numbers", NUMBERS)
def test_every_rate_has_a_line_also_those_without_vat(shop: Shop, numbers: str) -> None:
    """Nothing is left out but gift cards, which are a debt: with its VAT the turnover is all that was paid."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    for raw in (
        thing("109.00", "9", "9.00", **on(days_ago(3))),
        untaxed("50.00", **on(days_ago(3))),
        untaxed(**to("US")),
        untaxed(**reversed_to("BE")),
        german(**on(days_ago(2))),
        sold(line(paid("121.00", "21")), _CARD, total="100.00", tax={"21": "21.00"}),
        sold(line(paid("40.00", "0"), kind="gift_card"), total="40.00", tax={"0": "0.00"}),
    ):
        shop.run(raw)
    whole = shop.sale()
    shop.run(credit_of(whole, line(paid("-12.10", "21")), total="-12.10", tax={"21": "-2.10"}))
    done = shop.compared()
    assert done.differences == ()
    assert _lines(done) == [
        ("hoog 21%", "190.00", "190.00"),
        ("laag 9%", "100.00", "100.00"),
        ("nul 0%", "50.00", "50.00"),
        ("eu 0%", "100.00", "100.00"),
        ("export 0%", "100.00", "100.00"),
        ("DE 19%", "100.00", "100.00"),
    ]
    assert sum(one.books for one in (*done.rates, *done.vat)) - 21 + 40 == done.books_total
    assert (done.verdict, done.not_compared.rate) == ("sluitend", 0)
    assert [one["name"] for one in done.as_json()["per_rate"]] == [one.name for one in done.rates]


def test_under_the_small_business_scheme(stage: Stage) -> None:
    """All of it without VAT, and on one line."""
    connected = connect(stage, CARDS, kor=True)
    with bookkeeper(connected) as by_hand:
        shop = Shop(stage, connected, by_hand)
        shop.run(untaxed(**on(days_ago(2))))
        done = shop.compared()
        assert (_lines(done), done.vat) == ([("nul 0%", "100.00", "100.00")], ())
        assert done.verdict == "sluitend"
    stage.disconnect(connected)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_turnover_moved_where_there_is_no_vat_is_found(shop: Shop, numbers: str) -> None:
    """From within the EU to outside of it: no amount is another, but a line of the VAT return is."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    number = shop.run(untaxed(**reversed_to("BE"), **on(days_ago(2))))
    assert shop.found() == []
    _moved(shop, number, 8310)
    done = shop.compared()
    [only] = done.differences
    assert (only.order_number, only.kind) == (number, "different-vat")
    assert (only.shop, only.books) == (Decimal("100.00"), Decimal("100.00"))
    assert "in SnelStart € 100,00 buiten de EU (0%)" in only.sentence
    assert "in de webwinkel € 100,00 binnen de EU (0%)" in only.sentence
    assert _lines(done) == [("eu 0%", "100.00", "0.00"), ("export 0%", "0.00", "100.00")]
    assert (done.closes, done.vat) == (False, ())


def test_what_stands_at_several_rates_or_none_is_still_a_sentence(shop: Shop) -> None:
    """Three rates are listed; turnover that left for the balance is an amount too."""
    lines = line(paid("121.00")), line(paid("109.00", "9")), line(paid("50.00", "0"))
    raw = sold(*lines, total="280.00", tax={"21": "21.00", "9": "9.00"}, **on(days_ago(2)))
    several, none = shop.run(raw), shop.run(untaxed(**on(days_ago(2))))
    _moved(shop, none, 1360)
    first, *rest = shop.books.booking(f"MWW{several}")["boekingsregels"]
    [export] = [row for row in shop.connected.snelstart.get("grootboeken") if row["nummer"] == 8310]
    shop.books.change(f"MWW{several}", boekingsregels=[first, rest[0], rest[1] | {"grootboek": {"id": export["id"]}}])
    found = {one.order_number: one.sentence for one in shop.compared().differences}
    assert found == {
        several: f"De omzet van factuur MWW{several} is in SnelStart € 100,00 hoog (21%), € 100,00 laag (9%) en € 50,00"
        f" buiten de EU (0%), van bestelling {several} in de webwinkel € 100,00 hoog (21%), € 100,00 laag (9%) en"
        " € 50,00 zonder btw (0%).",
        none: f"De omzet van factuur MWW{none} is in SnelStart € 0,00, van bestelling {none} in de webwinkel € 100,00"
        " zonder btw (0%).",
    }


def test_it_is_found_without_our_row_too(shop: Shop) -> None:
    """Where nobody knows when it was booked."""
    number = shop.run(untaxed(**on(days_ago(2))))
    shop.stage.table.delete(shop.row_key(number))
    _moved(shop, number, 8310)
    assert shop.found() == [(number, "different-vat")]


def test_an_order_that_changed_in_the_shop_is_told_as_such(shop: Shop) -> None:
    """No longer delivered in the Netherlands, by what the shop says now; the books are as they were sent."""
    raw = untaxed(**on(days_ago(2)))
    number = shop.run(raw)
    shop.stage.change(shop.connected, number, status_changed_time="23:59:58", tax_strategy="zero_percent", **to("US"))
    [only] = shop.compared().differences
    assert (only.order_number, only.kind) == (number, "changed-in-shop")
    assert "nu € 100,00 buiten de EU (0%)" in only.sentence


def test_another_account_of_the_same_rate_is_the_same_rate(shop: Shop) -> None:
    """By hand it is a change of accounts; by another profile nothing at all."""
    number, high = shop.run(untaxed(**on(days_ago(2)))), shop.sale()
    _moved(shop, number, 8230)
    shop.change_profile("[accounts]\nrevenue_high = 8201\n")
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "changed-by-hand")]
    assert _lines(done) == [("hoog 21%", "100.00", "100.00"), ("nul 0%", "100.00", "100.00")]
    assert high not in done.differences[0].sentence


def test_an_account_that_tells_no_rate_is_as_planned_or_not_compared(shop: Shop) -> None:
    """While the profile has it, it is what it was chosen for; afterwards nobody knows, and that is said."""
    shop.change_profile("[accounts]\nrevenue_zero = 8540\n")
    shop.run(untaxed(**on(days_ago(2))))
    done = shop.compared()
    assert (_lines(done), done.verdict) == ([("nul 0%", "100.00", "100.00")], "sluitend")
    shop.change_profile("[accounts]\nrevenue_zero = 8240\n")
    done = shop.compared()
    assert (_lines(done), done.not_compared.rate) == ([], 1)
    assert (done.closes, done.verdict) == (True, "sluitend voor zover vergeleken")


@pytest.mark.parametrize(("then", "now"), [("payment", "discount"), ("discount", "payment")])
def test_a_choice_about_gift_cards_that_changed_is_no_other_turnover(shop: Shop, then: str, now: str) -> None:
    """A card redeemed lowered the debt, and would lower turnover now; or the other way round."""
    shop.change_profile(f'gift_cards = "{then}"\n')
    number = shop.run(sold(line(paid("121.00", "21")), _CARD, total="100.00", tax={"21": "21.00"}, **on(days_ago(2))))
    back = line(paid("-121.00", "21")), line(paid("21.00", "0"), kind="gift_card")
    shop.run(credit_of(number, *back, total="-100.00", tax={"21": "-21.00"}, **on(days_ago(1))))
    before = shop.compared()
    shop.change_profile(f'gift_cards = "{now}"\n')
    done = shop.compared()
    assert [one.closes for one in (before, done)] == [True, True]
    assert done.differences == ()
    assert all(one.closes for one in done.rates)


def test_another_account_for_gift_cards_is_still_no_turnover(shop: Shop) -> None:
    """A debt is told by its standing on the balance."""
    shop.run(sold(line(paid("121.00", "21")), _CARD, total="100.00", tax={"21": "21.00"}, **on(days_ago(2))))
    shop.change_profile("[accounts]\ngift_cards = 1620\n")
    done = shop.compared()
    assert (_lines(done), done.verdict) == ([("hoog 21%", "100.00", "100.00")], "sluitend")


def test_of_a_customer_changed_by_hand_turnover_stands_under_no_country(shop: Shop) -> None:
    """As its VAT does."""
    number, other = (shop.run(german(**on(days_ago(2)))) for _ in range(2))
    shop.books.change(f"MWW{number}", klant={"id": shop.books.booking(f"MWW{other}")["klant"]["id"]})
    done = shop.compared()
    assert [one.kind for one in done.differences] == ["changed-by-hand"]
    assert _lines(done) == [("DE 19%", "200.00", "100.00"), ("buitenland", "0.00", "100.00")]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_turnover_that_nothing_shows_is_not_compared(shop: Shop, monkeypatch: pytest.MonkeyPatch, numbers: str) -> None:
    """In neither column, and counted."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    shop.run(untaxed(**on(days_ago(2))))
    monkeypatch.setattr(calls, "_PART", 5000 // 9)
    done = shop.compared()
    seen = numbers == "all"
    assert (done.differences, done.not_compared.rate, bool(done.rates)) == ((), 0 if seen else 1, seen)


def test_a_night_of_before_is_read_without_it() -> None:
    """An earlier version did not count it."""
    assert NotCompared.read({"vat": 2, "journal": 1, "unread": 0, "date": 0}) == NotCompared(vat=2, journal=1)
    assert NotCompared.read(NotCompared(rate=3).as_json()) == NotCompared(rate=3)
    # And what a newer one counts is for a newer one to tell: while it is deployed both read the same row.
    assert NotCompared.read({"vat": 2, "colour": 1}) == NotCompared(vat=2)
