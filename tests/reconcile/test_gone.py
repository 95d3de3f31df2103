"""A credit of an invoice that somebody removed: the worker will refuse it, and the comparison says so beforehand."""

import pytest

from koppeling import repairing
from koppeling.compared import Difference, Reconciled
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.shop import Shop
from tests.regimes.winkel import CANCELLED, credit_of, days_ago, on


def _credited(shop: Shop, number: str, how: str) -> str:
    """The shop takes this order back, and nobody told us; the number of the order that says so."""
    if how == "cancelled":
        shop.stage.change(shop.connected, number, status=CANCELLED)
        return number
    raw = credit_of(number, line(paid("-121.00")), total="-121.00", tax={"21": "-21.00"})
    shop.stage.place(shop.connected, raw)
    return str(raw["number"])


def _of(done: Reconciled, number: str) -> Difference:
    [only] = [one for one in done.differences if (one.order_number, one.kind) == (number, "credited-in-shop-only")]
    return only


def _queued(shop: Shop, done: Reconciled) -> tuple[str, ...]:
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        return repairing.repair(place, done.differences).queued


@pytest.mark.parametrize("how", ["cancelled", "credit order"])
def test_a_credit_of_a_removed_invoice_is_foreseen_to_be_refused(shop: Shop, how: str) -> None:
    """It names the invoice that is gone, and what to do first; no repair queues what would come back refused."""
    number = shop.sale()
    credit = _credited(shop, number, how)
    before = shop.compared()
    assert (_of(before, credit).repair, "MWW" in _of(before, credit).sentence) == ("queue", False)
    shop.books.delete(f"MWW{number}")
    done = shop.compared()
    told = _of(done, credit)
    assert f"factuur MWW{number}" in told.sentence
    assert "niet meer in SnelStart" in told.sentence
    assert "met opzet verwijderd" in told.advice
    assert told.repair is None
    assert [one.kind for one in done.differences if one is not told] == ["missing"]
    assert shop.stage.deliver(shop.connected, credit) is None
    row = shop.stage.row(shop.connected, credit)
    assert row.reason is not None
    assert row.reason.code == "number-gone"
    assert credit == number or credit not in _queued(shop, done)


def test_what_became_of_an_invoice_of_another_period_is_not_looked_for(shop: Shop) -> None:
    """It costs a call for every credit: what the comparison has not read it does not know."""
    number = shop.sale(**on(days_ago(20)))
    credit = _credited(shop, number, "credit order")
    there = shop.compared()
    shop.books.delete(f"MWW{number}")
    done = shop.compared()
    assert (_of(done, credit).repair, done.calls) == ("queue", there.calls)


def test_a_renumbered_invoice_is_not_gone(shop: Shop) -> None:
    """It can be taken back: only what SnelStart does not know by its id is gone."""
    number = shop.sale()
    credit = _credited(shop, number, "credit order")
    shop.books.change(f"MWW{number}", factuurnummer="H-9")
    assert _of(shop.compared(), credit).repair == "queue"
