"""History that a connection of before booked under the same numbers: nothing of it is booked or paid again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from koppeling import clock, onboard
from koppeling.connections import REGISTRY
from tests.exactly_once.rig import PROFILE, Stage
from tests.importing.hand import start, step, time_passes
from tests.undo.hand import history


@pytest.mark.parametrize("kind", ["cut-before", "cut-after", "500-after"])
def test_what_a_removed_connection_paid_is_not_paid_again(stage: Stage, kind: str) -> None:
    """An import that had no answer finds, when it is begun anew, an invoice of the order: not its own, and paid."""
    before = stage.connect()
    numbers = history(stage, before, 3)
    for number in numbers:
        stage.until_done(before, number)
    stage.disconnect(before)
    # Else the new one knows that the other was there, and looks for that reason.
    listed = {"pk": REGISTRY, "sk": before.id, "removed_at": clock.iso(clock.now() - timedelta(hours=1))}
    stage.table.put(listed)
    key = before.connection.credentials().koppelsleutel
    added = onboard.add(stage.table, "opvolger", before.shop_token, key, PROFILE)
    after = replace(before, connection=added.connection)
    stage.trouble(after, kind, "/verkoopboekingen", times=3)
    for _ in range(2):
        run = start(stage, after)
        while step(stage, after, run):
            time_passes(stage, after, run)
        stage.time_passes(after)
    for number in numbers:
        stage.until_done(after, number)
    for invoice in stage.ledger(after)["invoices"]:
        assert Decimal(invoice["openstaandSaldo"]) == 0, invoice["factuurnummer"]
        assert len(invoice["betalingen"]) == 1
    stage.disconnect(after)
