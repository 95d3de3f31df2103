"""`make chaos`: thousands of orders through everything that can go wrong, a world a seed, on all processors.

python -m tests.chaos.run --orders 10000 --seed 1      from seed 1 on, as many worlds as that takes
python -m tests.chaos.run --only 123                   one world again
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any
from zlib import crc32

from rich.console import Console
from rich.table import Table

from sandbox.localaws import ROOT, running
from sandbox.world import simulator
from tests.chaos.taps import Taps, tapped
from tests.chaos.verdicts import Violation
from tests.chaos.world import ORDERS, OWN_OF_IMPORTS, Result, play
from tests.exactly_once.rig import stage

_RESULTS = ROOT / "bench" / "chaos.json"
_SAY_EVERY_SECONDS = 10.0
_LONG = 200
"""Worlds in which each of an import's own calls must have been struck."""
_SAME_SETS = {"PYTHONHASHSEED": "0"}
"""In every process the order of a set is the same: else it is another one in each, and a seed plays otherwise."""
_SUMMED = ("orders", "deliveries", "repeated", "crossed", "dead")
_SOMETIMES = {
    "look for the invoice": "an invoice whose answer was lost was looked for",
    "GET /verkoopboekingen": "one that was there was taken over",
    "mark the settlement": "a settlement was sent by a later run than its invoice",
    "take back": "an order was cancelled or refunded after it was booked",
    "note the credit": "a credit order was booked",
    "move the cursor": "the poll's cursor moved",
    "settle the batch": "an import settled many invoices at once",
    "end the import": "an import came to its end",
}
"""Calls that must have been made in any run of some length: else it proved nothing about them."""

type Json = dict[str, Any]


def worker(first: int, step: int, worlds: int) -> None:
    """Play worlds in a world of our own, and tell of each in a line of JSON."""
    logging.disable(logging.CRITICAL)
    with (
        running() as local,
        simulator("sandbox.shop") as shop,
        simulator("sandbox.books") as books,
        stage(local, shop, books) as made,
        tapped(made) as taps,
    ):
        for seed in range(first, first + step * worlds, step):
            taps.seen.clear()
            taps.struck.clear()
            taps.story.clear()
            try:
                played = play(made, taps, seed)
            except Exception as error:  # noqa: BLE001 -- told as what is wrong with this seed, so that it can be replayed
                traceback.print_exception(error)
                stopped = (Violation("stopped", "", type(error).__name__),)
                played = Result(seed, 0, 0, 0, 0, 0, {}, stopped)
            print(json.dumps(_told(played, taps)), flush=True)  # noqa: T201 -- to our parent


def _told(result: Result, taps: Taps) -> Json:
    return {
        "seed": result.seed,
        "orders": result.orders,
        "deliveries": result.deliveries,
        "repeated": result.repeated,
        "crossed": result.crossed,
        "dead": result.dead,
        "states": dict(result.outcomes),
        "violations": [[each.kind, each.number, each.found] for each in result.violations],
        "seen": dict(taps.seen),
        "struck": [[effect, fault, count] for (effect, fault), count in taps.struck.items()],
        "story": f"{len(taps.story)} calls, {crc32('\n'.join(taps.story).encode()):08x}",
    }


def _played(first: int, worlds: int, processes: int) -> Iterator[Json]:
    """What each world came to, as it ends; several at a time."""
    lines: SimpleQueue[str | None] = SimpleQueue()
    command = [sys.executable, "-m", "tests.chaos.run", "--worker"]
    started = []
    for index in range(processes):
        share = len(range(index, worlds, processes))
        arguments = [str(first + index), str(processes), str(share)]
        process = subprocess.Popen(  # noqa: S603 -- our own module
            [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | _SAME_SETS
        )
        started.append(process)
        Thread(target=_read, args=(process, lines), daemon=True).start()
    ended = 0
    try:
        while ended < processes:
            line = lines.get()
            if line is None:
                ended += 1
            else:
                yield json.loads(line)
    finally:
        for process in started:
            process.terminate()
            process.wait()
    if any(process.returncode for process in started):
        raise RuntimeError("a process ended before its worlds did")


def _read(process: subprocess.Popen[str], lines: "SimpleQueue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    process.wait()
    lines.put(None)


def main() -> int:
    """Play, say how far it is, and end with a table; 1 when an invariant did not hold or too little was reached."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="play this one seed again")
    parser.add_argument("--processes", type=int, default=max(1, min(4, os.cpu_count() or 1)))
    parser.add_argument("--worker", nargs=3, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(*given.worker)
        return 0
    alone = given.only is not None
    worlds = 1 if alone else max(1, -(-given.orders // ORDERS))
    return _report(
        given.only if alone else given.seed, worlds, 1 if alone else min(given.processes, worlds), alone=alone
    )


def _report(first: int, worlds: int, processes: int, *, alone: bool) -> int:
    console, began, said = Console(), time.monotonic(), 0.0
    seen: Counter[str] = Counter()
    struck: Counter[tuple[str, str]] = Counter()
    sums: Counter[str] = Counter()
    states: Counter[str] = Counter()
    wrong: list[Json] = []
    for played in _played(first, worlds, processes):
        seen.update(played["seen"])
        states.update(played["states"])
        struck.update({(effect, fault): count for effect, fault, count in played["struck"]})
        sums.update({name: played[name] for name in _SUMMED} | {"worlds": 1})
        if played["violations"]:
            wrong.append(played)
            console.print(f"[bold red]seed {played['seed']}[/]: {played['violations']}")
            console.print(f"  again: make chaos SEED={played['seed']}")
        if alone:
            console.print(f"seed {played['seed']}: {played['story']}: the same each time it is played")
        if time.monotonic() - said > _SAY_EVERY_SECONDS:
            said = time.monotonic()
            so_far = f"{sums['orders']} orders, {struck.total()} faults, {len(wrong)} seeds wrong"
            console.print(f"[dim]{said - began:5.0f} s  {so_far}")
    unreached = [] if alone else [why for call, why in _SOMETIMES.items() if not seen[call]]
    hit = {effect for effect, _ in struck}
    if sums["worlds"] >= _LONG:
        unreached += [f"{effect}: never struck" for effect in sorted(OWN_OF_IMPORTS - hit)]
    by_kind: Counter[str] = Counter()
    for (_, fault), count in struck.items():
        by_kind[fault] += count
    kinds = Counter(each[0] for played in wrong for each in played["violations"])
    console.print(_table(struck))
    told = {
        "orders": sums["orders"],
        "worlds": sums["worlds"],
        "first seed": first,
        "deliveries": sums["deliveries"],
        "of a message delivered before": sums["repeated"],
        "beside others under way": sums["crossed"],
        "faults": struck.total(),
        "faults by kind": dict(sorted(by_kind.items())),
        "dead letters, all finished by a redrive": sums["dead"],
        "states": dict(states),
        "invoices doubled": kinds["invoice doubled"] + kinds["invoice too many"],
        "invoices missing": kinds["invoice missing"],
        "settled twice": kinds["settled twice"],
        "unpaid": kinds["unpaid"],
        "other violations": {
            kind: count for kind, count in kinds.items() if not kind.startswith(("invoice ", "settled", "unpaid"))
        },
        "seeds wrong": [played["seed"] for played in wrong],
        "never reached": unreached,
        "seconds": round(time.monotonic() - began),
    }
    for name, value in told.items():
        console.print(f"{name:>42}  {value}")
    if not alone:
        by_fault: dict[str, dict[str, int]] = {}
        for (effect, fault), count in sorted(struck.items()):
            by_fault.setdefault(effect, {})[fault] = count
        _RESULTS.parent.mkdir(exist_ok=True)
        Path(_RESULTS).write_text(json.dumps(told | {"faults by effect": by_fault}, indent=2) + "\n")
        console.print(f"[dim]Kept in {_RESULTS.relative_to(ROOT)}")
    return 1 if wrong or unreached else 0


def _table(struck: Counter[tuple[str, str]]) -> Table:
    table = Table("effect", "faults", "of which", title="what went wrong")
    by_effect: dict[str, Counter[str]] = {}
    for (effect, fault), count in struck.items():
        by_effect.setdefault(effect, Counter())[fault] += count
    for effect, faults in sorted(by_effect.items(), key=lambda each: -each[1].total()):
        kinds = ", ".join(f"{fault} {count}" for fault, count in sorted(faults.items()))
        table.add_row(effect, str(faults.total()), kinds)
    return table


if __name__ == "__main__":
    sys.exit(main())
