"""`koppeling health` and `koppeling letters`: alarms, queues, connections in trouble, dead letters."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from ops import output, stack
from ops.options import Json, StackName
from ops.output import Exit

if TYPE_CHECKING:
    from koppeling.table import Table
    from ops.stack import Deployment

HEALTH_EXAMPLES = ("koppeling health", "koppeling health --json")
LETTERS_EXAMPLES = ("koppeling letters", "koppeling letters --discard")

BEHIND: Final = timedelta(hours=2)
"""As the alarm poll-lag."""

QUEUES: Final = {
    "orders": "OrderQueueUrl",
    "backlog": "BacklogQueueUrl",
    "imports": "ImportQueueUrl",
    "polls": "PollQueueUrl",
    "order dead letters": "OrderDeadLetterQueueUrl",
    "poll dead letters": "PollDeadLetterQueueUrl",
    "schedule dead letters": "ScheduleDeadLetterQueueUrl",
}

LETTERS: Final = {
    "orders": "OrderDeadLetterQueueUrl",
    "polls": "PollDeadLetterQueueUrl",
    "clock": "ScheduleDeadLetterQueueUrl",
}


class Trouble(NamedTuple):
    """A connection that needs a look."""

    connection_id: str
    name: str
    what: str


def health(
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show the alarms, what waits in the queues, and which connections stand still or are behind.

    Exit code 1 when an alarm rings, a dead letter lies or a connection is in trouble. docs/runbook.md has a section
    for every alarm.
    """
    deployment = stack.find(stack_name)
    from koppeling.table import table

    alarms, queues = _alarms(stack_name), _queues(deployment)
    troubles = list(_troubles(table()))
    ringing = [alarm for alarm in alarms if alarm["state"] == "ALARM"]
    if json:
        told = [trouble._asdict() for trouble in troubles]
        output.document({"alarms": alarms, "queues": queues, "connections": told})
    else:
        _show(alarms, ringing, queues, troubles)
    dead = sum(queue["waiting"] for queue in queues if queue["queue"].endswith("dead letters"))
    if ringing or dead or troubles:
        return output.not_well(
            f"Alarms: {len(ringing)}. Dead letters: {dead}. Connections in trouble: {len(troubles)}."
            " See docs/runbook.md."
        )
    return Exit.DONE


def letters(
    discard: Annotated[  # noqa: FBT002 -- an option
        bool, typer.Option("--discard", help="Throw away those that nothing is lost with; never an order or import.")
    ] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show the dead letters of all queues without moving them. Exit code 1 when there are any left.

    `koppeling redrive` moves those of orders and imports back. Those of polls and of the clock need nothing: the next
    tick asks again. --discard throws these away, and what is no message of ours.
    """
    deployment = stack.find(stack_name)
    from koppeling import aws
    from ops.letters import looked_at

    found = [letter for queue, name in LETTERS.items() for letter in looked_at(queue, deployment.value(name))]
    gone = [letter for letter in found if discard and not (letter.queue == "orders" and letter.is_ours)]
    for letter in gone:
        aws.sqs().delete_message(QueueUrl=letter.url, ReceiptHandle=letter.handle)
    left = [letter for letter in found if letter not in gone]
    for letter in left:
        letter.show_again(aws.sqs())
    if json:
        output.document({"letters": [letter.as_json() for letter in left], "discarded": len(gone)})
    else:
        if left:
            output.table(("queue", "connection", "order", "since", "received"), [letter.cells() for letter in left])
        print(f"Dead letters: {len(left)}. Discarded: {len(gone)}.")
    return output.not_well(f"Dead letters: {len(left)}; see docs/runbook.md.") if left else Exit.DONE


def _show(
    alarms: list[dict[str, str]], ringing: list[dict[str, str]], queues: list[dict[str, Any]], troubles: list[Trouble]
) -> None:
    output.table(("queue", "waiting", "in flight"), [tuple(map(str, queue.values())) for queue in queues])
    if troubles:
        output.table(("connection", "name", "trouble"), troubles)
    if ringing:
        output.table(("alarm", "since", "what"), [(one["name"], one["since"], one["what"]) for one in ringing])
    else:
        print(f"None of the {len(alarms)} alarms rings.")


def _alarms(stack_name: str) -> list[dict[str, str]]:
    from koppeling import aws

    client = aws.session().client("cloudwatch", config=aws.CONFIG)
    prefix = f"{stack_name}-"
    # Of another stack whose name begins like this one's are the alarms that have no section in the runbook here.
    return [
        {
            "name": alarm["AlarmName"].removeprefix(prefix),
            "state": alarm["StateValue"],
            "since": alarm["StateUpdatedTimestamp"].astimezone().isoformat(timespec="seconds"),
            "what": alarm["AlarmDescription"].partition(";")[0],
        }
        for page in client.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
        for alarm in page["MetricAlarms"]
        if alarm.get("AlarmDescription", "").endswith(f"#{alarm['AlarmName'].removeprefix(prefix)}")
    ]


def _queues(deployment: "Deployment") -> list[dict[str, Any]]:
    from koppeling import aws

    found: list[dict[str, Any]] = []
    for name, key in QUEUES.items():
        counted = aws.sqs().get_queue_attributes(
            QueueUrl=deployment.value(key),
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        waiting, in_flight = (int(counted[key]) for key in sorted(counted))
        found.append({"queue": name, "waiting": waiting, "in_flight": in_flight})
    return found


def _troubles(table: "Table") -> Iterator[Trouble]:
    from koppeling import clock
    from koppeling.connections import Connections
    from koppeling.cursor import Cursor

    stored = Connections(table)
    for connection_id in stored.all_ids():
        connection = stored.get(connection_id)
        if connection is None or connection.pending:
            continue
        if connection.paused:
            yield Trouble(connection.id, connection.name, f"paused: {connection.paused.code}")
            continue
        behind = clock.now() - Cursor(table, connection).until
        if behind > BEHIND:
            hours = behind / timedelta(hours=1)
            yield Trouble(connection.id, connection.name, f"not asked for its orders for {hours:.1f} hours")
