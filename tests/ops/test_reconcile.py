"""`koppeling reconcile` as the operator sees it: figures, tables, differences with advice, exit codes."""

import time
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest

from koppeling import clock, nightly
from koppeling.connections import Connections
from koppeling.messages import ReconcileMessage
from koppeling.table import table
from ops import reconciling
from tests.exactly_once.rig import order
from tests.ops.conftest import Deployed, Said
from tests.ops.desk import Books

TODAY = clock.now().astimezone(clock.AMSTERDAM).date()


def compared(books: Books, *more: str) -> Said:
    """Two days against the books."""
    return books.run("reconcile", books.id, "--from", str(TODAY - timedelta(days=1)), "--to", str(TODAY), *more)


def booked(books: Books) -> dict[str, Any]:
    """An order of now, in the books."""
    raw = order()
    [number] = books.place(raw)
    books.deliver(number)
    return raw


def total(*raws: dict[str, Any]) -> str:
    """What these orders come to."""
    return str(sum((Decimal(raw["price"]["total"]) for raw in raws), Decimal(0)).quantize(Decimal("0.01")))


def test_a_period_that_closes_is_exit_code_0(books: Books) -> None:
    """The totals of both sides, and per day, VAT and journal that they close."""
    raws = [booked(books), booked(books)]
    said = compared(books, "--json")
    assert (said.code, said.err) == (0, "")
    told = said.json
    assert (told["closes"], told["orders"], told["differences"]) == (True, 2, [])
    assert told["shop_total"] == told["books_total"] == total(*raws)
    assert [one["name"] for one in told["per_day"]] == [str(TODAY)]
    assert all(one["closes"] for name in ("per_day", "per_vat", "per_rate", "per_journal") for one in told[name])
    shown = compared(books)
    assert shown.code == 0
    assert f"Sluitend: 2 orders, shop EUR {total(*raws)}, books EUR {total(*raws)}." in shown.out
    assert shown.out.count("sluitend") == sum(
        len(told[name]) for name in ("per_day", "per_vat", "per_rate", "per_journal")
    )


def test_a_difference_is_exit_code_1_and_named_with_advice(books: Books) -> None:
    """In the document with the contract's keys, in the table with what to do, and one line on standard error."""
    there, missing = booked(books), order()
    books.place(missing)
    said = compared(books, "--json")
    assert said.code == 1
    assert said.err == "Shop and books differ: 1 difference.\n"
    [only] = said.json["differences"]
    assert only.keys() == {"order_number", "kind", "shop", "books", "sentence", "advice"}
    assert (only["order_number"], only["kind"]) == (str(missing["number"]), "missing")
    assert (only["shop"], only["books"]) == (total(missing), None)
    assert (said.json["shop_total"], said.json["books_total"]) == (total(there, missing), total(there))
    shown = compared(books)
    assert shown.code == 1
    assert "staat niet in SnelStart" in " ".join(shown.out.split())
    assert "Niet sluitend" in shown.out


def test_what_was_not_compared_is_said_wherever_it_is_called_sluitend(books: Books) -> None:
    """By the command, by `show` and by `list`; it is no difference, so exit code 0."""
    yesterday = TODAY - timedelta(days=1)
    [number] = books.place(order(date=str(yesterday), status_changed_date=str(yesterday)))
    books.deliver(number)
    refused = {"kind": "refused", "method": "GET", "path": "/grootboekmutaties", "administration": books.books.id}
    books.books.sim("POST", "/faults", refused | {"times": 3, "error_code": "ALG-0001", "message": "Geen recht"})
    told, shown = compared(books, "--json"), compared(books)
    nightly.carry_out(table(), ReconcileMessage(books.id, yesterday, 35), "no-queue")
    assert (told.code, told.json["closes"], told.json["verdict"]) == (0, True, "sluitend voor zover vergeleken")
    assert shown.code == 0
    assert "Sluitend voor zover vergeleken: 1 orders" in shown.out
    assert "journal of 1" in shown.out
    assert "sluitend voor zover vergeleken" in books.run("list").out
    assert "sluitend voor zover vergeleken" in books.run("show", books.id).out
    assert "journal of 1" in books.run("show", books.id).out
    kept = books.run("show", books.id, "--json").json["reconciled"]
    assert (kept["closes"], kept["not_compared"]["journal"]) == (True, 1)


def test_repair_queues_what_is_safe_and_says_what_it_left(books: Books, stack: Deployed) -> None:
    """The missing order is queued; one in dollars is left, and named."""
    missing, dollars = order(), order(currency="USD")
    books.place(missing, dollars)
    said = compared(books, "--repair", "--no-wait", "--json")
    assert said.code == 1
    assert said.json["repair"]["queued"] == [str(missing["number"])]
    assert [one["order_number"] for one in said.json["repair"]["left"]] == [str(dollars["number"])]
    assert [message["order_number"] for _, message in stack.taken("OrderQueueUrl")] == [str(missing["number"])]
    books.deliver(str(missing["number"]))
    shown = compared(books, "--repair", "--no-wait")
    assert shown.code == 1
    assert "Queued to be repaired: none." in shown.out
    assert f"Left to you: {dollars['number']} (missing)." in shown.out


def test_repair_says_after_waiting_what_was_refused_or_not_finished(
    books: Books, stack: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is refused although it looked well, one that no worker came to: neither is passed over."""
    monkeypatch.setattr(reconciling, "_REPAIR_SECONDS", 0.0)
    [late] = books.place(order())
    said = compared(books, "--repair", "--json")
    assert said.code == 1
    assert said.json["repair"] == {"queued": [late], "unfinished": [late], "refused": [], "left": []}
    shown = compared(books, "--repair")
    assert f"Not finished in time, still under way: {late}. Compare again later." in shown.out
    assert "Left to you: nothing." in shown.out
    refused = {"kind": "refused", "method": "POST", "path": "/verkoopboekingen", "administration": books.books.id}
    books.books.sim("POST", "/faults", refused | {"error_code": "ALG-0001", "message": "Nee"})

    def work() -> None:
        while not stack.taken("OrderQueueUrl"):
            time.sleep(0.1)
        books.deliver(late)

    stack.taken("OrderQueueUrl")
    monkeypatch.setattr(reconciling, "_REPAIR_SECONDS", 30.0)
    worker = Thread(target=work)
    worker.start()
    shown = compared(books, "--repair")
    worker.join()
    assert shown.code == 1
    assert f"Refused when it was to be repaired: {late}" in shown.out
    assert f"Left to you: {late} (missing)." in shown.out


def test_nothing_is_repaired_of_a_paused_connection(books: Books) -> None:
    """Compared it can be; repaired it cannot, and is told so before anything is asked."""
    books.place(order())
    assert books.run("pause", books.id).code == 0
    assert compared(books).code == 1
    said = compared(books, "--repair", "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "connection-paused")


@pytest.mark.parametrize(("first", "last"), [("2026-11-02", "2026-11-01"), ("gisteren", "2026-11-01")])
def test_days_that_cannot_be_meant_are_exit_code_2(books: Books, first: str, last: str) -> None:
    """The wrong way round, or no day at all."""
    said = books.run("reconcile", books.id, "--from", first, "--to", last)
    assert (said.code, said.out) == (2, "")


def test_a_credential_that_is_refused_is_exit_code_3(books: Books) -> None:
    """One line that says whose."""
    books.books.sim("POST", f"/administrations/{books.books.id}", {"active": False})
    books.books.sim("POST", "/tokens/expire", {"administration": books.books.id})
    said = compared(books, "--json")
    assert said.code == 3
    assert said.json["error"]["code"] == "snelstart-key-refused"


def test_last_nights_outcome_is_shown(books: Books) -> None:
    """`show` tells it with its differences, `list` with a mark; nothing before the first night."""
    assert books.run("show", books.id, "--json").json["reconciled"] is None
    yesterday = TODAY - timedelta(days=1)
    [number] = books.place(order(date=str(yesterday), status_changed_date=str(yesterday)))
    kept = nightly.carry_out(table(), ReconcileMessage(books.id, yesterday, 35), "no-queue")
    assert kept is not None
    assert Connections(table()).get(books.id) is not None
    told = books.run("show", books.id, "--json").json["reconciled"]
    assert (told["closes"], told["count"], told["to"]) == (False, 1, str(yesterday))
    assert told["differences"][0]["order_number"] == number
    assert "1 difference" in books.run("show", books.id).out
    assert "niet sluitend: 1 difference" in books.run("list").out
    [listed] = books.run("list", "--json").json
    assert listed["reconciled"]["closes"] is False
    books.deliver(number)
    nightly.carry_out(table(), ReconcileMessage(books.id, yesterday, 35), "no-queue")
    assert "sluitend" in books.run("list").out
