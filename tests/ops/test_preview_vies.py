"""A preview asks the EU's register of VAT numbers where the booking would, and says what the booking would do."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from sandbox.world import simulator
from tests.ops.conftest import STACK
from tests.ops.desk import Books
from tests.regimes.winkel import BELGIAN, reversed_to, thing, untaxed

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

type Knows = Callable[[Mapping[str, Any]], None]


def asks(url: str) -> None:
    """Let the deployment ask the register there, as an operator's `sam deploy` would."""
    cloudformation = boto3.client("cloudformation")
    names = ("MijnwebwinkelApiUrl", "SnelStartApiUrl", "SnelStartAuthUrl")
    kept: list[ParameterTypeDef] = [{"ParameterKey": name, "UsePreviousValue": True} for name in names]
    cloudformation.update_stack(
        StackName=STACK,
        UsePreviousTemplate=True,
        Parameters=[*kept, {"ParameterKey": "ViesUrl", "ParameterValue": url}],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


@pytest.fixture(scope="module")
def register() -> Iterator[str]:
    """A simulated VIES; its URL."""
    with simulator("sandbox.vies") as url:
        yield url


@pytest.fixture
def knows(books: Books, register: str) -> Iterator[Knows]:
    """The stack asks the register; tell it what to answer."""
    assert books.id

    def tell(answers: Mapping[str, Any]) -> None:
        httpx.post(f"{register}/_sim/register", json=dict(answers), trust_env=False).raise_for_status()

    tell({})
    asks(register)
    yield tell
    asks("")


def asked(register: str) -> list[str]:
    """The numbers it was asked about."""
    numbers: list[str] = httpx.get(f"{register}/_sim/asked", trust_env=False).json()["asked"]
    return numbers


@pytest.mark.usefixtures("knows")
def test_a_number_the_register_knows_would_be_booked(books: Books, register: str) -> None:
    """Only the reverse-charged order asks; its answer is a note, as on the booking, and nothing is written."""
    domestic, belgian = books.place(thing(), untaxed(**reversed_to("BE")))
    rows = books.rows()
    said = books.preview("--json")
    assert [(one["order_number"], one["outcome"]) for one in said.json["orders"]] == [
        (domestic, "book"),
        (belgian, "book"),
    ]
    assert asked(register) == [BELGIAN]
    [note] = [note for note in said.json["orders"][1]["notes"] if "VIES" in note]
    assert BELGIAN in note
    assert books.rows() == rows


def test_a_number_the_register_does_not_know_would_be_refused(books: Books, knows: Knows) -> None:
    """With the reason of the booking, its advice and exit code 1; nothing of the amount counts as booked."""
    knows({"unregistered": [BELGIAN]})
    [number] = books.place(untaxed(**reversed_to("BE")))
    said = books.preview("--order", number)
    assert said.code == 1
    assert f"Order {number} " in said.out
    assert "would be refused" in said.out
    assert "vat-number-not-in-vies: " in said.out
    assert "0 would be booked, EUR 0.00 in all" in said.out
    books.deliver(number)
    order = books.run("order", books.id, number, "--json").json
    assert (order["state"], order["reason"]["code"]) == ("refused", "vat-number-not-in-vies")


@pytest.mark.parametrize("trouble", [{"down": True}, {"errors": {"BE": "MS_UNAVAILABLE"}}])
def test_a_register_without_an_answer_means_trying_again(
    books: Books, knows: Knows, trouble: Mapping[str, Any]
) -> None:
    """Neither booked nor refused: the order would be tried again, and so it is once the register answers."""
    knows(trouble)
    [number] = books.place(untaxed(**reversed_to("BE")))
    said = books.preview("--order", number)
    assert said.code == 0
    assert "would be tried again" in said.out
    assert "1 to be tried again" in said.out
    told = books.preview("--order", number, "--json").json
    [looked] = told["orders"]
    assert (looked["outcome"], looked["reason"]["code"]) == ("again", "vat-number-vies-unavailable")
    assert told["summary"]["again"] == 1
    assert told["summary"]["book_total"] == "0.00"
    knows({})
    assert books.one(number)["outcome"] == "book"


@pytest.mark.usefixtures("knows")
def test_an_address_where_nobody_listens_means_trying_again(books: Books) -> None:
    """The same for a register that cannot be reached at all."""
    asks("http://127.0.0.1:9")
    [number] = books.place(untaxed(**reversed_to("BE")))
    assert books.one(number)["outcome"] == "again"
