"""One message of the order queue: worked on, and hidden for as long as it must wait when it is to come back."""

import traceback

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws
from koppeling.deadline import Deadline
from koppeling.failures import Unavailable
from koppeling.messages import OrderMessage
from koppeling.settings import settings
from koppeling.sync import sync_order
from koppeling.telemetry import logger

_STORAGE_TROUBLE_SECONDS = 10.0
_POISON_SECONDS = 5.0
"""What can never be worked on should reach the dead letters in minutes, not in hours."""


class ComesBack(Exception):
    """This message is not done: reported to SQS as failed, so that it is delivered again."""


def work(body: str, receipt_handle: str, deadline: Deadline) -> None:
    """Work on one message. Raises `ComesBack` after hiding it for the time it is to wait."""
    try:
        message = OrderMessage.from_body(body)
    except ValueError as error:
        # Nothing can be made of it and no order is known by it: the dead letters keep it for a person to look at.
        logger.error("a message that is none of ours", extra={"problem": str(error)})
        _hide(receipt_handle, _POISON_SECONDS)
        raise ComesBack from None
    try:
        later = sync_order(message, deadline)
    except Unavailable as unavailable:
        _log(message, unavailable, unavailable.reason.code)
        seconds = _STORAGE_TROUBLE_SECONDS
    except Exception as error:  # noqa: BLE001 -- a mistake of ours must not reach Powertools' log with its text
        _log(message, error, "koppeling-error")
        raise ComesBack from None
    else:
        if later is None:
            return
        seconds = later.seconds
    _hide(receipt_handle, seconds)
    raise ComesBack


def _hide(receipt_handle: str, seconds: float) -> None:
    """Let the message come back after this long instead of after the queue's visibility time-out."""
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=settings().order_queue_url,
            ReceiptHandle=receipt_handle,
            VisibilityTimeout=max(1, min(round(seconds), 900)),
        )
    except (ClientError, BotoCoreError):
        # Then it comes back at the queue's own pace, which is later but never lost.
        logger.warning("a message could not be hidden")


def _log(message: OrderMessage, error: Exception, code: str) -> None:
    """Type and place of an error, never its text: texts of other people's errors may hold URLs and names."""
    where = traceback.extract_tb(error.__traceback__)
    logger.error(
        "order not worked on",
        extra={
            "connection_id": message.connection_id,
            "order_number": message.order_number,
            "trace": message.trace,
            "code": code,
            "error": type(error).__name__,
            "where": [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in where[-4:]],
        },
    )
