"""What a person booked by hand in the place of an invoice of ours, without a word of it: no repair books it twice."""

from datetime import date, datetime

import pytest

from koppeling import repairing
from koppeling.compared import Reconciled
from koppeling.reconcile import reconcile
from koppeling.workplace import Workplace
from tests.reconcile.shop import Shop
from tests.regimes.winkel import days_ago, on


def _day(days: int) -> date:
    return datetime.fromisoformat(days_ago(days)).date()


def _queued(shop: Shop, first: int = 5, last: int = 0) -> tuple[Reconciled, tuple[str, ...]]:
    """The orders placed from so many up to so many days ago compared, and which of them are repaired."""
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        done = reconcile(place, _day(first), _day(last))
        return done, repairing.repair(place, done.differences).queued


def _by_hand(shop: Shop, number: str, dated: int) -> None:
    """A copy of an invoice under another number on another customer, and no word of the order."""
    customer = {"id": shop.connected.snelstart.post("relaties", {"relatiesoort": ["Klant"], "naam": "Balie"})["id"]}
    said = {"omschrijving": "Verkoop", "klant": customer, "factuurdatum": f"{days_ago(dated)}T00:00:00"}
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
