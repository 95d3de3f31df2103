"""Differences that hide each other, and repairs that would book a thing a second time."""

from datetime import timedelta
from decimal import Decimal

import httpx

from koppeling import clock, repairing, transport
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.planting import PLANTED
from tests.reconcile.shop import Shop
from tests.regimes.winkel import credit_of, days_ago, on, thing

_COMPLETED = 4
_VAT, _UNPAID = PLANTED["different-vat"][0], PLANTED["not-paid"][0]
_AMOUNT, _CHANGED = PLANTED["different-amount"][0], PLANTED["changed-in-shop"][0]
_OTHER_DAY = PLANTED["changed-by-hand"][1]


def _repaired(shop: Shop) -> repairing.Repaired:
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        return repairing.repair(place, shop.compared().differences)


def test_what_else_is_the_matter_with_an_order_is_told_too(shop: Shop) -> None:
    """Another amount hides neither that nothing is paid nor another date; other VAT does not hide another date."""
    unpaid, moved, taxed, changed = (shop.sale() for _ in range(4))
    for number in (unpaid, changed):
        _UNPAID(shop, number)
    for number in (unpaid, moved):
        _AMOUNT(shop, number)
    _VAT(shop, taxed)
    for number in (moved, taxed):
        _OTHER_DAY(shop, number)
    _CHANGED(shop, changed)
    assert sorted(shop.found()) == sorted(
        [
            *((unpaid, "different-amount"), (unpaid, "not-paid")),
            *((moved, "different-amount"), (moved, "changed-by-hand")),
            *((taxed, "different-vat"), (taxed, "changed-by-hand")),
            *((changed, "changed-in-shop"), (changed, "not-paid")),
        ]
    )


def test_an_open_invoice_of_another_amount_is_not_settled(shop: Shop) -> None:
    """Which amount is right is for people; one that only the shop changed is settled as it was booked."""
    number, changed = shop.sale(), shop.sale()
    for each in (number, changed):
        _UNPAID(shop, each)
    _AMOUNT(shop, number)
    _CHANGED(shop, changed)
    assert "eerst het bedrag" in next(one.advice for one in shop.compared().differences if one.kind == "not-paid")
    assert _repaired(shop).queued == (changed,)


def test_a_payment_on_the_wrong_invoice_is_not_booked_a_second_time(shop: Shop) -> None:
    """Moved by hand from one order's invoice to another's: both are told, and nothing is settled anew."""
    number, other = shop.sale(), shop.sale()
    [(path, payment)] = shop.books.payments(f"MWW{number}")
    [settled] = payment["verkoopboekingBoekingsRegels"]
    wrong = settled | {"boekingId": shop.books.invoice(f"MWW{other}")["verkoopBoeking"]}
    shop.books.call("PUT", f"{path}/{payment['id']}", payment | {"verkoopboekingBoekingsRegels": [wrong]})
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "not-paid"), (other, "overpaid")]
    assert f"MWW{other}" in done.differences[0].sentence
    assert _repaired(shop).queued == ()


def test_our_own_payment_moved_to_another_journal_is_found(shop: Shop) -> None:
    """It still says whose it is; that it was written since tells that it is no longer where we booked it."""
    number = shop.sale()
    [(path, payment)] = shop.books.payments(f"MWW{number}")
    [other] = [row for row in shop.connected.snelstart.get("dagboeken") if row["nummer"] == 1104]
    shop.books.call("PUT", f"{path}/{payment['id']}", payment | {"dagboek": {"id": other["id"]}})
    shop.stage.rewrite(shop.connected, number, paid_at=clock.iso(clock.now() - timedelta(hours=1)))
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "other-journal")]
    assert [(one.name, one.closes) for one in done.journals] == [("1103", False), ("1104", False)]


def test_an_order_deleted_in_the_shop_is_found_where_invoices_are_dated_on_completion(shop: Shop) -> None:
    """Its invoice may bear a day of another period; when it was announced tells that it is of this one."""
    shop.change_profile('invoice_date = "completed"\n')
    number = shop.sale()
    shop.sale()
    shop.forget_in_shop(number)
    assert shop.found() == [(number, "only-in-books")]


def test_an_order_booked_by_hand_before_it_was_announced_is_not_booked_a_second_time(shop: Shop) -> None:
    """Under another number, on a customer of its own, without our words: missing, but nothing repairs it."""
    other, raw = shop.sale(), thing(**on(days_ago(1)))
    shop.stage.place(shop.connected, raw)
    number = str(raw["number"])
    assert _repaired(shop).queued == (number,)
    shop.stage.queued()
    customer = shop.connected.snelstart.post("relaties", {"relatiesoort": ["Klant"], "naam": "Balie"})["id"]
    shop.books.copy(f"MWW{other}", factuurnummer="H-1", omschrijving="Verkoop", klant={"id": customer})
    done = shop.compared()
    assert (number, "missing", None) in [(one.order_number, one.kind, one.repair) for one in done.differences]
    assert "H-1" in next(one.sentence for one in done.differences if one.order_number == number)
    assert _repaired(shop).queued == ()


def test_a_part_credited_by_hand_without_a_word_is_found_by_its_customer(shop: Shop) -> None:
    """The customer has one order of the period, so that is what it is of; with two it is nobody's."""
    buyer = thing()["debtor"]
    number, several = shop.sale(), [shop.sale(debtor=buyer) for _ in range(2)]
    for at, each in enumerate((number, several[0])):
        [regel] = shop.books.booking(f"MWW{each}")["boekingsregels"]
        vat = [{"btwSoort": "VerkopenHoog", "btwBedrag": "-10.50"}]
        half = {"boekingsregels": [regel | {"bedrag": "-50.00"}], "btw": vat, "factuurbedrag": "-60.50"}
        shop.books.copy(f"MWW{each}", factuurnummer=f"C-{at}", omschrijving="Retour", **half)
    assert shop.found() == [(number, "credited-in-books-only")]


def test_an_order_paid_while_both_sides_are_read_is_no_difference(shop: Shop) -> None:
    """Waiting in the shop's list, in the books by the time those are read: the next comparison has it on both sides."""
    raw = thing(status=1, **on(days_ago(1)))
    shop.stage.place(shop.connected, raw)
    number, http = str(raw["number"]), transport.client()
    shop.stage.deliver(shop.connected, number)

    def request(sent: httpx.Request) -> None:
        if sent.url.path.endswith("/verkoopfacturen"):
            http.event_hooks = {}
            shop.stage.change(shop.connected, number, status=_COMPLETED)
            shop.stage.deliver(shop.connected, number)

    http.event_hooks = {"request": [request]}
    try:
        done = shop.compared()
    finally:
        http.event_hooks = {}
    assert shop.stage.row(shop.connected, number).state == "paid"
    assert done.differences == ()
    assert done.shop_total == done.books_total == Decimal(0)
    assert shop.compared().books_total == Decimal("121.00")
    assert shop.found() == []


def test_a_part_credited_in_the_shop_too_is_no_difference(shop: Shop) -> None:
    """The credit order's own invoice is the one of that number, and of nobody else."""
    number = shop.sale()
    shop.run(credit_of(number, line(paid("-12.10")), total="-12.10", tax={"21": "-2.10"}))
    assert shop.found() == []
