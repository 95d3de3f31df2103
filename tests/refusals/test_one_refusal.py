"""One refusal of a credential among good answers: whose trouble that is."""

import pytest

from koppeling.connections import Connections
from koppeling.failures import Reason
from tests.exactly_once.rig import Stage
from tests.refusals.scene import Scene
from tests.regimes.winkel import thing


@pytest.fixture
def scene(stage: Stage) -> Scene:
    """A scenario of this test."""
    return Scene(stage)


def _failed(scene: Scene) -> Reason:
    """Why an order is to be tried again; its connection goes on."""
    reason = scene.failed(thing())
    connection = Connections(scene.stage.table).get(scene.home.id)
    assert connection is not None
    assert connection.paused is None
    scene.leave()
    return reason


def test_of_the_koppelsleutel(scene: Scene) -> None:
    """A koppelsleutel that is refused once and taken when asked again: SnelStart's trouble, not the shop's rights."""
    scene.books("tokens/expire")
    scene.stage.trouble(scene.home, "400-before", "/b2b/token")
    assert _failed(scene).code == "snelstart-unavailable"


def test_of_a_shop_that_cannot_say_whose_token_it_means(scene: Scene) -> None:
    """A refusal, and then no sensible answer to whose token that was about: tried again, and no token is blamed."""
    refused = {"kind": "403", "path": "/v1/orders/", "store": scene.home.shop_token}
    # The question after that carries no token of a shop.
    for fault in (refused, {"kind": "500", "path": "/v1/orderstatuses", "times": 3}):
        scene.stage.shop.tell("faults", fault)
    assert _failed(scene).code == "shop-unavailable"
