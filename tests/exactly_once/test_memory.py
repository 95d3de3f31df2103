"""What a process remembers of connections stays small, however many it works for before Lambda ends it."""

from dataclasses import replace

import pytest

from koppeling import charts
from koppeling.connections import partition
from koppeling.table import Key
from koppeling.workplace import Workplace
from tests.exactly_once.rig import Connected, Stage


def test_the_reference_data_of_thousands_does_not_fill_the_memory(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of so many connections at most is an administration remembered; the one asked for last is."""
    monkeypatch.setattr(charts, "MOST_HELD", 5)
    monkeypatch.setattr(charts, "_memory", {})
    stage.deliver(connected, stage.sale(connected))
    stored = stage.table.get(Key(partition(connected.id), "CHART"))
    assert stored is not None
    others = [f"00000000000000{index:02x}" for index in range(12)]
    with Workplace.open(stage.table, connected.connection) as place:
        for one in others:
            stage.table.put({**stored, "pk": partition(one)})
            assert replace(place.charts, connection_id=one).get() == place.charts.get()
            assert len(charts._memory) <= 5  # noqa: SLF001 -- what would grow
            assert one in charts._memory  # noqa: SLF001
            stage.table.delete(Key(partition(one), "CHART"))


def test_reference_data_is_not_remembered_past_its_minutes(
    stage: Stage, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has expired goes as soon as another administration is read."""
    monkeypatch.setattr(charts, "_memory", {})
    monkeypatch.setattr(charts, "_IN_MEMORY_SECONDS", 0.0)
    stage.deliver(connected, stage.sale(connected))
    stored = stage.table.get(Key(partition(connected.id), "CHART"))
    assert stored is not None
    other = "00000000000000ff"
    stage.table.put({**stored, "pk": partition(other)})
    with Workplace.open(stage.table, connected.connection) as place:
        replace(place.charts, connection_id=other).get()
    assert list(charts._memory) == [other]  # noqa: SLF001 -- what would grow
    stage.table.delete(Key(partition(other), "CHART"))
