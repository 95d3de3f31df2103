"""A write to SnelStart whose answer is lost, late, broken or a refusal to serve: never twice, and never lost."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pytest

from koppeling.snelstart.client import rows
from koppeling.sync import Later
from tests.exactly_once.rig import SETTLE_SECONDS, Connected, Stage, order


class Write(NamedTuple):
    """A write of an order's journey, and how its effect is looked for."""

    path: str
    look: str
    effect: int
    """Which of `Stage.effects` it is."""


class Trouble(NamedTuple):
    """How a write goes wrong."""

    kind: str
    answered: bool = False
    """Whether the answer says that nothing was done, so that there is nothing to wait for."""
    done: bool = False
    """Whether the effect is in the books all the same, by the time it is looked for."""
    seconds: float = 0.0


WRITES = [
    Write("relaties", "GET /relaties", 0),
    Write("verkoopboekingen", "GET /verkoopfacturen", 1),
    Write("bankboekingen", "GET /verkoopfacturen", 2),
    Write("kasboekingen", "GET /verkoopfacturen", 2),
]
TROUBLES = [
    Trouble("cut-before"),
    Trouble("cut-after", done=True),
    Trouble("timeout-before", seconds=0.1),
    Trouble("timeout-after", done=True, seconds=0.1),
    Trouble("malformed-200", done=True),
    Trouble("html-200"),
    Trouble("500-before"),
    Trouble("500-after", done=True),
    Trouble("503"),
    Trouble("408"),
    Trouble("late-commit", seconds=0.3),
    Trouble("429", answered=True, seconds=7),
]


@pytest.fixture
def connected(stage: Stage, shared: Connected) -> Connected:
    """One administration for all of these: every test counts what its own order left there."""
    stage.room_again(shared)
    return shared


def _placed(stage: Stage, connected: Connected, write: Write) -> str:
    raw = order()
    cash = write.path == "kasboekingen"
    raw["payment"] = {**raw["payment"], "gateway_name": "basic", "method_name": "cash" if cash else "advance"}
    stage.place(connected, raw | {"_payments": []})
    return str(raw["number"])


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.kind)
def test_a_write_without_a_clear_answer_is_looked_for_and_never_repeated_too_soon(
    stage: Stage, connected: Connected, write: Write, trouble: Trouble
) -> None:
    """Until the first attempt must have ended it is looked for and not sent again; the order ends paid, once."""
    number = _placed(stage, connected, write)
    post = f"POST /{write.path}"
    stage.trouble(connected, trouble.kind, f"/{write.path}", seconds=trouble.seconds)

    start = stage.calls(connected)
    first = stage.deliver(connected, number)
    assert isinstance(first, Later)
    assert first.seconds >= (trouble.seconds if trouble.answered else 1)
    before = stage.calls(connected) - start
    assert before[post] == 1
    if trouble.answered:
        stage.room_again(connected)

    again = stage.deliver(connected, number)
    after = stage.calls(connected) - start
    assert after[write.look] > before[write.look], "looked for"
    if trouble.answered:
        assert (again, after[post]) == (None, 2)
    elif trouble.done:
        assert (again, after[post]) == (None, 1)
    else:
        assert isinstance(again, Later)
        assert after[post] == 1, "sent again before the first attempt must have ended"
        late = trouble.kind == "late-commit"
        if late:
            _wait_for(lambda: stage.effects(connected, number)[write.effect] == 1)
        stage.time_passes(connected, SETTLE_SECONDS - 20)
        assert (stage.deliver(connected, number) is None) == late
        assert (stage.calls(connected) - start)[post] == 1, "sent again before the first attempt must have ended"
        stage.time_passes(connected, 21)
        assert stage.deliver(connected, number) is None
        assert (stage.calls(connected) - start)[post] == (1 if late else 2)
    stage.demand_once(connected, number)
    assert stage.effects(connected, number) == (1, 1, 1)


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
@pytest.mark.parametrize("told", [True, False], ids=["with-retry-after", "without-retry-after"])
def test_a_throttled_write_waits_as_long_as_told(
    stage: Stage, connected: Connected, write: Write, *, told: bool
) -> None:
    """429: nothing was done and nothing more is asked until the time SnelStart named is over, or our own."""
    number = _placed(stage, connected, write)
    stage.books.tell("settings", {"retry_after": told})
    stage.trouble(connected, "429", f"/{write.path}", seconds=33)
    later = stage.deliver(connected, number)
    assert isinstance(later, Later)
    assert later.anew
    assert later.seconds >= (33 if told else 0)
    before = stage.calls(connected)
    sooner = stage.deliver(connected, number)
    assert isinstance(sooner, Later)
    assert sooner.seconds >= (32 if told else 29)
    assert stage.calls(connected) == before, "no call before the time is over"
    assert stage.row(connected, number).attempts == 0
    stage.room_again(connected)
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.path)
def test_troubles_in_a_row_still_end_in_one_of_each(stage: Stage, connected: Connected, write: Write) -> None:
    """Throttled, then unanswered and done: the second attempt's effect is found and nothing is sent a third time."""
    number = _placed(stage, connected, write)
    for kind in ("429", "cut-after"):
        stage.trouble(connected, kind, f"/{write.path}")
    before = stage.calls(connected)
    stage.until_done(connected, number)
    assert (stage.calls(connected) - before)[f"POST /{write.path}"] == 2
    stage.demand_once(connected, number)


def test_every_write_unanswered_in_one_order_is_still_booked_once(stage: Stage, connected: Connected) -> None:
    """Relatie, invoice and payment all done and all unanswered: one of each."""
    number = _placed(stage, connected, WRITES[2])
    for write in WRITES[:3]:
        stage.trouble(connected, "cut-after", f"/{write.path}")
    before = stage.calls(connected)
    stage.until_done(connected, number)
    calls = stage.calls(connected) - before
    assert [calls[f"POST /{write.path}"] for write in WRITES[:3]] == [1, 1, 1]
    stage.demand_once(connected, number)


def test_a_lost_answer_and_a_look_that_fails_too_change_nothing(stage: Stage, connected: Connected) -> None:
    """Not being able to look is no reason to send again, however long it takes."""
    number = _placed(stage, connected, WRITES[1])
    stage.trouble(connected, "cut-after", "/verkoopboekingen")
    before = stage.calls(connected)
    stage.deliver(connected, number)
    # Three answers of a read are waited for within one delivery.
    stage.trouble(connected, "503", "/verkoopfacturen", method="GET", times=6)
    for _ in range(2):
        stage.time_passes(connected, SETTLE_SECONDS + 1)
        assert stage.deliver(connected, number) is not None
        assert (stage.calls(connected) - before)["POST /verkoopboekingen"] == 1
    stage.until_done(connected, number)
    stage.demand_once(connected, number)


def test_somebody_elses_invoice_under_our_number_is_left_alone(stage: Stage, connected: Connected) -> None:
    """The number is taken by an invoice that is not ours: refused, and nothing is settled on it."""
    number = stage.sale(connected)
    taken = {"factuurnummer": f"MWW{number}", "bedrag": "10.00"}
    stage.books.tell("invoices", {"administration": connected.administration} | taken)
    assert stage.deliver(connected, number) is None
    row = stage.row(connected, number)
    assert (row.state, row.reason and row.reason.code) == ("refused", "number-taken")
    assert stage.effects(connected, number)[1:] == (1, 0)


def test_an_invoice_settled_by_a_person_is_not_settled_again(stage: Stage, connected: Connected) -> None:
    """Our settlement was refused to be served and the bookkeeper settled by hand: paid, and no settlement of ours."""
    number = _placed(stage, connected, WRITES[2])
    stage.trouble(connected, "429", "/bankboekingen")
    stage.deliver(connected, number)
    row = stage.row(connected, number)
    assert row.state == "booked"
    _settle_by_hand(stage, connected, number)
    stage.room_again(connected)
    before = stage.calls(connected)
    assert stage.deliver(connected, number) is None
    assert (stage.calls(connected) - before)["POST /bankboekingen"] == 0
    stage.demand_once(connected, number)
    assert stage.row(connected, number).payment_id is None


def test_an_expired_token_is_renewed_within_the_same_delivery(stage: Stage, connected: Connected) -> None:
    """401 for a token is answered before anything is done: a fresh one, and the same call once more."""
    stage.deliver(connected, stage.sale(connected))
    for path in ("relaties", "verkoopboekingen", "bankboekingen"):
        number = _placed(stage, connected, WRITES[2])
        stage.trouble(connected, "401", f"/{path}")
        assert stage.deliver(connected, number) is None
        stage.demand_once(connected, number)


def _settle_by_hand(stage: Stage, connected: Connected, number: str) -> None:
    """What a bookkeeper does: a bank booking on the invoice, past our own records."""
    [invoice] = [each for each in stage.ledger(connected)["invoices"] if each["factuurnummer"] == f"MWW{number}"]
    snelstart = connected.snelstart
    journal = next(each for each in rows(snelstart.get("dagboeken")) if each["soort"] == "Bank")
    line = {"boekingId": {"id": invoice["id"]}, "omschrijving": "met de hand", "debet": Decimal(0)}
    paid = Decimal(invoice["factuurbedrag"])
    snelstart.post(
        "bankboekingen",
        {
            "datum": invoice["factuurdatum"],
            "dagboek": {"id": journal["id"]},
            "omschrijving": "met de hand",
            "bedragOntvangen": paid,
            "bedragUitgegeven": Decimal(0),
            "verkoopboekingBoekingsRegels": [line | {"credit": paid}],
        },
    )


def _wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
