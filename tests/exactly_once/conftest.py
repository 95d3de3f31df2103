"""What several tests of connections beside each other begin with."""

from collections.abc import Iterator

import pytest

from tests.exactly_once.rig import Connected, Stage


@pytest.fixture
def beside(stage: Stage, connected: Connected) -> Iterator[Connected]:
    """The second shop of the administration, connected long ago."""
    made = stage.connect_beside(connected)
    for one in (connected, made):
        stage.time_passes(one)
    yield made
    stage.disconnect(made)
