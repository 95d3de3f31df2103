"""The arithmetic of SnelStart's limits: whatever is bought whenever, no sliding window ever holds too many calls."""

import random
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koppeling.allowance import CALL_SECONDS, LIFETIME, LIMITS, Buyer, Limits, Spent, Wait

NOW = 1_800_000_000.0
PRODUCT = LIMITS["productie"]
_SMALL = Limits(per_minute=20, per_hour=150, at_once=5)
_CONNECTS = 3.0


def _bought(spent: Spent, calls: int, now: float, buyer: Buyer | None = None, limits: Limits = PRODUCT) -> Spent:
    outcome = spent.buy(calls, buyer or Buyer("one", 1), limits, now)
    assert isinstance(outcome, Spent)
    return outcome


def _refused(spent: Spent, calls: int, now: float, buyer: Buyer | None = None, limits: Limits = PRODUCT) -> Wait:
    outcome = spent.buy(calls, buyer or Buyer("one", 1), limits, now)
    assert isinstance(outcome, Wait)
    assert outcome.seconds > 0
    return outcome


@given(seed=st.integers(0, 2**32), greed=st.floats(0.05, 30.0))
@settings(max_examples=200, deadline=None)
def test_no_sliding_window_ever_holds_more_calls_than_allowed(seed: int, greed: float) -> None:
    """Calls bought at any moments, made as late as they may be or returned: never over a minute's or hour's limit."""
    dice = random.Random(seed)  # noqa: S311 -- a sample, no secret
    spent, now = Spent(), NOW
    minute: deque[float] = deque()
    hour: deque[float] = deque()
    made: list[float] = []
    lapsed: list[tuple[int, float]] = []
    for _ in range(400):
        now += dice.expovariate(1 / greed)
        calls = dice.choice((1, 2, 4, 8))
        outcome = spent.buy(calls, Buyer("one", 1), _SMALL, now)
        if isinstance(outcome, Wait):
            continue
        unused = dice.choice((0, 0, calls // 2, calls))
        lapsed.append((unused, now))
        spent = Spent.from_json(outcome.to_json())
        if dice.random() < 0.3:
            for each in lapsed:
                spent = spent.returned(*each)
            lapsed.clear()
        late = (0.0, LIFETIME + _CONNECTS, dice.uniform(0, LIFETIME))
        made += [now + dice.choice(late) for _ in range(calls - unused)]
    for at in sorted(made):
        minute.append(at)
        hour.append(at)
        while minute[0] <= at - 60:
            minute.popleft()
        while hour[0] <= at - 3600:
            hour.popleft()
        assert len(minute) <= _SMALL.per_minute
        assert len(hour) <= _SMALL.per_hour


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_after_the_wait_it_named_the_calls_are_there(seed: int) -> None:
    """The wait is exact enough to come back once: nobody needs to ask in between."""
    dice = random.Random(seed)  # noqa: S311 -- a sample, no secret
    spent, now = Spent(), NOW
    for _ in range(100):
        outcome = spent.buy(4, Buyer("one", 1), _SMALL, now)
        if isinstance(outcome, Wait):
            now += outcome.seconds + 0.001
            _bought(spent, 4, now, limits=_SMALL)
        else:
            spent = outcome
        now += dice.uniform(0, 2)


@pytest.mark.parametrize("live", [True, False])
def test_at_least_96_percent_of_an_hours_calls_are_put_to_use(*, live: bool) -> None:
    """One buyer that never rests, of orders of now or of history: of SnelStart's 5,000, in the long run."""
    spent, now, calls, hours = Spent(), NOW, 0, 60
    while now < NOW + hours * 3600:
        outcome = spent.buy(4, Buyer("one", 1, live), PRODUCT, now)
        if isinstance(outcome, Wait):
            now += outcome.seconds
        else:
            spent, calls = outcome, calls + 4
    assert calls / hours >= 0.96 * PRODUCT.per_hour


def test_the_row_of_a_busy_administration_is_one_write_unit() -> None:
    """Calls in every bucket of an hour, all functions of both lanes under way: the row and its names under 1 kB."""
    spent, now = Spent(), NOW
    for _ in range(240):
        outcome = spent.buy(20, Buyer("one", 1), PRODUCT, now)
        spent, now = (outcome, now) if isinstance(outcome, Spent) else (spent, now)
        now += 15.0
    for process in range(8):
        spent = _bought(spent, 0, now, Buyer(f"{process:012x}", 5))
    assert len(spent.coarse) > 120
    rest = len("pkskADMINISTRATION##BUDGETspentversionwrittenexpires_at") + 36 + 32 + 2 * 8
    assert len(spent.to_json()) + rest < 1024


def test_what_was_never_used_is_room_again_and_counts_no_less_than_nothing() -> None:
    """Returned calls can be bought at once; what has left the row meanwhile, or was never in it, changes nothing."""
    spent = _bought(Spent(), 490, NOW)
    assert _refused(spent, 4, NOW).over == "minute"
    _bought(spent.returned(4, NOW), 4, NOW)
    assert spent.returned(4, NOW - 7200) == spent
    assert sum(spent.returned(1000, NOW).fine.values()) == 0


def test_history_leaves_room_and_stands_aside_once_an_order_of_now_finds_none() -> None:
    """History cannot buy the last of a minute; after an order of now was sent away it buys nothing for a while."""
    spent = Spent()
    for _ in range(110):
        spent = _bought(spent, 4, NOW, Buyer("one", 1, live=False))
    assert _refused(spent, 4, NOW, Buyer("one", 1, live=False)).over == "minute"
    spent = _bought(spent, 4, NOW)
    later = NOW + 3600
    wanted = spent.live_wants(later)
    assert _refused(wanted, 4, later, Buyer("one", 1, live=False)).over == "live-first"
    _bought(wanted, 4, later)
    _bought(wanted, 4, later + 91, Buyer("one", 1, live=False))


def test_processes_together_never_have_more_under_way_than_allowed() -> None:
    """A process is refused while the others may have 50 calls under way, until one lapses or lets go."""
    spent = Spent()
    for process in range(5):
        spent = _bought(spent, 4, NOW, Buyer(f"process {process}", 10))
    assert _refused(spent, 4, NOW, Buyer("late", 1)).over == "at-once"
    _bought(spent, 4, NOW, Buyer("process 0", 10))
    _bought(spent.let_go("process 1"), 4, NOW, Buyer("late", 10))
    _refused(spent.let_go("process 1"), 4, NOW, Buyer("late", 11))
    _bought(spent, 4, NOW + LIFETIME + CALL_SECONDS, Buyer("late", 10))


def test_a_429_all_the_same_is_honoured_and_learnt_from() -> None:
    """Nothing is bought until its Retry-After is over; then less than before, and all of it again an hour later."""
    spent = Spent().refused(20, NOW)
    assert _refused(spent, 1, NOW + 19).seconds == pytest.approx(1)
    after = NOW + 21
    most = 0
    while not isinstance(spent.buy(most + 1, Buyer("one", 1), PRODUCT, after), Wait):
        most += 1
    assert 300 < most < 400
    _bought(spent, 490, NOW + 3600)
    again = spent.refused(None, after)
    assert again.blocked_until > after
    assert _refused(again, 260, again.blocked_until).over == "minute"


def test_a_development_key_has_limits_of_its_own() -> None:
    """100 calls a minute, 5 at once: a twentieth of it is nobody's."""
    limits = LIMITS["ontwikkeling"]
    _bought(Spent(), 98, NOW, Buyer("one", 2), limits)
    _refused(Spent(), 99, NOW, Buyer("one", 2), limits)
    spent = _bought(_bought(Spent(), 4, NOW, Buyer("one", 2), limits), 4, NOW, Buyer("two", 2), limits)
    _refused(spent, 4, NOW, Buyer("three", 2), limits)
    _bought(spent, 4, NOW, Buyer("three", 1), limits)


def test_the_row_stays_under_a_kilobyte() -> None:
    """A write costs one unit, however busy the administration was in the last hour."""
    spent, now = Spent(), NOW
    for _ in range(3600):
        now += 1
        outcome = spent.buy(1, Buyer("0123456789ab", 10), PRODUCT, now)
        spent = spent if isinstance(outcome, Wait) else outcome
    for process in range(4):
        spent = _bought(spent, 1, now, Buyer(f"0123456789a{process}", 10))
    spent = replace(spent.refused(1, now), live_wants_until=now)
    assert len(spent.to_json()) < 850
    assert Spent.from_json(spent.to_json()).to_json() == spent.to_json()
