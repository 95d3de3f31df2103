from collections.abc import Iterator

import pytest

from functions.webhook import app
from tests.functions.rig import Rig, local_aws


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A local AWS for one module, and this process's environment pointing at it: other directories have their own."""
    with local_aws() as started:
        yield started


@pytest.fixture
def fresh(rig: Rig) -> Iterator[Rig]:
    """A process that has just started, in front of an empty queue."""
    app.forget()
    rig.queued()
    yield rig
    app.forget()
