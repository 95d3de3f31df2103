"""What a person booked by hand in the place of an invoice of ours, without a word of it: no repair books it twice."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from koppeling import repairing
from koppeling.compared import Difference, Reconciled
from koppeling.reconcile import reconcile
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.shop import Shop
from tests.regimes.winkel import CANCELLED, Json, credit_of, days_ago, on


def _day(days: int) -> date:
    return datetime.fromisoformat(days_ago(days)).date()


def _queued(shop: Shop, first: int = 5, last: int = 0) -> tuple[Reconciled, tuple[str, ...]]:
    """The orders placed from so many up to so many days ago compared, and which of them are repaired."""
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        done = reconcile(place, _day(first), _day(last))
        return done, repairing.repair(place, done.differences).queued


def _another_customer(shop: Shop) -> Json:
    return {"id": shop.connected.snelstart.post("relaties", {"relatiesoort": ["Klant"], "naam": "Balie"})["id"]}


def _by_hand(shop: Shop, number: str, dated: int) -> None:
    """A copy of an invoice under another number on another customer, and no word of the order."""
    said = {"omschrijving": "Verkoop", "klant": _another_customer(shop), "factuurdatum": f"{days_ago(dated)}T00:00:00"}
    shop.books.copy(f"MWW{number}", factuurnummer="H-1", **said)


@pytest.mark.parametrize(("placed", "dated"), [(2, 2), (2, 8), (100, 0)])
def test_what_was_removed_and_booked_by_hand_on_another_customer_is_left(shop: Shop, placed: int, dated: int) -> None:
    """Within the period, before it and long after it: the invoice of its amount is named, and nothing is queued."""
    number = shop.sale(**on(days_ago(placed)))
    _by_hand(shop, number, dated)
    shop.books.delete(f"MWW{number}")
    done, queued = _queued(shop, placed + 3, placed - 2)
    [only] = done.differences
    assert (only.order_number, only.kind, only.repair, queued) == (number, "missing", None, ())
    assert "H-1" in only.sentence


def test_an_older_sale_of_the_same_amount_keeps_no_removed_invoice_from_being_booked_again(shop: Shop) -> None:
    """Written before we booked and dated weeks off it is another sale."""
    other = shop.sale(**on(days_ago(40)))
    _by_hand(shop, other, 40)
    number = shop.sale()
    shop.stage.rewrite(shop.connected, number, paid_at=f"{days_ago(-1)}T00:00:00.000Z")
    shop.books.delete(f"MWW{number}")
    done, queued = _queued(shop, 45)
    assert ([(one.order_number, one.kind) for one in done.differences], queued) == ([(number, "missing")], (number,))


def test_where_our_numbers_are_bare_a_number_given_by_hand_is_none_of_ours(shop: Shop) -> None:
    """It reads as an order's, but the shop has no such order: a double is found, and nothing is booked twice."""
    shop.change_profile('invoice_number = "{number}"\n')
    doubled, removed, other = (shop.sale() for _ in range(3))
    shop.books.copy(doubled, factuurnummer="20260815", omschrijving="Nagekomen")
    shop.books.copy(removed, factuurnummer="20260816", omschrijving="Verkoop", klant=_another_customer(shop))
    shop.books.delete(removed)
    shop.books.change(other, factuurnummer="20260817")
    done, queued = _queued(shop)
    assert sorted(_told(done)) == [(doubled, "double"), (removed, "missing"), (other, "changed-by-hand")]
    assert queued == ()


def _part(shop: Shop, number: str, without: str, vat: str, omschrijving: str = "Retour") -> None:
    """So much of an invoice credited by hand."""
    [regel] = shop.books.booking(f"MWW{number}")["boekingsregels"]
    amounts = {
        "boekingsregels": [regel | {"bedrag": f"-{without}"}],
        "btw": [{"btwSoort": "VerkopenHoog", "btwBedrag": f"-{vat}"}],
    }
    whole = Decimal(without) + Decimal(vat)
    given = {"factuurnummer": "C-1", "omschrijving": omschrijving, "factuurbedrag": f"-{whole}"}
    shop.books.copy(f"MWW{number}", **amounts, **given)


def _credit(number: str, amount: str = "-121.00", vat: str = "-21.00") -> Json:
    return credit_of(number, line(paid(amount)), total=amount, tax={"21": vat})


def _is(one: Difference, number: str) -> bool:
    return (one.order_number, one.kind) == (number, "double")


def _told(done: Reconciled) -> list[tuple[str, str]]:
    return [(one.order_number, one.kind) for one in done.differences]


def test_a_cancelled_order_credited_by_hand_is_not_credited_twice(shop: Shop) -> None:
    """On the same customer or another, whole or in part: what stands for the credit is named, and nothing is queued."""
    same, other, part = (shop.sale() for _ in range(3))
    for number in (same, other, part):
        shop.stage.change(shop.connected, number, status=CANCELLED)
    shop.books.credit(f"MWW{same}", "C-2", omschrijving="Retour")
    shop.books.credit(f"MWW{other}", "C-3", omschrijving="Retour", klant=_another_customer(shop))
    _part(shop, part, "50.00", "10.50")
    done, queued = _queued(shop)
    assert sorted(_told(done)) == [
        (same, "changed-by-hand"),
        (other, "credited-in-shop-only"),
        (part, "changed-by-hand"),
    ]
    told = sorted(done.differences, key=lambda one: one.order_number)
    assert all(name in one.sentence for name, one in zip(("C-2", "C-3", "C-1"), told, strict=True))
    assert queued == ()


def test_a_credit_order_entered_by_hand_is_not_booked_again(shop: Shop) -> None:
    """Never announced, it stands in the books on its customer or another: named, and nothing is queued."""
    same, other, part = (shop.sale() for _ in range(3))
    credits_ = [_credit(same), _credit(other), _credit(part, "-12.10", "-2.10")]
    shop.stage.place(shop.connected, *credits_)
    shop.books.credit(f"MWW{same}", "C-2", omschrijving=f"Retour van bestelling {same}")
    shop.books.credit(f"MWW{other}", "C-3", omschrijving="Retour", klant=_another_customer(shop))
    _part(shop, part, "10.00", "2.10")
    done, queued = _queued(shop)
    kinds = ("changed-by-hand", "credited-in-shop-only", "changed-by-hand")
    assert sorted(_told(done)) == [(str(raw["number"]), kind) for raw, kind in zip(credits_, kinds, strict=True)]
    assert queued == ()


def test_a_removed_credit_invoice_booked_by_hand_on_another_customer_is_left(shop: Shop) -> None:
    """As a sale's: it may stand there already."""
    credit = shop.run(_credit(shop.sale()))
    _by_hand(shop, credit, 2)
    shop.books.delete(f"MWW{credit}")
    done, queued = _queued(shop)
    assert (_told(done), queued) == ([(credit, "credited-in-shop-only")], ())
    assert "H-1" in done.differences[0].sentence


def test_a_second_credit_entered_by_hand_is_a_double(shop: Shop) -> None:
    """Of a credit order and of an order taken back: the shop did credit it, once."""
    whole, back, part = (shop.sale() for _ in range(3))
    credits_ = [shop.run(_credit(whole)), shop.run(_credit(part, "-12.10", "-2.10"))]
    shop.stage.change(shop.connected, back, status=CANCELLED)
    shop.stage.until_done(shop.connected, back)
    for at, number in enumerate((whole, back)):
        shop.books.credit(f"MWW{number}", f"C-2{at}", omschrijving=f"Retour van bestelling {number}")
    _part(shop, part, "20.00", "4.20", omschrijving=f"Retour van bestelling {part}")
    done, queued = _queued(shop)
    assert sorted(_told(done)) == sorted([(back, "double"), (credits_[0], "double"), (part, "credited-in-books-only")])
    assert queued == ()


def test_of_two_entered_by_hand_in_the_place_of_one_the_second_is_a_double(shop: Shop) -> None:
    """A sale that was removed and booked twice by hand, a cancelled one credited twice: one of each stands for it."""
    removed, cancelled = shop.sale(), shop.sale()
    for at in range(2):
        shop.books.copy(f"MWW{removed}", factuurnummer=f"H-{at}")
        shop.books.credit(f"MWW{cancelled}", f"C-{at}", omschrijving="Retour")
    shop.books.delete(f"MWW{removed}")
    shop.stage.change(shop.connected, cancelled, status=CANCELLED)
    done, queued = _queued(shop)
    assert sorted(_told(done)) == [
        (removed, "changed-by-hand"),
        (removed, "double"),
        (cancelled, "changed-by-hand"),
        (cancelled, "double"),
    ]
    assert queued == ()
    assert all("H-0" in one.sentence and "H-1" in one.sentence for one in done.differences if _is(one, removed))
