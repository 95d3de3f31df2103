"""A connection is added whole or not at all, wherever `koppeling add` is cut off."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from koppeling import clock, linking, onboard, partner, poll
from koppeling.connections import REGISTRY, Connections
from koppeling.failures import Unavailable
from koppeling.table import ConditionFailed, Key, Row, read_row
from tests.exactly_once.crashes import Crash, When, meanwhile, wire
from tests.exactly_once.rig import PROFILE, Stage

_LONG_AGO = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class _Wanted:
    """A shop and an administration that are to be connected."""

    stage: Stage
    shop: str
    koppelsleutel: str

    def add(self) -> onboard.Added:
        """As `koppeling add` does."""
        return onboard.add(self.stage.table, self.shop, self.shop, self.koppelsleutel, PROFILE)

    def begin(self) -> onboard.Added:
        """As `koppeling link` does."""
        return linking.begin(self.stage.table, self.shop, self.shop, PROFILE)[0]


@pytest.fixture
def wanted(stage: Stage) -> Iterator[_Wanted]:
    """Of this test alone; what it connected is taken away."""
    partner.store(stage.table_name, {"app_name": "koppeling"})
    shop = f"winkel-{uuid.uuid4().hex[:12]}"
    stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
    made = stage.books.tell("administrations", {"naam": shop})
    relatie = {"administration": made["id"], "naam": "Klant", "email": "klant@example.nl"}
    stage.books.tell("relaties", relatie)
    yield _Wanted(stage, shop, made["koppelsleutel"])
    known = Connections(stage.table)
    for one in list(known.all_ids(removed=True)):
        known.remove(one)
        stage.table.delete(Key(REGISTRY, one))


def _everything(stage: Stage) -> list[Row]:
    pages = stage.dynamodb.get_paginator("scan").paginate(TableName=stage.table_name, ConsistentRead=True)
    return [read_row(wire) for page in pages for wire in page["Items"]]


def _hours_pass(stage: Stage) -> None:
    """Every moment in the list of connections is long ago, and the clock ticks."""
    for row in stage.table.rows(REGISTRY):
        stage.table.put({name: value if name in ("pk", "sk") else _LONG_AGO for name, value in row.items()})
    for one in list(Connections(stage.table).all_ids(removed=True)):
        poll.poll(stage.table, one)


def _demand_whole(stage: Stage) -> list[str]:
    """Who walks the list meets connections alone, and none is left out of it; their ids."""
    known = Connections(stage.table)
    listed = list(known.all_ids())
    assert all(known.get(one) for one in listed)
    there = {row["id"] for row in _everything(stage) if row["sk"] == "CONNECTION"}
    assert there == set(listed)
    return listed


@pytest.mark.parametrize("how", ["add", "begin"])
@pytest.mark.parametrize("moment", ["before", "after", "denied"])
def test_adding_that_is_cut_off_at_any_call_leaves_a_whole_connection_or_in_the_end_nothing(
    wanted: _Wanted, how: str, moment: When
) -> None:
    """Nobody need know that it was: what was begun is in no list, is swept away, and is added by giving it again."""
    stage, known = wanted.stage, Connections(wanted.stage.table)
    doing = wanted.add if how == "add" else wanted.begin
    at = whole = 0
    while True:
        with wire(at, moment) as cut, suppress(Crash, Unavailable):
            doing()
        at += 1
        [*left] = _demand_whole(stage)
        whole += len(left)
        if left and how == "add":
            rows = {row["sk"].partition("#")[0] for row in stage.table.rows(f"CONNECTION#{left[0]}")}
            assert rows >= {"CONNECTION", "CHART", "DIRECTORY", "CUSTOMER"}, cut.calls[-1]
        again = doing().connection.id
        assert set(_demand_whole(stage)) == {*left, again}
        for one in (*left, again):
            known.remove(one)
        for _ in range(4):
            _hours_pass(stage)
        kept = ("REMOVED", "ADMINISTRATION#")
        assert not [row for row in _everything(stage) if not row["pk"].startswith(kept)], cut.calls[-1]
        if at > len(cut.calls):
            break
    assert at > 10
    assert whole >= 1


def test_what_is_being_added_is_left_alone_for_an_hour(wanted: _Wanted) -> None:
    """Reading the customers of a large administration takes its time, and the poll does not come in between."""
    stage, known = wanted.stage, Connections(wanted.stage.table)

    def poll_it() -> None:
        [one] = known.all_ids(removed=True)
        listed = stage.table.get(Key(REGISTRY, one))
        assert listed is not None
        stage.table.put({**listed, "adding_at": clock.iso(clock.now() - timedelta(minutes=59))})
        poll.poll(stage.table, one)
        assert list(known.all_ids()) == []

    with meanwhile("/relaties", poll_it):
        added = wanted.add()
    assert _demand_whole(stage) == [added.connection.id]


@pytest.mark.parametrize("who", ["poll", "remove"])
def test_adding_that_was_given_up_does_not_come_back(wanted: _Wanted, who: str) -> None:
    """A laptop that slept for hours: swept or removed meanwhile, its connection is not stored unlisted."""
    stage, known = wanted.stage, Connections(wanted.stage.table)

    def given_up() -> None:
        [one] = known.all_ids(removed=True)
        if who == "poll":
            _hours_pass(stage)
        else:
            known.remove(one)

    with meanwhile("/relaties", given_up), pytest.raises(Unavailable):
        wanted.add()
    assert _demand_whole(stage) == []


def test_a_connection_is_added_once(wanted: _Wanted) -> None:
    """One that is there is not written over."""
    added = wanted.add().connection
    with pytest.raises(ConditionFailed):
        Connections(wanted.stage.table).add(added)
    assert _demand_whole(wanted.stage) == [added.id]
