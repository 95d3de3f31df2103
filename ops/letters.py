"""Dead letters: looked at, back to the live queue message by message, or thrown away where that loses nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from koppeling import aws, queues
from koppeling.messages import ImportMessage, OrderMessage, order_queue_message, poll_queue_message
from ops import output

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_BATCH: Final = 10
_HIDDEN_SECONDS: Final = 120
"""Longer than a batch takes, so that none is received twice; SQS shows unreadable ones again after it."""
_WAIT_SECONDS: Final = 1
"""A long poll asks all of SQS's servers; a short one may miss messages that are there."""
_PROGRESS_EVERY: Final = 500


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many went back, and how many unreadable ones stayed."""

    moved: int
    left: int


def redrive(dead_letters: str, orders: str, imports: str) -> Redriven:
    """Move every message that is ours, an import's to `imports`.

    Sent before deleted, so a cut in between repeats one and loses none.

    SQS's own StartMessageMoveTask would do, but the local AWS does not have it, nor does it skip unreadable messages.
    """
    client, moved, left = aws.sqs(), 0, set[str]()
    while True:
        batch = client.receive_message(
            QueueUrl=dead_letters,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=_WAIT_SECONDS,
            VisibilityTimeout=_HIDDEN_SECONDS,
        ).get("Messages", [])
        if not batch or all(letter["MessageId"] in left for letter in batch):
            return Redriven(moved, len(left))
        readable: list[tuple[MessageTypeDef, OrderMessage | ImportMessage]] = []
        for letter in batch:
            try:
                readable.append((letter, order_queue_message(letter["Body"])))
            except ValueError:
                left.add(letter["MessageId"])
        if not readable:
            continue
        queues.send_orders(orders, [message for _, message in readable if isinstance(message, OrderMessage)])
        for _, message in readable:
            if isinstance(message, ImportMessage):
                queues.send_import(imports, message)
        client.delete_message_batch(
            QueueUrl=dead_letters,
            Entries=[
                {"Id": str(index), "ReceiptHandle": letter["ReceiptHandle"]}
                for index, (letter, _) in enumerate(readable)
            ],
        )
        moved += len(readable)
        if moved % _PROGRESS_EVERY < len(readable):
            output.remark(f"{moved} dead letters moved so far ...")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter, of which nothing is shown but the names of ours in it."""

    queue: str
    url: str
    handle: str
    since: str
    received: int
    connection_id: str
    order_number: str
    run: str
    """Of an import's."""
    is_ours: bool

    def show_again(self, client: "SQSClient") -> None:
        """At once, to whoever looks next."""
        client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=self.handle, VisibilityTimeout=0)

    def cells(self) -> tuple[str, ...]:
        """A line of the table."""
        what = self.order_number or ("" if self.is_ours else "not a message of ours")
        return (
            self.queue,
            self.connection_id,
            f"import {self.run}" if self.run else what,
            self.since,
            str(self.received),
        )

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "queue": self.queue,
            "connection_id": self.connection_id or None,
            "order_number": self.order_number or None,
            "import": self.run or None,
            "since": self.since,
            "received": self.received,
            "is_ours": self.is_ours,
        }


def looked_at(queue: str, url: str) -> Iterator[Letter]:
    """Every message of a queue, hidden until all were seen."""
    seen: set[str] = set()
    while True:
        batch = (
            aws.sqs()
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=_WAIT_SECONDS,
                VisibilityTimeout=_HIDDEN_SECONDS,
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
            .get("Messages", [])
        )
        fresh = [message for message in batch if message["MessageId"] not in seen]
        if not fresh:
            return
        seen |= {message["MessageId"] for message in fresh}
        yield from (_letter(queue, url, message) for message in fresh)


def _letter(queue: str, url: str, message: "MessageTypeDef") -> Letter:
    attributes = message.get("Attributes", {})
    sent = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC).astimezone()
    connection_id = number = run = ""
    is_ours = queue == "clock"
    if not is_ours:
        try:
            told = (order_queue_message if queue == "orders" else poll_queue_message)(message["Body"])
        except ValueError:
            pass
        else:
            is_ours, connection_id = True, told.connection_id
            number = told.order_number if isinstance(told, OrderMessage) else ""
            run = told.run if isinstance(told, ImportMessage) else ""
    return Letter(
        queue=queue,
        url=url,
        handle=message["ReceiptHandle"],
        since=sent.isoformat(timespec="seconds"),
        received=int(attributes["ApproximateReceiveCount"]),
        connection_id=connection_id,
        order_number=number,
        run=run,
        is_ours=is_ours,
    )
