"""How each reason that lies with SnelStart's answers or with the koppeling itself comes about, and all of the rest."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
from botocore.awsrequest import AWSPreparedRequest

from koppeling import aws, onboard, poll, transport
from koppeling.connections import Connections
from koppeling.deadline import Deadline
from koppeling.failures import Reason
from sandbox.books_state import SCOPES
from sandbox.world import SUBSCRIPTION_KEY
from tests.booking.world import line, paid
from tests.exactly_once.rig import environment
from tests.refusals import scenarios_linking, scenarios_shop, scenarios_undo, scenarios_vat
from tests.refusals.scenarios_linking import operator
from tests.refusals.scene import Scenario, Scene, seen, told
from tests.regimes.winkel import CANCELLED, credit_of, next_name, thing

_INVOICES = "/verkoopboekingen"
_READS = 3
"""How often a read is tried within one delivery."""
_TOO_SHORT_SECONDS = 20.0
"""Shorter than a write may take, so nothing is sent."""


def _answered(kind: str, path: str, method: str = "POST", *, times: int = 1, state: str = "failed") -> Scenario:
    """SnelStart answers so, and the order is to be tried again."""

    def scenario(scene: Scene) -> Reason:
        scene.stage.trouble(scene.home, kind, path, method, times=times)
        return seen(scene.deliver(thing()), state)

    return scenario


def _refused_with(code: str) -> Scenario:
    """SnelStart refuses the invoice with this code of its own."""

    def scenario(scene: Scene) -> Reason:
        scene.answers(code, _INVOICES)
        return scene.refused(thing())

    return scenario


def _renewed_rights(scene: Scene, **options: object) -> None:
    """Change the koppelsleutel, in SnelStart, of a connection whose present token is no longer taken."""
    scene.options(**options)
    scene.books("tokens/expire")


def _budget(scene: Scene) -> Reason:
    """SnelStart said for how long it takes nothing more: the next order is put off without asking anything."""
    scene.stage.trouble(scene.home, "429", _INVOICES, seconds=60)
    assert scene.deliver(thing()).state == "received"
    before = scene.stage.calls(scene.home)
    reason = seen(scene.deliver(thing()), "received")
    assert scene.stage.calls(scene.home) == before
    return reason


def _key_refused(scene: Scene) -> Reason:
    """The owner withdrew the koppelsleutel: the connection stands still and says why."""
    _renewed_rights(scene, active=False)
    on_order = scene.refused(thing())
    connection = Connections(scene.stage.table).get(scene.home.id)
    assert connection is not None
    assert connection.paused == on_order
    return on_order


def _scope_missing(scene: Scene) -> Reason:
    _renewed_rights(scene, scopes=[scope for scope in SCOPES if scope != "boekhouden:write"])
    reason = scene.refused(thing())
    assert "boekhouden:write" in reason.sentence
    return reason


def _stale_reference(scene: Scene) -> Reason:
    """An id is gone, and still is after everything was read anew."""
    scene.stage.trouble(scene.home, "404", _INVOICES, times=2)
    return scene.refused(thing())


@contextmanager
def _subscription_key(scene: Scene, key: str) -> Iterator[None]:
    """SnelStart takes this subscription key, and no longer the one that is stored here."""
    scene.stage.books.tell("subscription-key", {"key": key})
    try:
        yield
    finally:
        scene.stage.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})


def _subscription_key_refused(scene: Scene) -> Reason:
    home = scene.home
    with _subscription_key(scene, "renewed-subscription-key"):
        reason = scene.failed(thing())
    connection = Connections(scene.stage.table).get(home.id)
    assert connection is not None
    assert connection.paused is None
    return reason


def _other_administration(scene: Scene) -> Reason:
    theirs = scene.connect().connection.credentials().koppelsleutel
    return told(lambda: onboard.resume(scene.stage.table, scene.home.connection, koppelsleutel=theirs))


def _unreadable(scene: Scene) -> Reason:
    """Whether an account is active can be told no more: nothing can be planned on that, so the shop is not added."""
    return told(lambda: scene.connect(plant=[{"nummer": 8200, "nonactief": "misschien"}]))


def _error(scene: Scene) -> Reason:
    """Something nobody thought of goes wrong under way: the message comes back and the order shows it."""
    raw = thing()
    number = str(raw["number"])
    scene.stage.place(scene.home, raw)
    body, handle = scene.stage.enqueue(scene.home, number)

    def fail(_: httpx.Request) -> None:
        raise ZeroDivisionError

    http = transport.client()
    http.event_hooks = {"request": [fail]}
    try:
        assert not scene.stage.work(body, handle)
    finally:
        http.event_hooks = {}
    return seen(scene.stage.row(scene.home, number), "failed")


def _no_time_left(scene: Scene) -> Reason:
    return seen(scene.deliver(thing(), deadline=Deadline.after(_TOO_SHORT_SECONDS)), "failed")


def _order_busy(scene: Scene) -> Reason:
    """An order is cancelled and taken back in the very moment that its credit order puts its own mark on it."""
    stage, home, sale = scene.stage, scene.home, thing()
    number = str(sale["number"])
    assert scene.deliver(sale).state == "paid"
    stage.change(home, number, status=CANCELLED)
    struck: list[bool] = []

    def meanwhile(request: AWSPreparedRequest, **_: object) -> None:
        if not struck and b"credited_by" in (request.body or b""):
            struck.append(True)
            assert scene.again(number).state == "credited"

    events, name = aws.dynamodb().meta.events, "before-send.dynamodb.UpdateItem"
    events.register(name, meanwhile, next_name())
    try:
        return scene.failed(credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"}))
    finally:
        events.unregister(name, meanwhile)


def _partner_secret_unreadable(scene: Scene) -> Reason:
    home = scene.home
    with environment({"PARTNER_SECRET_NAME": f"{scene.stage.table_name}-nowhere"}):
        return seen(scene.deliver(thing(), home), "failed")


def _partner_empty(scene: Scene) -> Reason:
    """A deployment whose operator has not filled in anything yet."""
    with operator():
        return told(lambda: onboard.add(scene.stage.table, "Winkel", "shop-token", "koppelsleutel", None))


def _paused(scene: Scene) -> Reason:
    paused = onboard.pause(scene.stage.table, scene.home.connection)
    assert paused.paused is not None
    return paused.paused


def _queue_unavailable(scene: Scene) -> Reason:
    """The poll finds an order, and the queue is not there."""
    scene.stage.place(scene.home, thing())
    with environment({"ORDER_QUEUE_URL": f"{scene.stage.queue_url}-nowhere"}):
        return told(lambda: poll.poll(scene.stage.table, scene.home.id))


def _storage_unavailable(scene: Scene) -> Reason:
    """The table is not there: nothing can be asked or written, and the message comes back."""
    home, raw = scene.home, thing()
    scene.stage.place(home, raw)
    with environment({"TABLE_NAME": f"{scene.stage.table_name}-nowhere"}):
        return told(lambda: scene.stage.deliver(home, str(raw["number"])))


_OWN: Mapping[str, Scenario] = {
    "koppeling-error": _error,
    "koppeling-no-time-left": _no_time_left,
    "koppeling-order-busy": _order_busy,
    "koppeling-partner-empty": _partner_empty,
    "koppeling-partner-secret-unreadable": _partner_secret_unreadable,
    "koppeling-paused": _paused,
    "koppeling-queue-unavailable": _queue_unavailable,
    "koppeling-storage-unavailable": _storage_unavailable,
    "snelstart-budget": _budget,
    "snelstart-busy": _answered("429", _INVOICES, state="received"),
    "snelstart-key-refused": _key_refused,
    "snelstart-other-administration": _other_administration,
    "snelstart-outcome-unknown": _answered("cut-after", _INVOICES),
    "snelstart-refused": _refused_with("BOE-0070"),
    "snelstart-request-faulty": _refused_with("BOE-0039"),
    "snelstart-scope-missing": _scope_missing,
    "snelstart-stale-reference": _stale_reference,
    "snelstart-subscription-key-refused": _subscription_key_refused,
    "snelstart-unavailable": _answered("503", "/relaties.*", "GET", times=_READS),
    "snelstart-unreadable": _unreadable,
}

SCENARIOS: Mapping[str, Scenario] = {
    **scenarios_vat.SCENARIOS,
    **scenarios_shop.SCENARIOS,
    **scenarios_linking.SCENARIOS,
    **scenarios_undo.SCENARIOS,
    **_OWN,
}
