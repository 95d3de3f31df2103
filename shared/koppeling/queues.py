"""Putting messages on the queues; what SQS did not take is told, never lost."""

from collections.abc import Iterable, Sequence
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, catalogue
from koppeling.failures import Unavailable
from koppeling.messages import OrderMessage, PollMessage

_BATCH = 10


def send_orders(queue_url: str, messages: Iterable[OrderMessage]) -> int:
    """Queue orders; how many. `Unavailable` as soon as SQS has not taken one (those before it are queued)."""
    return _send(queue_url, ((message.to_body(), message.connection_id, 0) for message in messages))


def send_polls(queue_url: str, connection_ids: Sequence[str], per_second: int) -> int:
    """Queue a poll for each connection, spread so that no more than `per_second` of them start at once."""
    polls = ((PollMessage(one).to_body(), one, index // per_second) for index, one in enumerate(connection_ids))
    return _send(queue_url, polls)


def _send(queue_url: str, entries: Iterable[tuple[str, str, int]]) -> int:
    sent = 0
    for batch in batched(entries, _BATCH, strict=False):
        try:
            answer = aws.sqs().send_message_batch(
                QueueUrl=queue_url,
                Entries=[
                    # The group makes SQS serve quiet shops first when one shop fills the queue.
                    {"Id": str(index), "MessageBody": body, "MessageGroupId": group, "DelaySeconds": min(delay, 900)}
                    for index, (body, group, delay) in enumerate(batch)
                ],
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(catalogue.reason("koppeling-queue-unavailable")) from error
        # Entries that failed come in an answer that says 200.
        if answer.get("Failed"):
            raise Unavailable(catalogue.reason("koppeling-queue-unavailable"))
        sent += len(batch)
    return sent
