"""What is booked as planned is read back as planned, whatever the order: every cent under its own rate."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koppeling.booking.countries import NAMES
from koppeling.booking.plan import Plan
from koppeling.rating import Basis, Rates, Standing, plain
from koppeling.snelstart.listing import FOREIGN
from tests.booking.test_properties import CASES, FOREIGN_VAT, PROFILE, orders, planned_or_refused

_OTHER = "gb-8210"
"""The properties' account for the other rate is a copy of this one, its function and id too."""


def _standing(planned: Plan) -> Standing:
    """The plan as SnelStart holds it once it is booked."""
    vat: defaultdict[str, Decimal] = defaultdict(Decimal)
    accounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in planned.btw:
        vat[one.btw_soort] += one.bedrag
    for regel in planned.regels:
        if regel.grootboek_nummer == FOREIGN_VAT:
            vat[FOREIGN] += regel.bedrag
        else:
            accounts[regel.grootboek_id] += regel.bedrag
    return Standing(vat, accounts)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_booked_is_read_back_to_the_cent(name: str, data: st.DataObject) -> None:
    """VAT and turnover by the names of the plan; by the accounts alone too. With gift cards they make the total."""
    case = CASES[name]
    planned = planned_or_refused(data.draw(orders(case)), case)
    if planned is None:
        return
    rates, held = Rates.of(case.administration, PROFILE), _standing(planned)
    country = planned.country if planned.country in NAMES else ""
    by = Basis(planned.supplied_on, country, planned.rated, held.accounts, planned.redeemed)
    cards = sum((regel.bedrag for regel in planned.regels if regel.grootboek_nummer == 1360), Decimal(0))
    assert sum((one.net + one.vat for one in planned.rated), cards) == planned.total
    assert rates.vat(held, by) == plain({one.name: one.vat for one in planned.rated})
    nets = plain({one.name: one.net for one in planned.rated})
    assert rates.nets(held, by) == nets
    if _OTHER not in held.accounts:
        assert rates.nets(held, replace(by, accounts=None)) == nets
