"""Everything that can go wrong between shop and books, each planted in the order with this number."""

from collections.abc import Callable
from typing import Final

from tests.booking.world import line, paid
from tests.reconcile.shop import Shop
from tests.regimes.winkel import CANCELLED, days_ago

type Plant = Callable[[Shop, str], None]


def _deleted(shop: Shop, number: str) -> None:
    shop.books.delete(f"MWW{number}")


def _doubled(shop: Shop, number: str) -> None:
    shop.books.copy(f"MWW{number}", factuurnummer="2026-0815")


def _doubled_by_hand(shop: Shop, number: str) -> None:
    shop.books.copy(f"MWW{number}", factuurnummer="2026-0816", omschrijving="Nagekomen factuur")


def _other_amount(shop: Shop, number: str) -> None:
    booking = shop.books.booking(f"MWW{number}")
    [regel] = booking["boekingsregels"]
    vat = [{"btwSoort": "VerkopenHoog", "btwBedrag": "10.50"}]
    half = {"boekingsregels": [regel | {"bedrag": "50.00"}], "btw": vat, "factuurbedrag": "60.50"}
    shop.books.change(f"MWW{number}", **half)


def _other_vat(shop: Shop, number: str) -> None:
    [regel] = shop.books.booking(f"MWW{number}")["boekingsregels"]
    [low] = [row for row in shop.connected.snelstart.get("grootboeken") if row["nummer"] == 8210]
    changed = regel | {"bedrag": "111.01", "btwSoort": "Laag", "grootboek": {"id": low["id"]}}
    vat = [{"btwSoort": "VerkopenLaag", "btwBedrag": "9.99"}]
    shop.books.change(f"MWW{number}", boekingsregels=[changed], btw=vat)


def _unpaid(shop: Shop, number: str) -> None:
    shop.books.unpay(f"MWW{number}")


def _paid_twice(shop: Shop, number: str) -> None:
    shop.books.pay(f"MWW{number}", 1103, f"Betaling factuur MWW{number}")


def _paid_elsewhere(shop: Shop, number: str) -> None:
    shop.books.unpay(f"MWW{number}")
    shop.books.pay(f"MWW{number}", 1104)


def _credited_in_shop(shop: Shop, number: str) -> None:
    shop.stage.change(shop.connected, number, status=CANCELLED)


def _credited_in_books(shop: Shop, number: str) -> None:
    shop.books.credit(f"MWW{number}", "C-2026-1", omschrijving="Retour")


def _credited_in_books_by_name(shop: Shop, number: str) -> None:
    shop.books.credit(f"MWW{number}", "C-2026-2", omschrijving=f"Retour van bestelling {number}")


def _other_account(shop: Shop, number: str) -> None:
    [regel] = shop.books.booking(f"MWW{number}")["boekingsregels"]
    [other] = [row for row in shop.connected.snelstart.get("grootboeken") if row["nummer"] == 8201]
    shop.books.change(f"MWW{number}", boekingsregels=[regel | {"grootboek": {"id": other["id"]}}])


def _other_day(shop: Shop, number: str) -> None:
    shop.books.change(f"MWW{number}", factuurdatum=f"{days_ago(20)}T00:00:00")


def _other_number(shop: Shop, number: str) -> None:
    shop.books.change(f"MWW{number}", factuurnummer=f"W-{number}")


def _other_words(shop: Shop, number: str) -> None:
    shop.books.change(f"MWW{number}", omschrijving="Verkoop aan balie")


def _other_customer(shop: Shop, number: str) -> None:
    relatie = shop.connected.snelstart.post("relaties", {"relatiesoort": ["Klant"], "naam": "Balie"})
    shop.books.change(f"MWW{number}", klant={"id": relatie["id"]})


def _changed_in_shop(shop: Shop, number: str) -> None:
    price = {"tax": [{"amount": "42.00", "rate": "21"}], "total": "242.00"}
    shop.stage.change(shop.connected, number, orderlines=[line(paid("242.00", "21"))], price=price)


def _lines_changed_in_shop(shop: Shop, number: str) -> None:
    """The total is another, but the lines do not add up to it any more."""
    price = {"tax": [{"amount": "21.00", "rate": "21"}], "total": "120.00"}
    shop.stage.change(shop.connected, number, price=price)


def _vat_changed_in_shop(shop: Shop, number: str) -> None:
    price = {"tax": [{"amount": "9.99", "rate": "9"}], "total": "121.00"}
    changed = {"status_changed_time": "23:59:58", "orderlines": [line(paid("121.00", "9"))], "price": price}
    shop.stage.change(shop.connected, number, **changed)


PLANTED: Final[dict[str, list[Plant]]] = {
    "missing": [_deleted],
    "double": [_doubled, _doubled_by_hand],
    "different-amount": [_other_amount],
    "different-vat": [_other_vat],
    "not-paid": [_unpaid],
    "overpaid": [_paid_twice],
    "other-journal": [_paid_elsewhere],
    "credited-in-shop-only": [_credited_in_shop],
    "credited-in-books-only": [_credited_in_books, _credited_in_books_by_name],
    "changed-by-hand": [_other_account, _other_day, _other_number, _other_words, _other_customer],
    "changed-in-shop": [_changed_in_shop, _lines_changed_in_shop, _vat_changed_in_shop],
}
