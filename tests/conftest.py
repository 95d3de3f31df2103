"""The stage of exactly_once, regimes and refusals. Imported by every test, so what only they need comes later."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.localaws import LocalAws
    from tests.exactly_once.rig import Connected, Stage


@pytest.fixture(scope="session")
def parts() -> Iterator[tuple["LocalAws", str, str]]:
    """A local AWS and both simulators, once for all three."""
    from sandbox.localaws import running
    from sandbox.world import simulator

    with running() as local, simulator("sandbox.shop") as shop, simulator("sandbox.books") as books:
        yield local, shop, books


@pytest.fixture(scope="module")
def module_stage(parts: tuple["LocalAws", str, str]) -> Iterator["Stage"]:
    """The parts furnished, and this process pointing at them while the tests of one module run."""
    from tests.exactly_once.rig import stage as on_stage

    with on_stage(*parts) as made:
        yield made


@pytest.fixture(scope="module")
def shared(module_stage: "Stage") -> "Connected":
    """A shop and an administration that the tests of one module share, each with orders of its own."""
    return module_stage.connect()


@pytest.fixture
def stage(module_stage: "Stage") -> "Stage":
    """The stage without anything a test before may have left going wrong."""
    module_stage.calm()
    return module_stage


@pytest.fixture
def connected(stage: "Stage") -> Iterator["Connected"]:
    """A shop and an administration of this test alone."""
    made = stage.connect()
    yield made
    stage.disconnect(made)
