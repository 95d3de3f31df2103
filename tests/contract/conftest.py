import pytest

from sandbox.localaws import running
from sandbox.world import simulator
from tests.contract.documents import Document
from tests.contract.exchanges import Recording, recorded
from tests.contract.journey import travel
from tests.exactly_once.rig import stage


@pytest.fixture(scope="session")
def documented() -> dict[str, Document]:
    """The vendors' documents by API."""
    return {"snelstart": Document.load("snelstart"), "mijnwebwinkel": Document.load("mijnwebwinkel")}


@pytest.fixture(scope="session")
def recording(documented: dict[str, Document]) -> Recording:
    """One journey past every call our clients know and every call the simulators answer."""
    assert documented
    with (
        running() as local,
        simulator("sandbox.shop") as shop,
        simulator("sandbox.books") as books,
        stage(local, shop, books) as parts,
        recorded() as made,
    ):
        travel(parts, made)
    # The recording has ended: what other tests of this session send is no part of it.
    return made
