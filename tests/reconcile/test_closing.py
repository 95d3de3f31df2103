"""What is called sluitend closes, every total of it; what was not compared is no difference, but is said."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from koppeling.compared import Line, NotCompared, Reconciled
from tests.reconcile.shop import Shop
from tests.regimes.test_periods import TODAY, month, of, through
from tests.regimes.winkel import CANCELLED, Json, days_ago, on, thing

_DAY = date(2026, 11, 10)
_CLOSED = Reconciled(
    start=_DAY,
    end=_DAY,
    orders=1,
    shop_total=Decimal("121.00"),
    books_total=Decimal("121.00"),
    differences=(),
    days=(Line("2026-11-10", Decimal("121.00"), Decimal("121.00")),),
    vat=(Line("hoog 21%", Decimal("21.00"), Decimal("21.00")),),
    rates=(Line("hoog 21%", Decimal("100.00"), Decimal("100.00")),),
    journals=(Line("1103", Decimal("121.00"), Decimal("121.00")),),
    not_compared=NotCompared(),
)
_DIFFERS = (Line("1", Decimal("1.00"), Decimal("0.99")),)


def _closes(done: Reconciled) -> bool:
    """Whether every total of a comparison does."""
    lines = (*done.days, *done.vat, *done.rates, *done.journals)
    return done.shop_total == done.books_total and all(one.closes for one in lines)


def _forgotten(shop: Shop, raw: Json | None = None) -> str:
    """A booked order without our row."""
    number = shop.run(raw) if raw else shop.sale()
    shop.stage.table.delete(shop.row_key(number))
    return number


def _redated(shop: Shop, number: str, day: str) -> None:
    shop.books.change(f"MWW{number}", factuurdatum=f"{day}T00:00:00")


def _pay(shop: Shop, number: str, amount: str, day: str, journal: int = 1103) -> None:
    """A part of an invoice settled by hand."""
    invoice = shop.books.invoice(f"MWW{number}")
    [dagboek] = [row for row in shop.connected.snelstart.get("dagboeken") if row["nummer"] == journal]
    of_invoice = {"boekingId": {"id": invoice["verkoopBoeking"]["id"]}, "omschrijving": "Afschrift"}
    body = {
        "datum": f"{day}T00:00:00",
        "dagboek": {"id": dagboek["id"]},
        "omschrijving": "Afschrift",
        "bedragOntvangen": amount,
        "bedragUitgegeven": "0",
        "verkoopboekingBoekingsRegels": [of_invoice | {"debet": "0", "credit": amount}],
    }
    shop.books.call("POST", "bankboekingen", body)


def test_closing_takes_every_total() -> None:
    """No difference and each line the same on both sides: without either it does not close, whatever was found."""
    assert (_CLOSED.closes, _CLOSED.verdict) == (True, "sluitend")
    for open_ in (
        replace(_CLOSED, books_total=Decimal("120.99")),
        replace(_CLOSED, days=_DIFFERS),
        replace(_CLOSED, vat=_DIFFERS),
        replace(_CLOSED, rates=_DIFFERS),
        replace(_CLOSED, journals=_DIFFERS),
    ):
        assert (open_.closes, open_.verdict) == (False, "niet sluitend")
        assert open_.as_json()["closes"] is False


@pytest.mark.parametrize("name", ["vat", "rate", "journal", "unread", "date"])
def test_what_was_not_compared_is_no_difference_but_said(name: str) -> None:
    """It closes, so far as it was compared."""
    done = replace(_CLOSED, not_compared=NotCompared(**{name: 1}))
    assert (done.closes, done.verdict) == (True, "sluitend voor zover vergeleken")
    assert done.as_json()["verdict"] == done.verdict


@pytest.mark.parametrize("day", [days_ago(20), days_ago(0)])
def test_another_date_is_found_without_our_row(shop: Shop, day: str) -> None:
    """An invoice dated otherwise by hand does not stand on the day the shop calls for, and that is named."""
    shop.sale()
    number = _forgotten(shop)
    _redated(shop, number, day)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "changed-by-hand")]
    assert str(int(day[8:])) in done.differences[0].sentence
    assert [one.name for one in done.days if not one.closes] == sorted([days_ago(2), day])
    assert not done.closes


@pytest.mark.parametrize("until", [month(1), TODAY])
def test_what_went_out_of_a_closed_period_closes_without_our_row(shop: Shop, until: date) -> None:
    """Its description says that it was moved there: on the first of a month, or on the day it was booked."""
    shop.change_profile('closed_period = "first-open-day"\n')
    shop.stage.books.tell(f"administrations/{shop.connected.administration}", {"blocked": through(month(4), until)})
    _forgotten(shop, thing(**of(month(3))))
    done = shop.compared(125)
    assert done.differences == ()
    assert (done.orders, done.closes, _closes(done)) == (1, True, True)
    # By the day of booking alone nobody can tell it from a day that was chosen by hand.
    assert done.not_compared.date == (until.day != 1)


def test_what_was_moved_and_dated_anew_by_hand_is_found_without_our_row(shop: Shop) -> None:
    """Before the day it was moved from no period can have sent it."""
    shop.change_profile('closed_period = "first-open-day"\n')
    shop.stage.books.tell(f"administrations/{shop.connected.administration}", {"blocked": through(month(2), month(1))})
    number = _forgotten(shop, thing(**of(month(2))))
    shop.stage.books.tell(f"administrations/{shop.connected.administration}", {"blocked": []})
    _redated(shop, number, month(3).isoformat())
    assert [(one.order_number, one.kind) for one in shop.compared(125).differences] == [(number, "changed-by-hand")]


def test_a_status_that_changed_since_is_no_other_date(shop: Shop) -> None:
    """Dated on completion and without our row, the shop tells only when the status changed last: it is said so."""
    shop.change_profile('invoice_date = "completed"\n')
    number = _forgotten(shop, thing(**on(days_ago(4))))
    shop.stage.change(shop.connected, number, status_changed_date=days_ago(1))
    done = shop.compared()
    assert (done.differences, done.not_compared.date) == ((), 1)
    assert (_closes(done), done.verdict) == (True, "sluitend voor zover vergeleken")


@pytest.mark.parametrize("day", [days_ago(6), days_ago(0)])
def test_a_date_at_which_it_cannot_have_been_completed_is_found(shop: Shop, day: str) -> None:
    """Before it was placed, or after the status changed last."""
    shop.change_profile('invoice_date = "completed"\n')
    number = _forgotten(shop, thing(**on(days_ago(4))))
    shop.stage.change(shop.connected, number, status_changed_date=days_ago(1))
    _redated(shop, number, day)
    assert shop.found() == [(number, "changed-by-hand")]


def test_a_reversal_under_way_bears_any_day_since_the_order(shop: Shop) -> None:
    """It was sent yesterday and is planned for today."""
    number = shop.sale()
    shop.stage.change(shop.connected, number, status=CANCELLED)
    shop.stage.until_done(shop.connected, number)
    row = shop.stage.row(shop.connected, number)
    assert row.sale is not None
    sale = row.sale
    shop.stage.rewrite(
        shop.connected,
        number,
        state="paid",
        sale=None,
        booking=sale.booking.as_dict(),
        verkoopboeking_id=sale.verkoopboeking_id,
    )
    _redated(shop, f"{number}C", days_ago(1))
    done = shop.compared()
    assert (done.differences, done.not_compared.date, _closes(done)) == ((), 1, True)


@pytest.mark.parametrize("known", [True, False])
def test_an_order_that_is_no_longer_in_euro_does_not_close(shop: Shop, known: bool) -> None:  # noqa: FBT001
    """The shop states no total in euro any more, and the books do: the amounts are not the same."""
    number = shop.sale() if known else _forgotten(shop)
    shop.sale()
    shop.stage.change(shop.connected, number, currency="USD")
    done = shop.compared()
    kind = "changed-in-shop" if known else "different-amount"
    assert [(one.order_number, one.kind, one.shop) for one in done.differences] == [(number, kind, None)]


def test_a_payment_seen_in_part_is_not_compared(shop: Shop) -> None:
    """The rest was received after the last invoice, where nobody looks: its journal is told as not compared."""
    number = shop.sale()
    shop.books.unpay(f"MWW{number}")
    _pay(shop, number, "100.00", days_ago(2))
    _pay(shop, number, "21.00", days_ago(0))
    done = shop.compared()
    assert (done.differences, done.not_compared.journal) == ((), 1)
    assert (done.journals, done.verdict) == ((), "sluitend voor zover vergeleken")


def test_another_part_in_the_journal_of_today_closes(shop: Shop) -> None:
    """Our own payment by the profile of its day and the rest by hand in today's journal: each is where it belongs."""
    number = shop.sale()
    [(path, payment)] = shop.books.payments(f"MWW{number}")
    [settled] = payment["verkoopboekingBoekingsRegels"]
    part = {"bedragOntvangen": "100.00", "verkoopboekingBoekingsRegels": [settled | {"credit": "100.00"}]}
    shop.books.call("PUT", f"{path}/{payment['id']}", payment | part)
    invoice = shop.books.invoice(f"MWW{number}")
    assert Decimal(str(invoice["openstaandSaldo"])) == Decimal("21.00")
    shop.change_profile('[journals]\n"mollie" = 1104\n')
    _pay(shop, number, "21.00", days_ago(2), 1104)
    done = shop.compared()
    assert done.differences == ()
    assert (done.closes, _closes(done)) == (True, True)
