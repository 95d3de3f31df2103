"""How each reason that lies with the shop comes about: its tokens, its answers, and what stands in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from koppeling import onboard
from koppeling.connections import Connections
from koppeling.failures import Reason
from sandbox.world import PARTNER_TOKEN
from tests.booking.world import line, paid
from tests.exactly_once.rig import order
from tests.refusals.scene import Scenario, Scene, seen, told
from tests.regimes.winkel import CANCELLED, CREDIT, Json, credit_of, days_ago, on, sold, thing

_NEW, _UNLISTED, _COMPLETED = 1, 77, 4
_ALWAYS = 20
"""Times a fault strikes: more than one delivery asks."""


def _sale(scene: Scene) -> str:
    """An order that is paid in the books; its number."""
    raw = thing()
    row = scene.deliver(raw)
    assert row.state == "paid"
    return str(raw["number"])


def _credit(number: str, amount: str = "121.00", vat: str = "21.00") -> Json:
    """A credit order that takes back so much of such a sale."""
    return credit_of(number, line(paid(amount)), total=amount, tax={"21": vat})


def _answers(scene: Scene, kind: str, path: str) -> None:
    """The shop answers calls of this path so, for as long as the scenario lasts."""
    fault = {"kind": kind, "path": path, "store": scene.home.shop_token, "times": _ALWAYS}
    scene.stage.shop.tell("faults", fault)


def _unpaid(day: str | None = None) -> Json:
    return thing(payment_status="pending", **(on(day) if day else {}))


def partly_refunded() -> Json:
    """An order of 121.00, paid, of which 21.00 went back."""
    mutations = [{"type": "capture", "price": 12100}, {"type": "refund", "price": 2100}]
    payment = {"gateway": "mollie", "method": "ideal", "price": 12100, "currency": "EUR", "mutations": mutations}
    return thing(payment_status="unknown", _payments=[payment])


def _partly_credited(scene: Scene) -> Reason:
    number = _sale(scene)
    credit = _credit(number, "60.50", "10.50")
    assert scene.deliver(credit).state == "credited"
    scene.stage.change(scene.home, number, status=CANCELLED, credit_order_numbers=[credit["number"]])
    return seen(scene.again(number), "paid")


def _forbidden(scene: Scene) -> Reason:
    """A token that may ask who it is, and not read this order."""
    raw = thing()
    _answers(scene, "403", f"/v1/orders/{raw['number']}$")
    return scene.failed(raw)


def _unavailable(scene: Scene) -> Reason:
    raw = thing()
    _answers(scene, "500", f"/v1/orders/{raw['number']}$")
    return scene.failed(raw)


def _token_refused(scene: Scene) -> Reason:
    """Every call that needs the shop's own token is refused: the connection stands still and says why."""
    raw = thing()
    _answers(scene, "403", "/v1/(store|orders)(/|$)")
    on_order = scene.refused(raw)
    connection = Connections(scene.stage.table).get(scene.home.id)
    assert connection is not None
    assert connection.paused == on_order
    return on_order


@contextmanager
def _partner_token(scene: Scene, token: str) -> Iterator[None]:
    """The shop's maker takes this partner token, and no longer the one that is stored here."""
    scene.stage.shop.tell("partner-token", {"partner_token": token})
    try:
        yield
    finally:
        scene.stage.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})


def _access_refused(scene: Scene) -> Reason:
    """The operator's token is refused: the order is tried again, and no shop stands still over it."""
    home = scene.home
    with _partner_token(scene, "renewed-partner-token"):
        reason = scene.failed(thing())
    connection = Connections(scene.stage.table).get(home.id)
    assert connection is not None
    assert connection.paused is None
    return reason


def _other_shop(scene: Scene) -> Reason:
    other = scene.connect()
    return told(lambda: onboard.resume(scene.stage.table, scene.home.connection, shop_token=other.shop_token))


def _restored(scene: Scene) -> Reason:
    number = _sale(scene)
    scene.stage.change(scene.home, number, status=CANCELLED)
    assert scene.again(number).state == "credited"
    scene.stage.change(scene.home, number, status=_COMPLETED)
    return seen(scene.again(number), "credited")


def _already_reversed(scene: Scene) -> Reason:
    number = _sale(scene)
    scene.stage.change(scene.home, number, status=CANCELLED)
    assert scene.again(number).state == "credited"
    return scene.skipped(_credit(number))


def _credit_of_unbooked(scene: Scene) -> Reason:
    sale = thing(status=CANCELLED)
    scene.skipped(sale)
    return scene.skipped(_credit(str(sale["number"])))


def _credit_before_start_date(scene: Scene) -> Reason:
    sale = thing()
    scene.deliver(sale)
    return scene.refused(_credit(str(sale["number"])) | on("2019-12-31"))


def _credit_waits(scene: Scene) -> Reason:
    sale = thing(currency="USD")
    scene.refused(sale)
    return scene.waiting(_credit(str(sale["number"])))


def _credit_waited_too_long(scene: Scene) -> Reason:
    sale = thing(currency="USD")
    scene.refused(sale)
    credit = _credit(str(sale["number"])) | on(days_ago(91))
    scene.waiting(credit)
    scene.stage.time_passes(scene.home, 91 * 86_400)
    return scene.skipped(credit)


SCENARIOS: Mapping[str, Scenario] = {
    "shop-access-refused": _access_refused,
    "shop-before-start-date": lambda scene: scene.skipped(thing(**on("2019-12-31"))),
    "shop-cancelled": lambda scene: scene.skipped(thing(status=CANCELLED)),
    "shop-credit-already-reversed": _already_reversed,
    "shop-credit-before-start-date": _credit_before_start_date,
    "shop-credit-of-unbooked": _credit_of_unbooked,
    "shop-credit-status-unknown": lambda scene: scene.refused(thing(status=_UNLISTED, credited_order_number=1)),
    "shop-credit-waited-too-long": _credit_waited_too_long,
    "shop-credit-waits": _credit_waits,
    "shop-credit-without-original": lambda scene: scene.refused(thing(status=CREDIT)),
    "shop-forbidden": _forbidden,
    "shop-not-completed": lambda scene: scene.waiting(thing(status=_NEW)),
    "shop-not-paid": lambda scene: scene.waiting(_unpaid()),
    "shop-number-unknown": lambda scene: seen(scene.again("FACTUUR-12"), "skipped"),
    "shop-order-not-found": lambda scene: seen(scene.again(str(order()["number"])), "refused"),
    "shop-order-unreadable": lambda scene: scene.refused(thing(price={})),
    "shop-other-shop": _other_shop,
    "shop-partly-credited": _partly_credited,
    "shop-partly-refunded": lambda scene: scene.waiting(partly_refunded()),
    "shop-refunded": lambda scene: scene.skipped(thing(payment_status="refunded")),
    "shop-restored": _restored,
    "shop-test-order": lambda scene: seen(scene.again("27T"), "skipped"),
    "shop-token-refused": _token_refused,
    "shop-unavailable": _unavailable,
    "shop-unpaid-too-long": lambda scene: scene.skipped(_unpaid(days_ago(91))),
    "shop-zero-total": lambda scene: scene.skipped(sold(total="0.00", tax={})),
}
