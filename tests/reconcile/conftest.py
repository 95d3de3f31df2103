from collections.abc import Iterator

import pytest

from tests.exactly_once.rig import Stage
from tests.reconcile.bookkeeper import bookkeeper
from tests.reconcile.shop import Shop
from tests.regimes.winkel import connect


@pytest.fixture
def shop(stage: Stage) -> Iterator[Shop]:
    """A fresh connection, foreign VAT switched on, without orders."""
    connected = connect(stage, foreign_vat=True)
    with bookkeeper(connected) as by_hand:
        yield Shop(stage, connected, by_hand)
    stage.books.tell("settings", {"mutation_numbers": "all"})
    stage.disconnect(connected)
