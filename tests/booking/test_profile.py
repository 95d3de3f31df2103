import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from koppeling.booking.plan import plan
from koppeling.booking.profile import Accounts, Customers, Profile, ProfileError
from koppeling.booking.suggest import check, check_statuses, suggest
from koppeling.mijnwebwinkel.models import ShopStatuses
from tests.booking.world import ACCOUNTS, STATUSES, chart, profile, simple

CHART = chart()

NUMBERS = st.integers(min_value=0, max_value=99_999)
SHORT = st.text(max_size=50)
PROFILES = st.builds(
    Profile,
    completed_statuses=st.lists(NUMBERS, max_size=3).map(tuple),
    authorized_is_paid=st.booleans(),
    start_date=st.none() | st.dates(),
    imported=st.lists(st.tuples(st.dates(), st.dates()).map(sorted).map(tuple), max_size=3).map(tuple),
    invoice_number=st.sampled_from(["MWW{number}", "{number}", 'W"{number}\\', "é-{number}"]),
    invoice_date=st.sampled_from(["order", "completed"]),
    payment_term_days=st.integers(min_value=0, max_value=999),
    cost_centre=NUMBERS,
    closed_period=st.sampled_from(["refuse", "first-open-day"]),
    mark_doubtful=st.booleans(),
    gift_cards=st.sampled_from(["payment", "discount"]),
    accounts=st.fixed_dictionaries({}, optional=dict.fromkeys(Accounts.model_fields, NUMBERS)).map(
        lambda chosen: Accounts(**chosen)
    ),
    journals=st.dictionaries(SHORT, NUMBERS, max_size=4),
    customers=st.builds(Customers, collective=SHORT, without_email=SHORT.filter(bool)),
)


@given(PROFILES)
def test_profile_survives_its_texts(written: Profile) -> None:
    """A profile written as TOML or as JSON reads back the same, whatever its texts contain."""
    assert Profile.from_toml(written.to_toml()) == written
    assert Profile.from_json(written.to_json()) == written


def test_a_stored_profile_of_a_newer_version_is_read() -> None:
    """What this version does not know is left out, at every level; what it knows must still be right."""
    written = profile()
    newer = json.loads(written.to_json())
    newer |= {"later": True, "accounts": newer["accounts"] | {"revenue_moon": 8400}}
    newer["customers"] |= {"greeting": "Hallo"}
    assert Profile.from_json(json.dumps(newer)) == written
    with pytest.raises(ProfileError, match="payment_term_days"):
        Profile.from_json(json.dumps(newer | {"payment_term_days": "veertien"}))


def test_what_a_person_writes_stays_strict() -> None:
    """A choice that does not exist is named, also when it is added to a stored profile that has such choices."""
    stored = Profile.from_json('{"later": true}')
    for text in ("later = true", "[accounts]\nrevenue_moon = 8400", "[customers]\ngreeting = 'Hallo'"):
        with pytest.raises(ProfileError, match="bestaat niet"):
            stored.changed_by(text)


def test_the_documented_profile() -> None:
    """The documented keys are understood, and every one may be left out."""
    read = Profile.from_toml(
        """
        completed_statuses = [4]
        authorized_is_paid = false
        start_date = 2026-11-23
        invoice_number = "MWW{number}"
        invoice_date = "order"
        payment_term_days = 14
        cost_centre = 0
        closed_period = "refuse"
        mark_doubtful = true
        gift_cards = "payment"
        [accounts]
        revenue_high = 8000
        shipping_high = 8000
        [journals]
        "mollie" = 1103
        "basic:cash" = 1000
        "*" = 1100
        [customers]
        collective = ""
        without_email = "Webwinkelklant zonder e-mailadres"
        """
    )
    assert read.accounts.revenue_high == 8000
    assert read.journals["basic:cash"] == 1000
    assert read.start_date == date(2026, 11, 23)
    assert Profile.from_toml("") == Profile()


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ("onbekend = 1", "onbekend"),
        ("[accounts]\nrevenue_hoog = 8000", "accounts.revenue_hoog"),
        ("[accounts]\nrevenue_high = '8000'", "accounts.revenue_high"),
        ("[accounts]\nrevenue_high = 8000.5", "accounts.revenue_high"),
        ("accounts = 3", "accounts"),
        ("[journals]\nmollie = 'x'", "journals.mollie"),
        ("completed_statuses = 4", "completed_statuses"),
        ("completed_statuses = ['4']", "completed_statuses.0"),
        ("authorized_is_paid = 1", "authorized_is_paid"),
        ("start_date = 20261123", "start_date"),
        ("start_date = 2026-11-23T10:00:00", "start_date"),
        ("imported = [[2026-03-31, 2026-01-01]]", "imported.0"),
        ("imported = [2026-01-01]", "imported.0"),
        ("imported = [[2026-01-01, 2026-02-01, 2026-03-01]]", "imported.0"),
        ("invoice_number = 'MWW'", "invoice_number"),
        ("invoice_number = '{number}{jaar}'", "invoice_number"),
        ("invoice_date = 'later'", "invoice_date"),
        ("payment_term_days = 1000", "payment_term_days"),
        ("payment_term_days = true", "payment_term_days"),
        ("cost_centre = -1", "cost_centre"),
        ("[customers]\nwithout_email = ''", "customers.without_email"),
        (f"[customers]\ncollective = '{'x' * 51}'", "customers.collective"),
    ],
)
def test_wrong_settings_are_named(toml: str, key: str) -> None:
    """An unknown key or a wrong type is refused with a sentence that names the key."""
    with pytest.raises(ProfileError) as raised:
        Profile.from_toml(toml)
    assert f" {key} " in str(raised.value)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=6),
    st.integers(0, 50),
)
@example([(1, 0), (3, 0), (0, 2)], 5)
def test_an_import_opens_its_own_days_and_no_other(imports: list[tuple[int, int]], start: int) -> None:
    """In whatever order they come: the days of each, and those from the start date on; periods that touch are one."""
    first_day = date(2026, 1, 1)
    days = [first_day + timedelta(days=number) for number in range(60)]
    profile, opened = Profile(start_date=days[start]), set(days[start:])
    for first, length in imports:
        profile = profile.with_import(days[first], days[min(first + length, 59)])
        opened |= set(days[first : first + length + 1])
    assert {day for day in days if profile.books(day)} == opened
    assert profile.begins == min(opened)
    ends = [day for period in (*profile.imported, (profile.start_date, date.max)) for day in period if day]
    assert all(later - earlier > timedelta(days=1) for earlier, later in batched(ends[1:-1], 2, strict=True))


def test_not_toml_at_all() -> None:
    """A text that is no TOML, and a stored text that is no JSON, are refused in one sentence."""
    with pytest.raises(ProfileError):
        Profile.from_toml("= 3")
    with pytest.raises(ProfileError):
        Profile.from_json("{")


def test_suggestion_fits() -> None:
    """What is suggested passes its own check and books an order."""
    suggested = suggest(CHART, STATUSES, date(2026, 11, 1))
    assert check(suggested, CHART) == ()
    assert plan(simple(), suggested, CHART).total == Decimal("121.00")
    assert Profile.from_toml(suggested.to_toml()) == suggested


def test_suggested_choices() -> None:
    """Plain, active accounts are suggested, journals by their names, and the status that reads afgerond."""
    suggested = suggest(CHART, STATUSES, date(2026, 11, 1))
    assert suggested.completed_statuses == (4,)
    assert suggested.start_date == date(2026, 11, 1)
    assert suggested.accounts.chosen() == {
        "revenue_high": 8200,
        "revenue_low": 8210,
        "revenue_zero": 8240,
        "revenue_eu": 8300,
        "revenue_export": 8310,
        "shipping_high": 8205,
        "payment_costs_high": 8207,
        "discounts_high": 8208,
    }
    assert suggested.journals == {"mollie": 1103, "paypal": 1104, "basic:cash": 1000, "*": 1100}


def test_small_business_scheme_needs_less() -> None:
    """Under the KOR only the account without VAT is needed, and it is asked for."""
    only_zero = Accounts(revenue_zero=8240)
    assert check(profile(accounts=only_zero), chart(kor=True)) == ()
    problems = check(profile(accounts=Accounts(revenue_high=8200)), chart(kor=True))
    assert len(problems) == 1
    assert "revenue_zero" in problems[0]


def test_suggestion_from_nothing() -> None:
    """An empty administration gives a profile all the same, and the check says what is missing."""
    empty = CHART.model_copy(update={"accounts": {}, "journals": {}})
    suggested = suggest(empty, ShopStatuses(), date(2026, 11, 1))
    assert suggested.accounts.chosen() == {}
    assert len(check(suggested, empty)) == 3


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 9999})}, ("9999", "revenue_high", "8200 Omzet hoog")),
        ({"accounts": ACCOUNTS.model_copy(update={"shipping_low": 8100})}, ("8100", "niet actief", "8210 Omzet laag")),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_low": 8200})}, ("8200", "Laag", "8210 Omzet laag")),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_high": 8206})}, ("8206", "kostenplaats")),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_low": None})}, ("omzet laag", "8210 Omzet laag")),
        ({"journals": {"*": 1300}}, ("1300", "geen bank- of kasdagboek", "1100 Rabobank")),
        ({"journals": {"*": 1100, "mollie": 1090}}, ("1090", "mollie", "niet actief")),
        ({"journals": {"*": 1100, "mollie": 4}}, ("4", "mollie", "bestaat niet")),
        ({"journals": {"mollie": 1103}}, ('"*"', "1100 Rabobank")),
        ({"cost_centre": 2}, ("Kostenplaats 2",)),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_eu": 8240})}, ("8240", "ExportBinnenEU", "8300 Omzet")),
        ({"accounts": ACCOUNTS.model_copy(update={"revenue_export": 8300})}, ("8300", "ExportBuitenEU", "8310 Omzet")),
        ({"accounts": ACCOUNTS.model_copy(update={"gift_cards": 8200})}, ("8200", "(gift_cards)", "1360 Uitstaande")),
        ({"accounts": ACCOUNTS.model_copy(update={"gift_cards": 4305})}, ("4305", "balansrekening", "1360 Uitstaande")),
        ({"accounts": ACCOUNTS.model_copy(update={"gift_cards": 9999})}, ("9999", "bestaat niet", "1360 Uitstaande")),
        ({"completed_statuses": ()}, ("completed_statuses",)),
    ],
)
def test_check_names_the_choice(choices: dict[str, Any], words: tuple[str, ...]) -> None:
    """A wrong choice gives one sentence, which names it and what would do instead."""
    problems = check(profile(**choices), CHART)
    assert len(problems) == 1
    assert all(word in problems[0] for word in words)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"completed_statuses": (77,)}, "77"),
        ({"completed_statuses": (4, 5)}, "5"),
        ({"invoice_number": "M" * 25 + "{number}"}, "25"),
    ],
)
def test_choices_the_shop_cannot_meet(changes: dict[str, Any], word: str) -> None:
    """An unknown status, one that means cancelled, and a form that is always too long are told at once."""
    assert check_statuses(profile(), STATUSES) == ()
    problems = check_statuses(profile(**changes), STATUSES)
    assert len(problems) == 1
    assert word in problems[0]
