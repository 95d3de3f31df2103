from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from koppeling.booking.credit import Original, credit_plan, reversal
from koppeling.booking.periods import first_open_days
from koppeling.booking.plan import Plan, plan
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order, Payments
from tests.booking.world import UUID, chart, line, order, order_27, paid, profile, simple, to

CHART = chart()
ORIGINAL = Original("1001", "MWW1001", date(2026, 11, 23), Decimal("121.00"), "mollie", "ideal")


def amounts(planned: Plan) -> tuple[list[str], list[str], str]:
    """The lines, the VAT and the total."""
    return (
        [str(regel.bedrag) for regel in planned.regels],
        [str(vat.bedrag) for vat in planned.btw],
        str(planned.total),
    )


def credit(sign: str, vat_sign: str, total_sign: str, **changes: Any) -> Order:  # noqa: ANN401 -- any field of an order
    """A credit of one thing of 60.50, with these signs on its line, its VAT and its total."""
    return order(
        line(paid(f"{sign}60.50")),
        total=f"{total_sign}60.50",
        tax=((f"{vat_sign}10.50", "21"),),
        **({"number": 1002, "status": 9, "credited_order_number": 1001, "payment": None} | changes),
    )


@pytest.mark.parametrize("signs", [(a, b, c) for a in ("", "-") for b in ("", "-") for c in ("", "-")])
def test_credit_order(signs: tuple[str, str, str]) -> None:
    """A credit order is a negative invoice, whichever of its amounts the shop writes negative."""
    planned = credit_plan(credit(*signs), ORIGINAL, profile(), CHART)
    assert amounts(planned) == (["-50.00"], ["-10.50"], "-60.50")
    assert planned.regels[0].grootboek_nummer == 8200
    assert planned.btw[0].btw_soort == "VerkopenHoog"


def test_credit_names_the_original() -> None:
    """A credit has its own number, names the invoice it credits and its own uuid, and goes back the way it came."""
    planned = credit_plan(credit("", "", ""), ORIGINAL, profile(), CHART)
    assert planned.factuurnummer == "MWW1002"
    assert all(word in planned.omschrijving for word in ("1002", "MWW1001", UUID))
    assert (planned.settlement.dagboek_nummer, planned.settlement.gateway) == (1103, "mollie")


def test_credit_of_an_unknown_way_of_paying() -> None:
    """Where the original's row does not know how was paid, its payments say so."""
    unknown = Original("1001", "MWW1001", date(2026, 11, 23), Decimal("121.00"), "", "")
    read = Payments(captured=Decimal(121), gateway="basic", method="cash", count=1)
    assert credit_plan(credit("", "", ""), unknown, profile(), CHART, read).settlement.soort == "Kas"
    assert credit_plan(credit("", "", ""), unknown, profile(), CHART).settlement.dagboek_nummer == 1100


def test_partial_credit_with_costs_kept() -> None:
    """A line the other way (costs kept back) stays the other way."""
    kept = order(
        line(paid("-60.50")),
        line(paid("6.05"), kind="custom", description="Retourkosten", quantity="-1"),
        total="-54.45",
        tax=(("-9.45", "21"),),
    )
    planned = credit_plan(kept, ORIGINAL, profile(), CHART)
    assert amounts(planned) == (["-50.00", "5.00"], ["-9.45"], "-54.45")
    assert planned.regels[1].omschrijving == "1 x Retourkosten"


def test_credit_of_the_makers_order() -> None:
    """A full credit of order 27 mirrors its booking to the cent, on the same accounts."""
    whole = Order.parse(order_27())
    sale, taken_back = plan(whole, profile(), CHART), credit_plan(whole, ORIGINAL, profile(), CHART)
    assert [(r.grootboek_nummer, -r.bedrag, r.btw_soort) for r in sale.regels] == [
        (r.grootboek_nummer, r.bedrag, r.btw_soort) for r in taken_back.regels
    ]
    assert [(v.btw_soort, -v.bedrag) for v in sale.btw] == [(v.btw_soort, v.bedrag) for v in taken_back.btw]
    assert taken_back.total == Decimal("-47.45")


def test_credit_follows_the_same_rules() -> None:
    """A credit falls under the regime of its own order, and is refused for the same reasons as a sale."""
    abroad = credit("-", "-", "-", debtor=to("US"), tax_strategy="zero_percent")
    assert credit_plan(abroad, ORIGINAL, profile(), CHART).markering
    with pytest.raises(Refused) as raised:
        credit_plan(order(line(paid("-60.50")), total="-70.00", tax=()), ORIGINAL, profile(), CHART)
    assert raised.value.reason.code == "amount-lines-total"


def test_credit_of_a_gift_card_payment() -> None:
    """What was paid by gift card goes back to the gift card, also where nothing was paid in money."""
    for sign in ("", "-"):
        other = "-" if not sign else ""
        whole = order(
            line(paid(f"{sign}121.00")),
            line(paid(f"{other}121.00", "0"), kind="gift_card"),
            total="0.00",
            tax=((f"{sign}21.00", "21"),),
        )
        planned = credit_plan(whole, ORIGINAL, profile(), CHART)
        assert amounts(planned) == (["-100.00", "121.00"], ["-21.00"], "0.00")


@pytest.mark.parametrize("sign", ["", "-"])
def test_credit_of_nothing_but_vat(sign: str) -> None:
    """A credit that comes to nothing and still holds VAT goes the way its goods go, whichever sign the shop writes."""
    other = "-" if not sign else ""
    given = order(
        line(paid(f"{other}12.10", "9"), kind="discount"),
        line(paid(f"{sign}12.10")),
        total="0.00",
        tax=((f"{sign}2.10", "21"), (f"{other}1.00", "9")),
    )
    planned = credit_plan(given, ORIGINAL, profile(), CHART)
    assert amounts(planned) == (["11.10", "-10.00"], ["-2.10", "1.00"], "0.00")


def test_reversal() -> None:
    """A cancelled order is taken back whole, under the invoice's number with a C, on the day it is taken back."""
    planned = reversal(simple(), ORIGINAL, profile(), CHART, on=date(2026, 12, 3))
    assert amounts(planned) == (["-100.00"], ["-21.00"], "-121.00")
    assert planned.factuurnummer == "MWW1001C"
    assert planned.factuurdatum == date(2026, 12, 3)
    assert planned.settlement.dagboek_nummer == 1103
    assert all(word in planned.omschrijving for word in ("MWW1001", UUID))


def test_reversal_at_the_rate_that_was_booked() -> None:
    """A reversal takes back the VAT of the original's date, whatever the rate is by then."""
    old = order(line(paid("10.60", "6")), total="10.60", tax=(("0.60", "6"),), date="2018-12-31")
    original = Original("1001", "MWW1001", date(2018, 12, 31), Decimal("10.60"), "mollie", "ideal")
    assert reversal(old, original, profile(), CHART, on=date(2019, 1, 4)).btw[0].btw_soort == "VerkopenLaag"


def test_credit_at_a_rate_that_is_gone() -> None:
    """A credit keeps the kind of VAT its supply had, says that the rate is past, and the new rate is what it is."""
    original = Original("1001", "MWW1001", date(2018, 12, 28), Decimal("10.60"), "mollie", "ideal")
    for rate, vat, past in (("6", "0.60", (Decimal(6),)), ("9", "0.88", ())):
        lines = [line(paid("10.60", rate))]
        given = order(*lines, total="10.60", tax=((vat, rate),), date="2019-01-04", number=1002)
        planned = credit_plan(given, original, profile(), CHART)
        assert (planned.factuurdatum, planned.past_rates) == (date(2019, 1, 4), past)
        assert [(each.btw_soort, each.bedrag) for each in planned.btw] == [("VerkopenLaag", -Decimal(vat))]


def abroad(rate: str, vat: str, total: str, day: str, **changes: Any) -> Order:  # noqa: ANN401 -- any field of an order
    """One thing with VAT, to another country on a day."""
    return order(line(paid(total, rate)), total=total, tax=((vat, rate),), date=day, number=1002, **changes)


def sold_on(day: date) -> Original:
    """A sale of this day."""
    return Original("1001", "MWW1001", day, Decimal("124.00"), "mollie", "ideal")


def test_credit_at_a_foreign_rate_that_is_gone() -> None:
    """A credit of a sale under OSS keeps the rate of its supply as well, also once that country has another."""
    given, original = abroad("22", "22.00", "122.00", "2025-07-04", debtor=to("EE"), tax_region="EE"), date(2025, 6, 27)
    planned = credit_plan(given, sold_on(original), profile(), chart(oss=True))
    assert (planned.regime, planned.factuurdatum, planned.past_rates) == ("oss", date(2025, 7, 4), (Decimal(22),))
    assert [(each.grootboek_nummer, str(each.bedrag)) for each in planned.regels] == [
        (8320, "-100.00"),
        (1520, "-22.00"),
    ]
    assert any("22% geldt niet meer op 4 juli 2025" in note for note in planned.notes)
    today = abroad("24", "24.00", "124.00", "2025-07-04", debtor=to("EE"), tax_region="EE")
    assert credit_plan(today, sold_on(original), profile(), chart(oss=True)).past_rates == ()


@pytest.mark.parametrize("region", ["", "NL"])
def test_credit_of_a_sale_from_before_oss(region: str) -> None:
    """Dutch VAT of a sale below the threshold is taken back as such, also once OSS is on and the rates are equal."""
    administration = chart(oss=True, ranges=[(20260101, None)])
    given = abroad("21", "21.00", "121.00", "2026-01-05", debtor=to("BE"), tax_region=region)
    planned = credit_plan(given, sold_on(date(2025, 12, 30)), profile(), administration)
    assert amounts(planned) == (["-100.00"], ["-21.00"], "-121.00")
    assert (planned.regime, planned.regels[0].grootboek_nummer) == ("domestic", 8200)


def test_credit_of_a_sale_under_oss_that_ended() -> None:
    """The VAT of another country is taken back as such, also once the administration charges Dutch VAT again."""
    administration = chart(oss=True, ranges=[(20250101, 20251231)])
    given = abroad("21", "21.00", "121.00", "2026-01-05", debtor=to("BE"), tax_region="BE")
    planned = credit_plan(given, sold_on(date(2025, 12, 30)), profile(), administration)
    assert [each.grootboek_nummer for each in planned.regels] == [8320, 1520]


def test_reversal_of_something_else() -> None:
    """An order whose total is no longer what was booked is refused."""
    changed = Original("1001", "MWW1001", date(2026, 11, 23), Decimal("100.00"), "mollie", "ideal")
    with pytest.raises(Refused) as raised:
        reversal(simple(), changed, profile(), CHART, on=date(2026, 12, 3))
    assert raised.value.reason.code == "amount-booked-differs"


def test_reversal_of_a_number_that_is_full() -> None:
    """Where 25 characters are used up, the C takes the place of the first: still one number per invoice."""
    full = Original("1001", "M" * 21 + "1001", date(2026, 11, 23), Decimal("121.00"), "mollie", "ideal")
    planned = reversal(simple(), full, profile(), CHART, on=date(2026, 12, 3))
    assert planned.factuurnummer == "C" + "M" * 20 + "1001"


def test_booked_on_another_day() -> None:
    """A booking moved out of a closed period keeps the rates of its own date, and says so in books and notes."""
    old = order(line(paid("10.60", "6")), total="10.60", tax=(("0.60", "6"),), date="2018-12-31")
    planned = plan(old, profile(), CHART, booked_on=date(2019, 1, 1))
    assert planned.factuurdatum == date(2019, 1, 1)
    assert planned.btw[0].btw_soort == "VerkopenLaag"
    assert "factuur van 31 december 2018" in planned.omschrijving
    assert "1 januari 2019" in planned.notes[-1]
    assert len(planned.omschrijving) <= 250
    moved = credit_plan(credit("", "", ""), ORIGINAL, profile(), CHART, booked_on=date(2026, 12, 1))
    assert moved.factuurdatum == date(2026, 12, 1)


def test_booked_on_its_own_day() -> None:
    """A booking on the day it has anyway is like any other."""
    assert plan(simple(), profile(), CHART, booked_on=date(2026, 11, 23)) == plan(simple(), profile(), CHART)


@pytest.mark.parametrize(
    ("wanted", "today", "days"),
    [
        ("2026-09-10", "2026-11-23", ("2026-10-01", "2026-11-01", "2026-11-23")),
        ("2026-11-02", "2026-11-23", ("2026-11-23",)),
        ("2025-11-30", "2026-01-01", ("2025-12-01", "2026-01-01")),
        ("2026-11-23", "2026-11-23", ()),
        ("2026-12-01", "2026-11-23", ()),
    ],
)
def test_first_open_days(wanted: str, today: str, days: tuple[str, ...]) -> None:
    """After a refusal the first of each later month is tried, then today, never a day to come."""
    found = first_open_days(date.fromisoformat(wanted), date.fromisoformat(today))
    assert found == tuple(map(date.fromisoformat, days))
