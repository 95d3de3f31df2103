"""Worlds in which several things go wrong at once: whatever the seed, all is booked once and nothing is lost."""

from collections.abc import Iterator

import pytest

from tests.chaos.taps import Taps, tapped
from tests.chaos.world import Result, play
from tests.exactly_once.rig import Stage

_SEEDS = range(20261123, 20261127)


@pytest.fixture(scope="module")
def taps(module_stage: Stage) -> Iterator[Taps]:
    """The hooks of this process, on a stage where all is calm."""
    module_stage.calm()
    with tapped(module_stage) as made:
        yield made


@pytest.mark.parametrize("seed", _SEEDS)
def test_world(module_stage: Stage, taps: Taps, seed: int) -> None:
    """Faults, duplicates, crossings, cancellations and dead letters: `make chaos SEED=…` plays one again."""
    played = play(module_stage, taps, seed)
    assert played.violations == ()
    assert sum(played.outcomes.values()) == played.orders


def test_the_worlds_reached_what_they_are_about(taps: Taps) -> None:
    """Lost answers, throttling, crashes, looking and taking back all happened: green for having met them."""
    faults = {fault for _, fault in taps.struck}
    wanted = {"crash-before", "crash-after", "timeout-after", "cut-after", "429-told", "500-after", "malformed-200"}
    assert wanted <= faults
    for call in ("look for the invoice", "take back", "note the credit", "move the cursor", "record the customer"):
        assert taps.seen[call], call
    for call in ("read the import page", "settle the batch", "record the batch", "end the import"):
        assert taps.seen[call], call


def test_a_seed_plays_the_same_again(module_stage: Stage, taps: Taps) -> None:
    """Call by call, fault by fault, to the same end: what failed once can be looked at."""
    played: list[tuple[Result, list[str]]] = []
    for _ in range(2):
        taps.story.clear()
        played.append((play(module_stage, taps, 7), list(taps.story)))
    (first, story), (again, told) = played
    assert told == story
    assert again == first
