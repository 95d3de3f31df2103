"""An administration with more customers than one run of a function can remember is remembered in several."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count

import pytest

from koppeling import aws, importing
from koppeling.deadline import Deadline
from koppeling.directory import Directory
from koppeling.imports import Imports
from koppeling.messages import ImportMessage
from koppeling.workplace import Workplace
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage

_MANY = 260


class _Killed(BaseException):
    """Lambda ends the function."""


@contextmanager
def _puts(most: int | None = None) -> Iterator[list[int]]:
    """The rows written inside the block; after `most` of them the process is killed."""
    written, turn = [0], count(1)

    def sent(**_: object) -> None:
        written[0] = next(turn)
        if most and written[0] > most:
            raise _Killed

    events = aws.dynamodb().meta.events
    events.register("before-send.dynamodb.PutItem", sent, "many-customers")
    try:
        yield written
    finally:
        events.unregister("before-send.dynamodb.PutItem", sent, "many-customers")


def _crowd(stage: Stage, connected: Connected) -> None:
    for turn in range(_MANY):
        customer = {"naam": f"Klant {turn}", "email": f"velen{turn}@example.nl"}
        stage.books.tell("relaties", {"administration": connected.administration} | customer)


def test_who_is_remembered_already_is_not_written_again(stage: Stage, connected: Connected) -> None:
    """A reading that was killed half-way leaves the next one only the rest, so that some reading comes to the end."""
    _crowd(stage, connected)
    with Workplace.open(stage.table, connected.connection) as place:
        directory = Directory(place.table, connected.id, place.credentials, place.snelstart)
        with pytest.raises(_Killed), _puts(most=150):
            directory.read_whole()
        with _puts() as rest:
            assert directory.read_whole() >= _MANY
        assert 0 < rest[0] <= _MANY - 140
        with _puts() as again:
            directory.read_whole()
        assert again[0] == 0


def test_an_import_that_has_no_time_to_know_all_customers_stops_in_time(stage: Stage, connected: Connected) -> None:
    """It is not cut off, which would have the other orders of its batch wait too: it comes back, and says why."""
    _crowd(stage, connected)
    first = (datetime.now(AMSTERDAM) - timedelta(days=30)).date()
    run = importing.start(stage.table, connected.connection, first)
    later = importing.step(stage.table, ImportMessage(connected.id, run.id), Deadline.after(15))
    assert later is not None
    found = Imports(stage.table, connected.id).get(run.id)
    assert found is not None
    assert found.reason is not None
    assert (found.reason.code, found.customers_at) == ("koppeling-no-time-left", "")
