"""What the tests of taking back have in common: an order that is paid, how it stands, and that it was taken back."""

from decimal import Decimal

from tests.exactly_once.rig import Connected, Stage
from tests.regimes.winkel import (
    Json,
    booked,
    content,
    of,
    settled,
    thing,
)


def state(stage: Stage, connected: Connected, number: str) -> tuple[str, str | None]:
    """The order's state, and the code of why."""
    row = stage.row(connected, number)
    return row.state, row.reason.code if row.reason else None


def taken_back_once(stage: Stage, connected: Connected, number: str) -> None:
    """One invoice, one reversal of it on the same relatie, both settled, through one journal, and nothing open."""
    sale, back = settled(stage, connected, f"MWW{number}"), settled(stage, connected, f"MWW{number}C")
    assert of(stage, connected, number) == [f"MWW{number}", f"MWW{number}C"]
    assert Decimal(back["factuurbedrag"]) == -Decimal(sale["factuurbedrag"])
    assert back["klant"]["id"] == sale["klant"]["id"]
    assert f"MWW{number}" in back["omschrijving"]
    assert back["betalingen"][0]["dagboek"] == sale["betalingen"][0]["dagboek"]
    assert {kind: -Decimal(vat) for kind, vat in content(back)[1].items()} == {
        kind: Decimal(vat) for kind, vat in content(sale)[1].items()
    }
    assert stage.row(connected, number).state == "credited"


def paid_order(stage: Stage, connected: Connected, raw: Json | None = None) -> str:
    """The number of an order that is booked and paid."""
    raw = raw or thing()
    booked(stage, connected, raw)
    return str(raw["number"])
