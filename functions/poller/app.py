"""The clock → a poll per connection; a poll message → that shop asked what changed."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from koppeling import poll
from koppeling.failures import Unavailable
from koppeling.messages import PollMessage
from koppeling.settings import required
from koppeling.table import table
from koppeling.telemetry import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, object], context: "LambdaContext") -> object:
    """Two doors: records are polls of one connection each, anything else is the clock."""
    if "Records" in event:
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return process_partial_response(event=event, record_handler=_poll_one, processor=processor, context=context)
    return {"polls": poll.dispatch(table(), required("POLL_QUEUE_URL"))}


def _poll_one(record: "SQSRecord") -> None:
    message = PollMessage.from_body(record.body)
    try:
        polled = poll.poll(table(), message.connection_id)
    except Unavailable as unavailable:
        # The cursor has not moved: the next poll, a quarter of an hour from now, asks for all of it.
        logger.warning("poll put off", extra={"connection_id": message.connection_id, "code": unavailable.reason.code})
        return
    logger.info(
        "polled",
        extra={
            "connection_id": message.connection_id,
            "found": polled.found,
            "queued": polled.queued,
            "again": polled.again,
            "complete": polled.complete,
        },
    )
