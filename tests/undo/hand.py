"""Taking back as the command does it, and what is then demanded of the books."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from koppeling import importing
from koppeling.connections import Connections
from koppeling.deadline import Deadline
from koppeling.imports import Imports, Run
from koppeling.messages import ImportMessage, OrderMessage
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from koppeling.sync import sync_order
from koppeling.undo_orders import Taken, Undo, selected
from koppeling.workplace import Workplace
from sandbox.orders import generate
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, message

_STEPS = 40
_unused = count(100_001, 1000)


def undo(
    stage: Stage, connected: Connected, rows: Sequence[OrderRow], *, credit: bool = False, dry_run: bool = False
) -> dict[str, Taken]:
    """Take these orders back; what came of each, by number. Waiting is time that passes unseen."""
    connection = Connections(stage.table).get(connected.id)
    assert connection is not None
    with Workplace.open(stage.table, connection, live=False) as place:
        work = Undo.at(place, lambda _: stage.room_again(connected))
        found = (work.foreseen if dry_run else work.carried_out)(rows, credit=credit)
        return {one.row.number: one for one in found}


def undo_orders(stage: Stage, connected: Connected, *numbers: str, credit: bool = False) -> dict[str, Taken]:
    """Take back the orders with these numbers."""
    return undo(stage, connected, [stage.row(connected, number) for number in numbers], credit=credit)


def of_run(stage: Stage, connected: Connected, run: Run) -> list[OrderRow]:
    """The orders an import booked."""
    return selected(Orders(stage.table, connected.id), run=run.id)


def code(taken: Taken) -> str | None:
    """Why an order was left."""
    return taken.reason.code if taken.reason else None


def history(
    stage: Stage, connected: Connected, size: int, days: int = 3, payment: Mapping[str, str] | None = None
) -> list[str]:
    """Paid orders of some days ago in the shop; their numbers. `payment`: how all of them were paid."""
    start = datetime.now(AMSTERDAM) - timedelta(days=days + 1)
    first = next(_unused)
    made = generate(first, size, first_number=first, start=start, span=timedelta(days=days - 1), mix={"sale": 1})
    raws: list[dict[str, Any]] = []
    for index, each in enumerate(made):
        raw: dict[str, Any] = dict(each.raw)
        how = {"payment": {**raw["payment"], **payment}} if payment else {}
        raws.append(raw | {"debtor": {**raw["debtor"], "email": f"vast{index % 3}@example.nl"}} | how)
    stage.place(connected, *raws)
    return [each.number for each in made]


def imported(stage: Stage, connected: Connected) -> Run:
    """An import of the last month, from its beginning to its end."""
    first = (datetime.now(AMSTERDAM) - timedelta(days=30)).date()
    run = importing.start(stage.table, connected.connection, first)
    for _ in range(_STEPS):
        if importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58)) is None:
            ended = Imports(stage.table, connected.id).get(run.id)
            assert ended is not None
            return ended
        stage.room_again(connected)
    raise AssertionError("the import does not end")


def retry(connected: Connected, number: str) -> None:
    """`koppeling retry` of one order, as the worker takes it."""
    again = message(connected, number)
    sync_order(
        OrderMessage(again.connection_id, number, "retry", datetime.now(AMSTERDAM), again.trace), Deadline.after(58)
    )


def touched(stage: Stage, connected: Connected, number: str) -> None:
    """The shop says that the order's status changed once more, to what it was."""
    at = datetime.now(AMSTERDAM) - timedelta(minutes=7)
    stage.change(connected, number, status_changed_date=f"{at:%Y-%m-%d}", status_changed_time=f"{at:%H:%M:%S}")


def lease_over(stage: Stage, connected: Connected) -> None:
    """Whoever died has no order any more, and what is due is due now. As the rig's, for paid orders too."""
    for row in list(stage.table.rows(f"CONNECTION#{connected.id}", "ORDER#")):
        stage.table.put({name: value for name, value in row.items() if name not in ("owner", "lease_until")})
    stage.room_again(connected)


def demand_gone(stage: Stage, connected: Connected, *numbers: str) -> None:
    """No invoice, no payment line, and a row that says so and nothing of an invoice."""
    books = stage.ledger(connected)
    there = {invoice["factuurnummer"] for invoice in books["invoices"]}
    known = {invoice["id"] for invoice in books["invoices"]}
    for booking in (*books["bankboekingen"], *books["kasboekingen"]):
        assert booking["verkoopboekingBoekingsRegels"]
        assert {line["boekingId"]["id"] for line in booking["verkoopboekingBoekingsRegels"]} <= known
    for number in numbers:
        assert f"MWW{number}" not in there
        row = stage.row(connected, number)
        assert (row.state, row.reason and row.reason.code) == ("skipped", "shop-undone")
        assert (row.booking, row.verkoopboeking_id, row.payment_id, row.undoing, row.lease_until) == (None,) * 5


def demand_paid(stage: Stage, connected: Connected, *numbers: str) -> None:
    """One invoice, whole and paid, and a row that says so."""
    books = stage.ledger(connected)
    for number in numbers:
        [invoice] = [each for each in books["invoices"] if each["factuurnummer"] == f"MWW{number}"]
        assert Decimal(invoice["openstaandSaldo"]) == 0
        assert sum(Decimal(each["bedrag"]) for each in invoice["betalingen"]) == Decimal(invoice["factuurbedrag"])
        row = stage.row(connected, number)
        assert (row.state, row.verkoopboeking_id, row.undoing) == ("paid", invoice["id"], None)
