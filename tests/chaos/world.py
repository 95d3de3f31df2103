"""One seed, one world: a new shop and a new administration, some orders, and everything that goes wrong with them."""

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from koppeling import budget, clock, importing, onboard, partner, patience
from sandbox.order_lines import identifier
from sandbox.orders import GeneratedOrder, Kind, generate
from tests.chaos.calls import Call
from tests.chaos.cells import CANCELLED, SETTLED, credit_of
from tests.chaos.faults import TROUBLE, Fault
from tests.chaos.post import Letter, Post
from tests.chaos.stepper import Stepper
from tests.chaos.taps import Tap, Taps
from tests.chaos.timeless import timeless
from tests.chaos.verdicts import Expected, Imported, Outcome, Violation, of_all, wrong_imports
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage

ORDERS = 25
_MIX: Mapping[Kind, int] = {
    "sale": 70,
    "unpaid": 6,
    "authorized": 2,
    "incomplete": 6,
    "test": 3,
    "zero": 2,
    "cancelled": 3,
    "refunded": 3,
    "dollars": 2,
    "mismatch": 3,
}
_FIRST = 1001
_ROUNDS, _LOT, _QUIET_ROUNDS = 12, 6, 25
_CREDITED, _TAKEN_BACK, _COMPLETED = 0.15, 0.12, 0.5
_STRUCK, _TWICE, _ACK_LOST, _FORGOTTEN, _NO_WEBHOOK = 0.75, 0.25, 0.15, 0.1, 0.2
_IMPORTED, _TOLD_BEFORE_IMPORT = 0.5, 0.3
_CALLS_OF_A_DELIVERY, _CALLS_OF_AN_IMPORT = 13, 40
_AIMED = 0.9
_OF_QUESTIONS = 0.1
"""How much a plain read of our own table counts among the calls that may be struck: they are many and all alike."""
_OF_ITS_ORDERS = 0.05
"""How much a call of an import's orders counts: other deliveries have those too, its own calls are few beside them."""
OWN_OF_IMPORTS = frozenset(
    {
        *("claim the import", "save the import", "move the import on", "end the import", "let go of the import"),
        *("read the import page", "choose the batch", "note the batch", "mark the batch", "settle the batch"),
        *("record the batch", "queue the import"),
    }
)
_TIMES = (0.0, 0.0, 0.0, 20.0, 60.0, 100.0, SETTLED, 1000.0)
_LEASE_OVER = 100.0
_HOUR_AND_MORE = 4000.0
_LATE_SECONDS = (0.1, 1.0, 30.0, 110.0)
"""All within the 120 s of `SettleSeconds`, after which nothing is late any more."""
_NO_LIMITS = [1_000_000, 1_000_000, 50]
"""Time passes unseen here, but not for the simulator's own count of calls a minute."""


def connect(stage: Stage, taps: Taps) -> Post:
    """A new shop tied to a new administration, with its webhook."""
    name = f"chaos-{uuid.uuid4().hex[:12]}"
    stage.shop.tell("stores", {"token": name, "name": name, "primary_domain": f"{name}.example.nl"})
    made = stage.books.tell("administrations", {"naam": name, "limits": _NO_LIMITS})
    added = onboard.add(stage.table, name, name, made["koppelsleutel"], PROFILE)
    taps.administration, taps.shop_token = made["id"], name
    return Post(stage, Connected(added.connection, name, made["id"]), taps, added.webhook.key)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one world."""

    seed: int
    orders: int
    deliveries: int
    repeated: int
    """Of the deliveries, those of a message that was under way or done with."""
    crossed: int
    """Of the deliveries, those with others under way at the same moment."""
    dead: int
    outcomes: Mapping[str, int]
    violations: tuple[Violation, ...]


@dataclass
class World:
    """A world while it is played."""

    post: Post
    seed: int
    expected: dict[str, Expected] = field(default_factory=dict)
    changes: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    imports: list[Imported] = field(default_factory=list)
    dead: list[Letter] = field(default_factory=list)
    deliveries: int = 0
    repeated: int = 0
    crossed: int = 0
    dead_ever: int = 0
    taps_made: int = 0
    disturbed: bool = True
    told: float = 1 - _NO_WEBHOOK
    """The share of orders that a webhook tells of."""

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 -- a sample, no secret
        self.most = self.rng.choice((3, 8, 50))
        """Deliveries before a message is a dead letter; 50 in the template."""
        late = Random(f"{self.seed} late")  # noqa: S311 -- a sample, no secret
        self.post.taps.late_by = lambda: late.choice(_LATE_SECONDS)
        # The pauses between attempts are drawn by the library's own generator.
        random.seed(self.seed)

    # -- what there is -----------------------------------------------------------------------------------------------

    def furnish(self, count: int) -> None:
        """Orders of all kinds in the shop, and what is to change about them later on."""
        rng, now = self.rng, clock.now().astimezone(AMSTERDAM)
        start, span = now - timedelta(minutes=10), timedelta(minutes=5)
        made = generate(self.seed, count, first_number=_FIRST, start=start, span=span, mix=_MIX)
        raws = [dict(each.raw) for each in made]
        for each in made:
            self.expected[each.number] = Expected(each.number, frozenset({each.expected_state}), each.total, each.email)
            fate = rng.random()
            if each.kind == "sale" and fate < _CREDITED and len(raws) < count + count // 8:
                raws.append(self._credit(each, _FIRST + len(raws)))
            elif each.kind == "sale" and _CREDITED < fate < _CREDITED + _TAKEN_BACK:
                self._taken_back(each.number)
            elif each.kind in {"unpaid", "incomplete"} and fate < _COMPLETED:
                self._changed(each.number, {"paid"}, status=4, payment_status="captured")
        self.post.stage.place(self.post.connected, *raws)
        history = Random(f"{self.seed} import")  # noqa: S311 -- a sample, no secret
        if history.random() < _IMPORTED:
            # Early, and before most of them are told of: or there is nothing left to bring over.
            self.told = _TOLD_BEFORE_IMPORT
            self.changes.append((history.randrange(2), self._import))

    def _import(self) -> None:
        """The operator brings all of it over, whatever the shop tells of meanwhile."""
        first = (clock.now().astimezone(AMSTERDAM) - timedelta(days=1)).date()
        run = importing.start(self.post.stage.table, self.post.connected.connection, first)
        # The shop lists no test orders.
        self.imports.append(Imported(run.id, sum(number.isdigit() for number in self.expected)))

    def _credit(self, sale: GeneratedOrder, number: int) -> dict[str, Any]:
        raw = credit_of(sale.raw, number, identifier(self.rng))
        of = self.expected[sale.number]
        self.expected[sale.number] = replace(of, outcomes=frozenset[Outcome]({"credited"}))
        self.expected[str(number)] = replace(of, number=str(number), outcomes=frozenset[Outcome]({"credit"}))
        return raw

    def _taken_back(self, number: str) -> None:
        if self.rng.random() < 0.5:
            self._changed(number, {"skipped", "reversed"}, status=CANCELLED)
        else:
            self._changed(number, {"skipped", "reversed"}, payment_status="refunded")

    def _changed(self, number: str, outcomes: set[Outcome], **fields: object) -> None:
        """The shop changes this order at some moment, and tells so."""

        def change() -> None:
            self.post.stage.change(self.post.connected, number, **fields)
            self.announce(number)

        self.expected[number] = replace(self.expected[number], outcomes=frozenset(outcomes))
        self.changes.append((self.rng.randrange(1, _ROUNDS), change))

    # -- what happens ------------------------------------------------------------------------------------------------

    def tap(self, letter: Letter | None = None) -> Tap:
        """What goes wrong with the next delivery, if anything: at which of its calls, and what."""
        history = letter is not None and any(each.run == letter.number for each in self.imports)
        calls = _CALLS_OF_AN_IMPORT if history else _CALLS_OF_A_DELIVERY
        self.taps_made += 1
        rng = Random(f"{self.seed} {self.taps_made}")  # noqa: S311 -- a sample, no secret
        struck = self.disturbed and rng.random() < _STRUCK
        at, left = rng.randrange(calls), rng.choice((1, 1, 4))
        count = 0
        same: Fault | None = None

        def choose(call: Call) -> Fault | None:
            nonlocal count, left, same
            weight = _OF_ITS_ORDERS if history and call.effect not in OWN_OF_IMPORTS else 1.0
            count += rng.random() < (_OF_QUESTIONS * weight if "." in call.effect else weight)
            if not struck or count <= at or left == 0:
                return None
            left -= 1
            same = same if same and same in _possible(call) else rng.choice(_possible(call))
            if same == "expired-token":
                # Refused again and again it is no expired token but a refused one, and the connection is paused.
                left = 0
            return same

        stepper = self.post.taps.stepper
        assert stepper is not None
        if history and struck and rng.random() < _AIMED:
            return Tap(_by_name(rng, left), stepper.park)
        return Tap(choose, stepper.park)

    def announce(self, number: str) -> None:
        """A webhook, sent again until it is told 202."""
        while not self.post.announce(number, self.tap()):
            pass

    def disturb(self) -> None:
        """Deliver in lots, in any order, twice over, with faults, time and changes in between."""
        rng = self.rng
        # The shop lists no test orders: of those only a webhook tells.
        numbers = [number for number in self.expected if rng.random() < self.told or not number.isdigit()]
        rng.shuffle(numbers)
        for number in numbers:
            self.announce(number)
        for turn in range(_ROUNDS):
            # Of a stream of its own, so that one delivery more or less does not change all that comes after.
            rng = self.rng = Random(f"{self.seed} turn {turn}")  # noqa: S311 -- a sample, no secret
            for at, change in self.changes:
                if at == turn:
                    change()
            self._lots()
            self.post.time_passes(rng.choice(_TIMES))
            if rng.random() < _FORGOTTEN:
                budget.forget()
            if turn % 3 == 0:
                self.post.poll(self.tap())
        self.disturbed = False

    def _lots(self) -> None:
        letters = list(self.post.fetch())
        self.rng.shuffle(letters)
        # A lot never holds all there is: some messages stay behind and are overtaken.
        while len(letters) > _LOT // 2:
            lot = [letters.pop() for _ in range(min(len(letters), self.rng.randint(1, _LOT)))]
            self._deliver([letter for letter in lot for _ in range(1 + (self.rng.random() < _TWICE))])

    def _deliver(self, lot: list[Letter]) -> None:
        over: list[Letter] = []

        def one(letter: Letter, tap: Tap) -> None:
            if self.post.deliver(letter, tap):
                over.append(letter)

        stepper = self.post.taps.stepper
        assert stepper is not None
        stepper.run([partial(one, letter, self.tap(letter)) for letter in lot])
        self.deliveries += len(lot)
        self.repeated += len(lot) - len(set(map(id, lot)))
        self.crossed += len(lot) if len(lot) > 1 else 0
        for letter in dict.fromkeys(map(id, lot)):
            known = next(each for each in lot if id(each) == letter)
            if any(each is known for each in over):
                if self.rng.random() > _ACK_LOST or not self.disturbed:
                    self.post.done(known)
            elif known.deliveries >= self.most:
                self.post.letters.remove(known)
                self.dead.append(known)
                self.dead_ever += 1

    def quieten(self) -> list[Violation]:
        """No more faults: dead letters back, and on until nothing moves; what is then wrong."""
        for letter in self.dead:
            letter.deliveries = 0
        self.post.letters += self.dead
        # Runs that died hold their order and their customer no longer.
        self.post.time_passes(SETTLED)
        self.dead.clear()
        found: list[Violation] = []
        for _ in range(_QUIET_ROUNDS):
            self.post.work_off()
            if self.post.fetch():
                self.post.time_passes(SETTLED)
                continue
            found = self.wrong()
            if not found:
                return []
            self.post.time_passes(_HOUR_AND_MORE)
            self.post.poll()
        return [*found, *(Violation("keeps coming back", letter.number) for letter in self.post.letters)]

    def wrong(self) -> list[Violation]:
        """What is wrong in the books now."""
        post = self.post
        post.taps.all_landed()
        found = of_all(post.stage.ledger(post.connected), post.rows(), list(self.expected.values()))
        return [*found, *wrong_imports(post.runs(), self.imports)]


def _by_name(rng: Random, times: int) -> Callable[[Call], Fault | None]:
    """One of an import's own calls, and the letting go after it: most come but once in all its deliveries."""
    effect, lets_go = rng.choice(sorted(OWN_OF_IMPORTS)), 1
    fault: Fault | None = None

    def choose(call: Call) -> Fault | None:
        nonlocal times, lets_go, fault
        if times and call.effect == effect:
            times -= 1
            fault = fault or rng.choice(_possible(call))
            return fault
        if fault and lets_go and call.effect == "let go of the import":
            lets_go -= 1
            return rng.choice(_possible(call))
        return None

    return choose


def _possible(call: Call) -> list[Fault]:
    """What can go wrong with this call. A held-up delivery must have an answer of HTTP that a write of ours follows."""
    possible: list[Fault] = ["crash-before", "crash-after", *TROUBLE[call.where]]
    if call.where == "books" and call.effect != "POST /b2b/token":
        possible.append("overtaken")
    return sorted(possible)


def play(stage: Stage, taps: Taps, seed: int, count: int = ORDERS) -> Result:
    """Play one world to its end. The same seed is played the same, call by call."""
    steps = Random(f"{seed} steps")  # noqa: S311 -- a sample, no secret
    stepper = Stepper(steps, lambda: world.post.time_passes(_LEASE_OVER))
    with timeless(stepper) as clocks:
        for forget in (partner.forget, budget.forget, patience.forget):
            forget()
        world = World(connect(stage, taps), seed)
        taps.stepper, taps.timeless = stepper, clocks
        try:
            return _played(world, count)
        finally:
            taps.stepper = taps.timeless = taps.late_by = None
            budget.forget()
            patience.forget()
            stage.books.untell("faults")
            stage.disconnect(world.post.connected)


def _played(world: World, count: int) -> Result:
    world.furnish(count)
    world.disturb()
    found = world.quieten()
    for number in world.expected:
        # Whatever is done stays as it is, however often it is told again.
        assert world.post.announce(number)
    found = found or world.quieten()
    rows = world.post.rows().values()
    outcomes: dict[str, int] = {}
    for row in rows:
        outcomes[row.state] = outcomes.get(row.state, 0) + 1
    return Result(
        seed=world.seed,
        orders=len(world.expected),
        deliveries=world.deliveries,
        repeated=world.repeated,
        crossed=world.crossed,
        dead=world.dead_ever,
        outcomes=outcomes,
        violations=tuple(found),
    )
