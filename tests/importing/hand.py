"""An import as a worker carries it on, and the time that passes in between."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from koppeling import clock, importing
from koppeling.deadline import Deadline
from koppeling.imports import Held, Imports, Run
from koppeling.job import Later
from koppeling.messages import ImportMessage
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage


def start(stage: Stage, connected: Connected, *, days: int = 30) -> Run:
    """Begin an import of the last days."""
    return importing.start(stage.table, connected.connection, _today() - timedelta(days=days))


def _today() -> date:
    return datetime.now(AMSTERDAM).date()


def step(stage: Stage, connected: Connected, run: Run) -> Later | None:
    """One delivery of its message."""
    return importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(58))


def now(stage: Stage, connected: Connected, run: Run) -> Run:
    """The run as it stands."""
    found = Imports(stage.table, connected.id).get(run.id)
    assert found is not None
    return found


def taken_over(stage: Stage, connected: Connected, run: Run) -> Held | None:
    """The run under a lease of our own: whoever had it is dead. None where it has ended."""
    key = next(row for row in stage.table.rows(f"CONNECTION#{connected.id}", "IMPORT#") if row["id"] == run.id)
    stage.table.put({name: value for name, value in key.items() if name not in ("owner", "lease_until")})
    return Imports(stage.table, connected.id).hold(run.id)


def time_passes(stage: Stage, connected: Connected, run: Run) -> None:
    """As the rig's, for the run's own row too: its lease is over and what it sent must have ended."""
    stage.time_passes(connected)
    held = taken_over(stage, connected, run)
    if held and held.run.sending and held.run.sending.sent_at:
        earlier = datetime.fromisoformat(held.run.sending.sent_at) - timedelta(minutes=10)
        sending = replace(held.run.sending, sent_at=clock.iso(earlier))
        held.save(replace(held.run, sending=sending), release=True)
    elif held:
        held.save(held.run, release=True)
