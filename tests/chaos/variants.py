"""Our own code with one guard taken out: each must turn the matrix red, for the reason it was put in.

`python -m tests.chaos.variants CELL…` plays cells on whatever `koppeling` is first on the path, against parts that run
already, and prints the violations as JSON.
"""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import koppeling
from sandbox.localaws import LocalAws
from tests.chaos.cells import Cell, play
from tests.chaos.faults import Fault
from tests.chaos.taps import tapped
from tests.chaos.world import connect
from tests.exactly_once.rig import stage

_LATE_SECONDS = 2.5
"""Long enough for a second delivery to look and find nothing, on a machine that is busy too."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One guard less: these texts of these files replaced, and what each of these cells must then find wrong."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    red: Mapping[tuple[str, Fault], str]


VARIANTS = (
    Variant(
        "no write-ahead mark",
        (
            ("claim.py", '"invoice": Mark(clock.now()).as_dict(),', '"invoice": None,'),
            (
                "claim.py",
                'if settling:\n            values["settlement"] = Mark(clock.now()).as_dict()',
                'if settling:\n            values["settlement"] = None',
            ),
            (
                "claim.py",
                'self._write({"settlement": Mark(clock.now()).as_dict()}',
                'self._write({"settlement": None}',
            ),
            ("customers.py", 'self._write(wanted.key, lease, {"sent": mark.as_dict()})', "mark = None"),
        ),
        {("settle", "timeout-late"): "settled twice", ("create the customer", "timeout-late"): "customer doubled"},
    ),
    Variant(
        "no wait",
        (("ledger.py", "return self.answered or now >= self.sent_at + settle", "return True"),),
        {
            ("settle", "timeout-late"): "settled twice",
            ("create the customer", "timeout-late"): "customer doubled",
            ("settle the credit", "timeout-late"): "settled twice",
        },
    ),
    Variant(
        "a time-out taken for a refusal",
        (
            (
                "snelstart/client.py",
                'NoAnswer as error:\n                raise Unknown(catalogue.reason("snelstart-outcome-unknown"))',
                'NoAnswer as error:\n                raise Unavailable(catalogue.reason("snelstart-unavailable"))',
            ),
        ),
        {("settle", "timeout-late"): "settled twice", ("create the customer", "timeout-late"): "customer doubled"},
    ),
    Variant(
        "a 5xx taken for a refusal",
        (
            (
                "snelstart/errors.py",
                "return Unknown(catalogue.reason(code), answered=throttled, retry_after=answer.retry_after)",
                "return Unavailable(catalogue.reason(code), answer.retry_after)",
            ),
        ),
        {("settle", "500-late"): "settled twice", ("create the customer", "500-late"): "customer doubled"},
    ),
    Variant(
        "no owner condition",
        (("ledger.py", 'MINE = "#owner = :owner"', 'MINE = ":owner <> #pk"'),),
        {("book the invoice", "overtaken"): "settled twice"},
    ),
    Variant(
        "no look before sending again",
        (
            ("settling.py", "balance = _open_balance(job, booking, verkoopboeking_id)", "balance = booking.total"),
            (
                "customers.py",
                "None if known_as_new else wanted.look()",
                "None if known_as_new or earlier else wanted.look()",
            ),
        ),
        {("settle", "cut-after"): "settled twice", ("create the customer", "cut-after"): "customer doubled"},
    ),
    Variant(
        "a batch sent before it is noted",
        (("batches.py", "run = self.save(replace(run, sending=batch))\n            payment_id", "payment_id"),),
        {("settle the batch", "cut-after"): "settled twice", ("settle the batch", "timeout-late"): "settled twice"},
    ),
    Variant(
        "a credit order that is settled not looked at again",
        (
            (
                "sync.py",
                "        place.orders.taken_back(row.booking.of)\n        return None\n    if row.state",
                "        return None\n    if row.state",
            ),
        ),
        {("call it credited", "crash-before"): "state"},
    ),
    Variant(
        "an import left to whoever holds it",
        (
            (
                "importing.py",
                "return Later(max(0.0, (busy.until - clock.now()).total_seconds()) + 1.0, anew=True)",
                "return None",
            ),
        ),
        {("claim the import", "500-after"): "import", ("read the import page", "redelivery"): "import"},
    ),
)


def main(cells: list[str], parts: Mapping[str, str]) -> None:
    """Play these cells and print what each found wrong, and whose `koppeling` that was."""
    logging.disable(logging.CRITICAL)
    found: dict[str, list[str]] = {}
    # The emulator is our caller's; only its address is used.
    local = LocalAws(parts["aws"], Path(), enforces_roles=False, process=cast("Any", None))
    with stage(local, parts["shop"], parts["books"]) as made, tapped(made) as taps:
        post, taps.late_seconds = connect(made, taps), _LATE_SECONDS
        for cell in cells:
            effect, _, fault = cell.partition(" x ")
            found[cell] = [each.kind for each in play(post, Cell(effect, fault))]  # type: ignore[arg-type]  # from the table
    print(json.dumps({"koppeling": str(Path(koppeling.__file__).parent), "found": found}))  # noqa: T201 -- to the test


if __name__ == "__main__":
    main(sys.argv[2:], json.loads(sys.argv[1]))
