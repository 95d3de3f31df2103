"""A connection that is added beside others: many of them, at the same moment, or just after one was removed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from koppeling import aws, clock
from koppeling.connections import Connections
from tests.exactly_once.rig import Connected, Stage

_LONGEST_EXPRESSION = 4096
"""Bytes; DynamoDB refuses more. docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


@contextmanager
def _at(event: str, run: Callable[..., object]) -> Iterator[None]:
    """Let this happen at every such event of the table's client inside the block."""
    events = aws.dynamodb().meta.events
    events.register(event, run, f"beside-{event}")
    try:
        yield
    finally:
        events.unregister(event, run, f"beside-{event}")


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
