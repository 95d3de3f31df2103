"""The import's part of the matrix: a page of orders of one day, brought over in the slow lane and settled together."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from itertools import count
from types import MappingProxyType

from koppeling import importing
from tests.chaos.faults import Fault
from tests.chaos.plays import Effect, Journey, Play, Roads, delivered
from tests.chaos.post import Letter
from tests.chaos.taps import Strike, Tap, by
from tests.chaos.verdicts import Imported, Page
from tests.exactly_once.rig import AMSTERDAM, order

EFFECTS: Mapping[str, Effect] = MappingProxyType({
    "claim the import": Effect("claim the import", "aws", "history"),
    "read the import page": Effect("read the import page", "shop", "history"),
    "book the imported invoice": Effect("book the invoice", "books", "history", skip=1),
    "leave to the batch": Effect("leave to the batch", "aws", "history"),
    "move the import on": Effect("move the import on", "aws", "history"),
    "queue the import": Effect("queue the import", "aws", "history put off"),
    "mark the batch": Effect("mark the batch", "aws", "history", skip=1),
    "note the batch": Effect("note the batch", "aws", "history"),
    "settle the batch": Effect("settle the batch", "books", "history"),
    "look for the batch": Effect("look for the invoice", "books", "history lost"),
    "record the batch": Effect("record the batch", "aws", "history", skip=1),
    "end the import": Effect("end the import", "aws", "history"),
})  # fmt: skip

_NOTHING_HELD = "the import was let go before its message goes on: a second one comes at the same moment, as concurrent"
CELLS_WITHOUT: Mapping[tuple[str, Fault], str] = MappingProxyType({
    ("queue the import", "overtaken"): _NOTHING_HELD,
})  # fmt: skip

_ago = count(1)
"""Each cell has a day of its own: its import lists nobody else's orders."""


def _history(made: Play) -> Roads:
    numbers, letter = _begun(made)
    return _delivered(made, letter, numbers)


def _put_off(made: Play) -> Roads:
    numbers, letter = _begun(made)
    work, meanwhile = _delivered(made, letter, numbers)
    full = Strike("book the invoice", "429-told")

    def work_put_off(tap: Tap) -> None:
        work(Tap(lambda call: full.takes(call) or tap.choose(call), tap.action))

    return work_put_off, meanwhile


def _lost(made: Play) -> Roads:
    numbers, letter = _begun(made)
    assert made.post.deliver(letter, by(Strike("settle the batch", "cut-after")))
    made.post.done(letter)
    return _delivered(made, made.post.letter(letter.number), numbers)


def _begun(made: Play) -> tuple[list[str], Letter]:
    """A day of history in the shop: two orders to book of a new customer, one of a regular, and one to refuse."""
    day = (datetime.now(AMSTERDAM) - timedelta(days=next(_ago))).date()
    numbers = [_placed(made, day, index) for index in range(3)]
    made.placed("refused", order(date=f"{day}", currency="USD"))
    post = made.post
    run = importing.start(post.stage.table, post.connected.connection, day, day)
    # An order whose own booking goes wrong ends by itself: a live run books it.
    itself = int(made.effect.call == "book the invoice")
    made.imports.append(Imported(run.id, 4, Page(booked=3, refused=1, later=itself)))
    return numbers, post.letter(run.id)


def _placed(made: Play, day: date, index: int) -> str:
    email = f"nieuw{day:%Y%m%d}@example.nl" if index < 2 else "vast@example.nl"
    # Paid the same way: all of them go through one journal, and so into one batch.
    raws = (order(email, date=f"{day}") for _ in count())
    return made.placed("paid", next(raw for raw in raws if raw["payment"]["gateway_name"] == "mollie"))


def _delivered(made: Play, letter: Letter, numbers: list[str]) -> Roads:
    def live() -> None:
        # The shop tells of orders of the page, and the poll lists them all: imported, announced and polled at once.
        for number in (numbers[0], numbers[-1]):
            announced = made.sent(number)
            if made.post.deliver(announced):
                made.post.done(announced)
        assert made.post.poll()

    return delivered(made, letter, live)


JOURNEYS: Mapping[Journey, Callable[[Play], Roads]] = MappingProxyType({
    "history": _history,
    "history put off": _put_off,
    "history lost": _lost,
})  # fmt: skip
