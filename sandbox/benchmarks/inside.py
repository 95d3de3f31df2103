"""The functions' own code in this process, as the deployment would run it: its environment, its log, its events."""

import base64
import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sandbox.sign import signed_headers
from sandbox.world import Connected, World

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_OUTPUTS = {
    "TABLE_NAME": "TableName",
    "ORDER_QUEUE_URL": "OrderQueueUrl",
    "BACKLOG_QUEUE_URL": "BacklogQueueUrl",
    "IMPORT_QUEUE_URL": "ImportQueueUrl",
    "POLL_QUEUE_URL": "PollQueueUrl",
    "KEY_ID": "KeyId",
    "PARTNER_SECRET_NAME": "PartnerSecretName",
    "MIJNWEBWINKEL_API_URL": "MijnwebwinkelApiUrl",
    "SNELSTART_API_URL": "SnelStartApiUrl",
    "SNELSTART_AUTH_URL": "SnelStartAuthUrl",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler beside the event."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:bench"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of an invocation."""
        return 60_000


class Said(io.TextIOBase):
    """Where the functions' log goes: counted, not kept."""

    def __init__(self) -> None:
        self.size = 0

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, text: str) -> int:
        """Count it."""
        self.size += len(text.encode())
        return len(text)


_said = Said()


def environment(made: World) -> dict[str, str]:
    """What the template gives the functions, and where the local AWS is."""
    outputs = {name: made.deployment.outputs[output] for name, output in _OUTPUTS.items()}
    return {**made.deployment.environment, **outputs, "POWERTOOLS_SERVICE_NAME": "bench", "SETTLE_SECONDS": "10"}


@contextmanager
def inside(made: World, **changes: str) -> Iterator[Said]:
    """This process as a function of the deployment; yields what its log takes.

    The clients and settings of the first time stay, so one process has one world.
    """
    wanted = environment(made) | changes
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        # Powertools takes the standard output of the moment it is imported: always the same one here.
        with redirect_stdout(_said):
            yield _said
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def orders_event(connected: Connected, numbers: Sequence[str]) -> dict[str, object]:
    """What SQS hands the worker: these orders, announced by webhooks just now."""
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": "none",
                "body": json.dumps(
                    {
                        "connection_id": connected.id,
                        "order_number": number,
                        "cause": "webhook",
                        "received_at": datetime.now(UTC).isoformat(),
                        "trace": uuid.uuid4().hex,
                    }
                ),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:orders",
                "awsRegion": "eu-central-1",
            }
            for number in numbers
        ]
    }


def work(connected: Connected, numbers: Sequence[str]) -> None:
    """One run of the worker in this process. `RuntimeError` when not all of these orders were done with."""
    from functions.worker import app  # inside: its logger writes to where output goes now

    event: Mapping[str, Any] = app.handler(orders_event(connected, numbers), cast("LambdaContext", Context()))
    if event["batchItemFailures"]:
        raise RuntimeError(f"{len(event['batchItemFailures'])} of {len(numbers)} orders were not done")


def webhook_event(connected: Connected, number: str) -> dict[str, object]:
    """What API Gateway hands the webhook: signed as a shop signs, in base64 as the template has it."""
    body = json.dumps({"type": "order.status_changed", "data": {"order_number": number, "status": 4}}).encode()
    headers = signed_headers(connected.webhook_secret, body)
    return {
        "resource": "/webhooks/mijnwebwinkel/{connection_id}",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"connection_id": connected.id},
        "requestContext": {"requestId": str(uuid.uuid4()), "stage": "v1"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
