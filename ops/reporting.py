"""`koppeling report`: a period as a page to look at and to print, for the owner and the bookkeeper."""

import os
import sys
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ops import asking, output, places, reconciling, stack
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, could_not, wrong_use

if TYPE_CHECKING:
    from koppeling.connections import Connection
    from koppeling.table import Table
    from ops.report.values import Report

EXAMPLES = (
    "koppeling report 1f2e3d4c5b6a7988 --from 2026-10-01 --to 2026-10-31",
    "koppeling report 1f2e3d4c5b6a7988 --from 2026-07-01 --to 2026-09-30 --out kwartaal-3.html",
)

_HEAD_BYTES: Final = 2000


def report(
    connection_id: ConnectionId,
    *,
    from_: Annotated[str, typer.Option("--from", metavar="DATE", help="The orders placed from this day on.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Up to and including; today if left out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; koppeling-ID-FROM-TO.html here if left out."),
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,
) -> int:
    """Write a report in Dutch as one HTML file, to look at in a browser and to print or keep as PDF.

    Orders and revenue per day, VAT and journals against the books, how fast orders were booked, what stands still and
    why, sales to consumers elsewhere in the EU against the threshold, and the comparison of shop and books. It reads
    what `reconcile` reads, within the same limits, and the shop's orders from 60 days before the year. A report that
    is there already is written anew; any other file is left alone. Only you can read the file; nothing in it names a
    customer. Exit code 0 once it is written, also when shop and books differ.
    """
    first, last = asking.period(from_, to)
    _, rows, connection = places.find(stack_name, connection_id)
    file = out or Path(f"koppeling-{connection.id}-{first}-{last}.html")
    # Before an hour's waiting, not after it.
    _require_place(file)
    made = _made(rows, connection, first, last)
    from ops.report import page

    _write(file, page.render(made))
    if json:
        output.document({"connection_id": connection.id, "file": str(file), **made.as_json()})
    else:
        said = made.done.verdict.capitalize() + ("" if made.done.closes else f" ({len(made.done.differences)})")
        print(f"{said}. Orders: {made.done.orders}. Written to {output.plain(str(file))}.")
    return Exit.DONE


def _made(rows: "Table", connection: "Connection", first: date, last: date) -> "Report":
    from koppeling.workplace import Workplace
    from ops.report import reading

    with Workplace.open(rows, connection, live=False) as place:
        return reading.read(
            place, first, last, progress=reconciling.progress, earlier=_earlier, wait=reconciling.waiting()
        )


def _earlier() -> None:
    if sys.stderr.isatty():
        output.remark("Reading the shop's earlier orders of the year ...")


def _require_place(file: Path) -> None:
    """Raise `Stop` unless the report may be written there."""
    from ops.report.page import MARK

    try:
        if file.is_dir():
            raise wrong_use("report-file", f"{file} is a directory.", "Name a file with --out.")
        if file.exists() and MARK not in _head(file):
            raise could_not(
                "report-file", f"{file} is there already and is no report.", "Name another file with --out."
            )
        if not os.access(file.parent, os.W_OK | os.X_OK):
            raise _unwritable(file)
    except OSError as error:
        raise _unwritable(file) from error


def _head(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_HEAD_BYTES).decode("utf-8", "replace")


def _unwritable(file: Path) -> output.Stop:
    return could_not(
        "report-file",
        f"{file} cannot be written.",
        "Name a file with --out, in a directory that exists and is yours to write in.",
    )


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and for the operator's eyes alone. Raises `Stop`."""
    try:
        # Such a file is made with mode 0600.
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".koppeling-", suffix=".html")
    except OSError as error:
        raise _unwritable(file) from error
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as opened:  # noqa: PTH123 -- a handle, no path
            opened.write(text)
        Path(name).replace(file)
    except OSError as error:
        raise _unwritable(file) from error
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
