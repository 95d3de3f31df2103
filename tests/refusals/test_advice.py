"""Advice that asks for more than one step: whoever follows it gets the order booked."""

from tests.booking.world import line, paid
from tests.exactly_once.rig import Stage
from tests.refusals.scenarios_shop import partly_refunded
from tests.refusals.scene import Scene
from tests.regimes.winkel import credit_of, settled


def test_a_credit_order_for_what_was_refunded(stage: Stage) -> None:
    """Paid whole and refunded in part: with the credit order the owner was told to make, both are in the books."""
    scene, raw = Scene(stage), partly_refunded()
    number = str(raw["number"])
    scene.waiting(raw)
    credit = credit_of(number, line(paid("21.00")), total="21.00", tax={"21": "3.64"})
    stage.place(scene.home, credit)
    stage.change(scene.home, number, credit_order_numbers=[credit["number"]])
    assert scene.again(number).state == "paid"
    assert scene.again(str(credit["number"])).state == "credited"
    totals = [settled(stage, scene.home, f"MWW{each}")["factuurbedrag"] for each in (number, credit["number"])]
    assert totals == ["121.00", "-21.00"]
    scene.leave()
