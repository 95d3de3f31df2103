from decimal import Decimal

import pytest

from koppeling.booking.plan import Plan, plan
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order
from tests.booking.world import ACCOUNTS, chart, line, order, paid, profile, to, untaxed

CHART = chart()
REDEEMED = order(line(paid("121.00")), line(paid("-21.00", "0"), kind="gift_card"), total="100.00", tax=(("21", "21"),))
SOLD = order(line(paid("50.00", "0"), kind="gift_card"), total="50.00", tax=(("0.00", "0"),))


def lines(planned: Plan) -> list[tuple[int, str, str]]:
    """Account, amount and kind of each line."""
    return [(regel.grootboek_nummer, str(regel.bedrag), regel.btw_soort) for regel in planned.regels]


def test_redeemed_as_payment() -> None:
    """A redeemed gift card takes its debt away: VAT on the whole price, the invoice what was paid in money."""
    planned = plan(REDEEMED, profile(), CHART)
    assert lines(planned) == [(8200, "100.00", "Hoog"), (1360, "-21.00", "Geen")]
    assert [str(vat.bedrag) for vat in planned.btw] == ["21.00"]
    assert planned.total == Decimal("100.00")


def test_redeemed_as_discount() -> None:
    """Where the profile calls it a discount, a redeemed gift card lowers revenue."""
    planned = plan(REDEEMED, profile(gift_cards="discount"), CHART)
    assert lines(planned) == [(8200, "100.00", "Hoog"), (8240, "-21.00", "Geen")]


def test_paid_whole() -> None:
    """An order paid whole by gift card is an invoice of nothing, with all its VAT."""
    whole = order(
        line(paid("121.00")), line(paid("-121.00", "0"), kind="store_credit"), total="0.00", tax=(("21", "21"),)
    )
    planned = plan(whole, profile(), CHART)
    assert lines(planned) == [(8200, "100.00", "Hoog"), (1360, "-121.00", "Geen")]
    assert planned.total == Decimal("0.00")


def test_sold() -> None:
    """A gift card sold without VAT is a debt, not revenue."""
    assert lines(plan(SOLD, profile(), CHART)) == [(1360, "50.00", "Geen")]


def test_sold_to_be_a_discount() -> None:
    """Where redeeming is a discount, a gift card sold without VAT is refused: its debt would never go."""
    with pytest.raises(Refused) as raised:
        plan(SOLD, profile(gift_cards="discount"), CHART)
    assert raised.value.reason.code == "amount-gift-card-sold"
    free = order(line(paid("121.00")), line(paid("0.00", "0"), kind="gift_card"), total="121.00", tax=(("21", "21"),))
    assert lines(plan(free, profile(gift_cards="discount"), CHART)) == [(8200, "100.00", "Hoog")]


def test_sold_with_vat() -> None:
    """A gift card sold with VAT is good for one thing only: revenue at once."""
    single = order(line(paid("121.00"), kind="gift_card"), total="121.00", tax=(("21.00", "21"),))
    assert lines(plan(single, profile(), CHART)) == [(8200, "100.00", "Hoog")]


@pytest.mark.parametrize("given", [REDEEMED, SOLD])
def test_account_not_chosen(given: Order) -> None:
    """Without an account for gift cards they are refused, with the name of the choice."""
    with pytest.raises(Refused) as raised:
        plan(given, profile(accounts=ACCOUNTS.model_copy(update={"gift_cards": None})), CHART)
    assert raised.value.reason.code == "account-not-chosen"
    assert "gift_cards" in raised.value.reason.sentence


def test_vat_taken_off() -> None:
    """VAT that the shop took off over a gift card does not go with a payment: refused."""
    taken_off = order(
        line(paid("121.00")), line(paid("-12.10"), kind="gift_card"), total="108.90", tax=(("18.90", "21"),)
    )
    with pytest.raises(Refused) as raised:
        plan(taken_off, profile(), CHART)
    assert raised.value.reason.code == "amount-gift-card-vat"
    assert plan(taken_off, profile(gift_cards="discount"), CHART).total == Decimal("108.90")


def test_no_cent_is_moved_to_a_gift_card() -> None:
    """Cents left over by rounding go to the goods: what is owed on a gift card is its very amount."""
    off = order(
        line(paid("6.05")),
        line(paid("3.00", "0")),
        line(paid("-5.00", "0"), kind="gift_card"),
        total="4.07",
        tax=(("1.05", "21"),),
    )
    assert lines(plan(off, profile(), CHART)) == [
        (8200, "5.01", "Hoog"),
        (8240, "3.01", "Geen"),
        (1360, "-5.00", "Geen"),
    ]


def test_under_every_regime() -> None:
    """Redeemed abroad, under the KOR or under OSS, a gift card stays a payment on its own account."""
    card = line(paid("-10.00", "0"), kind="gift_card")
    export = order(line(paid("100.00", "0")), card, total="90.00", debtor=to("US"), tax_strategy="zero_percent")
    assert lines(plan(export, profile(), CHART))[1] == (1360, "-10.00", "Geen")
    kor = untaxed().model_copy(update={"lines": export.lines, "total": export.total})
    assert lines(plan(kor, profile(), chart(kor=True)))[1] == (1360, "-10.00", "Geen")
    oss = order(
        line(paid("119.00", "19")), card, total="109.00", tax=(("19.00", "19"),), debtor=to("DE"), tax_region=""
    )
    assert lines(plan(oss, profile(), chart(oss=True))) == [
        (8320, "100.00", "Geen"),
        (1360, "-10.00", "Geen"),
        (1520, "19.00", "Geen"),
    ]
