import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.world import World, world

SETTLE_SECONDS = 3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this directory stands on the deployed template."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.localaws)


@pytest.fixture(scope="session")
def stage() -> Iterator[World]:
    """The whole world, once for all journeys; each test connects a shop of its own."""
    with world(parameters={"SettleSeconds": str(SETTLE_SECONDS)}) as made:
        yield made


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """For webhooks that are not as they should be."""
    with httpx.Client(timeout=30.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_fault_outlives_its_test(stage: World) -> Iterator[None]:
    yield
    stage.shop.untell("faults")
    stage.books.untell("faults")
