"""Webhooks as a shop sends them, by either of its two ways of proving who it is."""

import time
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from tests.functions.rig import Connection

BODY = (
    '{"type": "order.status_changed", "timestamp": "2026-11-23T14:00:00Z", "data": {"order_number": 1001, "status": 4}}'
)
UNAUTHORISED = {"error": "unknown connection, or no valid signature or key"}


def event(connection_id: str, body: str | None = BODY, **parts: object) -> dict[str, object]:
    """A REST proxy event as API Gateway makes it; `parts` replaces any of its members."""
    return {
        "resource": "/webhooks/mijnwebwinkel/{connection_id}",
        "httpMethod": "POST",
        "headers": None,
        "multiValueHeaders": None,
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"connection_id": connection_id},
        "body": body,
        "isBase64Encoded": False,
    } | parts


def by_key(connection: Connection, body: str = BODY, **parts: object) -> dict[str, object]:
    """A webhook of a sender that cannot sign."""
    return event(connection.id, body, queryStringParameters={"key": connection.key}, **parts)


def headers(connection: Connection, body: str = BODY, secret: str = "", age: int = 0) -> dict[str, str]:
    """The headers of a sender that signs, made by the reference library."""
    at = int(time.time()) - age
    signature = Webhook(secret or connection.secrets[0]).sign("msg_1", datetime.fromtimestamp(at, UTC), body)
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def signed(connection: Connection, body: str = BODY, **parts: object) -> dict[str, object]:
    """A signed webhook."""
    return event(connection.id, body, headers=headers(connection, body), **parts)
