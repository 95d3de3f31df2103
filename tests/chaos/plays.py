"""What every cell of the matrix is made of: the effect that is struck, and the orders and imports it is played with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from tests.chaos.faults import Fault, Where
from tests.chaos.post import Letter, Post, aside
from tests.chaos.taps import Tap
from tests.chaos.verdicts import Expected, Imported, Outcome, Violation, violations, wrong_imports

OVERTAKEN = 100.0
"""Seconds after which nobody holds anything any more that a run took and did not give back."""

type Journey = Literal[
    "webhook",
    "poll",
    "sale",
    "lost",
    "unsettled",
    "waiting",
    "skipped",
    "refused",
    "failed",
    "put off",
    "customer put off",
    "credit",
    "reversal",
    "history",
    "history put off",
    "history lost",
]
"""How the call of a cell comes about; `lost`: the answer to the invoice was lost before; `unsettled`: the invoice is
there, and its payment was refused before.

`history`: an import; `put off` by a 429 within its page, or with the answer to its batch `lost` before.
"""

type Roads = tuple[Callable[[Tap], None], Callable[[], None]]
"""What is done under the tap, and what happens while its call is held up."""


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


@dataclass
class Play:
    """A cell being played: its orders in the shop, its imports, and what must become of them."""

    post: Post
    effect: Effect
    fault: Fault
    expected: dict[str, Expected] = field(default_factory=dict)
    imports: list[Imported] = field(default_factory=list)

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
        return self.post.letter(number)

    def wrong(self) -> list[Violation]:
        """What is wrong in the books with the orders of this cell, and with what its imports tell."""
        post = self.post
        post.taps.all_landed()
        found = violations(post.stage.ledger(post.connected), post.rows(), self.expected.values())
        return [*found, *wrong_imports(post.runs(), self.imports)]


def delivered(made: Play, letter: Letter, other: Callable[[], None]) -> Roads:
    """Deliver this message; while it is held up it comes once more, or `other` is done: something about the same."""
    post = made.post

    def work(tap: Tap) -> None:
        if post.deliver(letter, tap):
            post.done(letter)

    def again() -> None:
        post.deliver(letter)

    def overtake() -> None:
        post.time_passes(OVERTAKEN)
        post.deliver(letter)

    act = {"overtaken": overtake, "reordering": other}.get(made.fault, again)
    return work, lambda: aside(act)
