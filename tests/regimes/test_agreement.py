"""What we plan and what SnelStart is played to accept are one and the same."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from koppeling.booking.plan import Plan, plan
from koppeling.booking.profile import Profile
from koppeling.booking.suggest import suggest
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order, ShopStatuses
from koppeling.snelstart.models import Chart
from sandbox import books_rates, books_rules
from sandbox.books_state import Administration, Options, Settings, new_administration, new_relatie
from tests.booking.test_properties import CASES, FOREIGN_VAT, orders


@cache
def administration(name: str) -> tuple[Administration, Chart]:
    """A simulated administration like the case's own, 5.5 % being Overig, and what is read from it."""
    company = CASES[name].administration.company
    options = Options(kor=company.kor_actief, foreign_vat=company.factureer_buitenlands_btw, overig_percentage="5.50")
    books = new_administration("Proef", "sleutel", options)
    return books, chart_of(books)


def chart_of(books: Administration) -> Chart:
    """Its reference data, as read from its API."""
    return Chart.build(
        grootboeken=books.grootboeken.values(),
        dagboeken=books.dagboeken.values(),
        btwtarieven=[row | _days(row) for row in books.btwtarieven()],
        kostenplaatsen=books.kostenplaatsen.values(),
        landen=books.landen.values(),
        company_info=books.company_info(Settings()),
        vatrates=[
            {**each, "vatRates": [rate | {"validFrom": rate["validFrom"].isoformat()} for rate in each["vatRates"]]}
            for each in books_rates.vatrates()
        ],
    )


def _days(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: row[name].isoformat() for name in ("datumVanaf", "datumTotEnMet")}


def customer(books: Administration, country: str, number: str | None) -> str:
    """A customer in this country; the relatie's id."""
    land = next(row for row in books.landen.values() if row["landcode"] == country)
    row = new_relatie(str(uuid5(NAMESPACE_OID, f"{country} {number}")))
    address = {"straat": "Dorpsstraat 1", "postcode": "1", "plaats": "Dorp", "land": {"id": land["id"]}}
    books.put_relatie(row | {"relatiesoort": ["Klant"], "vestigingsAdres": address, "btwNummer": number})
    return str(row["id"])


def sent(planned: Plan, klant: str) -> dict[str, Any]:
    """The booking as its JSON comes to SnelStart."""
    return {
        "factuurnummer": planned.factuurnummer,
        "klant": {"id": klant},
        "factuurdatum": f"{planned.factuurdatum}T00:00:00",
        "factuurbedrag": planned.total,
        "betalingstermijn": planned.betalingstermijn,
        "boekingsregels": [
            {"grootboek": {"id": regel.grootboek_id}, "bedrag": regel.bedrag, "btwSoort": regel.btw_soort}
            for regel in planned.regels
        ],
        "btw": [{"btwSoort": vat.btw_soort, "btwBedrag": vat.bedrag} for vat in planned.btw],
    }


def amounts(order: Order) -> int:
    """How many prices of the order are of more than nothing."""
    return sum(bool(price.amount_including_tax) for each in order.lines for price in each.prices)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_planned_is_accepted(name: str, data: st.DataObject) -> None:
    """An order whose figures agree up to a cent per line, in total and in VAT, is planned and then not refused."""
    books, chart = administration(name)
    drawn = data.draw(orders(CASES[name]))
    try:
        planned = plan(drawn, profile_of(chart), chart)
    except Refused:
        reject()
    if sum(regel.grootboek_nummer != FOREIGN_VAT for regel in planned.regels) < amounts(drawn):
        # A price of a cent or two that is all VAT: nothing is left of it to book, here or there.
        reject()
    klant = customer(books, planned.country, planned.vat_number or None)
    books.by_number.clear()
    kept = books_rules.create(books, Settings(), sent(planned, klant))
    assert kept["factuurbedrag"] == planned.total


def profile_of(chart: Chart) -> Profile:
    """The suggested choices, with an account for gift cards."""
    return suggest(chart, ShopStatuses(), date(2026, 1, 1)).changed_by("[accounts]\ngift_cards = 1360\n")
