"""What a connection costs for not being alone ends a day after it is alone again, and never before."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from koppeling import clock, onboard, poll
from koppeling.connections import REGISTRY, Connection, Connections
from koppeling.sync import Later
from koppeling.table import Key
from tests.exactly_once.crashes import Crash, before_write, wire
from tests.exactly_once.rig import PROFILE, Connected, Stage

_DAY = timedelta(days=1)


@pytest.fixture
def twin(stage: Stage, connected: Connected) -> Iterator[Connected]:
    """The same shop connected once more, long ago."""
    made = _twin(stage, connected)
    for one in (connected, made):
        stage.time_passes(one)
    yield made
    stage.disconnect(made)


def _twin(stage: Stage, connected: Connected) -> Connected:
    key = connected.connection.credentials().koppelsleutel
    added = onboard.add(stage.table, "tweeling", connected.shop_token, key, PROFILE)
    return replace(connected, connection=added.connection)


def _now(stage: Stage, connected: Connected) -> Connection:
    found = Connections(stage.table).get(connected.id)
    assert found is not None
    return found


def _company(stage: Stage, connected: Connected) -> tuple[bool, bool]:
    """Whether it is not alone in its administration, and not the only one of its shop there."""
    found = _now(stage, connected)
    return bool(found.shared_since), bool(found.twin_since)


def _remove(stage: Stage, connected: Connected) -> None:
    Connections(stage.table).remove(connected.id)


def _swept(stage: Stage, connected: Connected, after: timedelta = _DAY) -> None:
    """Its poll comes so long after its removal."""
    listed = stage.table.get(Key(REGISTRY, connected.id))
    assert listed is not None
    stage.table.put({**listed, "removed_at": clock.iso(clock.now() - after)})
    poll.poll(stage.table, connected.id)


def _turns(stage: Stage, connected: Connected) -> int:
    return len(list(stage.table.rows(stage.budget(connected).pk, "TURN#")))


def test_who_is_alone_again_takes_no_turns_any_more(stage: Stage, connected: Connected, beside: Connected) -> None:
    """An order of a new customer writes nothing for neighbours it no longer has."""
    assert stage.deliver(connected, stage.sale(connected)) is None
    before = _turns(stage, connected)
    assert before == 1
    _remove(stage, beside)
    _swept(stage, beside)
    assert _company(stage, connected) == (False, False)
    for turn in list(stage.table.rows(stage.budget(connected).pk, "TURN#")):
        stage.table.delete(Key(turn["pk"], turn["sk"]))
    assert stage.deliver(connected, stage.sale(connected)) is None
    assert _turns(stage, connected) == 0


def test_who_has_another_left_goes_on_taking_turns(stage: Stage, connected: Connected, beside: Connected) -> None:
    """Of three one is removed."""
    third = stage.connect_beside(connected)
    _remove(stage, beside)
    _swept(stage, beside)
    assert [_company(stage, one) for one in (connected, third)] == [(True, False)] * 2
    _remove(stage, third)
    _swept(stage, third)
    assert _company(stage, connected) == (False, False)


def test_nobody_is_alone_before_the_removed_one_is_certainly_done(
    stage: Stage, connected: Connected, beside: Connected
) -> None:
    """What it had under way may still be making a customer; and an import knows of those it made half an hour later."""
    _remove(stage, beside)
    assert _company(stage, connected) == (True, False)
    _swept(stage, beside, timedelta(hours=23))
    assert _company(stage, connected) == (True, False)


@pytest.mark.parametrize("same_shop", [False, True])
def test_who_comes_while_another_goes_is_not_forgotten(
    stage: Stage, connected: Connected, twin: Connected, *, same_shop: bool
) -> None:
    """Added between the sweep's look at who is there and its write: the first goes on taking turns, from then on."""
    _remove(stage, twin)
    came: list[Connected] = []

    def comes() -> None:
        came.append(_twin(stage, connected) if same_shop else stage.connect_beside(connected))

    with before_write(comes):
        _swept(stage, twin)
    [third] = came
    assert [_company(stage, one) for one in (connected, third)] == [(True, same_shop)] * 2
    assert _now(stage, connected).beside_since.keys() == {third.id}
    _remove(stage, third)
    _swept(stage, third)
    assert _company(stage, connected) == (False, False)


def test_a_sweep_that_is_cut_off_parts_them_when_it_comes_again(
    stage: Stage, connected: Connected, beside: Connected
) -> None:
    """The place in the list goes last."""
    _remove(stage, beside)
    at = 0
    while True:
        with wire(at) as cut, suppress(Crash):
            _swept(stage, beside)
        if not cut.struck:
            break
        assert stage.table.get(Key(REGISTRY, beside.id))
        at += 1
    assert at > 3
    assert _company(stage, connected) == (False, False)


def test_a_twin_that_is_gone_is_forgotten(stage: Stage, connected: Connected, twin: Connected) -> None:
    """An import's payments go together again."""
    assert _company(stage, connected) == (True, True)
    number = stage.sale(connected)
    assert stage.deliver(connected, number) is None
    _remove(stage, twin)
    _swept(stage, twin)
    assert _company(stage, connected) == (False, False)


def test_a_twin_is_remembered_where_it_may_have_paid_what_is_still_to_be_settled(
    stage: Stage, connected: Connected, twin: Connected
) -> None:
    """An order whose invoice was sent beside it, and whose payment is still to come: it is looked at as before."""
    number = stage.sale(connected)
    stage.trouble(connected, "429", "/(bank|kas)boekingen")
    assert isinstance(stage.deliver(connected, number), Later)
    _remove(stage, twin)
    _swept(stage, twin)
    assert _company(stage, connected) == (False, True)


def test_what_was_begun_to_be_added_and_never_was_is_no_company(stage: Stage, connected: Connected) -> None:
    """`koppeling add` told the one there of it, and died."""
    at, told = 0, 0
    while True:
        with wire(at) as cut:
            try:
                stage.disconnect(stage.connect_beside(connected))
                break
            except Crash:
                pass
        told += _company(stage, connected)[0]
        known = Connections(stage.table)
        for one in set(known.all_ids(removed=True)) - {connected.id}:
            known.remove(one)
            stage.table.put({"pk": REGISTRY, "sk": one, "removed_at": "2026-01-01T00:00:00.000Z"})
            poll.poll(stage.table, one)
        assert _company(stage, connected) == (False, False), cut.calls[-1]
        at += 1
    assert told
