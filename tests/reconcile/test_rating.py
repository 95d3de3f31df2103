"""How the rates of an invoice in the books are named and its VAT split over them, by hand."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from koppeling.booking import oss
from koppeling.booking.rated import Rated
from koppeling.rating import Basis, Rates, Standing
from koppeling.snelstart.listing import FOREIGN
from koppeling.snelstart.models import Grootboek
from tests.booking.world import ACCOUNTS as CHOSEN
from tests.booking.world import chart, profile

ON = date(2026, 11, 23)
ACCOUNTS = chart(oss=True)
RATES = Rates.of(ACCOUNTS, profile())
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


def test_vat_that_comes_to_nothing_is_as_planned_or_none() -> None:
    """A discount at one rate and goods at another; with other turnover, or without VAT, the books state none."""
    planned = (
        Rated("DE", Decimal(19), Decimal("-7.00"), Decimal("-1.33")),
        Rated("DE", Decimal(7), Decimal("19.00"), Decimal("1.33")),
    )
    by = Basis(ON, "DE", planned)
    assert _vat(by, {SR: "-7.00", RRH: "19.00"}, foreign="0.00") == {"DE 19%": "-1.33", "DE 7%": "1.33"}
    # SnelStart may leave out what is nothing.
    assert _vat(by, {SR: "-7.00", RRH: "19.00"}) == {"DE 19%": "-1.33", "DE 7%": "1.33"}
    assert _vat(by, {SR: "-6.00", RRH: "18.00"}, foreign="0.00") == {}
    assert _vat(ABROAD, {SR: "100.00", RRH: "100.00"}, foreign="0.00") == {}


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


def _nets(by: Basis, rates: Rates = RATES, **accounts: str) -> dict[str, str] | None:
    """By name, of an invoice on these accounts by number (g8200)."""
    nets = {f"gb-{number[1:]}": Decimal(amount) for number, amount in accounts.items()}
    found = rates.nets(Standing({}, nets), by)
    return None if found is None else {name: str(amount) for name, amount in found.items()}


def _account(**fields: object) -> Rates:
    """With one more account, 9000, of no function that says anything."""
    account = Grootboek.read({"id": "gb-9000", "nummer": 9000, "grootboekfunctie": "Diversen"} | fields)
    return Rates(ACCOUNTS, {**RATES.accounts, "gb-9000": account}, RATES.gift_cards)


TOLD: list[tuple[dict[str, object], dict[str, str] | None]] = [
    ({"btwSoort": ["Laag"]}, {"laag 9%": "1.00"}),
    ({"btwSoort": ["Hoog"], "rekeningCode": "WinstEnVerlies"}, {"hoog 21%": "1.00"}),
    ({"btwSoort": ["Overig"]}, {"overig 5,5%": "1.00"}),
    ({"btwSoort": ["Geen"], "rekeningCode": "WinstEnVerlies"}, None),
    ({"btwSoort": ["Hoog", "Laag"]}, None),
    ({"btwSoort": []}, None),
    ({"btwSoort": ["Geen"], "rekeningCode": "Balans"}, {}),
    ({"btwSoort": ["Geen"], "grootboekfunctie": "VerkopenBtwVrij"}, {"nul 0%": "1.00"}),
    ({"btwSoort": ["Geen"], "grootboekfunctie": "VerkopenExportBuitenEU"}, {"export 0%": "1.00"}),
    ({"btwSoort": ["Geen"], "grootboekfunctie": oss.FUNCTION, "vatRateCode": "RRH"}, {"DE 7%": "1.00"}),
    ({"btwSoort": ["Geen"], "grootboekfunctie": oss.FUNCTION, "vatRateCode": "SRR"}, {"DE SRR": "1.00"}),
    ({"btwSoort": ["Geen"], "grootboekfunctie": oss.FUNCTION}, {"buitenland": "1.00"}),
]


@pytest.mark.parametrize(("fields", "expected"), TOLD)
def test_an_account_tells_a_rate_by_its_function_or_its_only_kind(
    fields: dict[str, object], expected: dict[str, str] | None
) -> None:
    """Or that it is no turnover; Geen alone tells nothing."""
    assert _nets(Basis(ON, "DE"), _account(**fields), g9000="1.00") == expected


def test_an_account_nobody_knows_tells_nothing() -> None:
    """It was removed since, or stands twice under one number."""
    assert _nets(Basis(ON), g7777="1.00") is None


def test_on_the_planned_accounts_it_is_as_planned() -> None:
    """Whatever they tell; a cent elsewhere and they are asked."""
    one = Rated("nul", Decimal(0), Decimal("5.00"), Decimal(0))
    by = Basis(ON, "", (one,), {"gb-9000": Decimal("5.00")})
    assert _nets(by, g9000="5.00") == {"nul 0%": "5.00"}
    assert _nets(by, g9000="4.99") is None
    assert _nets(by, g8240="5.00") == {"nul 0%": "5.00"}
    assert _nets(by, g8310="5.00") == {"export 0%": "5.00"}


def test_of_an_unknown_country_no_turnover_is_named() -> None:
    """Also where it stands on the planned accounts."""
    accounts = {"gb-8320": Decimal("100.00"), "gb-8321": Decimal("100.00")}
    by = Basis(ON, "", GERMAN, accounts)
    assert _nets(by, g8320="100.00", g8321="100.00") == {"buitenland": "200.00"}
    assert _nets(by, g8320="200.00") == {"buitenland": "200.00"}


def test_gift_cards_have_an_account_of_their_own_or_none() -> None:
    """One that the profile uses for something else besides tells by its function."""
    own = Rates.of(ACCOUNTS, profile(accounts=CHOSEN.model_copy(update={"gift_cards": 4305})))
    assert _nets(Basis(ON), own, g4305="-5.00", g8200="10.00") == {"hoog 21%": "10.00"}
    assert _nets(Basis(ON), g4305="-5.00", g8200="10.00") is None
    both = Rates.of(ACCOUNTS, profile(accounts=CHOSEN.model_copy(update={"gift_cards": 8240})))
    assert _nets(Basis(ON), both, g8240="5.00") == {"nul 0%": "5.00"}


def test_a_voucher_explains_its_own_amount_and_no_other() -> None:
    """Off turnover by the profile of then; any other amount, or two that are off, is a difference."""
    one = Rated("hoog", Decimal(21), Decimal("100.00"), Decimal("21.00"))
    by = Basis(ON, "", (one,), {"gb-8200": Decimal("100.00")}, Decimal("21.00"))
    assert _nets(by, g8200="100.00", g8240="-21.00") == {"hoog 21%": "100.00"}
    assert _nets(by, g8200="100.00", g8240="-20.99") == {"hoog 21%": "100.00", "nul 0%": "-20.99"}
    assert _nets(by, g8200="99.00", g8240="-21.00") == {"hoog 21%": "99.00", "nul 0%": "-21.00"}
    assert _nets(by, g8200="79.00") == {"hoog 21%": "79.00"}
