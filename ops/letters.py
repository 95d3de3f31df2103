"""Dead letters back to the live queue, message by message: an order is in one of the two queues at any moment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from koppeling import aws, queues
from koppeling.messages import OrderMessage
from ops import output

if TYPE_CHECKING:
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


def redrive(dead_letters: str, orders: str) -> Redriven:
    """Move every message that is ours; sent before deleted, so a cut in between repeats one and loses none.

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
        readable: list[tuple[MessageTypeDef, OrderMessage]] = []
        for letter in batch:
            try:
                readable.append((letter, OrderMessage.from_body(letter["Body"])))
            except ValueError:
                left.add(letter["MessageId"])
        if not readable:
            continue
        queues.send_orders(orders, [message for _, message in readable])
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
