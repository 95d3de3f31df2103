"""Taking back what somebody changed meanwhile: nothing is booked against an invoice that is not what was booked."""

import pytest

from koppeling import onboard
from tests.booking.world import line, paid
from tests.exactly_once.rig import Connected, Stage
from tests.regimes.crediting import paid_order, state
from tests.regimes.test_credits_more import HALF
from tests.regimes.winkel import CANCELLED, connect, content, credit_of, german, of, run, settled


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


def remove(stage: Stage, connected: Connected, number: str) -> None:
    """A person takes the order's invoice out of the books, its payment first."""
    row = stage.row(connected, number)
    connected.snelstart.delete(f"bankboekingen/{row.payment_id}")
    connected.snelstart.delete(f"verkoopboekingen/{row.verkoopboeking_id}")


def test_a_cancelled_order_whose_invoice_is_gone(stage: Stage, home: Connected) -> None:
    """Removed by hand because the customer cancelled: there is nothing to take back, and nothing is booked."""
    number = paid_order(stage, home)
    remove(stage, home, number)
    stage.change(home, number, status=CANCELLED)
    assert stage.deliver(home, number) is None
    assert of(stage, home, number) == []
    assert state(stage, home, number) == ("refused", "number-gone")


def test_a_credit_order_whose_invoice_is_gone(stage: Stage, home: Connected) -> None:
    """Neither is a credit order booked against an invoice that somebody removed."""
    number = paid_order(stage, home)
    remove(stage, home, number)
    credit = run(stage, home, credit_of(number, line(paid("60.50")), **HALF))
    assert of(stage, home, number) == []
    assert state(stage, home, credit) == ("refused", "number-gone")
    assert state(stage, home, number) == ("paid", None)


def test_a_cancelled_order_whose_vat_was_changed(stage: Stage, home: Connected) -> None:
    """What was booked at 21% is not taken back at 9%, though the total is the same."""
    number = paid_order(stage, home)
    price = {"tax": [{"amount": "9.99", "rate": "9"}], "total": "121.00"}
    stage.change(home, number, status=CANCELLED, orderlines=[line(paid("121.00", "9"))], price=price)
    assert stage.deliver(home, number) is None
    assert of(stage, home, number) == [f"MWW{number}"]
    assert state(stage, home, number) == ("refused", "vat-booked-differs")


def test_a_cancelled_order_under_oss_whose_vat_was_changed(stage: Stage) -> None:
    """The VAT of another country is compared as well."""
    connected = connect(stage, foreign_vat=True)
    number = paid_order(stage, connected, german())
    price = {"tax": [{"amount": "7.79", "rate": "7"}], "total": "119.00"}
    stage.change(connected, number, status=CANCELLED, orderlines=[line(paid("119.00", "7"))], price=price)
    assert stage.deliver(connected, number) is None
    assert state(stage, connected, number) == ("refused", "vat-booked-differs")


def test_a_cancelled_order_after_another_choice_of_accounts(stage: Stage) -> None:
    """Other accounts in the profile since are no other VAT: taken back on those of today."""
    connected = connect(stage)
    number = paid_order(stage, connected)
    onboard.change_profile(stage.table, connected.connection, "[accounts]\nrevenue_high = 8204\n")
    stage.change(connected, number, status=CANCELLED)
    assert stage.deliver(connected, number) is None
    assert content(settled(stage, connected, f"MWW{number}C")) == ([(8204, "-100.00")], {"VerkopenHoog": "-21.00"})
