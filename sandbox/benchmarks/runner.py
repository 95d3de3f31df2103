"""Which figures there are, and measuring them: one world for all that need one, one file for all they found."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from sandbox import localaws
from sandbox.benchmarks.results import Fact, Measured
from sandbox.world import World, world

RESULTS: Final = localaws.ROOT / "bench" / "results.json"

_SETTLE: Final = {"SettleSeconds": "10"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One module of this package. `in_world`: it is handed the running world."""

    name: str
    says: str
    in_world: bool = True

    def measure(self, made: World | None) -> Measured:
        """Measure it now."""
        measure: Callable[..., Measured] = import_module(f"sandbox.benchmarks.{self.name}").measure
        return measure(made) if self.in_world else measure()


# Those that wait first, those that fill the machine last.
FIGURES: Final = (
    Figure("planning", "Planning an order", in_world=False),
    Figure("imports", "What a cold start loads", in_world=False),
    Figure("calls", "Calls to SnelStart per order"),
    Figure("cost", "DynamoDB, SQS and the price of an order"),
    Figure("worker", "Orders through the worker beside bare calls"),
    Figure("batches", "Ten orders at once beside one"),
    Figure("webhook", "The webhook beside a bare handler"),
    Figure("journey", "From webhook to paid"),
    Figure("polling", "Polls of a thousand and ten thousand idle shops"),
    Figure("fairness", "A quiet shop beside a noisy one"),
)


class NoSuchFigure(Exception):
    """The figure asked for is none of these."""


def chosen(name: str) -> Sequence[Figure]:
    """All figures, or the one of this name (its beginning will do). `NoSuchFigure` for any other."""
    found = [figure for figure in FIGURES if figure.name.startswith(name)]
    if not found:
        names = ", ".join(figure.name for figure in FIGURES)
        raise NoSuchFigure(f"there is no figure {name}: {names}")
    return found


def run(figures: Sequence[Figure], console: Console, file: Path = RESULTS) -> bool:
    """Measure, print, draw and keep these figures; what is kept of others stays. Whether every goal was met."""
    found: dict[str, Measured] = {}
    began, load, of = time.monotonic(), {"before": os.getloadavg()[0]}, _stamp()
    _tell_load(console, load["before"])
    with ExitStack() as stack:
        made = None
        for place, figure in enumerate(figures, 1):
            if figure.in_world and made is None:
                made = stack.enter_context(world(parameters=_SETTLE, say=lambda line: console.print(f"[dim]{line}")))
            console.print(f"[dim]{place}/{len(figures)} {figure.says} ...")
            at = time.monotonic()
            found[figure.name] = figure.measure(made)
            console.print(f"[dim]    {time.monotonic() - at:.0f} s")
    load["after"] = os.getloadavg()[0]
    _keep(file, found, load, of)
    _print(console, found)
    _tell_load(console, load["after"])
    console.print(f"[dim]{time.monotonic() - began:.0f} s. Kept in {file.parent.relative_to(localaws.ROOT)}")
    return all(fact.goal.met(fact.value) for fact in _facts(found.values()) if fact.goal)


def _facts(measured: Iterable[Measured]) -> Iterable[Fact]:
    for each in measured:
        yield from each.facts


def _tell_load(console: Console, load: float) -> None:
    """Ratios hold on a busy machine as far as both sides are hindered alike; times do not."""
    cores = os.process_cpu_count() or 1
    busy = " [yellow]Busy with other things: read the ratios with care, the times not at all." if load > cores else ""
    console.print(f"[dim]Load {load:.1f} on {cores} processors.{busy}")


def _print(console: Console, found: Mapping[str, Measured]) -> None:
    table = Table("what", "figure", "goal", "", title="make bench")
    missed: list[Fact] = []
    for each in found.values():
        for fact in each.facts:
            met = fact.goal is None or fact.goal.met(fact.value)
            mark = "" if fact.goal is None else "[green]reached" if met else "[red]missed"
            table.add_row(fact.name, str(fact), str(fact.goal or ""), mark)
            missed += [] if met else [fact]
        table.add_section()
    console.print(table)
    for fact in missed:
        console.print(f"[red]Missed:[/] {fact.name}. {fact.goal.if_missed if fact.goal else ''}")


def _stamp() -> dict[str, str]:
    """Which day it is, and of which commit the code is that is measured; "+" where it was changed since."""
    head, changes = _git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain", "--", ".", ":!bench")
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": f"{head}{'+' if changes else ''}" if head else "unknown"}


def _git(*words: str) -> str:
    """What git says here; nothing where it is not there, or this is no clone."""
    try:
        done = subprocess.run(["git", *words], cwd=localaws.ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607 -- our own words
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _keep(file: Path, found: Mapping[str, Measured], load: Mapping[str, float], of: Mapping[str, str]) -> None:
    """What holds on any machine first: counts, ratios, prices, goals; then this one's times, and of which run."""
    from sandbox.benchmarks.drawing import draw  # inside: two seconds that the measured code need not share

    file.parent.mkdir(exist_ok=True)
    before: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    anywhere: dict[str, Any] = _known(before, "anywhere")
    here: dict[str, Any] = _known(before, "on this machine")
    for name, measured in found.items():
        times = {fact.name: _entry(fact) for fact in measured.facts if fact.kind == "time"}
        facts = {fact.name: _entry(fact) for fact in measured.facts if fact.kind != "time"}
        anywhere[name] = {**facts, **measured.notes}
        here[name] = {
            **times,
            "measured": dict(of),
            "load average": {when: round(one, 1) for when, one in load.items()},
        }
        draw(measured.chart, file.parent / f"{name}.svg")
    kept = {"anywhere": _ordered(anywhere), "on this machine": _ordered(here)}
    file.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _known(before: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What an earlier run kept, of figures that there still are."""
    names = {figure.name for figure in FIGURES}
    return {name: value for name, value in before.get(part, {}).items() if name in names}


def _ordered(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {figure.name: kept[figure.name] for figure in FIGURES if figure.name in kept}


def _entry(fact: Fact) -> float | dict[str, object]:
    if fact.goal is None:
        return fact.value
    return {"value": fact.value, "goal": str(fact.goal), "reached": fact.goal.met(fact.value)}
