"""How each reason comes about that has to do with taking an order out of the books again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from koppeling.failures import Reason
from tests.exactly_once.rig import AMSTERDAM
from tests.refusals.scene import Scenario, Scene, seen
from tests.regimes.winkel import CANCELLED, on, thing
from tests.undo.hand import undo_orders


def _sale(scene: Scene, day: str = "") -> str:
    raw = thing(**(on(day) if day else {}))
    assert scene.deliver(raw).state == "paid"
    return str(raw["number"])


def _left(scene: Scene, number: str) -> Reason:
    """Why the order is left as it is."""
    [taken] = undo_orders(scene.stage, scene.home, number).values()
    assert taken.outcome == "left"
    assert taken.reason is not None
    return taken.reason


def _undone(scene: Scene) -> Reason:
    number = _sale(scene)
    undo_orders(scene.stage, scene.home, number)
    return seen(scene.again(number), "skipped")


def _credited(scene: Scene) -> Reason:
    number = _sale(scene)
    scene.stage.change(scene.home, number, status=CANCELLED)
    assert scene.again(number).state == "credited"
    return _left(scene, number)


def _nothing(scene: Scene) -> Reason:
    raw = thing(currency="USD")
    assert scene.deliver(raw).state == "refused"
    return _left(scene, str(raw["number"]))


def _changed(scene: Scene) -> Reason:
    number = _sale(scene)
    scene.books("accountant", id=scene.stage.row(scene.home, number).verkoopboeking_id)
    return _left(scene, number)


def _paid_otherwise(scene: Scene) -> Reason:
    number = _sale(scene)
    scene.books("accountant", id=scene.stage.row(scene.home, number).payment_id)
    return _left(scene, number)


def _closed(scene: Scene) -> Reason:
    day = f"{datetime.now(AMSTERDAM) - timedelta(days=3):%Y-%m-%d}"
    number = _sale(scene, day)
    scene.options(vat_filed=[[day, day]])
    return _left(scene, number)


SCENARIOS: Mapping[str, Scenario] = {
    "number-changed-by-hand": _changed,
    "number-payment-by-hand": _paid_otherwise,
    "period-undo-closed": _closed,
    "shop-undo-credited": _credited,
    "shop-undo-nothing": _nothing,
    "shop-undone": _undone,
}
