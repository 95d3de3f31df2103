"""Several deliveries at once, one step at a time: who goes on after each I/O call is drawn by a seed.

Real threads through the real code, but only one of them runs at a time, and it runs until it asks something, sleeps or
meets a lock that is held. So the ways in which deliveries can cross are tried far apart instead of as the machine
happens to, and a seed tries the very same ones again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Condition, Thread, get_ident
from typing import Literal

_STUCK_SECONDS = 120.0
"""A thread that runs for so long hangs, whatever the machine does besides."""
_WAITING, _OFTEN = "claim the customer", 8
"""What a delivery asks while it waits for a customer being made, and after how often in a row time may pass: the one
that was making it may have died."""

type State = Literal["ready", "running", "asleep", "parked", "done"]


def _no_clock() -> float:
    return 0.0


def _nothing(_: float) -> None:
    """Time that nobody tells."""


@dataclass
class Stepper:
    """One lot of deliveries after another; `stalled` is called when none can go on by itself, and lets time pass."""

    rng: Random
    stalled: Callable[[], None]
    now: Callable[[], float] = _no_clock
    until: Callable[[float], None] = _nothing
    """What time it is, in seconds, and lets it be a later one."""
    _changed: Condition = field(default_factory=Condition)
    _states: dict[int, State] = field(default_factory=dict)
    _own: dict[int, int] = field(default_factory=dict)
    _wakes: dict[int, float] = field(default_factory=dict)
    _wants: dict[int, object] = field(default_factory=dict)
    _in_vain: int = 0
    _failed: list[BaseException] = field(default_factory=list)

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Do all of these, crossing each other. Raises what one of them raised."""
        self._states = dict.fromkeys(range(len(tasks)), "ready")
        self._own.clear()
        self._in_vain = 0
        threads = [Thread(target=self._do, args=(index, task)) for index, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        while self._step():
            pass
        for thread in threads:
            thread.join()
        self._own.clear()
        if self._failed:
            raise self._failed[0]

    def is_here(self) -> bool:
        """Whether this thread is one of the deliveries."""
        return get_ident() in self._own

    def leaves(self, effect: str) -> None:
        """This thread is about to ask something: its turn ends until it is chosen again."""
        index = self._own.get(get_ident())
        if index is not None:
            self._in_vain = self._in_vain + 1 if effect == _WAITING else 0
            self._rest(index, "ready")

    def sleeps(self, until: float) -> bool:
        """This thread goes on at this moment, once no other one can before; whether it is one of the deliveries."""
        index = self._own.get(get_ident())
        if index is not None:
            self._wakes[index] = until
            self._rest(index, "asleep")
        return index is not None

    def waits(self, thing: object, until: float = float("inf")) -> None:
        """This thread, a delivery, goes on when this thing is `freed`, and at this moment if it never is."""
        index = self._own[get_ident()]
        self._wants[index], self._wakes[index] = thing, until
        self._rest(index, "asleep")

    def freed(self, thing: object) -> None:
        """Whoever waits for this may look again."""
        for index in [index for index, wanted in self._wants.items() if wanted is thing]:
            self._wakes[index] = self.now()
            del self._wants[index]

    def park(self) -> None:
        """Stand still until all others have come as far as they can, and longer than a lease holds."""
        index = self._own.get(get_ident())
        if index is not None:
            self._rest(index, "parked")

    def _rest(self, index: int, state: State) -> None:
        with self._changed:
            self._states[index] = state
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._states[index] == "running")

    def _do(self, index: int, task: Callable[[], None]) -> None:
        with self._changed:
            self._own[get_ident()] = index
            self._changed.wait_for(lambda: self._states[index] == "running")
        try:
            task()
        except BaseException as error:  # noqa: BLE001 -- raised on the thread that waits for all
            self._failed.append(error)
        with self._changed:
            self._states[index] = "done"
            self._changed.notify_all()

    def _step(self) -> bool:
        """Let one go on; whether there is anything left to do."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._in("running"), _STUCK_SECONDS):
                raise RuntimeError("a delivery hangs")
            if set(self._states.values()) == {"done"}:
                return False
            can = sorted([*self._in("ready"), *self._awake()])
            if can and self._in_vain < _OFTEN:
                self._let(self.rng.choice(can))
                return True
            asleep = [self._wakes[index] for index in self._in("asleep")]
            if not can and asleep and min(asleep) < float("inf"):
                self.until(min(asleep))
                return True
            parked = self._in("parked")
            if not can and not parked:
                raise RuntimeError("deliveries wait for each other")
        # Nobody runs now.
        self._in_vain = 0
        self.stalled()
        if parked:
            with self._changed:
                self._let(parked[0])
        return True

    def _awake(self) -> list[int]:
        return [index for index in self._in("asleep") if self._wakes[index] <= self.now()]

    def _in(self, state: State) -> list[int]:
        return [index for index, known in self._states.items() if known == state]

    def _let(self, index: int) -> None:
        self._states[index] = "running"
        self._wants.pop(index, None)
        self._changed.notify_all()
