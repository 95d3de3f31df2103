import pytest

from koppeling.catalogue import REASONS
from tests.exactly_once.rig import Stage
from tests.refusals.checking import BOOKS, SCENARIOS, produce


@pytest.mark.parametrize("code", BOOKS)
def test_produced(stage: Stage, code: str) -> None:
    """Something an owner, a bookkeeper or time can bring about ends in this reason, whole and visible."""
    produce(code, stage)


def test_no_scenario_is_left_over() -> None:
    """A reason that was taken out of the catalogue takes its scenario along."""
    assert SCENARIOS.keys() - REASONS.keys() == set()
