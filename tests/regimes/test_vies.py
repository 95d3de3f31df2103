"""The EU's register of VAT numbers: asked where the deployment says so, and no answer is never a yes."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from koppeling.sync import Later
from sandbox.world import simulator
from tests.exactly_once.rig import Connected, Stage, environment
from tests.regimes.winkel import BELGIAN, booked, connect, invoices, refusal, reversed_to, thing, to, untaxed


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


@pytest.fixture(scope="module")
def register() -> Iterator[str]:
    """A simulated VIES; its URL."""
    with simulator("sandbox.vies") as url:
        yield url


@pytest.fixture
def vies(register: str) -> Iterator[str]:
    """A deployment that asks it; every number is registered."""
    knows(register, {})
    with environment({"VIES_URL": register}):
        yield register


def knows(url: str, register: Mapping[str, Any]) -> None:
    """What the register is to answer from now on."""
    httpx.post(f"{url}/_sim/register", json=dict(register), trust_env=False).raise_for_status()


def asked(url: str) -> list[str]:
    """The numbers it was asked about."""
    numbers: list[str] = httpx.get(f"{url}/_sim/asked", trust_env=False).json()["asked"]
    return numbers


def test_not_asked_without_its_address(stage: Stage, home: Connected, register: str) -> None:
    """A deployment without VIES_URL checks numbers offline only."""
    knows(register, {})
    booked(stage, home, untaxed(**reversed_to("BE")))
    assert asked(register) == []


def test_asked_for_the_reverse_charge_alone(stage: Stage, home: Connected, vies: str) -> None:
    """Only a reverse-charged sale depends on the register."""
    booked(stage, home, thing())
    booked(stage, home, thing(**to("BE", BELGIAN) | {"tax_region": "NL"}))
    assert asked(vies) == []
    booked(stage, home, untaxed(**reversed_to("BE")))
    assert asked(vies) == [BELGIAN]


@pytest.mark.parametrize("reference", ["", "WAPIAAAAYeFUQJ7c"])
def test_a_valid_number(stage: Stage, home: Connected, vies: str, reference: str) -> None:
    """The evidence stays with the order: the number, the moment and, where it was given, the reference."""
    knows(vies, {"reference": reference})
    raw = untaxed(**reversed_to("BE"))
    booked(stage, home, raw)
    [note] = [note for note in stage.row(home, str(raw["number"])).notes if "VIES" in note]
    assert BELGIAN in note
    assert "T" in note.partition(" op ")[2]
    assert reference in note


@pytest.mark.parametrize("reference", [{"name": "VOORBEELD"}, ["VOORBEELD"], "VOORBEELD " * 50_000])
def test_a_reference_that_is_none_is_not_kept(stage: Stage, home: Connected, vies: str, reference: object) -> None:
    """A short text is a reference; anything else, that could name somebody or not fit the row, is left out."""
    knows(vies, {"reference": reference})
    raw = untaxed(**reversed_to("BE"))
    booked(stage, home, raw)
    [note] = [note for note in stage.row(home, str(raw["number"])).notes if "VIES" in note]
    assert BELGIAN in note
    assert "VOORBEELD" not in note


def test_greece_is_asked_by_its_own_prefix(stage: Stage, home: Connected, vies: str) -> None:
    """VIES knows Greece as EL."""
    booked(stage, home, untaxed(**reversed_to("GR", "GR094259216")))
    assert asked(vies) == ["EL094259216"]


def test_a_number_that_is_not_registered(stage: Stage, home: Connected, vies: str) -> None:
    """Refused; asked anew when the order is offered again, and booked once the register knows the number."""
    knows(vies, {"unregistered": [BELGIAN]})
    raw = untaxed(**reversed_to("BE"))
    assert refusal(stage, home, raw) == "vat-number-not-in-vies"
    knows(vies, {"errors": {"BE": "INVALID_INPUT"}})
    assert refusal(stage, home, raw) == "vat-number-not-in-vies"
    knows(vies, {})
    booked(stage, home, raw)


@pytest.mark.parametrize(
    "trouble",
    [
        {"down": True},
        {"errors": {"BE": "MS_UNAVAILABLE"}},
        {"errors": {"BE": "TIMEOUT"}},
        {"errors": {"BE": "GLOBAL_MAX_CONCURRENT_REQ"}},
        {"errors": {"BE": "MS_MAX_CONCURRENT_REQ"}},
    ],
)
def test_no_verdict(stage: Stage, home: Connected, vies: str, trouble: Mapping[str, Any]) -> None:
    """The service or the member state gives no verdict: tried again, nothing booked, and booked after it answers."""
    knows(vies, trouble)
    raw = untaxed(**reversed_to("BE"))
    number = str(raw["number"])
    stage.place(home, raw)
    assert isinstance(stage.deliver(home, number), Later)
    row = stage.row(home, number)
    assert (row.state, row.reason and row.reason.code) == ("failed", "vat-number-vies-unavailable")
    assert f"MWW{number}" not in invoices(stage, home)
    knows(vies, {})
    booked(stage, home, raw)


def test_unreachable(stage: Stage, home: Connected) -> None:
    """Nobody listens at its address: tried again, nothing booked."""
    raw = untaxed(**reversed_to("BE"))
    number = str(raw["number"])
    stage.place(home, raw)
    with environment({"VIES_URL": "http://127.0.0.1:9"}):
        assert isinstance(stage.deliver(home, number), Later)
    row = stage.row(home, number)
    assert (row.state, row.reason and row.reason.code) == ("failed", "vat-number-vies-unavailable")
    assert f"MWW{number}" not in invoices(stage, home)
