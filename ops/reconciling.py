"""`koppeling reconcile`: shop against books, to the cent, and what of it can safely be repaired."""

import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops import asking, output, places, stack
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, could_not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from koppeling.calls import Wait
    from koppeling.compared import Line, NotCompared, Reconciled
    from koppeling.connections import Connection
    from koppeling.nightly import Kept
    from koppeling.repairing import Repaired
    from koppeling.table import Table
    from ops.views import Fact

EXAMPLES = (
    "koppeling reconcile 1f2e3d4c5b6a7988 --from 2026-11-01 --to 2026-11-30",
    "koppeling reconcile 1f2e3d4c5b6a7988 --from 2026-11-01 --json",
    "koppeling reconcile 1f2e3d4c5b6a7988 --from 2026-11-01 --to 2026-11-30 --repair",
)

_LONGEST_WAIT: Final = 3900.0
"""Room in SnelStart's limits comes back within the hour."""

_REPAIR_SECONDS: Final = 600.0
_SHOWN = 10


def reconcile(
    connection_id: ConnectionId,
    *,
    from_: Annotated[str, typer.Option("--from", metavar="DATE", help="The orders placed from this day on.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Up to and including; today if left out.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have booked what is missing, and settled what is open; no more.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="With --repair: wait until that is done, and compare again.")
    ] = True,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,
) -> int:
    """Compare a shop with its books, to the cent: per order, per day, per VAT rate and per journal.

    Both sides are read back; nothing is written. It waits for room in SnelStart's limits, which orders of now go
    before, and takes at most a tenth of them. Exit code 1 when shop and books differ. With --repair orders that are
    missing are queued and open invoices settled, also those that were removed in SnelStart; what else differs is
    named and left.
    """
    first, last = asking.period(from_, to)
    _, rows, connection = places.find(stack_name, connection_id)
    if repair and connection.paused:
        raise could_not(
            "connection-paused",
            f"Connection {connection.id} is paused, so nothing can be repaired.",
            f"`koppeling resume {connection.id}` first.",
        )
    done, repaired = _done(rows, connection, first, last, repair=repair, wait=wait)
    if json:
        output.document({**done.as_json(), **(_repaired_json(repaired) if repaired else {})})
    else:
        _show(done, repaired)
    if done.closes:
        return Exit.DONE
    return output.not_well(f"Shop and books differ: {_differ(len(done.differences))}.")


def _done(
    rows: "Table", connection: "Connection", first: date, last: date, *, repair: bool, wait: bool
) -> "tuple[Reconciled, Repaired | None]":
    from koppeling import reconcile as reconciling
    from koppeling import repairing
    from koppeling.workplace import Workplace

    with Workplace.open(rows, connection, live=False) as place:
        done = reconciling.reconcile(place, first, last, progress=progress, wait=waiting())
        if not repair or not done.differences:
            return done, None
        repaired = repairing.repair(place, done.differences)
        if repaired.queued and wait:
            unfinished = repairing.settled_down(place, repaired.queued, _REPAIR_SECONDS, _still)
            done = reconciling.reconcile(place, first, last, progress=progress, wait=waiting())
            repaired = repaired.after(done.differences, unfinished)
    return done, repaired


def kept_json(kept: "Kept | None") -> dict[str, Any] | None:
    """What last night's comparison came to."""
    return kept.as_json() if kept else None


def kept_facts(kept: "Kept | None") -> "list[Fact]":
    """The same for people."""
    if kept is None:
        return []
    shown = [("", f"{one['kind']}: {one['sentence']}") for one in kept.differences[:_SHOWN]]
    more = [("", f"and {kept.count - _SHOWN} more")] if kept.count > _SHOWN else []
    unseen = [("", _unseen(kept.not_compared))] if kept.not_compared else []
    return [("books", f"{mark(kept)} ({kept.start} to {kept.end}, {kept.orders} orders)"), *shown, *more, *unseen]


def mark(kept: "Kept | None") -> str:
    """In a few words."""
    if kept is None:
        return ""
    return kept.verdict if kept.closes else f"{kept.verdict}: {_differ(kept.count)}"


def _differ(count: int) -> str:
    if not count:
        return "no order does, but not every total closes"
    return f"{count} difference{'' if count == 1 else 's'}"


def _unseen(unseen: "NotCompared") -> str:
    return (
        f"Not compared, for nothing that few calls read shows it: VAT of {unseen.vat} invoices, rate of turnover of"
        f" {unseen.rate}, journal of {unseen.journal}, date of {unseen.date}; {unseen.unread} other invoices not read."
    )


def _show(done: "Reconciled", repaired: "Repaired | None") -> None:
    if done.differences:
        differences = ((one.order_number, one.kind, f"{one.sentence} {one.advice}") for one in done.differences)
        output.table(("order", "difference", "what, and what to do"), differences)
    unseen = done.not_compared
    for heading, lines, in_part in (
        ("day", done.days, unseen.date),
        ("VAT", done.vat, unseen.vat),
        ("turnover", done.rates, unseen.rate),
        ("journal", done.journals, unseen.journal),
    ):
        if lines:
            output.table((heading, "shop", "books", ""), _lines(lines, in_part=bool(in_part)))
    if unseen:
        print(_unseen(unseen))
    print(
        f"{done.verdict.capitalize()}: {done.orders} orders, shop EUR {done.shop_total}, books EUR {done.books_total}."
    )
    if repaired:
        print(f"Queued to be repaired: {', '.join(repaired.queued) or 'none'}.")
        if repaired.refused:
            print(f"Refused when it was to be repaired: {', '.join(repaired.refused)}; why is above.")
        if repaired.unfinished:
            print(f"Not finished in time, still under way: {', '.join(repaired.unfinished)}. Compare again later.")
        left = ", ".join(f"{one.order_number} ({one.kind})" for one in repaired.left)
        print(f"Left to you: {output.plain(left) or 'nothing'}.")


def _lines(lines: "Iterable[Line]", *, in_part: bool) -> list[tuple[str, str, str, str]]:
    closes = "sluitend voor zover vergeleken" if in_part else "sluitend"
    return [(one.name, str(one.shop), str(one.books), closes if one.closes else "niet sluitend") for one in lines]


def _repaired_json(repaired: "Repaired") -> dict[str, Any]:
    return {
        "repair": {
            "queued": list(repaired.queued),
            "refused": list(repaired.refused),
            "unfinished": list(repaired.unfinished),
            "left": [one.as_json() for one in repaired.left],
        }
    }


def waiting() -> "Wait":
    """Waits for room in SnelStart's limits, saying so at a terminal, for an hour in all."""
    waited = 0.0

    def wait(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited > _LONGEST_WAIT:
            raise could_not(
                "snelstart-busy",
                "SnelStart's limits have left no room for over an hour.",
                "Try again when fewer orders come in.",
            )
        if sys.stderr.isatty():
            output.remark(f"No room in SnelStart's limits: waiting {seconds:.0f} s ...")
        time.sleep(seconds)

    return wait


def progress(done: int, expected: int) -> None:
    """How far it is, at a terminal."""
    if sys.stderr.isatty():
        output.remark(f"{done} of {expected} orders read ...")


def _still(waiting: int) -> None:
    if sys.stderr.isatty():
        output.remark(f"{waiting} orders still under way ...")
