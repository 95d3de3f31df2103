"""Thousands of made-up orders of every regime: what can be booked is booked to the cent, and taken back likewise."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koppeling.booking.credit import Original, credit_plan
from koppeling.booking.decide import Skip, decide
from koppeling.booking.plan import Plan, plan
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import LinePrice, Order
from koppeling.snelstart.models import Chart
from tests.booking.world import ACCOUNTS, STATUSES, chart, line, order, paid, profile, to

HOME, KOR, OSS = (
    each.model_copy(
        update={"accounts": {**each.accounts, 8212: each.accounts[8210].model_copy(update={"btw_soort": ("Overig",)})}}
    )
    for each in (chart(), chart(kor=True), chart(oss=True))
)
PROFILE = profile(accounts=ACCOUNTS.model_copy(update={"revenue_other": 8212}))
ORIGINAL = Original("1", "MWW1", date(2026, 11, 23), Decimal(0), "mollie", "ideal")
FOREIGN_VAT = 1520


@dataclass(frozen=True)
class Case:
    """One regime: what its orders look like, and in which administration."""

    regime: str
    administration: Chart
    rates: tuple[str, ...]
    changes: dict[str, Any] = field(default_factory=dict)


DUTCH = ("21", "9", "0", "5.5")
CASES = {
    "domestic": Case("domestic", HOME, DUTCH),
    "below the threshold": Case("domestic", HOME, DUTCH, {"debtor": to("BE")}),
    "business with Dutch VAT": Case("domestic", OSS, DUTCH, {"debtor": to("BE", number="BE0428759497")}),
    "kor": Case("kor", KOR, ("0",)),
    "reverse charge": Case(
        "reverse_charge",
        HOME,
        ("0",),
        {"debtor": to("BE", number="BE0428759497"), "tax_strategy": "reverse_charged_vat"},
    ),
    "export": Case("export", HOME, ("0",), {"debtor": to("US"), "tax_strategy": "zero_percent"}),
    "oss": Case("oss", OSS, ("19", "7"), {"debtor": to("DE"), "tax_region": "DE"}),
}
CENTS = st.integers(min_value=-50_000, max_value=500_000).map(lambda cents: Decimal(cents) / 100)
KINDS = st.sampled_from(["article", "shipping", "payment", "discount", "custom", "surcharge", "iets"])


@st.composite
def orders(draw: st.DrawFn, case: Case) -> Order:
    """Orders whose own figures agree up to a cent per line, in total and in VAT per rate, some with gift cards."""
    rates = st.lists(st.sampled_from(case.rates), min_size=1, max_size=len(case.rates), unique=True)
    goods = [
        line(*[paid(str(draw(CENTS)), rate) for rate in draw(rates)], kind=draw(KINDS))
        for _ in range(draw(st.integers(min_value=1, max_value=6)))
    ]
    shares = _shares(order(*goods, total="0"))
    stated = {rate: _vat(shares, rate) + _off(draw, shares, rate) for rate in {share.rate for share in shares}}
    cards = [
        line(paid(str(draw(CENTS)), "0"), kind=draw(st.sampled_from(["gift_card", "store_credit"])))
        for _ in range(draw(st.integers(min_value=0, max_value=2)))
    ]
    total = sum(
        (share.amount_including_tax or Decimal(0) for share in _shares(order(*goods, *cards, total="0"))),
        _off(draw, shares),
    )
    tax = tuple((str(amount), str(rate)) for rate, amount in stated.items())
    return order(*goods, *cards, total=str(total), tax=tax, **case.changes)


def _shares(given_order: Order) -> list[LinePrice]:
    return [price for each in given_order.lines for price in each.prices]


def _vat(shares: list[LinePrice], rate: Decimal) -> Decimal:
    gross = sum((share.amount_including_tax or Decimal(0) for share in shares if share.rate == rate), Decimal(0))
    return (gross * rate / (100 + rate)).quantize(Decimal("0.01"), "ROUND_HALF_UP")


def _off(draw: st.DrawFn, shares: list[LinePrice], rate: Decimal | None = None) -> Decimal:
    """Up to a cent per line that has an amount; never on 0 %, where there is no VAT."""
    lines = sum(bool(share.amount_including_tax) for share in shares if rate in (None, share.rate))
    return Decimal(draw(st.integers(min_value=-lines, max_value=lines)) if rate is None or rate else 0) / 100


def planned_or_refused(given_order: Order, case: Case) -> Plan | None:
    """Its plan, None where it is refused for a reason that these orders may have."""
    try:
        return plan(given_order, PROFILE, case.administration)
    except Refused as refused:
        both_off = ("vat-total",) if case.regime == "oss" else ()
        allowed = ("amount-negative-total", "amount-no-lines", *both_off)
        assert refused.reason.code in allowed  # noqa: PT017 -- the only ones
        return None


def _taken_back(given_order: Order, case: Case) -> Plan:
    return credit_plan(given_order, ORIGINAL, PROFILE, case.administration)


def _negative(given_order: Order) -> Order:
    lines = tuple(
        each.model_copy(
            update={
                "prices": tuple(
                    price.model_copy(
                        update={
                            "amount": -price.amount,
                            "amount_including_tax": -(price.amount_including_tax or Decimal(0)),
                        }
                    )
                    for price in each.prices
                )
            }
        )
        for each in given_order.lines
    )
    taxes = tuple(tax.model_copy(update={"amount": -tax.amount}) for tax in given_order.taxes)
    return given_order.model_copy(update={"total": -given_order.total, "lines": lines, "taxes": taxes})


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_to_the_cent(name: str, data: st.DataObject) -> None:
    """Lines plus VAT are the total, VAT per rate is the shop's, and a credit is exactly the sale's opposite."""
    case = CASES[name]
    given_order = data.draw(orders(case))
    planned = planned_or_refused(given_order, case)
    if planned is None:
        return
    assert planned.regime == case.regime
    amounts = _amounts(planned)
    assert sum(amounts, Decimal(0)) == planned.total == given_order.total
    assert all(type(amount) is Decimal and amount.as_tuple().exponent == -2 and amount for amount in amounts)
    foreign = [regel.bedrag for regel in planned.regels if regel.grootboek_nummer == FOREIGN_VAT]
    stated = [tax.amount for tax in given_order.taxes if tax.amount]
    assert sorted(foreign if case.regime == "oss" else [vat.bedrag for vat in planned.btw]) == sorted(stated)
    if not given_order.total:
        return  # which way a credit of nothing goes is told by its goods: an example of its own
    for credit in (given_order, _negative(given_order)):
        back = _taken_back(credit, case)
        assert [(regel.grootboek_nummer, -regel.bedrag, regel.btw_soort) for regel in back.regels] == [
            (regel.grootboek_nummer, regel.bedrag, regel.btw_soort) for regel in planned.regels
        ]
        assert [(vat.btw_soort, -vat.bedrag) for vat in back.btw] == [(v.btw_soort, v.bedrag) for v in planned.btw]
        assert back.total == -planned.total


def _amounts(planned: Plan) -> list[Decimal]:
    return [regel.bedrag for regel in planned.regels] + [vat.bedrag for vat in planned.btw]


@settings(max_examples=300, deadline=None)
@given(
    goods=st.lists(st.tuples(st.integers(1, 50_000), st.sampled_from(DUTCH)), min_size=1, max_size=4),
    rate=st.sampled_from(DUTCH),
)
def test_an_order_of_nothing(goods: list[tuple[int, str]], rate: str) -> None:
    """What one discount at one rate brings to nothing: skipped, or booked with all the VAT that is left, and back."""
    lines = [line(paid(str(Decimal(cents) / 100), of)) for cents, of in goods]
    off = line(paid(str(-sum(Decimal(cents) for cents, _ in goods) / 100), rate), kind="discount")
    shares = _shares(order(*lines, off, total="0"))
    stated = {each: _vat(shares, each) for each in {share.rate for share in shares}}
    tax = tuple((str(amount), str(each)) for each, amount in stated.items())
    given_order = order(*lines, off, total="0.00", tax=tax)
    if isinstance(decide(given_order, PROFILE, STATUSES), Skip):
        assert all(abs(amount) <= Decimal("0.01") * len(shares) for amount in stated.values())
        return
    planned = planned_or_refused(given_order, CASES["domestic"])
    assert planned is not None
    assert sum(_amounts(planned), Decimal(0)) == planned.total == 0
    assert sorted(each.bedrag for each in planned.btw) == sorted(amount for amount in stated.values() if amount)
    for credit in (given_order, _negative(given_order)):
        assert [-amount for amount in _amounts(_taken_back(credit, CASES["domestic"]))] == _amounts(planned)
