"""Turns of orders that were sent away: apart, never before their time, and never further ahead than SQS can wait."""

from koppeling.turns import MOST_SECONDS, Turns


def test_turns_are_apart_and_never_before_their_time() -> None:
    """Three sent away at once come one after another; a later wait moves the next one on."""
    turns = Turns()
    assert [turns.give(1060.0, 0.5, 1000.0) for _ in range(3)] == [1060.0, 1060.5, 1061.0]
    assert turns.give(1090.0, 0.5, 1000.0) == 1090.0
    assert turns.give(1060.0, 0.5, 1000.0) == 1090.5


def test_a_turn_that_passed_keeps_nobody_waiting() -> None:
    """Who is sent away long after the last turn comes back when its own wait ends."""
    turns = Turns()
    turns.give(1000.0, 0.5, 1000.0)
    assert turns.give(2001.0, 0.5, 2000.0) == 2001.0


def test_where_the_turns_are_all_given_the_rest_come_at_random_and_keep_none_away() -> None:
    """With 10,000 for a quarter of an hour: each within it, the late ones all over it, and later turns follow on."""
    turns, now = Turns(), 1000.0
    given = [turns.give(now + 60, 0.24, now) for _ in range(10_000)]
    assert min(given) == now + 60
    assert max(given) <= now + MOST_SECONDS
    late = given[4000:]
    assert min(late) < now + 120
    assert max(late) > now + 840
    assert now + MOST_SECONDS < turns.give(now + 70, 0.24, now + 10) <= now + MOST_SECONDS + 0.24


def test_a_wait_longer_than_sqs_can_keep_is_asked_again_when_it_can() -> None:
    """Of an hour the first quarter: then the order is sent away once more."""
    assert Turns().give(4600.0, 0.24, 1000.0) == 1000.0 + MOST_SECONDS
