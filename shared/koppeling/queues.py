"""Putting messages on the queues; what SQS did not take is told, never lost."""

from collections.abc import Iterable, Sequence
from itertools import batched, count, islice
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, catalogue
from koppeling.failures import Unavailable
from koppeling.messages import ActivationMessage, ImportMessage, OrderMessage, PollMessage, ReconcileMessage
from koppeling.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH = 10
_LONGEST_DELAY = 900
_TRIES = 3
"""As often as an entry is sent that failed alone; boto3 itself repeats only what failed as a whole."""


LIVE_SHARE: Final = 20
"""Orders of one shop that are put among others' at once; what comes after them would wait for SnelStart anyhow."""

_APART_SECONDS: Final = 0.24
"""Between the orders after those: SnelStart takes 500 calls a minute, and an order of a known customer needs two."""

_SPREAD_SECONDS: Final = 300
"""Over which they are spread. Before the next poll each has had its turn, and a row that says so."""


def announce(messages: Iterable[OrderMessage], before: int = 0) -> int:
    """Queue orders of one shop; how many. The first `LIVE_SHARE` among other shops', the rest in the slow lane.

    So no shop, however many orders it brings, stands in front of another's; and the rest come as fast as SnelStart
    takes them, instead of all at once to find most of them that it is full. `before`: how many were queued just now.
    Failures as `send_orders`.
    """
    left = iter(messages)
    live = send_orders(settings().order_queue_url, islice(left, max(0, LIVE_SHARE - before)))
    late = count(max(0, before - LIVE_SHARE))
    return live + _send(
        settings().backlog_queue_url,
        (
            (message.to_body(), message.connection_id, int(index * _APART_SECONDS) % _SPREAD_SECONDS)
            for index, message in zip(late, left, strict=False)
        ),
    )


def send_orders(queue_url: str, messages: Iterable[OrderMessage], seconds: float = 0.0) -> int:
    """Queue orders, to come after this long (900 s at the most); how many.

    `Unavailable` as soon as SQS has not taken one (those before it are queued).
    """
    return _send(queue_url, ((message.to_body(), message.connection_id, round(seconds)) for message in messages))


def send_again(queue_url: str, message: OrderMessage, seconds: float) -> None:
    """Queue an order anew, to come back after this long (900 s at the most): a new message, received never before."""
    delay = max(1, min(round(seconds), _LONGEST_DELAY))
    _send(queue_url, [(message.to_body(), message.connection_id, delay)])


def send_import(queue_url: str, message: ImportMessage, seconds: float = 0.0) -> None:
    """Have an import go on after this long, 900 s at the most."""
    _send(queue_url, [(message.to_body(), message.connection_id, min(round(seconds), _LONGEST_DELAY))])


def send_polls(queue_url: str, connection_ids: Sequence[str], per_second: int) -> int:
    """Queue a poll for each connection, spread so that no more than `per_second` of them start at once."""
    polls = ((PollMessage(one).to_body(), one, index // per_second) for index, one in enumerate(connection_ids))
    return _send(queue_url, polls)


def send_reconciles(queue_url: str, messages: Iterable[tuple[ReconcileMessage, float]]) -> int:
    """Queue comparisons with the books, each after so many seconds; how many.

    Of a wait that SQS cannot hold a message back for, what is left over whole such waits: so each comes at a moment of
    its own, and is sent on.
    """
    return _send(
        queue_url,
        (
            (one.to_body(), one.connection_id, round(wait if wait <= _LONGEST_DELAY else wait % _LONGEST_DELAY))
            for one, wait in messages
        ),
    )


def send_activation(queue_url: str, message: ActivationMessage, seconds: float = 0.0) -> None:
    """Queue what SnelStart told of a connection, to be carried out after this long (900 s at the most)."""
    _send(queue_url, [(message.to_body(), message.connection_id, round(seconds))])


def _send(queue_url: str, entries: Iterable[tuple[str, str, int]]) -> int:
    sent = 0
    for batch in batched(entries, _BATCH, strict=False):
        left = [_entry(index, *one) for index, one in enumerate(batch)]
        for _ in range(_TRIES):
            left = _not_taken(queue_url, left)
            if not left:
                break
        else:
            raise Unavailable(catalogue.reason("koppeling-queue-unavailable"))
        sent += len(batch)
    return sent


def _entry(index: int, body: str, group: str, delay: int) -> "SendMessageBatchRequestEntryTypeDef":
    # The group makes SQS serve quiet shops first when one shop fills the queue.
    return {
        "Id": str(index),
        "MessageBody": body,
        "MessageGroupId": group,
        "DelaySeconds": min(delay, _LONGEST_DELAY),
    }


def _not_taken(
    queue_url: str, entries: list["SendMessageBatchRequestEntryTypeDef"]
) -> list["SendMessageBatchRequestEntryTypeDef"]:
    """Send up to ten messages; those that failed, which an answer that says 200 tells of."""
    try:
        answer = aws.sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
    except (ClientError, BotoCoreError) as error:
        raise Unavailable(catalogue.reason("koppeling-queue-unavailable")) from error
    failed = {each["Id"] for each in answer.get("Failed", [])}
    return [entry for entry in entries if entry["Id"] in failed]
