"""Time that passes by what happens, not by how fast the machine is: so that a world played again is the same one.

Our code's own clocks, sleeps and locks are put in place of for one process. A thread of the `Stepper` that sleeps or
waits for a lock says so, and another one is chosen; nothing is concluded from how long anything took.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType, TracebackType
from typing import Any

from koppeling import budget, clock, patience
from tests.chaos.stepper import Stepper

_OURS = ("koppeling", "functions")
_A_CALL_SECONDS = 0.02
"""How much time a call takes."""
_FROM_A_WHOLE_SECONDS = 60
"""What SnelStart allows is counted in parts of a minute: a world always begins with a whole one."""


@dataclass
class Timeless:
    """The time of one world, in seconds since 1970, and who has to wait in it."""

    stepper: Stepper
    at: float = field(default_factory=lambda: float(int(time.time()) // _FROM_A_WHOLE_SECONDS * _FROM_A_WHOLE_SECONDS))

    def __post_init__(self) -> None:
        """Let the stepper tell the time."""
        self.stepper.now, self.stepper.until = self.now, self.until

    def now(self) -> float:
        """This moment; also what stands in for the monotonic clock, from which only differences are used."""
        return self.at

    def until(self, moment: float) -> None:
        """Let it be this moment, if it is not yet."""
        self.at = max(self.at, moment)

    def a_call(self) -> None:
        """One call more was made."""
        self.at += _A_CALL_SECONDS

    def sleep(self, seconds: float) -> None:
        """What our code sleeps passes at once, or when no other thread has anything to do before."""
        if not self.stepper.sleeps(self.at + seconds):
            self.at += seconds


class _Clocks:
    """The module `time` as our code sees it."""

    def __init__(self, world: Timeless) -> None:
        self.time = self.monotonic = world.now
        self.sleep = world.sleep

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- the rest of the module
        return getattr(time, name)


class _Lock:
    """A lock for which a thread of the stepper waits by giving up its turn."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper, self._real = stepper, threading.Lock()

    def __enter__(self) -> None:
        if not self._stepper.is_here():
            self._real.acquire()
            return
        while not self._real.acquire(blocking=False):
            self._stepper.waits(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._real.release()
        self._stepper.freed(self)


class _Condition(_Lock):
    """A condition of one lock: told by each of its notices, and given up at its time."""

    def __init__(self, world: Timeless) -> None:
        super().__init__(world.stepper)
        self._world = world

    def wait_for(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Whether it came about in this time; nobody but a thread of the stepper can wait."""
        ends = self._world.now() + seconds
        while not predicate():
            if self._world.now() >= ends:
                return False
            self._real.release()
            self._stepper.waits(self, until=ends)
            self.__enter__()
        return True

    def notify(self) -> None:
        """Those that wait look again."""
        self._stepper.freed(self)


@contextmanager
def timeless(stepper: Stepper) -> Iterator[Timeless]:
    """Our code on this time for the block; nothing that it remembers by time is kept from before."""
    world, put = Timeless(stepper), []

    def replace(owner: object, name: str, value: object) -> None:
        put.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    real_lock = type(threading.Lock())
    for module in [each for name, each in sys.modules.items() if name.partition(".")[0] in _OURS]:
        assert isinstance(module, ModuleType)
        if getattr(module, "time", None) is time:
            replace(module, "time", _Clocks(world))
        if getattr(module, "Lock", None) is threading.Lock:
            replace(module, "Lock", lambda: _Lock(stepper))
        if isinstance(getattr(module, "_lock", None), real_lock):
            replace(module, "_lock", _Lock(stepper))
    replace(clock, "now", lambda: datetime.fromtimestamp(world.at, UTC))
    replace(budget.Purse, "__init__", _with_locks(budget.Purse.__init__, world))
    replace(patience.Patience, "__init__", _with_locks(patience.Patience.__init__, world))
    try:
        yield world
    finally:
        for owner, name, value in reversed(put):
            setattr(owner, name, value)


def _with_locks(make: Callable[..., None], world: Timeless) -> Callable[..., None]:
    """Their classes made these locks when they were read, not where the name of a lock could be replaced."""

    def init(self: Any, *args: object, **kwargs: object) -> None:  # noqa: ANN401 -- of either class
        make(self, *args, **kwargs)
        self._turn = _Lock(world.stepper)
        if isinstance(self, budget.Purse):
            self._room = _Condition(world)  # type: ignore[assignment]  # what Purse uses of a condition

    return init
