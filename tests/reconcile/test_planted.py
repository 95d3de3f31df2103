"""What goes wrong between shop and books is found, each with its kind and none besides."""

from decimal import Decimal
from typing import get_args

import pytest

from koppeling.compared import DifferenceKind
from koppeling.differences import TEXTS
from tests.booking.world import line, paid
from tests.reconcile.planting import PLANTED, Plant
from tests.reconcile.shop import Shop
from tests.regimes.winkel import (
    CANCELLED,
    credit_of,
    days_ago,
    german,
    on,
    reversed_to,
    run,
    sold,
    thing,
    to,
    untaxed,
)

EVERY = [(kind, plant) for kind, plants in PLANTED.items() for plant in plants]


def test_a_set_of_every_kind_closes(shop: Shop) -> None:
    """Regimes, gift cards, credits, a cancelled order, one that waits: nothing differs, and every table closes."""
    card = line(paid("-21.00", "0"), kind="gift_card")
    for raw in (
        thing(),
        thing("109.00", "9", "9.00", **on(days_ago(3))),
        untaxed(**to("US")),
        untaxed(**reversed_to("BE")),
        german(),
        sold(line(paid("121.00", "21")), card, total="100.00", tax={"21": "21.00"}),
    ):
        shop.run(raw)
    whole, cancelled = shop.sale(), shop.sale()
    shop.run(credit_of(whole, line(paid("-121.00", "21")), total="-121.00", tax={"21": "-21.00"}))
    shop.stage.change(shop.connected, cancelled, status=CANCELLED)
    shop.stage.until_done(shop.connected, cancelled)
    shop.run(thing(status=1))
    done = shop.compared()
    assert done.differences == ()
    assert done.orders == 10
    assert done.shop_total == done.books_total
    assert all(one.closes for one in (*done.days, *done.vat, *done.rates, *done.journals))
    assert {one.name for one in done.vat} == {"hoog 21%", "laag 9%", "DE 19%"}
    assert done.verdict == "sluitend"


@pytest.mark.parametrize(("kind", "plant"), EVERY, ids=[plant.__name__[1:] for _, plant in EVERY])
def test_each_planted_difference_is_found_and_no_other(shop: Shop, kind: str, plant: Plant) -> None:
    """One order of three is tampered with: it alone differs, in that one way, and the sentence names its invoice."""
    shop.sale()
    number = shop.sale()
    shop.sale()
    assert shop.found() == []
    plant(shop, number)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, kind)]
    assert number in done.differences[0].sentence
    assert done.verdict == "niet sluitend"
    assert done.orders == 3


def test_every_kind_is_planted_somewhere() -> None:
    """No kind is promised that no test has seen found."""
    assert {kind for kind, _, _ in TEXTS.values()} == set(get_args(DifferenceKind))
    assert set(PLANTED) == set(get_args(DifferenceKind)) - {"only-in-books"}


def test_all_of_them_at_once_are_all_found(shop: Shop) -> None:
    """Planted side by side in one administration, each keeps its order and its kind."""
    planted = []
    for kind, plant in EVERY:
        number = shop.sale()
        if plant.__name__ != "_credited_in_books_by_name":
            plant(shop, number)
            planted.append((number, kind))
    assert sorted(shop.found()) == sorted(planted)


def test_an_order_nobody_announced_is_missing(shop: Shop) -> None:
    """Also before it has a row, also a credit order; a waiting one is not missed."""
    sale = shop.sale()
    raw, credit = (
        thing(**on(days_ago(1))),
        credit_of(sale, line(paid("-121.00")), total="-121.00", tax={"21": "-21.00"}),
    )
    shop.stage.place(shop.connected, raw, credit, thing(status=1))
    number, credited = str(raw["number"]), str(credit["number"])
    assert shop.found() == [(number, "missing"), (credited, "credited-in-shop-only")]


def test_a_refused_order_is_missing_with_its_own_reason(shop: Shop) -> None:
    """Why it cannot be booked and what to do is what the refusal itself says."""
    raw = thing(currency="USD")
    run(shop.stage, shop.connected, raw)
    [only] = shop.compared().differences
    assert (only.kind, only.repair) == ("missing", None)
    assert "USD" in only.sentence


def test_an_invoice_of_another_under_our_number(shop: Shop) -> None:
    """It is not taken for the order's: the order is missing, and told why."""
    raw = thing(**on(days_ago(1)))
    shop.stage.place(shop.connected, raw)
    shop.stage.books.tell(
        "invoices",
        {"administration": shop.connected.administration, "factuurnummer": f"MWW{raw['number']}", "bedrag": "121.00"},
    )
    [only] = shop.compared().differences
    assert (only.order_number, only.kind, only.books, only.repair) == (str(raw["number"]), "missing", None, None)


def test_an_order_booked_although_it_is_not_paid(shop: Shop) -> None:
    """Our rows gone and the order unpaid since: its invoice stands in the books alone."""
    number = shop.sale()
    shop.stage.table.delete(shop.row_key(number))
    shop.stage.change(shop.connected, number, payment_status="pending", _payments=[])
    assert shop.found() == [(number, "only-in-books")]


def test_an_order_the_shop_no_longer_has(shop: Shop) -> None:
    """Removed in the shop after it was booked: its invoice stands in the books alone."""
    number = shop.sale()
    other = shop.sale()
    shop.forget_in_shop(number, other)
    assert sorted(shop.found()) == sorted([(number, "only-in-books"), (other, "only-in-books")])


def test_rows_that_are_gone_make_no_difference(shop: Shop) -> None:
    """Shop and books agree without our rows: they are a witness, not the truth."""
    for _ in range(3):
        shop.stage.table.delete(shop.row_key(shop.sale()))
    assert shop.found() == []


def test_other_invoices_in_the_administration_are_nobodys(shop: Shop) -> None:
    """What the owner sells besides the shop is no difference, not even for the same amount."""
    shop.sale()
    for number in ("2026-0001", "2026-0002"):
        given = {"administration": shop.connected.administration, "factuurnummer": number, "bedrag": "121.00"}
        shop.stage.books.tell("invoices", given)
    assert shop.found() == []


def test_orders_of_before_the_start_are_not_compared(shop: Shop) -> None:
    """Booked by hand or by another program, under the very number that would be ours: nothing to tell of it."""
    shop.change_profile(f"start_date = {days_ago(1)}\n")
    before = thing(**on(days_ago(2)))
    shop.stage.place(shop.connected, before)
    shop.sale(**on(days_ago(1)))
    given = {"administration": shop.connected.administration, "factuurnummer": f"MWW{before['number']}"}
    shop.stage.books.tell("invoices", given | {"bedrag": "121.00"})
    done = shop.compared()
    assert (done.differences, done.shop_total, done.books_total) == ((), Decimal("121.00"), Decimal("121.00"))


def test_an_order_that_moved_to_another_period_is_not_compared(shop: Shop) -> None:
    """An older order of the same customer for the same amount is no double of the one in the period."""
    buyer = thing()["debtor"]
    shop.sale(debtor=buyer, **on(days_ago(40)))
    shop.sale(debtor=buyer)
    assert shop.found() == []
    assert shop.compared(60).orders == 2


@pytest.mark.parametrize("numbers", ["debtors", "none"])
def test_vat_is_found_too_where_mutations_do_not_show_whose_they_are(shop: Shop, numbers: str) -> None:
    """Then the bookings are read singly; what is known of the payments is compared, the rest told as not compared."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    shop.run(german())
    number = shop.sale()
    assert shop.found() == []
    PLANTED["different-vat"][0](shop, number)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "different-vat")]
    assert done.not_compared.vat == 0
    assert [(one.name, one.closes) for one in done.vat if one.name[:2] == "DE"] == [("DE 19%", True)]


@pytest.mark.parametrize("numbers", ["all", "none"])
def test_a_sale_abroad_written_since_is_no_change_of_accounts(shop: Shop, numbers: str) -> None:
    """The account of foreign VAT is no account of revenue, in a booking that was read singly either."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    number = shop.run(german())
    shop.books.change(f"MWW{number}")
    assert shop.found() == []


def test_a_changed_profile_is_no_change_by_hand(shop: Shop) -> None:
    """Booked on the accounts of that day: other accounts of today are no difference."""
    number = shop.sale()
    shop.change_profile("[accounts]\nrevenue_high = 8201\n")
    assert shop.found() == []
    PLANTED["changed-by-hand"][1](shop, number)
    assert shop.found() == [(number, "changed-by-hand")]


def test_amounts_and_tables_tell_where_it_does_not_close(shop: Shop) -> None:
    """The day, the rate of VAT and the journal of a removed invoice; everything else closes."""
    shop.run(thing("109.00", "9", "9.00", **on(days_ago(3))))
    number = shop.sale()
    shop.books.delete(f"MWW{number}")
    done = shop.compared()
    assert (done.shop_total, done.books_total) == (Decimal("230.00"), Decimal("109.00"))
    assert [one.name for one in done.days if not one.closes] == [days_ago(2)]
    assert [(one.name, one.shop, one.books) for one in done.vat if not one.closes] == [
        ("hoog 21%", Decimal("21.00"), Decimal(0))
    ]
    [journal] = done.journals
    assert (journal.shop, journal.books) == (Decimal("230.00"), Decimal("109.00"))


def test_what_could_not_be_taken_back_is_found(shop: Shop) -> None:
    """Cancelled in the shop and refused before anything of it could be planned; set right there it is nothing."""
    number = shop.sale()
    shop.stage.change(shop.connected, number, status=CANCELLED, tax_strategy="reverse_charged_vat")
    shop.stage.deliver(shop.connected, number)
    assert shop.stage.row(shop.connected, number).state == "refused"
    done = shop.compared()
    [only] = done.differences
    assert (only.order_number, only.kind, only.repair) == (number, "credited-in-shop-only", None)
    assert (only.shop, only.books) == (Decimal("-121.00"), None)
    assert "verleggen kan alleen naar een ander EU-land" in only.sentence
    assert (str(done.shop_total), str(done.books_total), done.verdict) == ("0.00", "121.00", "niet sluitend")
    shop.books.credit(f"MWW{number}", "2026-0815")
    assert shop.found() == [(number, "changed-by-hand")]
    shop.stage.change(shop.connected, number, status=4, tax_strategy="")
    assert shop.found() == [(number, "credited-in-books-only")]


def test_an_order_that_cannot_be_read_is_not_taken_for_one_to_be_taken_back(shop: Shop) -> None:
    """It is refused as well, and its invoice is there."""
    shop.stage.change(shop.connected, shop.sale(), price={})
    assert shop.found() == []
