"""A connection that is added beside others: many of them, at the same moment, or just after one was removed."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from koppeling import aws, clock, onboard
from koppeling.connections import Connections, partition
from koppeling.failures import Refused, Unavailable
from koppeling.table import Key
from tests.exactly_once.rig import PROFILE, Connected, Stage

_LONGEST_EXPRESSION = 4096
"""Bytes; DynamoDB refuses more. docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


@dataclass(frozen=True)
class _Wanted:
    """A shop and an administration that nobody connected yet."""

    stage: Stage
    shop: str
    koppelsleutel: str

    def add(self, profile: str = PROFILE) -> onboard.Added:
        """As `koppeling add` does."""
        return onboard.add(self.stage.table, self.shop, self.shop, self.koppelsleutel, profile)


@pytest.fixture
def wanted(stage: Stage) -> Iterator[_Wanted]:
    """Of this test alone; what it connected is taken away."""
    shop = f"winkel-{uuid.uuid4().hex[:12]}"
    stage.shop.tell("stores", {"token": shop, "name": shop, "primary_domain": f"{shop}.example.nl"})
    yield _Wanted(stage, shop, stage.books.tell("administrations", {"naam": shop})["koppelsleutel"])
    known = Connections(stage.table)
    for one in list(known.all_ids()):
        known.remove(one)


@contextmanager
def _at(event: str, run: Callable[..., None]) -> Iterator[None]:
    """Let this happen at every such event of the table's client inside the block."""
    events = aws.dynamodb().meta.events
    events.register(event, run, f"beside-{event}")
    try:
        yield
    finally:
        events.unregister(event, run, f"beside-{event}")


@contextmanager
def _once(event: str, run: Callable[[], object]) -> Iterator[None]:
    happened: list[bool] = []

    def first(**_: object) -> None:
        if not happened:
            happened.append(True)
            run()

    with _at(event, first):
        yield
    assert happened, f"no {event}"


def test_hundreds_of_neighbours_and_twins_are_remembered_in_writes_that_dynamodb_takes(
    stage: Stage, connected: Connected
) -> None:
    """The local AWS does not mind how long an expression is, so it is held here."""
    since = clock.iso(clock.now())
    many = {f"{one:016x}": since for one in range(300)}
    lengths: list[int] = []

    def sent(params: dict[str, Any], **_: object) -> None:
        lengths.append(len(params["UpdateExpression"].encode()))

    known = Connections(stage.table)
    with _at("provide-client-params.dynamodb.UpdateItem", sent):
        known.beside_others(connected.id, many, many)
    found = known.get(connected.id)
    assert found is not None
    assert (found.beside_since, found.twins_since) == (many, many)
    assert max(lengths) <= _LONGEST_EXPRESSION


@pytest.mark.parametrize("long", [False, True])
def test_a_row_of_before_each_neighbour_had_an_attribute_of_its_own_is_not_taken_for_alone(
    stage: Stage, connected: Connected, *, long: bool
) -> None:
    """One moment for all of them, empty for none: where there was company there still is, where it comes it counts."""
    since = clock.iso(clock.now()) if long else ""
    key, known = Key(partition(connected.id), "CONNECTION"), Connections(stage.table)
    stage.table.update(key, {"shared_since": since, "twin_since": since})
    before = known.get(connected.id)
    assert before is not None
    assert (before.shared_since, before.twin_since) == (since, since)
    came = clock.iso(clock.now() + timedelta(seconds=1))
    known.beside_others(connected.id, {"another": came}, {"another": came})
    now = known.get(connected.id)
    assert now is not None
    assert (now.shared_since, now.twin_since) == (since or came, since or came)
    known.parted(connected.connection, "another", twin=True)
    assert known.get(connected.id) == before


def test_of_two_added_at_once_under_two_forms_of_numbers_not_both_stay(wanted: _Wanted) -> None:
    """Each looked before the other was there: every order of the shop would be booked twice."""
    other: list[str] = []

    def comes() -> None:
        other.append(wanted.add(PROFILE.replace("MWW", "WEB")).connection.id)

    with _once("before-send.dynamodb.TransactWriteItems", comes), pytest.raises(Refused) as raised:
        wanted.add()
    assert raised.value.reason.code == "number-two-forms"
    assert list(Connections(wanted.stage.table).all_ids()) == other


def test_of_two_added_at_once_under_one_form_the_last_is_told_of_the_first(wanted: _Wanted) -> None:
    """It is allowed, and may be a mistake."""
    other: list[str] = []
    with _once("before-send.dynamodb.TransactWriteItems", lambda: other.append(wanted.add().connection.id)):
        [told] = wanted.add().warnings
    assert other[0] in told


def test_one_that_was_there_for_a_moment_before_adding_failed_leaves_its_form_of_numbers(wanted: _Wanted) -> None:
    """A poll may have booked in that moment: added again under another form, those orders would be booked twice."""
    stored: list[bool] = []

    def after(**_: object) -> None:
        stored.append(True)

    def fails(**_: object) -> None:
        # The first read of the list after it was stored, and all that tries it again.
        if stored and len(stored) < 2:
            stored.append(True)
            raise NoCredentialsError

    with (
        _at("after-call.dynamodb.TransactWriteItems", after),
        _at("before-send.dynamodb.Query", fails),
        pytest.raises(Unavailable),
    ):
        wanted.add()
    assert list(Connections(wanted.stage.table).all_ids()) == []
    with pytest.raises(Refused) as raised:
        wanted.add(PROFILE.replace("MWW", "WEB"))
    assert raised.value.reason.code == "number-two-forms"
    assert wanted.add().connection.id


def test_one_whose_predecessor_is_removed_while_it_looks_for_it_finds_what_that_left(
    stage: Stage, connected: Connected
) -> None:
    """Between the look at what is gone and that at who is there, one that goes from the one to the other was missed."""
    new = replace(
        connected.connection,
        id="new",
        profile=connected.connection.profile.changed_by('invoice_number = "WEB{number}"'),
    )
    with _once("before-send.dynamodb.BatchGetItem", lambda: stage.disconnect(connected)), pytest.raises(Refused):
        onboard.twice(Connections(stage.table), new)
