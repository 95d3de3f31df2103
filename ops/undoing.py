"""`koppeling undo`: take out of the books what was booked, or book a credit against it, where that is provably ours."""

import logging
import sys
import time
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops import asking, output, places, stack
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, could_not, wrong_use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from koppeling.connections import Connection
    from koppeling.order_row import OrderRow
    from koppeling.table import Table
    from koppeling.undo_orders import Outcome, Taken

EXAMPLES = (
    "koppeling undo 1f2e3d4c5b6a7988 --order 1001",
    "koppeling undo 1f2e3d4c5b6a7988 --order 1001 --yes",
    "koppeling undo 1f2e3d4c5b6a7988 --day 2026-11-23 --yes",
    "koppeling undo 1f2e3d4c5b6a7988 --import 20261123-1a2b3c4d --yes",
    "koppeling undo 1f2e3d4c5b6a7988 --day 2026-09-30 --credit --yes",
)

_LONGEST_WAIT: Final = 3900.0
"""Room in SnelStart's limits comes back within the hour."""

_EVERY: Final = 25
_SAID: Final[dict["Outcome", str]] = {
    "would-undo": "would be taken back",
    "undone": "taken back",
    "would-credit": "would be credited",
    "credited": "credited",
    "left": "left as it is",
}


def undo(
    connection_id: ConnectionId,
    *,
    number: Annotated[
        str | None, typer.Option("--order", metavar="NUMBER", help="One order, by its number in the shop.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--import", metavar="RUN", help="All orders an import booked, as `import` names it.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="All orders whose invoice bears this date.")
    ] = None,
    credit: Annotated[
        bool, typer.Option("--credit", help="Book a credit invoice of today against each, instead of removing it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,
) -> int:
    """Take back what was booked: the payment first, then the invoice. Shows what it would do; --yes does it.

    Only what is provably ours and was not changed since; nothing in a closed or filed period, nothing an accountant
    changed, nothing credited: the rest is named with why, and --credit offers a credit invoice instead. Whether a
    period is closed SnelStart says only when asked to remove something. Customers stay. An order that was taken back
    is not booked again by itself; `koppeling retry` and `koppeling import` book it again. It waits for room in
    SnelStart's limits, which orders of now go before; what Ctrl-C interrupts, the deployment finishes. Exit code 1
    when something is left as it is.
    """
    if sum(value is not None for value in (number, run, day)) != 1:
        raise wrong_use("wrong-use", "Give one of --order, --import and --day", "(see `koppeling undo --help`).")
    wanted = places.order_number(number) if number is not None else None
    on = asking.day("--day", day) if day is not None else None
    _, rows, connection = places.find(stack_name, connection_id)
    chosen = _chosen(rows, connection, wanted, run, on)
    taken = list(_taken(rows, connection, chosen, credit=credit, yes=yes))
    if json:
        output.document(_document(connection.id, taken, dry_run=not yes))
    else:
        _show(taken, dry_run=not yes)
    left = [one for one in taken if one.outcome == "left"]
    if not left:
        return Exit.DONE
    return output.not_well(f"{len(left)} of {len(taken)} left as {'it is' if len(left) == 1 else 'they are'}.")


def _chosen(
    rows: "Table", connection: "Connection", number: str | None, run: str | None, day: date | None
) -> "list[OrderRow]":
    from koppeling.orders import Orders
    from koppeling.undo_orders import selected

    orders = Orders(rows, connection.id)
    if number is not None:
        row = orders.get(number)
        if row is None:
            raise could_not(
                "no-such-order",
                f"Order {number} of connection {connection.id} was never announced here.",
                f"`koppeling orders {connection.id}` lists the ones that were.",
            )
        return [row]
    if run is not None:
        _demand_ended(rows, connection, run)
    return selected(orders, run=run or "", day=day)


def _demand_ended(rows: "Table", connection: "Connection", run_id: str) -> None:
    from koppeling.imports import Imports

    run = Imports(rows, connection.id).get(run_id)
    if run is None:
        raise could_not(
            "no-import",
            f"There is no import {run_id} of this connection.",
            f"`koppeling import {connection.id}` shows the newest.",
        )
    if not run.finished:
        raise could_not(
            "import-under-way",
            "This import is still under way.",
            f"End it first with `koppeling import {connection.id} --cancel`.",
        )


def _taken(
    rows: "Table", connection: "Connection", chosen: "list[OrderRow]", *, credit: bool, yes: bool
) -> "Iterator[Taken]":
    from koppeling.undo_orders import Undo
    from koppeling.workplace import Workplace

    with _unlogged(), Workplace.open(rows, connection, live=False) as place:
        undoing = Undo.at(place, _wait)
        work = undoing.carried_out if yes else undoing.foreseen
        for done, one in enumerate(work(chosen, credit=credit), 1):
            if done % _EVERY == 0 and sys.stderr.isatty():
                output.remark(f"{done} of {len(chosen)} orders ...")
            yield one


@contextmanager
def _unlogged() -> "Iterator[None]":
    """Without the functions' log lines, which go to standard output: every order's row tells the same."""
    from koppeling.telemetry import logger

    before = logger.log_level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _wait(seconds: float) -> None:
    wait = min(max(seconds, 1.0), _LONGEST_WAIT)
    if sys.stderr.isatty():
        output.remark(f"No room in SnelStart's limits, or no answer: waiting {wait:.0f} s ...")
    time.sleep(wait)


def _document(connection_id: str, taken: "list[Taken]", *, dry_run: bool) -> dict[str, Any]:
    counts = {outcome: sum(one.outcome == outcome for one in taken) for outcome in _SAID}
    return {
        "connection_id": connection_id,
        "dry_run": dry_run,
        "summary": {"orders": len(taken), **{name.replace("-", "_"): count for name, count in counts.items()}},
        "orders": [
            {
                "order_number": one.row.number,
                "invoice_number": one.row.booking.factuurnummer if one.row.booking else None,
                "date": one.row.booking.factuurdatum if one.row.booking else None,
                "total": one.row.total,
                "outcome": one.outcome,
                "reason": one.reason.as_dict() if one.reason else None,
            }
            for one in taken
        ],
    }


def _show(taken: "list[Taken]", *, dry_run: bool) -> None:
    if not taken:
        print("No orders.")
        return
    cells = (
        (
            one.row.number,
            one.row.booking.factuurnummer if one.row.booking else "",
            one.row.booking.factuurdatum if one.row.booking else "",
            one.row.total or "",
            _SAID[one.outcome],
            f"{one.reason.code}: {output.say(one.reason)}" if one.reason else "",
        )
        for one in taken
    )
    output.table(("order", "invoice", "date", "total", "", "why, and what to do"), cells)
    print(f"{_summed_up(taken)}.{' Nothing was changed: --yes does it.' if dry_run else ''}")


def _summed_up(taken: "Iterable[Taken]") -> str:
    parts = []
    for outcome, said in _SAID.items():
        totals = [Decimal(one.row.total or 0) for one in taken if one.outcome == outcome]
        if totals:
            parts.append(f"{len(totals)} {said}, EUR {sum(totals, Decimal(0)):.2f}")
    return "; ".join(parts)
