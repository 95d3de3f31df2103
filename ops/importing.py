"""`koppeling import`: bring a shop's finished orders over, follow how far it is, have it stand still or end."""

import sys
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ops import asking, output, places, stack
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, could_not, wrong_use

if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.imports import Imports, Run
    from koppeling.table import Table

EXAMPLES = (
    "koppeling import 1f2e3d4c5b6a7988 --from 2026-01-01",
    "koppeling import 1f2e3d4c5b6a7988 --from 2026-01-01 --to 2026-03-31 --no-wait",
    "koppeling import 1f2e3d4c5b6a7988",
    "koppeling import 1f2e3d4c5b6a7988 --pause",
)

_LOOK_SECONDS = 2.0
_SILENT_SECONDS = 1800.0
"""A run that does not move for this long has lost its message; the longest it waits for room is an hour's window."""


def import_(  # noqa: PLR0913 -- the options of one command
    connection_id: ConnectionId,
    *,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Begin an import of the orders from this day on.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Up to and including; today if left out.")
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Have the import stand still.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Have it go on.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="End it; what it booked stays, and is settled.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it until it has ended.")] = True,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,
) -> int:
    """Import the orders a shop already has, by the day they were placed.

    It runs in the deployment and yields to orders of now; Ctrl-C only stops following it. Without --from: the newest
    import as it stands. An order that is in the books under its own invoice number is not booked again, whoever booked
    it; one that was booked by hand under another number is not recognised.
    """
    if sum((from_ is not None, pause, resume, cancel)) > 1 or (to is not None and from_ is None):
        raise wrong_use(
            "wrong-use", "Give one of --from, --pause, --resume and --cancel", "(see `koppeling import --help`)."
        )
    first, last = asking.period(from_, to) if from_ is not None else (None, None)
    _, rows, connection = places.find(stack_name, connection_id)
    from koppeling.imports import Imports

    imports = Imports(rows, connection.id)
    if first:
        run = begin(rows, connection, first, last)
    else:
        run = _newest(imports, connection.id)
        asked: Literal["running", "paused", "cancelled"] | None = (
            "paused" if pause else "cancelled" if cancel else "running" if resume else None
        )
        if asked:
            run = _told(connection, imports, run, asked)
    if wait and not pause:
        run = _followed(imports, run)
    return _shown(connection.id, run, json=json)


def begin(rows: "Table", connection: "Connection", first: date, last: date | None = None) -> "Run":
    """Begin an import, unless one is under way."""
    from koppeling import importing
    from koppeling.imports import Imports

    if any(not run.finished for run in Imports(rows, connection.id).all()):
        raise wrong_use(
            "import-under-way",
            "An import of this connection is under way already.",
            f"Follow it with `koppeling import {connection.id}`, or end it with --cancel.",
        )
    return importing.start(rows, connection, first, last)


def _told(
    connection: "Connection",
    imports: "Imports",
    run: "Run",
    state: Literal["running", "paused", "cancelled"],
) -> "Run":
    from koppeling import importing

    asked = imports.ask(run.id, state)
    if asked is None and state == run.state == "cancelled" and not run.finished:
        # Asked for before, and its message was lost: what it booked is still to be settled.
        asked = run
    if asked is None:
        raise could_not(
            "import-ended", "This import has ended.", f"Begin one with `koppeling import {connection.id} --from DATE`."
        )
    if state != "paused":
        # A paused run has no message: a cancelled one has its payments still to book.
        importing.go_on(connection, asked)
    return asked


def _followed(imports: "Imports", run: "Run") -> "Run":
    from koppeling.imports import age

    shown = ""
    while not run.finished and run.state != "paused":
        line = _progress(run)
        if sys.stderr.isatty() and line != shown:
            output.remark(line)
            shown = line
        if age(run.updated_at) > _SILENT_SECONDS:
            raise could_not(
                "import-silent",
                "The import has not moved for half an hour.",
                f"Have it go on with --resume; `koppeling show` tells whether the connection is paused ({run.id}).",
            )
        time.sleep(_LOOK_SECONDS)
        run = imports.get(run.id) or run
    return run


def _progress(run: "Run") -> str:
    counts = run.counts
    parts = [
        f"{counts.read} of {run.expected} orders",
        f"{counts.booked} booked",
        f"{counts.refused} refused",
        f"{run.calls} calls",
    ]
    if run.per_hour is not None:
        parts += [f"{run.per_hour:.0f} an hour", f"about {_long(run.seconds_left)} left"]
    if run.reason:
        parts.append(f"waiting: {run.reason.code}")
    return " · ".join(parts)


def _shown(connection_id: str, run: "Run", *, json: bool) -> int:
    counts = run.counts
    if json:
        output.document(run.as_json())
    else:
        output.facts(
            [
                ("import", run.id),
                ("state", run.state),
                ("orders placed", f"{run.start} up to and including {run.end}"),
                ("orders read", f"{counts.read} of {run.expected}"),
                ("booked", str(counts.booked)),
                ("booked before", str(counts.known)),
                ("refused", str(counts.refused)),
                ("skipped", str(counts.skipped)),
                ("later", str(counts.later)),
                ("not settled yet", str(len(run.unsettled) + (len(run.sending.invoices) if run.sending else 0))),
                ("SnelStart calls", f"{run.calls}{_each(run)}"),
                ("worked", _long(run.worked_seconds)),
                ("orders an hour", f"{run.per_hour:.0f}" if run.per_hour is not None else None),
                ("still to work", f"about {_long(run.seconds_left)}" if run.seconds_left else None),
                ("began", run.started_at),
                ("ended", run.finished_at or None),
                ("waits", output.say(run.reason) if run.reason else None),
            ]
        )
    if counts.refused:
        return output.not_well(
            f"{counts.refused} order{' was' if counts.refused == 1 else 's were'} refused: `koppeling orders"
            f" {connection_id} --state refused` says why and what to do."
        )
    return Exit.DONE


def _long(seconds: float | None) -> str:
    return str(timedelta(seconds=round(seconds or 0)))


def _each(run: "Run") -> str:
    return f", {run.calls / run.counts.booked:.2f} an order" if run.counts.booked else ""


def _newest(imports: "Imports", connection_id: str) -> "Run":
    runs = list(imports.all())
    if not runs:
        raise could_not(
            "no-import",
            "Nothing was imported for this connection yet.",
            f"Begin with `koppeling import {connection_id} --from DATE`.",
        )
    return runs[-1]
