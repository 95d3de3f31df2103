"""`koppeling import`: what the operator begins, follows, stops and ends."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from koppeling import importing
from koppeling.connections import Connections
from koppeling.deadline import Deadline
from koppeling.imports import Counts, Imports
from koppeling.messages import ImportMessage
from koppeling.table import table
from sandbox.orders import generate
from tests.exactly_once.rig import AMSTERDAM
from tests.ops.conftest import Deployed, Koppeling
from tests.ops.desk import Books

_FIRST = (datetime.now(AMSTERDAM) - timedelta(days=20)).date().isoformat()


def _history(books: Books, count: int) -> list[str]:
    start = datetime.now(AMSTERDAM) - timedelta(days=3)
    made = generate(3, count, first_number=100_001, start=start, span=timedelta(days=2), mix={"sale": 1})
    return books.place(*(dict(each.raw) for each in made))


def _work(books: Books, run: dict[str, Any]) -> None:
    """What the worker does with the run's messages."""
    for _ in range(20):
        if importing.step(table(), ImportMessage(books.id, run["import"]), Deadline.after(58)) is None:
            return
    raise AssertionError("the import does not end")


def test_an_import_is_begun_followed_and_summed_up(books: Books, stack: Deployed) -> None:
    """--from begins it and puts its message in the imports' lane; without it the newest one is told, to the end."""
    _history(books, 12)
    begun = books.run("import", books.id, "--from", _FIRST, "--no-wait", "--json").json
    assert (begun["state"], begun["from"], begun["read"]) == ("running", _FIRST, 0)
    assert [content["import"] for _, content in stack.taken("ImportQueueUrl")] == [begun["import"]]
    again = books.run("import", books.id, "--from", _FIRST, "--no-wait")
    assert again.code == 2
    assert "under way" in again.err
    _work(books, begun)
    ended = books.run("import", books.id, "--json").json
    assert (ended["state"], ended["booked"], ended["unsettled"]) == ("done", 12, 0)
    said = books.run("import", books.id)
    assert said.code == 0
    assert "12 of 12" in said.out
    assert "an order" in said.out


def test_the_pace_of_an_import_and_what_is_left_are_told_to_scripts_and_people(books: Books) -> None:
    """Orders an hour and seconds of work, as long as there are any to tell; nobody has to look on for it."""
    _history(books, 12)
    begun = books.run("import", books.id, "--from", _FIRST, "--no-wait", "--json").json
    assert (begun["worked_seconds"], begun["per_hour"], begun["seconds_left"]) == (0, None, None)
    held = Imports(table(), books.id).hold(begun["import"])
    assert held
    far = replace(held.run, expected=130, counts=Counts(read=100, booked=90, skipped=10), worked_seconds=1800.0)
    assert held.save(far, release=True)
    halfway = books.run("import", books.id, "--no-wait", "--json").json
    assert (halfway["worked_seconds"], halfway["per_hour"], halfway["seconds_left"]) == (1800, 200, 540)
    said = dict(line.split("  ", 1) for line in books.run("import", books.id, "--no-wait").out.splitlines())
    assert {name: value.strip() for name, value in said.items() if "work" in name or "hour" in name} == {
        "worked": "0:30:00",
        "orders an hour": "200",
        "still to work": "about 0:09:00",
    }
    _work(books, begun)
    ended = books.run("import", books.id, "--json").json
    assert (ended["seconds_left"], ended["worked_seconds"] > 0, ended["per_hour"] > 0) == (0, True, True)
    assert "still to work" not in books.run("import", books.id).out


@pytest.mark.parametrize(("last", "kept"), [(10, 1), (1, 0), (None, 0)])
def test_an_import_with_an_end_opens_no_day_between_itself_and_the_start_date(
    books: Books, last: int | None, kept: int
) -> None:
    """Somebody else may have booked those; an import that reaches the start date moves it back."""
    today = datetime.now(AMSTERDAM).date()
    connections = Connections(table())
    connection = connections.get(books.id)
    assert connection is not None
    profile = connection.profile.model_copy(update={"start_date": today})
    connections.save(replace(connection, profile=profile), "profile")
    until = ("--to", str(today - timedelta(days=last))) if last else ()
    assert books.run("import", books.id, "--from", _FIRST, *until, "--no-wait").code == 0
    opened = connections.get(books.id)
    assert opened is not None
    assert opened.profile.begins == date.fromisoformat(_FIRST)
    assert len(opened.profile.imported) == kept
    assert opened.profile.books(today - timedelta(days=9)) is (kept == 0)
    assert f"imported = [[{_FIRST}, {today - timedelta(days=10)}]]" in books.run("profile", books.id).out or not kept


def test_refused_orders_make_it_end_not_well(books: Books) -> None:
    """Exit code 1 and where to look, when some of it could not be booked."""
    [made] = generate(5, 1, start=datetime.now(AMSTERDAM), span=timedelta(0), mix={"sale": 1})
    books.place({**made.raw, "currency": "USD"})
    run = books.run("import", books.id, "--from", _FIRST, "--no-wait", "--json").json
    _work(books, run)
    said = books.run("import", books.id)
    assert said.code == 1
    assert f"koppeling orders {books.id} --state refused" in said.err


def test_an_import_can_be_stopped_gone_on_with_and_ended(books: Books, stack: Deployed) -> None:
    """--pause, --resume and --cancel act on the newest one; an ended one takes none of them."""
    _history(books, 3)
    run = books.run("import", books.id, "--from", _FIRST, "--no-wait", "--json").json
    assert books.run("import", books.id, "--pause", "--json").json["state"] == "paused"
    stack.taken("ImportQueueUrl")
    assert importing.step(table(), ImportMessage(books.id, run["import"]), Deadline.after(58)) is None
    assert books.run("import", books.id, "--resume", "--no-wait", "--json").json["state"] == "running"
    assert len(stack.taken("ImportQueueUrl")) == 1
    stack.taken("ImportQueueUrl")
    assert books.run("import", books.id, "--cancel", "--no-wait", "--json").json["state"] == "cancelled"
    assert len(stack.taken("ImportQueueUrl")) == 1
    # As long as it has not ended it can be asked once more: else nobody could end one whose message was lost.
    assert books.run("import", books.id, "--cancel", "--no-wait", "--json").json["state"] == "cancelled"
    assert len(stack.taken("ImportQueueUrl")) == 1
    _work(books, run)
    said = books.run("import", books.id, "--resume")
    assert said.code == 3
    assert "has ended" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "gisteren"),
        ("--pause", "--cancel"),
        ("--to", "2026-01-01"),
        ("--from", "2026-02-01", "--to", "2026-01-01"),
    ],
)
def test_what_cannot_be_meant_is_said(books: Books, arguments: tuple[str, ...]) -> None:
    """A day that is none, two wishes at once, an end without or before its beginning."""
    assert books.run("import", books.id, *arguments).code == 2


def test_nothing_to_follow_is_said(books: Books) -> None:
    """No import yet: how to begin one."""
    said = books.run("import", books.id)
    assert said.code == 3
    assert "--from" in said.err


def test_add_can_begin_with_the_history(stack: Deployed, koppeling: Koppeling, books: Books) -> None:
    """`add --history-from` adds the connection and begins its import at once; a day that is none adds nothing."""
    stack.taken("ImportQueueUrl")
    words = ("add", "--name", "Nog een", "--shop-token", books.token, "--json")
    administration = stack.books.other()
    key = ("--snelstart-key", str(administration.made["koppelsleutel"]))
    assert koppeling(*words, *key, "--history-from", "ooit").code == 2
    added = koppeling(*words, *key, "--history-from", _FIRST).json
    assert (added["history"]["state"], added["history"]["from"]) == ("running", _FIRST)
    [(group, content)] = stack.taken("ImportQueueUrl")
    assert (group, content["import"]) == (added["id"], added["history"]["import"])
    administration.close()


def test_a_history_that_may_not_be_imported_hides_nothing_of_the_connection_that_was_added(
    stack: Deployed, koppeling: Koppeling, books: Books, tmp_path: Path
) -> None:
    """A removed connection booked those days under other numbers: the new secret is shown, and what is wrong."""
    administration = stack.books.other()
    key = ("--snelstart-key", str(administration.made["koppelsleutel"]))
    words = ("add", "--name", "Nog een", "--shop-token", books.token, *key)
    assert koppeling("remove", koppeling(*words, "--json").json["id"], "--yes").code == 0
    profile = tmp_path / "winkel.toml"
    tomorrow = datetime.now(AMSTERDAM).date() + timedelta(days=1)
    profile.write_text(f'invoice_number = "W{{number}}"\nstart_date = {tomorrow}\n')
    stack.taken("ImportQueueUrl")
    said = koppeling(*words, "--profile", str(profile), "--history-from", _FIRST, "--json")
    assert (said.code, said.json["history"], bool(said.json["webhook_secret"])) == (1, None, True)
    assert "invoice_number" in said.err
    assert not stack.taken("ImportQueueUrl")
    administration.close()
