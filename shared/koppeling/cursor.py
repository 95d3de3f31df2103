"""How far a shop's changes have been asked for and queued: also in a window that takes more than one poll to read."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from koppeling import clock, connections
from koppeling.connections import Connection, Connections
from koppeling.table import ConditionFailed, Key, Table


@dataclass(frozen=True, slots=True)
class Rest:
    """What polls that were cut off left of a window: they read it up to `start`, the first of them at `began`."""

    start: datetime
    began: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of one connection."""

    table: Table
    connection: Connection

    @property
    def until(self) -> datetime:
        """Up to when all has been asked for and queued; at first, when the connection was made."""
        return self.read()[0]

    def read(self) -> tuple[datetime, Rest | None]:
        """The same, and the rest of a window that no poll has come to the end of."""
        row = self.table.get(self._key()) or {}
        until = datetime.fromisoformat(row.get("until") or self.connection.created_at)
        if not row.get("rest"):
            return until, None
        start, began = (datetime.fromisoformat(moment) for moment in row["rest"])
        return until, Rest(start, began)

    def go_back(self, start: datetime, began: datetime) -> None:
        """All since `start` is to be read once more, up to `began` at the least, in as many polls as that takes."""
        with suppress(ConditionFailed):
            # Else nothing was read yet, and all is.
            self._write({"rest": [clock.iso(start), clock.iso(began)]}, "attribute_exists(#until)", ())

    def move(self, until: datetime, began: datetime, *, to_the_end: bool = True) -> None:
        """All up to `until` is queued, of a window that began to be read at `began`; whether that was all of it.

        No further than `began`: of what changed since, a shop whose clock is behind may tell only in what was read
        before. The cursor never goes back, and that of a connection removed meanwhile not anywhere.
        """
        moment = clock.iso(min(until, began))
        rest: dict[str, Any] = {} if to_the_end else {"rest": [clock.iso(until), clock.iso(began)]}
        remove = ("rest",) if to_the_end else ()
        try:
            self._write({"until": moment, **rest}, "#until < :until", remove)
        except ConditionFailed as error:
            if error.row:
                with suppress(ConditionFailed):
                    self._write({"asked_at": clock.iso(clock.now()), **rest}, "attribute_exists(#until)", remove)
            elif Connections(self.table).get(self.connection.id):
                with suppress(ConditionFailed):
                    self._write({"until": moment, **rest}, "attribute_not_exists(#until)", remove)

    def _write(self, values: dict[str, Any], condition: str, remove: tuple[str, ...]) -> None:
        self.table.update(self._key(), values, remove=remove, condition=condition)

    def _key(self) -> Key:
        return Key(connections.partition(self.connection.id), "CURSOR")
