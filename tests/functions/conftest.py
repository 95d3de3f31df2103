from collections.abc import Iterator

import pytest

from functions.webhook import app
from tests.functions.rig import Rig, local_aws


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """One local AWS for the whole run, and this process's environment pointing at it."""
    with local_aws() as started:
        yield started


@pytest.fixture
def fresh(rig: Rig) -> Iterator[Rig]:
    """A process that has just started, in front of an empty queue."""
    app.forget()
    rig.queued()
    yield rig
    app.forget()
