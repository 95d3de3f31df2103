"""`koppeling undo`: what the operator is shown, and what is done."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from koppeling import importing
from koppeling.deadline import Deadline
from koppeling.messages import ImportMessage
from koppeling.settings import settings
from koppeling.table import table
from ops.stack import find
from sandbox.orders import generate
from tests.exactly_once.rig import AMSTERDAM
from tests.ops.conftest import STACK, Deployed, Koppeling
from tests.ops.desk import Books

_TODAY = datetime.now(AMSTERDAM).date().isoformat()


def _booked(books: Books, count: int = 2) -> list[str]:
    start = datetime.now(AMSTERDAM)
    made = generate(11, count, first_number=2001, start=start, span=timedelta(0), mix={"sale": 1})
    numbers = books.place(*(dict(each.raw) for each in made))
    for number in numbers:
        books.deliver(number)
    return numbers


def test_it_is_shown_first_and_done_when_told_to(books: Books) -> None:
    """Without --yes nothing changes anywhere; with it the order is out of the books, and a retry may bring it back."""
    [number, other] = _booked(books)
    rows, written = books.rows(), books.writes()
    shown = books.run("undo", books.id, "--order", number)
    assert shown.code == 0
    assert "would be taken back" in shown.out
    assert "--yes" in shown.out
    assert (books.rows(), books.writes()) == (rows, written)
    done = books.run("undo", books.id, "--order", number, "--yes", "--json")
    assert done.code == 0
    assert (done.json["dry_run"], done.json["summary"]["undone"]) == (False, 1)
    [one] = done.json["orders"]
    assert (one["order_number"], one["invoice_number"], one["outcome"]) == (number, f"MWW{number}", "undone")
    order = books.run("order", books.id, number, "--json").json
    assert (order["state"], order["reason"]["code"]) == ("skipped", "shop-undone")
    assert [invoice["factuurnummer"] for invoice in books.books.books()["invoices"]] == [f"MWW{other}"]
    assert books.one(number)["outcome"] == "skip"


def test_a_day_with_something_left_ends_not_well(books: Books) -> None:
    """Exit code 1, and each order that stays with its reason; a credit invoice can be booked instead."""
    [number, other] = _booked(books)
    key = next(one["id"] for one in books.books.books()["invoices"] if one["factuurnummer"] == f"MWW{other}")
    books.books.plant("accountant", id=key)
    said = books.run("undo", books.id, "--day", _TODAY, "--yes", "--json")
    assert said.code == 1
    outcomes = {one["order_number"]: one["outcome"] for one in said.json["orders"]}
    assert outcomes == {number: "undone", other: "left"}
    assert "1 of 2 left" in said.err
    shown = books.run("undo", books.id, "--day", _TODAY, "--credit")
    assert "would be credited" in shown.out
    done = books.run("undo", books.id, "--day", _TODAY, "--credit", "--yes", "--json")
    assert (done.code, done.json["summary"]["credited"]) == (0, 1)
    assert done.err == ""
    assert books.run("order", books.id, other, "--json").json["state"] == "credited"


def test_standard_output_is_the_document_alone(books: Books) -> None:
    """Whatever an order's story logs elsewhere: a process of its own prints one JSON document and nothing else."""
    [number] = _booked(books, 1)
    script = Path(sys.executable).with_name("koppeling")
    done = subprocess.run(  # noqa: S603 -- our own
        [script, "undo", books.id, "--order", number, "--credit", "--yes", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"]["credited"] == 1


def test_an_import_is_named_by_its_run(books: Books) -> None:
    """Only one that has ended; what it booked, and no other order."""
    [live] = _booked(books, 1)
    made = generate(12, 3, first_number=3001, start=datetime.now(AMSTERDAM), span=timedelta(0), mix={"sale": 1})
    numbers = books.place(*(dict(each.raw) for each in made))
    run = books.run("import", books.id, "--from", _TODAY, "--no-wait", "--json").json["import"]
    early = books.run("undo", books.id, "--import", run)
    assert early.code == 3
    assert "--cancel" in early.err
    while importing.step(table(), ImportMessage(books.id, run), Deadline.after(58)):
        pass
    done = books.run("undo", books.id, "--import", run, "--yes", "--json").json
    assert {one["order_number"] for one in done["orders"]} == set(numbers)
    assert [invoice["factuurnummer"] for invoice in books.books.books()["invoices"]] == [f"MWW{live}"]
    assert books.run("undo", books.id, "--import", "20261123-00000000").code == 3


def test_an_order_nobody_knows_is_said(books: Books) -> None:
    """There is no row to take back."""
    said = books.run("undo", books.id, "--order", "987654", "--yes")
    assert said.code == 3
    assert "never announced" in said.err


@pytest.mark.parametrize(
    "arguments",
    [(), ("--order", "1001", "--day", _TODAY), ("--day", "gisteren"), ("--order", "10 01")],
)
def test_what_cannot_be_meant_is_exit_code_2(koppeling: Koppeling, arguments: tuple[str, ...]) -> None:
    """Nothing or two things named, a day that is none, a number that is none."""
    assert koppeling("undo", "0123456789abcdef", *arguments).code == 2


def test_the_command_waits_as_long_as_the_deployment_says(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SettleSeconds` is the stack's: a command that sent a credit again sooner than that might book it twice."""
    assert stack.outputs
    monkeypatch.setenv("SETTLE_SECONDS", "7")
    find(STACK)
    assert settings().settle_seconds == 120
