"""The fault matrix: every side effect of an order's journey by every fault, as data, and how a cell is played."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, get_args

from tests.chaos.faults import CRASHES, NOT_APPLICABLE, TROUBLE, Fault, Where
from tests.chaos.post import Letter, Post, aside
from tests.chaos.taps import ATTEMPTS, Strike, Tap, by
from tests.chaos.verdicts import Expected, Outcome, Violation, violations
from tests.exactly_once.rig import order

CREDIT, CANCELLED = 10, 5
SETTLED = 130.0
"""Seconds after which a write without an answer has certainly ended and its run is gone."""
_OVERTAKEN = 100.0
_ROUNDS = 14

type Journey = Literal["webhook", "poll", "sale", "lost", "credit", "reversal"]
"""How the call of a cell comes about; `lost`: the answer to the invoice was lost before."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A side effect or a question of the journey: the call that it is, and who is called."""

    call: str
    where: Where
    journey: Journey = "sale"
    skip: int = 0
    """How many calls of the same kind come before it in its journey."""
    soon: bool = True
    """Whether the message is delivered again at once: not where that is to wait eight seconds for another run."""


EFFECTS: Mapping[str, Effect] = MappingProxyType({
    "queue the message, by webhook": Effect("queue the message", "aws", "webhook"),
    "queue the message, by poll": Effect("queue the message", "aws", "poll"),
    "move the poll cursor": Effect("move the cursor", "aws", "poll"),
    "claim the order": Effect("claim the order", "aws"),
    "read the order": Effect("read the order", "shop"),
    "find the customer": Effect("find the customer", "books"),
    "create the customer": Effect("create the customer", "books"),
    "record the customer": Effect("record the customer", "aws", soon=False),
    "mark the invoice": Effect("mark the invoice", "aws"),
    "book the invoice": Effect("book the invoice", "books"),
    "look for the invoice": Effect("look for the invoice", "books", "lost"),
    "record the invoice": Effect("record the invoice", "aws"),
    "settle": Effect("settle", "books"),
    "record paid": Effect("record paid", "aws"),
    "book the credit": Effect("book the invoice", "books", "credit"),
    "settle the credit": Effect("settle", "books", "credit"),
    "book the reversal": Effect("book the invoice", "books", "reversal"),
    "settle the reversal": Effect("settle", "books", "reversal"),
})  # fmt: skip

_QUEUED = "nothing is held while a message is queued: a second one comes at the same moment, as concurrent"
_READ_ONLY = "a read changes nothing: before and after are one"
_WRITES_ONLY: tuple[Fault, ...] = ("timeout-after", "timeout-late", "500-after", "500-late")
CELLS_WITHOUT: Mapping[tuple[str, Fault], str] = MappingProxyType({
    ("queue the message, by webhook", "overtaken"): _QUEUED,
    ("queue the message, by poll", "overtaken"): _QUEUED,
    **{
        (effect, fault): _READ_ONLY
        for effect in ("find the customer", "look for the invoice")
        for fault in _WRITES_ONLY
    },
})  # fmt: skip
"""Cells of the matrix that cannot be, and why; beside `NOT_APPLICABLE` of the fault to anything there."""


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


@dataclass
class Play:
    """A cell being played: its orders in the shop, and what must become of them."""

    post: Post
    cell: Cell
    expected: dict[str, Expected] = field(default_factory=dict)
    letter: Letter | None = None

    @property
    def effect(self) -> Effect:
        """The effect that is struck."""
        return EFFECTS[self.cell.effect]

    def placed(self, outcome: Outcome, raw: Mapping[str, Any]) -> str:
        """Let the shop have this order; its number."""
        number = str(raw["number"])
        self.post.stage.place(self.post.connected, raw)
        total, email = abs(Decimal(str(raw["price"]["total"]))), raw["debtor"]["email"].casefold()
        self.expected[number] = Expected(number, frozenset({outcome}), total.quantize(Decimal("0.01")), email)
        return number

    def becomes(self, number: str, outcome: Outcome) -> None:
        """The order ends otherwise."""
        was = self.expected[number]
        self.expected[number] = Expected(number, frozenset({outcome}), was.total, was.email)

    def sent(self, number: str) -> Letter:
        """The order's message, as a worker receives it."""
        assert self.post.announce(number)
        return next(letter for letter in self.post.fetch() if letter.number == number)

    def wrong(self) -> list[Violation]:
        """What is wrong in the books with the orders of this cell."""
        post = self.post
        post.taps.all_landed()
        return violations(post.stage.ledger(post.connected), post.rows(), self.expected.values())


def credit_of(raw: Mapping[str, Any], number: int, identity: str) -> dict[str, Any]:
    """A credit order of the whole of an order."""
    fields = {"number": number, "uuid": identity, "status": CREDIT, "credited_order_number": raw["number"]}
    return {**raw, **fields, "payment": None, "payment_status": "", "_payments": []}


def play(post: Post, cell: Cell) -> list[Violation]:
    """Play one cell until all is quiet; what is then wrong in the books. AssertionError when nothing was struck."""
    made = Play(post, cell)
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


def _sale(made: Play) -> "_Roads":
    raw = order()
    number = made.placed("paid", raw)
    letter = made.sent(number)
    return _delivered(made, letter, _meanwhile(made, letter, raw))


def _lost(made: Play) -> "_Roads":
    raw = order()
    number = made.placed("paid", raw)
    letter = made.sent(number)
    made.post.deliver(letter, by(Strike("book the invoice", "cut-after")))
    return _delivered(made, letter, _meanwhile(made, letter, raw))


def _credit(made: Play) -> "_Roads":
    raw = order()
    number = made.placed("paid", raw)
    sale = made.sent(number)
    assert made.post.deliver(sale)
    made.post.done(sale)
    credit = credit_of(raw, order()["number"], str(uuid.uuid4()))
    letter = made.sent(made.placed("credit", credit))
    made.becomes(number, "credited")
    return _delivered(made, letter, _meanwhile(made, letter, None, about=number))


def _reversal(made: Play) -> "_Roads":
    raw = order()
    number = made.placed("paid", raw)
    sale = made.sent(number)
    assert made.post.deliver(sale)
    made.post.done(sale)
    made.post.stage.change(made.post.connected, number, status=CANCELLED)
    made.becomes(number, "reversed")
    letter = made.sent(number)
    return _delivered(made, letter, _meanwhile(made, letter, None, about=number))


def _delivered(made: Play, letter: Letter, meanwhile: Callable[[], None]) -> "_Roads":
    def work(tap: Tap) -> None:
        if made.post.deliver(letter, tap):
            made.post.done(letter)

    return work, meanwhile


def _meanwhile(
    made: Play, letter: Letter, raw: Mapping[str, Any] | None, *, about: str | None = None
) -> Callable[[], None]:
    """What happens while the delivery of `letter` is held up at the effect."""
    post = made.post

    def again() -> None:
        post.deliver(letter)

    def overtake() -> None:
        post.time_passes(_OVERTAKEN)
        post.deliver(letter)

    def other() -> None:
        # A credit order before its sale; or the sale's message once more, behind that of its credit.
        number = about
        if number is None and raw is not None:
            credit = credit_of(raw, order()["number"], str(uuid.uuid4()))
            number = made.placed("credit", credit)
            made.becomes(str(raw["number"]), "credited")
        assert number is not None
        overtaking = made.sent(number)
        if post.deliver(overtaking):
            post.done(overtaking)

    act = {"overtaken": overtake, "reordering": other}.get(made.cell.fault, again)
    return lambda: aside(act)


def _webhook(made: Play) -> "_Roads":
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

    return work, (earlier if made.cell.fault == "reordering" else lambda: aside(second))


def _poll(made: Play) -> "_Roads":
    made.placed("paid", order())

    def work(tap: Tap) -> None:
        while not made.post.poll(tap):
            tap = Tap(tap.choose, tap.action)

    return work, lambda: aside(made.post.poll)


type _Roads = tuple[Callable[[Tap], None], Callable[[], None]]
"""What is done under the tap, and what happens while its call is held up."""

_JOURNEYS: Mapping[Journey, Callable[[Play], _Roads]] = MappingProxyType({
    "webhook": _webhook,
    "poll": _poll,
    "sale": _sale,
    "lost": _lost,
    "credit": _credit,
    "reversal": _reversal,
})  # fmt: skip
