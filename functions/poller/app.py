"""The clock → a message per connection: a poll → its shop asked what changed; an activation → proven and done.

Once a night another: a reconciliation → shop compared with books.
"""

from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from koppeling import activation, nightly, poll, telemetry
from koppeling.failures import Unavailable
from koppeling.messages import ActivationMessage, PollMessage, ReconcileMessage, poll_queue_message
from koppeling.settings import required
from koppeling.table import table
from koppeling.telemetry import Metric, flushed, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(clear_state=True)
@flushed
def handler(event: dict[str, object], context: "LambdaContext") -> object:
    """Two doors: records are of one connection each; anything else is the clock, by day or, as it says, by night."""
    if "Records" in event:
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return process_partial_response(event=event, record_handler=_one, processor=processor, context=context)
    rows, queue_url = table(), required("POLL_QUEUE_URL")
    if event.get("source") == "reconcile":
        return {"reconciles": nightly.dispatch(rows, queue_url)}
    return {"polls": poll.dispatch(rows, queue_url), "activations": activation.dispatch(rows, queue_url)}


def _one(record: "SQSRecord") -> None:
    message = poll_queue_message(record.body)
    if isinstance(message, ActivationMessage):
        _activate(message)
    elif isinstance(message, ReconcileMessage):
        _reconcile(message)
    else:
        _poll(message)


def _reconcile(message: ReconcileMessage) -> None:
    try:
        nightly.carry_out(table(), message, required("POLL_QUEUE_URL"))
    except Exception as error:  # noqa: BLE001 -- raised anew without its text, so that SQS delivers it again
        telemetry.count(Metric.MISTAKES)
        logger.error("reconciliation failed", extra={"connection_id": message.connection_id} | telemetry.where(error))
        raise RuntimeError("reconciliation failed") from None


def _activate(message: ActivationMessage) -> None:
    named = {"connection_id": message.connection_id, "activation": message.activation}
    try:
        activation.carry_out(table(), message, required("POLL_QUEUE_URL"))
    except Unavailable as unavailable:
        # The row falls due: a tick of the clock queues it again.
        logger.warning("activation put off", extra={**named, "code": unavailable.reason.code})
    except Exception as error:  # noqa: BLE001 -- raised anew without its text, so that SQS delivers it again
        # Its text may hold anything, and what is worked on here is a key: type and place say enough.
        telemetry.count(Metric.MISTAKES)
        logger.error("activation not carried out", extra=named | telemetry.where(error))
        raise RuntimeError("activation not carried out") from None


def _poll(message: PollMessage) -> None:
    named = {"connection_id": message.connection_id}
    try:
        polled = poll.poll(table(), message.connection_id)
    except Unavailable as unavailable:
        # The cursor has not moved: the next poll, a quarter of an hour from now, asks for all of it.
        telemetry.count(Metric.POLLS_PUT_OFF)
        telemetry.refused(unavailable.reason.code)
        logger.warning("poll put off", extra={**named, "code": unavailable.reason.code})
        return
    except Exception as error:  # noqa: BLE001 -- raised anew without its text, so that SQS delivers it again
        telemetry.count(Metric.MISTAKES)
        logger.error("poll failed", extra=named | telemetry.where(error))
        raise RuntimeError("poll failed") from None
    logger.info(
        "polled",
        extra={
            **named,
            "found": polled.found,
            "queued": polled.queued,
            "again": polled.again,
            "complete": polled.complete,
        },
    )
