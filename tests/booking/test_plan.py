from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from koppeling.booking.amounts import spread
from koppeling.booking.plan import Plan, plan
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order, Payments
from tests.booking.world import ACCOUNTS, UUID, chart, line, order, order_27, paid, profile, simple

CHART = chart()


def refusal(refused: Order, **choices: Any) -> str:  # noqa: ANN401 -- any setting of the profile
    """The code with which planning this order is refused."""
    with pytest.raises(Refused) as raised:
        plan(refused, profile(**choices), CHART)
    return raised.value.reason.code


def test_the_makers_order() -> None:
    """The maker's own order 27 books to exactly 47.45 with VAT 6.50 and 0.83, as its customer's invoice says."""
    planned = plan(Order.parse(order_27()), profile(), CHART)
    assert planned.total == Decimal("47.45")
    assert [(vat.btw_soort, vat.bedrag) for vat in planned.btw] == [
        ("VerkopenHoog", Decimal("6.50")),
        ("VerkopenLaag", Decimal("0.83")),
    ]
    assert [
        (regel.omschrijving, regel.grootboek_nummer, regel.bedrag, regel.btw_soort) for regel in planned.regels
    ] == [
        ("1 x Article A", 8200, Decimal("12.40"), "Hoog"),
        ("2 x Article B", 8200, Decimal("8.18"), "Hoog"),
        ("3 x Article C", 8200, Decimal("4.84"), "Hoog"),
        ("5 x Article D", 8210, Decimal("8.94"), "Laag"),
        ("1 x betaalkosten", 8210, Decimal("0.19"), "Laag"),
        ("1 x betaalkosten", 8207, Decimal("0.65"), "Hoog"),
        ("1 x betaalkosten", 8207, Decimal("4.92"), "Hoog"),
    ]
    assert not planned.markering
    assert len(planned.notes) == 2


def test_the_invoice_is_provably_ours() -> None:
    """The invoice carries the profile's number, the day of ordering, and the order's number and uuid."""
    planned = plan(simple(), profile(invoice_number="W-{number}", payment_term_days=30), CHART)
    assert planned.factuurnummer == "W-1001"
    assert planned.factuurdatum == date(2026, 11, 23)
    assert planned.betalingstermijn == 30
    assert "1001" in planned.omschrijving
    assert UUID in planned.omschrijving
    assert len(planned.omschrijving) <= 250


def test_invoice_date_of_completion() -> None:
    """With invoice_date "completed" the day is that of the last status change, and of ordering where none is known."""
    assert plan(simple(), profile(invoice_date="completed"), CHART).factuurdatum == date(2026, 11, 25)
    unknown = plan(simple(status_changed_date="0000-00-00"), profile(invoice_date="completed"), CHART)
    assert unknown.factuurdatum == date(2026, 11, 23)
    assert unknown.notes


def test_accounts_follow_line_type_and_rate() -> None:
    """Each line goes to the account of its type and rate, to the revenue account of its rate where there is none."""
    mixed = order(
        line(paid("12.10"), kind="article"),
        line(paid("2.42"), paid("1.09", "9"), kind="shipping"),
        line(paid("1.21"), kind="payment_fee"),
        line(paid("-2.42"), kind="discount_code"),
        line(paid("5.00", "0"), kind="custom"),
        line(paid("6.05"), kind="vreemd"),
        total="25.45",
        tax=(("3.36", "21"), ("0.09", "9"), ("0", "0")),
    )
    planned = plan(mixed, profile(), CHART)
    assert [regel.grootboek_nummer for regel in planned.regels] == [8200, 8205, 8210, 8207, 8208, 8240, 8200]
    assert [regel.bedrag for regel in planned.regels][4] == Decimal("-2.00")
    assert [vat.btw_soort for vat in planned.btw] == ["VerkopenHoog", "VerkopenLaag"]
    assert planned.markering
    assert not plan(mixed, profile(mark_doubtful=False), CHART).markering


def test_zero_lines_are_left_out() -> None:
    """A line of 0.00 is not sent, and its rate needs no account."""
    planned = plan(
        order(line(paid("12.10")), line(paid("0.00", "5.5")), total="12.10", tax=(("2.10", "21"),)), profile(), CHART
    )
    assert len(planned.regels) == 1


def test_zero_lines_widen_no_margin() -> None:
    """Lines of 0.00 do not add to the cents that rounding may explain."""
    free = [line(paid("0.00"))] * 5
    assert refusal(order(line(paid("12.10")), *free, total="12.12", tax=(("2.10", "21"),))) == "amount-lines-total"


def test_nothing_but_zero_lines() -> None:
    """An order with a total but without lines is refused."""
    assert refusal(order(total="12.10")) == "amount-no-lines"


@pytest.mark.parametrize(("total", "code"), [("12.13", "amount-lines-total"), ("12.07", "amount-lines-total")])
def test_lines_must_add_up(total: str, code: str) -> None:
    """Lines further from the total than a cent each are refused, and the sentence shows both sums."""
    with pytest.raises(Refused) as raised:
        plan(order(line(paid("6.05")), line(paid("6.05")), total=total, tax=(("2.10", "21"),)), profile(), CHART)
    assert raised.value.reason.code == code
    assert "€ 12,10" in raised.value.reason.sentence
    assert f"€ {total.replace('.', ',')}" in raised.value.reason.sentence


@pytest.mark.parametrize("total", ["12.08", "12.09", "12.11", "12.12"])
def test_a_cent_per_line_is_rounding(total: str) -> None:
    """Within a cent per line the shop's total is booked to the cent, and a note says so."""
    planned = plan(order(line(paid("6.05")), line(paid("6.05")), total=total, tax=(("2.10", "21"),)), profile(), CHART)
    assert sum(regel.bedrag for regel in planned.regels) + Decimal("2.10") == Decimal(total)
    assert planned.notes


@pytest.mark.parametrize(("stated", "accepted"), [("2.08", True), ("2.12", True), ("2.07", False), ("2.13", False)])
def test_vat_within_a_cent_per_line(stated: str, *, accepted: bool) -> None:
    """The shop's VAT is booked as stated up to a cent per line from what the lines give, and refused beyond it."""
    two = order(line(paid("6.05")), line(paid("6.05")), total="12.10", tax=((stated, "21"),))
    if accepted:
        assert plan(two, profile(), CHART).btw[0].bedrag == Decimal(stated)
    else:
        with pytest.raises(Refused) as raised:
            plan(two, profile(), CHART)
        assert raised.value.reason.code == "vat-total"
        assert f"€ {stated.replace('.', ',')}" in raised.value.reason.sentence
        assert "€ 2,10" in raised.value.reason.sentence


def test_vat_on_a_zero_rate() -> None:
    """VAT stated at 0 % is refused, however little it is."""
    assert refusal(order(line(paid("10.00", "0")), total="10.00", tax=(("0.01", "0"),))) == "vat-total"


def test_vat_without_lines() -> None:
    """VAT stated for a rate that no line has is refused."""
    stated = (("2.10", "21"), ("0.09", "9"))
    assert refusal(order(line(paid("12.10")), total="12.10", tax=stated)) == "vat-rate-without-lines"


def test_vat_not_stated() -> None:
    """Without any statement of VAT it follows from the lines, and the invoice is marked."""
    planned = plan(order(line(paid("12.10")), total="12.10", tax=None), profile(), CHART)
    assert planned.btw[0].bedrag == Decimal("2.10")
    assert planned.markering


def test_amount_including_tax_missing() -> None:
    """A line without what was paid is computed from its net amount and rate."""
    planned = plan(
        order(line({"amount": "10.000000", "rate": "21"}), total="12.10", tax=(("2.10", "21"),)), profile(), CHART
    )
    assert planned.regels[0].bedrag == Decimal("10.00")


def test_contradicting_net_amount() -> None:
    """Where a line's net amount contradicts what was paid, what was paid is booked and the invoice is marked."""
    planned = plan(order(line(paid("12.10", amount="5")), total="12.10", tax=(("2.10", "21"),)), profile(), CHART)
    assert planned.regels[0].bedrag == Decimal("10.00")
    assert planned.markering


def test_long_descriptions() -> None:
    """A description is one line of at most 250 characters with the quantity in front."""
    long = order(line(paid("121.00"), quantity="2.50", description="Ding\n" * 100), total="121.00", tax=(("21", "21"),))
    described = plan(long, profile(), CHART).regels[0].omschrijving
    assert described.startswith("2,5 x Ding Ding")
    assert len(described) == 250


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "USD"}, "currency-not-eur"),
        ({"currency": ""}, "currency-not-eur"),
    ],
)
def test_only_euro(changes: dict[str, Any], code: str) -> None:
    """Anything but euro is refused with its own code, never converted."""
    assert refusal(simple(**changes)) == code


def test_country_missing() -> None:
    """An order that names no country, or says [] for it, is domestic."""
    nowhere = simple(debtor=[], tax_region=None, shipping=[{"country": []}])
    assert plan(nowhere, profile(), CHART).total == Decimal("121.00")


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        ({"invoice_number": "WEBWINKELBESTELLING-{number}-2"}, "number-too-long"),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": None})}, "account-not-chosen"),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 9999})}, "account-unknown"),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 8100})}, "account-inactive"),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 8210})}, "account-vat-mismatch"),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 8206})}, "account-cost-centre-required"),
        ({"cost_centre": 7}, "account-cost-centre-unknown"),
        ({"cost_centre": 2}, "account-cost-centre-inactive"),
        ({"journals": {"*": 9999}}, "journal-unknown"),
        ({"journals": {"*": 1090}}, "journal-inactive"),
        ({"journals": {"*": 1300}}, "journal-not-bank-or-cash"),
    ],
)
def test_choices_that_do_not_fit(choices: dict[str, Any], code: str) -> None:
    """A choice the administration does not agree with is refused before anything is sent."""
    assert refusal(simple(), **choices) == code


def test_cost_centre_on_every_line() -> None:
    """The profile's cost centre stands on every line."""
    planned = plan(simple(), profile(cost_centre=1, accounts=ACCOUNTS.model_copy(update={"revenue_high": 8206})), CHART)
    assert [regel.kostenplaats_id for regel in planned.regels] == ["kp-1"]


@pytest.mark.parametrize(
    ("gateway", "method", "journal", "soort"),
    [
        ("mollie", "ideal:ideal_INGBNL2A", 1104, "Bank"),
        ("Mollie", "creditcard", 1103, "Bank"),
        ("basic", "cash", 1000, "Kas"),
        ("basic", "advance", 1100, "Bank"),
        ("", "", 1100, "Bank"),
    ],
)
def test_journal_per_payment(gateway: str, method: str, journal: int, soort: str) -> None:
    """The journal is the most exact choice for the way of paying: with method, then per service, then for all."""
    choices = {"journals": {"mollie:ideal": 1104, "mollie": 1103, "basic:cash": 1000, "*": 1100}}
    settlement = plan(
        simple(payment={"gateway_name": gateway, "method_name": method}), profile(**choices), CHART
    ).settlement
    assert (settlement.dagboek_id, settlement.dagboek_nummer, settlement.soort) == (f"db-{journal}", journal, soort)


def test_journal_from_payments() -> None:
    """Where the payments were read they say how was paid, not the deprecated summary in the order."""
    read = Payments(captured=Decimal(121), gateway="basic", method="cash", count=1)
    assert plan(simple(), profile(), CHART, read).settlement.soort == "Kas"


def test_totals_that_cannot_be_invoiced() -> None:
    """A negative total and one with a third decimal are refused."""
    assert refusal(order(line(paid("-1.21")), total="-1.21", tax=(("-0.21", "21"),))) == "amount-negative-total"
    assert refusal(order(line(paid("1.21")), total="1.215", tax=(("0.21", "21"),))) == "amount-decimals"


RATES = st.sampled_from(["21", "9", "0", "5.5"])
CENTS = st.integers(min_value=-50_000, max_value=500_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Orders whose own figures agree up to a cent per line: several rates per line, discounts, VAT as stated."""
    rates = draw(st.lists(st.lists(RATES, min_size=1, max_size=3, unique=True), min_size=1, max_size=8))
    prices = [[paid(str(draw(CENTS)), rate) for rate in line_rates] for line_rates in rates]
    flat = [price for line_prices in prices for price in line_prices]
    stated = []
    for rate in sorted({price["rate"] for price in flat} - {"0"}):
        share = [Decimal(price["amount_including_tax"]) for price in flat if price["rate"] == rate]
        exact = sum(share, Decimal(0)) * Decimal(rate) / (100 + Decimal(rate))
        lines_that_count = sum(amount != 0 for amount in share)
        off = draw(st.integers(min_value=-lines_that_count, max_value=lines_that_count))
        stated.append((str(exact.quantize(Decimal("0.01"), "ROUND_HALF_UP") + Decimal(off) / 100), rate))
    total = sum((Decimal(price["amount_including_tax"]) for price in flat), Decimal(0))
    kinds = draw(st.lists(st.sampled_from(["article", "shipping", "payment", "discount"]), min_size=8, max_size=8))
    lines = [line(*each, kind=kind) for each, kind in zip(prices, kinds, strict=False)]
    return order(*lines, total=str(total), tax=tuple(stated))


ALL_RATES = profile(accounts=ACCOUNTS.model_copy(update={"revenue_other": 8212}))
WITH_OTHER = CHART.model_copy(
    update={"accounts": {**CHART.accounts, 8212: CHART.accounts[8210].model_copy(update={"btw_soort": ("Overig",)})}}
)


def planned_or_none(given_order: Order) -> Plan | None:
    """The plan, or None for the two refusals that such orders may meet."""
    try:
        return plan(given_order, ALL_RATES, WITH_OTHER)
    except Refused as refused:
        assert refused.reason.code in ("amount-negative-total", "amount-no-lines")  # noqa: PT017 -- the only two allowed
        return None


@given(orders())
def test_lines_and_vat_are_the_total(given_order: Order) -> None:
    """Whatever the order, lines plus VAT are its total to the cent, in whole cents, and the VAT is the shop's."""
    planned = planned_or_none(given_order)
    if planned is None:
        return
    amounts = [regel.bedrag for regel in planned.regels] + [vat.bedrag for vat in planned.btw]
    assert sum(amounts, Decimal(0)) == planned.total == given_order.total
    assert all(type(amount) is Decimal and amount.as_tuple().exponent == -2 and amount != 0 for amount in amounts)
    booked = sorted(vat.bedrag for vat in planned.btw)
    assert booked == sorted(tax.amount for tax in given_order.taxes if tax.amount)


@given(orders())
def test_every_line_stays_by_the_shops_amount(given_order: Order) -> None:
    """With VAT as computed from the lines, every booked line is within a cent and a half of the shop's exact amount."""
    exact_taxes = tuple(
        tax.model_copy(update={"amount": computed})
        for tax in given_order.taxes
        if (computed := _vat(given_order, tax.rate))
    )
    planned = planned_or_none(given_order.model_copy(update={"taxes": exact_taxes}))
    if planned is None:
        return
    exact = [price.amount for each in given_order.lines for price in each.prices]
    booked = iter(regel.bedrag for regel in planned.regels)
    left_out = len(exact) - len(planned.regels)
    if not left_out:
        assert all(abs(amount - next(booked)) <= Decimal("0.015") for amount in exact)


def _vat(given_order: Order, rate: Decimal) -> Decimal:
    gross = sum(
        (
            price.amount_including_tax or Decimal(0)
            for each in given_order.lines
            for price in each.prices
            if price.rate == rate
        ),
        Decimal(0),
    )
    return (gross * rate / (100 + rate)).quantize(Decimal("0.01"), "ROUND_HALF_UP")


@given(st.lists(st.integers(min_value=1, max_value=9_999_999), min_size=1, max_size=9))
def test_shops_with_prices_before_vat(nets: list[int]) -> None:
    """A shop that adds VAT at the end, over the sum of its nets, books to its total and its VAT too."""
    exact = [Decimal(net) / 10_000 for net in nets]
    total = (sum(exact) * Decimal("1.21")).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    vat = (sum(exact) * Decimal("0.21")).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    lines = [
        line(paid(str((net * Decimal("1.21")).quantize(Decimal("0.01"), "ROUND_HALF_UP")), amount=str(net)))
        for net in exact
    ]
    assume(all(Decimal(each["price"]["amount_including_tax"]) for each in lines))
    planned = plan(order(*lines, total=str(total), tax=((str(vat), "21"),)), profile(), CHART)
    assert sum((regel.bedrag for regel in planned.regels), Decimal(0)) + vat == total


@given(orders())
def test_planning_is_a_function(given_order: Order) -> None:
    """The same order gives the same plan, cent for cent, whenever it is asked."""
    assert planned_or_none(given_order) == planned_or_none(given_order)


def test_leftover_cents() -> None:
    """Leftover cents go to the largest remainders, at a tie to the earlier line."""
    third = Decimal("3.333333")
    starts = [Decimal("3.33")] * 3
    assert spread(starts, [third] * 3, Decimal("10.00")) == [Decimal("3.34"), Decimal("3.33"), Decimal("3.33")]
    down = spread([Decimal("1.01"), Decimal("1.01")], [Decimal("1.009"), Decimal("1.006")], Decimal("2.01"))
    assert down == [Decimal("1.01"), Decimal("1.00")]
