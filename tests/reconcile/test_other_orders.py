"""Invoices of ours that are of other orders than those compared: another period's, another shop's."""

from datetime import datetime

from koppeling.compared import Reconciled
from koppeling.reconcile import reconcile
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.shop import Shop
from tests.regimes.winkel import credit_of, days_ago, next_name, on, thing


def _compared(shop: Shop, first: int, last: int) -> Reconciled:
    start, end = (datetime.fromisoformat(days_ago(days)).date() for days in (first, last))
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        return reconcile(place, start, end)


def test_a_number_of_a_form_chosen_before_is_still_of_its_own_order(shop: Shop) -> None:
    """A later order of the same customer for the same amount is no double, a later credit order no unknown credit."""
    buyer = thing()["debtor"]
    sale = shop.sale(debtor=buyer, **on(days_ago(40)))
    shop.sale(debtor=buyer)
    shop.run(credit_of(sale, line(paid("-12.10")), total="-12.10", tax={"21": "-2.10"}) | on(days_ago(1)))
    assert _compared(shop, 45, 35).differences == ()
    shop.change_profile('invoice_number = "W{number}"\n')
    done = _compared(shop, 45, 35)
    assert (done.orders, done.differences) == (1, ())
    assert _compared(shop, 45, 0).differences == ()


def test_an_invoice_of_another_shop_of_the_administration_is_of_its_own_order(shop: Shop) -> None:
    """The same customer bought for the same amount there: no double, and no reason not to book what is missing here."""
    number = shop.sale()
    said = f"Webwinkelorder 77 ({next_name()})"
    shop.books.copy(f"MWW{number}", factuurnummer="B77", omschrijving=said)
    assert shop.found() == []
    raw = thing(**on(days_ago(1)))
    shop.stage.place(shop.connected, raw)
    [only] = shop.compared().differences
    assert (only.order_number, only.kind, only.repair) == (str(raw["number"]), "missing", "queue")


def test_a_customer_that_stands_for_many_is_not_told_by_its_amount(shop: Shop) -> None:
    """The one for orders without an e-mail address: what else is sold or credited to it is of other people."""
    bare = thing()["debtor"] | {"email": ""}
    number = shop.sale(debtor=bare)
    shop.books.copy(f"MWW{number}", factuurnummer="K-1", omschrijving="Verkoop aan de balie")
    shop.books.credit(f"MWW{number}", "K-2", omschrijving="Retour aan de balie")
    assert shop.found() == []
    shop.books.copy(f"MWW{number}", factuurnummer="K-3", omschrijving=f"Bestelling {number}")
    assert shop.found() == [(number, "double")]
