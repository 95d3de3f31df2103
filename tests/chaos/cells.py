"""The fault matrix: every side effect of a journey by every fault, as data, and how a cell is played."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

from tests.chaos import history
from tests.chaos.faults import CRASHES, NOT_APPLICABLE, TROUBLE, Fault
from tests.chaos.plays import Effect, Journey, Play, Roads, delivered
from tests.chaos.post import Letter, Post, aside
from tests.chaos.taps import ATTEMPTS, Strike, Tap, by
from tests.chaos.verdicts import Outcome, Violation
from tests.exactly_once.rig import order

SHIPPED, COMPLETED, CREDIT, CANCELLED = 3, 4, 10, 5
SETTLED = 130.0
"""Seconds after which a write without an answer has certainly ended and its run is gone."""
_ROUNDS = 14

EFFECTS: Mapping[str, Effect] = MappingProxyType({
    "queue the message, by webhook": Effect("queue the message", "aws", "webhook"),
    "queue the message, by poll": Effect("queue the message", "aws", "poll"),
    "move the poll cursor": Effect("move the cursor", "aws", "poll"),
    "claim the order": Effect("claim the order", "aws"),
    "read the order": Effect("read the order", "shop"),
    "find the customer": Effect("find the customer", "books"),
    "create the customer": Effect("create the customer", "books"),
    "claim the customer": Effect("claim the customer", "aws", soon=False),
    "mark the customer": Effect("mark the customer", "aws", soon=False),
    "let go of the customer": Effect("let go of the customer", "aws", "customer put off", soon=False),
    "record the customer": Effect("record the customer", "aws", soon=False),
    "mark the invoice": Effect("mark the invoice", "aws"),
    "book the invoice": Effect("book the invoice", "books"),
    "look for the invoice": Effect("look for the invoice", "books", "lost"),
    "record the invoice": Effect("record the invoice", "aws"),
    "mark the settlement": Effect("mark the settlement", "aws", "unsettled"),
    "settle": Effect("settle", "books"),
    "record paid": Effect("record paid", "aws"),
    "record that it waits": Effect("record the verdict", "aws", "waiting"),
    "record that it is skipped": Effect("record the verdict", "aws", "skipped"),
    "record that it is refused": Effect("record the verdict", "aws", "refused"),
    "record that it failed": Effect("record the verdict", "aws", "failed"),
    "put the order off": Effect("put the order off", "aws", "put off"),
    "note the credit": Effect("note the credit", "aws", "credit"),
    "book the credit": Effect("book the invoice", "books", "credit"),
    "settle the credit": Effect("settle", "books", "credit"),
    "call it credited": Effect("call it credited", "aws", "credit"),
    "take back": Effect("take back", "aws", "reversal"),
    "book the reversal": Effect("book the invoice", "books", "reversal"),
    "settle the reversal": Effect("settle", "books", "reversal"),
    **history.EFFECTS,
})  # fmt: skip

_QUEUED = "nothing is held while a message is queued: a second one comes at the same moment, as concurrent"
_READ_ONLY = "a read changes nothing: before and after are one"
_WRITES_ONLY: tuple[Fault, ...] = ("timeout-after", "timeout-late", "500-after", "500-late")
CELLS_WITHOUT: Mapping[tuple[str, Fault], str] = MappingProxyType({
    ("queue the message, by webhook", "overtaken"): _QUEUED,
    ("queue the message, by poll", "overtaken"): _QUEUED,
    **{
        (effect, fault): _READ_ONLY
        for effect in ("find the customer", "look for the invoice", "look for the batch")
        for fault in _WRITES_ONLY
    },
    **history.CELLS_WITHOUT,
})  # fmt: skip
"""Cells of the matrix that cannot be, and why; beside `NOT_APPLICABLE` of the fault to anything there."""


CALLS_WITHOUT: Mapping[str, str] = MappingProxyType({
    "POST /b2b/token": "a token more in SnelStart is nobody's trouble, and without one nothing is sent",
    "write BUDGET": "of calls, not of an order: tests/budget loses its answers",
    "write DIRECTORY": "what was read of SnelStart's customers: without it they are read again",
    "sqs.ChangeMessageVisibility": "else the message comes back at the queue's own pace, as at every crash",
    **dict.fromkeys(
        ("choose the batch", "save the import", "let go of the import"),
        "the same conditional write of an import's row as those that are struck, with nothing sent between",
    ),
})  # fmt: skip
"""Calls that have no row in the matrix although they may change something, and why."""


def only_asks(call: str) -> bool:
    """Whether a call changes nothing, whoever is asked. Some questions have a row all the same."""
    return call.startswith("GET ") or call in {
        *("dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.Query"),
        *("kms.Decrypt", "secretsmanager.GetSecretValue"),
    }


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix."""

    effect: str
    fault: Fault

    @property
    def why_not(self) -> str | None:
        """Why this cannot happen; None when it can."""
        where = EFFECTS[self.effect].where
        return NOT_APPLICABLE.get((where, self.fault)) or CELLS_WITHOUT.get((self.effect, self.fault))

    def __str__(self) -> str:
        return f"{self.effect} x {self.fault}"


def matrix() -> Iterator[Cell]:
    """Every cell, row by row."""
    return (Cell(effect, fault) for effect in EFFECTS for fault in get_args(Fault.__value__))


CELLS = tuple(cell for cell in matrix() if cell.why_not is None)
"""Those that can be."""


def credit_of(raw: Mapping[str, Any], number: int, identity: str) -> dict[str, Any]:
    """A credit order of the whole of an order."""
    fields = {"number": number, "uuid": identity, "status": CREDIT, "credited_order_number": raw["number"]}
    return {**raw, **fields, "payment": None, "payment_status": "", "_payments": []}


def play(post: Post, cell: Cell) -> list[Violation]:
    """Play one cell until all is quiet; what is then wrong in the books. AssertionError when nothing was struck."""
    made = Play(post, EFFECTS[cell.effect], cell.fault)
    post.taps.administration, post.taps.shop_token = post.connected.administration, post.connected.shop_token
    effect = made.effect
    work, meanwhile = _JOURNEYS[effect.journey](made)
    # A question is asked up to three times, and so does AWS's client with everything.
    sticks = effect.where != "books" or "find" in effect.call or "look" in effect.call
    once = cell.fault in CRASHES or cell.fault not in TROUBLE[effect.where] or cell.fault == "expired-token"
    fault: Fault = "crash-after" if cell.fault == "redelivery" else cell.fault
    strike = Strike(effect.call, fault, 1 if once or not sticks else ATTEMPTS, effect.skip, meanwhile)
    work(by(strike))
    assert strike.hits, f"{cell}: nothing was struck"
    if cell.fault == "redelivery":
        post.work_off()
        post.time_passes(60)
    if effect.soon and cell.fault not in CRASHES:
        post.work_off()
    found = quiet(made)
    if cell.fault == "redelivery":
        for number in made.expected:
            assert post.announce(number)
        found += quiet(made)
    return found


def quiet(made: Play) -> list[Violation]:
    """Deliver until nothing is in the queue and all is well, or for long enough."""
    for turn in range(_ROUNDS):
        if turn or made.effect.soon:
            made.post.work_off()
        if not made.post.fetch() and not made.wrong():
            return []
        made.post.time_passes(SETTLED)
        if not made.post.letters:
            made.post.time_passes(4000)
            made.post.poll()
    return [*made.wrong(), *(Violation("keeps coming back", letter.number) for letter in made.post.letters)]


def _sale(made: Play) -> Roads:
    raw = order()
    number = made.placed("paid", raw)
    letter = made.sent(number)
    return _delivered(made, letter, raw)


def _lost(made: Play) -> Roads:
    raw = order()
    number = made.placed("paid", raw)
    letter = made.sent(number)
    made.post.deliver(letter, by(Strike("book the invoice", "cut-after")))
    return _delivered(made, letter, raw)


def _unsettled(made: Play) -> Roads:
    raw = order()
    letter = made.sent(made.placed("paid", raw))
    assert not made.post.deliver(letter, by(Strike("settle", "500-before")))
    made.post.time_passes(SETTLED)
    return _delivered(made, letter, raw)


def _failed(made: Play) -> Roads:
    return _disturbed(made, Strike("read the order", "500-before", ATTEMPTS))


def _put_off(made: Play) -> Roads:
    return _disturbed(made, Strike("book the invoice", "429-told"))


def _customer_put_off(made: Play) -> Roads:
    return _disturbed(made, Strike("create the customer", "429-told"))


def _disturbed(made: Play, first: Strike) -> Roads:
    """A sale of which something goes wrong before what is struck."""
    raw = order()
    work, meanwhile = _delivered(made, made.sent(made.placed("paid", raw)), raw)

    def disturbed(tap: Tap) -> None:
        work(Tap(lambda call: first.takes(call) or tap.choose(call), tap.action))

    return disturbed, meanwhile


def _not_booked(made: Play) -> Roads:
    """An order that nothing is to be booked of; in the shop it may become one that is, meanwhile."""
    outcome, was, becomes = _NOT_BOOKED[made.effect.journey]
    number = made.placed(outcome, order(**was))
    letter, post = made.sent(number), made.post

    def mended() -> None:
        post.stage.change(post.connected, number, **becomes)
        made.becomes(number, "paid")
        overtaking = made.sent(number)
        if post.deliver(overtaking):
            post.done(overtaking)

    return delivered(made, letter, mended)


_NOT_BOOKED: Mapping[Journey, tuple[Outcome, Mapping[str, object], Mapping[str, object]]] = MappingProxyType({
    "waiting": ("waiting", {"status": SHIPPED}, {"status": COMPLETED}),
    "skipped": ("skipped", {"status": CANCELLED}, {"status": COMPLETED}),
    "refused": ("refused", {"currency": "USD"}, {"currency": "EUR"}),
})  # fmt: skip
"""What becomes of an order, by what; and what makes it one to book."""


def _credit(made: Play) -> Roads:
    raw = order()
    number = made.placed("paid", raw)
    sale = made.sent(number)
    assert made.post.deliver(sale)
    made.post.done(sale)
    credit = credit_of(raw, order()["number"], str(uuid.uuid4()))
    letter = made.sent(made.placed("credit", credit))
    made.becomes(number, "credited")
    return _delivered(made, letter, None, about=number)


def _reversal(made: Play) -> Roads:
    raw = order()
    number = made.placed("paid", raw)
    sale = made.sent(number)
    assert made.post.deliver(sale)
    made.post.done(sale)
    made.post.stage.change(made.post.connected, number, status=CANCELLED)
    made.becomes(number, "reversed")
    letter = made.sent(number)
    return _delivered(made, letter, None, about=number)


def _delivered(made: Play, letter: Letter, raw: Mapping[str, Any] | None, *, about: str | None = None) -> Roads:
    """Deliver it. What may come first: a credit order before its sale; a sale's message behind its credit order's."""
    post = made.post

    def other() -> None:
        number = about
        if number is None and raw is not None:
            credit = credit_of(raw, order()["number"], str(uuid.uuid4()))
            number = made.placed("credit", credit)
            made.becomes(str(raw["number"]), "credited")
        assert number is not None
        overtaking = made.sent(number)
        if post.deliver(overtaking):
            post.done(overtaking)

    return delivered(made, letter, other)


def _webhook(made: Play) -> Roads:
    raw = order()
    number = made.placed("paid", raw)

    def second() -> None:
        assert made.post.announce(number)

    def earlier() -> None:
        credit = credit_of(raw, order()["number"], str(uuid.uuid4()))
        assert made.post.announce(made.placed("credit", credit))
        made.becomes(number, "credited")
        made.post.work_off()

    def work(tap: Tap) -> None:
        # A sender that is not told 202 sends it again.
        while not made.post.announce(number, tap):
            tap = Tap(tap.choose, tap.action)

    return work, (earlier if made.fault == "reordering" else lambda: aside(second))


def _poll(made: Play) -> Roads:
    made.placed("paid", order())

    def work(tap: Tap) -> None:
        while not made.post.poll(tap):
            tap = Tap(tap.choose, tap.action)

    return work, lambda: aside(made.post.poll)


_JOURNEYS: Mapping[Journey, Callable[[Play], Roads]] = MappingProxyType({
    "webhook": _webhook,
    "poll": _poll,
    "sale": _sale,
    "lost": _lost,
    "unsettled": _unsettled,
    "failed": _failed,
    "put off": _put_off,
    "customer put off": _customer_put_off,
    **dict.fromkeys(_NOT_BOOKED, _not_booked),
    "credit": _credit,
    "reversal": _reversal,
    **history.JOURNEYS,
})  # fmt: skip
