"""SQS → one order each, several in flight: orders wait for two APIs most of their time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response

from koppeling.deadline import Deadline
from koppeling.delivery import work
from koppeling.telemetry import flushed, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

IN_FLIGHT = 10
"""As many as a batch holds."""

_KEEP_SECONDS = 2.0
_threads = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="order")


@logger.inject_lambda_context(clear_state=True)
@flushed
def handler(event: dict[str, object], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Bring each announced order as far as it will go; a message that must come back is reported as failed."""
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - _KEEP_SECONDS)

    async def one(record: "SQSRecord") -> None:
        loop = asyncio.get_running_loop()
        queue = record.event_source_arn
        await loop.run_in_executor(_threads, work, record.body, record.receipt_handle, deadline, queue)

    # One per invocation: a processor keeps the records of its batch. Not raising when all fail: that would be a
    # function error, and Lambda answers those by slowing every shop down.
    processor = AsyncBatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return async_process_partial_response(event=event, record_handler=one, processor=processor, context=context)
