"""The process that polls for the figure `polling`: `python -m sandbox.benchmarks.polling_process ID COUNT PART`.

Its last line of output is a JSON object. The connections are copies of the one it is given, in a table and behind a
queue that nobody else reads; those that are polled have credentials sealed for themselves.
"""

import gc
import io
import json
import resource
import sys
import tracemalloc
from collections.abc import Collection, Iterable, Sequence
from contextlib import redirect_stdout
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from koppeling import aws, connections, poll, telemetry
from koppeling.connections import Connections
from koppeling.credentials import seal_credentials
from koppeling.settings import settings
from koppeling.table import Table
from sandbox.benchmarks.meter import Meter
from sandbox.benchmarks.timing import seconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

COUNTED: Final = 50
"""Polls before those that are timed; what they ask of DynamoDB is counted."""

TRACED: Final = 50
"""Polls after those, each made twice: the memory that one leaves behind is traced, which makes them slow.

Of a shop it had not asked before a process keeps its patience with both sides and, for five minutes, the opened
credentials, and of an administration its purse. Asking the same shop again adds next to nothing to that.
"""

_BATCH: Final = 25
_STATUS: Final = Path("/proc/self/status")


def main(connection_id: str, count: int, part: int) -> None:
    """Set up, poll, tell."""
    polled = COUNTED + part + TRACED
    ids = [f"{number:016x}" for number in range(count)]
    chosen = ids[:: count // polled][:polled]
    name = f"bench-polls-{count}"
    table, queue_url = _table(name), aws.sqs().create_queue(QueueName=name)["QueueUrl"]
    _add(name, connection_id, ids, set(chosen))
    dispatched = seconds(lambda: poll.dispatch(table, queue_url))
    meter = Meter()
    with meter.watching(aws.dynamodb()):
        _poll(table, chosen[:COUNTED])
    took = seconds(lambda: _poll(table, chosen[COUNTED:-TRACED]))
    peak = _peak_mb()
    tracemalloc.start()
    left, again = (_left_behind(table, chosen[-TRACED:]) / 1024 for _ in range(2))
    told = {
        "dispatch_seconds": dispatched,
        "seconds": took,
        "peak_mb": peak,
        "left_kb": left,
        "left_again_kb": again,
        "requests": meter.operations.total() / COUNTED,
        "write_units": meter.write_units / COUNTED,
        "read_units": meter.read_units / COUNTED,
    }
    print(json.dumps(told))


def _poll(table: Table, ids: Iterable[str]) -> None:
    for one in ids:
        poll.poll(table, one)


def _peak_mb() -> float:
    """The most memory this process had so far."""
    if _STATUS.exists():
        # getrusage would tell the parent's: on Linux it outlives the start of another program
        [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _left_behind(table: Table, ids: Sequence[str]) -> float:
    """Bytes that the poll of one connection leaves in memory."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    # As the function does when it ends: what was counted is told and forgotten.
    with redirect_stdout(io.StringIO()):
        _poll(table, ids)
        telemetry.flush()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return (after - before) / len(ids)


def _add(table_name: str, connection_id: str, ids: Sequence[str], polled: Collection[str]) -> None:
    """Copies of one connection, 25 rows a request: ten thousand as an operator adds them would take many minutes."""
    pattern = Connections(Table(aws.dynamodb(), settings().table_name)).get(connection_id)
    if pattern is None:
        raise LookupError("no such connection")
    secrets = pattern.credentials()
    key = {"pk": {"S": connections.partition(connection_id)}, "sk": {"S": "CONNECTION"}}
    row: dict[str, Any] = aws.dynamodb().get_item(TableName=settings().table_name, Key=key)["Item"]

    def rows(one: str) -> list["WriteRequestTypeDef"]:
        own: dict[str, Any] = {"pk": {"S": connections.partition(one)}, "id": {"S": one}}
        if one in polled:
            own["sealed_credentials"] = {"B": seal_credentials(one, secrets)}
        listed: dict[str, Any] = {"pk": {"S": connections.REGISTRY}, "sk": {"S": one}}
        return [{"PutRequest": {"Item": {**row, **own}}}, {"PutRequest": {"Item": listed}}]

    for batch in batched((one for each in ids for one in rows(each)), _BATCH, strict=False):
        left = aws.dynamodb().batch_write_item(RequestItems={table_name: batch})["UnprocessedItems"]
        if left:
            raise RuntimeError("not all rows were taken")


def _table(name: str) -> Table:
    """As in the template."""
    described = aws.dynamodb().describe_table(TableName=settings().table_name)["Table"]
    [index] = described["GlobalSecondaryIndexes"]
    aws.dynamodb().create_table(
        TableName=name,
        KeySchema=described["KeySchema"],
        AttributeDefinitions=described["AttributeDefinitions"],
        GlobalSecondaryIndexes=[
            {"IndexName": index["IndexName"], "KeySchema": index["KeySchema"], "Projection": index["Projection"]}
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return Table(aws.dynamodb(), name)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
