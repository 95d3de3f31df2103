"""Several deliveries at once, one step at a time: who goes on after each I/O call is drawn by a seed.

Real threads through the real code, but only one of them runs between two calls. So the ways in which deliveries can
cross are tried far apart instead of as the machine happens to, and a seed tries the same ones again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Condition, Thread, get_ident
from typing import Literal

_BLOCKED_SECONDS = 0.04
"""A thread that neither asks nor ends for so long waits for another one: a lock, or a customer being made."""
_IO_SECONDS = 5.0
_STALLED_SECONDS = 0.15
_LOOK_SECONDS = 0.01
_WAITING, _OFTEN = "claim the customer", 8
"""What a delivery asks while it waits for a customer being made, and after how often in a row time may pass: the one
that was making it may have died."""

type State = Literal["ready", "running", "blocked", "parked", "done"]


@dataclass
class Stepper:
    """One lot of deliveries after another; `stalled` is called when none can go on by itself, and lets time pass."""

    rng: Random
    stalled: Callable[[], None]
    _changed: Condition = field(default_factory=Condition)
    _states: dict[int, State] = field(default_factory=dict)
    _own: dict[int, int] = field(default_factory=dict)
    _since: float = 0.0
    _asking: set[int] = field(default_factory=set)
    _in_vain: int = 0
    _failed: list[BaseException] = field(default_factory=list)

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Do all of these, crossing each other. Raises what one of them raised."""
        self._states = dict.fromkeys(range(len(tasks)), "ready")
        self._own.clear()
        self._asking.clear()
        threads = [Thread(target=self._do, args=(index, task)) for index, task in enumerate(tasks)]
        for thread in threads:
            thread.start()
        while self._step():
            pass
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def leaves(self, effect: str) -> None:
        """This thread is about to ask something: its turn ends until it is chosen again."""
        index = self._own.get(get_ident())
        if index is not None:
            self._in_vain = self._in_vain + 1 if effect == _WAITING else 0
            self._rest(index, "ready")
            self._asking.add(index)

    def arrived(self) -> None:
        """This thread has its answer."""
        index = self._own.get(get_ident())
        if index is not None:
            with self._changed:
                self._asking.discard(index)
                self._since = time.monotonic()

    def park(self) -> None:
        """Stand still until all others have come as far as they can, and longer than a lease holds."""
        index = self._own.get(get_ident())
        if index is not None:
            self._rest(index, "parked")

    def _rest(self, index: int, state: State) -> None:
        with self._changed:
            self._asking.discard(index)
            self._states[index] = state
            self._changed.notify_all()
            # Not until it runs: on a busy machine it may be set aside before it has woken up.
            self._changed.wait_for(lambda: self._states[index] != state)

    def _do(self, index: int, task: Callable[[], None]) -> None:
        with self._changed:
            self._own[get_ident()] = index
            self._changed.wait_for(lambda: self._states[index] != "ready")
            self._since = time.monotonic()
        try:
            task()
        except BaseException as error:  # noqa: BLE001 -- raised on the thread that waits for all
            self._failed.append(error)
        with self._changed:
            self._states[index] = "done"
            self._changed.notify_all()

    def _step(self) -> bool:
        """Let one go on, or wait; whether there is anything left to do."""
        with self._changed:
            states = set(self._states.values())
            if states == {"done"}:
                return False
            running = self._in("running")
            if running:
                if not self._changed.wait_for(self._nobody_runs, _LOOK_SECONDS):
                    self._set_aside(running[0])
                return True
            ready = self._in("ready")
            if ready and self._in_vain < _OFTEN:
                self._let(self.rng.choice(ready))
                return True
            slept = self._in("blocked")
            if slept and not ready and self._changed.wait_for(self._somebody_is_ready, _STALLED_SECONDS):
                return True
            self._in_vain = 0
        # Nobody runs now: those that are blocked sleep, those that are parked wait for us.
        self.stalled()
        with self._changed:
            parked = self._in("parked")
            if parked:
                self._let(parked[0])
        return True

    def _nobody_runs(self) -> bool:
        return not self._in("running")

    def _somebody_is_ready(self) -> bool:
        return bool(self._in("ready"))

    def _in(self, state: State) -> list[int]:
        return [index for index, known in self._states.items() if known == state]

    def _let(self, index: int) -> None:
        self._states[index] = "running"
        self._since = time.monotonic()
        self._changed.notify_all()

    def _set_aside(self, index: int) -> None:
        patience = _IO_SECONDS if index in self._asking else _BLOCKED_SECONDS
        if time.monotonic() - self._since > patience:
            self._states[index] = "blocked"
