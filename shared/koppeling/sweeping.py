"""What is left of a connection that was removed, or was never added to the end: swept away by its poll."""

from contextlib import suppress
from datetime import datetime, timedelta

from koppeling import clock
from koppeling.connections import REGISTRY, Connections
from koppeling.neighbours import RUNS_END, part
from koppeling.table import ConditionFailed, Key, Table

_ADDED_WITHIN = timedelta(hours=1)
"""After which whoever was adding a connection is taken to have died; reading ten thousand customers takes minutes."""

_AT_ONCE = 5000
"""Rows, of a removal that was cut off: some ten milliseconds each, of the poller's two minutes."""

_SWEPT_FOR = timedelta(days=1)
"""How long after a removal its partition is looked at: an operator's command may have been at work for hours."""


def sweep(table: Table, connection_id: str) -> int:
    """Erase what a run left behind that had read a connection before it was removed; how many rows.

    Nothing of one that is there, or was removed less than `RUNS_END` ago: such a run may still settle its invoice. One
    that began to be added and never was is given up first.
    """
    listed, known = Key(REGISTRY, connection_id), Connections(table)
    row = table.get(listed) or {}
    if "adding_at" in row:
        _give_up(table, listed, row["adding_at"])
        return 0
    removed_at = row.get("removed_at") or row.get("removing_at")
    gone_for = clock.now() - datetime.fromisoformat(removed_at) if removed_at else timedelta(0)
    if gone_for < RUNS_END or known.get(connection_id):
        return 0
    erased = known.erase(connection_id, _AT_ONCE)
    if gone_for >= _SWEPT_FOR and erased < _AT_ONCE:
        part(table, connection_id)
        table.delete(listed)
    return erased


def _give_up(table: Table, listed: Key, adding_at: str) -> None:
    now = clock.now()
    if now - datetime.fromisoformat(adding_at) < _ADDED_WITHIN:
        return
    # By a condition: whoever adds it after all is refused, or was first.
    still = "attribute_exists(#adding_at)"
    with suppress(ConditionFailed):
        table.update(listed, {"removed_at": clock.iso(now)}, remove=("adding_at",), condition=still)
