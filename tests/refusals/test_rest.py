import pytest

from tests.exactly_once.rig import Stage
from tests.refusals.checking import REST, produce


@pytest.mark.parametrize("code", REST)
def test_produced(stage: Stage, code: str) -> None:
    """Something a shop, SnelStart or a storage can bring about ends in this reason, whole and visible."""
    produce(code, stage)
