from datetime import date
from decimal import Decimal

import pytest

from koppeling.booking.plan import plan
from koppeling.booking.vat import DOCUMENT, kind_of
from koppeling.failures import Refused
from tests.booking.world import chart, line, order, paid, profile

RATES = chart().rates


@pytest.mark.parametrize(
    ("rate", "day", "kind"),
    [
        ("21", date(2026, 11, 23), "Hoog"),
        ("21.000", date(2012, 10, 1), "Hoog"),
        ("21", date(2012, 9, 30), None),
        ("9", date(2026, 11, 23), "Laag"),
        ("9", date(2019, 1, 1), "Laag"),
        ("9", date(2018, 12, 31), None),
        ("6", date(2018, 12, 31), "Laag"),
        ("6", date(2019, 1, 1), None),
        ("5.5", date(2026, 11, 23), "Overig"),
        ("0", date(1999, 1, 1), "Geen"),
        ("20", date(2026, 11, 23), None),
    ],
)
def test_kind_of_a_rate_on_a_day(rate: str, day: date, kind: str | None) -> None:
    """A percentage is the kind the administration's own table gives it on that very day, and nothing else."""
    assert kind_of(Decimal(rate), day, RATES) == kind


def test_the_invoice_date_decides() -> None:
    """An order of 2018 at 6 % books as Laag; completed in 2019 and dated then, its rate is unknown and refused."""
    old = order(
        line(paid("10.60", "6")),
        total="10.60",
        tax=(("0.60", "6"),),
        date="2018-12-31",
        status_changed_date="2019-01-02",
    )
    assert plan(old, profile(), chart()).btw[0].btw_soort == "VerkopenLaag"
    with pytest.raises(Refused) as raised:
        plan(old, profile(invoice_date="completed"), chart())
    assert raised.value.reason.code == "vat-rate-unknown"
    assert "6%" in raised.value.reason.sentence
    assert "2 januari 2019" in raised.value.reason.sentence


def test_two_vocabularies() -> None:
    """Line and document name the kinds differently, and Geen has no document kind at all."""
    assert DOCUMENT == {"Laag": "VerkopenLaag", "Hoog": "VerkopenHoog", "Overig": "VerkopenOverig"}
