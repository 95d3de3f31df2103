import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import given
from hypothesis import strategies as st

from koppeling import charts, onboard, transport
from koppeling.connections import Connections
from koppeling.failures import Refused, Unavailable
from koppeling.orders import Orders
from koppeling.snelstart import client
from koppeling.table import Key
from tests.exactly_once.rig import Connected, Stage, environment
from tests.fuzz.mutations import KINDS, STRANGER, as_json, mutated
from tests.fuzz.proxy import Between, Reply, between, honest
from tests.fuzz.running import examples

PATIENCE = httpx.Timeout(0.3, connect=1.0)


@dataclass
class Fuzz:
    """Which of the coming calls are answered wrongly, and how."""

    script: dict[int, tuple[str, int]]
    told: list[str] = field(default_factory=list)
    seen: int = 0

    def __call__(self, method: str, path: str, was: Reply) -> Reply:
        """The answer to one call."""
        self.seen += 1
        planned = self.script.get(self.seen)
        if planned is None:
            return was
        kind, seed = planned
        self.told.append(f"{kind} {seed} {method} {path}")
        return mutated(kind, seed, was)


scripts = st.dictionaries(
    st.integers(1, 24), st.tuples(st.sampled_from(KINDS), st.integers(0, 2**32 - 1)), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def books(module_stage: Stage) -> Iterator[Between]:
    """Between us and the simulated SnelStart; we wait for no answer long, and retries of reads come at once."""
    with between(module_stage.books.url) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "READ_TIMEOUT", PATIENCE)
        patch.setattr(transport, "WRITE_TIMEOUT", PATIENCE)
        stamina.set_testing(True, attempts=2, cap=True)
        # Hundreds of calls a minute in one administration.
        module_stage.books.tell("settings", {"limits": False})
        addresses = {"SNELSTART_API_URL": f"{made.url}/v2", "SNELSTART_AUTH_URL": f"{made.url}/b2b/token"}
        try:
            with environment(addresses):
                yield made
        finally:
            stamina.set_testing(False)
            module_stage.books.tell("settings", {"limits": True})


def forget(stage: Stage, connected: Connected) -> None:
    """As in a new process whose table holds no reference data: all of it is read anew."""
    charts._memory.clear()  # noqa: SLF001 -- what a process remembers
    client._tokens.clear()  # noqa: SLF001 -- the same
    stage.table.delete(Key(f"CONNECTION#{connected.id}", "CHART"))


def demand_state(stage: Stage, connected: Connected, number: str) -> None:
    """The order shows where it stands and why; a connection that was paused shows why as well."""
    connection = Connections(stage.table).get(connected.id)
    row = Orders(stage.table, connected.id).get(number)
    assert connection is not None
    assert row is not None
    assert row.state == "paid" or row.reason is not None or (row.state == "received" and connection.paused)
    assert row.reason is None or row.reason.code != "koppeling-error"
    assert row.reason is None or len(row.reason.sentence) < 1_000
    made = [each for each in stage.ledger(connected)["invoices"] if each["factuurnummer"] == f"MWW{number}"]
    assert len(made) <= 1
    assert all(len(invoice["betalingen"]) <= 1 for invoice in made)


def demand_paid_once(stage: Stage, connected: Connected, number: str) -> None:
    """What an operator does when SnelStart is itself again: the connection goes on, the order is tried again: paid."""
    stage.time_passes(connected)
    forget(stage, connected)
    connection = Connections(stage.table).get(connected.id)
    assert connection is not None
    if connection.paused:
        onboard.resume(stage.table, connection)
    for _ in range(4):
        stage.deliver(connected, number)
        stage.time_passes(connected)
    stage.queued()
    stage.demand_once(connected, number)


@examples(10)
@given(script=scripts, anew=st.booleans())
def test_whatever_snelstart_answers_it_is_booked_once(
    stage: Stage, books: Between, shared: Connected, script: dict[int, tuple[str, int]], *, anew: bool
) -> None:
    """While SnelStart answers rubbish every run ends in a state; when it stops the order is paid, once."""
    number = stage.sale(shared)
    if anew:
        forget(stage, shared)
    fuzz = Fuzz(script)
    books.rewrite = fuzz
    try:
        for _ in range(4):
            if stage.deliver(shared, number) is None:
                break
            demand_state(stage, shared, number)
            stage.time_passes(shared)
        demand_state(stage, shared, number)
    finally:
        books.rewrite = honest
    demand_paid_once(stage, shared, number)


LIES = {
    "another id": ("POST", "/v2/verkoopboekingen", {"id": STRANGER}),
    "no id": ("POST", "/v2/verkoopboekingen", {"id": "klaar"}),
    "another customer": ("POST", "/v2/relaties", {"id": STRANGER}),
    "another payment": ("POST", "/v2/bankboekingen", {"id": ""}),
    "NaN": ("GET", "/v2/verkoopfacturen", [{"openstaandSaldo": "sNaN", "factuurBedrag": "NaN"}]),
    "infinite": ("GET", "/v2/verkoopfacturen", [{"openstaandSaldo": "-Infinity", "factuurBedrag": "Infinity"}]),
    "a path for an id": ("GET", "/v2/verkoopfacturen", [{"verkoopBoeking": {"id": "../relaties?\ud800"}}]),
    "a country without a code": ("GET", "/v2/vatrates", [{"countryCode": [True]}]),
    "an account that is none": ("GET", "/v2/companyInfo", {"buitenlandseBtwGrootboek": {"id": [1]}}),
    "a list without an end": ("GET", "/v2/grootboeken", 500),
    "a token that is none": ("POST", "/b2b/token", {"access_token": "t\u00e9"}),
    "a token for ever": ("POST", "/b2b/token", {"expires_in": "9" * 5_000}),
    "a token that is deep": ("POST", "/b2b/token", {"access_token": f"a.{'W1tb' * 30_000}.c"}),
    "half a letter": ("POST", "/v2/verkoopboekingen", [{"errorCode": "BOE-9\ud800", "message": "\ud800"}]),
}


def told(lie: Any, was: Reply) -> Reply:  # noqa: ANN401 -- any JSON
    """The true answer, but for what the lie says."""
    truth = json.loads(was.body)
    if isinstance(lie, int):
        return as_json((truth * lie)[:lie], was.status)
    if isinstance(truth, list):
        return as_json([{**row, **lie[0]} for row in truth or [{}]], was.status)
    return as_json(lie, 400) if isinstance(lie, list) else as_json({**truth, **lie}, was.status)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_snelstart(stage: Stage, books: Between, connected: Connected, lie: str) -> None:
    """Each lie by itself: a state while it lasts, and paid once when it is over.

    The invoice was sent without an answer where the lie is about looking for it.
    """
    method, where, content = LIES[lie]
    stage.books.tell(f"administrations/{connected.administration}", {"foreign_vat": where == "/v2/vatrates"})
    number = stage.sale(connected)
    forget(stage, connected)

    def rewrite(called: str, path: str, was: Reply) -> Reply:
        if "verkoopfacturen" in where and (called, path) == ("POST", "/v2/verkoopboekingen"):
            return replace(was, status=504)
        return told(content, was) if (called, path) == (method, where) else was

    books.rewrite = rewrite
    try:
        for _ in range(2):
            stage.deliver(connected, number)
            demand_state(stage, connected, number)
            stage.time_passes(connected)
    finally:
        books.rewrite = honest
    demand_paid_once(stage, connected, number)


@examples(8)
@given(script=scripts)
def test_whatever_snelstart_answers_a_connection_is_added_or_not(
    stage: Stage, books: Between, script: dict[int, tuple[str, int]]
) -> None:
    """`koppeling add` with rubbish from SnelStart says why it cannot, or adds a connection that works."""
    books.rewrite = Fuzz(script)
    try:
        with suppress(Refused, Unavailable, onboard.ProfileProblems):
            stage.disconnect(stage.connect())
    finally:
        books.rewrite = honest
