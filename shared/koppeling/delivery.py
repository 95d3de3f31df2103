"""One message of the worker's lanes: worked on, and hidden for as long as it must wait when it is to come back."""

from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, importing, queues, telemetry
from koppeling.deadline import Deadline
from koppeling.failures import Unavailable
from koppeling.job import Later, names
from koppeling.messages import ImportMessage, OrderMessage, order_queue_message
from koppeling.settings import settings
from koppeling.sync import sync_order
from koppeling.table import table
from koppeling.telemetry import Metric, logger

_STORAGE_TROUBLE_SECONDS = 30.0
_POISON_SECONDS = 5.0
"""What can never be worked on should reach the dead letters in minutes, not in hours."""


class ComesBack(Exception):
    """This message is not done: reported to SQS as failed, so that it is delivered again."""


def work(body: str, receipt_handle: str, deadline: Deadline, queue: str = "") -> None:
    """Work on one message. Raises `ComesBack` after hiding it for the time it is to wait.

    `queue`: the ARN of the queue it came from; the order queue unless told.
    """
    queue_url = _url(queue)
    try:
        message = order_queue_message(body)
    except ValueError as error:
        # Nothing can be made of it and no order is known by it: the dead letters keep it for a person to look at.
        logger.error("a message that is none of ours", extra={"problem": str(error)})
        _hide(queue_url, receipt_handle, _POISON_SECONDS)
        raise ComesBack from None
    try:
        later = _go_on(message, deadline)
    except Unavailable as unavailable:
        # Not even its row could be written; a new message, for an hour of that must not make dead letters.
        _log(message, unavailable, unavailable.reason.code)
        later = Later(_STORAGE_TROUBLE_SECONDS, anew=True)
    except Exception as error:  # noqa: BLE001 -- a mistake of ours must not reach Powertools' log with its text
        telemetry.count(Metric.MISTAKES)
        _log(message, error, "koppeling-error")
        raise ComesBack from None
    if later is None or (later.anew and _sent_anew(message, later.seconds)):
        return
    _hide(queue_url, receipt_handle, later.seconds)
    raise ComesBack


def _go_on(message: OrderMessage | ImportMessage, deadline: Deadline) -> Later | None:
    if isinstance(message, ImportMessage):
        return importing.step(table(), message, deadline)
    return sync_order(message, deadline)


def _sent_anew(message: OrderMessage | ImportMessage, seconds: float) -> bool:
    """Put a new message in this one's place: SQS counts receives, and one too many is a dead letter.

    An order's goes to the slow lane, where it is in nobody's way; an import's to the imports' own, whichever it came
    from. Should we die in between there are two, and the order's or the run's row lets only one of them do anything.
    """
    try:
        if isinstance(message, ImportMessage):
            queues.send_import(settings().import_queue_url, message, seconds)
        else:
            queues.send_again(settings().backlog_queue_url, replace(message, put_off=message.put_off + 1), seconds)
    except Unavailable:
        return False
    return True


def _url(arn: str) -> str:
    name, known = arn.rpartition(":")[2], settings()
    others = (known.backlog_queue_url, known.import_queue_url)
    return next((url for url in others if url.rpartition("/")[2] == name), known.order_queue_url)


def _hide(queue_url: str, receipt_handle: str, seconds: float) -> None:
    """Let the message come back after this long instead of after the queue's visibility time-out."""
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue_url,
            ReceiptHandle=receipt_handle,
            VisibilityTimeout=max(1, min(round(seconds), 900)),
        )
    except (ClientError, BotoCoreError):
        # Then it comes back at the queue's own pace, which is later but never lost.
        logger.warning("a message could not be hidden")


def _log(message: OrderMessage | ImportMessage, error: Exception, code: str) -> None:
    if isinstance(message, ImportMessage):
        what, named = "import", {"connection_id": message.connection_id, "import": message.run}
    else:
        what, named = "order", names(message)
    logger.error("%s not worked on", what, extra={**named, "code": code, **telemetry.where(error)})
