"""The stages of the fuzzing: the parts of exactly_once, and the webhook's own rig."""

from collections.abc import Iterator

import pytest

from functions.webhook import app
from tests.functions.rig import Rig, local_aws


@pytest.fixture(scope="module")
def door() -> Iterator[Rig]:
    """The webhook's table, key and queue, and this process's environment pointing at them."""
    with local_aws() as rig, pytest.MonkeyPatch.context() as patch:
        # Else what comes after fifty in a minute is delayed, and found by a later example.
        patch.setattr(app, "LIVE_A_MINUTE", 1_000_000)
        app.forget()
        yield rig
        app.forget()
