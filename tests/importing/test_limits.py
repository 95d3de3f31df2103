"""SnelStart's limits hold an import, whatever it could do: as SnelStart itself counts, not as we buy."""

from collections.abc import Iterator
from typing import cast

import pytest

from koppeling import budget, clock
from koppeling.allowance import LIMITS, Limits
from tests.exactly_once.rig import Connected, Stage
from tests.importing.hand import now, start, step
from tests.undo.hand import demand_paid, history

_LIMITS = Limits(per_minute=30, per_hour=100, at_once=3)
"""So small that 220 orders are more than two hours' work, and that six threads are more than may call at once."""

_ORDERS = 220
_USED = 0.5
"""Of a limit, at the least, else it would not have been the limit that held. How much more depends on the machine."""

_STEPS = 60


class _Ahead:
    """SnelStart's clock and ours for its limits, put forward together instead of waited for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._seconds = 0

    def forward(self, seconds: float) -> None:
        """So much later, to the second above: an import comes back no earlier than it was told to."""
        self._seconds += int(seconds) + 1
        self._stage.books.tell("settings", {"clock_ahead": self._seconds})

    def now(self) -> float:
        """Seconds since 1970."""
        return clock.now().timestamp() + self._seconds


@pytest.fixture
def ahead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Ahead]:
    """Small limits on both sides, and calls that take long enough to be under way together."""
    monkeypatch.setitem(cast("dict[str, Limits]", LIMITS), "productie", _LIMITS)
    made = _Ahead(stage)
    monkeypatch.setattr(budget, "_now", made.now)
    stage.books.tell("settings", {"latency_ms": 10})
    yield made
    stage.books.tell("settings", {"clock_ahead": 0})


@pytest.fixture
def connected(stage: Stage, ahead: _Ahead) -> Iterator[Connected]:
    """A shop tied to an administration with the small limits, of which connecting it used its part."""
    made = stage.connect(limits=[_LIMITS.per_minute, _LIMITS.per_hour, _LIMITS.at_once])
    ahead.forward(3700)
    yield made
    stage.disconnect(made)


def test_an_import_at_full_speed_stays_within_snelstarts_limits(
    stage: Stage, connected: Connected, ahead: _Ahead
) -> None:
    """More than two hours' calls, each as soon as it may be made: no window holds too many, and none is refused."""
    numbers = history(stage, connected, _ORDERS)
    stage.books.tell("calls/reset")
    run = start(stage, connected)
    for _ in range(_STEPS):
        later = step(stage, connected, run)
        if later is None:
            break
        ahead.forward(later.seconds)
    report = stage.books.ask("calls", administration=connected.administration)
    assert report["refused_429"] == 0
    assert report["max_per_minute"] <= _LIMITS.per_minute
    assert report["max_per_hour"] <= _LIMITS.per_hour
    assert report["max_concurrent"] <= _LIMITS.at_once
    assert now(stage, connected, run).state == "done"
    demand_paid(stage, connected, *numbers)
    assert report["total"] - report["token"] > 2 * _LIMITS.per_hour
    assert report["max_per_minute"] >= _USED * _LIMITS.per_minute
    assert report["max_per_hour"] >= _USED * _LIMITS.per_hour
    assert report["max_concurrent"] > 1
