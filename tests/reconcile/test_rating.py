"""How the rates of an invoice in the books are named and its VAT split over them, by hand."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from koppeling.booking.rated import Rated
from koppeling.rating import Basis, Rates, Standing
from koppeling.snelstart.listing import FOREIGN
from tests.booking.world import chart

ON = date(2026, 11, 23)
ACCOUNTS = chart(oss=True)
RATES = Rates.of(ACCOUNTS)
SR, RRH, PR = "gb-8320", "gb-8321", "gb-8323"
GERMAN = (
    Rated("DE", Decimal(19), Decimal("100.00"), Decimal("19.00")),
    Rated("DE", Decimal(7), Decimal("100.00"), Decimal("7.00")),
)
ABROAD = Basis(ON, "DE", GERMAN)


def _vat(by: Basis, accounts: Mapping[str, str], **vat: str) -> dict[str, str]:
    """By name; `foreign` among the kinds is the VAT of other countries."""
    kinds = {FOREIGN if kind == "foreign" else kind: Decimal(amount) for kind, amount in vat.items()}
    nets = {account: Decimal(amount) for account, amount in accounts.items()}
    return {name: str(amount) for name, amount in RATES.vat(Standing(kinds, nets), by).items()}


SPLITS: list[tuple[dict[str, str], str, dict[str, str]]] = [
    # The plan's own, to the cent, where nets and total are the plan's, or no account tells.
    ({SR: "100.00", RRH: "100.00"}, "26.00", {"DE 19%": "19.00", "DE 7%": "7.00"}),
    ({}, "26.00", {"DE 19%": "19.00", "DE 7%": "7.00"}),
    ({"gb-8240": "200.00"}, "26.00", {"DE 19%": "19.00", "DE 7%": "7.00"}),
    # One account: all of it.
    ({SR: "200.00"}, "26.00", {"DE 19%": "26.00"}),
    ({RRH: "200.00"}, "26.01", {"DE 7%": "26.01"}),
    ({SR: "100.00", RRH: "0.00"}, "19.00", {"DE 19%": "19.00"}),
    # Several: net x rate, what is left on the largest.
    ({SR: "90.00", RRH: "110.00"}, "26.00", {"DE 19%": "18.30", "DE 7%": "7.70"}),
    ({SR: "100.00", RRH: "100.00"}, "26.01", {"DE 19%": "19.01", "DE 7%": "7.00"}),
    ({SR: "-0.50", RRH: "200.00"}, "13.90", {"DE 19%": "-0.10", "DE 7%": "14.00"}),
    ({SR: "10.10", RRH: "10.10"}, "2.62", {"DE 19%": "1.91", "DE 7%": "0.71"}),
    # An account whose code is no rate of that country.
    ({PR: "200.00"}, "26.00", {"DE PR": "26.00"}),
    ({SR: "100.00", PR: "100.00"}, "26.00", {"buitenland": "26.00"}),
    # No account that tells, and another total than planned.
    ({}, "25.00", {"buitenland": "25.00"}),
]


@pytest.mark.parametrize(("accounts", "total", "expected"), SPLITS)
def test_foreign_vat_of_an_invoice_is_split_over_its_rates(
    accounts: dict[str, str], total: str, expected: dict[str, str]
) -> None:
    """By the accounts of its turnover; every cent of it is somewhere."""
    assert _vat(ABROAD, accounts, foreign=total) == expected
    assert sum(map(Decimal, expected.values())) == Decimal(total)
    turned = Basis(ON, "DE", tuple(Rated(one.of, one.rate, -one.net, -one.vat) for one in GERMAN))
    negative_ = {account: str(-Decimal(net)) for account, net in accounts.items()}
    assert _vat(turned, negative_, foreign=str(-Decimal(total))) == {
        name: str(-Decimal(amount)) for name, amount in expected.items()
    }


def test_a_rate_of_nothing_but_rounding_does_not_take_it_all() -> None:
    """Lines that came to nothing left a cent of VAT at the low rate: there is one account, and it is as planned."""
    rest = Rated("DE", Decimal(7), Decimal("0.00"), Decimal("0.01"))
    by = Basis(ON, "DE", (GERMAN[0], rest))
    assert _vat(by, {SR: "100.00"}, foreign="19.01") == {"DE 19%": "19.00", "DE 7%": "0.01"}


def test_of_an_unknown_country_no_rate_is_named() -> None:
    """One code or several: without a country there is no percentage."""
    by = Basis(ON, "", GERMAN)
    for accounts in ({SR: "100.00"}, {SR: "100.00", RRH: "100.00"}, {}):
        assert _vat(by, accounts, foreign="26.00") == {"buitenland": "26.00"}


def test_a_kind_bears_the_plans_percentage_and_else_that_of_the_day() -> None:
    """A supply of 2018 booked in 2019 keeps its 6 %; what has no plan goes by the day it bears."""
    supply = Rated("laag", Decimal(6), Decimal("100.00"), Decimal("6.00"))
    assert _vat(Basis(date(2019, 1, 2), "", (supply,)), {}, VerkopenLaag="6.00") == {"laag 6%": "6.00"}
    assert _vat(Basis(date(2019, 1, 2)), {}, VerkopenLaag="9.00") == {"laag 9%": "9.00"}
    assert _vat(Basis(date(2018, 12, 31)), {}, VerkopenLaag="6.00") == {"laag 6%": "6.00"}
    assert _vat(Basis(ON), {}, VerkopenHoog="21.00", VerkopenVerlegd="1.00") == {"hoog 21%": "21.00", "verlegd": "1.00"}


def test_a_kind_of_no_or_several_percentages_stands_without_one() -> None:
    """Overig did not exist in 2018; with two rates of it planned the sum is split as planned, or not at all."""
    assert _vat(Basis(date(2018, 1, 1)), {}, VerkopenOverig="1.00") == {"overig": "1.00"}
    two = tuple(
        Rated("overig", Decimal(rate), Decimal("10.00"), Decimal(vat)) for rate, vat in ((5, "0.50"), (13, "1.30"))
    )
    assert _vat(Basis(ON, "", two), {}, VerkopenOverig="1.80") == {"overig 5%": "0.50", "overig 13%": "1.30"}
    assert _vat(Basis(ON, "", two), {}, VerkopenOverig="1.79") == {"overig": "1.79"}
