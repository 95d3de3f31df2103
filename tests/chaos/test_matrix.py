"""Every side effect of an order's journey and of an import by every fault: all of it once, and nothing left open."""

from collections.abc import Callable, Iterator

import pytest

from tests.chaos.cells import CALLS_WITHOUT, CELLS, EFFECTS, Cell, matrix, only_asks, play
from tests.chaos.post import Post
from tests.chaos.taps import Taps, tapped
from tests.chaos.world import connect
from tests.exactly_once.rig import Stage


@pytest.fixture(scope="module")
def taps(module_stage: Stage) -> Iterator[Taps]:
    """The hooks of this process, on a stage where all is calm."""
    module_stage.calm()
    with tapped(module_stage) as made:
        yield made


@pytest.fixture(scope="module")
def post(module_stage: Stage, taps: Taps) -> Iterator[Callable[[str], Post]]:
    """A connection for each effect: its cells look at their own orders."""
    made: dict[str, Post] = {}

    def of(effect: str) -> Post:
        if effect not in made:
            made[effect] = connect(module_stage, taps)
        return made[effect]

    yield of
    for each in made.values():
        module_stage.disconnect(each.connected)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(post: Callable[[str], Post], cell: Cell) -> None:
    """Whatever goes wrong with this effect in this way, the order ends where it must, once."""
    assert play(post(cell.effect), cell) == []


def test_every_cell_is_played_or_says_why_not() -> None:
    """No hole in the matrix: every effect by seventeen faults, and a reason wherever one cannot be."""
    whole = list(matrix())
    assert len(whole) == len(EFFECTS) * 17
    assert all(cell.why_not for cell in whole if cell not in CELLS)


def test_every_call_that_was_seen_is_an_effect_of_the_matrix_or_says_why_not(taps: Taps) -> None:
    """Whatever our code called in all these cells has a row of its own, or a reason why it needs none."""
    rows = {effect.call for effect in EFFECTS.values()}
    left = sorted(call for call in taps.seen if call not in rows | CALLS_WITHOUT.keys() and not only_asks(call))
    assert not left, ", ".join(left)
